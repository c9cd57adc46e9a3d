// Keeps a training within the seconds that it was given.
#pragma once

#include <algorithm>
#include <cmath>
#include <functional>
#include <utility>

#include "glstm/train/callbacks.hpp"
#include "settings.hpp"

namespace sequence_tasks {

/// Plans the number of steps of a training anew as it goes, since the time of a step changes with
/// the windows: at the reports after a fifth, two, three and four fifths and nine tenths of the
/// time, from the time of the steps since the plan before. Ends the training after the last step.
/// All processes of a group come to the same plan, since reports give all the same seconds.
class TimePlan final : public glstm::Callback<float> {
 public:
  /// Changes `steps`, the plan so far, and calls `changed` then. The training has taken `step`
  /// steps and spent `spent` seconds of `seconds`.
  TimePlan(double seconds, Index& steps, std::function<void()> changed, Index step = 0,
           double spent = 0)
      : seconds_(seconds),
        steps_(steps),
        changed_(std::move(changed)),
        last_step_(step),
        last_seconds_(spent) {}

  glstm::Continue on_resume() override { return go_on_after(last_step_); }
  glstm::Continue on_step(const glstm::StepReport& report) override {
    return go_on_after(report.step);
  }
  glstm::Continue on_epoch(const glstm::EpochReport& report,
                           const glstm::TrainingSnapshot<float>&) override {
    const auto plans = [&](double spent) {
      return std::count_if(std::begin(when), std::end(when),
                           [&](double part) { return spent >= part * seconds_; });
    };
    if (plans(report.seconds) == plans(last_seconds_) || report.step == last_step_) {
      return glstm::Continue::yes;
    }
    const double pace = (report.seconds - last_seconds_) /
                        static_cast<double>(report.step - last_step_);  // seconds a step
    const double left = std::max(0.0, seconds_ - report.seconds);
    steps_ = report.step + (pace > 0 ? std::llround(std::min(1e15, left / pace)) : 0);
    last_step_ = report.step;
    last_seconds_ = report.seconds;
    changed_();
    return go_on_after(report.step);
  }

 private:
  static constexpr double when[] = {0.2, 0.4, 0.6, 0.8, 0.9};

  glstm::Continue go_on_after(Index step) const {
    return step >= steps_ ? glstm::Continue::no : glstm::Continue::yes;
  }

  double seconds_;
  Index& steps_;
  std::function<void()> changed_;
  Index last_step_;      ///< at the last plan
  double last_seconds_;  ///< likewise
};

}  // namespace sequence_tasks
