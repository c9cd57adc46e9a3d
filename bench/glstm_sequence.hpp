// A layer of this library over whole sequences, with any time gate.
#pragma once

#include <algorithm>
#include <utility>

#include "peer.hpp"

namespace glstm::bench {

/// The workload's numbers are float; a gate of doubles makes a layer of doubles.
template <TimeGate Gate>
class GlstmSequence final : public SequencePeer {
 public:
  using Scalar = typename Gate::Scalar;

  /// `gates` is [H,P], the parameters of the time gates. `timing` has no sizes, and lengths and
  /// timestamps only where the workload is to have them.
  GlstmSequence(const Workload& workload, const Matrix<float>& gates, Timing timing = {})
      : layer_(layout_, "", workload.shape.inputs, workload.shape.hidden),
        parameters_(layout_.size()),
        gradient_(layout_.size()),
        x_(workload.x.template cast<Scalar>()),
        timing_(std::move(timing)) {
    timing_.batch = workload.shape.batch;
    timing_.steps = workload.shape.steps;
    parameters_.head(workload.parameters.size()) = workload.parameters.template cast<Scalar>();
    layer_.gate_parameters(parameters_) = gates.template cast<Scalar>();
  }

  void infer() override { forward(Keep::nothing); }

  void train() override {
    forward(Keep::tape);
    gradient_.setZero();
    adjoint_ = final_;  // the gradient of |h|^2 / 2
    adjoint_.c.setZero();
    layer_.backward(parameters_, timing_, tape_, nullptr, Scalar(0), adjoint_, nullptr, gradient_);
  }

  Matrix<float> hidden() override { return final_.h.template cast<float>(); }
  Matrix<float> recurrent_gradient() override {
    return layer_.gradients(gradient_).dWh.template cast<float>();
  }
  OpCounts ops() const { return tape_.ops(); }

 private:
  void forward(Keep keep) {
    layer_.forward(parameters_, x_, timing_, nullptr, final_, nullptr, tape_, keep);
  }

  ParameterLayout layout_;
  Layer<Gate> layer_;
  Vector<Scalar> parameters_, gradient_;
  Matrix<Scalar> x_;
  Timing timing_;
  State<Scalar> final_, adjoint_;
  LayerTape<Scalar> tape_;
};

/// Gates with a window of `open_share` of the sequence each, spread evenly over it. A share of 1
/// or more is open throughout for every neuron.
inline Matrix<float> even_gates(const Shape& shape, double open_share) {
  using Gate = GaussianGate<float>;
  Matrix<float> gates(shape.hidden, 2);
  Rng rng(1);
  const double steps = static_cast<double>(shape.steps);
  Gate::initialize({.start = 0, .end = steps, .open_share = std::min(open_share, 1.0)}, {}, rng,
                   gates);
  if (open_share >= 1) gates.col(1) *= 4.0f;  // the outermost centres must reach the other end
  return gates;
}

}  // namespace glstm::bench
