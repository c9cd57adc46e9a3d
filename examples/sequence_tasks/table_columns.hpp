// The numbers that tables show about finished runs, with their labels.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "recorded_run.hpp"

namespace sequence_tasks {

/// A number in metrics.json. Tables show `scale` times its value.
struct ShownMetric {
  const char *key, *label;
  double scale;
  int digits;
};

/// The metrics that every table shows, in order, after the test result.
inline constexpr ShownMetric shown_metrics[] = {
    {"update_share", "neuron updates, %", 100, 2},
    {"macs_per_sequence", "million MACs per sequence", 1e-6, 3},
    {"inference_ms_per_sequence", "inference, ms per sequence", 1, 4},
    {"training_ms_per_sequence", "training at the end, ms per sequence", 1, 4},
    {"training_seconds", "training, s", 1, 1},
    {"epochs", "epochs", 1, 1}};

/// The label of the test result of runs with labels, or of runs without.
constexpr const char* result_label(bool labels) {
  return labels ? "test accuracy" : "test squared error";
}

/// One column of the tables in a report. `value` returns NaN where a run has no such number.
struct TableColumn {
  std::string name;
  int digits;
  std::function<double(const RecordedRun&)> value;
};

/// The test result: accuracy in percent, or the squared error of runs without labels.
TableColumn result_column(bool labels);

/// The column of the entry of shown_metrics with this key.
TableColumn metric_column(const std::string& key);

/// When the held-out sequences first reached `reach`, an accuracy in percent or a loss: the epoch,
/// the MACs of all forward passes until then in units of 10^12, and the seconds of training.
std::vector<TableColumn> reach_columns(bool labels, double reach);

/// The columns for finished runs of one task. `reach`, an accuracy in percent or a loss, adds
/// columns that say when the held-out sequences first reached it.
std::vector<TableColumn> table_columns(bool labels, std::optional<double> reach);

/// The mean of a column over several runs, and their range.
struct Spread {
  std::size_t count = 0;  ///< of the runs that have such a number
  double mean = 0, least = 0, largest = 0;
};

/// Returns nothing where no finished run of the group has such a number.
std::optional<Spread> spread_of(const Runs& runs, const std::string& group,
                                const TableColumn& column);

}  // namespace sequence_tasks
