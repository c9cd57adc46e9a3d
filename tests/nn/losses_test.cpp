#include "glstm/nn/losses.hpp"

#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "catch.hpp"
#include "glstm/nn/loss_names.hpp"
#include "glstm/nn/network.hpp"
#include "glstm/testing/gradient_check.hpp"
#include "nn/network_gradient.hpp"

namespace losses_test {

using namespace glstm;

namespace {

// A user's own loss: 90 % of the targets shall lie below the predictions.
struct Quantile final : ElementwiseLoss {
  std::string name() const override { return "quantile(0.9)"; }
  Term term(double y, double target) const override {
    if (target > y) return {0.9 * (target - y), -0.9};
    return {0.1 * (y - target), 0.1};
  }
};

// One whose gradient is wrong.
struct Wrong final : ElementwiseLoss {
  std::string name() const override { return "wrong"; }
  Term term(double y, double target) const override { return {(y - target) * (y - target), y}; }
};

std::vector<Loss> all_losses() {
  return {mean_squared_error,
          mean_absolute_error,
          huber,
          huber({.delta = 0.3}),
          binary_cross_entropy,
          error_to_signal_ratio,
          cross_entropy,
          cross_entropy({.label_smoothing = 0.2}),
          cross_entropy({.class_weights = {0.5, 1, 4}}),
          cross_entropy({.label_smoothing = 0.1, .class_weights = {0.5, 1, 4}}),
          Quantile()};
}

constexpr Index outputs = 3;

/// Random targets of both kinds for the loss, [B,N], without weights.
Targets<double> random_targets(const Loss& loss, Index batch, Index predictions, Rng& rng) {
  Targets<double> targets;
  if (loss.has_labels()) {
    targets.labels = random_labels(batch, predictions, outputs, rng);
    return targets;
  }
  const bool probabilities = loss == Loss(binary_cross_entropy);
  targets.values.resize(batch, outputs * predictions);
  for (double& value : targets.values.reshaped()) {
    value = probabilities ? rng.uniform() : 2 * rng.normal();
  }
  return targets;
}

Matrix<double> random_matrix(Index rows, Index columns, Rng& rng) {
  Matrix<double> matrix(rows, columns);
  for (double& value : matrix.reshaped()) value = rng.normal();
  return matrix;
}

LossValue evaluate_all(const Loss& loss, const Matrix<double>& y, const Timing& timing,
                       const Targets<double>& targets, Matrix<double>& dy) {
  return evaluate_loss(loss, y, outputs, timing, targets, dy);
}

}  // namespace

TEST_CASE("losses are their formulas") {
  SamplePredictions sample;
  sample.y = (Matrix<double>(2, 2) << 1, -2, 3, 0.5).finished();
  sample.values = (Matrix<double>(2, 2) << 0.5, 1, 3, 0).finished();
  sample.weights = (Vector<double>(2) << 2, 1).finished();
  Matrix<double> dy = Matrix<double>::Zero(2, 2);
  const auto value = [&](const Loss& loss) { return loss->evaluate(sample, dy); };
  // errors: 0.5, 0 in the first prediction, which counts twice; -3, 0.5 in the second
  CHECK(value(mean_squared_error) == Approx(2 * 0.25 / 2 + (9 + 0.25) / 2));
  CHECK(value(mean_absolute_error) == Approx(2 * 0.5 / 2 + 3.5 / 2));
  CHECK(value(huber) == Approx(2 * 0.125 / 2 + (2.5 + 0.125) / 2));
  CHECK(value(huber({.delta = 4})) == Approx(value(mean_squared_error) / 2));
  CHECK(value(error_to_signal_ratio) ==
        Approx(3 * (2 * 0.25 + 9.25) / (2 * (0.25 + 9) + 1 + 1e-5 * 3 * 2)));
  const auto term = [](double y, double t) {
    const double p = 1 / (1 + std::exp(-y));
    return -t * std::log(p) - (1 - t) * std::log(1 - p);
  };
  sample.values = (Matrix<double>(2, 2) << 0.5, 1, 1, 0).finished();
  CHECK(value(binary_cross_entropy) ==
        Approx(2 * (term(1, 0.5) + term(3, 1)) / 2 + (term(-2, 1) + term(0.5, 0)) / 2));
  const Decisions decisions = Loss(binary_cross_entropy)->decisions(sample);
  CHECK(decisions.all == 4);
  CHECK(decisions.right == 1);  // 3 for 1; not 1 for 0.5, -2 for 1, 0.5 for 0
  sample.labels = {1, 0};
  const auto log_softmax = [](double y, double other) {
    return y - std::log(std::exp(y) + std::exp(other));
  };
  CHECK(value(cross_entropy) == Approx(-2 * log_softmax(3, 1) - log_softmax(-2, 0.5)));
  CHECK(value(cross_entropy({.label_smoothing = 0.2})) ==
        Approx(-2 * (0.9 * log_softmax(3, 1) + 0.1 * log_softmax(1, 3)) -
               (0.9 * log_softmax(-2, 0.5) + 0.1 * log_softmax(0.5, -2))));
  SECTION("and do not overflow") {
    sample.y *= 1e4;
    CHECK(std::isfinite(value(binary_cross_entropy)));
    CHECK(std::isfinite(value(cross_entropy)));
    CHECK(dy.allFinite());
  }
}

TEST_CASE("probabilities follow from the outputs") {
  Vector<double> y = (Vector<double>(3) << 1e4, 1e4, -5).finished();
  Loss(cross_entropy)->to_probabilities({y.data(), 3});
  CHECK((y - (Vector<double>(3) << 0.5, 0.5, 0).finished()).norm() < 1e-12);
  y << 0, 1e4, -1e4;
  Loss(binary_cross_entropy)->to_probabilities({y.data(), 3});
  CHECK((y - (Vector<double>(3) << 0.5, 1, 0).finished()).norm() < 1e-12);
  CHECK_FALSE(Loss(huber)->has_probabilities());
}

TEST_CASE("the gradients of losses agree with central differences") {
  Rng rng(1);
  for (const Loss& loss : all_losses()) {
    CAPTURE(loss->name());
    SamplePredictions sample;
    sample.y = random_matrix(outputs, 5, rng);
    const Targets<double> targets = random_targets(loss, 1, 5, rng);
    if (loss.has_labels()) {
      sample.labels = listed(targets.labels);
    } else {
      sample.values = targets.values.reshaped(outputs, 5);
    }
    sample.weights = (Vector<double>(5) << 1, 0, 0.3, 2, 5).finished();
    CHECK(testing::check_loss(loss, sample) < 1e-7);
    Matrix<double> dy = Matrix<double>::Zero(outputs, 5);
    loss->evaluate(sample, dy);
    CHECK(dy.col(1).isZero(0));  // its weight is 0
  }
  SamplePredictions one;
  one.y = one.values = Matrix<double>::Constant(1, 1, 0.7);
  one.weights = Vector<double>::Ones(1);
  CHECK(testing::check_loss(Wrong(), one) > 1);
}

TEST_CASE("a network learns from every loss: gradients on both paths, ragged, masked") {
  for (const Loss& loss : all_losses()) {
    for (const Readout readout : {Readout::last_step, Readout::every_step}) {
      CAPTURE(loss->name(), static_cast<int>(readout));
      Rng rng(3);
      GLstm<double> network(
          {.inputs = 2, .hidden = {4}, .outputs = outputs, .readout = readout, .loss = loss});
      network.initialize({.gates = {.end = 6, .open_share = 0.6}}, rng);
      LabelledBatch<double> batch;
      batch.resize(3, 6, 2);
      batch.input.values = random_matrix(3, 12, rng);
      batch.input.timing.lengths = {6, 3, 5};
      const Index predictions = network.predictions_per_sample(batch.input.timing);
      batch.targets = random_targets(loss, 3, predictions, rng);
      batch.targets.weights = random_matrix(3, predictions, rng).cwiseAbs();
      if (predictions > 1) batch.targets.weights(0, 2) = batch.targets.weights(2, 0) = 0;
      for (const Path path : {Path::scheduled, Path::reference}) {
        GLstm<double>::Tape tape;
        Vector<double> gradient = Vector<double>::Zero(network.layout().size());
        network.add_gradient(batch, 0, tape, gradient, path);
        CHECK(gradient_difference(network, batch, path, gradient) < 1e-7);
      }
    }
  }
}

TEST_CASE("a mask of 0 is a step left out, weights are repetitions") {
  Rng rng(2);
  const Timing five{.batch = 1, .steps = 5}, three{.batch = 1, .steps = 3};
  for (const Loss& loss : all_losses()) {
    CAPTURE(loss->name());
    const Matrix<double> y = random_matrix(1, outputs * 5, rng);
    Targets<double> targets = random_targets(loss, 1, 5, rng), some;
    Matrix<double> dy, dy_some, y_some(1, 0);
    targets.weights = (Matrix<double>(1, 5) << 1, 0, 1, 0, 1).finished();
    y_some.resize(1, outputs * 3);
    some.labels.resize(1, 3);
    some.values.resize(1, outputs * 3);
    for (Index n = 0; n < 3; ++n) {
      y_some.middleCols(n * outputs, outputs) = y.middleCols(2 * n * outputs, outputs);
      if (loss.has_labels()) {
        some.labels(0, n) = targets.labels(0, 2 * n);
      } else {
        some.values.middleCols(n * outputs, outputs) =
            targets.values.middleCols(2 * n * outputs, outputs);
      }
    }
    if (loss.has_labels()) {
      targets.labels(0, 1) = 99;  // anything
    } else {
      targets.values(0, outputs) = std::numeric_limits<double>::quiet_NaN();
    }
    const LossValue masked = evaluate_all(loss, y, five, targets, dy);
    const LossValue left_out = evaluate_all(loss, y_some, three, some, dy_some);
    CHECK(masked.loss == Approx(left_out.loss).epsilon(1e-12));
    CHECK(masked.count == 3);
    CHECK(masked.decisions.all == left_out.decisions.all);
    CHECK(masked.decisions.right == left_out.decisions.right);
    for (Index n = 0; n < 3; ++n) {
      CHECK((dy.middleCols(2 * n * outputs, outputs) - dy_some.middleCols(n * outputs, outputs))
                .norm() < 1e-14);
    }
  }
  SECTION("of classes") {  // class 2 counts twice: as if its sample were there twice
    const Matrix<double> y = random_matrix(2, outputs, rng);
    Matrix<double> y_three(3, outputs), dy, dy_three;
    y_three << y, y.row(1);
    const Timing two{.batch = 2, .steps = 1}, of_three{.batch = 3, .steps = 1};
    const LossValue weighted = evaluate_all(cross_entropy({.class_weights = {1, 1, 2}}), y, two,
                                            {.labels = labels_of({0, 2})}, dy);
    const LossValue repeated =
        evaluate_all(cross_entropy, y_three, of_three, {.labels = labels_of({0, 2, 2})}, dy_three);
    CHECK(weighted.loss == Approx(repeated.loss).epsilon(1e-12));
    CHECK(weighted.weight == 3);
    CHECK((dy.row(0) - dy_three.row(0)).norm() < 1e-14);
    CHECK((dy.row(1) - dy_three.row(1) - dy_three.row(2)).norm() < 1e-14);
  }
}

TEST_CASE("losses are known by their names") {
  for (const Loss& loss : all_losses()) {
    CAPTURE(loss->name());
    CHECK(loss_of_name(loss->name()) == loss);
  }
  CHECK(loss_of_name("huber(0.30000000000000004)")->name() == "huber(0.30000000000000004)");
  CHECK(Loss(cross_entropy)->name() == "softmax_cross_entropy");
  SamplePredictions sample;
  sample.y = sample.values = Matrix<double>::Ones(1, 1);
  sample.weights = Vector<double>::Ones(1);
  Matrix<double> dy = Matrix<double>::Zero(1, 1);
  for (const char* name :
       {"quantile(0.9)", "huber", "huber(x)", "huber(1", "huber(1,2)", "hinge"}) {
    const Loss unknown = loss_of_name(name);
    CHECK(unknown->name() == name);
    check_mentions(error_of([&] { unknown->evaluate(sample, dy); }), {name, "set_loss"});
  }
}

TEST_CASE("losses out of range are errors") {
  const double infinity = std::numeric_limits<double>::infinity();
  check_mentions(error_of([] { huber({.delta = 0}); }), {"delta", "got 0"});
  check_mentions(error_of([] { cross_entropy({.label_smoothing = 1}); }), {"[0, 1)", "got 1"});
  check_mentions(error_of([&] {
                   cross_entropy({.class_weights = {1, infinity}});
                 }),
                 {"class_weights", "inf"});
  check_mentions(error_of([] { loss_of_name("huber(-1)"); }), {"delta", "-1"});
  Matrix<double> dy;
  const Matrix<double> y = Matrix<double>::Zero(1, outputs);
  const Timing one{.batch = 1, .steps = 1};
  check_mentions(error_of([&] {
                   evaluate_all(binary_cross_entropy, y, one,
                                {.values = Matrix<double>::Constant(1, outputs, 2)}, dy);
                 }),
                 {"[0, 1]", "got 2"});
  check_mentions(error_of([&] {
                   evaluate_all(cross_entropy({.class_weights = {1, 2}}), y, one,
                                {.labels = labels_of({2})}, dy);
                 }),
                 {"class_weights for 3 outputs", "got 2"});
  const auto two = cross_entropy({.class_weights = {1, 2}});
  check_mentions(error_of([&] {  // as Network::mean_counts asks, which checks no targets
                   weight_of_predictions(two, one, 1, Targets<double>{.labels = labels_of({2})});
                 }),
                 {"2 class_weights", "label 2"});
  check_mentions(error_of([&] { Lstm<float>({.outputs = 3, .loss = two}); }), {"class_weights"});
  Lstm<float> network({.outputs = 3});
  check_mentions(error_of([&] { network.set_loss(two); }), {"class_weights for 3", "got 2"});
  CHECK(network.options().loss->name() == "mean_squared_error");
  check_mentions(error_of([&] { evaluate_all(cross_entropy, y, one, {.values = y}, dy); }),
                 {"softmax_cross_entropy", "labels, the targets are numbers"});
  check_mentions(
      error_of([&] { evaluate_all(mean_squared_error, y, one, {.labels = labels_of({2})}, dy); }),
      {"numbers, the targets are labels"});
}

}  // namespace losses_test
