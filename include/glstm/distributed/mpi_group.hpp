// Processes that train one network together, started by mpirun and connected by MPI.
#pragma once

// MPI's interface of C is enough; that of C++ was withdrawn, and its headers are full of warnings.
#define OMPI_SKIP_MPICXX 1
#define MPICH_SKIP_MPICXX 1
#include <mpi.h>

#include <algorithm>
#include <cstdlib>
#include <exception>
#include <span>
#include <vector>

#include "glstm/core/error.hpp"
#include "glstm/core/types.hpp"
#include "glstm/train/process_group.hpp"

namespace glstm {

/// Initialises MPI for as long as it lives. To be made once, at the start of main.
class MpiSession {
 public:
  /// Throws Error when MPI is running already.
  MpiSession(int& argc, char**& argv) {
    int running = 0, level = 0;
    MPI_Initialized(&running);
    detail::require(running == 0, "MPI is initialised already");
    MPI_Init_thread(&argc, &argv, MPI_THREAD_FUNNELED, &level);
  }
  /// While an exception passes, ends the whole job: the other processes would wait for ever.
  ~MpiSession() {
    if (std::uncaught_exceptions() > 0) abort(1);
    MPI_Finalize();
  }
  MpiSession(const MpiSession&) = delete;
  MpiSession& operator=(const MpiSession&) = delete;

  /// Ends this and all other processes at once, with that exit status.
  [[noreturn]] static void abort(int status) {
    MPI_Abort(MPI_COMM_WORLD, status);
    std::abort();  // not reached; MPI_Abort is not declared as not returning
  }

  /// Whether a launcher (mpirun or mpiexec of Open MPI or MPICH, srun with PMI) started this
  /// process, so that a program that can also run alone need not initialise MPI for nothing.
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
  /// Works on a duplicate of `communicator`, so that its messages are never mixed with those of
  /// others. All processes make it, and let it go before MPI ends.
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

 private:
  /// MPI counts in int.
  template <class Scalar>
  void sum_in_pieces(std::span<Scalar> values, std::vector<Scalar>& memory, MPI_Datatype type) {
    if (size_ == 1) return;
    constexpr std::size_t most = std::size_t{1} << 28;  // of values
    if (values.size() <= 1024) {
      sum_few(values, memory, type);
      return;
    }
    for (std::size_t first = 0; first < values.size(); first += most) {
      sum_piece(values.subspan(first, std::min(most, values.size() - first)), memory, type);
    }
  }

  /// One message less: all get the values of all, and add them up.
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

  /// An all-reduce whose order does not depend on MPI's choice of algorithm: process r gets slice r
  /// of all processes, adds them up, and hands the sum to all. Each process sends and receives
  /// 2 (size - 1) / size times the values, the least that an all-reduce can do (Rabenseifner 2004,
  /// "Optimization of collective reduction operations").
  template <class Scalar>
  void sum_piece(std::span<Scalar> values, std::vector<Scalar>& memory, MPI_Datatype type) {
    const Index count = static_cast<Index>(values.size());
    const auto begin = [&](Index rank) { return static_cast<int>(count * rank / size_); };
    std::vector<int>& slices = counts_[0];
    std::vector<int>& offsets = counts_[1];
    std::vector<int>& own_counts = counts_[2];
    std::vector<int>& own_offsets = counts_[3];
    for (std::vector<int>& each : counts_) each.resize(static_cast<std::size_t>(size_));
    const int own = begin(rank_ + 1) - begin(rank_);
    for (int r = 0; r < size_; ++r) {
      const auto i = static_cast<std::size_t>(r);
      offsets[i] = begin(r);
      slices[i] = begin(r + 1) - begin(r);
      own_counts[i] = own;
      own_offsets[i] = r * own;
    }
    memory.resize(static_cast<std::size_t>(size_) * static_cast<std::size_t>(own));
    MPI_Alltoallv(values.data(), slices.data(), offsets.data(), type, memory.data(),
                  own_counts.data(), own_offsets.data(), type, communicator_);
    add_slices(memory, own);
    std::copy_n(memory.data(), own, values.data() + begin(rank_));
    MPI_Allgatherv(MPI_IN_PLACE, 0, type, values.data(), slices.data(), offsets.data(), type,
                   communicator_);
  }

  MPI_Comm communicator_ = MPI_COMM_NULL;
  int rank_ = 0, size_ = 1;
  std::vector<float> floats_;
  std::vector<double> doubles_;
  std::vector<int> counts_[4];
};

}  // namespace glstm
