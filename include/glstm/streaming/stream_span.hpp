// The span of time that the windows of a stream were made for, and what follows it.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <numeric>

#include "glstm/core/error.hpp"
#include "glstm/core/types.hpp"

GLSTM_BEGIN_NAMESPACE

/// What an endless stream does after the span of time that its windows were made for.
enum class AfterSpan {
  hold,             ///< times are used as they are: after its last window a neuron holds its state
  restart,          ///< at the end, time starts again from the start; the state goes on
  always_open_only  ///< after the end only neurons that are open throughout the span still update,
                    ///< with the openness that they have at the end; all others hold their state
};

/// The span of time that the windows of a stream were made for, and what follows it. `start` and
/// `end` are absolute times in the unit of the steps' times; AfterSpan::hold uses neither.
struct StreamSpan {
  double start = 0;
  double end = std::numeric_limits<double>::infinity();
  AfterSpan after = AfterSpan::hold;
};

/// When a stream has something to do again.
struct NextEvent {
  double time;  ///< when a neuron opens or closes next; infinity: never
  bool open;    ///< whether a neuron is open until then
};

namespace detail {

/// Throws Error unless a stream with times relative to `time_origin`, rounded to Scalar, can follow
/// `span`.
template <class Scalar>
void check_span(const StreamSpan& span, double time_origin) {
  if (span.after == AfterSpan::hold) return;
  const auto usable = [&](double t) {
    return std::isfinite(t) && std::isfinite(static_cast<Scalar>(t - time_origin));
  };
  require(usable(span.start) && usable(span.end) && span.start < span.end &&
              std::isfinite(span.end - span.start),
          "a stream that does not just hold its state needs a finite span of time, got ",
          span.start, " to ", span.end);
}

/// The position of a number in the order of all doubles: neighbours differ by 1. Eigen's bit_cast,
/// since the library of emscripten lacks that of the standard.
inline std::int64_t position_of(double value) {
  const auto bits = Eigen::numext::bit_cast<std::int64_t>(value);
  return bits < 0 ? std::numeric_limits<std::int64_t>::min() - bits : bits;
}
inline double double_at_position(std::int64_t position) {
  return Eigen::numext::bit_cast<double>(
      position < 0 ? std::numeric_limits<std::int64_t>::min() - position : position);
}

/// The first double in (before, by] for which `holds` is true. It must be false at `before`, true
/// at `by`, and change once in between. Takes at most 64 bisections.
template <class Predicate>
double first_double(double before, double by, const Predicate& holds) {
  std::int64_t low = position_of(before), high = position_of(by);
  while (high - 1 > low) {
    const std::int64_t middle = std::midpoint(low, high);
    (holds(double_at_position(middle)) ? high : low) = middle;
  }
  return double_at_position(high);
}

/// A StreamSpan as a stream follows it. All times are absolute.
class FollowedSpan {
 public:
  explicit FollowedSpan(const StreamSpan& span) : span_(span) {
    if (span.after == AfterSpan::hold) span_.end = std::numeric_limits<double>::infinity();
  }

  AfterSpan after() const { return span_.after; }
  double start() const { return span_.start; }
  /// Infinite where the stream holds its state.
  double end() const { return span_.end; }
  double first_after_end() const {
    return std::nextafter(span_.end, std::numeric_limits<double>::infinity());
  }

  /// Whether at time t only the neurons go on that are open throughout the span.
  bool is_past(double t) const {
    return span_.after == AfterSpan::always_open_only && t > span_.end;
  }

  /// The time that the gates see at time t.
  double seen(double t) const {
    const auto& [start, end, after] = span_;
    if (after == AfterSpan::hold || !(t >= end)) return t;
    return after == AfterSpan::restart ? start + std::fmod(t - start, end - start) : end;
  }

  /// False where time restarts and t is so large that rounding blurs the times of one cycle.
  bool resolves_cycle(double t) const {
    const auto& [start, end, after] = span_;
    constexpr double eps = std::numeric_limits<double>::epsilon();
    return after != AfterSpan::restart || 64 * eps * (std::abs(t) + std::abs(start)) < end - start;
  }

  /// The first time after t at which the time that the gates see jumps or stops; infinity if there
  /// is none. t must not be past the span.
  double next_jump(double t) const {
    constexpr double eps = std::numeric_limits<double>::epsilon();
    const auto& [start, end, after] = span_;
    if (after == AfterSpan::always_open_only) return first_after_end();
    if (t < end || after == AfterSpan::hold) return end;
    const double cycle = end - start;
    const auto into_cycle = [&, from = start](double u) { return std::fmod(u - from, cycle); };
    const double next = t + (cycle - into_cycle(t));  // but for rounding
    const double slack = 4 * eps * (std::abs(next) + std::abs(start) + cycle);
    return first_double(std::max(t, next - slack), next + slack,
                        [&](double u) { return into_cycle(u) < cycle / 2; });
  }

 private:
  StreamSpan span_;
};

}  // namespace detail
GLSTM_END_NAMESPACE
