#include "glstm/train/fit.hpp"

#include <sstream>
#include <string>
#include <vector>

#include "catch.hpp"
#include "glstm/data/adding_task.hpp"
#include "glstm/data/array_dataset.hpp"
#include "glstm/train/evaluate.hpp"
#include "glstm/train/predict.hpp"

namespace fit_test {

using namespace glstm;

namespace {

/// Noise of 30 steps with a bump in one of two features, the class; the label of each step where
/// `every_step`.
ArrayDataset<float> bumps(Index count, bool every_step, std::uint64_t seed) {
  Rng rng(seed);
  std::vector<float> x(static_cast<std::size_t>(count * 60));
  std::vector<int> labels;
  std::vector<Index> lengths;
  for (float& value : x) value = static_cast<float>(0.3 * rng.normal());
  for (Index s = 0; s < count; ++s) {
    const int label = static_cast<int>(rng.below(2));
    for (Index n = 10; n < 14; ++n) x[static_cast<std::size_t>((s * 30 + n) * 2 + label)] += 2;
    labels.insert(labels.end(), every_step ? 30 : 1, label);
    lengths.push_back(20 + rng.below(11));
  }
  return {x, labels, {.features = 2, .steps = 30, .every_step = every_step, .lengths = lengths}};
}

}  // namespace

TEST_CASE("fit, evaluate and predict_classes learn classes from arrays") {
  for (const bool every_step : {false, true}) {
    CAPTURE(every_step);
    const ArrayDataset<float> training = bumps(200, every_step, 1),
                              test = bumps(250, every_step, 2);
    Rng rng(1);
    GLstm<float> network({.inputs = 2,
                          .hidden = {16},
                          .outputs = 2,
                          .readout = every_step ? Readout::every_step : Readout::last_step,
                          .loss = cross_entropy});
    network.initialize({.gates = {.end = training.last_time(), .open_share = 0.3}}, rng);
    std::ostringstream progress;
    const EpochReport report = fit(network, training, {.epochs = 20, .progress = progress}, &test);
    CHECK(report.epochs == 20);
    check_mentions(progress.str(), {"epoch   1 ", "epoch  20 ", "accuracy"});
    const Evaluation result = evaluate(network, test);
    CHECK(result.accuracy() > (every_step ? 0.75 : 0.95));  // half of the steps before the bump

    const Matrix<float> outputs = predict(network, test), chances = probabilities(network, test);
    const std::vector<int> classes = predict_classes(network, test);
    Index right = 0, all = 0, longest = 0;
    for (Index s = 0; s < test.size(); ++s) longest = std::max(longest, test.length_of(s));
    const Index predictions = every_step ? longest : 1;
    REQUIRE(outputs.rows() == 250);
    REQUIRE(outputs.cols() == 2 * predictions);
    REQUIRE(static_cast<Index>(classes.size()) == 250 * predictions);
    LabelledBatch<float> one;
    for (Index s = 0; s < 250; ++s) {
      test.load(std::vector<Index>{s}, one);
      Matrix<float> alone;
      predict(network, one.input, alone);
      for (Index n = 0; n < predictions; ++n) {
        const int found = classes[static_cast<std::size_t>(s * predictions + n)];
        if (every_step && n >= test.length_of(s)) {
          CHECK(found == -1);
          CHECK(outputs.row(s).segment(2 * n, 2).isZero(0));
          CHECK(chances.row(s).segment(2 * n, 2).isZero(0));
          continue;
        }
        CHECK((outputs.row(s).segment(2 * n, 2) - alone.row(0).segment(2 * n, 2)).norm() < 1e-4);
        CHECK(chances.row(s).segment(2 * n, 2).sum() == Approx(1));
        CHECK(found == (chances(s, 2 * n + 1) > chances(s, 2 * n) ? 1 : 0));
        right += found == one.targets.labels(0, n) ? 1 : 0;
        ++all;
      }
    }
    CHECK(static_cast<double>(right) / static_cast<double>(all) == Approx(result.accuracy()));
  }
}

TEST_CASE("fit does the same for the same seed, meets a target share, and keeps the best epoch") {
  const AddingTask<float> training(60, 500, 1), validation(60, 100, 2);
  const auto trained = [&](const FitOptions& options, const Dataset<float>* held_out = nullptr) {
    GLstm<float> network({.inputs = 2, .hidden = {24}});
    Rng rng(1);
    network.initialize({.gates = {.end = 60, .open_share = 0.3}}, rng);
    fit(network, training, options, held_out);
    return network;
  };
  const GLstm<float> one = trained({.epochs = 3});
  CHECK(one.parameters == trained({.epochs = 3, .threads = 2}).parameters);
  CHECK(one.parameters != trained({.epochs = 3, .seed = 2}).parameters);
  CHECK(one.parameters != trained({.epochs = 3, .dropout = 0.3}).parameters);
  CHECK(one.parameters != trained({.epochs = 3, .weight_decay = 0.5}).parameters);
  const double share =
      evaluate(trained({.epochs = 60, .target_share = 0.1}), validation).ops.update_share();
  CHECK(share < 0.105);
  CHECK(share > 0.05);
  // At this rate the last epoch is not the best one.
  const FitOptions wild{.epochs = 8, .learning_rate = 0.5};
  CHECK(evaluate(trained(wild, &validation), validation).loss() <=
        evaluate(trained(wild), validation).loss());
}

TEST_CASE("what cannot be fitted or predicted is an error") {
  const AddingTask<float> data(20, 10, 1);
  GLstm<float> network({.inputs = 2, .hidden = {4}});
  check_mentions(error_of([&] { fit(network, data); }), {"initialize"});
  Rng rng(1);
  network.initialize({.gates = {.end = 20}}, rng);
  check_mentions(error_of([&] { fit(network, data, {.batch = 0}); }), {"at least one sample"});
  check_mentions(error_of([&] { fit(network, data, {.dropout = 1}); }), {"dropout"});
  check_mentions(error_of([&] { fit(network, data, {.target_share = 0}); }), {"target share"});
  check_mentions(error_of([&] { probabilities(network, data); }), {"mean_squared_error"});
  check_mentions(error_of([&] { predict_classes(network, data); }), {"labels", "mean_squared"});
}

}  // namespace fit_test
