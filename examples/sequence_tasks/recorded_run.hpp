// Reads what the folder of a run holds.
#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "run_folder.hpp"
#include "settings.hpp"

namespace sequence_tasks {

/// A CSV file of this program: named columns of numbers or words.
struct Table {
  std::map<std::string, std::vector<std::string>> columns;

  std::size_t rows() const { return columns.empty() ? 0 : columns.begin()->second.size(); }
  const std::string& text(const char* column, std::size_t row) const {
    return columns.at(column)[row];
  }
  double number(const char* column, std::size_t row) const;  ///< NaN for an empty field
};

/// Reads a file that has exactly the columns `expected`, all of numbers except the column `words`.
/// Returns no rows where there is no file, and ignores a last line without an end: a training
/// process is still writing it. Throws glstm::Error, naming the file and the line, if the file is
/// damaged.
Table read_table(const std::filesystem::path& file, const std::vector<std::string>& expected,
                 const std::string& words);

/// Reads the log of a run, as read_table does.
Table read_log(const RunFolder& folder);

struct RecordedRun {
  std::filesystem::path path;
  std::string name;   ///< the name of the folder
  std::string group;  ///< the name without a trailing -sN, shared by runs that differ by their seed
  std::string task;   ///< the task with its variant; a report compares runs of the same task
  Settings settings, given;                ///< as used, and as the user gave them
  Table log, windows, gradients, answers;  ///< without rows until the file exists
  std::optional<Json> metrics;             ///< of finished runs

  Json facts;  ///< see data_facts
  bool has_labels = false;

  /// Returns the accuracy of a finished run on the test set, as a fraction, or its loss where the
  /// task has no labels. After a temporal curriculum this is the result of the plain LSTM.
  double result() const;
};

/// Throws glstm::Error, naming the file, if there is no run or a file is damaged.
RecordedRun read_run(const std::filesystem::path& folder);

using Runs = std::vector<RecordedRun>;

/// Whether two runs have the same settings but for their seeds and, with --seconds, for how long
/// they trained.
bool differ_by_seed_alone(const RecordedRun& a, const RecordedRun& b);

/// Returns the different names among `names`, in order.
std::vector<std::string> each_once(const std::vector<std::string>& names);

/// Returns the groups of the runs, in order, each once.
std::vector<std::string> groups_of(const Runs& runs);

}  // namespace sequence_tasks
