// Groups of recorded runs that differ by their seeds, found by name.
#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <string>

#include "recorded_run.hpp"
#include "table_columns.hpp"

namespace sequence_tasks {

/// The finished runs NAME-s1, NAME-s2, ... in one folder. Reads each group once.
class RunGroups {
 public:
  explicit RunGroups(std::filesystem::path folder) : folder_(std::move(folder)) {}

  const std::filesystem::path& folder() const { return folder_; }

  /// Returns the runs of group `name` by their seeds; none where no run is recorded. Throws
  /// glstm::Error if a run is damaged or if two differ by more than their seeds
  /// and how long they trained.
  const Runs& operator[](const std::string& name);

  /// Returns the names that were asked for and have no runs, with commas.
  std::string names_without_runs() const;

 private:
  std::filesystem::path folder_;
  std::map<std::string, Runs> groups_;
};

/// A number that tables and claims show about a run, and how they write it.
struct Figure {
  TableColumn column;
  std::string unit;  ///< with a blank in front, such as " %"

  /// Returns the mean over a group, and the range. Nothing where no run has such a number.
  std::optional<Spread> spread(const Runs& runs) const;
  /// "98.64": with the digits of the column.
  std::string text(double value) const;
  /// The text of the mean over recorded runs. Expects that one of them has such a number.
  std::string mean(const Runs& runs) const;
  /// "98.64 (98.51 to 98.80)", "98.64" where all runs are alike, or "-".
  std::string range(const Runs& runs) const;
};

/// Returns the figure that claims.json calls `name`: accuracy (%), error, updates (%), macs
/// (millions), inference (ms), training step (ms), training (s) or epochs; or until when the
/// held-out sequences first reached a result: "training until 95", "macs until 95" (10^12, forward)
/// or "epochs until 95". `labels` is whether the runs have an accuracy. Throws glstm::Error if
/// there is no such figure.
Figure figure_of(const std::string& name, bool labels);

/// The result on the test set: accuracy, or error without `labels`.
Figure test_result(bool labels);

}  // namespace sequence_tasks
