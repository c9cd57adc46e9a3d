// What a loss is, and how it is evaluated over a batch. losses.hpp has those that come with glstm.
#pragma once

#include <algorithm>
#include <concepts>
#include <cstddef>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "glstm/core/batch.hpp"
#include "glstm/core/error.hpp"
#include "glstm/core/timing.hpp"
#include "glstm/core/types.hpp"

GLSTM_BEGIN_NAMESPACE

/// What a prediction is compared with: a number for each output, or the label of a class.
enum class TargetKind { values, labels };

/// The predictions of one sample, N of them, and their targets: one, or one for every valid step.
struct SamplePredictions {
  Matrix<double> y;         ///< [O,N]  what the network answers
  Matrix<double> values;    ///< [O,N]  the targets, for TargetKind::values
  std::vector<int> labels;  ///< [N]    the targets, for TargetKind::labels, in 0 ... O-1
  Vector<double> weights;   ///< [N]    how much each prediction counts; 0: it has no target
};

/// How many of the decisions in predictions are right: whether the most probable class is the
/// label, or whether each of several outputs is on the right side.
struct Decisions {
  Index right = 0, all = 0;
};

/// A loss. Derive from it, or from ElementwiseLoss, to train with another one; check_loss compares
/// its gradient with central differences.
class LossFunction {
 public:
  virtual ~LossFunction() = default;

  /// The name in network files, with its numbers where it has any: "huber(1)".
  virtual std::string name() const = 0;
  virtual TargetKind target_kind() const { return TargetKind::values; }

  /// Throws Error unless the loss is one for so many outputs.
  virtual void check_outputs(Index) const {}

  /// Throws Error unless the number can be a target, for TargetKind::values.
  virtual void check_target(double) const {}

  /// Returns the sum over the predictions of weight times loss, and writes its gradient with
  /// respect to sample.y to dy, which has its size and holds zeros. Where a weight is 0, the target
  /// may be anything, and the gradient stays 0.
  virtual double evaluate(const SamplePredictions& sample, Matrix<double>& dy) const = 0;

  /// A factor of the weight of a prediction with this label.
  virtual double label_weight(int) const { return 1; }

  /// How many decisions are right among the predictions whose weight is not 0; none where a loss
  /// decides nothing.
  virtual Decisions decisions(const SamplePredictions&) const { return {}; }

  /// Whether to_probabilities means something.
  virtual bool has_probabilities() const { return false; }
  /// Turns the outputs [O] of one prediction into probabilities.
  virtual void to_probabilities(std::span<double>) const {}
};

/// A loss that is a mean, over outputs, of a function of one number and its target.
class ElementwiseLoss : public LossFunction {
 public:
  /// The function's value and its derivative with respect to the number.
  struct Term {
    double loss, slope;
  };
  virtual Term term(double y, double target) const = 0;

  double evaluate(const SamplePredictions& sample, Matrix<double>& dy) const final {
    double sum = 0;
    const double outputs = static_cast<double>(sample.y.rows());
    for (Index n = 0; n < sample.y.cols(); ++n) {
      const double part = sample.weights(n) / outputs;
      for (Index o = 0; o < sample.y.rows() && part > 0; ++o) {
        const Term at = term(sample.y(o, n), sample.values(o, n));
        sum += part * at.loss;
        dy(o, n) = part * at.slope;
      }
    }
    return sum;
  }
};

/// The function that training minimises: a value that holds a LossFunction, made from one or from a
/// function that makes one, such as mean_squared_error or huber({.delta = 2}).
class Loss {
 public:
  template <std::derived_from<LossFunction> Function>
  Loss(Function function) : function_(std::make_shared<const Function>(std::move(function))) {}
  Loss(Loss (*make)()) : Loss(make()) {}
  /// A function with options, which are left at their defaults.
  template <class Options>
  Loss(Loss (*make)(const Options&)) : Loss(make(Options())) {}

  const LossFunction& operator*() const { return *function_; }
  const LossFunction* operator->() const { return function_.get(); }
  bool has_labels() const { return function_->target_kind() == TargetKind::labels; }

  /// Losses of one name are the same.
  friend bool operator==(const Loss& a, const Loss& b) { return a->name() == b->name(); }

 private:
  std::shared_ptr<const LossFunction> function_;
};

/// The value of a loss over a batch. A sample has one prediction, or one for every valid step;
/// those with a weight of 0 do not count.
struct LossValue {
  double loss = 0;
  Index count = 0;        ///< predictions
  double weight = 0;      ///< of the predictions; their number where they have no weights
  Decisions decisions{};  ///< right and wrong ones, of a classification

  /// The fraction of right decisions; not a number where a loss decides nothing.
  double accuracy() const {
    return static_cast<double>(decisions.right) / static_cast<double>(decisions.all);
  }
};

/// The weight of all predictions, with N = `steps` of them per sample: 1 when the last step is read
/// out, else T. Without weights it is their number. A sample without any valid step does not count.
template <class Scalar>
double weight_of_predictions(const Loss& loss, const Timing& timing, Index steps,
                             const Targets<Scalar>& targets) {
  double weight = 0;
  for (Index b = 0; b < timing.batch; ++b) {
    for (Index n = 0; n < std::min(timing.length(b), steps); ++n) {
      const double given = targets.weight(b, n);
      if (given == 0) continue;
      weight += loss.has_labels() ? given * loss->label_weight(targets.labels(b, n)) : given;
    }
  }
  return weight;
}

/// Throws Error if targets do not fit `steps` predictions of `outputs` numbers for each sample, a
/// weight is negative or not finite, or a target that counts is none for this loss.
template <class Scalar>
void check_targets(const Loss& loss, Index outputs, Index steps, const Timing& timing,
                   const Targets<Scalar>& targets) {
  using detail::require;
  const Index B = timing.batch;
  const auto& [values, labels, weights] = targets;
  require(weights.size() == 0 || (weights.rows() == B && weights.cols() == steps),
          "weights of targets must be [", B, ",", steps, "] or none, got [", weights.rows(), ",",
          weights.cols(), "]");
  require(weights.size() == 0 || (weights.allFinite() && weights.minCoeff() >= 0),
          "weights of targets must be finite and not negative");
  loss->check_outputs(outputs);
  const bool labelled = loss.has_labels();
  require((labelled ? labels.size() : values.size()) > 0 ||
              (labelled ? values.size() : labels.size()) == 0,
          "the loss ", loss->name(), " compares with ",
          labelled ? "labels, the targets are numbers" : "numbers, the targets are labels");
  if (labelled) {
    require(labels.rows() == B && labels.cols() == steps, "labels must be [", B, ",", steps,
            "], got [", labels.rows(), ",", labels.cols(), "]");
  } else {
    require(values.rows() == B && values.cols() == outputs * steps, "target values must be [", B,
            ",", outputs * steps, "], got [", values.rows(), ",", values.cols(), "]");
  }
  for (Index n = 0; n < steps; ++n) {
    for (Index b = 0; b < B; ++b) {
      if (n >= timing.length(b) || targets.weight(b, n) == 0) continue;
      if (labelled) {
        require(labels(b, n) >= 0 && labels(b, n) < outputs, "a label must lie in 0..", outputs - 1,
                ", got ", labels(b, n), " for sample ", b, " of the batch");
        continue;
      }
      for (Index o = 0; o < outputs; ++o) {
        loss->check_target(static_cast<double>(values(b, n * outputs + o)));
      }
    }
  }
}

namespace detail {

/// Takes the predictions of sample b and their targets out of a batch.
template <class Scalar>
void take_sample(const Loss& loss, const Matrix<Scalar>& y, Index outputs, const Timing& timing,
                 const Targets<Scalar>& targets, Index b, SamplePredictions& sample) {
  const Index N = std::min(timing.length(b), y.cols() / outputs);
  const auto columns = [&](const Matrix<Scalar>& rows) {  // [O,N]
    return rows.row(b).head(outputs * N).template cast<double>().reshaped(outputs, N);
  };
  sample.y = columns(y);
  sample.weights.resize(N);
  for (Index n = 0; n < N; ++n) sample.weights(n) = targets.weight(b, n);
  if (!loss.has_labels()) {
    sample.values = columns(targets.values);
    return;
  }
  sample.labels.resize(static_cast<std::size_t>(N));
  for (Index n = 0; n < N; ++n) {
    const int label = targets.labels(b, n);
    sample.labels[static_cast<std::size_t>(n)] = label;
    if (sample.weights(n) > 0) sample.weights(n) *= loss->label_weight(label);
  }
}

/// evaluate_loss, for arguments that were checked.
template <class Scalar>
LossValue evaluate_checked_loss(const Loss& loss, const Matrix<Scalar>& y, Index outputs,
                                const Timing& timing, const Targets<Scalar>& targets,
                                Matrix<Scalar>& dy, std::optional<double> predictions = {}) {
  const Index steps = y.cols() / outputs;
  GLSTM_ASSERT(y.rows() == timing.batch && y.cols() == outputs * steps);
  LossValue value;
  value.weight = weight_of_predictions(loss, timing, steps, targets);
  dy.setZero(y.rows(), y.cols());
  if (value.weight == 0) return value;
  const double mean_over = predictions.value_or(value.weight);
  SamplePredictions sample;
  Matrix<double> dy_b;
  for (Index b = 0; b < y.rows(); ++b) {
    take_sample(loss, y, outputs, timing, targets, b, sample);
    const Index N = sample.y.cols(), known = (sample.weights.array() > 0).count();
    if (known == 0) continue;
    value.count += known;
    dy_b.setZero(outputs, N);
    value.loss += loss->evaluate(sample, dy_b);
    dy.row(b).head(outputs * N) =
        (dy_b / mean_over).template cast<Scalar>().reshaped(1, outputs * N);
    const Decisions decisions = loss->decisions(sample);
    value.decisions.right += decisions.right;
    value.decisions.all += decisions.all;
  }
  value.loss /= value.weight;
  return value;
}

}  // namespace detail

/// Evaluates a loss and its gradient.
///
///     y            [B, O*N]  predictions: N = 1 when the last step is read out, else T
///     dy           [B, O*N]  out; zero for steps past a sample's length
///     predictions            the weight of the predictions that the loss behind dy is a mean over:
///                            by default that of these samples; for a part of a larger batch, that
///                            of the whole batch
///
/// The value is the mean over the predictions of these samples, each with its weight. Throws Error,
/// before dy is written, if y is not [B, O*N] or where check_targets does.
template <class Scalar>
LossValue evaluate_loss(const Loss& loss, const Matrix<Scalar>& y, Index outputs,
                        const Timing& timing, const Targets<Scalar>& targets, Matrix<Scalar>& dy,
                        std::optional<double> predictions = {}) {
  detail::require(outputs >= 1 && y.rows() == timing.batch &&
                      (y.cols() == outputs || y.cols() == outputs * timing.steps),
                  "predictions must be [B,O] or [B, O*T] with B ", timing.batch, ", O ", outputs,
                  " and T ", timing.steps, ", got [", y.rows(), ",", y.cols(), "]");
  check_targets(loss, outputs, y.cols() / outputs, timing, targets);
  return detail::evaluate_checked_loss(loss, y, outputs, timing, targets, dy, predictions);
}

GLSTM_END_NAMESPACE
