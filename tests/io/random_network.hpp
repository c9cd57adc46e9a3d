// Random networks and sequences for what is compared with another implementation or written to
// files.
#pragma once

#include <cstdint>

#include "glstm/core/random.hpp"
#include "glstm/nn/network.hpp"

/// The span of time over which the windows of random_network are spread, relative to its origin.
inline constexpr double time_span = 30;

/// Weights and biases in -0.8..0.8; time gates that open and close within the time span, no two of
/// them alike.
template <glstm::TimeGate Gate>
glstm::Network<Gate> random_network(const glstm::NetworkOptions<Gate>& options, glstm::Rng& rng) {
  using Scalar = typename Gate::Scalar;
  glstm::Network<Gate> network(options);
  network.initialize({.gates = {.start = 0, .end = time_span, .open_share = 0.3}}, rng);
  for (const glstm::ParameterBlock& block : network.layout().blocks()) {
    const bool gate = block.role == glstm::ParameterRole::time_gate;
    for (Scalar& parameter : block_view(network.parameters, block).reshaped()) {
      parameter = static_cast<Scalar>(gate ? static_cast<double>(parameter) + rng.uniform(0.01, 0.1)
                                           : rng.uniform(-0.8, 0.8));
    }
  }
  return network;
}
template <glstm::TimeGate Gate>
glstm::Network<Gate> random_network(const glstm::NetworkOptions<Gate>& options,
                                    std::uint64_t seed) {
  glstm::Rng rng(seed);
  return random_network(options, rng);
}

/// Sequences with the same irregular timestamps, some of them equal, from the origin on over about
/// the time span.
template <class Scalar>
glstm::SequenceBatch<Scalar> random_sequences(glstm::Index batch, glstm::Index steps,
                                              glstm::Index features, double origin,
                                              glstm::Rng& rng) {
  auto sequences = glstm::SequenceBatch<Scalar>::zeros(batch, steps, features);
  for (Scalar& value : sequences.values.reshaped()) value = static_cast<Scalar>(rng.uniform(-1, 1));
  sequences.timing.timestamps.resize(1, steps);
  double t = origin;
  for (glstm::Index n = 0; n < steps; ++n) {
    if (n % 5 != 4) t += rng.uniform(0, 2.5 * time_span / static_cast<double>(steps));
    sequences.timing.timestamps(0, n) = t;
  }
  return sequences;
}
