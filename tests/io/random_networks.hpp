// Networks with random parameters, and whether two networks are the same, for the tests of files.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

#include "catch.hpp"
#include "glstm/core/random.hpp"
#include "glstm/nn/network.hpp"

/// A network whose every parameter is drawn, and whose time gates are usable.
template <class Gate>
glstm::Network<Gate> random_network(const glstm::NetworkOptions<Gate>& options,
                                    std::uint64_t seed) {
  using Scalar = typename Gate::Scalar;
  glstm::Network<Gate> network(options);
  glstm::Rng rng(seed);
  network.initialize({.gates = {.start = 0, .end = 10, .open_share = 0.4}}, rng);
  for (Scalar& parameter : network.parameters) {
    parameter += static_cast<Scalar>(rng.uniform(0.01, 0.1));
  }
  return network;
}

template <class Scalar>
bool same_bits(const glstm::Vector<Scalar>& a, const glstm::Vector<Scalar>& b) {
  return a.size() == b.size() &&
         std::memcmp(a.data(), b.data(), static_cast<std::size_t>(a.size()) * sizeof(Scalar)) == 0;
}

/// Checks everything but the gates' options and the parameters.
template <class Gate>
void check_same_shape(const glstm::Network<Gate>& a, const glstm::Network<Gate>& b) {
  CHECK(a.options().inputs == b.options().inputs);
  CHECK(a.options().hidden == b.options().hidden);
  CHECK(a.options().outputs == b.options().outputs);
  CHECK(a.options().readout == b.options().readout);
  CHECK(a.options().loss == b.options().loss);
  CHECK(a.options().time_origin == b.options().time_origin);
  CHECK(a.options().bidirectional == b.options().bidirectional);
}

/// A random batch of 3 samples of 9 steps.
template <class Scalar>
glstm::SequenceBatch<Scalar> random_batch(glstm::Index features, std::uint64_t seed) {
  auto batch = glstm::SequenceBatch<Scalar>::zeros(3, 9, features);
  glstm::Rng rng(seed);
  for (glstm::Index i = 0; i < batch.values.size(); ++i) {
    batch.values.data()[i] = static_cast<Scalar>(rng.uniform(-1, 1));
  }
  return batch;
}

/// The largest difference between two networks' answers to a random batch.
template <class First, class Second>
double difference(const First& first, const Second& second) {
  using Scalar = typename First::Scalar;
  const auto batch = random_batch<Scalar>(first.options().inputs, 5);
  typename First::Tape first_tape;
  typename Second::Tape second_tape;
  return largest_magnitude(first.predict(batch, first_tape) - second.predict(batch, second_tape));
}
