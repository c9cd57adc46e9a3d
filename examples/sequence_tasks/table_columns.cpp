#include "table_columns.hpp"

#include <limits>

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

void append_reach_columns(bool labels, double reach, std::vector<TableColumn>& columns) {
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
}

}  // namespace

std::vector<TableColumn> table_columns(bool labels, std::optional<double> reach) {
  std::vector<TableColumn> columns = {
      {std::string(result_label(labels)) + (labels ? ", %" : ""), labels ? 2 : 5,
       [labels](const RecordedRun& run) { return (labels ? 100 : 1) * run.result(); }}};
  for (const ShownMetric& metric : shown_metrics) {
    columns.push_back({metric.label, metric.digits, [metric](const RecordedRun& run) {
                         return metric.scale * run.metrics->at(metric.key).get<double>();
                       }});
  }
  if (reach) append_reach_columns(labels, *reach, columns);
  return columns;
}

}  // namespace sequence_tasks
