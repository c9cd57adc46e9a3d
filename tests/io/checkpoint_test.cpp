#include "glstm/io/checkpoint.hpp"

#include <cstdint>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <limits>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "catch.hpp"
#include "glstm/core/random.hpp"
#include "glstm/data/adding_task.hpp"
#include "glstm/train/trainer.hpp"
#include "temporary_folder.hpp"

namespace checkpoint_test {

namespace fs = std::filesystem;
using glstm::Checkpoints;
using glstm::Index;
using glstm::load_checkpoint;
using glstm::Matrix;
using glstm::OptimizerState;
using glstm::Safetensors;
using glstm::save_checkpoint;
using glstm::Tensor;
using glstm::TrainingSnapshot;
using glstm::Vector;

namespace {

template <class Scalar>
typename glstm::GLstm<Scalar>::Options small_options() {
  return {.inputs = 2, .hidden = {5, 3}, .outputs = 1};
}

/// A small network with its optimiser.
template <class Scalar>
struct Model {
  glstm::GLstm<Scalar> network{small_options<Scalar>()};
  glstm::Adam<Scalar> optimizer{network.layout(),
                                {.learning_rate = 1e-2, .time_gate_learning_rate = 0.1}};

  explicit Model(std::uint64_t seed) {
    glstm::Rng rng(seed);
    network.initialize({.gates = {.start = 0, .end = 20, .open_share = 0.4}}, rng);
  }

  TrainingSnapshot<Scalar> snapshot() const {
    return {network.parameters, network.layout(), optimizer.state()};
  }
  glstm::CheckpointMetadata load(const fs::path& path) {
    return load_checkpoint(path, network.layout(), network.parameters, &optimizer);
  }

  /// One step against random gradients, so that no moment is zero.
  void step(std::uint64_t seed) {
    glstm::Rng rng(seed);
    Vector<Scalar> gradient(network.layout().size());
    for (Scalar& value : gradient) value = static_cast<Scalar>(rng.normal());
    optimizer.step(network.parameters, gradient);
  }
};

template <class Scalar>
bool same_bits(const Matrix<Scalar>& a, const Matrix<Scalar>& b) {
  return a.rows() == b.rows() && a.cols() == b.cols() &&
         std::memcmp(a.data(), b.data(), static_cast<std::size_t>(a.size()) * sizeof(Scalar)) == 0;
}

template <class Scalar>
void check_same(const Model<Scalar>& a, const Model<Scalar>& b) {
  CHECK(same_bits<Scalar>(a.network.parameters, b.network.parameters));
  CHECK(a.optimizer.state().rule == b.optimizer.state().rule);
  CHECK(a.optimizer.state().steps == b.optimizer.state().steps);
  CHECK(same_bits<Scalar>(a.optimizer.state().moments, b.optimizer.state().moments));
}

/// Writes a model, lets `change` change the file, and returns the message with which it is
/// refused; checks that the model that should have taken it is as it was.
std::string error_after(const std::function<void(Safetensors&)>& change) {
  const TemporaryFolder folder;
  const fs::path path = folder / "some.safetensors";
  Model<float> saved(1);
  saved.step(2);
  save_checkpoint(path, saved.snapshot());
  Safetensors file = glstm::load_safetensors(path);
  change(file);
  glstm::save_safetensors(path, file);

  Model<float> model(3), before(3);
  const std::string message = error_of([&] { model.load(path); });
  check_same(model, before);
  check_mentions(message, {path.string()});
  return message;
}

glstm::EpochReport report_of(double epochs, double training, double validation) {
  glstm::EpochReport report;
  report.epochs = epochs;
  report.training.task.loss = training;
  report.validation.emplace();
  report.validation->task.loss = validation;
  return report;
}

}  // namespace

TEMPLATE_TEST_CASE("a checkpoint comes back bit for bit", "", float, double) {
  const TemporaryFolder folder;
  const fs::path path = folder / "some.safetensors";
  Model<TestType> model(1);
  for (std::uint64_t seed = 2; seed < 5; ++seed) model.step(seed);
  model.network.parameters[0] = TestType(-0.0);
  model.network.parameters[1] = std::numeric_limits<TestType>::denorm_min();
  model.network.parameters[2] = std::numeric_limits<TestType>::max();
  const glstm::CheckpointMetadata metadata = {{"note", "\u03bc and \u03c3"}, {"epoch", "7"}};
  save_checkpoint(path, model.snapshot(), metadata);
  CHECK(folder.files() == 1);

  Model<TestType> other(9);
  CHECK((other.load(path) == metadata));
  check_same(other, model);

  // Without an optimiser the parameters alone are taken.
  Model<TestType> third(10);
  CHECK((load_checkpoint(path, third.network.layout(), third.network.parameters, nullptr) ==
         metadata));
  CHECK(same_bits<TestType>(third.network.parameters, model.network.parameters));
  CHECK(third.optimizer.state().steps == 0);
}

TEST_CASE("a checkpoint holds row-major tensors under the names of the blocks") {
  const TemporaryFolder folder;
  const fs::path path = folder / "some.safetensors";
  Model<float> model(1);
  model.step(2);
  save_checkpoint(path, model.snapshot());
  const Safetensors file = glstm::load_safetensors(path);

  const auto shape = [&](const char* name) { return file.find(name).shape; };
  CHECK(shape("layer0.w_ih") == std::vector<Index>{20, 2});
  CHECK(shape("layer1.w_hh") == std::vector<Index>{12, 3});
  CHECK(shape("layer1.b") == std::vector<Index>{12});
  CHECK(shape("layer0.mu") == std::vector<Index>{5});
  CHECK(shape("readout.w") == std::vector<Index>{1, 3});
  CHECK(shape("readout.b") == std::vector<Index>{1});
  const Index size = model.network.layout().size();
  CHECK(shape("optimizer.moments") == std::vector<Index>{size, 2});
  CHECK(file.tensors.size() == model.network.layout().blocks().size() + 1);
  CHECK(file.metadata.at("optimizer.rule") == "adam");
  CHECK(file.metadata.at("optimizer.steps") == "1");

  const std::vector<float> w = file.find("layer0.w_ih").as<float>();
  const auto block =
      block_view(model.network.parameters, model.network.layout().find("layer0.w_ih"));
  CHECK(w[0] == block(0, 0));
  CHECK(w[1] == block(0, 1));
  CHECK(w[2] == block(1, 0));
  const std::vector<float> moments = file.find("optimizer.moments").as<float>();
  CHECK(moments[1] == model.optimizer.state().moments(0, 1));

  // A weight with one column is a matrix all the same.
  glstm::ParameterLayout layout;
  layout.add("column", 4, 1, glstm::ParameterRole::weight);
  const Vector<float> parameters = Vector<float>::Ones(4);
  const OptimizerState<float> optimizer{"sgd", 0, Matrix<float>::Zero(4, 1)};
  save_checkpoint(path, TrainingSnapshot<float>{parameters, layout, optimizer});
  CHECK(glstm::load_safetensors(path).find("column").shape == std::vector<Index>{4, 1});
}

TEST_CASE("a resumed training is the uninterrupted one, bit for bit") {
  const glstm::AddingTask<float> training(20, 64, 1), validation(20, 16, 2);
  const auto train = [&](Model<float>& model, Index epochs, glstm::Callback<float>* callback) {
    glstm::TrainerOptions options;
    options.batch = 16;
    options.epochs = epochs;
    options.budget_weight = 0.01;
    options.schedule = glstm::warmup_cosine(16, 3);
    glstm::Trainer<glstm::GaussianGate<float>> trainer(model.network, model.optimizer, options);
    if (callback != nullptr) trainer.add_callback(*callback);
    trainer.resume();
    return trainer.fit(training, &validation);
  };

  Model<float> uninterrupted(1);
  const glstm::EpochReport expected = train(uninterrupted, 4, nullptr);

  const TemporaryFolder folder;
  Checkpoints<float> checkpoints(folder / "new/folder");
  Model<float> first(1);
  train(first, 2, &checkpoints);

  Model<float> resumed(7);
  const glstm::CheckpointMetadata metadata = resumed.load(checkpoints.last());
  CHECK(metadata.at("epoch") == "2");
  CHECK(resumed.optimizer.state().steps == 8);
  const glstm::EpochReport report = train(resumed, 4, nullptr);
  check_same(resumed, uninterrupted);
  CHECK(resumed.optimizer.state().steps == 16);
  CHECK(report.validation->task.loss == expected.validation->task.loss);
  CHECK(!same_bits<float>(first.network.parameters, resumed.network.parameters));
}

TEST_CASE("a training that is killed and resumed keeps the same best parameters and stops alike") {
  // Two in three epochs are not better than the best, so that a forgotten state would be noticed.
  const glstm::AddingTask<float> training(20, 64, 1), validation(20, 16, 2);
  struct Training {
    Model<float> model{1};
    Checkpoints<float> checkpoints;
    glstm::EarlyStop<float> stop{4};
    glstm::KeepBest<float> best{is_eligible};
    double seconds = 0;

    static bool is_eligible(const glstm::EpochReport& report) { return report.step % 8 == 0; }

    explicit Training(const fs::path& folder) : checkpoints(folder, {}, is_eligible) {
      checkpoints.include(stop);
      if (!fs::exists(checkpoints.last())) return;
      const auto progress = glstm::training_progress(model.load(checkpoints.last()), "last");
      checkpoints.resume(progress);
      stop.set_state(*progress.early_stop);
      best.set_state(checkpoints.best_state(model.network.layout(), progress));
      seconds = progress.seconds;
    }
    glstm::EpochReport fit(const glstm::Dataset<float>& data, const glstm::Dataset<float>& held_out,
                           glstm::Callback<float>* kill) {
      glstm::Trainer trainer(model.network, model.optimizer,
                             {.batch = 16, .epochs = 200, .schedule = [](Index step) {
                                return step % 12 == 0 ? 4.0 : 1.0;
                              }});
      if (kill != nullptr) trainer.add_callback(*kill);
      trainer.add_callback(stop).add_callback(best).add_callback(checkpoints).resume(seconds);
      return trainer.fit(data, &held_out);
    }
  };
  // Leaves training as a kill does: the callbacks after it are not called.
  struct Kill final : glstm::Callback<float> {
    Index at;
    explicit Kill(Index step) : at(step) {}
    glstm::Continue on_step(const glstm::StepReport& report) override {
      if (report.step == at) throw glstm::Error("killed");
      return glstm::Continue::yes;
    }
  };

  const TemporaryFolder whole_folder, folder;
  Training whole(whole_folder.path());
  const Index last_step = whole.fit(training, validation, nullptr).step;
  CAPTURE(last_step, whole.best.epochs());
  REQUIRE(last_step < 200 * 4);  // it stopped
  REQUIRE(last_step >= 6 * 4);
  REQUIRE(whole.best.has_parameters());

  for (Index at = 3; at <= last_step; at += 5) {
    Kill kill(at);
    Training training_part(folder.path());
    CHECK(error_of([&] { training_part.fit(training, validation, &kill); }) == "killed");
  }
  Training resumed(folder.path());
  resumed.fit(training, validation, nullptr);
  CHECK(resumed.model.optimizer.state().steps == last_step);
  check_same(resumed.model, whole.model);
  CHECK(resumed.stop.state().best == whole.stop.state().best);
  CHECK(resumed.stop.state().since == whole.stop.state().since);
  CHECK(resumed.best.metric() == whole.best.metric());
  CHECK(resumed.best.epochs() == whole.best.epochs());
  CHECK(resumed.best.parameters() == whole.best.parameters());

  // Once it has stopped it stays so.
  Training again(folder.path());
  CHECK(again.fit(training, validation, nullptr).step == 0);
  check_same(again.model, whole.model);
  CHECK(again.best.parameters() == whole.best.parameters());
}

TEST_CASE("an early stop must have had the report that checkpoints include") {
  const TemporaryFolder folder;
  const Model<float> model(1);
  glstm::EarlyStop<float> stop(3);
  Checkpoints<float> checkpoints(folder.path());
  checkpoints.include(stop);
  const auto write = [&] { checkpoints.on_epoch(report_of(1, 9, 2), model.snapshot()); };
  check_mentions(error_of(write), {"before the Checkpoints"});
  CHECK(folder.files() == 0);
  stop.on_epoch(report_of(1, 9, 2), model.snapshot());
  write();
  CHECK(glstm::load_safetensors(checkpoints.last()).metadata.at("early_stop_since") == "0");
}

TEST_CASE("last and best checkpoints are written as the error goes") {
  const TemporaryFolder folder;
  Model<float> model(1);
  const auto epoch_in = [](const fs::path& path) {
    return glstm::load_safetensors(path).metadata.at("epoch");
  };
  Checkpoints<float> checkpoints(folder.path(), {{"model", "small"}});
  checkpoints.on_epoch(report_of(1, 9, std::numeric_limits<double>::quiet_NaN()), model.snapshot());
  CHECK(fs::exists(checkpoints.last()));
  CHECK(!fs::exists(checkpoints.best()));
  const double errors[] = {0.5, 0.1, 0.3, 0.1};
  for (Index epoch = 1; epoch < 5; ++epoch) {
    model.step(static_cast<std::uint64_t>(epoch));
    checkpoints.on_epoch(report_of(static_cast<double>(epoch + 1), 9, errors[epoch - 1]),
                         model.snapshot());
    CHECK(epoch_in(checkpoints.last()) == std::to_string(epoch + 1));
    const char* best[] = {"2", "3", "3", "5"};  // of equals the later
    CHECK(epoch_in(checkpoints.best()) == best[epoch - 1]);
  }
  CHECK(folder.files() == 2);
  CHECK(checkpoints.best_metric() == 0.1);

  // The metadata are enough to go on where the best was.
  Model<float> best(2);
  const glstm::CheckpointMetadata metadata = best.load(checkpoints.best());
  CHECK(metadata.at("model") == "small");
  CHECK(best.optimizer.state().steps == 4);
  const glstm::TrainingProgress progress = glstm::training_progress(metadata, "best");
  CHECK(progress.monitored_metric == 0.1);
  Checkpoints<float> resumed(folder.path());
  resumed.resume(progress);
  resumed.on_epoch(report_of(6, 9, 0.2), model.snapshot());
  CHECK(epoch_in(resumed.best()) == "5");
  resumed.on_epoch(report_of(7, 9, 0.05), model.snapshot());
  CHECK(epoch_in(resumed.best()) == "7");
  resumed.on_epoch(report_of(8, 9, std::numeric_limits<double>::infinity()), model.snapshot());
  CHECK(epoch_in(resumed.best()) == "7");
}

TEST_CASE("metadata that do not tell the progress of a training are an error") {
  glstm::CheckpointMetadata metadata = {
      {"epoch", "2.5"}, {"watched_error", "0.5"}, {"least_error", "inf"}, {"seconds", "7"}};
  const glstm::TrainingProgress progress = glstm::training_progress(metadata, "file");
  CHECK(progress.epochs == 2.5);
  CHECK(progress.monitored_metric == 0.5);
  CHECK(progress.best_metric == std::numeric_limits<double>::infinity());
  CHECK(progress.seconds == 7);
  CHECK(!progress.controller.has_value());
  metadata["budget_integral"] = "3";
  const auto message = [&] {
    return error_of([&] { glstm::training_progress(metadata, "file"); });
  };
  check_mentions(message(), {"file", "budget_excess"});
  metadata["budget_excess"] = "0.25";
  REQUIRE(glstm::training_progress(metadata, "file").controller.has_value());
  CHECK(glstm::training_progress(metadata, "file").controller->integral == 3);
  CHECK(glstm::training_progress(metadata, "file").controller->excess == 0.25);
  CHECK(!progress.early_stop.has_value());
  metadata["early_stop_best"] = "inf";
  check_mentions(message(), {"file", "early_stop_since"});
  metadata["early_stop_since"] = "2.5";
  check_mentions(message(), {"file", "early_stop_since", "2.5"});
  metadata["early_stop_since"] = "2";
  CHECK(glstm::training_progress(metadata, "file").early_stop->since == 2);
  metadata["seconds"] = "7 s";
  check_mentions(message(), {"file", "seconds", "7 s"});
  metadata.erase("seconds");
  check_mentions(message(), {"file", "seconds"});
}

TEST_CASE("a checkpoint says all that a resumed training needs to know") {
  const TemporaryFolder folder;
  Model<float> model(1);
  Checkpoints<float> checkpoints(folder.path());
  const auto metadata_of = [](const fs::path& path) {
    return glstm::load_safetensors(path).metadata;
  };
  glstm::EpochReport report = report_of(5, 9, 1.0 / 3);
  report.seconds = 1e6 / 7;
  checkpoints.on_epoch(report, model.snapshot());
  for (const fs::path& path : {checkpoints.best(), checkpoints.last()}) {
    const glstm::CheckpointMetadata metadata = metadata_of(path);
    CHECK(metadata.at("epoch") == "5");
    CHECK(std::stod(metadata.at("watched_error")) == 1.0 / 3);  // to all digits
    CHECK(std::stod(metadata.at("least_error")) == 1.0 / 3);
    CHECK(std::stod(metadata.at("seconds")) == 1e6 / 7);
    CHECK(!metadata.contains("budget_integral"));
    CHECK(!metadata.contains("budget_excess"));
  }

  glstm::BudgetController controller({.target_share = 0.3});
  controller.set_state({-100.0 / 7, 2.0 / 3});
  TrainingSnapshot<float> controlled{model.network.parameters, model.network.layout(),
                                     model.optimizer.state(), nullptr, &controller};
  checkpoints.on_epoch(report_of(6, 9, 0.5), controlled);
  const glstm::CheckpointMetadata last = metadata_of(checkpoints.last());
  CHECK(std::stod(last.at("watched_error")) == 0.5);
  CHECK(std::stod(last.at("least_error")) == 1.0 / 3);
  CHECK(std::stod(last.at("budget_integral")) == -100.0 / 7);
  CHECK(std::stod(last.at("budget_excess")) == 2.0 / 3);
  CHECK(metadata_of(checkpoints.best()).at("epoch") == "5");

  // What there is to improve on may be infinite: no epoch was the best yet.
  Checkpoints<float> none(folder / "none");
  none.on_epoch(report_of(1, 9, std::numeric_limits<double>::quiet_NaN()), model.snapshot());
  const double least = std::stod(metadata_of(none.last()).at("least_error"));
  CHECK(least == std::numeric_limits<double>::infinity());
}

TEST_CASE("a later network within a standard error of the best is kept") {
  const TemporaryFolder folder;
  Checkpoints<float> checkpoints(folder.path());
  checkpoints.allow_standard_error(100);
  Model<float> model(1);
  const auto kept = [&](double epochs, Index correct) {
    glstm::EpochReport report;
    report.epochs = epochs;
    report.validation.emplace();
    report.validation->task = {.loss = 1, .count = 100, .weight = 100, .decisions = {correct, 100}};
    checkpoints.on_epoch(report, model.snapshot());
    return glstm::training_progress(model.load(checkpoints.best()), "best").epochs;
  };
  CHECK(kept(1, 80) == 1);
  CHECK(kept(2, 90) == 2);
  CHECK(kept(3, 88) == 3);  // the standard error of 90 of 100 is 3
  CHECK(kept(4, 86) == 3);
  CHECK(kept(5, 88) == 5);  // measured from the best, not from what was kept
  CHECK(kept(6, 86) == 5);
  CHECK(checkpoints.best_metric() == Approx(0.1));
  check_mentions(error_of([&] { checkpoints.allow_standard_error(0); }), {"got 0"});
}

TEST_CASE("only an eligible epoch is the best") {
  const TemporaryFolder folder;
  Model<float> model(1);
  Checkpoints<float> checkpoints(folder.path(), {}, [](const glstm::EpochReport& report) {
    return static_cast<int>(report.epochs) % 2 == 0;
  });
  checkpoints.resume({.best_metric = 10});
  const auto epoch_in = [](const fs::path& path) {
    return glstm::load_safetensors(path).metadata.at("epoch");
  };
  checkpoints.on_epoch(report_of(1, 9, 0.1), model.snapshot());
  CHECK(!fs::exists(checkpoints.best()));
  CHECK(checkpoints.best_metric() == 10);
  CHECK(epoch_in(checkpoints.last()) == "1");
  checkpoints.on_epoch(report_of(2, 9, 3), model.snapshot());
  CHECK(epoch_in(checkpoints.best()) == "2");
  CHECK(checkpoints.best_metric() == 3);
  checkpoints.on_epoch(report_of(3, 9, 0.2), model.snapshot());
  CHECK(epoch_in(checkpoints.best()) == "2");
  checkpoints.on_epoch(report_of(4, 9, 4), model.snapshot());
  CHECK(epoch_in(checkpoints.best()) == "2");
  checkpoints.on_epoch(report_of(6, 9, 2), model.snapshot());
  CHECK(epoch_in(checkpoints.best()) == "6");
  CHECK(std::stod(glstm::load_safetensors(checkpoints.last()).metadata.at("least_error")) == 2);
}

TEST_CASE("the best checkpoint is written before the last one") {
  // Whoever resumes from the last finds the best that it speaks of; so when the best cannot be
  // written, the last stays as it was. A folder in its place cannot be replaced by a file.
  const TemporaryFolder folder;
  Model<float> model(1);
  Checkpoints<float> checkpoints(folder.path());
  checkpoints.on_epoch(report_of(1, 9, 5), model.snapshot());
  const auto last_epoch = [&] {
    return glstm::load_safetensors(checkpoints.last()).metadata.at("epoch");
  };
  fs::remove(checkpoints.best());
  fs::create_directories(checkpoints.best() / "in the way");
  check_mentions(error_of([&] { checkpoints.on_epoch(report_of(2, 9, 4), model.snapshot()); }),
                 {"best.safetensors"});
  CHECK(last_epoch() == "1");
  CHECK(checkpoints.best_metric() == 5);  // there is no better file
  checkpoints.on_epoch(report_of(3, 9, 6), model.snapshot());
  CHECK(last_epoch() == "3");

  fs::remove_all(checkpoints.best());
  fs::remove(checkpoints.last());
  fs::create_directories(checkpoints.last() / "in the way");
  check_mentions(error_of([&] { checkpoints.on_epoch(report_of(4, 9, 3), model.snapshot()); }),
                 {"last.safetensors"});
  CHECK(glstm::load_safetensors(checkpoints.best()).metadata.at("epoch") == "4");
}

TEST_CASE("a checkpoint that does not fit is an error and changes nothing") {
  const auto metadata = [](const char* key, const char* value) {
    return [=](Safetensors& file) { file.metadata[key] = value; };
  };
  const auto set_first = [](const char* name, float value) {
    return [=](Safetensors& file) {
      std::get<std::vector<float>>(file.tensors.at(name).values)[0] = value;
    };
  };
  constexpr float nan = std::numeric_limits<float>::quiet_NaN();
  constexpr float infinity = std::numeric_limits<float>::infinity();

  check_mentions(error_after([](Safetensors& file) { file.tensors.erase("layer1.sigma"); }),
                 {"\"layer1.sigma\"", "got none"});
  check_mentions(error_after([](Safetensors& file) { file.tensors.erase("optimizer.moments"); }),
                 {"\"optimizer.moments\"", "got none"});
  check_mentions(error_after([](Safetensors& file) {
                   file.tensors["layer2.b"] = file.tensors.at("layer1.b");
                 }),
                 {"\"layer2.b\""});
  check_mentions(error_after([](Safetensors& file) {
                   std::swap(file.tensors.at("layer0.w_ih").shape[0],
                             file.tensors.at("layer0.w_ih").shape[1]);
                 }),
                 {"\"layer0.w_ih\"", "[20,2]", "[2,20]"});
  check_mentions(error_after([](Safetensors& file) {
                   file.tensors.at("layer0.b").shape = {20, 1};
                 }),
                 {"\"layer0.b\"", "[20]", "[20,1]"});
  check_mentions(error_after([](Safetensors& file) {
                   std::vector<Index>& shape = file.tensors.at("optimizer.moments").shape;
                   std::swap(shape[0], shape[1]);
                 }),
                 {"\"optimizer.moments\"", "shape"});
  check_mentions(error_after([](Safetensors& file) {
                   Tensor& tensor = file.tensors.at("layer1.b");
                   tensor.values = tensor.as<double>();
                 }),
                 {"\"layer1.b\"", "F32", "F64"});
  check_mentions(error_after(set_first("readout.b", nan)), {"\"readout.b\"", "finite", "nan"});
  check_mentions(error_after(set_first("layer0.w_hh", -infinity)),
                 {"\"layer0.w_hh\"", "finite", "-inf"});
  check_mentions(error_after(set_first("optimizer.moments", nan)),
                 {"\"optimizer.moments\"", "finite"});
  check_mentions(error_after(metadata("optimizer.rule", "sgd")), {"sgd", "adam"});
  for (const char* steps : {"", "-1", "1.5", "many", "99999999999999999999"}) {
    check_mentions(error_after(metadata("optimizer.steps", steps)), {"optimizer.steps", steps});
  }
  for (const char* key : {"optimizer.rule", "optimizer.steps"}) {
    check_mentions(error_after([&](Safetensors& file) { file.metadata.erase(key); }),
                   {key, "got none"});
  }
  // Wrong where nobody asked for it: an average is read even so.
  check_mentions(error_after([](Safetensors& file) {
                   file.tensors["average"] = {{1}, std::vector<float>{1}};
                 }),
                 {"\"average\"", "shape", "[1]"});
  check_mentions(error_after([](Safetensors& file) {
                   const Index size = file.tensors.at("optimizer.moments").shape[0];
                   file.tensors["average"] = {
                       {size},
                       std::vector<float>(static_cast<std::size_t>(size),
                                          -std::numeric_limits<float>::infinity())};
                 }),
                 {"\"average\"", "finite", "-inf"});
  check_mentions(error_after([](Safetensors& file) {
                   file.tensors.at("layer0.mu").values = std::vector<std::int64_t>(5);
                 }),
                 {"\"layer0.mu\"", "F32", "I64"});
  check_mentions(error_after([](Safetensors& file) {
                   Tensor& moments = file.tensors.at("optimizer.moments");
                   moments.values = moments.as<double>();
                 }),
                 {"\"optimizer.moments\"", "F32", "F64"});
  check_mentions(error_after([](Safetensors& file) {
                   Tensor& moments = file.tensors.at("optimizer.moments");
                   moments = {{moments.shape[0], 0}, std::vector<float>{}};
                 }),
                 {"moments"});
}

TEST_CASE("a checkpoint whose header lies about its data is an error and changes nothing") {
  const TemporaryFolder folder;
  const fs::path path = folder / "some.safetensors";
  save_checkpoint(path, Model<float>(1).snapshot());
  std::ifstream stream(path, std::ios::binary);
  const std::string good(std::istreambuf_iterator<char>(stream), {});
  struct Case {
    std::string from, to, mention;  // of one length
  };
  const std::vector<Case> cases = {
      {"\"shape\":[20,2]", "\"shape\":[9e9] ", "shape of non-negative integers"},
      {"\"shape\":[20,2]", "\"shape\":[99,9]", "expected 3564 bytes"},
      {"\"shape\":[20,2]", "\"shape\":[-1,2]", "shape of non-negative integers"},
      {"\"dtype\":\"F32\"", "\"dtype\":\"F64\"", "bytes for the shape"},
      {"\"dtype\":\"F32\"", "\"dtype\":\"I16\"", "not supported"},
      {"\"data_offsets\":[", "\"data_offsets\":[-", "valid JSON"},
      {"{\"", "{ ", "valid JSON"},
  };
  for (const Case& lie : cases) {
    CAPTURE(lie.from, lie.to);
    std::string bytes = good;
    const std::size_t at = bytes.find(lie.from);
    REQUIRE(at != std::string::npos);
    bytes.replace(at, lie.to.size(), lie.to);
    std::ofstream(path, std::ios::binary)
        .write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
    Model<float> model(3), before(3);
    check_mentions(error_of([&] { model.load(path); }), {path.string(), lie.mention});
    check_same(model, before);
  }
}

TEST_CASE("a checkpoint of another model, rule or type is refused") {
  const TemporaryFolder folder;
  const fs::path path = folder / "some.safetensors";

  glstm::PhasedLstm<float> phased({.inputs = 2, .hidden = {5, 3}, .outputs = 1});
  const OptimizerState<float> moments{"adam", 3, Matrix<float>::Zero(phased.layout().size(), 2)};
  save_checkpoint(path, TrainingSnapshot<float>{phased.parameters, phased.layout(), moments});
  Model<float> model(3), before(3);
  check_mentions(error_of([&] { model.load(path); }), {path.string(), "\"layer0.mu\""});
  check_same(model, before);

  Model<double> wide(1);
  save_checkpoint(path, wide.snapshot());
  check_mentions(error_of([&] { model.load(path); }), {path.string(), "F32", "F64"});
  check_same(model, before);

  glstm::RmsProp<float> other(model.network.layout(), {.time_gate_learning_rate = 0.1});
  save_checkpoint(path, TrainingSnapshot<float>{before.network.parameters, before.network.layout(),
                                                other.state()});
  check_mentions(error_of([&] { model.load(path); }), {path.string(), "rmsprop", "adam"});
  check_same(model, before);

  Vector<float> too_short = Vector<float>::Ones(3);
  check_mentions(
      error_of([&] { load_checkpoint(path, model.network.layout(), too_short, nullptr); }),
      {path.string(), "got 3"});
  CHECK(too_short == Vector<float>::Ones(3));
}

TEST_CASE("a truncated or missing checkpoint is refused at every length") {
  const TemporaryFolder folder;
  const fs::path path = folder / "some.safetensors";
  Model<float> model(3), before(3);
  check_mentions(error_of([&] { model.load(path); }), {path.string()});
  save_checkpoint(path, Model<float>(1).snapshot());
  std::string bytes;
  {
    std::ifstream stream(path, std::ios::binary);
    bytes.assign(std::istreambuf_iterator<char>(stream), {});
  }
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    CAPTURE(size);
    std::ofstream(path, std::ios::binary).write(bytes.data(), static_cast<std::streamsize>(size));
    check_mentions(error_of([&] { model.load(path); }), {path.string()});
  }
  check_same(model, before);
}

TEST_CASE("what could not be loaded is not saved, and the old checkpoint stays") {
  const TemporaryFolder folder;
  const fs::path path = folder / "some.safetensors";
  Model<float> good(1);
  save_checkpoint(path, good.snapshot());

  Model<float> spoiled(2);
  spoiled.network.parameters[0] = std::numeric_limits<float>::quiet_NaN();
  check_mentions(error_of([&] { save_checkpoint(path, spoiled.snapshot()); }),
                 {path.string(), "\"layer0.w_ih\"", "finite"});
  check_mentions(error_of([&] {
                   save_checkpoint(path, good.snapshot(), {{"optimizer.steps", "12"}});
                 }),
                 {path.string(), "optimizer.steps"});
  glstm::ParameterLayout layout;
  layout.add("twice", 1, 1, glstm::ParameterRole::weight);
  layout.add("twice", 1, 1, glstm::ParameterRole::weight);
  const Vector<float> two = Vector<float>::Ones(2);
  const OptimizerState<float> moments{"sgd", 0, Matrix<float>::Zero(2, 1)};
  check_mentions(error_of([&] {
                   save_checkpoint(path, TrainingSnapshot<float>{two, layout, moments});
                 }),
                 {path.string(), "\"twice\""});
  check_mentions(
      error_of([&] {
        save_checkpoint(path, TrainingSnapshot<float>{two, good.network.layout(), moments});
      }),
      {path.string(), "got 2"});

  Model<float> loaded(5);
  loaded.load(path);
  check_same(loaded, good);
  CHECK(folder.files() == 1);
  check_mentions(error_of([&] { Checkpoints<float>{path}; }), {path.string()});
}

}  // namespace checkpoint_test
