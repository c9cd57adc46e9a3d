// Pictures that compare the runs of one task.
#pragma once

#include "drawing.hpp"
#include "recorded_run.hpp"

namespace sequence_tasks {

/// The held-out result against epochs and against seconds.
Picture learning_curves(const Runs& runs);

/// The test result against three costs, one point per finished run. Empty for fewer than two
/// finished runs.
Picture costs(const Runs& runs);

/// The fraction of updates of each layer, one bar per finished run and layer. Empty without
/// finished runs.
Picture updates_per_layer(const Runs& runs);

/// The norm of the gradient at each step back in time. Empty for runs without gradients.csv.
Picture gradient_norms(const Runs& runs);

}  // namespace sequence_tasks
