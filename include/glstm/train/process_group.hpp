// Processes that train one network together: each does its part of every batch.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <vector>

#include "glstm/core/error.hpp"
#include "glstm/core/types.hpp"

GLSTM_BEGIN_NAMESPACE

/// Processes that work in step: all make the same calls in the same order. This one is a process
/// alone; MpiGroup has others.
class ProcessGroup {
 public:
  ProcessGroup() = default;
  virtual ~ProcessGroup() = default;
  ProcessGroup(const ProcessGroup&) = delete;
  ProcessGroup& operator=(const ProcessGroup&) = delete;

  virtual Index rank() const { return 0; }  ///< of this process: 0 ... size() - 1
  virtual Index size() const { return 1; }

  /// Replaces the values by their sums over all processes, which must give equally many. They are
  /// added in the order of `add_in_halves`, so that all processes have the same to the bit.
  virtual void sum(std::span<float>) {}
  virtual void sum(std::span<double>) {}

  /// The values are `parts` equal parts. Every process has filled in its own, and gets the others
  /// from those who have them.
  virtual void gather(std::span<double> /*values*/, Index /*parts*/) {}

  /// The first of the parts that a process has when all share `parts` of something; the next one's
  /// first ends them. As even as possible: a process has none when there are too few.
  Index first_of(Index parts, Index process) const { return parts * process / size(); }

  /// Returns when all processes have called it.
  void wait_for_all() {
    double nothing = 0;
    sum(std::span(&nothing, 1));
  }
  /// Whether any process says so.
  bool any(bool here) {
    double count = here ? 1 : 0;
    sum(std::span(&count, 1));
    return count > 0;
  }
  /// What process 0 says.
  double from_first(double here) {
    double value = rank() == 0 ? here : 0;
    sum(std::span(&value, 1));
    return value;
  }
};

/// Adds up parts first ... last - 1, at least one, into the first: add(a, b) adds part b to part a.
/// Each half is added up, then the second half to the first. When 2^n processes have equally many
/// parts each, adding up the parts of each and then the processes is the same order.
template <class Add>
void add_in_halves(Index first, Index last, const Add& add) {
  if (last - first < 2) return;
  const Index middle = first + (last - first) / 2;
  add_in_halves(first, middle, add);
  add_in_halves(middle, last, add);
  add(first, middle);
}

namespace detail {

/// A number that tells bytes from others (FNV-1a, 64 bits).
inline std::uint64_t checksum(const void* data, std::size_t bytes,
                              std::uint64_t before = 0xcbf29ce484222325) {
  const auto* byte = static_cast<const unsigned char*>(data);
  for (std::size_t i = 0; i < bytes; ++i) before = (before ^ byte[i]) * 0x100000001b3;
  return before;
}

/// Throws Error, in all processes, unless all have the same number, which says `what` they have.
inline void require_same(ProcessGroup& group, std::uint64_t number, const std::string& what) {
  const auto size = static_cast<std::size_t>(group.size());
  const auto rank = static_cast<std::size_t>(group.rank());
  std::vector<double> halves(2 * size, 0.0);  // of 32 bits, which a double holds
  halves[2 * rank] = static_cast<double>(number >> 32);
  halves[2 * rank + 1] = static_cast<double>(number & 0xffffffff);
  group.gather(halves, group.size());
  for (std::size_t other = 1; other < size; ++other) {
    require(halves[2 * other] == halves[0] && halves[2 * other + 1] == halves[1],
            "processes 0 and ", other, " do not have the same ", what);
  }
}

}  // namespace detail

GLSTM_END_NAMESPACE
