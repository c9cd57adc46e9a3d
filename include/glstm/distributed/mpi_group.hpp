// Processes that train one network together, started by mpirun and connected by MPI.
#pragma once

// The C interface of MPI is enough; its C++ interface was withdrawn, and the headers cause
// warnings.
#define OMPI_SKIP_MPICXX 1
#define MPICH_SKIP_MPICXX 1
#include <mpi.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <span>
#include <vector>

#include "glstm/core/error.hpp"
#include "glstm/core/types.hpp"
#include "glstm/train/process_group.hpp"

GLSTM_BEGIN_NAMESPACE

/// Initialises MPI, and ends it in the destructor. Make one, at the start of main.
class MpiSession {
 public:
  /// Throws Error when MPI is initialised already, or does not support programs with threads.
  MpiSession(int& argc, char**& argv) {
    int running = 0, level = 0;
    MPI_Initialized(&running);
    detail::require(running == 0, "MPI is initialised already");
    MPI_Init_thread(&argc, &argv, MPI_THREAD_FUNNELED, &level);
    if (level < MPI_THREAD_FUNNELED) {
      MPI_Finalize();
      throw Error("this MPI does not work in programs with threads");
    }
  }
  /// When an exception leaves the scope, ends the whole job, since the other processes would wait
  /// for ever, and writes to the standard error which process it was. The exception's own message
  /// is lost: catch the exception within the scope, print it, and call abort.
  ~MpiSession() {
    if (std::uncaught_exceptions() > 0) {
      int rank = 0;
      MPI_Comm_rank(MPI_COMM_WORLD, &rank);
      std::fprintf(stderr, "process %d ends the job: an exception left its MpiSession\n", rank);
      abort(1);
    }
    MPI_Finalize();
  }
  MpiSession(const MpiSession&) = delete;
  MpiSession& operator=(const MpiSession&) = delete;

  /// Ends all processes at once, with this exit status.
  [[noreturn]] static void abort(int status) {
    MPI_Abort(MPI_COMM_WORLD, status);
    std::abort();  // not reached; MPI_Abort is not declared as not returning
  }

  /// Whether a launcher (mpirun or mpiexec of Open MPI or MPICH, srun with PMI) started this
  /// process. A program that also runs alone can then do without MPI.
  static bool is_launched() {
    for (const char* variable : {"OMPI_COMM_WORLD_SIZE", "PMI_SIZE", "PMIX_RANK"}) {
      if (std::getenv(variable) != nullptr) return true;
    }
    return false;
  }
};

/// The processes of a communicator. An error inside MPI ends the whole job with MPI's message.
class MpiGroup final : public ProcessGroup {
 public:
  /// Works on a duplicate of `communicator`, so that its messages do not mix with others. All
  /// processes must construct it, and destroy it before MPI ends.
  explicit MpiGroup(MPI_Comm communicator = MPI_COMM_WORLD) {
    MPI_Comm_dup(communicator, &communicator_);
    MPI_Comm_rank(communicator_, &rank_);
    MPI_Comm_size(communicator_, &size_);
  }
  ~MpiGroup() override {
    if (std::uncaught_exceptions() == 0) MPI_Comm_free(&communicator_);  // all would have to call
  }

  Index rank() const override { return rank_; }
  Index size() const override { return size_; }
  void sum(std::span<float> values) override { sum_in_pieces(values, floats_, MPI_FLOAT); }
  void sum(std::span<double> values) override { sum_in_pieces(values, doubles_, MPI_DOUBLE); }
  void gather(std::span<double> values, Index parts) override {
    detail::require(values.size() <= most, "expected at most ", most, " values, got ",
                    values.size());
    const Index width = parts > 0 ? static_cast<Index>(values.size()) / parts : 0;
    cut(parts, width);
    MPI_Allgatherv(MPI_IN_PLACE, 0, MPI_DOUBLE, values.data(), counts_.data(), offsets_.data(),
                   MPI_DOUBLE, communicator_);
  }

 private:
  static constexpr std::size_t most = std::size_t{1} << 28;  // MPI counts in int

  /// Sets offsets_ and counts_: where the values of every process begin, and how many they are.
  void cut(Index parts, Index width) {
    counts_.resize(static_cast<std::size_t>(size_));
    offsets_.resize(counts_.size());
    for (int r = 0; r < size_; ++r) {
      const auto i = static_cast<std::size_t>(r);
      offsets_[i] = static_cast<int>(width * first_of(parts, r));
      counts_[i] = static_cast<int>(width * first_of(parts, r + 1)) - offsets_[i];
    }
  }

  template <class Scalar>
  void sum_in_pieces(std::span<Scalar> values, std::vector<Scalar>& memory, MPI_Datatype type) {
    if (size_ == 1) return;
    if (values.size() * static_cast<std::size_t>(size_) <= 4096) {
      sum_few(values, memory, type);
      return;
    }
    for (std::size_t first = 0; first < values.size(); first += most) {
      sum_piece(values.subspan(first, std::min(most, values.size() - first)), memory, type);
    }
  }

  /// Sums few values with one message less: every process gets the values of all and adds them.
  template <class Scalar>
  void sum_few(std::span<Scalar> values, std::vector<Scalar>& memory, MPI_Datatype type) {
    const int count = static_cast<int>(values.size());
    memory.resize(static_cast<std::size_t>(size_) * values.size());
    MPI_Allgather(values.data(), count, type, memory.data(), count, type, communicator_);
    add_slices(memory, count);
    std::copy_n(memory.data(), count, values.data());
  }

  template <class Scalar>
  void add_slices(std::vector<Scalar>& memory, Index count) const {
    const auto slice = [&](Index rank) {
      return Eigen::Map<Vector<Scalar>>(memory.data() + rank * count, count);
    };
    add_in_halves(0, size_, [&](Index to, Index from) { slice(to) += slice(from); });
  }

  /// An all-reduce with an order of additions that does not depend on MPI: process r gets slice r
  /// of all processes, adds them, and sends the sum to all. Each process sends and receives 2 (size
  /// - 1) / size times the values, the least that an all-reduce can do (Rabenseifner 2004,
  /// "Optimization of collective reduction operations").
  template <class Scalar>
  void sum_piece(std::span<Scalar> values, std::vector<Scalar>& memory, MPI_Datatype type) {
    cut(static_cast<Index>(values.size()), 1);
    const int own = counts_[static_cast<std::size_t>(rank_)];
    const int own_offset = offsets_[static_cast<std::size_t>(rank_)];
    own_counts_.assign(static_cast<std::size_t>(size_), own);
    own_offsets_.resize(own_counts_.size());
    for (int r = 0; r < size_; ++r) own_offsets_[static_cast<std::size_t>(r)] = r * own;
    memory.resize(static_cast<std::size_t>(size_) * static_cast<std::size_t>(own));
    MPI_Alltoallv(values.data(), counts_.data(), offsets_.data(), type, memory.data(),
                  own_counts_.data(), own_offsets_.data(), type, communicator_);
    add_slices(memory, own);
    std::copy_n(memory.data(), own, values.data() + own_offset);
    MPI_Allgatherv(MPI_IN_PLACE, 0, type, values.data(), counts_.data(), offsets_.data(), type,
                   communicator_);
  }

  MPI_Comm communicator_ = MPI_COMM_NULL;
  int rank_ = 0, size_ = 1;
  std::vector<float> floats_;
  std::vector<double> doubles_;
  std::vector<int> counts_, offsets_, own_counts_, own_offsets_;
};

GLSTM_END_NAMESPACE
