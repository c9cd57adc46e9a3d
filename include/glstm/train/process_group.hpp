// Processes that train one network together: each computes its part of every batch.
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

/// Processes that work in step: all make the same calls in the same order. This class is a group of
/// one process; MpiGroup is a group of several.
class ProcessGroup {
 public:
  ProcessGroup() = default;
  virtual ~ProcessGroup() = default;
  ProcessGroup(const ProcessGroup&) = delete;
  ProcessGroup& operator=(const ProcessGroup&) = delete;

  virtual Index rank() const { return 0; }  ///< of this process: 0 ... size() - 1
  virtual Index size() const { return 1; }

  /// Replaces the values by their sums over all processes. All processes must pass equally many
  /// values. The order of the additions is that of `add_in_halves`, so all processes get the same
  /// bits.
  virtual void sum(std::span<float>) {}
  virtual void sum(std::span<double>) {}

  /// Shares `values`, which consist of `parts` equal parts. Every process fills in its own parts
  /// (first_of) before the call and has all of them after it.
  virtual void gather(std::span<double> /*values*/, Index /*parts*/) {}

  /// The first part of `process` when the group divides `parts` parts as evenly as possible. Its
  /// last part comes before first_of(parts, process + 1); with too few parts, some processes have
  /// none.
  Index first_of(Index parts, Index process) const { return parts * process / size(); }

  /// Returns when all processes have called it.
  void wait_for_all() {
    double nothing = 0;
    sum(std::span(&nothing, 1));
  }
  /// Whether any process passes true.
  bool any(bool here) {
    double count = here ? 1 : 0;
    sum(std::span(&count, 1));
    return count > 0;
  }
  /// The value that process 0 passes.
  double from_first(double here) {
    double value = rank() == 0 ? here : 0;
    sum(std::span(&value, 1));
    return value;
  }
};

/// Adds parts first ... last - 1, at least one, into part `first`; add(a, b) adds part b to part a.
/// It adds up each half, then adds the second half to the first. When 2^n processes have equally
/// many parts each, adding the parts within each process and then the processes gives the same
/// order.
template <class Add>
void add_in_halves(Index first, Index last, const Add& add) {
  if (last - first < 2) return;
  const Index middle = first + (last - first) / 2;
  add_in_halves(first, middle, add);
  add_in_halves(middle, last, add);
  add(first, middle);
}

namespace detail {

/// A checksum of bytes (FNV-1a, 64 bits), which continues `before`.
inline std::uint64_t checksum(const void* data, std::size_t bytes,
                              std::uint64_t before = 0xcbf29ce484222325) {
  const auto* byte = static_cast<const unsigned char*>(data);
  for (std::size_t i = 0; i < bytes; ++i) before = (before ^ byte[i]) * 0x100000001b3;
  return before;
}

/// Throws Error, in all processes, unless all pass the same number; `what` names it in the message.
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
