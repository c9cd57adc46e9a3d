#include "glstm/nn/dropout.hpp"

#include <memory>
#include <vector>

#include "catch.hpp"
#include "glstm/data/adding_task.hpp"
#include "glstm/nn/network.hpp"
#include "glstm/optim/optimizer.hpp"
#include "glstm/testing/gradient_check.hpp"
#include "glstm/train/sharding.hpp"
#include "glstm/train/trainer.hpp"

namespace dropout_test {

using namespace glstm;

namespace {

LabelledBatch<double> make_batch(Index samples, Index outputs, Rng& rng) {
  LabelledBatch<double> batch;
  batch.resize(samples, 5, 2);
  for (double& value : batch.input.values.reshaped()) value = rng.normal();
  batch.input.timing.lengths.assign(static_cast<std::size_t>(samples), 5);
  batch.input.timing.lengths[1] = 3;
  batch.targets.values.resize(samples, outputs);
  for (double& value : batch.targets.values.reshaped()) value = rng.normal();
  return batch;
}

GLstm<double> make_network(Readout readout, bool bidirectional, Rng& rng) {
  GLstm<double> network({.inputs = 2,
                         .hidden = {6, 5},
                         .outputs = 2,
                         .readout = readout,
                         .bidirectional = bidirectional});
  network.initialize({.gates = {.end = 5.3, .open_share = 0.7}}, rng);
  return network;
}

}  // namespace

TEST_CASE("dropout leaves out the wanted part and keeps the mean") {
  Matrix<double> factors;
  const Dropout dropout{.rate = 0.25, .seed = 7};
  dropout.draw(0, 100, 200, factors);
  CHECK(static_cast<double>((factors.array() == 0).count()) / 20000 == Approx(0.25).margin(0.01));
  CHECK((factors.array() == 0 || factors.array() == 1 / 0.75).all());
  Matrix<double> part, other;
  Dropout{.rate = 0.25, .seed = 7, .first_sample = 60}.draw(0, 40, 200, part);
  CHECK(part == factors.bottomRows(40));  // on the sample alone
  dropout.draw(1, 100, 200, other);
  CHECK(other != factors);
  Dropout{.rate = 0.25, .seed = 8}.draw(0, 100, 200, other);
  CHECK(other != factors);
}

TEST_CASE("gradients with dropout agree with central differences") {
  for (const Readout readout : {Readout::last_step, Readout::every_step}) {
    for (const bool bidirectional : {false, true}) {
      CAPTURE(static_cast<int>(readout), bidirectional);
      Rng rng(1);
      GLstm<double> network = make_network(readout, bidirectional, rng);
      const Index predictions = readout == Readout::every_step ? 5 : 1;
      const LabelledBatch<double> batch = make_batch(4, 2 * predictions, rng);
      const Dropout dropout{.rate = 0.4, .seed = 3};
      for (const Path path : {Path::scheduled, Path::reference}) {
        GLstm<double>::Tape tape;
        Vector<double> gradient = Vector<double>::Zero(network.layout().size()), unused = gradient;
        const Evaluation with =
            network.add_gradient(batch, 0, tape, gradient, path, {}, nullptr, &dropout);
        GLstm<double> moved = network;
        const Vector<double> expected = testing::numeric_gradient(
            [&](const Vector<double>& point) {
              moved.parameters = point;
              return moved.add_gradient(batch, 0, tape, unused, path, {}, nullptr, &dropout).loss();
            },
            network.parameters);
        CHECK(largest_magnitude(gradient - expected) < 1e-7);
        CHECK(with.loss() != network.evaluate(batch, tape, path).loss());  // which leaves out none
      }
    }
  }
}

TEST_CASE("what is left out does not depend on shards and threads") {
  Rng rng(1);
  const GLstm<double> network = make_network(Readout::last_step, false, rng);
  const LabelledBatch<double> batch = make_batch(40, 2, rng);
  const Dropout dropout{.rate = 0.4, .seed = 3};
  const auto gradient = [&](Index threads, Index shards, const Dropout* with) {
    Vector<double> sum = Vector<double>::Zero(network.layout().size());
    BatchWorkers<GaussianGate<double>>(threads, shards)
        .add_gradient(network, batch, 0.1, sum, nullptr, {}, with);
    return sum;
  };
  const Vector<double> whole = gradient(1, 1, &dropout);
  CHECK(largest_magnitude(gradient(1, 5, &dropout) - whole) < 1e-14);
  CHECK(gradient(2, 5, &dropout) == gradient(1, 5, &dropout));
  CHECK(largest_magnitude(gradient(1, 1, nullptr) - whole) > 1e-3);
  const Dropout none{.rate = 0, .seed = 3};
  CHECK(gradient(1, 1, nullptr) == gradient(1, 1, &none));
}

TEST_CASE("a trainer draws anew at every step, from its seed") {
  const AddingTask<float> data(20, 60, 1);
  const auto trained = [&](double rate, std::uint64_t seed, Index threads, Index calls) {
    GLstm<float> network({.inputs = 2, .hidden = {8}});
    Rng rng(1);
    network.initialize({.gates = {.end = 20, .open_share = 0.4}}, rng);
    Adam<float> optimizer(network.layout(), {.time_gate_learning_rate = 0.1});
    for (Index call = 0; call < calls; ++call) {
      Trainer(network, optimizer,
              {.batch = 30,
               .epochs = 4 / calls,
               .dropout = rate,
               .seed = seed,
               .threads = threads,
               .shards = 4})
          .fit(data);
    }
    return network.parameters;
  };
  const Vector<float> some = trained(0.3, 1, 1, 1);
  CHECK(some == trained(0.3, 1, 2, 1));
  CHECK(some == trained(0.3, 1, 1, 2));  // the steps go on where the first call ended
  CHECK(some != trained(0.3, 2, 1, 1));
  CHECK(some != trained(0, 1, 1, 1));
  GLstm<float> network({});
  Adam<float> optimizer(network.layout(), {.time_gate_learning_rate = 0.1});
  check_mentions(error_of([&] { Trainer(network, optimizer, {.dropout = 1}); }),
                 {"dropout", "[0, 1)", "got 1"});
}

}  // namespace dropout_test
