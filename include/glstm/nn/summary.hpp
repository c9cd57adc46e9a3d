// A summary of a network: its sizes, its windows, and its work beside that of the dense LSTM.
#pragma once

#include <algorithm>
#include <cstddef>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "glstm/core/error.hpp"
#include "glstm/core/text.hpp"
#include "glstm/core/timing.hpp"
#include "glstm/lstm/scheduled.hpp"
#include "glstm/nn/device_estimate.hpp"
#include "glstm/nn/network.hpp"
#include "glstm/nn/network_blocks.hpp"
#include "glstm/nn/window_summary.hpp"

GLSTM_BEGIN_NAMESPACE

/// A layer, or one direction of a bidirectional one.
struct LayerSummary {
  std::string name;  ///< the first part of its blocks' names: "layer0", "layer0.reverse"
  Index inputs = 0, neurons = 0;
  Index parameters = 0;  ///< with those of the time gates
  OpCounts ops;          ///< per sequence, of a forward pass that keeps its tape
  double openness = 0;   ///< mean over neurons, samples and valid steps, in [0, 1]
  WindowSummary windows;
};

/// The summary of a network for sequences of a given timing. All times are absolute, in the unit of
/// the timestamps. Times of a reverse direction are on the clock of detail::reverse_timing.
struct NetworkSummary {
  Index batch = 0, steps = 0;
  double first_time = 0, last_time = 0;  ///< of all valid steps
  std::vector<LayerSummary> layers;      ///< in the order of Network::layers()
  Index parameters = 0, readout_parameters = 0;
  OpCounts ops;  ///< of all layers, per sequence
  /// What the integer header of the network needs; none if integers cannot compute the network.
  std::optional<DeviceEstimate> device;
  std::vector<SummaryWarning> warnings;
};

namespace detail {

/// The times at which steps of the sequences happen, ascending, each of them once.
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

/// The counts of scheduled::forward with Keep::tape for a batch that starts from zero, found
/// without running the pass or allocating its tape.
template <TimeGate Gate, class Scalar = typename Gate::Scalar>
OpCounts forward_work(const Layer<Gate>& layer, const Vector<Scalar>& parameters,
                      const Timing& timing) {
  const Gate gate = layer.gate(parameters);
  scheduled::Tape<Scalar> tape;
  scheduled::schedule(gate, layer.inputs(), layer.time_origin(), timing, true, tape);
  scheduled::Boundary boundary;
  scheduled::BlockBoundary block_boundary;
  Vector<Scalar> openness(tape.stride * tape.hidden);
  for (std::size_t s = 0; s < tape.segments.size(); ++s) {
    const Segment& segment = tape.segments[s];
    if (tape.in_blocks) {
      scheduled::find_block_boundary(tape, s, block_boundary);
      scheduled::count_block_segment(s, block_boundary, Keep::tape, tape);
    } else {
      scheduled::find_boundary(tape, s, boundary);
      scheduled::count_segment(segment, boundary, Keep::tape, tape);
    }
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

/// The summary of a layer except for its windows, per sequence of `timing`, which is on the layer's
/// clock.
template <TimeGate Gate>
LayerSummary layer_summary(const Network<Gate>& network, std::size_t place, const Timing& timing) {
  const Layer<Gate>& layer = network.layers()[place];
  const std::size_t directions = static_cast<std::size_t>(network.directions());
  LayerSummary result;
  result.name = layer_name(place / directions, static_cast<Index>(place % directions));
  result.inputs = layer.inputs();
  result.neurons = layer.hidden();
  for_each_layer_block("", layer.inputs(), layer.hidden(), Gate::parameter_names,
                       [&](const auto&, Index rows, Index cols, ParameterRole) {
                         result.parameters += rows * cols;
                       });
  result.ops = forward_work(layer, network.parameters, timing);
  divide(result.ops, static_cast<double>(timing.batch));
  result.openness = result.ops.openness / result.ops.dense_updates;
  return result;
}

/// The cells of a row about work: counts, and how they compare with the dense LSTM's.
inline std::vector<std::string> work_row(std::vector<std::string> row, const OpCounts& ops) {
  for (const std::string& cell :
       {short_text(ops.updates), percent_text(ops.updates, ops.dense_updates), short_text(ops.macs),
        percent_text(ops.macs, ops.dense_macs), short_text(ops.tape_bytes, "B"),
        percent_text(ops.tape_bytes, ops.dense_tape_bytes)}) {
    row.push_back(cell);
  }
  return row;
}

inline TableRows work_table(const NetworkSummary& summary) {
  TableRows rows = {{"", "inputs", "neurons", "parameters", "updates", "of dense", "MACs",
                     "of dense", "tape", "of dense"}};
  for (const LayerSummary& layer : summary.layers) {
    rows.push_back(work_row(
        {layer.name, text_of(layer.inputs), text_of(layer.neurons), text_of(layer.parameters)},
        layer.ops));
  }
  rows.push_back({"readout", "", "", text_of(summary.readout_parameters)});
  rows.push_back(work_row({"all", "", "", text_of(summary.parameters)}, summary.ops));
  rows.push_back({"dense LSTM", "", "", "", short_text(summary.ops.dense_updates), "",
                  short_text(summary.ops.dense_macs), "",
                  short_text(summary.ops.dense_tape_bytes, "B")});
  return rows;
}

inline TableRows window_table(const NetworkSummary& summary) {
  const TimeText time_text(summary.first_time, summary.last_time);
  const TimeText length_text(0, summary.last_time - summary.first_time);
  TableRows rows = {
      {"", "openness", "windows", "first opens", "last closes", "shortest", "mean", "longest"}};
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
  return rows;
}

}  // namespace detail

/// Summarises `network` for sequences of this timing. The function runs no forward pass and needs
/// no input values.
///
/// The work is exactly that of a forward pass over such a batch from a zero state, divided by the
/// batch. It depends on the batch: where samples have timestamps of their own, a neuron is computed
/// for all samples when it is open for one, and the tape holds whole packets of samples.
///
/// Throws Error if the timing is invalid or has no valid step, if the parameters do not have the
/// size of the layout, if a time-gate parameter is unusable, or if a time is too far from the time
/// origin.
template <TimeGate Gate>
NetworkSummary summary(const Network<Gate>& network, const Timing& timing) {
  timing.check();
  detail::require(timing.valid_steps() > 0, "a summary needs at least one valid step, got none");
  network.layout().check(network.parameters, "the parameters of a network");
  // The clocks of the directions, and the times of their steps.
  std::vector<Timing> clocks = {timing};
  if (network.directions() == 2) clocks.push_back(detail::reverse_timing(timing));
  std::vector<std::vector<double>> times;
  for (const Timing& clock : clocks) times.push_back(detail::distinct_times(clock));

  NetworkSummary result;
  result.batch = timing.batch;
  result.steps = timing.longest();
  result.first_time = times[0].front();
  result.last_time = times[0].back();
  result.parameters = result.readout_parameters = network.layout().size();
  for (std::size_t place = 0; place < network.layers().size(); ++place) {
    const Layer<Gate>& layer = network.layers()[place];
    const std::size_t direction = place % clocks.size();
    LayerSummary found = detail::layer_summary(network, place, clocks[direction]);
    const auto windows =
        detail::find_windows(layer.gate(network.parameters), layer.time_origin(), times[direction]);
    found.windows = windows.summary;
    detail::warn_of_windows(windows, times[direction],
                            detail::can_close<Gate>(layer.gate_options()), found.name,
                            found.neurons, place, result.warnings);
    result.readout_parameters -= found.parameters;
    result.ops += found.ops;
    result.layers.push_back(std::move(found));
  }
  result.device = detail::estimate_device(network.options());
  if (result.device) {
    const double steps =
        static_cast<double>(timing.valid_steps()) / static_cast<double>(timing.batch);
    for (const LayerSummary& layer : result.layers) {
      result.device->instructions += detail::layer_instructions(
          !std::is_same_v<Gate, AlwaysOpen<typename Gate::Scalar>>, layer.inputs, layer.neurons,
          steps, static_cast<double>(layer.windows.count), layer.ops);
    }
  }
  return result;
}

/// For sequences of `steps` steps, at the times 0, 1, ..., in batches of `batch`.
template <TimeGate Gate>
NetworkSummary summary(const Network<Gate>& network, Index steps, Index batch = 1) {
  return summary(network, Timing{batch, steps, {}, {}});
}

/// The summary as text: tables of the work and of the windows, what a device needs, then at most 20
/// warnings. Every line ends in a newline.
inline std::string to_text(const NetworkSummary& summary) {
  using detail::text_of;
  const detail::TimeText time_text(summary.first_time, summary.last_time);
  std::string text =
      text_of("Per sequence of ", summary.steps, " steps, ",
              time_text(summary.first_time, summary.last_time), ", in a batch of ", summary.batch,
              ":\n\n", detail::table_text(detail::work_table(summary)), "\n",
              detail::table_text(detail::window_table(summary)));
  if (summary.device) {
    const DeviceEstimate& device = *summary.device;
    text += text_of("\nEstimated for an integer header on a Cortex-M4: flash ",
                    detail::short_text(device.flash, "B"), ", RAM ",
                    detail::short_text(device.ram, "B"), ", ",
                    detail::short_text(device.instructions), " instructions.\n");
  }
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
