#include "glstm/train/parameter_average.hpp"

#include <functional>
#include <limits>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "catch.hpp"
#include "glstm/core/random.hpp"
#include "glstm/data/adding_task.hpp"
#include "glstm/io/checkpoint.hpp"
#include "glstm/train/trainer.hpp"
#include "temporary_folder.hpp"

namespace parameter_average_test {

using namespace glstm;

namespace {

template <class Scalar>
Vector<Scalar> random_vector(Index size, Rng& rng) {
  Vector<Scalar> values(size);
  for (Scalar& value : values) value = static_cast<Scalar>(rng.normal());
  return values;
}

}  // namespace

TEMPLATE_TEST_CASE("the average is its formula", "", float, double) {
  using Scalar = TestType;
  const double tolerance = 8 * static_cast<double>(std::numeric_limits<Scalar>::epsilon());
  const auto vector = [](double a, double b) {
    Vector<Scalar> values(2);
    values << static_cast<Scalar>(a), static_cast<Scalar>(b);
    return values;
  };
  ParameterAverage<Scalar> average(0.9);
  CHECK(average.value().size() == 0);
  average.observe(1, vector(2, -1));  // the first is taken as it is
  CHECK(average.value() == vector(2, -1));
  average.observe(2, vector(6, -1));  // d = 3/12
  CHECK(largest_magnitude(average.value() - vector(0.25 * 2 + 0.75 * 6, -1)) < tolerance);
  average.observe(3, vector(1, 3));  // d = 4/13
  const double first = (4 * 5.0 + 9 * 1.0) / 13, second = (4 * -1.0 + 9 * 3.0) / 13;
  CHECK(largest_magnitude(average.value() - vector(first, second)) < tolerance);
  average.observe(80, vector(0, 0));  // 81/90 = 0.9, and no more from here on
  CHECK(largest_magnitude(average.value() - 0.9 * vector(first, second)) < tolerance);
  average.observe(1000, vector(0, 0));
  CHECK(largest_magnitude(average.value() - 0.81 * vector(first, second)) < tolerance);

  ParameterAverage<Scalar> none(0);
  none.observe(1, vector(2, -1));
  none.observe(2, vector(7, 3));
  CHECK(none.value() == vector(7, 3));
}

TEMPLATE_TEST_CASE("an average goes on from its value to the same bits", "", float, double) {
  using Scalar = TestType;
  Rng rng(1);
  ParameterAverage<Scalar> whole(0.95), resumed(0.95);
  for (Index step = 1; step <= 60; ++step) {
    const Vector<Scalar> parameters = random_vector<Scalar>(17, rng);
    whole.observe(step, parameters);
    if (step > 25) resumed.observe(step, parameters);
    if (step == 25) resumed.set_value(whole.value());
  }
  CHECK(resumed.value() == whole.value());
}

TEST_CASE("a decay that is out of range is an error") {
  for (const double decay : {-0.1, 1.0, 2.0, std::numeric_limits<double>::quiet_NaN()}) {
    check_mentions(error_of([&] { ParameterAverage<float>{decay}; }), {"decay", "[0, 1)", "got"});
  }
}

namespace {

/// All that a training has and a checkpoint must keep.
struct Training {
  GLstm<float> network{{.inputs = 2, .hidden = {6}}};
  Adam<float> optimizer{network.layout(), {.learning_rate = 1e-2, .time_gate_learning_rate = 0.1}};
  ParameterAverage<float> average{0.9};
  BudgetController controller{{.target_share = 0.2}};
  TrainerOptions options{
      .batch = 16, .weight_noise = 0.05, .schedule = warmup_cosine(24, 3), .seed = 4};
  bool averaged = true;

  explicit Training(std::uint64_t seed = 1) {
    Rng rng(seed);
    network.initialize({.gates = {.start = 0, .end = 20, .open_share = 0.5}}, rng);
  }

  EpochReport fit(Index epochs, Callback<float>* callback = nullptr) {
    const AddingTask<float> task(20, 64, 1), held_out(20, 32, 2);
    options.epochs = epochs;
    Trainer<GaussianGate<float>> trainer(network, optimizer, options);
    trainer.control(controller);
    trainer.resume();
    if (averaged) trainer.average(average);
    if (callback != nullptr) trainer.add_callback(*callback);
    return trainer.fit(task, &held_out);
  }

  CheckpointMetadata load(const std::filesystem::path& path) {
    Vector<float> kept;
    CheckpointMetadata metadata =
        load_checkpoint(path, network.layout(), network.parameters, &optimizer, &kept);
    average.set_value(std::move(kept));
    controller.set_state(
        {std::stod(metadata.at("budget_integral")), std::stod(metadata.at("budget_excess"))});
    return metadata;
  }
};

void check_same(const Training& a, const Training& b) {
  CHECK(a.network.parameters == b.network.parameters);
  CHECK(a.optimizer.state().steps == b.optimizer.state().steps);
  CHECK(a.optimizer.state().moments == b.optimizer.state().moments);
  CHECK(a.average.value() == b.average.value());
  CHECK(a.controller.state().integral == b.controller.state().integral);
  CHECK(a.controller.state().excess == b.controller.state().excess);
}

struct LastSnapshot final : Callback<float> {
  Vector<float> parameters, average, evaluated;
  Continue on_epoch(const EpochReport&, const TrainingSnapshot<float>& now) override {
    parameters = now.parameters;
    average = now.average != nullptr ? *now.average : Vector<float>();
    evaluated = now.evaluated();
    return Continue::yes;
  }
};

double held_out_loss(GLstm<float> network, const Vector<float>& parameters) {
  network.parameters = parameters;
  return evaluate(network, AddingTask<float>(20, 32, 2), 500).task.loss;
}

}  // namespace

TEST_CASE("validation is of the average, and training does not feel it") {
  Training with, without;
  without.averaged = false;
  LastSnapshot of_with, of_without;
  const EpochReport report = with.fit(3, &of_with), raw = without.fit(3, &of_without);
  CHECK(with.network.parameters == without.network.parameters);
  CHECK(with.network.parameters != with.average.value());

  CHECK(report.validation->task.loss == held_out_loss(with.network, with.average.value()));
  CHECK(raw.validation->task.loss == held_out_loss(with.network, with.network.parameters));
  CHECK(report.validation->task.loss != raw.validation->task.loss);

  CHECK(of_with.parameters == with.network.parameters);
  CHECK(of_with.average == with.average.value());
  CHECK(of_with.evaluated == with.average.value());
  CHECK(of_without.average.size() == 0);
  CHECK(of_without.evaluated == without.network.parameters);
}

TEST_CASE("the average is over the parameters after every step") {
  Training training;
  ParameterAverage<float> expected(0.9);
  Trainer<GaussianGate<float>> trainer(training.network, training.optimizer, training.options);
  struct Witness final : Callback<float> {
    const Vector<float>& parameters;
    ParameterAverage<float>& average;
    Witness(const Vector<float>& of, ParameterAverage<float>& into)
        : parameters(of), average(into) {}
    Continue on_step(const StepReport& report) override {
      average.observe(report.step, parameters);
      return Continue::yes;
    }
  } witness(training.network.parameters, expected);
  // The rule has its say before.
  trainer.after_step([](Index, Vector<float>& parameters) { parameters(0) = 0.5f; });
  trainer.average(training.average).add_callback(witness).fit(AddingTask<float>(20, 64, 1));
  CHECK(training.average.value() == expected.value());
  CHECK(training.average.value()(0) == 0.5f);
}

TEST_CASE("an average of another network is an error before the first step") {
  Training training;
  const Training before;
  training.average.set_value(Vector<float>::Ones(3));
  check_mentions(error_of([&] { training.fit(1); }), {"average", "got 3"});
  training.average.set_value({});
  check_same(training, before);
}

TEST_CASE("the best checkpoint holds the average, the last one all of training") {
  const TemporaryFolder folder;
  Checkpoints<float> checkpoints(folder.path());
  Training training;
  training.options.weight_noise = 0;
  const EpochReport report = training.fit(1, &checkpoints);
  REQUIRE(checkpoints.best_metric() == report.validation->task.loss);

  Training loaded(9);
  load_checkpoint(checkpoints.best(), loaded.network.layout(), loaded.network.parameters, nullptr);
  CHECK(loaded.network.parameters == training.average.value());
  CHECK_FALSE(load_safetensors(checkpoints.best()).tensors.contains("average"));

  const Safetensors last = load_safetensors(checkpoints.last());
  CHECK(last.find("average").shape == std::vector<Index>{training.network.layout().size()});
  loaded.load(checkpoints.last());
  check_same(loaded, training);

  // The parameters can be had alone.
  Training other(8);
  load_checkpoint(checkpoints.last(), other.network.layout(), other.network.parameters, nullptr);
  CHECK(other.network.parameters == training.network.parameters);
}

TEST_CASE("a resumed training with average, controller and noise is the uninterrupted one") {
  const Index stop = GENERATE(4, 8, 10);  // the last in the middle of an epoch
  CAPTURE(stop);
  Training whole;
  const EpochReport expected = whole.fit(6);

  const TemporaryFolder folder;
  Checkpoints<float> checkpoints(folder.path());
  Training first;
  first.options.max_steps = stop;
  first.fit(6, &checkpoints);
  Training resumed(9);
  resumed.load(checkpoints.last());
  check_same(resumed, first);
  const EpochReport report = resumed.fit(6);
  check_same(resumed, whole);
  CHECK(resumed.optimizer.state().steps == 24);
  CHECK(report.validation->task.loss == expected.validation->task.loss);
  CHECK(report.budget_weight == expected.budget_weight);
}

TEST_CASE("a checkpoint whose average is missing or damaged is an error and changes nothing") {
  const TemporaryFolder folder;
  Checkpoints<float> checkpoints(folder.path());
  Training training;
  training.fit(1, &checkpoints);
  const Safetensors good = load_safetensors(checkpoints.last());
  const auto message = [&](const std::function<void(Safetensors&)>& change, bool wanted) {
    Safetensors file = good;
    change(file);
    save_safetensors(checkpoints.last(), file);
    Training loaded(9);
    const Training before(9);
    Vector<float> average = Vector<float>::Constant(2, 42);
    const std::string found = error_of([&] {
      load_checkpoint(checkpoints.last(), loaded.network.layout(), loaded.network.parameters,
                      &loaded.optimizer, wanted ? &average : nullptr);
    });
    check_same(loaded, before);
    CHECK(average == Vector<float>::Constant(2, 42));
    check_mentions(found, {checkpoints.last().string()});
    return found;
  };
  check_mentions(message([](Safetensors& file) { file.tensors.erase("average"); }, true),
                 {"\"average\"", "got none"});
  // The optimiser is looked at last, and the average is as it was then, too.
  check_mentions(message([](Safetensors& file) { file.metadata["optimizer.rule"] = "sgd"; }, true),
                 {"sgd", "adam"});
  for (const bool wanted : {true, false}) {
    const auto with_average = [&](const std::function<void(Tensor&)>& change) {
      return message([&](Safetensors& file) { change(file.tensors.at("average")); }, wanted);
    };
    check_mentions(with_average([](Tensor& tensor) {
                     std::get<std::vector<float>>(tensor.values)[3] =
                         std::numeric_limits<float>::quiet_NaN();
                   }),
                   {"\"average\"", "finite", "nan"});
    check_mentions(with_average([](Tensor& tensor) {
                     std::get<std::vector<float>>(tensor.values).pop_back();
                     --tensor.shape[0];
                   }),
                   {"\"average\"", "shape"});
    check_mentions(with_average([](Tensor& tensor) { tensor.shape.push_back(1); }),
                   {"\"average\"", "shape"});
    check_mentions(with_average([](Tensor& tensor) { tensor.values = tensor.as<double>(); }),
                   {"\"average\"", "F32", "F64"});
  }
}

TEST_CASE("an average that does not fit is not saved") {
  const TemporaryFolder folder;
  const Training training;
  const Vector<float> wrong = Vector<float>::Ones(3);
  Vector<float> spoiled = training.network.parameters;
  spoiled(1) = std::numeric_limits<float>::infinity();
  const auto message = [&](const Vector<float>& average) {
    return error_of([&] {
      save_checkpoint<float>(folder / "some.safetensors",
                             {training.network.parameters, training.network.layout(),
                              training.optimizer.state(), &average});
    });
  };
  check_mentions(message(wrong), {"some.safetensors", "average", "got 3"});
  check_mentions(message(spoiled), {"some.safetensors", "\"average\"", "finite"});
  CHECK(folder.files() == 0);
}

}  // namespace parameter_average_test
