// The losses that come with glstm.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "glstm/core/error.hpp"
#include "glstm/core/parse_number.hpp"
#include "glstm/core/split.hpp"
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
  void to_probabilities(Eigen::Ref<Vector<double>> y) const override {
    for (double& output : y) output = logistic_of(output);
  }
};

class ErrorToSignalRatio final : public LossFunction {
 public:
  std::string name() const override { return "error_to_signal_ratio"; }
  double evaluate(const SamplePredictions& sample, Matrix<double>& dy) const override {
    constexpr double least = 1e-5;  // of the mean power, so that silence has a finite loss
    const auto weights = sample.weights.transpose().array();
    const double weight = weights.sum();
    double error_power = 0, power = least * weight * static_cast<double>(sample.y.rows());
    for (Index n = 0; n < sample.y.cols(); ++n) {
      if (sample.weights(n) == 0) continue;
      error_power += sample.weights(n) * (sample.y.col(n) - sample.values.col(n)).squaredNorm();
      power += sample.weights(n) * sample.values.col(n).squaredNorm();
    }
    for (Index n = 0; n < sample.y.cols(); ++n) {
      if (sample.weights(n) == 0) continue;
      dy.col(n) =
          (2 * weight * sample.weights(n) / power) * (sample.y.col(n) - sample.values.col(n));
    }
    return weight * error_power / power;
  }
};

}  // namespace detail

/// The mean of (y - target)^2 over outputs and predictions.
inline Loss mean_squared_error() { return detail::MeanSquaredError(); }
/// The mean of |y - target|.
inline Loss mean_absolute_error() { return detail::MeanAbsoluteError(); }

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

  double label_weight(int label) const override {
    if (options_.class_weights.empty()) return 1;
    require(label >= 0 && static_cast<std::size_t>(label) < options_.class_weights.size(),
            "there are ", options_.class_weights.size(), " class_weights, none for label ", label);
    return options_.class_weights[static_cast<std::size_t>(label)];
  }

  double evaluate(const SamplePredictions& sample, Matrix<double>& dy) const override {
    const double spread = options_.label_smoothing / static_cast<double>(sample.y.rows());
    double sum = 0;
    for (Index n = 0; n < sample.y.cols(); ++n) {
      const double weight = sample.weights(n);
      if (weight == 0) continue;
      const auto y = sample.y.col(n);
      auto dy_n = dy.col(n);
      const double largest = y.maxCoeff();
      dy_n = (y.array() - largest).exp();
      const double exponentials = dy_n.sum(), log_sum = largest + std::log(exponentials);
      const Index label = sample.labels[static_cast<std::size_t>(n)];
      double loss = (1 - options_.label_smoothing) * (log_sum - y(label));
      if (spread > 0) loss += spread * (log_sum - y.array()).sum();
      sum += weight * loss;
      dy_n *= weight / exponentials;
      dy_n.array() -= weight * spread;
      dy_n(label) -= weight * (1 - options_.label_smoothing);
    }
    return sum;
  }

  Decisions decisions(const SamplePredictions& sample) const override {
    Decisions found;
    for (Index n = 0; n < sample.y.cols(); ++n) {
      if (sample.weights(n) == 0) continue;
      Index predicted = 0;
      sample.y.col(n).maxCoeff(&predicted);
      ++found.all;
      found.right += predicted == sample.labels[static_cast<std::size_t>(n)] ? 1 : 0;
    }
    return found;
  }
  bool has_probabilities() const override { return true; }
  void to_probabilities(Eigen::Ref<Vector<double>> y) const override {
    y = (y.array() - y.maxCoeff()).exp();
    y /= y.sum();
  }

 private:
  CrossEntropyOptions options_;
};

/// A loss that a file names and glstm does not have: the network predicts, but does not learn.
class UnknownLoss final : public LossFunction {
 public:
  explicit UnknownLoss(std::string name) : name_(std::move(name)) {}
  std::string name() const override { return name_; }
  void check_target(double) const override { fail_unknown(); }
  double evaluate(const SamplePredictions&, Matrix<double>&) const override { fail_unknown(); }

 private:
  [[noreturn]] void fail_unknown() const {
    fail("the loss \"" + name_ +
         "\" of this network is not one of glstm: give the network yours, with "
         "Network::set_loss");
  }
  std::string name_;
};

}  // namespace detail

/// One class of several: the outputs are the logits of their softmax. The mean of
/// -log softmax(y)[label].
inline Loss cross_entropy(const CrossEntropyOptions& options) {
  return detail::CrossEntropy(options);
}

/// The loss of that LossFunction::name. One that glstm does not have throws Error when it is
/// evaluated. Throws Error if a number in the name is out of range.
inline Loss loss_of_name(std::string_view name) {
  const std::size_t open = name.find('(');
  const std::string_view kind = name.substr(0, open);
  std::vector<double> numbers;
  if (open != name.npos && name.ends_with(')')) {
    for (const std::string_view text :
         detail::split(name.substr(open + 1, name.size() - open - 2), ',')) {
      const std::optional<double> number = detail::parse_number<double>(text);
      if (!number) return detail::UnknownLoss(std::string(name));
      numbers.push_back(*number);
    }
  }
  const std::size_t count = numbers.size();
  if (kind == "softmax_cross_entropy" && count == 0) return cross_entropy;
  if (kind == "softmax_cross_entropy") {
    return cross_entropy({numbers[0], {numbers.begin() + 1, numbers.end()}});
  }
  if (kind == "huber" && count == 1) return huber({numbers[0]});
  for (Loss (*make)() :
       {mean_squared_error, mean_absolute_error, binary_cross_entropy, error_to_signal_ratio}) {
    if (count == 0 && make()->name() == name) return make;
  }
  return detail::UnknownLoss(std::string(name));
}

GLSTM_END_NAMESPACE
