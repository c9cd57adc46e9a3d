// The user's own data, from files: read, split, and prepared for a network.
#pragma once

#include <filesystem>

#include "glstm/core/data_description.hpp"
#include "glstm/data/sequences.hpp"
#include "settings.hpp"
#include "tasks.hpp"

namespace sequence_tasks {

/// Reads the file or folder `data` as the task and the options of the settings say; "-" is the
/// standard input, for CSV. Throws glstm::Error, naming the file, if it is damaged.
glstm::Sequences read_own_data(const std::filesystem::path& data, const Settings& settings);

/// Prepares new data as those were prepared that a network was trained on. Returns what was left
/// out, in a line for people, or "". Throws glstm::Error, naming a feature or a class, if they do
/// not fit.
std::string prepare_like(const glstm::DataDescription& description, const Settings& settings,
                         glstm::Sequences& data);

/// Reads, splits and prepares the data, and describes them in `task`: clock, scaling and the time
/// over which windows are spread follow from the data unless the settings say otherwise. Throws
/// glstm::Error, naming the file, if it is damaged, has nothing to learn or too few sequences.
void use_own_data(const Settings& settings, Task& task);

}  // namespace sequence_tasks
