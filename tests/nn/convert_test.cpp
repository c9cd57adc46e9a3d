// A plain LSTM that is given time gates and trained towards a budget.
#include "glstm/nn/convert.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <string>
#include <vector>

#include "catch.hpp"
#include "glstm/data/adding_task.hpp"
#include "glstm/optim/optimizer.hpp"
#include "glstm/train/budget_controller.hpp"
#include "glstm/train/trainer.hpp"

namespace convert_test {

using namespace glstm;

namespace {

template <class Scalar>
Lstm<Scalar> random_lstm(const NetworkOptions<AlwaysOpen<Scalar>>& options) {
  Lstm<Scalar> network(options);
  Rng rng(1);
  network.initialize({}, rng);
  return network;
}

}  // namespace

TEMPLATE_TEST_CASE("time gates are added to the weights of an LSTM", "", float, double) {
  using Scalar = TestType;
  const double first = -3, last = 40;
  for (const bool bidirectional : {false, true}) {
    const Lstm<Scalar> plain = random_lstm<Scalar>({.inputs = 2,
                                                    .hidden = {5, 1, 3},
                                                    .outputs = 2,
                                                    .readout = Readout::every_step,
                                                    .loss = cross_entropy,
                                                    .time_origin = 7,
                                                    .bidirectional = bidirectional});
    for (const double openness : {0.5, 0.99, 0.999999}) {
      CAPTURE(bidirectional, openness);
      const GLstm<Scalar> gated = add_time_gates(plain, first, last, {.threshold = 0.1}, openness);
      CHECK(gated.options().hidden == plain.options().hidden);
      CHECK(gated.options().readout == Readout::every_step);
      CHECK(gated.options().loss == cross_entropy);
      CHECK(gated.options().time_origin == 7);
      CHECK(gated.options().bidirectional == bidirectional);
      CHECK(gated.options().gates.size() == 1);
      CHECK(gated.options().gates[0].threshold == 0.1);
      for (const ParameterBlock& block : plain.layout().blocks()) {
        CHECK(block_view(gated.parameters, gated.layout().find(block.name)) ==
              block_view(plain.parameters, block));
      }
      CHECK(without_gates(gated).parameters == plain.parameters);

      // Every gate is open over the whole span, and at one end of it no more than it has to be.
      for (const Layer<GaussianGate<Scalar>>& layer : gated.layers()) {
        const GaussianGate<Scalar> gate = layer.gate(gated.parameters);
        for (Index j = 0; j < gate.size(); ++j) {
          double least = 1;
          for (double t = first; t <= last; t += 0.5) {
            CHECK(gate.is_open(j, Scalar(t)));
            least = std::min(least, static_cast<double>(gate.openness(j, Scalar(t))));
          }
          CHECK(least == Approx(openness).epsilon(1e-5));
          CHECK(gate.mu(j) > first);
          CHECK(gate.mu(j) < last);
        }
      }
    }
  }
}

TEST_CASE("the more open the added gates are, the nearer is the function to the LSTM's") {
  const Lstm<double> plain = random_lstm<double>({.inputs = 2, .hidden = {8, 8}, .outputs = 2});
  auto batch = SequenceBatch<double>::zeros(4, 30, 2);
  Rng rng(2);
  for (Index i = 0; i < batch.values.size(); ++i) batch.values.data()[i] = rng.uniform(-1, 1);
  Lstm<double>::Tape plain_tape;
  const Matrix<double> expected = plain.predict(batch, plain_tape);
  double before = std::numeric_limits<double>::infinity();
  for (const double openness : {0.9, 0.99, 0.999, 1 - 1e-9}) {
    const GLstm<double> gated = add_time_gates(plain, 0, 29, {}, openness);
    GLstm<double>::Tape tape;
    const double off = largest_magnitude(gated.predict(batch, tape) - expected);
    CAPTURE(openness, off);
    CHECK(off < before);
    CHECK(off < 1 - openness + 1e-12);
    CHECK(tape.ops().updates == tape.ops().dense_updates);
    before = off;
  }
}

TEST_CASE("gates that make no sense are not added") {
  const Lstm<double> plain = random_lstm<double>({.hidden = {2}});
  const auto message = [&](double first, double last, double openness, double threshold = 0.01) {
    return error_of(
        [&] { add_time_gates(plain, first, last, {.threshold = threshold}, openness); });
  };
  check_mentions(message(0, 0, 0.9), {"span of time", "0 to 0"});
  check_mentions(message(5, 1, 0.9), {"span of time", "5 to 1"});
  check_mentions(message(0, std::numeric_limits<double>::infinity(), 0.9), {"span of time"});
  for (const double openness : {0.0, 1.0, -1.0, 1.5}) {
    check_mentions(message(0, 1, openness), {"least_openness"});
  }
  check_mentions(message(0, 1, std::numeric_limits<double>::quiet_NaN()), {"least_openness"});
  check_mentions(message(0, 1, 0.4, 0.5), {"least_openness", "threshold", "0.4"});
}

TEST_CASE("an LSTM with added gates is fine-tuned towards a budget") {
  const Index steps = 20;
  const AddingTask<float> data(steps, 512, 1);
  Lstm<float> plain = random_lstm<float>({.inputs = 2, .hidden = {16}, .outputs = 1});
  {
    Adam<float> optimizer(plain.layout(), {.learning_rate = 1e-2});
    Trainer trainer(plain, optimizer, {.batch = 64, .epochs = 10});
    trainer.fit(data);
  }
  const double learned = evaluate(plain, data, 64).task.loss;

  GLstm<float> gated = add_time_gates(plain, 0, steps - 1.0, {}, 0.9);
  const Evaluation open = evaluate(gated, data, 64);
  CHECK(open.ops.update_share() == 1);
  Adam<float> optimizer(gated.layout(), {.learning_rate = 5e-3, .time_gate_learning_rate = 0.3});
  BudgetController controller({.target_share = 0.5});
  Trainer trainer(gated, optimizer, {.batch = 64, .epochs = 50});
  trainer.control(controller).fit(data);
  const Evaluation tuned = evaluate(gated, data, 64);
  CAPTURE(learned, open.task.loss, tuned.task.loss, tuned.ops.update_share());
  CHECK(tuned.ops.update_share() < 0.52);
  CHECK(tuned.task.loss < learned);
}

TEMPLATE_TEST_CASE("folding gates moves forget biases and what reads the neurons", "", float,
                   double) {
  using Scalar = TestType;
  GLstm<Scalar> gated({.inputs = 2, .hidden = {4, 3}, .outputs = 2});
  Rng rng(1);
  gated.initialize({.gates = {.start = 0, .end = 100, .open_share = 0.2}}, rng);
  const Lstm<Scalar> open = without_gates(gated), folded = fold_gates(gated, 0, 100);
  const auto block = [](const auto& network, const char* name) {
    return block_view(network.parameters, network.layout().find(name)).eval();
  };
  const Scalar tolerance = Scalar(1e-4);
  for (const std::size_t l : {std::size_t{0}, std::size_t{1}}) {
    const GaussianGate<Scalar> gate = gated.layers()[l].gate(gated.parameters);
    const std::string layer = "layer" + std::to_string(l);
    const auto bias = block(folded, (layer + ".b").c_str()),
               open_bias = block(open, (layer + ".b").c_str());
    const auto recurrent = block(folded, (layer + ".w_hh").c_str()),
               open_recurrent = block(open, (layer + ".w_hh").c_str());
    const char* reader = l == 0 ? "layer1.w_ih" : "readout.w";
    const auto readers = block(folded, reader), open_readers = block(open, reader);
    const Index hidden = gate.size();
    for (Index j = 0; j < hidden; ++j) {
      double sum = 0;
      for (int t = 0; t < 100'000; ++t) {
        sum += static_cast<double>(gate.openness(j, static_cast<Scalar>(t * 1e-3)));
      }
      const Scalar k = static_cast<Scalar>(sum / 100'000);
      CAPTURE(l, j, k);
      CHECK(k > Scalar(0.05));
      CHECK(k < Scalar(0.25));
      for (Index row = 0; row < 4 * hidden; ++row) {
        const bool forget = row == hidden + j;
        if (row % hidden == j) {
          CHECK(std::abs(bias(row, 0) - open_bias(row, 0) + (forget ? std::log(k) : 0)) < 1e-2);
        }
        CHECK(std::abs(recurrent(row, j) - k * open_recurrent(row, j)) < 10 * tolerance);
      }
      for (Index row = 0; row < readers.rows(); ++row) {
        CHECK(std::abs(readers(row, j) - k * open_readers(row, j)) < 10 * tolerance);
      }
    }
  }
}

TEST_CASE("folding open gates changes nothing, and what cannot be folded is an error") {
  GLstm<double> gated({.inputs = 2, .hidden = {4}, .outputs = 2});
  Rng rng(1);
  gated.initialize({.gates = {.start = 0, .end = 100, .open_share = 0.2}}, rng);
  gated.layers()[0].gate_parameters(gated.parameters).col(1).setConstant(1e12);
  CHECK((fold_gates(gated, 0, 100).parameters - without_gates(gated).parameters).norm() < 1e-12);
  CHECK_THROWS_AS(fold_gates(gated, 100, 100), Error);
  const NetworkOptions<GaussianGate<double>> plain{.inputs = 2, .hidden = {4}, .outputs = 2};
  std::vector<NetworkOptions<GaussianGate<double>>> refused(4, plain);
  refused[0].bidirectional = true;
  refused[1].learned_state = true;
  refused[2].input_skip = true;
  refused[3].readout_layers = {{.size = 3}};
  for (const auto& options : refused) {
    const GLstm<double> network(options);
    check_mentions(error_of([&] { fold_gates(network, 0, 100); }), {"one direction", "zeros"});
  }
}

}  // namespace convert_test
