// What a trainer tells while it runs, and who may listen.
#pragma once

#include <algorithm>
#include <chrono>
#include <cmath>
#include <filesystem>
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

/// After every training step.
struct StepReport {
  Index epoch = 0;  ///< from 0
  Index step = 0;   ///< steps taken so far, over all epochs
  Index step_of_epoch = 0, steps_per_epoch = 0;
  double seconds = 0;        ///< spent in training steps so far
  double gradient_norm = 0;  ///< before clipping
  Evaluation batch;
};

/// After every epoch, or part of one. Losses and accuracies are means over samples (or valid
/// steps).
struct EpochReport {
  double epochs = 0;  ///< passes over the data so far
  Index step = 0;
  double seconds = 0;
  double budget_weight = 0;  ///< lambda of the next step
  Evaluation training;       ///< over the batches since the last report, as they were trained on
  std::optional<Evaluation> validation;  ///< at this moment, where there is a validation set
};

/// What is needed to save, and to go on from, a moment of training.
template <class Scalar>
struct TrainingSnapshot {
  const Vector<Scalar>& parameters;
  const ParameterLayout& layout;
  const OptimizerState<Scalar>& optimizer;
  const Vector<Scalar>* average = nullptr;       ///< [P] of the parameters; null: none is kept
  const BudgetController* controller = nullptr;  ///< null: lambda is fixed

  /// What validation was of: the average where there is one.
  const Vector<Scalar>& evaluated() const { return average != nullptr ? *average : parameters; }
};

/// Whether training is to go on.
enum class Continue { yes, no };

/// A listener. A trainer stops after the step or epoch for which any listener answers no.
template <class Scalar>
class Callback {
 public:
  virtual ~Callback() = default;
  virtual Continue on_step(const StepReport&) { return Continue::yes; }
  /// At every report: at the end of every epoch or, as TrainerOptions::reports_per_epoch says, more
  /// often.
  virtual Continue on_epoch(const EpochReport&, const TrainingSnapshot<Scalar>&) {
    return Continue::yes;
  }
};

/// The value that early stopping and the best checkpoint watch: the validation loss, or the
/// training loss where there is no validation set, or the share of wrong answers.
inline double monitored_metric(const EpochReport& report, Loss loss) {
  const LossValue& task = (report.validation ? *report.validation : report.training).task;
  return loss == Loss::softmax_cross_entropy ? 1 - accuracy(task, loss) : task.loss;
}

/// Whether a watched error is the best, where `least` was the least before. Of equal ones the later
/// is: where few sequences are held out, a network still learns while none of them is wrong.
inline bool is_best(double error, double least) {
  return error <= least && error < std::numeric_limits<double>::infinity();
}

/// Shows progress on a stream: one line per report, and on a terminal one that is redrawn.
template <class Scalar>
class ProgressBar final : public Callback<Scalar> {
 public:
  /// Writes to `out`, which it refers to; `terminal` says whether a line there can be redrawn.
  ProgressBar(std::ostream& out, bool terminal, Loss loss)
      : out_(out), terminal_(terminal), loss_(loss) {}

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
    const LossValue& task = (report.validation ? *report.validation : report.training).task;
    if (loss_ == Loss::softmax_cross_entropy) {
      line << std::setprecision(2) << "  accuracy " << 100 * accuracy(task, loss_) << " %";
    }
    line << std::setprecision(2) << "  updates " << 100 * report.training.ops.update_share() << " %"
         << std::setprecision(1) << "  " << report.seconds << " s\n";
    out_ << line.str() << std::flush;
    return Continue::yes;
  }

 private:
  std::ostream& out_;
  bool terminal_;
  Loss loss_;
  std::chrono::steady_clock::time_point drawn_{};
};

/// Writes one line per report to a CSV file: empty fields for what was not measured. With `append`,
/// below what the file has.
template <class Scalar>
class CsvLog final : public Callback<Scalar> {
 public:
  /// Throws Error if the file cannot be written.
  CsvLog(const std::filesystem::path& path, Loss loss, bool append = false)
      : path_(path), out_(path, append ? std::ios::app : std::ios::trunc), loss_(loss) {
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
         << report.training.task.loss << ',' << number(accuracy(report.training.task, loss_))
         << ',';
    if (report.validation) {
      out_ << report.validation->task.loss << ','
           << number(accuracy(report.validation->task, loss_));
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
  void check() const { detail::require(out_.good(), "cannot write ", path_.string()); }

  std::filesystem::path path_;
  std::ofstream out_;
  Loss loss_;
};

/// Stops when the watched error has not improved for `patience` reports.
template <class Scalar>
class EarlyStop final : public Callback<Scalar> {
 public:
  /// `loss` is the network's: the share of wrong answers is watched where there are labels.
  EarlyStop(Index patience, Loss loss) : patience_(patience), loss_(loss) {
    detail::require(patience >= 1, "patience must be at least one report, got ", patience);
  }

  Continue on_epoch(const EpochReport& report, const TrainingSnapshot<Scalar>&) override {
    const double error = monitored_metric(report, loss_);
    if (error < best_) {
      best_ = error;
      since_ = 0;
    } else {
      ++since_;
    }
    return since_ >= patience_ ? Continue::no : Continue::yes;
  }

 private:
  Index patience_, since_ = 0;
  Loss loss_;
  double best_ = std::numeric_limits<double>::infinity();
};

/// Remembers the parameters (or their average, where one is kept) of the report with the least
/// watched error; of equal ones the later. Only reports for which `eligible` says so can be the
/// best; empty: all.
template <class Scalar>
class KeepBest final : public Callback<Scalar> {
 public:
  explicit KeepBest(Loss loss, std::function<bool(const EpochReport&)> eligible = {})
      : loss_(loss), eligible_(std::move(eligible)) {}

  Continue on_epoch(const EpochReport& report, const TrainingSnapshot<Scalar>& now) override {
    const double error = monitored_metric(report, loss_);
    if (is_best(error, error_) && (!eligible_ || eligible_(report))) {
      error_ = error;
      epochs_ = report.epochs;
      parameters_ = now.evaluated();
    }
    return Continue::yes;
  }

  /// Whether there was an eligible report with a finite error; the other functions are about the
  /// best.
  bool has_parameters() const { return parameters_.size() > 0; }
  const Vector<Scalar>& parameters() const { return parameters_; }
  double error() const { return error_; }
  double epochs() const { return epochs_; }

 private:
  Loss loss_;
  std::function<bool(const EpochReport&)> eligible_;
  double error_ = std::numeric_limits<double>::infinity();
  double epochs_ = 0;
  Vector<Scalar> parameters_;
};

GLSTM_END_NAMESPACE
