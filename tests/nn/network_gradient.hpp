// The gradient of a network against central differences of its loss.
#pragma once

#include "catch.hpp"
#include "glstm/nn/network.hpp"
#include "glstm/testing/gradient_check.hpp"

/// The largest difference of `gradient` [P] on a batch, without a budget, from central differences.
template <class Network>
double gradient_difference(const Network& network, const glstm::LabelledBatch<double>& batch,
                           glstm::Path path, const glstm::Vector<double>& gradient) {
  typename Network::Tape tape;
  Network moved = network;
  const glstm::Vector<double> expected = glstm::testing::numeric_gradient(
      [&](const glstm::Vector<double>& point) {
        moved.parameters = point;
        return moved.evaluate(batch, tape, path).loss();
      },
      network.parameters);
  return largest_magnitude(gradient - expected);
}
