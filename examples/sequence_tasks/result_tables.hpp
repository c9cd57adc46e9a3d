// The tables of results/RESULTS.md and README.md, computed from recorded runs.
#pragma once

#include <string>
#include <vector>

#include "markdown_blocks.hpp"
#include "run_groups.hpp"

namespace sequence_tasks {

/// The cell of runs that are not recorded.
inline constexpr const char* not_run = "not run";

/// The result, the costs and the training of each group. Marker: `runs: NAME "LABEL"; ...`.
glstm::detail::TableRows runs_table(const BlockMarker& marker, RunGroups& groups);

/// When the held-out sequences first reached a result, an accuracy in percent or a loss. Marker:
/// `until 95 "TASK": NAME "LABEL"; ...`.
glstm::detail::TableRows until_table(const BlockMarker& marker, RunGroups& groups);

/// Inference and training beside those of the first group. Marker: `speed "HEADING": NAME "LABEL";
/// ...`.
glstm::detail::TableRows speed_table(const BlockMarker& marker, RunGroups& groups);

/// A g-LSTM and an LSTM in each row. Marker: `pairs: NAME LSTM-NAME "TASK"; ...`.
glstm::detail::TableRows pairs_table(const BlockMarker& marker, RunGroups& groups);

}  // namespace sequence_tasks
