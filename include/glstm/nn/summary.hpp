// What a network is and what it computes: sizes, windows and work, beside the dense LSTM.
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <initializer_list>
#include <iomanip>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "glstm/core/error.hpp"
#include "glstm/core/timing.hpp"
#include "glstm/lstm/scheduled.hpp"
#include "glstm/lstm/window_schedule.hpp"
#include "glstm/nn/network.hpp"

GLSTM_BEGIN_NAMESPACE

/// The windows of the neurons of a layer: the stretches of time in which a neuron is open, cut to
/// the time of the sequences. Windows that fall between two steps do not count. All zero where no
/// neuron opens.
struct WindowSummary {
  Index count = 0;
  double first_opening = 0, last_closing = 0;  ///< in the unit of the timestamps
  double shortest = 0, mean = 0, longest = 0;  ///< likewise
};

/// A layer, or one half of a bidirectional one.
struct LayerSummary {
  std::string name;  ///< that of its parameter blocks: "layer0", "layer0.reverse"
  Index inputs = 0, neurons = 0;
  Index parameters = 0;  ///< those of the time gates included
  OpCounts ops;          ///< per sequence, of a forward pass that keeps its tape
  double openness = 0;   ///< mean over neurons, samples and valid steps, in [0, 1]
  WindowSummary windows;
};

/// What is odd about the windows of a layer, for sequences like those that were asked about.
struct SummaryWarning {
  enum class Kind {
    never_opens,     ///< at no step: such a neuron keeps its initial state
    never_closes,    ///< open at every step, though its gate could close
    uncovered_time,  ///< steps at which all neurons of the layer are closed
  };
  Kind kind = Kind::never_opens;
  std::size_t layer = 0;       ///< its place in NetworkSummary::layers
  std::vector<Index> neurons;  ///< ascending; none when time is uncovered
  double first = 0, last = 0;  ///< the span of all steps, or of the uncovered ones
  std::string text;            ///< one line
};

/// The summary of a network for sequences of a given timing. All times are absolute, in the unit of
/// the timestamps; those of a reverse half are on its own clock, that of detail::reverse_timing.
struct NetworkSummary {
  Index batch = 0, steps = 0;
  double first_time = 0, last_time = 0;  ///< of all valid steps
  std::vector<LayerSummary> layers;      ///< in the order of Network::layers()
  Index parameters = 0, readout_parameters = 0;
  OpCounts ops;  ///< of all layers, per sequence
  std::vector<SummaryWarning> warnings;
};

namespace detail {

/// When steps of the sequences happen, ascending, each time once.
inline std::vector<double> distinct_times(const Timing& timing) {
  const bool shared = timing.timestamps.rows() <= 1;
  std::vector<double> times;
  for (Index b = 0; b < (shared ? 1 : timing.batch); ++b) {
    const Index end = shared ? timing.longest() : timing.length(b);
    for (Index n = 0; n < end; ++n) times.push_back(timing.time(b, n));
  }
  std::sort(times.begin(), times.end());
  times.erase(std::unique(times.begin(), times.end()), times.end());
  return times;
}

/// What scheduled::forward counts for a batch that starts from zero, with Keep::tape, without its
/// arithmetic and its memory.
template <TimeGate Gate, class Scalar = typename Gate::Scalar>
OpCounts forward_work(const Layer<Gate>& layer, const Vector<Scalar>& parameters,
                      const Timing& timing) {
  const Gate gate = layer.gate(parameters);
  scheduled::Tape<Scalar> tape;
  scheduled::schedule(gate, layer.inputs(), layer.time_origin(), timing, true, tape);
  scheduled::Boundary boundary;
  Vector<Scalar> openness(tape.stride * tape.hidden);
  for (std::size_t s = 0; s < tape.segments.size(); ++s) {
    const Segment& segment = tape.segments[s];
    scheduled::find_boundary(tape, s, boundary);
    scheduled::count_segment(segment, boundary, Keep::tape, tape);
    for (Index n = segment.begin; n < segment.end; ++n) {
      scheduled::write_openness(gate, timing, segment, n, tape, openness.data());
    }
  }
  return tape.ops;
}

inline void divide(OpCounts& ops, double sequences) {
  for (double* figure : {&ops.updates, &ops.dense_updates, &ops.macs, &ops.dense_macs,
                         &ops.tape_bytes, &ops.dense_tape_bytes, &ops.openness}) {
    *figure /= sequences;
  }
}

/// Whether a gate with these options is closed at any time.
template <class Gate>
bool can_close(const typename Gate::Options& options) {
  if constexpr (requires { options.threshold; }) return options.threshold > 0;
  return Gate::parameter_names.size() > 0;
}

/// Writes times of a span of time, with as many digits as tell its parts apart.
class TimeText {
 public:
  TimeText(double first, double last) {
    const double largest = std::max(std::abs(first), std::abs(last)), span = last - first;
    if (!(largest > 0 && span > 0)) return;
    const double before_point = std::floor(std::log10(largest)) + 1;
    const double to_tell_apart = 4 + std::ceil(std::log10(largest / span));
    digits_ = static_cast<int>(std::clamp(std::max(before_point, to_tell_apart), 4.0, 15.0));
  }

  std::string operator()(double time) const {
    std::ostringstream text;
    text << std::setprecision(digits_) << time;
    return text.str();
  }
  /// "from 0 to 99", or "at 7".
  std::string operator()(double first, double last) const {
    if (first == last) return "at " + (*this)(first);
    return "from " + (*this)(first) + " to " + (*this)(last);
  }

 private:
  int digits_ = 10;
};

/// "3, 4, 5", or the first ten and "...".
inline std::string list_text(const std::vector<Index>& numbers) {
  std::string text;
  for (std::size_t i = 0; i < numbers.size(); ++i) {
    if (i == 10) return text + ", ...";
    text += text_of(i == 0 ? "" : ", ", numbers[i]);
  }
  return text;
}

/// Adds the windows of a layer, and what is odd about them, to its summary, the last one of
/// `network`. `times` are distinct_times on the layer's clock.
template <TimeGate Gate>
void add_windows(const Gate& gate, const typename Gate::Options& options, double origin,
                 const std::vector<double>& times, NetworkSummary& network) {
  using Real = typename Gate::Real;
  using Kind = SummaryWarning::Kind;
  const std::size_t place = network.layers.size() - 1;
  LayerSummary& layer = network.layers.back();
  WindowSummary& windows = layer.windows;
  const Index count = static_cast<Index>(times.size());
  const auto time = [&](Index n) { return times[static_cast<std::size_t>(n)]; };
  const double first = time(0), last = time(count - 1);
  const TimeText time_text(first, last);
  std::vector<Real> relative;  // as relative_times
  for (const double t : times) relative.push_back(static_cast<Real>(t - origin));

  std::vector<Index> never_open, never_closed;
  std::vector<Index> change(times.size() + 1);  // of the number of open neurons
  std::vector<OpenSteps> stretches;
  for (Index j = 0; j < gate.size(); ++j) {
    stretches.clear();
    append_open_steps(gate, j, relative.data(), count, stretches);
    if (stretches.empty()) never_open.push_back(j);
    for (const auto& [neuron, begin, end] : stretches) {
      if (end - begin == count) never_closed.push_back(j);
      ++change[static_cast<std::size_t>(begin)];
      --change[static_cast<std::size_t>(end)];
      // The window may be off by rounding; the steps are inside it.
      const auto window = gate.next_window(j, relative[static_cast<std::size_t>(begin)]);
      double opening = time(begin), closing = time(end - 1);
      if (!window.empty()) {
        opening = std::min(opening, std::max(first, static_cast<double>(window.open) + origin));
        closing = std::max(closing, std::min(last, static_cast<double>(window.close) + origin));
      }
      const double length = closing - opening;
      const bool none = windows.count == 0;
      windows.first_opening = none ? opening : std::min(windows.first_opening, opening);
      windows.last_closing = none ? closing : std::max(windows.last_closing, closing);
      windows.shortest = none ? length : std::min(windows.shortest, length);
      windows.longest = std::max(windows.longest, length);
      windows.mean += length;
      ++windows.count;
    }
  }
  if (windows.count > 0) windows.mean /= static_cast<double>(windows.count);

  const auto warn = [&](Kind kind, const char* what, std::vector<Index>& neurons) {
    if (neurons.empty()) return;
    std::string text =
        text_of(layer.name, ": ", neurons.size(), " of ", layer.neurons, " neurons never ", what,
                " ", time_text(first, last), ": ", list_text(neurons));
    network.warnings.push_back({kind, place, std::move(neurons), first, last, std::move(text)});
  };
  warn(Kind::never_opens, "open", never_open);
  // Within a single moment nothing could close.
  if (count > 1 && can_close<Gate>(options)) warn(Kind::never_closes, "close", never_closed);

  Index open = 0, covered = 0;  // how many are open at step n, and the step after the last covered
  for (Index n = 0; n <= count; ++n) {
    open += change[static_cast<std::size_t>(n)];
    if (n < count && open == 0) continue;
    if (covered < n) {
      const double from = time(covered), to = time(n - 1);
      network.warnings.push_back(
          {Kind::uncovered_time,
           place,
           {},
           from,
           to,
           text_of(layer.name, ": no neuron is open ", time_text(from, to))});
    }
    covered = n + 1;
  }
}

/// "38.3 M": three digits, and a prefix from a thousand on.
inline std::string short_text(double value, const char* unit = "") {
  constexpr std::array<const char*, 6> prefixes = {"", "k", "M", "G", "T", "P"};
  std::size_t prefix = 0;
  for (; value >= 999.5 && prefix + 1 < prefixes.size(); ++prefix) value /= 1000;
  std::ostringstream text;
  text << std::fixed
       << std::setprecision(prefix == 0 && value == std::floor(value) ? 0
                            : value < 9.995                           ? 2
                            : value < 99.95                           ? 1
                                                                      : 0)
       << value;
  const std::string ending = std::string(prefixes[prefix]) + unit;
  return ending.empty() ? text.str() : text.str() + " " + ending;
}

/// "4.9 %".
inline std::string percent_text(double part, double whole) {
  if (!(whole > 0)) return "-";
  std::ostringstream text;
  text << std::fixed << std::setprecision(1) << 100 * part / whole << " %";
  return text.str();
}

/// Rows of cells, the first column to the left and the others to the right, each as wide as its
/// widest cell.
inline std::string table_text(const std::vector<std::vector<std::string>>& rows) {
  std::vector<std::size_t> widths;
  for (const auto& row : rows) {
    widths.resize(std::max(widths.size(), row.size()));
    for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], row[i].size());
  }
  std::string text;
  for (const auto& row : rows) {
    std::string line;
    for (std::size_t i = 0; i < row.size(); ++i) {
      const std::string blanks(widths[i] - row[i].size(), ' ');
      line += i == 0 ? row[i] + blanks : "  " + blanks + row[i];
    }
    text += line.substr(0, line.find_last_not_of(' ') + 1) + "\n";
  }
  return text;
}

}  // namespace detail

/// What `network` computes for sequences of this timing, which need not exist: nothing is run.
///
/// Work is exactly that of a forward pass over such a batch from a zero state, divided by the
/// batch. It depends on the batch: samples with timestamps of their own are computed whenever one
/// of them is open, and the tape holds whole packets of samples.
///
/// Throws Error if the timing is not valid or has no valid step, or where a forward pass would:
/// when a time-gate parameter is unusable or a time too far from the time origin.
template <TimeGate Gate>
NetworkSummary summary(const Network<Gate>& network, const Timing& timing) {
  timing.check();
  detail::require(timing.valid_steps() > 0, "a summary needs at least one valid step, got none");
  network.layout().check(network.parameters, "parameters");
  const bool both_ways = network.options().bidirectional;
  const Timing reversed = both_ways ? detail::reverse_timing(timing) : Timing{};
  const std::vector<double> times = detail::distinct_times(timing);
  const std::vector<double> reversed_times =
      both_ways ? detail::distinct_times(reversed) : std::vector<double>{};

  NetworkSummary result;
  result.batch = timing.batch;
  result.steps = timing.longest();
  result.first_time = times.front();
  result.last_time = times.back();
  result.parameters = result.readout_parameters = network.layout().size();
  for (std::size_t place = 0; place < network.layers().size(); ++place) {
    const Layer<Gate>& layer = network.layers()[place];
    const std::size_t directions = static_cast<std::size_t>(network.directions());
    const bool reverse = place % directions == 1;
    LayerSummary& of_layer = result.layers.emplace_back();
    of_layer.name = detail::text_of("layer", place / directions, reverse ? ".reverse" : "");
    of_layer.inputs = layer.inputs();
    of_layer.neurons = layer.hidden();
    for (const ParameterBlock& block : network.layout().blocks()) {
      // A block's name goes on with its own, which has no point.
      const std::size_t point = block.name.rfind('.');
      if (block.name.substr(0, point) == of_layer.name) of_layer.parameters += block.size();
    }
    result.readout_parameters -= of_layer.parameters;
    of_layer.ops = detail::forward_work(layer, network.parameters, reverse ? reversed : timing);
    detail::divide(of_layer.ops, static_cast<double>(timing.batch));
    of_layer.openness = of_layer.ops.openness / of_layer.ops.dense_updates;
    result.ops += of_layer.ops;
    detail::add_windows(layer.gate(network.parameters), layer.gate_options(), layer.time_origin(),
                        reverse ? reversed_times : times, result);
  }
  return result;
}

/// For sequences of `steps` steps, at the times 0, 1, ..., in batches of `batch`.
template <TimeGate Gate>
NetworkSummary summary(const Network<Gate>& network, Index steps, Index batch = 1) {
  return summary(network, Timing{batch, steps, {}, {}});
}

/// A summary as people read it: tables of the work and of the windows, then the warnings, at most
/// 20. All lines end in a newline.
inline std::string to_text(const NetworkSummary& summary) {
  using detail::percent_text, detail::short_text, detail::text_of;
  const detail::TimeText time_text(summary.first_time, summary.last_time);
  const detail::TimeText length_text(0, summary.last_time - summary.first_time);
  std::string text = text_of("Per sequence of ", summary.steps, " steps, ",
                             time_text(summary.first_time, summary.last_time), ", in a batch of ",
                             summary.batch, ":\n\n");

  std::vector<std::vector<std::string>> rows = {{"", "inputs", "neurons", "parameters", "updates",
                                                 "of dense", "MACs", "of dense", "tape",
                                                 "of dense"}};
  const auto add_work = [&](std::vector<std::string> row, const OpCounts& ops) {
    for (std::string cell :
         {short_text(ops.updates), percent_text(ops.updates, ops.dense_updates),
          short_text(ops.macs), percent_text(ops.macs, ops.dense_macs),
          short_text(ops.tape_bytes, "B"), percent_text(ops.tape_bytes, ops.dense_tape_bytes)}) {
      row.push_back(std::move(cell));
    }
    rows.push_back(std::move(row));
  };
  for (const LayerSummary& layer : summary.layers) {
    add_work({layer.name, text_of(layer.inputs), text_of(layer.neurons), text_of(layer.parameters)},
             layer.ops);
  }
  rows.push_back({"readout", "", "", text_of(summary.readout_parameters)});
  add_work({"all", "", "", text_of(summary.parameters)}, summary.ops);
  rows.push_back({"dense LSTM", "", "", "", short_text(summary.ops.dense_updates), "",
                  short_text(summary.ops.dense_macs), "",
                  short_text(summary.ops.dense_tape_bytes, "B")});
  text += detail::table_text(rows) + "\n";

  rows = {{"", "openness", "windows", "first opens", "last closes", "shortest", "mean", "longest"}};
  for (const LayerSummary& layer : summary.layers) {
    const WindowSummary& windows = layer.windows;
    std::vector<std::string> row = {layer.name, percent_text(layer.openness, 1),
                                    text_of(windows.count)};
    for (const double time : {windows.first_opening, windows.last_closing}) {
      row.push_back(windows.count > 0 ? time_text(time) : "-");
    }
    for (const double length : {windows.shortest, windows.mean, windows.longest}) {
      row.push_back(windows.count > 0 ? length_text(length) : "-");
    }
    rows.push_back(std::move(row));
  }
  text += detail::table_text(rows);

  constexpr std::size_t shown = 20;
  if (!summary.warnings.empty()) text += "\n";
  for (std::size_t i = 0; i < std::min(shown, summary.warnings.size()); ++i) {
    text += "Warning: " + summary.warnings[i].text + "\n";
  }
  if (summary.warnings.size() > shown) {
    text += text_of("... and ", summary.warnings.size() - shown, " more warnings\n");
  }
  return text;
}

GLSTM_END_NAMESPACE
