// The user's own data, from files: read, split, and prepared for a network.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "glstm/core/data_description.hpp"
#include "glstm/data/sequences.hpp"
#include "settings.hpp"
#include "tasks.hpp"

namespace sequence_tasks {

/// Reads the file or folder `data` as the task and the options of the settings say; "-" is the
/// standard input, for CSV. New data for a network have `features`, the columns of a CSV file to
/// read; series are then cut to their ends. Throws glstm::Error, naming the file, if it is damaged.
glstm::Sequences read_own_data(const std::filesystem::path& data, const Settings& settings,
                               const std::vector<std::string>& features = {});

/// Reads new data and prepares them as those were prepared that a network was trained on.
/// `original` is what was read. Throws glstm::Error, naming a feature or a class, if they do not
/// fit.
glstm::Sequences read_like(const std::filesystem::path& data, const Settings& settings,
                           const glstm::DataDescription& description, glstm::Sequences& original);

/// Reads, splits and prepares the data, and describes them in `task`: clock, scaling and the time
/// over which windows are spread follow from the data unless the settings say otherwise. Throws
/// glstm::Error, naming the file, if it is damaged, has nothing to learn or too few sequences.
void use_own_data(const Settings& settings, Task& task);

}  // namespace sequence_tasks
