// The metrics of finished runs, side by side on a terminal.
#pragma once

#include <iosfwd>
#include <vector>

#include "run_folder.hpp"

namespace sequence_tasks {

/// Prints one column per run. Throws glstm::Error if a run is not finished.
void print_results(const std::vector<RunFolder>& runs, std::ostream& out);

}  // namespace sequence_tasks
