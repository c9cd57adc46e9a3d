// What the input of a step adds to the predictions directly.
#pragma once

#include <algorithm>
#include <string>

#include "glstm/core/batch.hpp"
#include "glstm/core/parameters.hpp"
#include "glstm/core/types.hpp"

GLSTM_BEGIN_NAMESPACE

/// y += x X^T, for the step that a prediction follows: each valid step, or the last one. Like Dense
/// it holds sizes only. Block: x [O,I].
template <class Scalar>
class InputSkip {
 public:
  /// For the block `name` of `layout`; `every_step` tells whether every step has a prediction.
  InputSkip(const ParameterLayout& layout, const std::string& name, bool every_step)
      : block_(layout.find(name)), every_step_(every_step) {}

  /// Adds to the predictions [B, O*N].
  void forward(const Vector<Scalar>& parameters, const SequenceBatch<Scalar>& input,
               Matrix<Scalar>& predictions) const {
    const auto X = block_view(parameters, block_);
    for_each_input(input, [&](Index b, Index n, const auto& x) {
      predictions.row(b).segment(n * X.rows(), X.rows()) += x * X.transpose();
    });
  }

  /// The gradient accumulates.
  void backward(const SequenceBatch<Scalar>& input, const Matrix<Scalar>& dpredictions,
                Vector<Scalar>& gradient) const {
    auto dX = block_view(gradient, block_);
    for_each_input(input, [&](Index b, Index n, const auto& x) {
      dX += dpredictions.row(b).segment(n * dX.rows(), dX.rows()).transpose() * x;
    });
  }

 private:
  /// Calls use(b, n, x [1,I]) for prediction n of sample b. Steps past a length may hold anything.
  template <class Use>
  void for_each_input(const SequenceBatch<Scalar>& input, Use&& use) const {
    for (Index b = 0; b < input.batch(); ++b) {
      const Index length = input.timing.length(b);
      for (Index step = every_step_ ? 0 : std::max<Index>(0, length - 1); step < length; ++step) {
        use(b, every_step_ ? step : 0, input.step(step).row(b));
      }
    }
  }

  ParameterBlock block_;
  bool every_step_;
};

GLSTM_END_NAMESPACE
