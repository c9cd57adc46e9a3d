// Summaries of the open windows of a layer's neurons, and warnings about them.
#pragma once

#include <algorithm>
#include <cstddef>
#include <numeric>
#include <string>
#include <utility>
#include <vector>

#include "glstm/core/error.hpp"
#include "glstm/core/text.hpp"
#include "glstm/core/types.hpp"
#include "glstm/gates/time_gate.hpp"
#include "glstm/lstm/window_schedule.hpp"

GLSTM_BEGIN_NAMESPACE

/// The windows of the neurons of a layer: the stretches of time in which a neuron is open, cut to
/// the time of the sequences. Windows that fall between two steps do not count. All members are
/// zero when no neuron opens.
struct WindowSummary {
  Index count = 0;
  double first_opening = 0, last_closing = 0;  ///< in the unit of the timestamps
  double shortest = 0, mean = 0, longest = 0;  ///< likewise
};

/// A warning about the windows of a layer, for sequences of the timing that was asked about.
struct SummaryWarning {
  enum class Kind {
    never_opens,     ///< neurons that are closed at every step keep their initial state
    never_closes,    ///< neurons are open at every step, though their gates could close
    uncovered_time,  ///< all neurons of the layer are closed at some steps
  };
  Kind kind = Kind::never_opens;
  std::size_t layer = 0;       ///< the layer's place in NetworkSummary::layers
  std::vector<Index> neurons;  ///< ascending; empty for uncovered_time
  double first = 0, last = 0;  ///< the time of the first and last step, or of the uncovered ones
  std::string text;            ///< one line
};

namespace detail {

/// The windows of a layer among steps at T distinct times.
struct FoundWindows {
  WindowSummary summary;
  std::vector<Index> never_open, never_closed;  // neurons
  std::vector<Index> open;                      // [T] the number of open neurons at each step
};

inline void add_window(double opening, double closing, WindowSummary& windows) {
  const double length = closing - opening;
  const bool none = windows.count == 0;
  windows.first_opening = none ? opening : std::min(windows.first_opening, opening);
  windows.last_closing = none ? closing : std::max(windows.last_closing, closing);
  windows.shortest = none ? length : std::min(windows.shortest, length);
  windows.longest = std::max(windows.longest, length);
  windows.mean += length;  // find_windows divides
  ++windows.count;
}

/// The times at which a neuron's window opens and closes, cut to the span of `times`. The neuron is
/// open at the steps `open`.
template <TimeGate Gate>
std::pair<double, double> window_span(const Gate& gate, const OpenSteps& open, double origin,
                                      const std::vector<double>& times) {
  using Real = typename Gate::Real;
  double opening = times[static_cast<std::size_t>(open.begin)];
  double closing = times[static_cast<std::size_t>(open.end - 1)];
  const auto window = gate.next_window(open.neuron, static_cast<Real>(opening - origin));
  if (window.empty()) return {opening, closing};
  // The window may be off by rounding; the steps are inside it.
  opening = std::min(opening, std::max(times.front(), static_cast<double>(window.open) + origin));
  closing = std::max(closing, std::min(times.back(), static_cast<double>(window.close) + origin));
  return {opening, closing};
}

/// Finds all windows of a layer. `times` are distinct_times on the layer's clock.
template <TimeGate Gate>
FoundWindows find_windows(const Gate& gate, double origin, const std::vector<double>& times) {
  using Real = typename Gate::Real;
  const Index count = static_cast<Index>(times.size());
  std::vector<Real> relative;  // as relative_times
  for (const double t : times) relative.push_back(static_cast<Real>(t - origin));
  FoundWindows found;
  found.open.resize(times.size() + 1);  // at first: by how many more than at the step before
  std::vector<OpenSteps> stretches;
  for (Index j = 0; j < gate.size(); ++j) {
    stretches.clear();
    append_open_steps(gate, j, relative.data(), count, stretches);
    if (stretches.empty()) found.never_open.push_back(j);
    for (const OpenSteps& open : stretches) {
      if (open.end - open.begin == count) found.never_closed.push_back(j);
      ++found.open[static_cast<std::size_t>(open.begin)];
      --found.open[static_cast<std::size_t>(open.end)];
      const auto [opening, closing] = window_span(gate, open, origin, times);
      add_window(opening, closing, found.summary);
    }
  }
  std::partial_sum(found.open.begin(), found.open.end(), found.open.begin());
  found.open.pop_back();
  if (found.summary.count > 0) found.summary.mean /= static_cast<double>(found.summary.count);
  return found;
}

/// Whether a gate with these options is closed at any time.
template <class Gate>
bool can_close(const typename Gate::Options& options) {
  if constexpr (requires { options.threshold; }) return options.threshold > 0;
  return Gate::parameter_names.size() > 0;
}

/// Appends a warning for every stretch of `times` at which no neuron of layer `place` is open.
inline void warn_of_uncovered_time(const std::vector<Index>& open, const std::vector<double>& times,
                                   const std::string& layer, std::size_t place,
                                   std::vector<SummaryWarning>& warnings) {
  const TimeText time_text(times.front(), times.back());
  for (std::size_t begin = 0, end = 0; begin < times.size(); begin = end + 1) {
    end = begin;
    while (end < times.size() && open[end] == 0) ++end;
    if (begin == end) continue;
    const double first = times[begin], last = times[end - 1];
    warnings.push_back({SummaryWarning::Kind::uncovered_time,
                        place,
                        {},
                        first,
                        last,
                        text_of(layer, ": no neuron is open ", time_text(first, last))});
  }
}

/// Appends warnings about the windows of a layer, which is `place` in NetworkSummary::layers.
inline void warn_of_windows(const FoundWindows& found, const std::vector<double>& times,
                            bool closable, const std::string& layer, Index layer_neurons,
                            std::size_t place, std::vector<SummaryWarning>& warnings) {
  using Kind = SummaryWarning::Kind;
  const double first = times.front(), last = times.back();
  const TimeText time_text(first, last);
  const auto warn = [&](Kind kind, const char* what, const std::vector<Index>& neurons) {
    if (neurons.empty()) return;
    warnings.push_back(
        {kind, place, neurons, first, last,
         text_of(layer, ": ", neurons.size(), " of ", layer_neurons, " neurons never ", what, " ",
                 time_text(first, last), ": ", list_text(neurons))});
  };
  warn(Kind::never_opens, "open", found.never_open);
  // Within a single moment nothing could close.
  if (times.size() > 1 && closable) warn(Kind::never_closes, "close", found.never_closed);
  warn_of_uncovered_time(found.open, times, layer, place, warnings);
}

}  // namespace detail
GLSTM_END_NAMESPACE
