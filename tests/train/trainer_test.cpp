#include "glstm/train/trainer.hpp"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <functional>
#include <limits>
#include <memory>
#include <optional>
#include <span>
#include <sstream>
#include <string>
#include <vector>

#include "catch.hpp"
#include "glstm/core/flush_to_zero.hpp"
#include "glstm/core/split.hpp"
#include "glstm/data/adding_task.hpp"
#include "temporary_folder.hpp"

namespace trainer_test {

using namespace glstm;

namespace {

template <class Gate>
std::unique_ptr<Network<Gate>> make_network() {
  NetworkOptions<Gate> options;
  options.inputs = 2;
  options.hidden = {12};
  auto network = std::make_unique<Network<Gate>>(options);
  Rng rng(1);
  network->initialize({.gates = {.start = 0, .end = 20, .open_share = 0.5}}, rng);
  return network;
}

std::vector<float> bits_of(const Vector<float>& values) { return {values.begin(), values.end()}; }

// A network in training, with everything that belongs to it. Small: 6 steps an epoch.
template <class Gate>
struct Run {
  std::unique_ptr<Network<Gate>> network = make_network<Gate>();
  Adam<float> optimizer;
  TrainerOptions options{.batch = 16, .epochs = 1, .seed = 5};

  explicit Run(double learning_rate = 1e-2)
      : optimizer(network->layout(),
                  {.learning_rate = learning_rate, .time_gate_learning_rate = 0.1}) {}

  std::optional<double> resume_after{};  ///< seconds; empty: training does not resume

  EpochReport fit(const Dataset<float>& data, const std::vector<Callback<float>*>& listeners = {},
                  const Dataset<float>* validation = nullptr) {
    Trainer<Gate> trainer(*network, optimizer, options);
    if (resume_after) trainer.resume(*resume_after);
    for (Callback<float>* listener : listeners) trainer.add_callback(*listener);
    return trainer.fit(data, validation);
  }
};

using GRun = Run<GaussianGate<float>>;

// Remembers what it is told, and stops after the step `last_step` or the epoch `last_epoch`.
struct Witness final : Callback<float> {
  Index last_step = std::numeric_limits<Index>::max();
  double last_epoch = std::numeric_limits<double>::infinity();
  std::vector<StepReport> steps;
  std::vector<EpochReport> epochs;
  std::vector<Vector<float>> parameters;  // after each epoch

  Continue on_step(const StepReport& report) override {
    steps.push_back(report);
    return report.step >= last_step ? Continue::no : Continue::yes;
  }
  Continue on_epoch(const EpochReport& report, const TrainingSnapshot<float>& now) override {
    epochs.push_back(report);
    parameters.push_back(now.parameters);
    return report.epochs >= last_epoch ? Continue::no : Continue::yes;
  }
};

AddingTask<float> small_task() { return AddingTask<float>(20, 96, 3); }

// The adding task, but from the `bad_batch`-th batch on one number is `bad_value`.
struct SpoiledTask final : Dataset<float> {
  AddingTask<float> task = small_task();
  Index bad_batch;
  float bad_value;
  bool in_targets;
  mutable Index batches = 0;

  SpoiledTask(Index batch, float value, bool targets)
      : bad_batch(batch), bad_value(value), in_targets(targets) {}
  Index size() const override { return task.size(); }
  void load(std::span<const Index> samples, LabelledBatch<float>& batch) const override {
    task.load(samples, batch);
    if (batches++ < bad_batch) return;
    (in_targets ? batch.targets.values : batch.input.values)(0, 0) = bad_value;
  }
};

struct TemporaryFile {
  std::filesystem::path path = std::filesystem::temp_directory_path() / "glstm_trainer_test.csv";
  ~TemporaryFile() { std::filesystem::remove(path); }
};

/// `labelled`: 3 of 4 decisions are right.
EpochReport epoch_with_loss(double epochs, double loss, bool labelled = false) {
  EpochReport report;
  report.epochs = epochs;
  report.training.task = {.loss = loss, .count = 4};
  if (labelled) report.training.task.decisions = {3, 4};
  return report;
}

// An empty snapshot, for callbacks that are tested without a trainer.
struct Nothing {
  Vector<float> parameters = Vector<float>::Zero(2);
  ParameterLayout layout;
  OptimizerState<float> optimizer;
  TrainingSnapshot<float> snapshot() const { return {parameters, layout, optimizer}; }
};

}  // namespace

TEMPLATE_TEST_CASE("training learns the adding task", "", AlwaysOpen<float>, GaussianGate<float>) {
  const AddingTask<float> training(20, 1000, 1), test(20, 200, 2);
  Run<TestType> run;
  run.options = {.batch = 50, .epochs = 12};
  const double before = evaluate(*run.network, test, 64).task.loss;
  const EpochReport report = run.fit(training, {}, &test);
  REQUIRE(report.validation.has_value());
  INFO("test loss " << before << " before, " << report.validation->task.loss << " after");
  CHECK(report.validation->task.loss < 0.25 * static_cast<double>(training.target_variance));
  CHECK(report.validation->task.loss < 0.5 * before);
  CHECK(report.validation->task.count == 200);
  CHECK(report.step == 12 * 20);
  CHECK(report.epochs == 12);
  // In batches of another size the evaluation is the same.
  CHECK(evaluate(*run.network, test, 7).task.loss == Approx(report.validation->task.loss));
}

TEST_CASE("the same seed gives the same bits") {
  const AddingTask<float> task = small_task();
  GRun one, two, other;
  for (GRun* run : {&one, &two, &other}) run->options.epochs = 2;
  other.options.seed = 6;
  for (GRun* run : {&one, &two, &other}) run->fit(task);
  CHECK(bits_of(one.network->parameters) == bits_of(two.network->parameters));
  CHECK(bits_of(one.network->parameters) != bits_of(other.network->parameters));
}

TEST_CASE("listeners hear of every step and epoch") {
  GRun run;
  run.options.epochs = 2;
  Witness witness;
  const EpochReport last = run.fit(small_task(), {&witness});
  REQUIRE(witness.steps.size() == 12);  // 100 samples in batches of 16: the last 4 are left out
  REQUIRE(witness.epochs.size() == 2);
  for (std::size_t s = 0; s < 12; ++s) {
    const StepReport& report = witness.steps[s];
    CHECK(report.step == static_cast<Index>(s) + 1);
    CHECK(report.epoch == static_cast<Index>(s / 6));
    CHECK(report.step_of_epoch == static_cast<Index>(s % 6) + 1);
    CHECK(report.steps_per_epoch == 6);
    CHECK(report.gradient_norm > 0);
    CHECK(report.batch.task.count == 16);
  }
  double loss = 0;
  for (std::size_t s = 6; s < 12; ++s) loss += witness.steps[s].batch.task.loss / 6;
  CHECK(last.training.task.loss == Approx(loss));
  CHECK(last.training.task.count == 96);
  CHECK(last.step == 12);
  CHECK_FALSE(last.validation.has_value());
  CHECK(witness.parameters[1] == run.network->parameters);
}

TEST_CASE("an epoch can be reported in parts") {
  const AddingTask<float> task = small_task();
  GRun whole, parts;
  const Index reports = GENERATE(2, 4, 6, 100);  // of 6 steps
  whole.options.epochs = parts.options.epochs = 2;
  parts.options.reports_per_epoch = static_cast<double>(reports);
  Witness witness;
  whole.fit(task);
  const EpochReport last = parts.fit(task, {&witness}, &task);
  CHECK(bits_of(parts.network->parameters) == bits_of(whole.network->parameters));
  const std::size_t per_epoch = static_cast<std::size_t>(std::min<Index>(6, reports));
  REQUIRE(witness.epochs.size() == 2 * per_epoch);
  Index before = 0;
  for (const EpochReport& report : witness.epochs) {
    INFO("step " << report.step);
    CHECK(report.epochs == static_cast<double>(report.step) / 6);
    CHECK(report.training.task.count == 16 * (report.step - before));
    double loss = 0;
    for (Index s = before; s < report.step; ++s) {
      loss += witness.steps[static_cast<std::size_t>(s)].batch.task.loss;
    }
    CHECK(report.training.task.loss == Approx(loss / static_cast<double>(report.step - before)));
    CHECK(report.validation.has_value());
    before = report.step;
  }
  CHECK(witness.epochs[per_epoch - 1].step == 6);
  CHECK(last.step == 12);
}

TEST_CASE("several epochs can have one report") {
  const AddingTask<float> task = small_task();
  const auto steps_of_reports = [&](double reports, Index epochs) {
    GRun run;
    run.options.epochs = epochs;
    run.options.reports_per_epoch = reports;
    Witness witness;
    run.fit(task, {&witness});
    std::vector<Index> steps;
    for (const EpochReport& report : witness.epochs) steps.push_back(report.step);
    return steps;
  };
  CHECK(steps_of_reports(0.5, 5) == std::vector<Index>{12, 24, 30});  // 6 steps an epoch
  CHECK(steps_of_reports(0.01, 3) == std::vector<Index>{18});
  CHECK(steps_of_reports(1.5, 2) == std::vector<Index>{4, 8, 12});
}

TEST_CASE("a listener can stop training after a step or an epoch") {
  GRun run;
  run.options.epochs = 5;
  Witness witness;
  SECTION("step") {
    witness.last_step = 8;
    CHECK(run.fit(small_task(), {&witness}).step == 8);
    CHECK(witness.steps.size() == 8);
    CHECK(witness.epochs.size() == 2);
  }
  SECTION("epoch") {
    witness.last_epoch = 3;
    CHECK(run.fit(small_task(), {&witness}).step == 18);
    CHECK(witness.epochs.size() == 3);
  }
  SECTION("every listener is asked, also after one said stop") {
    Witness second;
    witness.last_step = 3;
    run.fit(small_task(), {&witness, &second});
    CHECK(second.steps.size() == 3);
  }
}

TEST_CASE("every call of fit trains for its epochs") {
  const AddingTask<float> task = small_task();
  GRun whole, parts;
  whole.options.epochs = 6;
  Witness expected, witness;
  whole.fit(task, {&expected});
  parts.options.epochs = 2;
  Trainer<GaussianGate<float>> trainer(*parts.network, parts.optimizer, parts.options);
  trainer.add_callback(witness);
  for (const Index step : {12, 24, 36}) {
    const EpochReport report = trainer.fit(task);
    CHECK(report.step == step);
    CHECK(report.epochs == static_cast<double>(step / 6));
    CHECK(report.training.task.count == 96);
  }
  CHECK(bits_of(parts.network->parameters) == bits_of(whole.network->parameters));
  REQUIRE(witness.steps.size() == expected.steps.size());
  for (std::size_t s = 0; s < witness.steps.size(); ++s) {
    CHECK(witness.steps[s].epoch == expected.steps[s].epoch);
  }
}

TEST_CASE("a call of fit after one that stopped within an epoch starts the next epoch") {
  // What is loaded: an epoch must not load in the order of one before it.
  struct Orders final : Dataset<float> {
    AddingTask<float> task = small_task();
    mutable std::vector<std::vector<Index>> batches;
    Index size() const override { return task.size(); }
    void load(std::span<const Index> samples, LabelledBatch<float>& batch) const override {
      batches.emplace_back(samples.begin(), samples.end());
      task.load(samples, batch);
    }
  } task;
  GRun run;
  Witness witness;
  witness.last_step = 2;
  run.fit(task, {&witness});
  run.fit(task, {&witness});  // the witness stops it after its first step
  witness.last_step = std::numeric_limits<Index>::max();
  CHECK(run.fit(task, {&witness}).step == 9);
  REQUIRE(witness.steps.size() == 9);
  CHECK(witness.steps[1].epoch == 0);
  CHECK(witness.steps[2].epoch == 1);
  CHECK(witness.steps[2].step_of_epoch == 1);
  CHECK(witness.steps[8].step_of_epoch == 6);
  CHECK(task.batches[0] != task.batches[2]);
}

TEST_CASE("limits are those of a call of fit") {
  const AddingTask<float> task = small_task();
  GRun run;
  run.options.epochs = 5;
  SECTION("steps") {
    run.options.max_steps = 8;
    CHECK(run.fit(task).step == 8);
    CHECK(run.fit(task).step == 16);
    run.options.max_steps = std::numeric_limits<Index>::max();
    CHECK(run.fit(task).step == 16 + 5 * 6);
  }
  SECTION("seconds") {
    run.options.max_seconds = 0;
    CHECK(run.fit(task).step == 1);
    const EpochReport report = run.fit(task);
    CHECK(report.step == 2);
    run.options.max_seconds = std::numeric_limits<double>::infinity();
    CHECK(run.fit(task).seconds > 0);
  }
  SECTION("and none of the next call, after one that resumes") {
    Trainer<GaussianGate<float>> trainer(*run.network, run.optimizer, run.options);
    CHECK(trainer.resume().fit(task).step == 30);
    CHECK(trainer.resume().fit(task).step == 0);
    CHECK(trainer.fit(task).step == 60);
  }
}

TEST_CASE("training resumes from the optimiser's step to the same bits") {
  const AddingTask<float> task = small_task();
  GRun whole, parts;
  whole.options.epochs = 4;
  whole.fit(task);
  parts.resume_after = 0;

  Witness stop;
  parts.options.epochs = 4;
  SECTION("after whole epochs") {
    parts.options.epochs = 1;
    parts.fit(task);
    parts.options.epochs = 4;
  }
  SECTION("after a stop in the middle of an epoch") {
    stop.last_step = 9;
    parts.fit(task, {&stop});
  }
  SECTION("with the state in a new optimiser") {
    stop.last_step = 10;
    parts.fit(task, {&stop});
    GRun resumed;
    resumed.network->parameters = parts.network->parameters;
    resumed.optimizer.set_state(parts.optimizer.state());
    resumed.options.epochs = 4;
    resumed.resume_after = 0;
    resumed.fit(task);
    CHECK(bits_of(resumed.network->parameters) == bits_of(whole.network->parameters));
  }
  parts.fit(task);
  CHECK(parts.optimizer.state().steps == 24);
  CHECK(bits_of(parts.network->parameters) == bits_of(whole.network->parameters));
  CHECK(parts.fit(task).step == 0);  // nothing left to do
}

TEST_CASE("a second fit resumes to the same bits, also after an epoch that the first one began") {
  const AddingTask<float> task = small_task();
  const auto first = [&](GRun& run) {  // ends in the middle of its second epoch
    run.options.epochs = 2;
    run.options.max_steps = 9;
    CHECK(run.fit(task).step == 9);
    run.options.max_steps = std::numeric_limits<Index>::max();
  };
  GRun whole, parts;
  first(whole);
  first(parts);
  CHECK(whole.fit(task).step == 9 + 12);
  Witness stop;
  stop.last_step = 17;
  const EpochReport report = parts.fit(task, {&stop});
  CHECK(report.step == 17);
  CHECK(report.first_step == 9);
  Trainer<GaussianGate<float>> trainer(*parts.network, parts.optimizer, parts.options);
  CHECK(trainer.resume(0, report.first_step).fit(task).step == 9 + 12);
  CHECK(bits_of(parts.network->parameters) == bits_of(whole.network->parameters));
  check_mentions(error_of([&] { trainer.resume(0, 22).fit(task); }), {"21", "22"});
  CHECK_THROWS_AS(trainer.resume(0, -1), Error);
}

TEST_CASE("max_seconds ends training after the step that used it up") {
  GRun run;
  run.options.epochs = 100;
  run.options.max_seconds = 0;
  Witness witness;
  run.fit(small_task(), {&witness});
  CHECK(witness.steps.size() == 1);
  CHECK(witness.epochs.size() == 1);
}

TEST_CASE("max_steps ends training, over all epochs and resumptions") {
  const AddingTask<float> task = small_task();
  GRun run;
  run.resume_after = 0;
  run.options.epochs = 5;
  Witness witness;
  SECTION("in the middle of an epoch") {
    run.options.max_steps = 8;
    CHECK(run.fit(task, {&witness}).step == 8);
    CHECK(witness.steps.size() == 8);
    REQUIRE(witness.epochs.size() == 2);  // the epoch that was begun is reported, too
    CHECK(witness.epochs[1].training.task.count == 2 * 16);
    GRun stopped;
    Witness stop;
    stop.last_step = 8;
    stopped.options.epochs = 5;
    stopped.fit(task, {&stop});
    CHECK(bits_of(run.network->parameters) == bits_of(stopped.network->parameters));

    const Vector<float> before = run.network->parameters;
    Witness nothing;
    CHECK(run.fit(task, {&nothing}).step == 0);  // already reached
    CHECK(nothing.steps.empty());
    CHECK(nothing.epochs.empty());
    CHECK(bits_of(run.network->parameters) == bits_of(before));

    run.options.max_steps = 11;
    CHECK(run.fit(task, {&nothing}).step == 11);
    CHECK(nothing.steps.size() == 3);
    run.options.max_steps = 5;  // less than were taken
    CHECK(run.fit(task).step == 0);
    CHECK(run.optimizer.state().steps == 11);
  }
  SECTION("at the end of an epoch") {
    run.options.max_steps = 6;
    CHECK(run.fit(task, {&witness}).step == 6);
    CHECK(witness.epochs.size() == 1);
  }
  SECTION("at once") {
    run.options.max_steps = 0;
    CHECK(run.fit(task, {&witness}).step == 0);
    CHECK(witness.epochs.empty());
  }
  SECTION("not before the epochs do") {
    run.options.epochs = 1;
    run.options.max_steps = 100;
    CHECK(run.fit(task, {&witness}).step == 6);
  }
}

TEST_CASE("the seconds before a resumption count") {
  GRun run;
  run.options.epochs = 2;
  run.resume_after = 1000;
  Witness witness;
  SECTION("in the reports") {
    const EpochReport report = run.fit(small_task(), {&witness});
    REQUIRE(witness.steps.size() == 12);
    CHECK(witness.steps[0].seconds > 1000);
    CHECK(report.seconds > witness.steps[0].seconds);
    CHECK(report.seconds == witness.steps[11].seconds);
    CHECK(report.seconds < 1100);
  }
  SECTION("towards max_seconds") {
    run.options.max_seconds = std::nextafter(1000.0, 2000.0);
    CHECK(run.fit(small_task(), {&witness}).step == 1);
    CHECK(witness.epochs.size() == 1);
  }
  SECTION("and nothing is done when they are used up") {
    run.options.max_seconds = 1000;
    const Vector<float> before = run.network->parameters;
    CHECK(run.fit(small_task(), {&witness}).step == 0);
    CHECK(witness.steps.empty());
    CHECK(witness.epochs.empty());
    CHECK(bits_of(run.network->parameters) == bits_of(before));
  }
}

TEST_CASE("a rule is applied after every step") {
  const AddingTask<float> task = small_task();
  GRun run, free;
  run.options.epochs = free.options.epochs = 2;
  const Index bias = run.network->layout().find("readout.b").offset;
  std::vector<Index> steps;
  bool moved = true;
  Trainer<GaussianGate<float>> trainer(*run.network, run.optimizer, run.options);
  trainer.after_step([&](Index step, Vector<float>& parameters) {
    steps.push_back(step);
    moved &= parameters(bias) != 0.25f;  // it comes after the optimiser
    parameters(bias) = 0.25f;
  });
  bool kept = true;
  struct AfterStep final : Callback<float> {
    std::function<void()> look;
    Continue on_step(const StepReport&) override {
      look();
      return Continue::yes;
    }
  } witness;
  witness.look = [&] { kept &= run.network->parameters(bias) == 0.25f; };
  trainer.add_callback(witness).fit(task);
  CHECK(steps == std::vector<Index>{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12});
  CHECK(moved);
  CHECK(kept);
  free.fit(task);
  CHECK(bits_of(run.network->parameters) != bits_of(free.network->parameters));
}

TEST_CASE("rules are applied in the order in which they were given") {
  GRun run;
  std::vector<int> order;
  Trainer<GaussianGate<float>>(*run.network, run.optimizer, run.options)
      .after_step([&](Index, Vector<float>&) { order.push_back(1); })
      .after_step([&](Index, Vector<float>&) { order.push_back(2); })
      .fit(small_task());
  CHECK(order == std::vector<int>{1, 2, 1, 2, 1, 2, 1, 2, 1, 2, 1, 2});
}

TEST_CASE("a rule that makes a parameter infinite or not a number stops training") {
  const float bad =
      GENERATE(std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity(),
               -std::numeric_limits<float>::infinity());
  const char* name = GENERATE("layer0.b", "layer0.sigma");
  CAPTURE(bad, name);
  const auto rule_from = [&](Index bad_step, const ParameterLayout& layout) {
    const Index place = layout.find(name).offset;
    return [=](Index step, Vector<float>& parameters) {
      parameters(0) += 0.125f;
      if (step >= bad_step) parameters(place) = bad;
    };
  };
  GRun run, healthy;
  ParameterAverage<float> average(0.9);
  const std::string message = error_of([&] {
    Trainer<GaussianGate<float>>(*run.network, run.optimizer, run.options)
        .after_step(rule_from(4, run.network->layout()))
        .average(average)
        .fit(small_task());
  });
  check_mentions(message, {"step 3", "parameters", std::string("block ") + name});
  healthy.options.max_steps = 3;
  ParameterAverage<float> expected(0.9);
  Trainer<GaussianGate<float>>(*healthy.network, healthy.optimizer, healthy.options)
      .after_step(rule_from(4, run.network->layout()))
      .average(expected)
      .fit(small_task());
  CHECK(bits_of(run.network->parameters) == bits_of(healthy.network->parameters));
  CHECK(bits_of(average.value()) == bits_of(expected.value()));
}

TEST_CASE("a rule has the last word on widths, after the optimiser's were mended") {
  GRun run;
  const ParameterBlock& sigma = run.network->layout().find("layer0.sigma");
  Sgd<float> sgd(run.network->layout(), {.time_gate_learning_rate = 1e5});  // jumps across zero
  bool usable = true;
  Trainer<GaussianGate<float>>(*run.network, sgd, run.options)
      .after_step([&](Index, Vector<float>& parameters) {
        usable &= block_view(parameters, sigma).minCoeff() > 0;
        block_view(parameters, sigma)(0, 0) = 0.001f;  // far less than half of what it was
      })
      .fit(small_task());
  CHECK(usable);
  CHECK(block_view(run.network->parameters, sigma)(0, 0) == 0.001f);
}

namespace {

/// Nothing but zeros.
struct ZeroTask final : Dataset<float> {
  Index features = 2;
  Index size() const override { return 4; }
  void load(std::span<const Index> samples, LabelledBatch<float>& batch) const override {
    const auto count = static_cast<Index>(samples.size());
    batch.input = SequenceBatch<float>::zeros(count, 3, features);
    batch.targets.values.setZero(count, 1);
  }
};

}  // namespace

TEST_CASE("weight noise changes gradients, and parameters only through them") {
  const AddingTask<float> task = small_task();
  const auto first_step = [&](double noise, double rate, double gate_rate, GRun& run) {
    run.options.weight_noise = noise;
    run.options.max_steps = 1;
    run.options.clip_norm = 1e-3;
    Sgd<float> sgd(run.network->layout(),
                   {.learning_rate = rate, .time_gate_learning_rate = gate_rate});
    Witness witness;
    Trainer<GaussianGate<float>>(*run.network, sgd, run.options).add_callback(witness).fit(task);
    return witness.steps.at(0);
  };
  GRun quiet, noisy, still;
  const Vector<float> before = quiet.network->parameters;
  const StepReport of_quiet = first_step(0, 1, 1, quiet), of_noisy = first_step(0.1, 1, 1, noisy);
  CHECK(std::abs(of_noisy.gradient_norm - of_quiet.gradient_norm) > 1e-3 * of_quiet.gradient_norm);
  CHECK(of_noisy.batch.task.loss != of_quiet.batch.task.loss);
  // The gates are as they were, also while the gradient was taken.
  CHECK(of_noisy.batch.ops.updates == of_quiet.batch.ops.updates);
  CHECK(of_noisy.batch.budget == of_quiet.batch.budget);
  // The optimiser's step, at rate 1, is the clipped gradient: 0.1 of noise would not be missed.
  CHECK((noisy.network->parameters - before).norm() == Approx(1e-3).epsilon(1e-3));
  CHECK(bits_of(noisy.network->parameters) != bits_of(quiet.network->parameters));

  first_step(0.1, 0, 0, still);
  CHECK(bits_of(still.network->parameters) == bits_of(before));
}

TEST_CASE("weight noise depends on the seed and the step") {
  const AddingTask<float> task = small_task();
  const auto train = [&](double noise, std::uint64_t seed, Index threads, Index stop) {
    GRun run;
    run.options = {.batch = 16,
                   .epochs = 2,
                   .weight_noise = noise,
                   .seed = seed,
                   .threads = threads,
                   .shards = 4};
    Witness witness;
    witness.last_step = stop;
    run.fit(task, {&witness});
    run.resume_after = 0;
    run.fit(task);
    return bits_of(run.network->parameters);
  };
  const std::vector<float> some = train(0.05, 5, 1, 100);
  CHECK(train(0.05, 5, 1, 100) == some);
  CHECK(train(0.05, 5, 3, 100) == some);
  CHECK(train(0.05, 5, 1, 7) == some);  // resumed
  CHECK(train(0.05, 6, 1, 100) != some);
  CHECK(train(0.06, 5, 1, 100) != some);
  CHECK(train(0, 5, 1, 100) != some);

  // No noise is what a network in whose options there is none gets.
  GRun plain;
  plain.options = {.batch = 16, .epochs = 2, .seed = 5, .shards = 4};
  plain.fit(task);
  CHECK(train(0, 5, 1, 100) == bits_of(plain.network->parameters));

  // Where all samples are the same, the seed is felt through the noise alone.
  const auto train_on_zeros = [](double noise, std::uint64_t seed) {
    GRun run;
    run.options = {.batch = 2, .weight_noise = noise, .seed = seed};
    run.fit(ZeroTask());
    return bits_of(run.network->parameters);
  };
  CHECK(train_on_zeros(0, 5) == train_on_zeros(0, 6));
  CHECK(train_on_zeros(0.05, 5) != train_on_zeros(0.05, 6));
}

TEST_CASE("weight noise has the standard deviation that was asked for") {
  GRun run;
  const ParameterLayout& layout = run.network->layout();
  for (const ParameterBlock& block : layout.blocks()) {
    if (block.role != ParameterRole::time_gate)
      block_view(run.network->parameters, block).setZero();
  }
  // One weight is not zero, since a trainer refuses a network without any; it is too small to
  // matter.
  block_view(run.network->parameters, layout.find("layer0.w_ih"))(0, 0) = 1e-30f;
  // With all weights zero, the gradient of the readout's bias is twice its noise.
  const Vector<float> before = run.network->parameters;
  const Index bias = layout.find("readout.b").offset;
  std::vector<double> noise;
  Sgd<float> sgd(layout, {.learning_rate = 1, .time_gate_learning_rate = 0});
  run.options = {.batch = 4, .epochs = 2000, .clip_norm = 1e6, .weight_noise = 0.01};
  Trainer<GaussianGate<float>>(*run.network, sgd, run.options)
      .after_step([&](Index, Vector<float>& parameters) {
        noise.push_back(-0.5 * static_cast<double>(parameters(bias)));
        parameters = before;
      })
      .fit(ZeroTask());
  REQUIRE(noise.size() == 2000);
  double sum = 0, squares = 0, largest = 0;
  for (const double value : noise) {
    sum += value;
    squares += value * value;
    largest = std::max(largest, std::abs(value));
  }
  CHECK(std::abs(sum / 2000) < 4 * 0.01 / std::sqrt(2000));
  CHECK(std::sqrt(squares / 2000) == Approx(0.01).epsilon(0.05));
  CHECK(largest < 1.02 * std::sqrt(3) * 0.01);
  CHECK(largest > 0.98 * std::sqrt(3) * 0.01);
}

TEST_CASE("a batch that does not fit leaves no noise in the parameters") {
  GRun run;
  run.options.weight_noise = 0.1;
  const Vector<float> before = run.network->parameters;
  ZeroTask task;
  task.features = 3;
  check_mentions(error_of([&] { run.fit(task); }), {"2 features", "got 3"});
  CHECK(bits_of(run.network->parameters) == bits_of(before));
}

TEST_CASE("data that are not numbers stop training with the last good parameters") {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const float infinity = std::numeric_limits<float>::infinity();
  const bool in_targets = GENERATE(false, true);
  const float value = GENERATE_COPY(nan, infinity);
  const Index bad_step = GENERATE(0, 1, 4);
  CAPTURE(in_targets, value, bad_step);

  // What the same training looks like up to there. A loss that is not a number condemns the
  // parameters it was computed with, too: those before them are the last that were good.
  GRun healthy;
  const Index good_steps = std::max<Index>(0, bad_step - 1);
  Witness stop;
  stop.last_step = good_steps;
  if (good_steps > 0) healthy.fit(small_task(), {&stop});

  Run<AlwaysOpen<float>> plain;  // a neuron that is closed at step 0 would not see the number
  GRun run;
  const std::string message = error_of([&] { run.fit(SpoiledTask(bad_step, value, in_targets)); });
  check_mentions(message,
                 {"step " + std::to_string(bad_step), in_targets ? "target 0" : "feature ",
                  std::isnan(value) ? "is not a number" : "is infinite", "last good parameters"});
  CHECK(run.network->parameters.allFinite());
  CHECK(bits_of(run.network->parameters) == bits_of(healthy.network->parameters));

  const std::string of_plain =
      error_of([&] { plain.fit(SpoiledTask(bad_step, value, in_targets)); });
  check_mentions(of_plain, {"step " + std::to_string(bad_step), " of sample "});
  CHECK(plain.network->parameters.allFinite());
}

TEST_CASE("the number in the data that is none is named by its sample in the data set") {
  struct Spoiled final : Dataset<float> {
    AddingTask<float> task{20, 40, 3};
    Index size() const override { return task.size(); }
    Index length_of(Index sample) const override { return 40 - sample; }  // batches anew
    void load(std::span<const Index> samples, LabelledBatch<float>& batch) const override {
      task.load(samples, batch);
      for (std::size_t b = 0; b < samples.size(); ++b) {
        if (samples[b] == 17) batch.input.values(static_cast<Index>(b), 2 * 7 + 1) = std::nanf("");
      }
    }
  };
  const std::string expected = "feature 1 of step 7 of sample 17 is not a number";
  Run<AlwaysOpen<float>> run;
  check_mentions(error_of([&] { run.fit(Spoiled()); }), {"in the training data, " + expected});
  check_mentions(error_of([&] { evaluate(*run.network, Spoiled(), 8); }),
                 {"in the data to evaluate, " + expected});
}

TEST_CASE("a step to infinity stops training and is undone") {
  GRun run(1e38);
  run.options.schedule = [](Index step) { return step < 2 ? 1e-40 : 1e10; };
  Witness witness;
  Vector<float> good;
  const std::string message = error_of([&] { run.fit(small_task(), {&witness}); });
  check_mentions(message, {"step 2", "parameters", "block layer0.w_ih", "smaller learning rate"});
  CHECK(run.network->parameters.allFinite());

  GRun two_steps(1e38);
  two_steps.options.schedule = run.options.schedule;
  Witness stop;
  stop.last_step = 2;
  two_steps.fit(small_task(), {&stop});
  CHECK(bits_of(run.network->parameters) == bits_of(two_steps.network->parameters));
}

TEST_CASE("trainer options that are out of range are errors") {
  const auto message = [](auto change) {
    GRun run;
    change(run.options);
    return error_of([&] { run.fit(small_task()); });
  };
  check_mentions(message([](TrainerOptions& o) { o.batch = 0; }), {"batch", "got 0"});
  check_mentions(message([](TrainerOptions& o) { o.epochs = -1; }), {"epochs", "got -1"});
  check_mentions(message([](TrainerOptions& o) { o.clip_norm = 0; }), {"clip_norm", "got 0"});
  check_mentions(message([](TrainerOptions& o) { o.budget_weight = -1; }), {"budget_weight"});
  check_mentions(message([](TrainerOptions& o) { o.budget_weight = std::nan(""); }),
                 {"budget_weight", "nan"});
  for (const double noise : {-0.1, std::nan(""), std::numeric_limits<double>::infinity()}) {
    check_mentions(message([&](TrainerOptions& o) { o.weight_noise = noise; }),
                   {"weight_noise", "got"});
    GRun run;
    run.resume_after = noise;
    check_mentions(error_of([&] { run.fit(small_task()); }), {"seconds", "got"});
  }
  check_mentions(message([](TrainerOptions& o) { o.max_steps = -1; }), {"max_steps", "got -1"});
  check_mentions(message([](TrainerOptions& o) { o.threads = 0; }), {"thread", "got 0"});
  check_mentions(message([](TrainerOptions& o) { o.shards = -1; }), {"shards", "got -1"});
  GRun run;
  check_mentions(error_of([&] { evaluate(*run.network, small_task(), 0); }), {"batch", "got 0"});
}

TEST_CASE("a network without weights cannot be trained") {
  GRun run;
  const Vector<float> weights = run.network->parameters;
  run.network->parameters = Network<GaussianGate<float>>(run.network->options()).parameters;
  check_mentions(error_of([&] { run.fit(small_task()); }), {"all zero", "initialize"});
  CHECK(run.optimizer.state().steps == 0);
  run.network->parameters = weights;
  CHECK_NOTHROW(run.fit(small_task()));
}

TEST_CASE("an empty data set cannot be evaluated") {
  struct Nothing final : Dataset<float> {
    Index size() const override { return 0; }
    void load(std::span<const Index>, LabelledBatch<float>&) const override {}
  } nothing;
  struct NoStreams final : StreamSource<float> {
    Index steps() const override { return 0; }
    void load(Index, Index, LabelledBatch<float>&) const override {}
  } no_streams;
  GRun run;
  check_mentions(error_of([&] { evaluate(*run.network, nothing, 10); }), {"no samples"});
  check_mentions(error_of([&] { evaluate_streams(*run.network, no_streams, 10); }), {"no steps"});
  check_mentions(error_of([&] { run.fit(small_task(), {}, &nothing); }),
                 {"no samples", "validate"});
  CHECK(run.optimizer.state().steps == 0);
}

TEST_CASE("gradients are clipped to the norm that was asked for") {
  GRun run(0);
  Sgd<float> sgd(run.network->layout(), {.learning_rate = 1, .time_gate_learning_rate = 1});
  const Vector<float> before = run.network->parameters;
  TrainerOptions options = run.options;
  options.clip_norm = 1e-3;
  Trainer<GaussianGate<float>> trainer(*run.network, sgd, options);
  Witness stop;
  stop.last_step = 1;
  trainer.add_callback(stop).fit(small_task());
  CHECK(stop.steps[0].gradient_norm > 1e-3);
  CHECK((run.network->parameters - before).norm() == Approx(1e-3).epsilon(1e-3));
}

TEST_CASE("a batch larger than the dataset is the dataset") {
  GRun run;
  run.options.batch = 1000;
  Witness witness;
  run.fit(small_task(), {&witness});
  REQUIRE(witness.steps.size() == 1);
  CHECK(witness.steps[0].batch.task.count == 96);
}

TEST_CASE("early stopping waits as long as its patience") {
  const Nothing nothing;
  EarlyStop<float> stop(2);
  const double losses[] = {5, 4, 4.5, 3, 3, 3.5};
  const bool goes_on[] = {true, true, true, true, true, false};
  for (Index epoch = 0; epoch < 6; ++epoch) {
    CAPTURE(epoch);
    const Continue answer = stop.on_epoch(
        epoch_with_loss(static_cast<double>(epoch + 1), losses[epoch]), nothing.snapshot());
    CHECK((answer == Continue::yes) == goes_on[epoch]);
  }
  check_mentions(error_of([] { EarlyStop<float>(0); }), {"patience", "got 0"});
  EarlyStop<float> at_nan(1);
  CHECK(at_nan.on_epoch(epoch_with_loss(0, std::nan("")), nothing.snapshot()) == Continue::no);
}

TEST_CASE("the monitored metric prefers validation, and wrong predictions to a loss") {
  EpochReport report = epoch_with_loss(0, 2);
  EpochReport labelled = epoch_with_loss(0, 2, true);
  CHECK(monitored_metric(report) == 2);
  CHECK(monitored_metric(labelled) == 0.25);
  report.validation = Evaluation{};
  report.validation->task = {.loss = 7, .count = 2};
  labelled.validation = report.validation;
  labelled.validation->task.decisions = {1, 2};
  CHECK(monitored_metric(report) == 7);
  CHECK(monitored_metric(labelled) == 0.5);
  CHECK(labelled.monitored().accuracy() == 0.5);
  CHECK(std::isnan(report.monitored().accuracy()));
  labelled.validation->task.decisions = {3, 4};  // two for each prediction: the loss counts
  CHECK(monitored_metric(labelled) == 7);
}

TEST_CASE("the best parameters are kept") {
  GRun run(0.05);
  run.options.epochs = 6;
  Witness witness;
  KeepBest<float> best;
  CHECK_FALSE(best.has_parameters());
  const AddingTask<float> validation(20, 50, 9);
  run.fit(small_task(), {&witness, &best}, &validation);
  REQUIRE(best.has_parameters());
  std::size_t least = 0;
  for (std::size_t e = 1; e < 6; ++e) {
    if (witness.epochs[e].validation->task.loss < witness.epochs[least].validation->task.loss) {
      least = e;
    }
  }
  CHECK(best.epochs() == static_cast<double>(least + 1));
  CHECK(best.metric() == witness.epochs[least].validation->task.loss);
  CHECK(best.parameters() == witness.parameters[least]);
}

TEST_CASE("the states of callbacks are taken only when they make sense") {
  EarlyStop<float> stop(2);
  stop.set_state({0.5, 1});
  check_mentions(error_of([&] { stop.set_state({std::nan(""), 0}); }), {"EarlyStop", "nan"});
  check_mentions(error_of([&] { stop.set_state({1, -1}); }), {"EarlyStop", "-1"});
  CHECK(stop.state().best == 0.5);
  CHECK(stop.state().since == 1);

  KeepBest<float> best;
  best.set_state({0.5, 3, Vector<float>::Ones(2)});
  check_mentions(error_of([&] { best.set_state({0.5, 3, {}}); }), {"KeepBest", "0 parameters"});
  check_mentions(error_of([&] {
                   best.set_state({std::nan(""), 3, Vector<float>::Ones(2)});
                 }),
                 {"KeepBest", "nan"});
  CHECK(best.metric() == 0.5);
  CHECK(best.epochs() == 3);
  CHECK(best.parameters() == Vector<float>::Ones(2));
  best.set_state({});
  CHECK_FALSE(best.has_parameters());
}

TEST_CASE("of reports that are not eligible the parameters are not kept") {
  const Nothing nothing;
  KeepBest<float> best([](const EpochReport& report) { return report.epochs != 2; });
  const double losses[] = {3, 1, 2, 4};
  for (int epoch = 0; epoch < 4; ++epoch) {
    best.on_epoch(epoch_with_loss(epoch + 1, losses[epoch]), nothing.snapshot());
  }
  CHECK(best.metric() == 2);
  CHECK(best.epochs() == 3);
  KeepBest<float> none([](const EpochReport&) { return false; });
  none.on_epoch(epoch_with_loss(1, 1), nothing.snapshot());
  CHECK_FALSE(none.has_parameters());
}

TEST_CASE("the CSV log has a header and one line per epoch") {
  const TemporaryFile file;
  GRun run;
  run.options.epochs = 2;
  Witness witness;
  const AddingTask<float> validation(20, 50, 9);
  const bool validate = GENERATE(true, false);
  {
    CsvLog<float> log(file.path);
    run.fit(small_task(), {&log, &witness}, validate ? &validation : nullptr);
  }
  std::ifstream in(file.path);
  std::string line;
  std::getline(in, line);
  CHECK(line ==
        "epoch,step,seconds,training_loss,training_accuracy,validation_loss,validation_accuracy,"
        "update_share,mac_share,budget,budget_weight");
  for (std::size_t e = 0; e < 2; ++e) {
    REQUIRE(std::getline(in, line));
    const auto parts = detail::split(line, ',');
    const std::vector<std::string> fields(parts.begin(), parts.end());
    REQUIRE(fields.size() == 11);
    const EpochReport& report = witness.epochs[e];
    CHECK(fields[0] == std::to_string(e + 1));
    CHECK(fields[1] == std::to_string(6 * (e + 1)));
    CHECK(std::stod(fields[3]) == Approx(report.training.task.loss).epsilon(1e-4));
    CHECK(fields[4].empty());
    if (validate) {
      CHECK(std::stod(fields[5]) == Approx(report.validation->task.loss).epsilon(1e-4));
    } else {
      CHECK(fields[5].empty());
    }
    CHECK(fields[6].empty());
    CHECK(std::stod(fields[7]) == Approx(report.training.ops.update_share()).epsilon(1e-4));
    CHECK(std::stod(fields[8]) > 0);
    CHECK(std::stod(fields[8]) < 1);
    CHECK(std::stod(fields[9]) == Approx(report.training.budget).epsilon(1e-4));
  }
  CHECK_FALSE(std::getline(in, line));
  check_mentions(error_of([] { CsvLog<float>("/nowhere/at/all.csv"); }),
                 {"cannot write", "/nowhere/at/all.csv"});
}

TEST_CASE("a CSV log goes on below what the file has") {
  const TemporaryFolder folder;
  const std::filesystem::path path = folder / "log.csv";
  const auto lines = [&] {
    std::ifstream in(path);
    std::vector<std::string> found;
    for (std::string line; std::getline(in, line);) found.push_back(line);
    return found;
  };
  GRun run;
  const auto log_until = [&](Index epochs, bool append) {
    CsvLog<float> log(path, append);
    run.options.epochs = epochs;
    run.resume_after = 0;
    run.fit(small_task(), {&log});
  };
  log_until(2, false);
  const std::vector<std::string> before = lines();
  REQUIRE(before.size() == 3);
  log_until(4, true);
  const std::vector<std::string> after = lines();
  REQUIRE(after.size() == 5);
  CHECK(std::vector<std::string>(after.begin(), after.begin() + 3) == before);
  CHECK(after[3].starts_with("3,18,"));
  CHECK(after[4].starts_with("4,24,"));
  log_until(5, false);  // anew
  CHECK(lines().size() == 2);
  CHECK(lines()[0] == before[0]);
  check_mentions(error_of([] { CsvLog<float>("/nowhere/at/all.csv", true); }),
                 {"cannot write", "/nowhere/at/all.csv"});
}

TEST_CASE("progress is plain lines in a file and a redrawn line on a terminal") {
  const bool terminal = GENERATE(false, true);
  CAPTURE(terminal);
  GRun run;
  run.options.epochs = 3;
  std::ostringstream out;
  ProgressBar<float> bar(out, terminal);
  const AddingTask<float> validation(20, 50, 9);
  run.fit(small_task(), {&bar}, &validation);
  const std::string text = out.str();
  INFO(text);
  const auto count = [&](char c) { return std::count(text.begin(), text.end(), c); };
  CHECK(count('\n') == 3);
  if (terminal) {
    CHECK(count('\r') >= 6);  // at least the last step and the summary of every epoch
    CHECK(count('\x1b') >= 3);
    check_mentions(text, {"6/6", "[=====", "\x1b[K"});
  } else {
    CHECK(count('\r') == 0);
    CHECK(count('\x1b') == 0);
  }
  check_mentions(text, {"epoch   1", "epoch   3", "loss", "validation", "updates"});
  CHECK(text.find("accuracy") == std::string::npos);

  std::ostringstream labels;
  const Nothing nothing;
  ProgressBar<float>(labels, terminal).on_epoch(epoch_with_loss(0, 1, true), nothing.snapshot());
  check_mentions(labels.str(), {"accuracy 75.00 %"});
}

#if defined(__SSE2__) || defined(_M_X64) || defined(__aarch64__)
TEST_CASE("denormals are zero while they are flushed, and come back after") {
  const volatile float tiny = std::numeric_limits<float>::min();
  const volatile float half = 0.5f;
  const volatile float denormal = std::numeric_limits<float>::denorm_min();
  const auto product = [&] { return tiny * half; };
  const auto of_denormal = [&] { return denormal * 1e10f; };
  CHECK(product() > 0);
  {
    const FlushToZero flush;
    const float flushed = product(), of_flushed = of_denormal();
    { const FlushToZero inner; }
    const float still = product();
    CHECK(flushed == 0);
    CHECK(of_flushed == 0);
    CHECK(still == 0);
  }
  CHECK(product() > 0);
  CHECK(of_denormal() > 0);
  GRun run;
  run.fit(small_task());
  CHECK(product() > 0);  // training restores the mode
  GRun failing;
  error_of([&] { failing.fit(SpoiledTask(0, std::nanf(""), true)); });
  CHECK(product() > 0);
}
#endif

#if defined(__SSE2__)
TEST_CASE("training steps flush denormals to zero if they are told to") {
  for (const bool flush : {true, false}) {
    GRun run;
    run.options.flush_to_zero = flush;
    bool flushed = !flush;
    run.options.schedule = [&](Index) {  // called from within a step
      const volatile float tiny = 1e-38f, tenth = 0.1f;
      flushed = tiny * tenth == 0.0f;
      return 1.0;
    };
    run.fit(small_task());
    CHECK(flushed == flush);
  }
}
#endif

TEST_CASE("an epoch uses every sample, in batches that are all full") {
  /// Counts how often each sample is loaded, and the seeds of variations.
  class Counted final : public Dataset<float> {
   public:
    Index size() const override { return task_.size(); }
    void load(std::span<const Index> samples, LabelledBatch<float>& batch) const override {
      task_.load(samples, batch);
    }
    void load_for_training(std::span<const Index> samples, std::uint64_t seed,
                           LabelledBatch<float>& batch) const override {
      CHECK(samples.size() == 16);
      for (const Index sample : samples) ++loads[static_cast<std::size_t>(sample)];
      if (seeds.empty() || seeds.back() != seed) seeds.push_back(seed);
      load(samples, batch);
    }
    mutable std::vector<int> loads = std::vector<int>(40);
    mutable std::vector<std::uint64_t> seeds;

   private:
    AddingTask<float> task_{20, 40, 1};
  };
  const Counted data;
  GRun run;
  run.options.epochs = 2;
  CHECK(run.fit(data).step == 6);  // 40 samples are two and a half batches
  CHECK(*std::min_element(data.loads.begin(), data.loads.end()) >= 2);
  CHECK(std::count(data.loads.begin(), data.loads.end(), 2) >= 24);
  CHECK(data.seeds.size() == 2);  // every epoch varies samples anew
}

}  // namespace trainer_test
