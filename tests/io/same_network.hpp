// Whether two networks are the same, for the tests of files.
#pragma once

#include <cstddef>
#include <cstring>

#include "catch.hpp"
#include "glstm/core/random.hpp"
#include "glstm/nn/network.hpp"
#include "io/random_network.hpp"

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

/// The largest difference between two networks' answers to random sequences.
template <class First, class Second>
double difference(const First& first, const Second& second) {
  using Scalar = typename First::Scalar;
  glstm::Rng rng(5);
  const auto sequences =
      random_sequences<Scalar>(3, 9, first.options().inputs, first.options().time_origin, rng);
  typename First::Tape first_tape;
  typename Second::Tape second_tape;
  return largest_magnitude(first.predict(sequences, first_tape) -
                           second.predict(sequences, second_tape));
}
