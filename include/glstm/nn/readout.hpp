// What turns hidden states into outputs: a linear readout, and layers before it where a model has
// them.
#pragma once

#include <cmath>
#include <cstddef>
#include <string>
#include <utility>
#include <vector>

#include "glstm/core/parameters.hpp"
#include "glstm/core/random.hpp"
#include "glstm/core/types.hpp"
#include "glstm/nn/dense.hpp"
#include "glstm/nn/initialize.hpp"
#include "glstm/nn/network_blocks.hpp"
#include "glstm/nn/readout_layer.hpp"

GLSTM_BEGIN_NAMESPACE

/// The layers of NetworkOptions::readout_layers and the linear readout, one Dense after the other.
/// Like Dense it holds sizes only.
template <class Scalar>
class ReadoutStack {
 public:
  /// What each layer before the readout hands on, [B, size*N] for N steps.
  using Tape = std::vector<Matrix<Scalar>>;

  /// Adds the blocks to `layout`. `inputs` is the number of hidden states that the first layer
  /// sees.
  template <class Options>
  ReadoutStack(ParameterLayout& layout, const Options& options, Index inputs) {
    detail::for_each_readout(options, inputs,
                             [&](const std::string& prefix, Index layer_inputs, Index outputs) {
                               layers_.emplace_back(layout, prefix, layer_inputs, outputs);
                               prefixes_.push_back(prefix);
                             });
    for (const ReadoutLayer& layer : options.readout_layers) {
      activations_.push_back(layer.activation);
    }
  }

  /// h is [B, H*N], y [B, O*N]: N steps side by side.
  void forward(const Vector<Scalar>& parameters, const Matrix<Scalar>& h, Tape& tape,
               Matrix<Scalar>& y) const {
    tape.resize(activations_.size());
    for (std::size_t i = 0; i < tape.size(); ++i) {
      layers_[i].forward(parameters, input_of(i, h, tape), tape[i]);
      detail::activate(activations_[i], tape[i].data(), tape[i].size());
    }
    layers_.back().forward(parameters, input_of(tape.size(), h, tape), y);
  }

  /// dh [B, H*N] is written, the parameters' gradient accumulates.
  void backward(const Vector<Scalar>& parameters, const Matrix<Scalar>& h, const Tape& tape,
                const Matrix<Scalar>& dy, Matrix<Scalar>& dh, Vector<Scalar>& gradient) const {
    layers_.back().backward(parameters, input_of(tape.size(), h, tape), dy, dh, gradient);
    Matrix<Scalar> above;
    for (std::size_t i = tape.size(); i-- > 0;) {
      std::swap(above, dh);
      detail::multiply_by_derivative(activations_[i], tape[i], above);
      layers_[i].backward(parameters, input_of(i, h, tape), above, dh, gradient);
    }
  }

  /// Draws Glorot weights; biases are zero.
  void draw(const ParameterLayout& layout, Rng& rng, Vector<Scalar>& drawn) const {
    for (const std::string& prefix : prefixes_) {
      auto w = block_view(drawn, layout.find(prefix + "w"));
      fill_glorot(w, w.cols(), w.rows(), rng);
      block_view(drawn, layout.find(prefix + "b")).setZero();
    }
  }

 private:
  static const Matrix<Scalar>& input_of(std::size_t i, const Matrix<Scalar>& h, const Tape& tape) {
    return i == 0 ? h : tape[i - 1];
  }

  std::vector<Dense<Scalar>> layers_;  // the readout is the last one
  std::vector<Activation> activations_;
  std::vector<std::string> prefixes_;
};

GLSTM_END_NAMESPACE
