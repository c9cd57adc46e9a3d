// The scaling of a network's data, made a part of its weights.
#pragma once

#include <string>

#include "glstm/core/data_description.hpp"
#include "glstm/core/parameters.hpp"
#include "glstm/core/types.hpp"
#include "glstm/nn/network.hpp"

GLSTM_BEGIN_NAMESPACE

/// The network that takes and returns the numbers of the user's data where `network` computes with
/// scaled ones (network.data): its first layer scales the features, its readout undoes the scaling
/// of the targets. It computes the same function, to rounding. A network without scaling is
/// returned as it is. Throws Error if network.data does not fit the network.
template <TimeGate Gate>
Network<Gate> fold_scaling(Network<Gate> network) {
  using Scalar = typename Gate::Scalar;
  DataDescription& data = network.data;
  network.layout().check(network.parameters, "the parameters of a network");
  data.check(network.options().inputs, network.options().outputs);
  const auto block = [&](const std::string& name) {
    return block_view(network.parameters, network.layout().find(name));
  };
  // What weights [N,I] and a bias [N,1] make of the scaled features.
  const auto fold_features = [&](const std::string& weights_name, const std::string& bias_name) {
    auto weights = block(weights_name), bias = block(bias_name);
    Vector<double> moved = bias.template cast<double>();
    for (Index i = 0; i < weights.cols(); ++i) {
      const Scaling& s = data.scaling_of_input(i);
      moved -= weights.col(i).template cast<double>() * (s.offset / s.scale);
      weights.col(i) = (weights.col(i).template cast<double>() / s.scale).template cast<Scalar>();
    }
    bias = moved.template cast<Scalar>();
  };
  const bool skip = network.options().input_skip;
  if (!data.feature_scaling.empty()) {
    for (Index direction = 0; direction < network.directions(); ++direction) {
      const std::string layer = detail::layer_name(0, direction);
      fold_features(layer + ".w_ih", layer + ".b");
    }
    if (skip) fold_features("readout.x", "readout.b");
  }
  if (!data.target_scaling.empty()) {
    auto weights = block("readout.w"), bias = block("readout.b");  // [O,H], [O,1]
    for (Index o = 0; o < weights.rows(); ++o) {
      const Scaling& s = data.target_scaling[static_cast<std::size_t>(o)];
      weights.row(o) *= static_cast<Scalar>(s.scale);
      if (skip) block("readout.x").row(o) *= static_cast<Scalar>(s.scale);
      bias(o, 0) = static_cast<Scalar>(static_cast<double>(bias(o, 0)) * s.scale + s.offset);
    }
  }
  data.feature_scaling.clear();
  data.target_scaling.clear();
  return network;
}

GLSTM_END_NAMESPACE
