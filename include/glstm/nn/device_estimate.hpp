// What a network needs on a microcontroller, estimated.
#pragma once

#include <algorithm>
#include <optional>
#include <type_traits>

#include "glstm/core/types.hpp"
#include "glstm/gates/always_open.hpp"
#include "glstm/gates/gaussian_gate.hpp"
#include "glstm/lstm/scheduled.hpp"
#include "glstm/nn/network.hpp"

GLSTM_BEGIN_NAMESPACE

/// What the integer header of a network (save_integer_header) needs on a Cortex-M4, estimated.
struct DeviceEstimate {
  double flash = 0;         ///< bytes of constants and code
  double ram = 0;           ///< bytes of the state of a stream
  double instructions = 0;  ///< per sequence, for `advance` at every step
};

namespace detail {

/// Whether integers can compute networks with this time gate.
template <class Gate>
inline constexpr bool gate_has_integers = std::is_same_v<Gate, AlwaysOpen<typename Gate::Scalar>> ||
                                          std::is_same_v<Gate, GaussianGate<typename Gate::Scalar>>;

/// Whether integers can compute networks with this gate and these options: see IntegerNetwork.
template <class Gate>
bool has_integer_header(const NetworkOptions<Gate>& options) {
  return gate_has_integers<Gate> && !options.bidirectional && options.readout_layers.empty() &&
         !options.input_skip && !options.learned_state;
}

/// Returns the instructions of a layer for a sequence of `steps` steps with `openings` windows. The
/// figures are fitted to programs that gcc -O2 makes: 110 neurons and 784 steps of a plain LSTM,
/// 95.7 million, and of a g-LSTM with 2 % of the updates, 0.84 million; and 24 neurons of a g-LSTM
/// that has 0 to 15 of them open.
inline double layer_instructions(bool gated, Index inputs, Index neurons, double steps,
                                 double openings, const OpCounts& work) {
  constexpr double per_dense_mac = 1.8, per_listed_mac = 4.2;
  if (!gated) return 45 * steps + 300 * work.updates + per_dense_mac * work.macs;
  // Whole rows are summed when a neuron opens and of the input; between open neurons, single
  // columns are.
  const double dense =
      4 * (openings * static_cast<double>(neurons) + work.updates * static_cast<double>(inputs));
  return 45 * steps + 330 * work.updates + 400 * openings + per_dense_mac * dense +
         per_listed_mac * std::max(0.0, work.macs - dense);
}

/// Returns the sizes, without the instructions. The constants and the state are those of
/// header_integer.hpp and header_template.hpp.
template <class Gate>
std::optional<DeviceEstimate> estimate_device(const NetworkOptions<Gate>& options) {
  if (!has_integer_header(options)) return {};
  constexpr bool gated = !std::is_same_v<Gate, AlwaysOpen<typename Gate::Scalar>>;
  const auto even = [](Index count) { return static_cast<double>(count + count % 2); };
  const double layers = static_cast<double>(options.hidden.size());
  const double outputs = static_cast<double>(options.outputs);
  DeviceEstimate result;
  Index inputs = options.inputs;
  for (const Index neurons : options.hidden) {
    const double N = static_cast<double>(neurons);
    // Biases of 32 bits; two multipliers of 16 bits, and shifts of 8, for each gate. A window has
    // 16 bytes.
    result.flash += N * (4 * (even(neurons) + even(inputs)) + 16 + 16 + 8 + (gated ? 16 : 0));
    result.ram += N * (gated ? 22 : 4);  // h, c; the fixed sums of four gates, a place in a list
    inputs = neurons;
  }
  result.flash += outputs * (static_cast<double>(options.hidden.back()) + 7);
  result.flash += gated ? 3500 : 2000;  // code, and tables of tanh and openness
  const auto widest = std::max_element(options.hidden.begin(), options.hidden.end());
  result.ram += 2 * static_cast<double>(*widest);  // the new h of a layer
  if (gated) result.ram += 8 * layers + 4;
  return result;
}

}  // namespace detail
GLSTM_END_NAMESPACE
