#include "training.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <ctime>
#include <iomanip>
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
#include "glstm/version.hpp"
#include "gradient_norms.hpp"
#include "measurement.hpp"
#include "models.hpp"
#include "run_checkpoints.hpp"
#include "step_counts.hpp"
#include "time_plan.hpp"
#include "training_notes.hpp"
#include "window_notes.hpp"
#include "windows_table.hpp"

namespace sequence_tasks {
namespace {

using namespace glstm;
namespace fs = std::filesystem;

// ---- settings and data -----------------------------------------------------------------------

/// Returns the number of steps that fit into --seconds, measured on copies of the network: at the
/// start, and after a training of a twentieth of that time, or 0.2 s.
double steps_in_time(const Settings& settings, const Task& task, ProcessGroup& group) {
  const double seconds = with_network(settings, task, [&](auto network) {
    initialize(settings, task, network);
    const double trial = std::max(settings.seconds / 20, std::min(0.2, settings.seconds));
    // Windows shrink and grow during a training; the two together come within a tenth.
    return (seconds_per_step(network, task, settings, group) +
            seconds_per_step(network, task, settings, group, trial)) /
           2;
  });
  return settings.seconds / seconds;
}

/// Reports per epoch: once, or so often that a short run has 10 and a long one 100.
double default_reports(double epochs) {
  if (epochs >= 10) return std::min(1.0, 100 / epochs);
  return std::clamp(std::round(10 / epochs), 1.0, 10'000.0);
}

/// Returns the complete settings and the data of a new run. Throws glstm::Error for all settings
/// that are wrong, before anything is written.
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
    settings.reports = default_reports(*settings.epochs);
  }
  if (!settings.budget_integral) settings.budget_integral = integral_gain_for(settings.max_steps);
  check(settings);
  check_curriculum(settings, task);
  return {std::move(settings), std::move(task)};
}

/// Whether the number of steps follows from the time that they take. The epochs of a curriculum are
/// fixed when it starts.
bool is_planned(const Settings& settings) { return settings.seconds > 0 && settings.widen.empty(); }

void describe(const Settings& settings, const Task& task, std::ostream& out) {
  if (!task.details.empty()) out << task.details << "\n";
  out << task.title << ", " << settings.model << ": " << (is_planned(settings) ? "about " : "")
      << settings.max_steps << " training steps of " << *settings.batch << " sequences\n";
}

/// Returns the data of a run. Throws glstm::Error if the run was started with other data.
Task same_task(const RunFolder& folder, const Settings& settings) {
  const std::string source = folder.config().string();
  Task task;
  try {
    task = make_task(settings);
  } catch (const Error& error) {
    throw Error(source + ": cannot read the data of this run: " + error.what());
  }
  const Json then = read_data_facts(folder);
  const Json now = data_facts(task);
  for (const auto& [key, value] : now.items()) {
    if (value.is_null()) continue;
    const auto found = then.find(key);
    detail::require(found != then.end() && *found == value, source,
                    ": expected the data that the run was started with, with \"", key,
                    "\" = ", found == then.end() ? "unknown" : found->dump(), ", got ",
                    value.dump());
  }
  return task;
}

// ---- training --------------------------------------------------------------------------------

/// Flushes a file to the disk at every report.
class SyncFile final : public Callback<float> {
 public:
  explicit SyncFile(fs::path file) : file_(std::move(file)) {}

  Continue on_epoch(const EpochReport&, const TrainingSnapshot<float>&) override {
    const int descriptor = open(file_.c_str(), O_WRONLY | O_CLOEXEC);
    const bool done = descriptor >= 0 && fsync(descriptor) == 0;
    if (descriptor >= 0) close(descriptor);
    detail::require(done, file_.string(), ": cannot flush the file to the disk");
    return Continue::yes;
  }

 private:
  fs::path file_;
};

/// The date in UTC, as 2026-01-31.
std::string today() {
  const std::time_t now = std::time(nullptr);
  std::ostringstream text;
  text << std::put_time(std::gmtime(&now), "%Y-%m-%d");
  return text.str();
}

/// Measures a trained network and writes the metrics. After a temporal curriculum, also measures
/// and saves the plain LSTM that the network has become.
template <TimeGate Gate>
Json measure(const Network<Gate>& network, const Settings& settings, const Task& task,
             const RunFolder& folder, Json metrics) {
  metrics["glstm"] =
      detail::text_of(GLSTM_VERSION_MAJOR, '.', GLSTM_VERSION_MINOR, '.', GLSTM_VERSION_PATCH);
  metrics["date"] = today();
  const Answers answers = add_test(network, task, settings, metrics);
  if (has_own_data(settings) && !answers.has_classes) {
    std::ostringstream csv;
    write_targets_and_answers(answers, csv);
    write_file_atomically(folder.answers(), csv.str());
  }
  metrics["lstm"] = nullptr;
  if (!settings.widen.empty()) {
    const Lstm<float> plain = without_gates(network);
    metrics["lstm"] = json_of(test_network(plain, *task.test).mean);
    save_network(folder.lstm(), plain);
  }
  write_json(folder.metrics(), metrics);
  return metrics;
}

/// One run of a network, from its initial parameters or its last checkpoint to its metrics.
template <TimeGate Gate>
class TrainingRun {
 public:
  /// Loads the initial parameters, or the last checkpoint of a run that was interrupted.
  TrainingRun(Network<Gate> network, const Settings& settings, const Task& task,
              const RunFolder& folder, ProcessGroup& group, std::ostream& out)
      : network_(std::move(network)),
        settings_(settings),
        task_(task),
        folder_(folder),
        group_(group),
        out_(out),
        optimizer_(make_optimizer(settings, network_.layout())),
        controller_({.target_share = settings.target_share.value_or(1),
                     .integral_gain = *settings.budget_integral,
                     .proportional_gain = settings.budget_proportional,
                     .largest_weight = settings.budget_limit}),
        average_(*settings.average) {
    progress_.seconds = begin(settings_, task_, folder_, network_, group_);
    windows_.precision(9);
    windows_ << windows_header;
    append_windows(network_, task_, "before", windows_);
    if (is_first()) notes_ = window_notes(network_, task_);
    for (const std::string& note : notes_) out_ << note << "\n";
    if (fs::exists(folder_.last())) resume();
    if (is_first()) write_file_atomically(folder_.windows(), windows_.str());
  }

  void fit() {
    Trainer<Gate> trainer(network_, optimizer_, trainer_options(), &group_);
    trainer.resume(progress_.seconds, progress_.first_step);
    if (settings_.target_share) trainer.control(controller_);
    if (*settings_.average > 0) trainer.average(average_);
    add_window_rules(trainer);
    const auto used = callbacks();
    for (const auto& callback : used) trainer.add_callback(*callback);
    trainer.fit(*task_.training, task_.held_out.get());
    group_.wait_for_all();  // until the first process has written the last checkpoint
  }

  /// Evaluates the best parameters and writes the metrics. Returns them, in the first process.
  Json finish() {
    const TrainingProgress last =
        training_progress(load(folder_.last(), settings_, network_), folder_.last().string());
    const bool eligible = std::isfinite(last.best_metric);
    const TrainingProgress best = training_progress(
        load_best(folder_, settings_, eligible, network_), folder_.best().string());
    const Evaluation validation =
        evaluate(network_, *task_.held_out, *settings_.batch, settings_.threads, &group_);
    if (!is_first()) return {};
    append_windows(network_, task_, "after", windows_);
    write_file_atomically(folder_.windows(), windows_.str());
    Json metrics = {{"task", settings_.task},          {"model", settings_.model},
                    {"seed", settings_.seed},          {"parameters", network_.layout().size()},
                    {"steps", settings_.max_steps},    {"epochs", *settings_.epochs},
                    {"best_epoch", best.epochs},       {"best_is_eligible", eligible},
                    {"training_seconds", last.seconds}};
    metrics["validation"] = json_of(validation);
    for (const std::string& note :
         training_notes(read_log(folder_), settings_, task_.has_labels(), best.epochs)) {
      notes_.push_back(note);
      out_ << note << "\n";
    }
    metrics["notes"] = notes_;
    return measure(network_, settings_, task_, folder_, std::move(metrics));
  }

 private:
  bool is_first() const { return group_.rank() == 0; }

  /// Continues from the last checkpoint.
  void resume() {
    const std::string source = folder_.last().string();
    Vector<float> average;
    const CheckpointMetadata metadata = load(folder_.last(), settings_, network_, &optimizer_,
                                             *settings_.average > 0 ? &average : nullptr);
    average_.set_value(std::move(average));
    progress_ = training_progress(metadata, source);
    if (settings_.target_share) {
      detail::require(progress_.controller.has_value(), source,
                      ": expected the state of a budget controller, got none");
      controller_.set_state(*progress_.controller);
    }
    detail::require(std::isinf(progress_.best_metric) || fs::exists(folder_.best()),
                    folder_.best().string(), ": expected the best checkpoint so far, got no file");
    out_ << "Resumed after step " << optimizer_.state().steps << "\n";
  }

  TrainerOptions trainer_options() const {
    const Index steps = settings_.max_steps;
    const Index limit = is_planned(settings_) ? std::numeric_limits<Index>::max() : steps;
    const auto rate = [this](Index step) {
      const Index all = settings_.max_steps;
      const Index warmup = static_cast<Index>(settings_.warmup * static_cast<double>(all));
      return warmup_cosine(all, warmup, *settings_.final_rate)(step);
    };
    return {.batch = *settings_.batch,
            .epochs = limit,  // max_steps ends it, or the time plan
            .reports_per_epoch = *settings_.reports,
            .max_steps = limit,
            .clip_norm = settings_.clip,
            .budget_weight = settings_.budget,
            .weight_noise = *settings_.weight_noise,
            .dropout = settings_.dropout,
            .schedule = rate,
            .seed = settings_.seed,
            .threads = settings_.threads,
            .shards = settings_.shards};
  }

  /// Keeps learned windows within the sequences, or widens them as a curriculum does. All windows
  /// of a curriculum end up longer than the sequences.
  void add_window_rules(Trainer<Gate>& trainer) {
    if constexpr (std::is_same_v<Gate, GaussianGate<float>>) {
      if (*settings_.gate_learning_rate > 0 && settings_.widen.empty()) {
        trainer.after_step(WindowsWithin<float>(network_, 0, task_.duration()));
      }
    }
    if (settings_.widen.empty()) return;
    const TemporalCurriculumOptions options = curriculum_options(settings_, task_);
    open_from_ = options.last_step;
    trainer.after_step(TemporalCurriculum<float>(network_, options));
  }

  /// Tells whether a report may become the best one: its network meets --target-share and --widen.
  bool is_eligible(const EpochReport& report) const {
    return meets_target(settings_, report.validation->ops.update_share()) &&
           report.step >= open_from_;
  }

  /// Keeps to --seconds, and writes every change of the plan to the configuration.
  std::unique_ptr<TimePlan> time_plan() {
    const auto changed = [this, before = settings_.max_steps]() mutable {
      const double ratio = static_cast<double>(settings_.max_steps) /
                           static_cast<double>(std::exchange(before, settings_.max_steps));
      settings_.epochs = *settings_.epochs * ratio;
      if (!is_first()) return;
      write_config(folder_, settings_, read_given_settings(folder_), read_data_facts(folder_));
      if (std::abs(ratio - 1) > 0.1) {
        out_ << "Planned again, for the time that steps take now: " << settings_.max_steps
             << " training steps\n";
      }
    };
    return std::make_unique<TimePlan>(settings_.seconds, settings_.max_steps, changed,
                                      optimizer_.state().steps, progress_.seconds);
  }

  /// Returns what shows progress and writes the log and the checkpoints, in the first process, and
  /// keeps to --seconds in all.
  std::vector<std::unique_ptr<Callback<float>>> callbacks() {
    std::vector<std::unique_ptr<Callback<float>>> used;
    if (is_first()) {
      const bool append = keep_log_until(folder_, optimizer_.state().steps);
      const bool terminal = group_.size() == 1 && &out_ == &std::cout && isatty(STDOUT_FILENO) != 0;
      used.push_back(std::make_unique<ProgressBar<float>>(out_, terminal, terminal ? 0 : 1));
      used.push_back(std::make_unique<CsvLog<float>>(folder_.log(), append));
      // A checkpoint must not survive a power cut that its log does not.
      used.push_back(std::make_unique<SyncFile>(folder_.log()));
    }
    if (is_planned(settings_)) used.push_back(time_plan());
    if (is_first()) used.push_back(checkpoints());  // last: they belong to the plan
    return used;
  }

  std::unique_ptr<Checkpoints<float>> checkpoints() const {
    auto checkpoints = std::make_unique<Checkpoints<float>>(
        folder_.path, metadata_of(settings_, network_),
        [this](const EpochReport& report) { return is_eligible(report); });
    const Index held_out = task_.held_out->size();
    if (task_.has_labels() && held_out < 1000) checkpoints->allow_standard_error(held_out);
    checkpoints->resume(progress_);
    return checkpoints;
  }

  Network<Gate> network_;
  Settings settings_;  ///< with the number of steps as planned now
  const Task& task_;
  const RunFolder& folder_;
  ProcessGroup& group_;
  std::ostream& out_;
  AdamW<float> optimizer_;
  BudgetController controller_;
  ParameterAverage<float> average_;
  std::vector<std::string> notes_;  ///< what the user should know, for metrics.json
  std::ostringstream windows_;      ///< windows.csv
  TrainingProgress progress_;       ///< of the checkpoint that the run continues
  Index open_from_ = 0;             ///< the step from which all windows of a curriculum are open
};

Json train_in(const RunFolder& folder, const Settings& settings, const Task& task,
              ProcessGroup& group, std::ostream& out) {
  describe(settings, task, out);
  return with_network(settings, task, [&](auto network) {
    TrainingRun run(std::move(network), settings, task, folder, group, out);
    run.fit();
    return run.finish();
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
    detail::require(!error, folder.path.string(), ": cannot create the folder: ", error.message());
    lock.emplace(folder);
    require_free(folder);  // another process may have been faster
    remove_unfinished_files(folder);
    write_config(folder, settings, given, facts);
  }
  return train_in(folder, settings, task, group, out);
}

namespace {

/// Gives a run more epochs than it was started with. A finished one is unfinished then. Throws
/// Error, and changes nothing, if it is to have fewer.
void extend_run(const RunFolder& folder, double epochs, std::ostream& out) {
  Settings settings = read_settings(folder), given = read_given_settings(folder);
  if (epochs == *settings.epochs || given.epochs == epochs) return;
  const double steps = static_cast<double>(settings.max_steps) / *settings.epochs * epochs;
  detail::require(steps > static_cast<double>(settings.max_steps), folder.path.string(),
                  ": expected more --epochs than the ", *settings.epochs, " that the run has, got ",
                  epochs);
  detail::require(steps <= 1e15, "--epochs: expected at most 1e15 training steps, got ", steps);
  detail::require(settings.widen.empty(), "--epochs: expected no --widen, whose epochs are fixed");
  out << folder.path.string() << ": now " << epochs << " epochs instead of " << *settings.epochs
      << "; the learning rates follow the schedule of the longer training from here on\n";
  settings.max_steps = std::llround(steps);
  settings.epochs = epochs;
  given.epochs = epochs;
  given.seconds = settings.seconds = 0;
  fs::remove(folder.metrics());  // first: a run that is finished is not trained further
  write_config(folder, settings, given, read_data_facts(folder));
}

}  // namespace

Json resume_run(const RunFolder& folder, Index threads, std::optional<double> epochs,
                ProcessGroup& group, std::ostream& out) {
  std::optional<FolderLock> lock;
  if (group.rank() == 0) {
    lock.emplace(folder);
    remove_unfinished_files(folder);
    if (epochs) {
      same_task(folder, read_settings(folder));  // before anything changes: the data are there
      extend_run(folder, *epochs, out);
    }
  }
  group.wait_for_all();  // before the lock, another process may have changed the files
  Settings settings = read_settings(folder);
  if (folder.finished()) {
    out << folder.path.string() << ": already finished\n";
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
