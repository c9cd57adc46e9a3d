// The reports of a trainer, and the callbacks that receive them.
#pragma once

#include <algorithm>
#include <chrono>
#include <cmath>
#include <fstream>
#include <functional>
#include <iomanip>
#include <limits>
#include <locale>
#include <optional>
#include <ostream>
#include <sstream>
#include <string>
#include <utility>

#include "glstm/core/error.hpp"
#include "glstm/core/parameters.hpp"
#include "glstm/nn/network.hpp"
#include "glstm/optim/optimizer.hpp"
#include "glstm/train/budget_controller.hpp"

GLSTM_BEGIN_NAMESPACE

/// What a trainer reports after every training step.
struct StepReport {
  Index epoch = 0;  ///< from 0
  Index step = 0;   ///< the optimiser's steps so far
  Index step_of_epoch = 0, steps_per_epoch = 0;
  double seconds = 0;        ///< spent in training steps so far, those before a resumption included
  double gradient_norm = 0;  ///< before clipping
  Evaluation batch = {};
};

/// What a trainer reports after every epoch, or part of one. Losses and accuracies are means over
/// predictions.
struct EpochReport {
  double epochs = 0;         ///< passes over the data so far: step / steps per epoch
  Index step = 0;            ///< the optimiser's steps so far
  Index first_step = 0;      ///< how many they were when this call of fit began
  double seconds = 0;        ///< as in StepReport
  double budget_weight = 0;  ///< lambda of the next step
  Evaluation training = {};  ///< over the batches since the last report, each as it was trained on
  std::optional<Evaluation> validation = {};  ///< at this moment; empty without a validation set

  /// The evaluation that counts: of the validation set, or of training where there is none.
  const Evaluation& monitored() const { return validation ? *validation : training; }
};

/// The state of a training at a report, for callbacks that save it.
template <class Scalar>
struct TrainingSnapshot {
  const Vector<Scalar>& parameters;
  const ParameterLayout& layout;
  const OptimizerState<Scalar>& optimizer;
  const Vector<Scalar>* average = nullptr;       ///< [P] of the parameters; null: none is kept
  const BudgetController* controller = nullptr;  ///< null: lambda is fixed

  /// The parameters that validation uses: the average where there is one.
  const Vector<Scalar>& evaluated() const { return average != nullptr ? *average : parameters; }
};

/// Whether training should go on.
enum class Continue { yes, no };

/// Receives the reports of a trainer, which stops after the step or report for which any callback
/// returns Continue::no.
template <class Scalar>
class Callback {
 public:
  virtual ~Callback() = default;
  virtual Continue on_step(const StepReport&) { return Continue::yes; }
  /// Called at the end of every epoch, or more often: see TrainerOptions::reports_per_epoch.
  virtual Continue on_epoch(const EpochReport&, const TrainingSnapshot<Scalar>&) {
    return Continue::yes;
  }
  /// Called before the first step of a resumed training, which trains nothing if any callback
  /// returns Continue::no.
  virtual Continue on_resume() { return Continue::yes; }
};

/// The value that early stopping and the choice of the best parameters minimise: where each
/// prediction decides one thing, such as a class, the fraction of wrong ones, else the loss. It is
/// that of the validation set, or of the training batches where there is none.
inline double monitored_metric(const EpochReport& report) {
  const LossValue& task = report.monitored().task;
  const bool decides = task.decisions.all > 0 && task.decisions.all == task.count;
  return decides ? 1 - task.accuracy() : task.loss;
}

/// Whether a metric is the best so far, where `least` was the least before. An equal one counts as
/// better: with few held-out sequences, a network can still learn after it predicts all of them
/// correctly.
inline bool is_best(double metric, double least) {
  return metric <= least && metric < std::numeric_limits<double>::infinity();
}

/// Writes progress to a stream: one line per report and, on a terminal, a line that it redraws.
template <class Scalar>
class ProgressBar final : public Callback<Scalar> {
 public:
  /// Keeps a reference to `out`; `terminal` says whether it can redraw a line. Of several reports
  /// within `seconds`, only the first is written, and the last one of all at the end of the
  /// object's life.
  ProgressBar(std::ostream& out, bool terminal, double seconds = 0)
      : out_(out), terminal_(terminal), seconds_(seconds) {}
  ~ProgressBar() override { out_ << held_back_ << std::flush; }
  ProgressBar(const ProgressBar&) = delete;
  ProgressBar& operator=(const ProgressBar&) = delete;

  Continue on_step(const StepReport& report) override {
    using Clock = std::chrono::steady_clock;
    const bool last = report.step_of_epoch == report.steps_per_epoch;
    if (!terminal_ || (Clock::now() - drawn_ < std::chrono::milliseconds(100) && !last)) {
      return Continue::yes;
    }
    drawn_ = Clock::now();
    constexpr Index width = 30;
    const Index filled = width * report.step_of_epoch / std::max<Index>(1, report.steps_per_epoch);
    std::ostringstream line;
    line << "\repoch " << std::setw(3) << report.epoch + 1 << " ["
         << std::string(static_cast<std::size_t>(filled), '=')
         << std::string(static_cast<std::size_t>(width - filled), ' ') << "] "
         << report.step_of_epoch << "/" << report.steps_per_epoch << std::fixed
         << std::setprecision(4) << "  loss " << report.batch.task.loss << std::setprecision(1)
         << "  " << report.seconds << " s\x1b[K";
    out_ << line.str() << std::flush;
    return Continue::yes;
  }

  Continue on_epoch(const EpochReport& report, const TrainingSnapshot<Scalar>&) override {
    std::ostringstream line;
    if (terminal_) line << "\r\x1b[K";
    line << "epoch " << std::setw(3) << std::setprecision(4) << report.epochs << std::fixed
         << std::setprecision(4) << "  loss " << report.training.task.loss;
    if (report.validation) line << "  validation " << report.validation->task.loss;
    if (report.monitored().task.decisions.all > 0) {
      line << std::setprecision(2) << "  accuracy " << 100 * report.monitored().accuracy() << " %";
    }
    line << std::setprecision(2) << "  updates " << 100 * report.training.ops.update_share() << " %"
         << std::setprecision(1) << "  " << report.seconds << " s\n";
    const auto now = std::chrono::steady_clock::now();
    if (reported_ && std::chrono::duration<double>(now - *reported_).count() < seconds_) {
      held_back_ = line.str();
      return Continue::yes;
    }
    reported_ = now;
    held_back_.clear();
    out_ << line.str() << std::flush;
    return Continue::yes;
  }

 private:
  std::ostream& out_;
  bool terminal_;
  double seconds_;
  std::optional<std::chrono::steady_clock::time_point> reported_;
  std::string held_back_;  // the last report, unless it was written
  std::chrono::steady_clock::time_point drawn_{};
};

/// Writes one line per report to a CSV file. A field without a value is empty.
template <class Scalar>
class CsvLog final : public Callback<Scalar> {
 public:
  /// Starts a new file with a header or, with `append`, adds lines to an existing file. Throws
  /// Error if the file cannot be written.
  explicit CsvLog(const std::string& path, bool append = false)
      : path_(path), out_(path, append ? std::ios::app : std::ios::trunc) {
    out_.imbue(std::locale::classic());
    if (!append) {
      out_ << "epoch,step,seconds,training_loss,training_accuracy,validation_loss,"
              "validation_accuracy,update_share,mac_share,budget,budget_weight\n"
           << std::flush;
    }
    check();
  }

  Continue on_epoch(const EpochReport& report, const TrainingSnapshot<Scalar>&) override {
    const OpCounts& ops = report.training.ops;
    out_ << report.epochs << ',' << report.step << ',' << report.seconds << ','
         << report.training.task.loss << ',' << number(report.training.accuracy()) << ',';
    if (report.validation) {
      out_ << report.validation->task.loss << ',' << number(report.validation->accuracy());
    } else {
      out_ << ',';
    }
    out_ << ',' << ops.update_share() << ',' << (ops.dense_macs > 0 ? ops.macs / ops.dense_macs : 0)
         << ',' << report.training.budget << ',' << report.budget_weight << '\n'
         << std::flush;
    check();
    return Continue::yes;
  }

 private:
  static std::string number(double value) {
    if (std::isnan(value)) return "";
    std::ostringstream text;
    text.imbue(std::locale::classic());
    text << value;
    return text.str();
  }
  void check() const { detail::require(out_.good(), "cannot write ", path_); }

  std::string path_;
  std::ofstream out_;
};

/// What an EarlyStop remembers between reports.
struct EarlyStopState {
  double best = std::numeric_limits<double>::infinity();  ///< the least metric so far
  Index since = 0;                                        ///< reports after that
};

/// Stops when monitored_metric has not improved for `patience` reports.
template <class Scalar>
class EarlyStop final : public Callback<Scalar> {
 public:
  using State = EarlyStopState;

  /// Throws Error unless patience >= 1.
  explicit EarlyStop(Index patience) : patience_(patience) {
    detail::require(patience >= 1, "patience must be at least one report, got ", patience);
  }

  Continue on_epoch(const EpochReport& report, const TrainingSnapshot<Scalar>&) override {
    const double metric = monitored_metric(report);
    last_step_ = report.step;
    if (metric < state_.best) {
      state_ = {metric, 0};
    } else {
      ++state_.since;
    }
    return answer();
  }
  Continue on_resume() override { return answer(); }

  /// The whole state: a resumed training stops at the same report.
  const State& state() const { return state_; }
  /// Throws Error, and changes nothing, when the state is out of range.
  void set_state(const State& state) {
    detail::require(!std::isnan(state.best) && state.since >= 0,
                    "the state of an EarlyStop must be a number and a count, got ", state.best,
                    " and ", state.since);
    state_ = state;
  }
  /// The step of the last report; -1 before the first.
  Index last_step() const { return last_step_; }

 private:
  Continue answer() const { return state_.since >= patience_ ? Continue::no : Continue::yes; }

  Index patience_, last_step_ = -1;
  State state_;
};

/// Keeps the parameters, or their average where there is one, of the report with the least
/// monitored_metric; if several are equal, of the latest. Only reports for which `eligible` returns
/// true count; an empty function makes all count.
template <class Scalar>
class KeepBest final : public Callback<Scalar> {
 public:
  /// What it remembers between reports.
  struct State {
    double metric = std::numeric_limits<double>::infinity();  ///< the least so far
    double epochs = 0;                                        ///< when that was
    Vector<Scalar> parameters;                                ///< [P]; empty: none so far
  };

  explicit KeepBest(std::function<bool(const EpochReport&)> eligible = {})
      : eligible_(std::move(eligible)) {}

  Continue on_epoch(const EpochReport& report, const TrainingSnapshot<Scalar>& now) override {
    const double metric = monitored_metric(report);
    if (is_best(metric, state_.metric) && (!eligible_ || eligible_(report))) {
      state_ = {metric, report.epochs, now.evaluated()};
    }
    return Continue::yes;
  }

  /// Whether any eligible report had a finite metric. If not, the values below mean nothing.
  bool has_parameters() const { return state_.parameters.size() > 0; }
  const Vector<Scalar>& parameters() const { return state_.parameters; }
  double metric() const { return state_.metric; }
  double epochs() const { return state_.epochs; }

  /// The whole state: a resumed training ends with the same best parameters.
  const State& state() const { return state_; }
  /// Throws Error, and changes nothing, unless the state has either parameters and a finite metric
  /// or neither.
  void set_state(State state) {
    const bool has_metric = std::isfinite(state.metric);
    detail::require(has_metric == (state.parameters.size() > 0) && !std::isnan(state.metric),
                    "the state of a KeepBest must have parameters and a finite metric or neither, "
                    "got ",
                    state.parameters.size(), " parameters and metric ", state.metric);
    state_ = std::move(state);
  }

 private:
  std::function<bool(const EpochReport&)> eligible_;
  State state_;
};

GLSTM_END_NAMESPACE
