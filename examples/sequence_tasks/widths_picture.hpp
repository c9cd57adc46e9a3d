// The picture of what a budget of computation buys.
#pragma once

#include "drawing.hpp"
#include "run_groups.hpp"

namespace sequence_tasks {

/// Accuracy over the number of neurons, a line for each number of MACs: of the groups of runs that
/// are called macs-MILLIONS-NEURONS. Empty without recorded ones.
Picture widths_picture(RunGroups& groups);

}  // namespace sequence_tasks
