#include "training.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <iostream>
#include <memory>
#include <numeric>
#include <optional>
#include <sstream>
#include <system_error>
#include <vector>

#include "glstm/glstm.hpp"
#include "glstm/io/atomic_file.hpp"
#include "glstm/io/checkpoint.hpp"
#include "glstm/io/network_file.hpp"
#include "gradient_norms.hpp"
#include "measurement.hpp"
#include "models.hpp"
#include "windows_table.hpp"

namespace sequence_tasks {
namespace {

using namespace glstm;
namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

// ---- settings and data of a run that can be started ------------------------------------------

/// The training steps of one pass over the data.
double epoch_steps(const Settings& settings, const Task& task) {
  const Index whole_batches = task.training->size() / *settings.batch;
  return static_cast<double>(whole_batches);
}

void set_steps(Settings& settings, const Task& task, double steps) {
  detail::require(steps <= 1e15, "--epochs: expected at most 1e15 training steps, got ", steps);
  settings.max_steps = std::max<Index>(1, std::llround(steps));
  settings.epochs = static_cast<double>(settings.max_steps) / epoch_steps(settings, task);
}

/// The steps in which the windows of a temporal curriculum start to widen and are fully open.
std::pair<Index, Index> curriculum_steps(const Settings& settings, const Task& task) {
  const double epoch = epoch_steps(settings, task);
  return {std::llround(settings.widen[0] * epoch), std::llround(settings.widen[1] * epoch)};
}

TemporalCurriculumOptions curriculum_options(const Settings& settings, const Task& task) {
  const auto [first_step, last_step] = curriculum_steps(settings, task);
  const double reach = std::sqrt(-std::log(settings.threshold));  // in widths
  return {.first_step = first_step,
          .last_step = last_step,
          .first_width = *settings.open_share * task.duration() / (2 * reach),
          .last_width = settings.widest * task.duration(),
          .open_width = 1e6 * task.duration()};
}

/// Throws Error when the windows of a curriculum cannot widen as the settings say.
void check_curriculum(const Settings& settings, const Task& task) {
  if (settings.widen.empty()) return;
  const TemporalCurriculumOptions options = curriculum_options(settings, task);
  detail::require(options.last_step < settings.max_steps, "--widen: training ends after epoch ",
                  *settings.epochs, ", before all windows are open");
  detail::require(options.first_step < options.last_step, "--widen: an epoch has ",
                  epoch_steps(settings, task), " steps, so that epochs ", settings.widen[0],
                  " and ", settings.widen[1], " are the same step");
  detail::require(options.first_width <= options.last_width,
                  "--widest: windows that are open for --open-share of the time are wider already");
}

/// How many steps fit into the seconds that the settings name; tried out on a copy of the network.
double steps_in_time(const Settings& settings, const Task& task, ProcessGroup& group) {
  const double seconds = with_network(settings, task, [&](auto network) {
    initialize(settings, task, network);
    return seconds_per_step(std::move(network), task, settings, group);
  });
  return settings.seconds / seconds;
}

/// The complete settings and the data of a run. Whatever can be refused is refused here.
std::pair<Settings, Task> prepare(const Settings& given, ProcessGroup& group) {
  check(given);
  check_used(given);
  Settings settings = given;
  Task task = make_task(settings);
  complete(task, settings);
  set_steps(settings, task, *settings.epochs * epoch_steps(settings, task));
  check(settings);
  with_network(settings, task, [&](auto network) { initialize(settings, task, network); });
  if (settings.seconds > 0) set_steps(settings, task, steps_in_time(settings, task, group));
  if (!settings.reports) {
    settings.reports = std::clamp<Index>(std::llround(10 / *settings.epochs), 1, 10'000);
  }
  check(settings);
  check_curriculum(settings, task);
  return {std::move(settings), std::move(task)};
}

void describe(const Settings& settings, const Task& task, std::ostream& out) {
  if (!task.details.empty()) out << task.details << "\n";
  out << task.title << ", " << settings.model << ": " << settings.max_steps << " training steps of "
      << *settings.batch << " sequences\n";
}

/// The data of a run. Throws Error when they are not those that it was started with.
Task same_task(const RunFolder& folder, const Settings& settings) {
  const std::string source = folder.config().string();
  Task task;
  try {
    task = make_task(settings);
  } catch (const Error& error) {
    throw Error(source +
                ": no longer finds the data that the run was started with: " + error.what());
  }
  const Json then = read_data_facts(folder);
  const Json now = data_facts(task);
  for (const auto& [key, value] : now.items()) {
    if (value.is_null()) continue;
    const auto found = then.find(key);
    detail::require(found != then.end() && *found == value, source,
                    ": the data are not those that the run was started with: \"", key, "\" was ",
                    found == then.end() ? "not known" : found->dump(), " and is ", value.dump());
  }
  return task;
}

// ---- checkpoints of a run --------------------------------------------------------------------

/// What a checkpoint says of its run, which tells it from those of others.
std::string identity(const Settings& settings) {
  Json json = to_json(settings);
  json.erase("threads");  // they do not change the result
  return json.dump();
}

/// What goes into every checkpoint of a run, so that each is a network file too.
template <TimeGate Gate>
CheckpointMetadata metadata_of(const Settings& settings, const Network<Gate>& network) {
  CheckpointMetadata metadata = network_metadata(network);
  metadata.emplace("config", identity(settings));
  return metadata;
}

/// load_checkpoint. Throws Error also when the checkpoint is that of another run.
template <TimeGate Gate>
CheckpointMetadata load(const fs::path& file, const Settings& settings, Network<Gate>& network,
                        AdamW<float>* optimizer = nullptr, Vector<float>* average = nullptr) {
  Network<Gate> loaded = network;
  CheckpointMetadata metadata =
      load_checkpoint<float>(file, loaded.layout(), loaded.parameters, optimizer, average);
  const auto found = metadata.find("config");
  detail::require(found != metadata.end() && found->second == identity(settings), file.string(),
                  ": expected a checkpoint of this run, got one of another");
  network.parameters.swap(loaded.parameters);
  return metadata;
}

/// Gives `network` its initial parameters: drawn, or as --start says, the first time, when they are
/// saved, and those from then on.
template <TimeGate Gate>
void begin(const Settings& settings, const Task& task, const RunFolder& folder,
           Network<Gate>& network, ProcessGroup& group) {
  if (group.rank() == 0 && !fs::exists(folder.first())) {
    initialize(settings, task, network);
    save_network(folder.first(), network, WeightStorage::full, {{"config", identity(settings)}});
  }
  group.wait_for_all();
  load(folder.first(), settings, network);
}

/// Loads the best parameters, or the last where none was eligible. Returns the metadata.
template <TimeGate Gate>
CheckpointMetadata load_best(const RunFolder& folder, const Settings& settings, bool eligible,
                             Network<Gate>& network) {
  return load(eligible ? folder.best() : folder.last(), settings, network);
}

// ---- training --------------------------------------------------------------------------------

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
    save_network(folder.lstm(), plain);
  }
  write_json(folder.metrics(), metrics);
  return metrics;
}

/// Trains `network` from its initial values, or from the folder's last checkpoint.
template <TimeGate Gate>
Json train(Network<Gate> network, const Settings& settings, const Task& task,
           const RunFolder& folder, ProcessGroup& group, std::ostream& out) {
  const bool is_first = group.rank() == 0;
  begin(settings, task, folder, network, group);
  std::ostringstream windows;
  windows.precision(9);
  windows << windows_header;
  append_windows(network, task, "before", windows);

  AdamW<float> optimizer = make_optimizer(settings, network.layout());
  const Index steps = settings.max_steps;
  const double target = settings.target_share.value_or(1);
  BudgetController controller({.target_share = target,
                               .integral_gain = settings.budget_integral,
                               .proportional_gain = settings.budget_proportional,
                               .largest_weight = settings.budget_limit});
  ParameterAverage<float> average(*settings.average);
  TrainingProgress progress;
  if (fs::exists(folder.last())) {
    Vector<float> kept;
    const CheckpointMetadata metadata =
        load(folder.last(), settings, network, &optimizer, *settings.average > 0 ? &kept : nullptr);
    average.set_value(std::move(kept));
    progress = training_progress(metadata, folder.last().string());
    if (settings.target_share) {
      detail::require(progress.controller.has_value(), folder.last().string(),
                      ": expected the state of a budget controller, got none");
      controller.set_state(*progress.controller);
    }
    detail::require(std::isinf(progress.best_metric) || fs::exists(folder.best()),
                    folder.best().string(), ": expected the best checkpoint so far, found none");
    out << "Resumed after step " << optimizer.state().steps << "\n";
  }
  if (is_first) write_file_atomically(folder.windows(), windows.str());

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
                         .threads = settings.threads,
                         .shards = settings.shards},
                        &group);
  trainer.resume(progress.seconds);
  if (settings.target_share) trainer.control(controller);
  if (*settings.average > 0) trainer.average(average);
  if constexpr (std::is_same_v<Gate, GaussianGate<float>>) {
    // In a curriculum all windows end up longer than the sequences.
    if (*settings.gate_learning_rate > 0 && settings.widen.empty()) {
      trainer.after_step(WindowsWithin<float>(network, 0, task.duration()));
    }
  }
  Index open_from = 0;
  if (!settings.widen.empty()) {
    const TemporalCurriculumOptions options = curriculum_options(settings, task);
    open_from = options.last_step;
    trainer.after_step(TemporalCurriculum<float>(network.layout(), options));
  }
  const auto is_eligible = [&](const EpochReport& report) {
    return report.validation->ops.update_share() <= target && report.step >= open_from;
  };
  std::vector<std::unique_ptr<Callback<float>>> listeners;
  if (is_first) {
    const bool append = keep_log_until(folder, optimizer.state().steps);
    const bool terminal = group.size() == 1 && &out == &std::cout && isatty(STDOUT_FILENO) != 0;
    listeners.push_back(std::make_unique<ProgressBar<float>>(out, terminal));
    listeners.push_back(std::make_unique<CsvLog<float>>(folder.log(), append));
    // A checkpoint must not survive a power cut that its log does not.
    listeners.push_back(std::make_unique<SyncFile>(folder.log()));
    auto checkpoints = std::make_unique<Checkpoints<float>>(
        folder.path, metadata_of(settings, network), is_eligible);
    checkpoints->resume(progress);
    listeners.push_back(std::move(checkpoints));
  }
  for (const auto& listener : listeners) trainer.add_callback(*listener);
  trainer.fit(*task.training, task.held_out.get());
  group.wait_for_all();  // until the first has written the last checkpoint

  const TrainingProgress last =
      training_progress(load(folder.last(), settings, network), folder.last().string());
  const bool eligible = std::isfinite(last.best_metric);
  const TrainingProgress best =
      training_progress(load_best(folder, settings, eligible, network), folder.best().string());
  const Evaluation validation =
      evaluate(network, *task.held_out, *settings.batch, settings.threads, &group);
  if (!is_first) return {};
  append_windows(network, task, "after", windows);
  write_file_atomically(folder.windows(), windows.str());
  Json metrics = {{"task", settings.task},
                  {"model", settings.model},
                  {"seed", settings.seed},
                  {"parameters", network.layout().size()},
                  {"steps", steps},
                  {"epochs", *settings.epochs},
                  {"best_epoch", best.epochs},
                  {"best_is_eligible", eligible},
                  {"training_seconds", last.seconds}};
  metrics["validation"] = json_of(validation, task);
  return measure(network, settings, task, folder, std::move(metrics));
}

Json train_in(const RunFolder& folder, const Settings& settings, const Task& task,
              ProcessGroup& group, std::ostream& out) {
  describe(settings, task, out);
  return with_network(settings, task, [&](auto network) {
    return train(std::move(network), settings, task, folder, group, out);
  });
}

}  // namespace

void check_run(const Settings& settings, ProcessGroup& group) { prepare(settings, group); }

Json start_run(const Settings& given, const RunFolder& folder, ProcessGroup& group,
               std::ostream& out) {
  if (group.rank() == 0) require_free(folder);
  const auto [settings, task] = prepare(given, group);
  const Json facts = data_facts(task);
  const std::string text = facts.dump();
  detail::require_same(group, detail::checksum(text.data(), text.size()), "data");
  std::optional<FolderLock> lock;
  if (group.rank() == 0) {
    std::error_code error;
    fs::create_directories(folder.path, error);
    detail::require(!error, folder.path.string(), ": cannot be made: ", error.message());
    lock.emplace(folder);
    require_free(folder);  // another process may have been faster
    remove_unfinished_files(folder);
    write_config(folder, settings, given, facts);
  }
  return train_in(folder, settings, task, group, out);
}

Json resume_run(const RunFolder& folder, Index threads, ProcessGroup& group, std::ostream& out) {
  std::optional<FolderLock> lock;
  if (group.rank() == 0) {
    lock.emplace(folder);
    remove_unfinished_files(folder);
  }
  group.wait_for_all();  // what was read without the lock another process may have changed
  Settings settings = read_settings(folder);
  if (folder.finished()) {
    out << folder.path.string() << ": finished already\n";
    return read_metrics(folder);
  }
  const Task task = same_task(folder, settings);
  settings.threads = threads;
  return train_in(folder, settings, task, group, out);
}

Json evaluate_run(const RunFolder& folder, std::ostream& out) {
  const FolderLock lock(folder);
  const Settings settings = read_settings(folder);
  const Json metrics = read_metrics(folder);
  const Task task = same_task(folder, settings);
  describe(settings, task, out);
  return with_network(settings, task, [&](auto network) {
    load_best(folder, settings, metrics.at("best_is_eligible").template get<bool>(), network);
    return measure(network, settings, task, folder, metrics);
  });
}

void write_gradient_norms(const RunFolder& folder, Index sequences, std::ostream& out) {
  ProcessGroup alone;
  const FolderLock lock(folder);
  const Settings settings = read_settings(folder);
  const Json metrics = read_metrics(folder);
  const Task task = same_task(folder, settings);
  describe(settings, task, out);
  std::vector<Index> samples(static_cast<std::size_t>(std::min(sequences, task.held_out->size())));
  std::iota(samples.begin(), samples.end(), 0);
  LabelledBatch<float> batch;
  task.held_out->load(samples, batch);
  std::ostringstream csv;
  csv << "when,step,norm\n";
  const Index chunk = std::max<Index>(1, batch.input.steps() / 200);  // about 200 points to draw
  with_network(settings, task, [&](auto network) {
    begin(settings, task, folder, network, alone);
    append_gradient_norms(network, batch, "before", chunk, csv);
    load_best(folder, settings, metrics.at("best_is_eligible").template get<bool>(), network);
    append_gradient_norms(network, batch, "after", chunk, csv);
  });
  write_file_atomically(folder.gradients(), csv.str());
}

}  // namespace sequence_tasks
