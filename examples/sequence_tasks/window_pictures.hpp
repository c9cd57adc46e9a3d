// Pictures of the time gates of one run.
#pragma once

#include <vector>

#include "drawing.hpp"
#include "recorded_run.hpp"

namespace sequence_tasks {

/// Appends the pictures of a run's open windows and of their widths, before and after training.
/// Appends none for a run without windows, and no widths for gates that have none.
void append_window_pictures(const RecordedRun& run, std::vector<Picture>& pictures);

}  // namespace sequence_tasks
