// Losses over predictions, and the number of correct predictions.
#pragma once

#include <algorithm>
#include <cmath>
#include <optional>
#include <string>

#include "glstm/core/batch.hpp"
#include "glstm/core/error.hpp"
#include "glstm/core/timing.hpp"
#include "glstm/core/types.hpp"

GLSTM_BEGIN_NAMESPACE

/// The function that training minimises; see evaluate_loss.
enum class Loss { mean_squared_error, softmax_cross_entropy };

/// The value of a loss over a batch and, for labels, the number of correct ones among `count`
/// predictions. A sample has one prediction, or one for every valid step; those with a weight of 0
/// do not count.
struct LossValue {
  double loss = 0;
  Index correct = 0, count = 0;
  double weight = 0;  ///< of the predictions; their number where they have no weights
};

/// The weight of all predictions, with N = `steps` of them per sample: 1 when the last step is read
/// out, else T. Without Targets::weights it is their number. A sample without any valid step does
/// not count.
template <class Scalar>
double weight_of_predictions(const Timing& timing, Index steps, const Targets<Scalar>& targets) {
  double weight = 0;
  for (Index b = 0; b < timing.batch; ++b) {
    const Index valid = std::min(timing.length(b), steps);
    if (targets.weights.size() == 0) {
      weight += static_cast<double>(valid);
    } else {
      weight += targets.weights.row(b).head(valid).template cast<double>().sum();
    }
  }
  return weight;
}

/// Throws Error if targets do not fit `steps` predictions of `outputs` numbers for each sample, a
/// weight is negative or not finite, or a label that counts is out of range.
template <class Scalar>
void check_targets(Loss kind, Index outputs, Index steps, const Timing& timing,
                   const Targets<Scalar>& targets) {
  using detail::require;
  const Index B = timing.batch;
  const Matrix<Scalar>& weights = targets.weights;
  require(weights.size() == 0 || (weights.rows() == B && weights.cols() == steps),
          "weights of targets must be [", B, ",", steps, "] or none, got [", weights.rows(), ",",
          weights.cols(), "]");
  require(weights.size() == 0 || (weights.allFinite() && weights.minCoeff() >= 0),
          "weights of targets must be finite and not negative");
  if (kind == Loss::mean_squared_error) {
    require(targets.values.rows() == B && targets.values.cols() == outputs * steps,
            "target values must be [", B, ",", outputs * steps, "], got [", targets.values.rows(),
            ",", targets.values.cols(), "]");
    return;
  }
  require(static_cast<Index>(targets.labels.size()) == B * steps, "there must be ", B * steps,
          " labels, got ", targets.labels.size());
  for (Index n = 0; n < steps; ++n) {
    for (Index b = 0; b < B; ++b) {
      if (n >= timing.length(b) || targets.weight(b, n) == 0) continue;
      const int label = targets.labels[static_cast<std::size_t>(n * B + b)];
      require(label >= 0 && label < outputs, "a label must lie in 0..", outputs - 1, ", got ",
              label, " for sample ", b);
    }
  }
}

namespace detail {

/// evaluate_loss, for arguments that were checked.
template <class Scalar>
LossValue evaluate_checked_loss(Loss kind, const Matrix<Scalar>& y, Index outputs,
                                const Timing& timing, const Targets<Scalar>& targets,
                                Matrix<Scalar>& dy, std::optional<double> predictions = {}) {
  const Index B = y.rows(), steps = y.cols() / outputs;
  GLSTM_ASSERT(B == timing.batch && y.cols() == outputs * steps);
  LossValue value;
  value.weight = weight_of_predictions(timing, steps, targets);
  dy.setZero(B, y.cols());
  if (value.weight == 0) return value;
  const double mean_over = predictions.value_or(value.weight);
  for (Index n = 0; n < steps; ++n) {
    for (Index b = 0; b < B; ++b) {
      const double weight = n < timing.length(b) ? targets.weight(b, n) : 0;
      if (weight == 0) continue;
      ++value.count;
      const auto y_b = y.row(b).segment(n * outputs, outputs);
      auto dy_b = dy.row(b).segment(n * outputs, outputs);
      if (kind == Loss::mean_squared_error) {
        dy_b = y_b - targets.values.row(b).segment(n * outputs, outputs);
        value.loss +=
            weight * static_cast<double>(dy_b.squaredNorm()) / static_cast<double>(outputs);
        dy_b *= Scalar(2.0 * weight / (mean_over * static_cast<double>(outputs)));
        continue;
      }
      const Index label = targets.labels[static_cast<std::size_t>(n * B + b)];
      Index predicted = 0;
      const Scalar largest = y_b.maxCoeff(&predicted);
      value.correct += predicted == label ? 1 : 0;
      dy_b = (y_b.array() - largest).exp();
      const Scalar sum = dy_b.sum();
      using std::log;
      value.loss += weight * static_cast<double>(log(sum) - (y_b(label) - largest));
      dy_b *= Scalar(weight / mean_over) / sum;
      dy_b(label) -= Scalar(weight / mean_over);
    }
  }
  value.loss /= value.weight;
  return value;
}

}  // namespace detail

/// Evaluates a loss and its gradient.
///
///     y            [B, O*N]  predictions, for labels logits: N = 1 when the last step is read out,
///                            else T
///     dy           [B, O*N]  out; zero for steps past a sample's length
///     predictions            the weight of the predictions that the loss behind dy is a mean over:
///                            by default that of these samples; for a part of a larger batch, that
///                            of the whole batch
///
/// The value is the mean over the predictions of these samples, each with its weight.
///
/// mean_squared_error: the mean of (y - target)^2 over outputs and predictions.
/// softmax_cross_entropy: the mean of -log softmax(y)[label] over predictions.
/// Throws Error, before dy is written, if y is not [B, O*N] or where check_targets does.
template <class Scalar>
LossValue evaluate_loss(Loss kind, const Matrix<Scalar>& y, Index outputs, const Timing& timing,
                        const Targets<Scalar>& targets, Matrix<Scalar>& dy,
                        std::optional<double> predictions = {}) {
  detail::require(outputs >= 1 && y.rows() == timing.batch &&
                      (y.cols() == outputs || y.cols() == outputs * timing.steps),
                  "predictions must be [B,O] or [B, O*T] with B ", timing.batch, ", O ", outputs,
                  " and T ", timing.steps, ", got [", y.rows(), ",", y.cols(), "]");
  check_targets(kind, outputs, y.cols() / outputs, timing, targets);
  return detail::evaluate_checked_loss(kind, y, outputs, timing, targets, dy, predictions);
}

GLSTM_END_NAMESPACE
