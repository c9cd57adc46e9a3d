// The length of a training run and its temporal curriculum, in training steps.
#pragma once

#include "glstm/train/temporal_curriculum.hpp"
#include "settings.hpp"
#include "tasks.hpp"

namespace sequence_tasks {

/// Returns the training steps of one pass over the data.
double epoch_steps(const Settings& settings, const Task& task);

/// Sets --epochs and the number of steps to `steps`, rounded to whole steps.
void set_steps(Settings& settings, const Task& task, double steps);

/// Returns the curriculum that --widen asks for.
glstm::TemporalCurriculumOptions curriculum_options(const Settings& settings, const Task& task);

/// Throws glstm::Error if the windows of a curriculum cannot widen as the settings say.
void check_curriculum(const Settings& settings, const Task& task);

}  // namespace sequence_tasks
