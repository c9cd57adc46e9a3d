// Runs: each trains a network on a task and keeps all its files in one folder.
#pragma once

#include <iosfwd>
#include <optional>

#include "glstm/train/process_group.hpp"

#include "run_folder.hpp"
#include "settings.hpp"
#include "tasks.hpp"

namespace sequence_tasks {

// The processes of a group train together and call the same functions. The first process writes the
// files and reports to `out`; the others must see the same folders.

/// Throws glstm::Error if the settings contradict each other or their data are missing.
void check_run(const Settings& settings, glstm::ProcessGroup& group);

/// Starts the run that `given` describes in a folder, and creates the folder if necessary. Returns
/// the metrics. Throws glstm::Error, and changes nothing, if check_run() does or the folder already
/// has a file of a run.
Json start_run(const Settings& given, const RunFolder& folder, glstm::ProcessGroup& group,
               std::ostream& out);

/// Continues a run from its last checkpoint, bit for bit. The number of threads and of processes
/// may differ from before, see glstm::BatchWorkers. With more `epochs` than the run has, it gets
/// them. Throws glstm::Error if a checkpoint is of another run or the data have changed.
Json resume_run(const RunFolder& folder, Index threads, std::optional<double> epochs,
                glstm::ProcessGroup& group, std::ostream& out);

/// Tests the best checkpoint of a finished run again, measures its speed and rewrites the metrics.
/// The times are reliable when nothing else runs on the machine.
Json evaluate_run(const RunFolder& folder, std::ostream& out);

/// Writes gradients.csv: the norm of the gradient of the loss with respect to the state after every
/// step, for the initial and the best parameters, over the first held-out `sequences`.
void write_gradient_norms(const RunFolder& folder, Index sequences, std::ostream& out);

}  // namespace sequence_tasks
