// Pictures of what a network answered to the test sequences.
#pragma once

#include "drawing.hpp"
#include "recorded_run.hpp"

namespace sequence_tasks {

/// How often each class got each answer. Empty for more than 30 classes, and without classes.
Picture confusion_matrix(const RecordedRun& run);

/// The numbers that a network answered against the right ones. Empty for runs without answers.csv.
Picture answers_against_targets(const RecordedRun& run);

}  // namespace sequence_tasks
