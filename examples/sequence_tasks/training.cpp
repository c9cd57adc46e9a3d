#include "training.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <iostream>
#include <limits>
#include <numeric>
#include <sstream>
#include <system_error>

#include "glstm/glstm.hpp"
#include "glstm/io/atomic_file.hpp"
#include "glstm/io/checkpoint.hpp"
#include "gradient_norms.hpp"

namespace sequence_tasks {
namespace {

using namespace glstm;
namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;
using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point begin) {
  return std::chrono::duration<double>(Clock::now() - begin).count();
}

// ---- the network -----------------------------------------------------------------------------

template <TimeGate Gate>
typename Gate::Options gate_options(const Settings& settings) {
  typename Gate::Options options;
  if constexpr (requires { options.threshold; }) options.threshold = settings.threshold;
  if constexpr (requires { options.min_width; }) options.min_width = *settings.min_width;
  if constexpr (requires { options.leak; }) options.leak = settings.leak;
  return options;
}

template <TimeGate Gate>
Network<Gate> make_network(const Settings& settings, const Task& task) {
  return Network<Gate>({.inputs = task.inputs,
                        .hidden = settings.hidden,
                        .outputs = task.outputs,
                        .loss = task.loss,
                        .gates = {gate_options<Gate>(settings)},
                        .time_origin = task.begin});
}

/// Draws the initial parameters, or reads them.
template <TimeGate Gate>
void initialize(const Settings& settings, const Task& task, Network<Gate>& network) {
  const double duration = task.end - task.begin;
  const double span = settings.centres[1] - settings.centres[0];
  Initialization initial;
  initial.forget_bias = *settings.forget_bias;
  initial.longest_memory = *settings.memory;
  initial.gates.start = settings.centres[0] * duration;
  initial.gates.end = settings.centres[1] * duration;
  // Of a Gaussian window the length counts, of a phased one the share of its own period.
  constexpr bool phased = std::is_same_v<Gate, PhasedGate<float>>;
  initial.gates.open_share = phased ? *settings.open_share : *settings.open_share / span;
  detail::require(initial.gates.open_share <= 1,
                  "--open-share: windows cannot be longer than the part of the time that --centres "
                  "names, ",
                  span, ", got ", *settings.open_share);
  const bool random = settings.placement == "random" || settings.model == "random-skip";
  initial.gates.placement = random ? GateSpread::Placement::random : GateSpread::Placement::even;
  Rng rng(settings.seed);
  network.initialize(initial, rng);
  if (!settings.start.empty()) {
    load_checkpoint<float>(settings.start, network.layout(), network.parameters, nullptr);
  }
}

/// Calls action(network) with a network of the kind that the settings name.
template <class Action>
auto with_network(const Settings& settings, const Task& task, Action action) {
  if (settings.model == "lstm") return action(make_network<AlwaysOpen<float>>(settings, task));
  if (settings.model == "phased") return action(make_network<PhasedGate<float>>(settings, task));
  return action(make_network<GaussianGate<float>>(settings, task));
}

AdamW<float> make_optimizer(const Settings& settings, const ParameterLayout& layout) {
  return AdamW<float>(layout, {.learning_rate = *settings.learning_rate,
                               .time_gate_learning_rate = *settings.gate_learning_rate,
                               .weight_decay = *settings.weight_decay});
}

/// The training steps of one pass over the data.
double epoch_steps(const Settings& settings, const Task& task) {
  return static_cast<double>(task.training->size() / *settings.batch);
}

/// The steps in which the windows of a temporal curriculum start to widen and are fully open.
std::pair<Index, Index> curriculum_steps(const Settings& settings, const Task& task) {
  const double epoch = epoch_steps(settings, task);
  return {std::llround(settings.widen[0] * epoch), std::llround(settings.widen[1] * epoch)};
}

// ---- what is found ---------------------------------------------------------------------------

/// The evaluation of a data set, with the work of each layer and the time of the network alone.
struct Test {
  Evaluation mean;
  std::vector<Work> layers;
  double seconds = 0;
};

template <TimeGate Gate>
Test test_network(const Network<Gate>& network, const Data& data) {
  constexpr Index batch_size = 100;  // the same for all networks, so that times compare
  const FlushToZero flush;
  typename Network<Gate>::Tape tape;
  LabelledBatch<float> batch;
  EvaluationSum sum;
  Test test;
  test.layers.resize(network.layers().size());
  for (Index first = 0; first < data.size(); first += batch_size) {
    std::vector<Index> samples(static_cast<std::size_t>(std::min(batch_size, data.size() - first)));
    std::iota(samples.begin(), samples.end(), first);
    data.load(samples, batch);
    const auto begin = Clock::now();
    sum.add(network.evaluate(batch, tape));
    test.seconds += seconds_since(begin);
    for (std::size_t l = 0; l < test.layers.size(); ++l) test.layers[l] += tape.layers[l].work();
  }
  test.mean = sum.mean();
  return test;
}

/// Seconds of a training step, from a few that leave the network as it is.
template <TimeGate Gate>
double seconds_per_step(Network<Gate> network, const Task& task, const Settings& settings) {
  struct Times final : Callback<float> {
    Continue on_step(const StepReport& report) override {
      seconds.push_back(report.seconds);  // the first step allocates, and is not typical
      const std::size_t steps = seconds.size();
      return steps >= 50 || (steps >= 4 && report.seconds > 2) ? Continue::no : Continue::yes;
    }
    std::vector<double> seconds;
  } times;
  AdamW<float> optimizer(network.layout(), {.learning_rate = 0, .time_gate_learning_rate = 0});
  Trainer<Gate>(network, optimizer,
                {.batch = *settings.batch,
                 .epochs = 50,
                 .threads = settings.threads,
                 .shards = settings.shards})
      .listen(times)
      .fit(*task.training);
  return (times.seconds.back() - times.seconds.front()) /
         static_cast<double>(std::max<std::size_t>(1, times.seconds.size() - 1));
}

Json number(double value) { return std::isfinite(value) ? Json(value) : Json(nullptr); }

Json json_of(const Evaluation& evaluation, const Task& task) {
  return {{"loss", evaluation.task.loss},
          {"accuracy", number(accuracy(evaluation.task, task.loss))}};
}

/// What the test set and the clock say of a trained network.
template <TimeGate Gate>
void add_test(const Network<Gate>& network, const Task& task, const Settings& settings,
              Json& metrics) {
  const double sequences = static_cast<double>(task.test->size());
  const Test test = test_network(network, *task.test);
  metrics["test"] = json_of(test.mean, task);
  metrics["test"]["sequences"] = task.test->size();
  metrics["update_share"] = test.mean.work.update_share();
  metrics["macs_per_sequence"] = test.mean.work.macs / sequences;
  metrics["dense_macs_per_sequence"] = test.mean.work.dense_macs / sequences;
  metrics["inference_ms_per_sequence"] = 1e3 * test.seconds / sequences;
  metrics["training_ms_per_sequence"] =
      1e3 * seconds_per_step(network, task, settings) / static_cast<double>(*settings.batch);
  metrics["layers"] = Json::array();
  for (std::size_t l = 0; l < test.layers.size(); ++l) {
    metrics["layers"].push_back({{"hidden", settings.hidden[l]},
                                 {"update_share", test.layers[l].update_share()},
                                 {"macs_per_sequence", test.layers[l].macs / sequences}});
  }
}

/// The open windows as CSV rows: one per neuron and window.
template <TimeGate Gate>
void append_windows(const Network<Gate>& network, const Task& task, const char* when,
                    std::ostream& csv) {
  if constexpr (Gate::parameter_names.size() > 0) {
    const float duration = static_cast<float>(task.end - task.begin);
    for (std::size_t l = 0; l < network.layers().size(); ++l) {
      const Gate gate = network.layers()[l].gate(network.parameters);
      for (Index j = 0; j < gate.size(); ++j) {
        std::ostringstream neuron;
        neuron << when << ',' << l << ',' << j << ',';
        if constexpr (requires { gate.mu(j); }) {
          neuron << static_cast<double>(gate.mu(j)) + task.begin << ',' << gate.sigma(j);
        } else {
          neuron << ',';
        }
        float time = 0;
        int windows = 0;
        for (; windows < 1000; ++windows) {  // a phased gate may have any number
          const Window<float> window = gate.next_window(j, time);
          if (window.empty() || window.open > duration || (windows > 0 && window.open < time))
            break;
          csv << neuron.str() << ',' << static_cast<double>(std::max(0.f, window.open)) + task.begin
              << ',' << static_cast<double>(std::min(duration, window.close)) + task.begin << '\n';
          time = std::nextafter(window.close, std::numeric_limits<float>::infinity());
          if (time > duration) break;
        }
        if (windows == 0 && time == 0) csv << neuron.str() << ",,\n";
      }
    }
  }
}

template <TimeGate Gate>
std::string windows_text(const Settings& settings, const Task& task, const Network<Gate>* trained) {
  Network<Gate> initial = make_network<Gate>(settings, task);
  initialize(settings, task, initial);
  std::ostringstream csv;
  csv.precision(9);
  csv << "when,layer,neuron,mu,sigma,open,close\n";
  append_windows(initial, task, "before", csv);
  if (trained != nullptr) append_windows(*trained, task, "after", csv);
  return csv.str();
}

// ---- the folder ------------------------------------------------------------------------------

/// Keeps other processes away from a run as long as it lives.
class FolderLock {
 public:
  /// Throws Error when another process is at work on the run.
  explicit FolderLock(const RunFolder& folder)
      : descriptor_(open(folder.path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)) {
    const bool locked = descriptor_ >= 0 && flock(descriptor_, LOCK_EX | LOCK_NB) == 0;
    if (!locked && descriptor_ >= 0) close(descriptor_);
    detail::require(locked, folder.path.string(), ": another process is at work on this run");
  }
  ~FolderLock() { close(descriptor_); }
  FolderLock(const FolderLock&) = delete;
  FolderLock& operator=(const FolderLock&) = delete;

 private:
  int descriptor_;
};

/// Sees to it at every report that what was written to a file is on the disk.
class SyncFile final : public Callback<float> {
 public:
  explicit SyncFile(fs::path file) : file_(std::move(file)) {}

  Continue on_epoch(const EpochReport&, const TrainingSnapshot<float>&) override {
    const int descriptor = open(file_.c_str(), O_WRONLY | O_CLOEXEC);
    const bool done = descriptor >= 0 && fsync(descriptor) == 0;
    if (descriptor >= 0) close(descriptor);
    detail::require(done, file_.string(), ": cannot be written to the disk");
    return Continue::yes;
  }

 private:
  fs::path file_;
};

// ---- training --------------------------------------------------------------------------------

double to_number(const CheckpointMetadata& metadata, const char* key, const fs::path& file) {
  const auto found = metadata.find(key);
  detail::require(found != metadata.end(), file.string(), ": expected metadata \"", key,
                  "\", got none");
  if (found->second == "inf") return std::numeric_limits<double>::infinity();
  double value = 0;
  const char* end = found->second.data() + found->second.size();
  const auto [stop, error] = std::from_chars(found->second.data(), end, value);
  detail::require(error == std::errc() && stop == end, file.string(), ": expected metadata \"", key,
                  "\" to be a number, got \"", found->second, "\"");
  return value;
}

/// The metrics of a trained network; at the end of a temporal curriculum also those of the plain
/// LSTM that it has become, which is saved.
template <TimeGate Gate>
Json measure(const Network<Gate>& network, const Settings& settings, const Task& task,
             const RunFolder& folder, Json metrics) {
  add_test(network, task, settings, metrics);
  metrics["lstm"] = nullptr;
  if (!settings.widen.empty()) {
    const Lstm<float> plain = without_gates(network);
    metrics["lstm"] = json_of(test_network(plain, *task.test).mean, task);
    const OptimizerState<float> none{"none", 0, Matrix<float>(plain.layout().size(), 0)};
    save_checkpoint<float>(folder.lstm(), {plain.parameters, plain.layout(), none});
  }
  write_json(folder.metrics(), metrics);
  return metrics;
}

/// Loads the best parameters; the last ones where none was eligible. Returns the
/// metadata.
template <TimeGate Gate>
CheckpointMetadata load_best(const RunFolder& folder, Network<Gate>& network) {
  const fs::path file = fs::exists(folder.best()) ? folder.best() : folder.last();
  return load_checkpoint<float>(file, network.layout(), network.parameters, nullptr);
}

/// Trains `network` from its initial values, or from the folder's last checkpoint.
template <TimeGate Gate>
Json train(Network<Gate> network, const Settings& settings, const Task& task,
           const RunFolder& folder, std::ostream& out) {
  initialize(settings, task, network);
  AdamW<float> optimizer = make_optimizer(settings, network.layout());
  const Index steps = settings.max_steps;
  const double target = settings.target_share.value_or(1);
  BudgetController controller({.target_share = target});
  ParameterAverage<float> average(*settings.average);

  double least_error = std::numeric_limits<double>::infinity(), seconds_before = 0;
  if (fs::exists(folder.last())) {
    Vector<float> kept;
    const CheckpointMetadata metadata =
        load_checkpoint<float>(folder.last(), network.layout(), network.parameters, &optimizer,
                               *settings.average > 0 ? &kept : nullptr);
    average.set_value(std::move(kept));
    const auto value = [&](const char* key) { return to_number(metadata, key, folder.last()); };
    least_error = value("least_error");
    seconds_before = value("seconds");
    if (settings.target_share) {
      controller.set_state({value("budget_integral"), value("budget_excess")});
    }
    out << "Resumed after step " << optimizer.state().steps << "\n";
  }
  const bool append = keep_log_until(folder, optimizer.state().steps);
  write_file_atomically(folder.windows(), windows_text<Gate>(settings, task, nullptr));

  const Index warmup = static_cast<Index>(settings.warmup * static_cast<double>(steps));
  Trainer<Gate> trainer(network, optimizer,
                        {.batch = *settings.batch,
                         .epochs = steps,  // max_steps ends it
                         .reports_per_epoch = *settings.reports,
                         .max_steps = steps,
                         .clip_norm = settings.clip,
                         .budget_weight = settings.budget,
                         .weight_noise = *settings.weight_noise,
                         .schedule = warmup_cosine(steps, warmup, *settings.final_rate),
                         .seed = settings.seed,
                         .seconds_before = seconds_before,
                         .threads = settings.threads,
                         .shards = settings.shards});
  if (settings.target_share) trainer.control(controller);
  if (*settings.average > 0) trainer.average(average);
  if (!settings.widen.empty()) {
    const double duration = task.end - task.begin;
    const double first_width =
        *settings.open_share * duration / (2 * std::sqrt(-std::log(settings.threshold)));
    const auto [first_step, last_step] = curriculum_steps(settings, task);
    trainer.after_step(TemporalCurriculum<float>(network.layout(), {.first_step = first_step,
                                                                    .last_step = last_step,
                                                                    .first_width = first_width,
                                                                    .last_width = 10 * duration,
                                                                    .open_width = 1e6 * duration}));
  }
  ProgressBar<float> progress(out, &out == &std::cout && isatty(STDOUT_FILENO) != 0, task.loss);
  CsvLog<float> log(folder.log(), task.loss, append);
  Checkpoints<float> checkpoints(
      folder.path, task.loss, {{"config", to_json(settings).dump()}}, least_error,
      [&](const EpochReport& report) {
        return report.validation->work.update_share() <= target &&
               (settings.widen.empty() || report.step >= curriculum_steps(settings, task).second);
      });
  SyncFile sync(folder.log());  // a checkpoint must not survive a power cut that its log does not
  trainer.listen(progress).listen(log).listen(sync).listen(checkpoints);
  trainer.fit(*task.training, task.held_out.get());

  const CheckpointMetadata last =
      load_checkpoint<float>(folder.last(), network.layout(), network.parameters, nullptr);
  const CheckpointMetadata best = load_best(folder, network);
  write_file_atomically(folder.windows(), windows_text(settings, task, &network));
  Json metrics = {{"task", settings.task},
                  {"model", settings.model},
                  {"seed", settings.seed},
                  {"parameters", network.layout().size()},
                  {"steps", steps},
                  {"epochs", *settings.epochs},
                  {"best_epoch", to_number(best, "epoch", folder.best())},
                  {"best_is_eligible", fs::exists(folder.best())},
                  {"training_seconds", to_number(last, "seconds", folder.last())}};
  metrics["validation"] =
      json_of(evaluate(network, *task.held_out, *settings.batch, settings.threads), task);
  return measure(network, settings, task, folder, std::move(metrics));
}

/// How many steps fit into the seconds that the settings name; tried out on a copy of the network.
Index steps_in_time(const Settings& settings, const Task& task) {
  const double seconds = with_network(settings, task, [&](auto network) {
    initialize(settings, task, network);
    return seconds_per_step(std::move(network), task, settings);
  });
  return std::max<Index>(1, std::llround(settings.seconds / seconds));
}

void describe(const Settings& settings, const Task& task, std::ostream& out) {
  out << task.title << ", " << settings.model << ": " << settings.max_steps << " training steps of "
      << *settings.batch << " sequences\n";
}

Json train_in(const RunFolder& folder, const Settings& settings, const Task& task,
              std::ostream& out) {
  describe(settings, task, out);
  return with_network(settings, task, [&](auto network) {
    return train(std::move(network), settings, task, folder, out);
  });
}

/// The complete settings and the data of a run that can be started.
std::pair<Settings, Task> prepare(Settings settings) {
  check(settings);
  Task task = make_task(settings);
  complete(task, settings);
  const double epoch = epoch_steps(settings, task);
  settings.max_steps = std::max<Index>(1, std::llround(*settings.epochs * epoch));
  if (settings.seconds == 0) settings.epochs = static_cast<double>(settings.max_steps) / epoch;
  detail::require(
      settings.widen.empty() || settings.seconds > 0 || settings.widen[1] < *settings.epochs,
      "--widen: training ends after epoch ", *settings.epochs, ", before all windows are open");
  with_network(settings, task, [&](auto network) { initialize(settings, task, network); });
  return {std::move(settings), std::move(task)};
}

}  // namespace

void check_run(const Settings& settings) { prepare(settings); }

void require_free(const RunFolder& folder) {
  detail::require(!folder.has_run(), folder.path.string(),
                  ": holds a run already; --resume goes on with it");
  for (const fs::path& file : folder.files()) {
    detail::require(!fs::exists(file), file.string(),
                    ": expected a folder without files of another run");
  }
}

Json start_run(const Settings& given, const RunFolder& folder, std::ostream& out) {
  require_free(folder);
  auto [settings, task] = prepare(given);
  if (settings.seconds > 0) {
    settings.max_steps = steps_in_time(settings, task);
    settings.epochs = static_cast<double>(settings.max_steps) / epoch_steps(settings, task);
  }
  if (!settings.reports) settings.reports = std::max<Index>(1, std::llround(10 / *settings.epochs));
  std::error_code error;
  fs::create_directories(folder.path, error);
  detail::require(!error, folder.path.string(), ": cannot be made: ", error.message());
  const FolderLock lock(folder);
  write_settings(folder, settings, given);
  return train_in(folder, settings, task, out);
}

Json resume_run(const RunFolder& folder, Index threads, std::ostream& out) {
  Settings settings = read_settings(folder);
  const FolderLock lock(folder);
  if (folder.finished()) {
    out << folder.path.string() << ": finished already\n";
    return read_metrics(folder);
  }
  settings.threads = threads;
  return train_in(folder, settings, make_task(settings), out);
}

Json evaluate_run(const RunFolder& folder, std::ostream& out) {
  const Settings settings = read_settings(folder);
  const Task task = make_task(settings);
  describe(settings, task, out);
  return with_network(settings, task, [&](auto network) {
    load_best(folder, network);
    return measure(network, settings, task, folder, read_metrics(folder));
  });
}

void write_gradient_norms(const RunFolder& folder, Index sequences, std::ostream& out) {
  const Settings settings = read_settings(folder);
  const Task task = make_task(settings);
  describe(settings, task, out);
  std::vector<Index> samples(static_cast<std::size_t>(std::min(sequences, task.held_out->size())));
  std::iota(samples.begin(), samples.end(), 0);
  LabelledBatch<float> batch;
  task.held_out->load(samples, batch);
  std::ostringstream csv;
  csv << "when,step,norm\n";
  const Index chunk = std::max<Index>(1, batch.input.steps() / 200);  // about 200 points to draw
  with_network(settings, task, [&](auto network) {
    initialize(settings, task, network);
    append_gradient_norms(network, batch, "before", chunk, csv);
    load_best(folder, network);
    append_gradient_norms(network, batch, "after", chunk, csv);
  });
  write_file_atomically(folder.gradients(), csv.str());
}

}  // namespace sequence_tasks
