#include "glstm/train/trainer.hpp"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <limits>
#include <memory>
#include <span>
#include <sstream>
#include <string>
#include <vector>

#include "catch.hpp"
#include "glstm/core/flush_to_zero.hpp"
#include "glstm/data/adding_task.hpp"

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

  EpochReport fit(const Dataset<float>& data, const std::vector<Callback<float>*>& listeners = {},
                  const Dataset<float>* validation = nullptr) {
    Trainer<Gate> trainer(*network, optimizer, options);
    for (Callback<float>* listener : listeners) trainer.listen(*listener);
    return trainer.fit(data, validation);
  }
};

using GRun = Run<GaussianGate<float>>;

// Remembers what it is told, and stops after the step `last_step` or the epoch `last_epoch`.
struct Witness final : Callback<float> {
  Index last_step = std::numeric_limits<Index>::max();
  Index last_epoch = std::numeric_limits<Index>::max();
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
    return report.epoch >= last_epoch ? Continue::no : Continue::yes;
  }
};

AddingTask<float> small_task() { return AddingTask<float>(20, 100, 3); }

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

EpochReport epoch_with_loss(Index epoch, double loss) {
  EpochReport report;
  report.epoch = epoch;
  report.training.task = {.loss = loss, .right = 3, .count = 4};
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
  CHECK(report.epoch == 11);
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
    witness.last_epoch = 2;
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

TEST_CASE("training goes on from the optimiser's step to the same bits") {
  const AddingTask<float> task = small_task();
  GRun whole, parts;
  whole.options.epochs = 4;
  whole.fit(task);

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
    resumed.fit(task);
    CHECK(bits_of(resumed.network->parameters) == bits_of(whole.network->parameters));
  }
  parts.fit(task);
  CHECK(parts.optimizer.state().steps == 24);
  CHECK(bits_of(parts.network->parameters) == bits_of(whole.network->parameters));
  CHECK(parts.fit(task).step == 0);  // nothing left to do
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
  check_mentions(message, {"step " + std::to_string(bad_step), "not a number"});
  CHECK(run.network->parameters.allFinite());
  CHECK(bits_of(run.network->parameters) == bits_of(healthy.network->parameters));

  const std::string of_plain =
      error_of([&] { plain.fit(SpoiledTask(bad_step, value, in_targets)); });
  check_mentions(of_plain, {"step " + std::to_string(bad_step), "block"});
  CHECK(plain.network->parameters.allFinite());
}

TEST_CASE("a step to infinity stops training and is undone") {
  GRun run(1e38);
  run.options.schedule = [](Index step) { return step < 2 ? 1e-40 : 1e10; };
  Witness witness;
  Vector<float> good;
  const std::string message = error_of([&] { run.fit(small_task(), {&witness}); });
  check_mentions(message, {"step 2", "parameters", "block layer0.w_ih"});
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
  check_mentions(message([](TrainerOptions& o) { o.threads = 0; }), {"thread", "got 0"});
  check_mentions(message([](TrainerOptions& o) { o.shards = -1; }), {"shards", "got -1"});
  GRun run;
  check_mentions(error_of([&] { evaluate(*run.network, small_task(), 0); }), {"batch", "got 0"});
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
  trainer.listen(stop).fit(small_task());
  CHECK(stop.steps[0].gradient_norm > 1e-3);
  CHECK((run.network->parameters - before).norm() == Approx(1e-3).epsilon(1e-3));
}

TEST_CASE("a batch larger than the dataset is the dataset") {
  GRun run;
  run.options.batch = 1000;
  Witness witness;
  run.fit(small_task(), {&witness});
  REQUIRE(witness.steps.size() == 1);
  CHECK(witness.steps[0].batch.task.count == 100);
}

TEST_CASE("early stopping waits as long as its patience") {
  const Nothing nothing;
  EarlyStop<float> stop(2, Loss::mean_squared_error);
  const double losses[] = {5, 4, 4.5, 3, 3, 3.5};
  const bool goes_on[] = {true, true, true, true, true, false};
  for (Index epoch = 0; epoch < 6; ++epoch) {
    CAPTURE(epoch);
    const Continue answer =
        stop.on_epoch(epoch_with_loss(epoch, losses[epoch]), nothing.snapshot());
    CHECK((answer == Continue::yes) == goes_on[epoch]);
  }
  check_mentions(error_of([] { EarlyStop<float>(0, Loss::mean_squared_error); }),
                 {"patience", "got 0"});
  EarlyStop<float> at_nan(1, Loss::mean_squared_error);
  CHECK(at_nan.on_epoch(epoch_with_loss(0, std::nan("")), nothing.snapshot()) == Continue::no);
}

TEST_CASE("the watched error prefers validation, and wrong answers to a loss") {
  EpochReport report = epoch_with_loss(0, 2);
  CHECK(watched_error(report, Loss::mean_squared_error) == 2);
  CHECK(watched_error(report, Loss::softmax_cross_entropy) == 0.25);
  report.validation = Evaluation{};
  report.validation->task = {.loss = 7, .right = 1, .count = 2};
  CHECK(watched_error(report, Loss::mean_squared_error) == 7);
  CHECK(watched_error(report, Loss::softmax_cross_entropy) == 0.5);
  CHECK(std::isnan(accuracy(report.training.task, Loss::mean_squared_error)));
}

TEST_CASE("the best parameters are kept") {
  GRun run(0.05);
  run.options.epochs = 6;
  Witness witness;
  KeepBest<float> best(Loss::mean_squared_error);
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
  CHECK(best.epoch() == static_cast<Index>(least));
  CHECK(best.error() == witness.epochs[least].validation->task.loss);
  CHECK(best.parameters() == witness.parameters[least]);
}

TEST_CASE("the CSV log has a header and one line per epoch") {
  const TemporaryFile file;
  const auto split = [](const std::string& line) {
    std::vector<std::string> fields(1);
    for (char c : line) {
      if (c == ',') {
        fields.emplace_back();
      } else {
        fields.back() += c;
      }
    }
    return fields;
  };
  GRun run;
  run.options.epochs = 2;
  Witness witness;
  const AddingTask<float> validation(20, 50, 9);
  const bool validate = GENERATE(true, false);
  {
    CsvLog<float> log(file.path, Loss::mean_squared_error);
    run.fit(small_task(), {&log, &witness}, validate ? &validation : nullptr);
  }
  std::ifstream in(file.path);
  std::string line;
  std::getline(in, line);
  CHECK(line ==
        "epoch,step,seconds,training_loss,training_accuracy,validation_loss,validation_accuracy,"
        "update_share,mac_share,budget");
  for (std::size_t e = 0; e < 2; ++e) {
    REQUIRE(std::getline(in, line));
    const std::vector<std::string> fields = split(line);
    REQUIRE(fields.size() == 10);
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
    CHECK(std::stod(fields[7]) == Approx(report.training.work.update_share()).epsilon(1e-4));
    CHECK(std::stod(fields[8]) > 0);
    CHECK(std::stod(fields[8]) < 1);
    CHECK(std::stod(fields[9]) == Approx(report.training.budget).epsilon(1e-4));
  }
  CHECK_FALSE(std::getline(in, line));
  check_mentions(error_of([] { CsvLog<float>("/nowhere/at/all.csv", Loss::mean_squared_error); }),
                 {"cannot write", "/nowhere/at/all.csv"});
}

TEST_CASE("progress is plain lines in a file and a redrawn line on a terminal") {
  const bool terminal = GENERATE(false, true);
  CAPTURE(terminal);
  GRun run;
  run.options.epochs = 3;
  std::ostringstream out;
  ProgressBar<float> bar(out, terminal, Loss::mean_squared_error);
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
  ProgressBar<float>(labels, terminal, Loss::softmax_cross_entropy)
      .on_epoch(epoch_with_loss(0, 1), nothing.snapshot());
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
