// Weights of targets: how much each prediction counts in the loss.
#include <limits>
#include <string>
#include <vector>

#include "catch.hpp"
#include "glstm/nn/network.hpp"
#include "glstm/testing/gradient_check.hpp"
#include "glstm/train/sharding.hpp"

namespace weighted_targets_test {

using glstm::cross_entropy;
using glstm::Evaluation;
using glstm::GLstm;
using glstm::Index;
using glstm::LabelledBatch;
using glstm::Loss;
using glstm::Matrix;
using glstm::mean_squared_error;
using glstm::Readout;
using glstm::Vector;

namespace {

constexpr Index batch_size = 3, steps = 6, outputs = 2;

GLstm<double> network_for(Loss loss, Readout readout) {
  GLstm<double> network(
      {.inputs = 2, .hidden = {4}, .outputs = outputs, .readout = readout, .loss = loss});
  glstm::Rng rng(1);
  network.initialize({.gates = {.end = steps, .open_share = 0.6}}, rng);
  return network;
}

/// Random sequences of different lengths, with targets of both kinds and random weights, some 0.
LabelledBatch<double> batch_for(const GLstm<double>& network) {
  glstm::Rng rng(2);
  LabelledBatch<double> batch;
  batch.resize(batch_size, steps, 2);
  for (double& value : batch.input.values.reshaped()) value = rng.normal();
  batch.input.timing.lengths = {6, 4, 5};
  const Index predictions = network.predictions_per_sample(batch.input.timing);
  if (network.options().loss == mean_squared_error) {
    batch.targets.values.resize(batch_size, outputs * predictions);
    for (double& value : batch.targets.values.reshaped()) value = rng.normal();
  } else {
    batch.targets.labels = random_labels(batch_size, predictions, outputs, rng);
  }
  batch.targets.weights.resize(batch_size, predictions);
  for (double& weight : batch.targets.weights.reshaped()) {
    weight = rng.uniform() < 0.3 ? 0 : rng.uniform(0.1, 3);
  }
  return batch;
}

}  // namespace

TEST_CASE("gradients of weighted targets agree with central differences") {
  const Loss loss = GENERATE(Loss(mean_squared_error), Loss(cross_entropy));
  const Readout readout = GENERATE(Readout::last_step, Readout::every_step);
  GLstm<double> network = network_for(loss, readout);
  const LabelledBatch<double> batch = batch_for(network);
  GLstm<double>::Tape tape;
  Vector<double> gradient = Vector<double>::Zero(network.layout().size());
  network.add_gradient(batch, 0, tape, gradient);
  const Vector<double> numeric = glstm::testing::numeric_gradient(
      [&](const Vector<double>& parameters) {
        network.parameters = parameters;
        return network.evaluate(batch, tape).task.loss;
      },
      network.parameters, 1e-5);
  CHECK(largest_magnitude(gradient - numeric) < 1e-8 * std::max(1.0, largest_magnitude(numeric)));
  CHECK(largest_magnitude(numeric) > 1e-3);
}

TEST_CASE("a prediction with a weight of 0 counts nowhere") {
  const Loss loss = GENERATE(Loss(mean_squared_error), Loss(cross_entropy));
  const GLstm<double> network = network_for(loss, Readout::every_step);
  LabelledBatch<double> batch = batch_for(network), changed = batch;
  GLstm<double>::Tape tape;
  for (Index b = 0; b < batch_size; ++b) {
    for (Index n = 0; n < steps; ++n) {
      if (batch.targets.weights(b, n) > 0) continue;
      if (loss == mean_squared_error) {
        changed.targets.values.row(b)
            .segment(n * outputs, outputs)
            .setConstant(std::numeric_limits<double>::quiet_NaN());
      } else {
        changed.targets.labels(b, n) = 99;
      }
    }
  }
  const Evaluation one = network.evaluate(batch, tape), other = network.evaluate(changed, tape);
  CHECK(one.task.loss == other.task.loss);
  CHECK(one.task.decisions.right == other.task.decisions.right);
  CHECK(one.task.count < batch.input.timing.valid_steps());
  // All weights 1 are no weights.
  batch.targets.weights.setOnes();
  const Evaluation ones = network.evaluate(batch, tape);
  batch.targets.weights.resize(0, 0);
  const Evaluation none = network.evaluate(batch, tape);
  CHECK(ones.task.loss == none.task.loss);
  CHECK(ones.task.weight == none.task.weight);
  CHECK(none.task.count == batch.input.timing.valid_steps());
}

TEST_CASE("shards of weighted targets add up to the whole batch") {
  const GLstm<double> network = network_for(cross_entropy, Readout::every_step);
  const LabelledBatch<double> batch = batch_for(network);
  GLstm<double>::Tape tape;
  Vector<double> whole = Vector<double>::Zero(network.layout().size()), sharded = whole;
  const Evaluation expected = network.add_gradient(batch, 0.1, tape, whole);
  glstm::BatchWorkers<glstm::GaussianGate<double>> workers(1, 3);
  const Evaluation found = workers.add_gradient(network, batch, 0.1, sharded);
  CHECK(largest_magnitude(whole - sharded) < 1e-12);
  CHECK(found.task.loss == Approx(expected.task.loss));
  CHECK(found.task.weight == Approx(expected.task.weight));
  CHECK(found.task.count == expected.task.count);
}

TEST_CASE("weights of targets that do not fit are an error") {
  const GLstm<double> network = network_for(cross_entropy, Readout::every_step);
  GLstm<double>::Tape tape;
  const auto error = [&](auto change) {
    LabelledBatch<double> batch = batch_for(network);
    change(batch.targets.weights);
    return error_of([&] { network.evaluate(batch, tape); });
  };
  check_mentions(error([](auto& w) { w.setOnes(batch_size, 1); }), {"[3,6] or none", "got [3,1]"});
  check_mentions(error([](auto& w) { w(0, 0) = -1; }), {"not negative"});
  check_mentions(error([](auto& w) { w(0, 0) = std::numeric_limits<double>::infinity(); }),
                 {"finite"});
  LabelledBatch<double> nothing = batch_for(network);
  nothing.targets.weights.setZero();
  CHECK(network.evaluate(nothing, tape).task.count == 0);
}

}  // namespace weighted_targets_test
