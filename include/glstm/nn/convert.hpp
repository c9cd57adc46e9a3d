// Conversions between the plain LSTM and networks with time gates.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <string>
#include <utility>
#include <vector>

#include "glstm/core/error.hpp"
#include "glstm/core/parameters.hpp"
#include "glstm/gates/always_open.hpp"
#include "glstm/gates/gaussian_gate.hpp"
#include "glstm/gates/time_gate.hpp"
#include "glstm/nn/network.hpp"

GLSTM_BEGIN_NAMESPACE
namespace detail {

/// The options of `network` for another kind of gate.
template <TimeGate To, TimeGate From>
NetworkOptions<To> with_gate_options(const Network<From>& network,
                                     std::vector<typename To::Options> gates) {
  const NetworkOptions<From>& options = network.options();
  return {.inputs = options.inputs,
          .hidden = options.hidden,
          .outputs = options.outputs,
          .readout = options.readout,
          .loss = options.loss,
          .gates = std::move(gates),
          .time_origin = options.time_origin,
          .bidirectional = options.bidirectional,
          .input_skip = options.input_skip,
          .learned_state = options.learned_state,
          .readout_layers = options.readout_layers};
}

/// Copies all blocks but those of the time gates, and the description of the data.
template <TimeGate From, TimeGate To>
void copy_weights(const Network<From>& from, Network<To>& to) {
  from.layout().check(from.parameters, "the parameters of a network");
  to.data = from.data;
  for (const ParameterBlock& block : to.layout().blocks()) {
    if (block.role == ParameterRole::time_gate) continue;
    block_view(to.parameters, block) = block_view(from.parameters, from.layout().find(block.name));
  }
}

}  // namespace detail

/// The plain LSTM with the weights of `network`. It computes the same function where every gate is
/// open with k = 1 at all times, as at the end of a temporal curriculum. Throws Error if the
/// parameters of `network` do not have its layout's size.
template <TimeGate Gate>
Network<AlwaysOpen<typename Gate::Scalar>> without_gates(const Network<Gate>& network) {
  using Plain = AlwaysOpen<typename Gate::Scalar>;
  Network<Plain> plain(detail::with_gate_options<Plain>(network, {{}}));
  detail::copy_weights(network, plain);
  return plain;
}

/// A plain LSTM that starts near the function of a network with time gates, from which training
/// goes on faster than from random weights. Let k be the mean openness of a neuron from `first` to
/// `last`, in the unit of the timestamps and relative to the time origin. The bias of its forget
/// gate rises by -log k, so that 1 - f becomes about k (1 - f) and the state fades as slowly as
/// before. The state now grows at all times, so every weight that reads the neuron is multiplied by
/// k. Means below 1e-4 count as 1e-4. Where all gates are open with k = 1, the result is that of
/// without_gates.
///
/// Throws Error unless first < last, if the network is bidirectional or learns its initial state,
/// or if its readout sees the input or has layers before it, or where without_gates does.
template <TimeGate Gate>
Network<AlwaysOpen<typename Gate::Scalar>> fold_gates(const Network<Gate>& network, double first,
                                                      double last) {
  using Scalar = typename Gate::Scalar;
  const NetworkOptions<Gate>& options = network.options();
  GateSpread{.start = first, .end = last}.check();
  detail::require(!options.bidirectional && !options.learned_state && !options.input_skip &&
                      options.readout_layers.empty(),
                  "expected a network of one direction that starts from zeros and is read out "
                  "directly, to fold its gates");
  Network<AlwaysOpen<Scalar>> plain = without_gates(network);
  const auto block = [&](const std::string& name) {
    return block_view(plain.parameters, plain.layout().find(name));
  };
  constexpr Index times = 4096;
  for (std::size_t l = 0; l < network.layers().size(); ++l) {
    const std::string layer = "layer" + std::to_string(l);
    const Gate gate = network.layers()[l].gate(network.parameters);
    const bool is_last = l + 1 == network.layers().size();
    auto bias = block(layer + ".b"), recurrent = block(layer + ".w_hh");
    auto readers = block(is_last ? "readout.w" : "layer" + std::to_string(l + 1) + ".w_ih");
    const Index hidden = recurrent.cols();
    for (Index j = 0; j < hidden; ++j) {
      Scalar sum = 0;
      for (Index n = 0; n < times; ++n) {
        const double place = (static_cast<double>(n) + 0.5) / static_cast<double>(times);
        sum += gate.openness(j, static_cast<Scalar>(first + (last - first) * place));
      }
      const Scalar k = std::max(Scalar(1e-4), sum / Scalar(times));
      bias(hidden + j, 0) -= std::log(k);  // rows: input, forget, candidate, output gates
      recurrent.col(j) *= k;
      readers.col(j) *= k;
    }
  }
  return plain;
}

/// The g-LSTM with the weights of a plain LSTM and gates that are open at all times from `first` to
/// `last`, with an openness of at least `least_openness`. It computes nearly the same function and
/// can be trained towards a budget. Centres are spread evenly. A `least_openness` nearer to 1 gives
/// a function nearer to the LSTM's, and wider windows that training has to narrow.
///
/// `first` and `last` are in the unit of the timestamps, relative to the time origin. Throws Error
/// unless first < last and 0 < least_openness < 1, or where without_gates does.
template <class Scalar>
Network<GaussianGate<Scalar>> add_time_gates(
    const Network<AlwaysOpen<Scalar>>& network, double first, double last,
    const typename GaussianGate<Scalar>::Options& options = {}, double least_openness = 0.99) {
  using Gate = GaussianGate<Scalar>;
  GateSpread{.start = first, .end = last}.check();
  detail::require(least_openness > 0 && least_openness < 1 && least_openness >= options.threshold,
                  "least_openness must lie between the closing threshold and 1, got ",
                  least_openness);
  Network<Gate> gated(detail::with_gate_options<Gate>(network, {options}));
  detail::copy_weights(network, gated);
  const double reach = std::sqrt(-std::log(least_openness));
  for (const Layer<Gate>& layer : gated.layers()) {
    auto gates = layer.gate_parameters(gated.parameters);  // [H,2]: mu, sigma
    for (Index j = 0; j < layer.hidden(); ++j) {
      const double mu = first + (last - first) * (static_cast<double>(j) + 0.5) /
                                    static_cast<double>(layer.hidden());
      gates(j, 0) = static_cast<Scalar>(mu);
      gates(j, 1) = static_cast<Scalar>(std::max(mu - first, last - mu) / reach);
    }
  }
  return gated;
}

GLSTM_END_NAMESPACE
