// The state of a network, and the record of its forward pass.
#pragma once

#include <vector>

#include "glstm/core/types.hpp"
#include "glstm/lstm/layer.hpp"
#include "glstm/nn/bidirectional.hpp"

GLSTM_BEGIN_NAMESPACE

/// The state of a network: one state [B,H] for each of Network::layers().
template <class Scalar>
using NetworkState = std::vector<State<Scalar>>;

/// The record of a forward pass of a network; the next pass reuses its memory.
template <class Scalar>
struct NetworkTape {
  std::vector<LayerTape<Scalar>> layers;  ///< in the order of Network::layers()
  NetworkState<Scalar> final_states;      ///< likewise
  NetworkState<Scalar> initial_states;    ///< likewise, where they are parameters
  /// What each layer hands on: [B, D*H*T] hidden states of every step in D directions, or of the
  /// last layer, where the last step is read out, [B, D*H] of the last step.
  std::vector<Matrix<Scalar>> outputs;
  std::vector<Matrix<Scalar>> dropout;  ///< [B, D*H] the factors of each layer; none: no dropout
  std::vector<Matrix<Scalar>> readout_layers;  ///< [B, size*N] what each of them hands on
  Matrix<Scalar> readout;                      ///< [B, O*N]: the network's predictions
  Matrix<Scalar> dreadout, dhidden, dinput;
  detail::DirectionMemory<Scalar> directions;

  OpCounts ops() const {
    OpCounts sum;
    for (const LayerTape<Scalar>& layer : layers) sum += layer.ops();
    return sum;
  }
};

GLSTM_END_NAMESPACE
