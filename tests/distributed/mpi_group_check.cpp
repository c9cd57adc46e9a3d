// mpi_group_check [throw]: run by mpirun, compares sums over processes with sums made in one.
#include <cstddef>
#include <iostream>
#include <stdexcept>
#include <string>
#include <vector>

#include "glstm/core/random.hpp"
#include "glstm/distributed/mpi_group.hpp"

using namespace glstm;

namespace {

/// What process `rank` gives.
template <class Scalar>
std::vector<Scalar> values_of(Index rank, std::size_t count) {
  Rng rng = detail::sample_rng(static_cast<std::uint64_t>(rank), static_cast<Index>(count));
  std::vector<Scalar> values(count);
  for (Scalar& value : values) value = static_cast<Scalar>(rng.normal());
  return values;
}

template <class Scalar>
void check_sum(MpiGroup& group, std::size_t count) {
  std::vector<std::vector<Scalar>> all;
  for (Index rank = 0; rank < group.size(); ++rank) all.push_back(values_of<Scalar>(rank, count));
  std::vector<Scalar> values = all[static_cast<std::size_t>(group.rank())];
  add_in_halves(0, group.size(), [&](Index to, Index from) {
    for (std::size_t i = 0; i < count; ++i) {
      all[static_cast<std::size_t>(to)][i] += all[static_cast<std::size_t>(from)][i];
    }
  });
  group.sum(values);
  if (values != all[0]) throw std::runtime_error("wrong sum of " + std::to_string(count));
}

int run(int argc, char** argv) {
  if (!MpiSession::is_launched()) throw std::runtime_error("mpirun starts this program");
  const MpiSession session(argc, argv);
  MpiGroup group;
  MpiGroup other;  // whose messages are not mixed with the first's
  try {
    for (const std::size_t count : {0, 1, 2, 3, 5, 64, 1000, 100'001}) {
      check_sum<float>(group, count);
      check_sum<double>(other, count);
    }
    detail::require_same(group, 7, "number");
    // 3 values of each of 5 parts, which are those of process 0, 1, ... in order.
    std::vector<double> parts(15, -1);
    for (Index part = group.first_of(5, group.rank()); part < group.first_of(5, group.rank() + 1);
         ++part) {
      for (Index i = 3 * part; i < 3 * part + 3; ++i) {
        parts[static_cast<std::size_t>(i)] = 0.5 * static_cast<double>(i);
      }
    }
    group.gather(parts, 5);
    for (std::size_t i = 0; i < parts.size(); ++i) {
      if (parts[i] != 0.5 * static_cast<double>(i)) throw std::runtime_error("gather");
    }
    if (!group.any(group.rank() == group.size() - 1)) throw std::runtime_error("any");
    if (group.from_first(static_cast<double>(group.rank())) != 0) throw std::runtime_error("first");
  } catch (const std::exception& error) {
    std::cerr << "process " << group.rank() << ": " << error.what() << "\n";
    MpiSession::abort(1);
  }
  // An exception that leaves the session while the other process waits.
  if (argc > 1 && group.rank() == 1) throw std::runtime_error("on purpose");
  if (argc > 1) group.wait_for_all();
  if (group.rank() == 0) std::cout << group.size() << " processes agree\n";
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return run(argc, argv);
  } catch (const std::runtime_error& error) {  // of no session: that ends the job
    std::cerr << error.what() << "\n";
    return 1;
  }
}
