// The losses that come with glstm.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "glstm/core/error.hpp"
#include "glstm/core/text.hpp"
#include "glstm/nn/loss.hpp"

GLSTM_BEGIN_NAMESPACE

namespace detail {

inline double logistic_of(double y) { return 1 / (1 + std::exp(-y)); }

class MeanSquaredError final : public ElementwiseLoss {
 public:
  std::string name() const override { return "mean_squared_error"; }
  Term term(double y, double target) const override {
    return {(y - target) * (y - target), 2 * (y - target)};
  }
};

class MeanAbsoluteError final : public ElementwiseLoss {
 public:
  std::string name() const override { return "mean_absolute_error"; }
  Term term(double y, double target) const override {
    const double error = y - target;
    return {std::abs(error), error > 0 ? 1.0 : error < 0 ? -1.0 : 0.0};
  }
};

class Huber final : public ElementwiseLoss {
 public:
  explicit Huber(double delta) : delta_(delta) {
    require(std::isfinite(delta) && delta > 0,
            "the delta of a Huber loss must be positive and finite, got ", delta);
  }
  std::string name() const override { return text_of("huber(", number_text(delta_), ")"); }
  Term term(double y, double target) const override {
    const double error = y - target, size = std::abs(error);
    if (size <= delta_) return {error * error / 2, error};
    return {delta_ * (size - delta_ / 2), std::copysign(delta_, error)};
  }

 private:
  double delta_;
};

class BinaryCrossEntropy final : public ElementwiseLoss {
 public:
  std::string name() const override { return "binary_cross_entropy"; }
  void check_target(double target) const override {
    require(target >= 0 && target <= 1, "a target of binary_cross_entropy must lie in [0, 1], got ",
            target);
  }
  Term term(double y, double target) const override {
    // log(1 + exp(y)) - target y, without overflow.
    const double loss = std::max(y, 0.0) + std::log1p(std::exp(-std::abs(y))) - target * y;
    return {loss, logistic_of(y) - target};
  }
  Decisions decisions(const SamplePredictions& sample) const override {
    Decisions found;
    for (Index n = 0; n < sample.y.cols(); ++n) {
      if (sample.weights(n) == 0) continue;
      for (Index o = 0; o < sample.y.rows(); ++o, ++found.all) {
        found.right += (sample.y(o, n) > 0) == (sample.values(o, n) > 0.5) ? 1 : 0;
      }
    }
    return found;
  }
  bool has_probabilities() const override { return true; }
  void to_probabilities(std::span<double> y) const override {
    for (double& output : y) output = logistic_of(output);
  }
};

class ErrorToSignalRatio final : public LossFunction {
 public:
  std::string name() const override { return "error_to_signal_ratio"; }
  double evaluate(const SamplePredictions& sample, Matrix<double>& dy) const override {
    constexpr double least = 1e-5;  // of the mean power, so that silence has a finite loss
    double weight = 0, error_power = 0, power = 0;
    for_each(sample, [&](Index o, Index n, double part) {
      weight += o == 0 ? part : 0;
      const double target = sample.values(o, n), error = sample.y(o, n) - target;
      error_power += part * error * error;
      power += part * (target * target + least);
    });
    for_each(sample, [&](Index o, Index n, double part) {
      dy(o, n) = 2 * weight * part / power * (sample.y(o, n) - sample.values(o, n));
    });
    return weight * error_power / power;
  }

 private:
  template <class Use>
  static void for_each(const SamplePredictions& sample, Use&& use) {
    for (Index n = 0; n < sample.y.cols(); ++n) {
      for (Index o = 0; o < sample.y.rows() && sample.weights(n) > 0; ++o) {
        use(o, n, sample.weights(n));
      }
    }
  }
};

}  // namespace detail

/// The mean of (y - target)^2 over outputs and predictions.
inline Loss mean_squared_error() { return detail::MeanSquaredError(); }
/// The mean of |y - target|.
inline Loss mean_absolute_error() { return detail::MeanAbsoluteError(); }

/// The option of huber.
struct HuberOptions {
  double delta = 1;  ///< the error from which on the loss is linear, in the unit of the targets
};
/// The mean of (y - target)^2 / 2 where |y - target| <= delta, else of delta (|y - target| -
/// delta / 2).
inline Loss huber(const HuberOptions& options) { return detail::Huber(options.delta); }

/// Several classes that exclude nothing: each output is the logit of a probability of its own. The
/// mean of -target log p - (1 - target) log(1 - p), for targets in [0, 1].
inline Loss binary_cross_entropy() { return detail::BinaryCrossEntropy(); }

/// For audio: in each sample, the sum of (y - target)^2 over outputs and predictions, divided by
/// the sum of target^2 (plus 1e-5 for each term). A mean over samples, each with the weight of its
/// predictions. Masked predictions are left out of both sums.
inline Loss error_to_signal_ratio() { return detail::ErrorToSignalRatio(); }

/// The options of cross_entropy.
struct CrossEntropyOptions {
  double label_smoothing = 0;  ///< in [0, 1): this part of the target is spread over all classes
  /// [O] how much a prediction counts, by its class; none: all 1. The loss stays a mean: a class of
  /// weight 2 counts as if its samples were there twice.
  std::vector<double> class_weights = {};
};

namespace detail {

class CrossEntropy final : public LossFunction {
 public:
  explicit CrossEntropy(CrossEntropyOptions options) : options_(std::move(options)) {
    const double smoothing = options_.label_smoothing;
    require(smoothing >= 0 && smoothing < 1, "label_smoothing must lie in [0, 1), got ", smoothing);
    for (const double weight : options_.class_weights) {
      require(std::isfinite(weight) && weight > 0,
              "class_weights must be positive and finite, got ", weight);
    }
  }

  std::string name() const override {
    std::string text = "softmax_cross_entropy";
    if (options_.label_smoothing > 0 || !options_.class_weights.empty()) {
      text += "(" + number_text(options_.label_smoothing);
      for (const double weight : options_.class_weights) text += "," + number_text(weight);
      text += ")";
    }
    return text;
  }
  TargetKind target_kind() const override { return TargetKind::labels; }

  void check_outputs(Index outputs) const override {
    const Index weights = static_cast<Index>(options_.class_weights.size());
    require(weights == 0 || weights == outputs, "expected class_weights for ", outputs,
            " outputs, got ", weights);
  }

  double label_weight(int label) const override {
    if (options_.class_weights.empty()) return 1;
    require(label >= 0 && static_cast<std::size_t>(label) < options_.class_weights.size(),
            "there are ", options_.class_weights.size(), " class_weights, none for label ", label);
    return options_.class_weights[static_cast<std::size_t>(label)];
  }

  double evaluate(const SamplePredictions& sample, Matrix<double>& dy) const override {
    const Index classes = sample.y.rows();
    const double spread = options_.label_smoothing / static_cast<double>(classes);
    double sum = 0;
    for (Index n = 0; n < sample.y.cols(); ++n) {
      const double weight = sample.weights(n);
      if (weight == 0) continue;
      const double* y = &sample.y(0, n);
      const double largest = y[largest_of(y, classes)];
      double exponentials = 0;
      for (Index o = 0; o < classes; ++o) exponentials += std::exp(y[o] - largest);
      const double log_sum = largest + std::log(exponentials);
      const Index label = sample.labels[static_cast<std::size_t>(n)];
      for (Index o = 0; o < classes; ++o) {
        const double target = spread + (o == label ? 1 - options_.label_smoothing : 0);
        if (target > 0) sum += weight * target * (log_sum - y[o]);
        dy(o, n) = weight * (std::exp(y[o] - largest) / exponentials - target);
      }
    }
    return sum;
  }

  Decisions decisions(const SamplePredictions& sample) const override {
    Decisions found;
    for (Index n = 0; n < sample.y.cols(); ++n) {
      if (sample.weights(n) == 0) continue;
      const Index predicted = largest_of(&sample.y(0, n), sample.y.rows());
      ++found.all;
      found.right += predicted == sample.labels[static_cast<std::size_t>(n)] ? 1 : 0;
    }
    return found;
  }
  bool has_probabilities() const override { return true; }
  void to_probabilities(std::span<double> y) const override {
    const double largest = *std::max_element(y.begin(), y.end());
    double sum = 0;
    for (double& output : y) sum += output = std::exp(output - largest);
    for (double& output : y) output /= sum;
  }

 private:
  static Index largest_of(const double* y, Index count) {
    return std::max_element(y, y + count) - y;
  }

  CrossEntropyOptions options_;
};

}  // namespace detail

/// One class of several: the outputs are the logits of their softmax. The mean of
/// -log softmax(y)[label].
inline Loss cross_entropy(const CrossEntropyOptions& options) {
  return detail::CrossEntropy(options);
}

GLSTM_END_NAMESPACE
