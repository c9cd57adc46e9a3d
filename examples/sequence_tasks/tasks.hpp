// The sequence tasks: their data, and the inputs and outputs that a network for them needs.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "glstm/core/data_description.hpp"
#include "glstm/data/dataset.hpp"
#include "glstm/nn/losses.hpp"
#include "settings.hpp"

namespace sequence_tasks {

using Data = glstm::Dataset<float>;

struct Task {
  std::string title, details;  ///< for people; details may be empty
  std::shared_ptr<const Data> training, held_out, test;
  Index inputs = 1, outputs = 1;
  glstm::Loss loss = glstm::mean_squared_error();
  double begin = 0, end = 0;      ///< time of the sequences, in the unit of their timestamps
  Index longest = 0;              ///< steps of the longest sequence
  std::vector<double> ends = {};  ///< times after `begin` at which sequences end, if not together
  bool from_file = false;         ///< false for generated data
  bool every_step = false;        ///< one answer for every step
  glstm::DataDescription data = {};  ///< of the user's own data
  /// Simple forecasts and their root mean squared errors on the test sequences.
  std::vector<std::pair<std::string, double>> baselines = {};

  double duration() const { return end - begin; }
  bool has_labels() const { return loss.has_labels(); }
};

/// Throws glstm::Error unless the files of an image data set in IDX format exist.
void check_data(const Settings& settings);

/// Reads or generates the data. Throws glstm::Error if a file is missing or damaged, or has fewer
/// sequences than the settings ask for.
Task make_task(const Settings& settings);

/// Returns facts that distinguish the data of this task from other data: sizes, time span and, for
/// data from files, a checksum over up to a thousand sequences of each part. The settings determine
/// generated data, whose last digits may differ from build to build.
Json data_facts(const Task& task);

/// Fills in the settings that depend on the task and the model.
void complete(const Task& task, Settings& settings);

}  // namespace sequence_tasks
