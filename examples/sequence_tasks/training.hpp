// One run: a network is trained on a task, and everything about it goes into a folder.
#pragma once

#include <iosfwd>

#include "glstm/train/process_group.hpp"

#include "run_folder.hpp"
#include "settings.hpp"
#include "tasks.hpp"

namespace sequence_tasks {

// The processes of a group train together, and all call the same functions. The first one writes
// the files and tells `out` what happens; the others must see the same folders.

/// Throws glstm::Error when the settings contradict each other or there are no such data.
void check_run(const Settings& settings, glstm::ProcessGroup& group);

/// Starts the run that `given` describes in a folder, which is made when there is none. Returns the
/// metrics. Throws glstm::Error, and changes nothing, where check_run does or the folder has a file
/// of a run.
nlohmann::ordered_json start_run(const Settings& given, const RunFolder& folder,
                                 glstm::ProcessGroup& group, std::ostream& out);

/// Goes on with a run from its last checkpoint, bit for bit; `threads` and the group may be others
/// than before, for which see glstm::BatchWorkers.
/// Throws glstm::Error when a checkpoint is that of another run, or the data are others.
nlohmann::ordered_json resume_run(const RunFolder& folder, Index threads,
                                  glstm::ProcessGroup& group, std::ostream& out);

/// Tests the best checkpoint of a finished run anew, and measures its speed; with nothing else
/// running, these are the times to quote. Rewrites the metrics.
nlohmann::ordered_json evaluate_run(const RunFolder& folder, std::ostream& out);

/// Writes gradients.csv: the norm of the gradient of the loss with respect to the state after every
/// step, for the initial and the best parameters.
void write_gradient_norms(const RunFolder& folder, Index sequences, std::ostream& out);

}  // namespace sequence_tasks
