// Predictions on new data.
#pragma once

#include <filesystem>
#include <iosfwd>

#include "run_folder.hpp"

namespace sequence_tasks {

/// What to predict, and where to write it.
struct PredictOptions {
  std::filesystem::path data;       ///< a file or folder as in training; "-": standard input
  std::filesystem::path out = "-";  ///< a CSV file, replaced all or nothing; "-": standard output
  bool probabilities = false;       ///< write those of all classes
  bool every_step = false;          ///< an answer after every step, also where one is enough
};

/// Predicts with the network of a finished run, whose columns, scaling, clock and classes the data
/// get. Data without answers are enough; where they have some, `log` gets the accuracy. Throws
/// glstm::Error, before anything is written, if the data do not fit the network.
void predict_run(const RunFolder& folder, const PredictOptions& options, std::ostream& log);

}  // namespace sequence_tasks
