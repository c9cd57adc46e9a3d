#include "step_counts.hpp"

#include <algorithm>
#include <cmath>

#include "glstm/core/error.hpp"

namespace sequence_tasks {

double epoch_steps(const Settings& settings, const Task& task) {
  const Index size = task.training->size(), batch = *settings.batch;
  return static_cast<double>((size + batch - 1) / batch);
}

void set_steps(Settings& settings, const Task& task, double steps) {
  glstm::detail::require(steps <= 1e15, "--epochs: expected at most 1e15 training steps, got ",
                         steps);
  settings.max_steps = std::max<Index>(1, std::llround(steps));
  settings.epochs = static_cast<double>(settings.max_steps) / epoch_steps(settings, task);
}

glstm::TemporalCurriculumOptions curriculum_options(const Settings& settings, const Task& task) {
  const double epoch = epoch_steps(settings, task);
  const double reach = std::sqrt(-std::log(settings.threshold));  // in widths
  return {.first_step = std::llround(settings.widen[0] * epoch),
          .last_step = std::llround(settings.widen[1] * epoch),
          .first_width = *settings.open_share * task.duration() / (2 * reach),
          .last_width = settings.widest * task.duration(),
          .open_width = 1e6 * task.duration()};
}

void check_curriculum(const Settings& settings, const Task& task) {
  using glstm::detail::require;
  if (settings.widen.empty()) return;
  const glstm::TemporalCurriculumOptions options = curriculum_options(settings, task);
  require(options.last_step < settings.max_steps,
          "--widen: expected all windows to be open before training ends after epoch ",
          *settings.epochs, ", got epoch ", settings.widen[1]);
  require(options.first_step < options.last_step,
          "--widen: expected epochs that are at least a step apart, got ", settings.widen[0],
          " and ", settings.widen[1], ", which are the same step: an epoch has ",
          epoch_steps(settings, task), " steps");
  require(options.first_width <= options.last_width, "--widest: expected a width of at least ",
          options.first_width / task.duration(),
          ", with which the windows start (see --open-share), got ", settings.widest);
}

}  // namespace sequence_tasks
