#include "table_columns.hpp"

#include <algorithm>
#include <cmath>
#include <iterator>
#include <limits>
#include <utility>

#include "glstm/core/error.hpp"

namespace sequence_tasks {
namespace {

/// Returns the first row of the log whose held-out result is at least as good as `reach`.
std::optional<std::size_t> first_row_reaching(const RecordedRun& run, bool labels, double reach) {
  for (std::size_t row = 0; row < run.log.rows(); ++row) {
    // The network of a curriculum is a plain LSTM at its end only.
    const auto& widen = run.settings.widen;
    if (!widen.empty() && run.log.number("epoch", row) < widen[1]) continue;
    const bool reached = labels ? 100 * run.log.number("validation_accuracy", row) >= reach
                                : run.log.number("validation_loss", row) <= reach;
    if (reached) return row;
  }
  return std::nullopt;
}

double logged_epoch(const RecordedRun& run, std::size_t row) {
  return run.log.number("epoch", row);
}

double logged_seconds(const RecordedRun& run, std::size_t row) {
  return run.log.number("seconds", row);
}

/// Returns the MACs, in units of 10^12, of all forward passes up to and including `row`.
double forward_macs(const RecordedRun& run, std::size_t row) {
  const double dense = run.metrics->at("dense_macs_per_sequence").get<double>() *
                       static_cast<double>(*run.settings.batch);
  double macs = 0, steps = 0;
  for (std::size_t i = 0; i <= row; ++i) {
    const double until = run.log.number("step", i);
    macs += (until - steps) * dense * run.log.number("mac_share", i);
    steps = until;
  }
  return 1e-12 * macs;
}

}  // namespace

TableColumn result_column(bool labels) {
  return {std::string(result_label(labels)) + (labels ? ", %" : ""), labels ? 2 : 5,
          [labels](const RecordedRun& run) { return (labels ? 100 : 1) * run.result(); }};
}

TableColumn metric_column(const std::string& key) {
  const auto* metric = std::find_if(std::begin(shown_metrics), std::end(shown_metrics),
                                    [&](const ShownMetric& shown) { return shown.key == key; });
  glstm::detail::require(metric != std::end(shown_metrics), "expected a metric, got ", key);
  return {metric->label, metric->digits, [shown = *metric](const RecordedRun& run) {
            return shown.scale * run.metrics->at(shown.key).get<double>();
          }};
}

std::vector<TableColumn> reach_columns(bool labels, double reach) {
  std::vector<TableColumn> columns;
  const auto add = [&](const std::string& name, int digits,
                       double (*value)(const RecordedRun&, std::size_t)) {
    columns.push_back({name + glstm::detail::text_of(" of reaching ", reach), digits,
                       [=](const RecordedRun& run) {
                         const auto row = first_row_reaching(run, labels, reach);
                         return row ? value(run, *row) : std::numeric_limits<double>::quiet_NaN();
                       }});
  };
  add("epoch", 1, logged_epoch);
  add("forward MACs, 10^12,", 2, forward_macs);
  add("seconds", 1, logged_seconds);
  return columns;
}

std::vector<TableColumn> table_columns(bool labels, std::optional<double> reach) {
  std::vector<TableColumn> columns = {result_column(labels)};
  for (const ShownMetric& metric : shown_metrics) columns.push_back(metric_column(metric.key));
  if (reach) {
    for (TableColumn& column : reach_columns(labels, *reach)) columns.push_back(std::move(column));
  }
  return columns;
}

std::optional<Spread> spread_of(const Runs& runs, const std::string& group,
                                const TableColumn& column) {
  Spread spread;
  for (const RecordedRun& run : runs) {
    const double value = run.metrics && run.group == group ? column.value(run) : std::nan("");
    if (std::isnan(value)) continue;
    spread.least = spread.count == 0 ? value : std::min(spread.least, value);
    spread.largest = spread.count == 0 ? value : std::max(spread.largest, value);
    spread.mean += value;
    ++spread.count;
  }
  if (spread.count == 0) return std::nullopt;
  spread.mean /= static_cast<double>(spread.count);
  return spread;
}

}  // namespace sequence_tasks
