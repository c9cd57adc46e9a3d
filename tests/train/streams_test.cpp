// Streams in chunks: truncated backpropagation through time with the state carried along.
#include <algorithm>
#include <cmath>
#include <functional>
#include <initializer_list>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "catch.hpp"
#include "glstm/train/trainer.hpp"

namespace streams_test {

using namespace glstm;

#define GATES AlwaysOpen<double>, GaussianGate<double>, PhasedGate<double>

namespace {

constexpr Index batch = 3, steps = 23;

template <class Gate>
Network<Gate> make_network(Readout readout = Readout::every_step, bool learned_state = false) {
  Network<Gate> network({.inputs = 2,
                         .hidden = {6, 4},
                         .outputs = 1,
                         .readout = readout,
                         .time_origin = 100,
                         .learned_state = learned_state});
  Rng rng(1);
  network.initialize({.gates = {.end = steps, .open_share = 0.4}}, rng);
  return network;
}

// Streams that answer, at every step, the first feature of `delay` steps ago.
LabelledBatch<double> make_streams(bool ragged, bool irregular, Index length = steps,
                                   Index delay = 2) {
  Rng rng(7);
  LabelledBatch<double> streams;
  streams.input = SequenceBatch<double>::zeros(batch, length, 2);
  for (double& value : streams.input.values.reshaped()) value = rng.uniform(-1, 1);
  streams.targets.values = Matrix<double>::Zero(batch, length);
  for (Index n = delay; n < length; ++n) {
    streams.targets.values.col(n) = streams.input.values.col(2 * (n - delay));
  }
  Timing& timing = streams.input.timing;
  if (ragged) timing.lengths = {length, 9, 0};
  timing.timestamps.resize(1, length);
  double t = 100;
  for (Index n = 0; n < length; ++n) {
    timing.timestamps(0, n) = t;
    t += irregular ? rng.uniform(0, 2) : 1;
  }
  return streams;
}

}  // namespace

TEMPLATE_TEST_CASE("chunks with the state carried are the whole stream", "", GATES) {
  const auto network = make_network<TestType>();
  for (const bool ragged : {false, true}) {
    for (const bool irregular : {false, true}) {
      const LabelledBatch<double> streams = make_streams(ragged, irregular);
      typename Network<TestType>::Tape whole, tape;
      network.predict(streams.input, whole);
      for (const Index chunk_steps : {1, 5, 22, 23, 40}) {
        for (const Path path : {Path::scheduled, Path::reference}) {
          NetworkState<double> state = network.initial_state(batch);
          for (Index first = 0; first < steps; first += chunk_steps) {
            const Index count = std::min(chunk_steps, steps - first);
            SequenceBatch<double> chunk;
            copy_steps(streams.input, first, count, chunk);
            const Matrix<double>& y = network.predict(chunk, tape, path, &state);
            CHECK(largest_magnitude(y - whole.readout.middleCols(first, count)) < 1e-12);
            state = tape.final_states;
          }
          for (std::size_t l = 0; l < 2; ++l) {
            CHECK(largest_magnitude(state[l].h - whole.final_states[l].h) < 1e-12);
            CHECK(largest_magnitude(state[l].c - whole.final_states[l].c) < 1e-12);
          }
        }
      }
      // Every answer counts the same, however the chunks are cut.
      const StreamsInMemory<double> source(streams);
      const double loss = network.evaluate(streams, whole).task.loss;
      const Evaluation in_chunks = evaluate_streams(network, source, 4);
      CHECK(in_chunks.task.loss == Approx(loss).epsilon(1e-10));
      CHECK(in_chunks.ops.updates == whole.ops().updates);
    }
  }
}

TEST_CASE("the state that a chunk starts from is a constant, shared out to the shards") {
  const auto network = make_network<GaussianGate<double>>();
  const LabelledBatch<double> streams = make_streams(true, true);
  LabelledBatch<double> first, second;
  copy_steps(streams, 0, 7, first);
  copy_steps(streams, 7, 6, second);
  typename GLstm<double>::Tape tape;
  network.predict(first.input, tape);
  const NetworkState<double> start = tape.final_states;
  Vector<double> expected = Vector<double>::Zero(network.layout().size());
  network.add_gradient(second, 0.1, tape, expected, Path::reference, {}, &start);

  for (const Index shards : {1, 2, 3}) {
    BatchWorkers<GaussianGate<double>> workers(2, shards);
    Vector<double> gradient = Vector<double>::Zero(network.layout().size());
    NetworkState<double> carried = start;
    workers.add_gradient(network, second, 0.1, gradient, &carried);
    CHECK(largest_magnitude(gradient - expected) < 1e-12);
    for (std::size_t l = 0; l < 2; ++l) {
      CHECK(largest_magnitude(carried[l].h - tape.final_states[l].h) < 1e-12);
      CHECK(largest_magnitude(carried[l].c - tape.final_states[l].c) < 1e-12);
    }
  }
  NetworkState<double> wrong = start;
  wrong[1].h.resize(2, 4);
  BatchWorkers<GaussianGate<double>> workers(1);
  Vector<double> gradient = Vector<double>::Zero(network.layout().size());
  check_mentions(error_of([&] { workers.add_gradient(network, second, 0, gradient, &wrong); }),
                 {"state of a layer", "[3,4]", "[2,4]"});
  CHECK(gradient.isZero(0));
}

TEST_CASE("training on a stream in chunks carries the state from chunk to chunk") {
  const StreamsInMemory<double> streams(make_streams(false, false));
  const Index chunk_steps = 5, chunks = 5;
  const bool learned_state = GENERATE(false, true);
  auto network = make_network<GaussianGate<double>>(Readout::every_step, learned_state);
  auto expected = network;
  Sgd<double> optimizer(network.layout(), {.learning_rate = 0.1, .time_gate_learning_rate = 0.1});
  Trainer trainer(network, optimizer, {.epochs = 2, .clip_norm = 1e9, .flush_to_zero = false});
  const EpochReport report = trainer.fit_streams(streams, chunk_steps);
  CHECK(report.step == 2 * chunks);
  CHECK(report.epochs == 2);

  // The same by hand.
  Sgd<double> by_hand(expected.layout(), {.learning_rate = 0.1, .time_gate_learning_rate = 0.1});
  typename GLstm<double>::Tape tape;
  LabelledBatch<double> chunk;
  for (int epoch = 0; epoch < 2; ++epoch) {
    NetworkState<double> state;
    for (Index first = 0; first < steps; first += chunk_steps) {
      streams.load(first, std::min(chunk_steps, steps - first), chunk);
      Vector<double> gradient = Vector<double>::Zero(expected.layout().size());
      expected.add_gradient(chunk, 0, tape, gradient, Path::scheduled, {},
                            first > 0 ? &state : nullptr);
      state = tape.final_states;
      const Vector<double> before = expected.parameters;
      by_hand.step(expected.parameters, gradient, 1);
      expected.limit_gate_step(before);
    }
  }
  CHECK(network.parameters == expected.parameters);
  CHECK((network.initial_state(1)[0].h.cwiseAbs().maxCoeff() > 0) == learned_state);
}

TEST_CASE("a stream is learned in chunks that are shorter than what is to be remembered") {
  const auto task = [](Index length) { return make_streams(false, false, length, 3); };
  Lstm<double> network({.inputs = 2, .hidden = {16}, .outputs = 1, .readout = Readout::every_step});
  Rng rng(3);
  network.initialize({}, rng);
  Adam<double> optimizer(network.layout(), {.learning_rate = 1e-2});
  Trainer trainer(network, optimizer, {.epochs = 6});
  const StreamsInMemory<double> training(task(4000)), test(task(1000));
  const double before = evaluate_streams(network, test, 100).task.loss;
  const EpochReport report = trainer.fit_streams(training, 20, &test);
  REQUIRE(report.validation.has_value());
  CHECK(report.validation->task.loss < before / 10);
}

TEST_CASE("streams that do not fit are errors") {
  LabelledBatch<double> chunk, streams = make_streams(false, false);
  check_mentions(error_of([&] { copy_steps(streams, 20, 4, chunk); }), {"4 steps from 20", "23"});
  check_mentions(error_of([&] { copy_steps(streams, -1, 4, chunk); }), {"from -1"});
  check_mentions(error_of([&] { copy_steps(streams, 0, 0, chunk); }), {"no 0 steps"});
  CHECK(chunk.input.values.size() == 0);

  auto network = make_network<GaussianGate<double>>(Readout::last_step);
  Sgd<double> optimizer(network.layout(), {.time_gate_learning_rate = 0.1});
  Trainer trainer(network, optimizer, {});
  const StreamsInMemory<double> source(streams);
  check_mentions(error_of([&] { trainer.fit_streams(source, 5); }), {"every_step"});
  auto answering = make_network<GaussianGate<double>>();
  Trainer other(answering, optimizer, {});
  check_mentions(error_of([&] { other.fit_streams(source, 0); }), {"at least one step", "got 0"});

  streams.input.timing.lengths = {0, 0, 0};
  check_mentions(error_of([&] { StreamsInMemory<double>{streams}; }), {"one valid step"});
  streams.input.timing.lengths.clear();
  streams.targets.values = Matrix<double>::Zero(batch, 1);
  check_mentions(error_of([&] { StreamsInMemory<double>{streams}; }),
                 {"target for every step", "[3,1]"});
}

TEST_CASE("a chunk of streams that is not what was asked for is an error") {
  // Spoils what streams in memory give.
  class Spoiled final : public StreamSource<double> {
   public:
    std::function<void(SequenceBatch<double>&)> spoil;
    Index steps() const override { return streams_.steps() + 7; }
    void load(Index first, Index count, LabelledBatch<double>& chunk) const override {
      streams_.load(std::min(first, steps() - 7 - count), count, chunk);
      spoil(chunk.input);
    }

   private:
    StreamsInMemory<double> streams_{make_streams(false, false)};
  };
  Spoiled source;
  auto network = make_network<GaussianGate<double>>();
  Sgd<double> optimizer(network.layout(), {.time_gate_learning_rate = 0.1});
  Trainer trainer(network, optimizer, {});
  const auto check_refused = [&](std::initializer_list<std::string> mentioned) {
    check_mentions(error_of([&] { evaluate_streams(network, source, 10); }), mentioned);
    check_mentions(error_of([&] { trainer.fit_streams(source, 10); }), mentioned);
  };
  source.spoil = [](SequenceBatch<double>& chunk) { chunk.timing.timestamps.resize(0, 0); };
  check_refused({"from step 10 on", "timestamps"});
  source.spoil = [](SequenceBatch<double>& chunk) { chunk.timing.lengths = {0, 0, 0}; };
  check_refused({"end before step", "30 steps"});
  source.spoil = [](SequenceBatch<double>& chunk) {
    const SequenceBatch<double> whole = chunk;
    copy_steps(whole, 0, 9, chunk);
  };
  check_refused({"10 steps", "got 9"});
}

TEST_CASE("padding behind the longest stream is no step of the streams") {
  LabelledBatch<double> padded = make_streams(true, false);
  padded.input.timing.lengths = {11, 9, 0};
  CHECK(StreamsInMemory<double>(padded).steps() == 11);
  auto network = make_network<GaussianGate<double>>();
  Sgd<double> optimizer(network.layout(), {.time_gate_learning_rate = 0.1});
  CHECK(Trainer(network, optimizer, {}).fit_streams(StreamsInMemory<double>(padded), 5).step == 3);
}

TEST_CASE("the share of updates that a controller keeps is that of whole streams") {
  // Nearly all windows are in the first quarter: no single chunk has the share of all.
  const Index length = 200;
  LabelledBatch<double> data = make_streams(false, false, length);
  data.input.timing.timestamps.resize(0, 0);
  const StreamsInMemory<double> streams(data);
  GLstm<double> network(
      {.inputs = 2, .hidden = {20}, .outputs = 1, .readout = Readout::every_step});
  Rng rng(5);
  network.initialize({.gates = {.end = length / 4, .open_share = 0.8}}, rng);
  const auto share = [&] { return evaluate_streams(network, streams, 10).ops.update_share(); };
  const double before = share();
  Adam<double> optimizer(network.layout(), {.learning_rate = 1e-3, .time_gate_learning_rate = 0.1});
  BudgetController controller({.target_share = 0.1});
  Trainer trainer(network, optimizer, {.epochs = 60});
  trainer.control(controller).fit_streams(streams, 10);
  CAPTURE(before, share());
  CHECK(before > 0.15);
  CHECK(share() == Approx(0.1).epsilon(0.1));
}

}  // namespace streams_test
