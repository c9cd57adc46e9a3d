// What a run's folder says, read back.
#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "settings.hpp"

namespace sequence_tasks {

/// A CSV file of this program: named columns of numbers or words.
struct Table {
  std::map<std::string, std::vector<std::string>> columns;

  std::size_t rows() const { return columns.empty() ? 0 : columns.begin()->second.size(); }
  const std::string& text(const char* column, std::size_t row) const {
    return columns.at(column)[row];
  }
  double number(const char* column, std::size_t row) const;  ///< not a number where empty
};

/// Reads a file that has exactly the columns `expected`, all numbers but the one called `words`. No
/// rows where there is no file; a last line without an end does not count, it is being written.
/// Throws glstm::Error, which names the file and the line, when it is damaged.
Table read_table(const std::filesystem::path& file, const std::vector<std::string>& expected,
                 const std::string& words);

struct RecordedRun {
  std::filesystem::path path;
  std::string name;   ///< the folder's
  std::string group;  ///< likewise without a trailing -sN: runs that differ by their seed alone
  std::string task;   ///< what is compared with each other: the task with its length and so on
  Settings settings;
  Table log, windows, gradients;                  ///< no rows where the file is not there yet
  std::optional<nlohmann::ordered_json> metrics;  ///< of finished runs

  bool has_labels = false;

  /// A finished run's accuracy on the test set, a share, or its loss where it has no labels. At the
  /// end of a temporal curriculum it is that of the plain LSTM.
  double result() const;
};

/// Throws glstm::Error, which names the file, when there is no run or a file is damaged.
RecordedRun read_run(const std::filesystem::path& folder);

}  // namespace sequence_tasks
