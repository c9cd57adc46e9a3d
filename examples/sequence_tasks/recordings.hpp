// Recordings of sound as sequences.
#pragma once

#include <filesystem>

#include "glstm/data/sequences.hpp"
#include "settings.hpp"

namespace sequence_tasks {

/// Reads all .wav files in a folder and its folders: the mean of their channels, one sample a row,
/// with the classes that --labels or --label-pattern give, -1 where there is none. Throws
/// glstm::Error, naming the file, if one is damaged or has another sample rate than the others, or
/// if --labels names one twice; or if this program was built without libsndfile.
glstm::Sequences read_recordings(const std::filesystem::path& folder, const Settings& settings);

}  // namespace sequence_tasks
