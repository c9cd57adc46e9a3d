// The sizes of a network and what it predicts.
#pragma once

#include <vector>

#include "glstm/core/types.hpp"
#include "glstm/gates/time_gate.hpp"
#include "glstm/nn/loss.hpp"
#include "glstm/nn/losses.hpp"
#include "glstm/nn/readout_layer.hpp"

GLSTM_BEGIN_NAMESPACE

/// Which hidden states the readout sees: the one after each sample's last valid step, or all.
enum class Readout { last_step, every_step };

/// The sizes of a network, what it predicts, and its time gates.
template <TimeGate Gate>
struct NetworkOptions {
  Index inputs = 1;
  std::vector<Index> hidden = {110};  ///< the sizes of the layers, from the input on
  Index outputs = 1;
  Readout readout = Readout::last_step;
  Loss loss = mean_squared_error();
  std::vector<typename Gate::Options> gates = {{}};  ///< one for all layers, or one for each
  double time_origin = 0;
  /// Every layer has a second direction, with windows of its own, that reads a sample from its last
  /// valid step to its first on the clock of detail::reverse_timing. The next layer, and a readout
  /// of every step, see the hidden states of both directions at a step, forward first. A readout of
  /// the last step sees the states in which the two directions end.
  bool bidirectional = false;
  /// The readout sees the input of its step too, y = W h + X x + b, as in models of audio effects
  /// that add what they hear to what they answer. X is zero at first.
  bool input_skip = false;
  /// The states before the first step are parameters, zero at first, instead of zero. Not for a
  /// bidirectional network.
  bool learned_state = false;
  /// Layers between the last recurrent one and the linear readout, the first one first; none: the
  /// readout alone.
  std::vector<ReadoutLayer> readout_layers = detail::no_readout_layers();  // g++ 12 fails at {}
};

GLSTM_END_NAMESPACE
