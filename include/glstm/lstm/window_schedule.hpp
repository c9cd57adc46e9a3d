// Who updates when: the open windows of all neurons, cut into segments of constant open sets.
// `Gate` is any TimeGate (gates/time_gate.hpp).
#pragma once

#include <algorithm>
#include <limits>
#include <vector>

#include "glstm/core/finite.hpp"
#include "glstm/core/timing.hpp"
#include "glstm/core/types.hpp"
#include "glstm/gates/time_gate.hpp"

GLSTM_BEGIN_NAMESPACE

/// The steps begin ... end - 1, in which a neuron is open (for some sample of the batch).
struct OpenSteps {
  Index neuron, begin, end;
};

/// The steps begin ... end - 1, during which the open set does not change and is not empty.
struct Segment {
  Index begin, end;
  std::vector<Index> neurons;  ///< the open ones, ascending; by slot in blocks

  Index steps() const { return end - begin; }
  Index open() const { return static_cast<Index>(neurons.size()); }
};

namespace detail {

/// Appends the open steps of neuron j among the non-decreasing times[0..count) to `result`.
/// Windows give where to look; is_open decides at their edges.
template <class Gate>
void append_open_steps(const Gate& gate, Index j, const typename Gate::Real* times, Index count,
                       std::vector<OpenSteps>& result) {
  using Scalar = typename Gate::Scalar;
  const auto open = [&](Index n) { return gate.is_open(j, Scalar(times[n])); };
  Index n = 0;
  while (n < count) {
    const auto window = gate.next_window(j, times[n]);
    Index begin = n, end = n;  // where no window is ahead, step n may still be open by rounding
    if (!window.empty()) {
      begin = std::lower_bound(times + n, times + count, window.open) - times;
      end = std::upper_bound(times + begin, times + count, window.close) - times;
    }
    if (begin > n && open(n)) begin = end = n;
    while (begin > n && open(begin - 1)) --begin;
    while (begin < end && !open(begin)) ++begin;
    while (end > begin && !open(end - 1)) --end;
    while (end < count && open(end)) ++end;
    if (begin < end) result.push_back({j, begin, end});
    if (window.empty() && end == n) return;
    n = end + 1;  // step `end` is closed
  }
}

}  // namespace detail

/// Whether all samples have the times of the longest one, as far as they go.
inline bool share_times(const Timing& timing) {
  const Eigen::MatrixXd& times = timing.timestamps;
  if (times.rows() <= 1) return true;
  const Index longest = timing.longest_sample();
  const Index all = timing.lengths.empty()
                        ? timing.steps
                        : *std::min_element(timing.lengths.begin(), timing.lengths.end());
  for (Index n = 0; n < all; ++n) {
    if ((times.col(n).array() - times(longest, n)).abs().maxCoeff() != 0) return false;
  }
  for (Index n = all; n < timing.length(longest); ++n) {
    for (Index b = 0; b < timing.batch; ++b) {
      if (n < timing.length(b) && times(b, n) != times(longest, n)) return false;
    }
  }
  return true;
}

/// The times of a batch relative to a layer's origin, [1,T] when all samples share them, else
/// [B,T]: the difference is taken in double and rounded once.
template <class Real>
Matrix<Real> relative_times(const Timing& timing, double origin) {
  const bool shared = share_times(timing);
  const Index longest = timing.longest();
  if (!shared && timing.lengths.empty()) {
    const Matrix<Real> times = (timing.timestamps.array() - origin).template cast<Real>();
    detail::require(detail::all_finite(times), "a timestamp is too far from the time origin ",
                    origin);
    return times;
  }
  const Index rows = shared ? 1 : timing.batch;
  const Index source = shared && timing.timestamps.rows() > 1 ? timing.longest_sample() : 0;
  Matrix<Real> times(rows, timing.steps);
  for (Index n = 0; n < timing.steps; ++n) {
    for (Index b = 0; b < rows; ++b) {
      const bool padding = n >= (rows == 1 ? longest : timing.length(b));
      times(b, n) = padding ? Real(0) : static_cast<Real>(timing.time(source + b, n) - origin);
    }
  }
  detail::require(detail::all_finite(times), "a timestamp is too far from the time origin ",
                  origin);
  return times;
}

namespace detail {

/// Open steps of samples with times of their own, found at once: those at which the window of a
/// neuron meets the time between the earliest and the latest sample. Where samples are far from
/// each other, no sample may be open at most of these steps: then the result is empty, and the
/// caller looks at each sample.
template <class Gate>
std::vector<OpenSteps> open_steps_between(const Gate& gate,
                                          const Matrix<typename Gate::Real>& times) {
  using Real = typename Gate::Real;
  const Vector<Real> first = times.colwise().minCoeff(), last = times.colwise().maxCoeff();
  const Real *begin = first.data(), *end = last.data();
  const Index steps = times.cols();
  std::vector<OpenSteps> result;
  Index between = 0, of_earliest = 0;
  for (Index j = 0; j < gate.size(); ++j) {
    const Window<Real> window = gate.next_window(j, -std::numeric_limits<Real>::infinity());
    if (window.empty()) continue;
    const auto tolerance = [&](Real t) { return GateTraits<Gate>::edge_tolerance(gate, j, t); };
    const Real open = window.open - tolerance(window.open);
    const Real close = window.close + tolerance(window.close);
    const OpenSteps found{j, std::lower_bound(end, end + steps, open) - end,
                          std::upper_bound(begin, begin + steps, close) - begin};
    if (found.begin >= found.end) continue;
    result.push_back(found);
    between += found.end - found.begin;
    of_earliest += found.end - (std::lower_bound(begin, begin + steps, open) - begin);
  }
  if (2 * between > 3 * of_earliest + 2 * static_cast<Index>(result.size())) result.clear();
  return result;
}

}  // namespace detail

/// Every stretch of steps in which a neuron is open for at least one sample that is still within
/// its length, ordered by neuron, then step; the stretches may be longer, with steps at which the
/// openness is 0. `times` is [1,T] or [B,T], relative to the origin.
template <class Gate>
std::vector<OpenSteps> open_steps(const Gate& gate, const Matrix<typename Gate::Real>& times,
                                  const Timing& timing) {
  std::vector<OpenSteps> result;
  if (times.rows() == 1) {
    for (Index j = 0; j < gate.size(); ++j) {
      detail::append_open_steps(gate, j, times.data(), timing.longest(), result);
    }
    return result;
  }
  if constexpr (GateTraits<Gate>::single_window) {
    if (timing.lengths.empty()) result = detail::open_steps_between(gate, times);
    if (!result.empty()) return result;
  }

  const Eigen::Matrix<typename Gate::Real, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>
      by_sample = times;
  std::vector<OpenSteps> of_neuron;
  for (Index j = 0; j < gate.size(); ++j) {
    of_neuron.clear();
    for (Index b = 0; b < timing.batch; ++b) {
      detail::append_open_steps(gate, j, by_sample.row(b).data(), timing.length(b), of_neuron);
    }
    std::sort(of_neuron.begin(), of_neuron.end(),
              [](const OpenSteps& a, const OpenSteps& b) { return a.begin < b.begin; });
    const std::size_t first = result.size();
    for (const OpenSteps& steps : of_neuron) {  // the union over the samples
      if (result.size() > first && steps.begin <= result.back().end) {
        result.back().end = std::max(result.back().end, steps.end);
      } else {
        result.push_back(steps);
      }
    }
  }
  return result;
}

/// Cuts the open steps of all neurons into segments, in order of time. Steps at which nothing is
/// open belong to no segment. `memory` may be segments from before, whose memory is used again.
inline std::vector<Segment> segments_of(const std::vector<OpenSteps>& open_steps,
                                        std::vector<Segment> memory = {}) {
  struct Event {
    Index step, neuron;
    bool opens;
  };
  std::vector<Event> events;
  events.reserve(2 * open_steps.size());
  for (const OpenSteps& steps : open_steps) {
    events.push_back({steps.begin, steps.neuron, true});
    events.push_back({steps.end, steps.neuron, false});
  }
  std::sort(events.begin(), events.end(),
            [](const Event& a, const Event& b) { return a.step < b.step; });

  std::vector<Segment>& segments = memory;
  std::size_t count = 0;
  std::vector<Index> open;
  for (std::size_t e = 0; e < events.size();) {
    const Index step = events[e].step;
    if (!open.empty()) segments[count - 1].end = step;
    for (; e < events.size() && events[e].step == step; ++e) {
      const auto place = std::lower_bound(open.begin(), open.end(), events[e].neuron);
      if (events[e].opens) {
        open.insert(place, events[e].neuron);
      } else {
        open.erase(place);
      }
    }
    if (open.empty()) continue;
    if (count == segments.size()) segments.emplace_back();
    Segment& segment = segments[count++];
    segment.begin = segment.end = step;
    segment.neurons.assign(open.begin(), open.end());
  }
  segments.resize(count);
  return memory;
}

GLSTM_END_NAMESPACE
