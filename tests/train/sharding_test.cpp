#include "glstm/train/sharding.hpp"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <limits>
#include <memory>
#include <span>
#include <string>
#include <thread>
#include <vector>

#include "catch.hpp"
#include "glstm/data/adding_task.hpp"
#include "glstm/train/trainer.hpp"

namespace sharding_test {

using namespace glstm;

namespace {

enum class Times { steps, shared, per_sample };

struct Case {
  Readout readout = Readout::last_step;
  Loss loss = mean_squared_error;
  bool ragged = false;
  Times times = Times::steps;

  std::string text() const {
    return detail::text_of(readout == Readout::every_step ? "every step, " : "last step, ",
                           loss == mean_squared_error ? "squares, " : "labels, ",
                           ragged ? "ragged, " : "", "times ", static_cast<int>(times));
  }
};

constexpr Index steps = 9;

template <class Scalar>
std::unique_ptr<GLstm<Scalar>> make_network(const Case& of) {
  auto network = std::make_unique<GLstm<Scalar>>(
      NetworkOptions<GaussianGate<Scalar>>{.inputs = 2,
                                           .hidden = {5, 4},
                                           .outputs = 3,
                                           .readout = of.readout,
                                           .loss = of.loss,
                                           .gates = {{.threshold = 0.05}}});
  Rng rng(1);
  network->initialize({.gates = {.start = 0, .end = steps, .open_share = 0.5}}, rng);
  return network;
}

template <class Scalar>
LabelledBatch<Scalar> make_batch(const Case& of, Index size) {
  Rng rng(2);
  const auto fill = [&](auto& values) {
    for (auto& value : values.reshaped()) value = static_cast<Scalar>(rng.uniform(-1, 1));
  };
  LabelledBatch<Scalar> batch;
  batch.input = SequenceBatch<Scalar>::zeros(size, steps, 2);
  fill(batch.input.values);
  Timing& timing = batch.input.timing;
  if (of.ragged) {
    // Some samples have nothing to answer; one such is a shard of its own when there are many.
    for (Index b = 0; b < size; ++b)
      timing.lengths.push_back(b % 5 == 0 ? 0 : rng.below(steps + 1));
  }
  if (of.times != Times::steps) {
    timing.timestamps.resize(of.times == Times::shared ? 1 : size, steps);
    for (Index b = 0; b < timing.timestamps.rows(); ++b) {
      double t = 0;
      for (Index n = 0; n < steps; ++n) timing.timestamps(b, n) = t += rng.uniform(0, 2);
    }
  }
  const Index answers = of.readout == Readout::every_step ? steps : 1;
  if (of.loss == mean_squared_error) {
    batch.targets.values.resize(size, 3 * answers);
    fill(batch.targets.values);
  } else {
    batch.targets.labels = random_labels(size, answers, 3, rng);
  }
  return batch;
}

template <class Body>
void for_all_cases(Body&& body) {
  for (const Readout readout : {Readout::last_step, Readout::every_step}) {
    for (const Loss& loss : {Loss(mean_squared_error), Loss(cross_entropy)}) {
      for (const bool ragged : {false, true}) {
        for (const Times times : {Times::steps, Times::shared, Times::per_sample}) {
          const Case of{readout, loss, ragged, times};
          INFO(of.text());
          body(of);
        }
      }
    }
  }
}

template <class Scalar>
std::vector<Scalar> bits_of(const Vector<Scalar>& values) {
  return {values.begin(), values.end()};
}

// Everything an evaluation says, to be compared to the bit.
std::vector<double> numbers_of(const Evaluation& evaluation) {
  const OpCounts& ops = evaluation.ops;
  return {evaluation.task.loss,
          static_cast<double>(evaluation.task.decisions.right),
          static_cast<double>(evaluation.task.count),
          evaluation.budget,
          ops.updates,
          ops.dense_updates,
          ops.macs,
          ops.dense_macs,
          ops.tape_bytes,
          ops.dense_tape_bytes,
          ops.openness};
}

}  // namespace

TEST_CASE("a batch is cut evenly, into shards of 16, 32, ... samples where it is large enough") {
  for (Index batch = 1; batch <= 200; ++batch) {
    for (Index shards = 1; shards <= batch; ++shards) {
      const ShardCut cut{batch, shards};
      Index end = 0, smallest = batch, largest = 0;
      bool follows = true, sixteens = true;
      for (Index s = 0; s < shards; ++s) {
        follows &= cut.begin(s) == end;
        end += cut.size(s);
        smallest = std::min(smallest, cut.size(s));
        largest = std::max(largest, cut.size(s));
        sixteens &= s == shards - 1 || cut.size(s) % 16 == 0;
      }
      INFO("batch " << batch << " shards " << shards);
      REQUIRE(follows);
      REQUIRE(end == batch);
      REQUIRE(smallest >= 1);
      const bool large_enough = 16 * shards <= batch;
      REQUIRE((sixteens || !large_enough));
      REQUIRE(largest - smallest < (large_enough ? 32 : 2));
    }
  }
  const auto sizes = [](const ShardCut& cut) {
    std::vector<Index> result;
    for (Index s = 0; s < cut.shards; ++s) result.push_back(cut.size(s));
    return result;
  };
  using Sizes = std::vector<Index>;
  using Workers = BatchWorkers<GaussianGate<float>>;
  CHECK(sizes(Workers(1).cut(64)) == Sizes{64});
  CHECK(sizes(Workers(1).cut(100)) == Sizes{64, 36});
  CHECK(sizes(Workers(3).cut(128)) == Sizes{64, 64});
  CHECK(sizes(Workers(1, 4).cut(128)) == Sizes{32, 32, 32, 32});
  CHECK(sizes(Workers(1, 3).cut(100)) == Sizes{48, 32, 20});
  CHECK(sizes(Workers(1, 4).cut(10)) == Sizes{3, 2, 3, 2});
  CHECK(sizes(Workers(1, 4).cut(3)) == Sizes{1, 1, 1});
}

TEST_CASE("the gradients of shards add up to that of the batch") {
  for_all_cases([](const Case& of) {
    const auto network = make_network<double>(of);
    for (const Index size : {5, 115}) {
      const LabelledBatch<double> batch = make_batch<double>(of, size);
      for (const double budget_weight : {0.0, 0.7}) {
        NetworkTape<double> tape;
        Vector<double> expected = Vector<double>::Ones(network->layout().size());
        const Evaluation whole = network->add_gradient(batch, budget_weight, tape, expected);
        for (const Index shards : {1, 2, 4, 7}) {
          BatchWorkers<GaussianGate<double>> workers(2, shards);
          Vector<double> gradient = Vector<double>::Ones(expected.size());  // accumulates
          const Evaluation found = workers.add_gradient(*network, batch, budget_weight, gradient);
          INFO("batch " << size << ", " << shards << " shards, budget weight " << budget_weight);
          CHECK(largest_magnitude(gradient - expected) < 1e-12);
          CHECK(found.task.loss == Approx(whole.task.loss).epsilon(1e-12));
          CHECK(found.task.decisions.right == whole.task.decisions.right);
          CHECK(found.task.decisions.all == whole.task.decisions.all);
          CHECK(found.task.count == whole.task.count);
          CHECK(found.budget == Approx(whole.budget).epsilon(1e-12));
          CHECK(found.ops.updates == whole.ops.updates);
          CHECK(found.ops.dense_updates == whole.ops.dense_updates);
        }
      }
    }
  });
}

TEST_CASE("a sharded batch is answered as a whole one is") {
  for_all_cases([](const Case& of) {
    const auto network = make_network<double>(of);
    for (const Index size : {1, 5, 40}) {
      const SequenceBatch<double> input = make_batch<double>(of, size).input;
      NetworkTape<double> tape;
      const Matrix<double> expected = network->predict(input, tape);
      for (const Index shards : {1, 3}) {
        INFO("batch " << size << ", " << shards << " shards");
        Matrix<double> one, three;
        BatchWorkers<GaussianGate<double>>(1, shards).predict(*network, input, one);
        BatchWorkers<GaussianGate<double>>(3, shards).predict(*network, input, three);
        REQUIRE(one.rows() == expected.rows());
        REQUIRE(one.cols() == expected.cols());
        CHECK(largest_magnitude(one - expected) < 1e-13);
        CHECK(one == three);
      }
    }
  });
}

TEMPLATE_TEST_CASE("the number of threads does not change a bit", "", float, double) {
  for_all_cases([](const Case& of) {
    const auto network = make_network<TestType>(of);
    const auto batch = make_batch<TestType>(of, 39);
    BatchWorkers<GaussianGate<TestType>> alone(1, 7);
    Vector<TestType> expected = Vector<TestType>::Zero(network->layout().size());
    const Evaluation evaluation = alone.add_gradient(*network, batch, 0.7, expected);
    CHECK(expected.norm() > 0);
    for (const Index threads : {2, 3}) {
      BatchWorkers<GaussianGate<TestType>> workers(threads, 7);
      for (int repetition = 0; repetition < 3; ++repetition) {
        Vector<TestType> gradient = Vector<TestType>::Zero(expected.size());
        const Evaluation found = workers.add_gradient(*network, batch, 0.7, gradient);
        CHECK(bits_of(gradient) == bits_of(expected));
        CHECK(numbers_of(found) == numbers_of(evaluation));
      }
    }
  });
}

TEST_CASE("what is wrong with a batch is found before anything is written") {
  const Case of{.readout = Readout::every_step, .loss = cross_entropy};
  const auto network = make_network<double>(of);
  const LabelledBatch<double> good = make_batch<double>(of, 40);
  BatchWorkers<GaussianGate<double>> workers(2, 4);
  const Vector<double> before = Vector<double>::Constant(network->layout().size(), 0.5);
  Vector<double> gradient = before;
  const auto message = [&](auto change) {
    LabelledBatch<double> batch = good;
    change(batch);
    const std::string text =
        error_of([&] { workers.add_gradient(*network, batch, 0.1, gradient); });
    CHECK(gradient == before);
    return text;
  };
  // Samples are numbered as in the batch, not as in the shard.
  check_mentions(message([](auto& batch) { batch.targets.labels(37, 2) = 3; }),
                 {"label", "got 3", "sample 37"});
  check_mentions(message([](auto& batch) { batch.targets.labels.resize(39, 9); }),
                 {"labels must be [40,9]", "[39,9]"});
  check_mentions(message([](auto& batch) { batch.input.values.resize(39, 18); }),
                 {"[40,18]", "got [39,18]"});
  check_mentions(message([](auto& batch) { batch.input.features = 1; }), {"2 features", "got 1"});
  check_mentions(message([](auto& batch) {
                   batch.input.timing.lengths = {1, 2};
                 }),
                 {"lengths", "got 2"});
  check_mentions(message([](auto& batch) { batch.input.timing.timestamps.setZero(2, 9); }),
                 {"timestamps", "got [2,9]"});
  check_mentions(message([](auto& batch) { batch = {}; }), {"features"});

  Vector<double> short_gradient(3);
  check_mentions(error_of([&] { workers.add_gradient(*network, good, 0.1, short_gradient); }),
                 {"a gradient must have", "got 3"});
  Matrix<double> answers;
  SequenceBatch<double> wrong = good.input;
  wrong.features = 7;
  check_mentions(error_of([&] { workers.predict(*network, wrong, answers); }), {"got 7"});

  // Parameters that only the shards look at.
  const auto broken = make_network<double>(of);
  block_view(broken->parameters, broken->layout().find("layer1.sigma")).setZero();
  check_mentions(error_of([&] { workers.add_gradient(*broken, good, 0.1, gradient); }), {"sigma"});
  CHECK(gradient == before);
  CHECK_NOTHROW(workers.add_gradient(*network, good, 0.1, gradient));
  CHECK(gradient != before);
}

TEST_CASE("threads and shards that are out of range are errors") {
  using Workers = BatchWorkers<GaussianGate<float>>;
  check_mentions(error_of([] { Workers(0); }), {"at least one thread", "got 0"});
  check_mentions(error_of([] { Workers(-1); }), {"at least one thread", "got -1"});
  check_mentions(error_of([] { Workers(2, -1); }), {"shards", "got -1"});
}

namespace {

std::unique_ptr<GLstm<float>> adding_network() {
  auto network = std::make_unique<GLstm<float>>(
      NetworkOptions<GaussianGate<float>>{.inputs = 2, .hidden = {12}});
  Rng rng(1);
  network->initialize({.gates = {.start = 0, .end = 20, .open_share = 0.5}}, rng);
  return network;
}

// The adding task, which says that lengths differ so that batches are put together anew; reports
// whether two threads ever called it at once, and fails to load a sample.
struct WatchedTask final : Dataset<float> {
  AddingTask<float> task{20, 333, 4};
  Index bad_sample = -1;
  mutable std::atomic<int> loading = 0;
  mutable std::atomic<bool> at_once = false;

  Index size() const override { return task.size(); }
  Index length_of(Index sample) const override {
    if (loading > 0) at_once = true;
    return 1 + sample * 7 % 20;
  }
  void load(std::span<const Index> samples, LabelledBatch<float>& batch) const override {
    if (++loading > 1) at_once = true;
    task.load(samples, batch);
    std::this_thread::sleep_for(std::chrono::microseconds(100));  // time for others to come in
    --loading;
    for (Index sample : samples) {
      detail::require(sample != bad_sample, "cannot load sample ", sample);
    }
  }
};

// Trains for 12 steps; returns what fit returned.
EpochReport train(GLstm<float>& network, const Dataset<float>& data, Index threads, Index shards,
                  const Dataset<float>* validation = nullptr) {
  Adam<float> optimizer(network.layout(), {.learning_rate = 1e-2, .time_gate_learning_rate = 0.1});
  Trainer trainer(
      network, optimizer,
      {.batch = 50, .epochs = 2, .budget_weight = 0.1, .threads = threads, .shards = shards});
  return trainer.fit(data, validation);
}

}  // namespace

TEST_CASE("an evaluation does not depend on the number of threads") {
  const auto network = adding_network();
  WatchedTask data;
  for (const Index batch : {7, 50, 333, 1000}) {
    const Evaluation one = evaluate(*network, data, batch);
    CHECK(one.task.count == 333);
    for (const Index threads : {2, 3}) {
      INFO("batches of " << batch << ", " << threads << " threads");
      CHECK(numbers_of(evaluate(*network, data, batch, threads)) == numbers_of(one));
    }
  }
  CHECK_FALSE(data.at_once);

  data.bad_sample = 101;
  for (const Index threads : {1, 3}) {
    check_mentions(error_of([&] { evaluate(*network, data, 50, threads); }),
                   {"cannot load sample 101"});
  }
  check_mentions(error_of([&] { evaluate(*network, data, 50, 0); }), {"thread", "got 0"});
}

TEST_CASE("training does not depend on the number of threads") {
  const AddingTask<float> data(20, 300, 3), validation(20, 70, 9);
  for (const Index shards : {0, 1, 4}) {
    const auto expected = adding_network(), start = adding_network();
    const EpochReport report = train(*expected, data, 1, shards, &validation);
    CHECK(bits_of(expected->parameters) != bits_of(start->parameters));
    for (const Index threads : {2, 3}) {
      INFO(shards << " shards, " << threads << " threads");
      const auto network = adding_network();
      const EpochReport other = train(*network, data, threads, shards, &validation);
      CHECK(bits_of(network->parameters) == bits_of(expected->parameters));
      CHECK(numbers_of(other.training) == numbers_of(report.training));
      CHECK(numbers_of(*other.validation) == numbers_of(*report.validation));
    }
  }
}

TEST_CASE("threads do not hide a number that is none, and leave the last good parameters") {
  struct Spoiled final : Dataset<float> {
    AddingTask<float> task{20, 300, 3};
    mutable Index batches = 0;
    Index size() const override { return task.size(); }
    void load(std::span<const Index> samples, LabelledBatch<float>& batch) const override {
      task.load(samples, batch);
      if (batches++ == 4) batch.targets.values(30, 0) = std::numeric_limits<float>::quiet_NaN();
    }
  };
  std::vector<std::vector<float>> left;
  for (const Index threads : {1, 3}) {
    const auto network = adding_network();
    check_mentions(error_of([&] { train(*network, Spoiled(), threads, 4); }),
                   {"step 4", "not a number", "last good parameters"});
    CHECK(network->parameters.allFinite());
    left.push_back(bits_of(network->parameters));
  }
  CHECK(left[0] == left[1]);
  CHECK(left[0] != bits_of(adding_network()->parameters));
}

}  // namespace sharding_test
