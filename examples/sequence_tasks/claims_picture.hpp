// One picture of all claims about accuracies.
#pragma once

#include "claims.hpp"
#include "drawing.hpp"
#include "run_groups.hpp"

namespace sequence_tasks {

/// Accuracy over MACs per sequence: a panel per task with at least two points, a point per group of
/// runs that a claim names, and the published results. Empty without recorded runs that have an
/// accuracy.
Picture claims_picture(const Claims& claims, RunGroups& groups);

}  // namespace sequence_tasks
