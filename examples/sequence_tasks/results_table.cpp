#include "results_table.hpp"

#include <algorithm>
#include <cmath>
#include <iomanip>
#include <ostream>
#include <string>

#include "glstm/core/error.hpp"
#include "glstm/core/text.hpp"
#include "table_columns.hpp"

namespace sequence_tasks {
namespace {

/// Returns the accuracy in percent, or the loss where there is no accuracy.
std::string score(const Json& result) {
  if (result.is_null()) return "-";
  const Json& accuracy = result.at("accuracy");
  return accuracy.is_null()
             ? glstm::detail::fixed_text(result.at("loss").get<double>(), 5)
             : glstm::detail::fixed_text(100 * accuracy.get<double>(), 2).append(" %");
}

/// Prints a label and one value per run, all right-aligned.
class Lines {
 public:
  Lines(const std::vector<RunFolder>& runs, std::ostream& out) : out_(out) {
    for (const RunFolder& run : runs) {
      width_ = std::max(width_, static_cast<int>(run.name().size()) + 2);
    }
  }

  /// Prints value(run) for each of `runs`.
  template <class Runs, class Value>
  void print(const std::string& label, const Runs& runs, Value value) const {
    out_ << std::left << std::setw(38) << label << std::right;
    for (const auto& run : runs) out_ << std::setw(width_) << value(run);
    out_ << '\n';
  }

  void print_metric(const ShownMetric& metric, const std::vector<Json>& runs) const {
    print(metric.label, runs, [&](const Json& run) {
      return glstm::detail::fixed_text(metric.scale * run.at(metric.key).get<double>(),
                                       metric.digits);
    });
  }

 private:
  std::ostream& out_;
  int width_ = 14;
};

/// The number at `key` of the test results, with so many digits in all; "-" where there is none.
std::string number_text(const Json& run, const char* key) {
  const Json& test = run.at("test");
  if (!test.contains(key) || test.at(key).is_null()) return "-";
  return glstm::detail::text_of(std::setprecision(4), test.at(key).get<double>());
}

/// Prints the scores of the user's own data: errors in the user's unit, beside those of simple
/// forecasts, or the balanced accuracy where classes differ in number.
void print_scores(const Lines& lines, const std::vector<Json>& metrics) {
  const auto any = [&](const char* key) {
    return std::any_of(metrics.begin(), metrics.end(),
                       [&](const Json& run) { return number_text(run, key) != "-"; });
  };
  if (any("rmse")) {
    lines.print("root mean squared error", metrics,
                [](const Json& run) { return number_text(run, "rmse"); });
  }
  const Json& first = metrics.front().at("test");
  const Json& baselines = first.contains("baselines") ? first.at("baselines") : Json::array();
  for (const Json& baseline : baselines) {
    lines.print("... of repeating the " + baseline.at("forecast").get<std::string>(), metrics,
                [&](const Json&) {
                  return glstm::detail::text_of(std::setprecision(4),
                                                baseline.at("rmse").is_null()
                                                    ? std::nan("")
                                                    : baseline.at("rmse").get<double>());
                });
  }
  Settings settings;
  settings.task = metrics.front().value("task", "");
  const bool own = has_own_data(settings);
  if (own && any("balanced_accuracy")) {
    lines.print("balanced accuracy", metrics, [](const Json& run) {
      const Json& test = run.at("test");
      return test.contains("balanced_accuracy") && !test.at("balanced_accuracy").is_null()
                 ? glstm::detail::fixed_text(100 * test.at("balanced_accuracy").get<double>(), 2) +
                       " %"
                 : std::string("-");
    });
  }
}

}  // namespace

void print_results(const std::vector<RunFolder>& runs, std::ostream& out) {
  std::vector<Json> metrics;
  for (const RunFolder& run : runs) metrics.push_back(read_metrics(run));
  const Lines lines(runs, out);
  out << '\n';
  lines.print("", runs, [](const RunFolder& run) { return run.name(); });
  const bool labels = std::all_of(metrics.begin(), metrics.end(), [](const Json& run) {
    return !run.at("test").at("accuracy").is_null();
  });
  lines.print(result_label(labels), metrics, [](const Json& run) { return score(run.at("test")); });
  const bool curriculum = std::any_of(metrics.begin(), metrics.end(),
                                      [](const Json& run) { return !run.at("lstm").is_null(); });
  if (curriculum) {
    lines.print(std::string(result_label(labels)) + " as a plain LSTM", metrics,
                [](const Json& run) { return score(run.at("lstm")); });
  }
  print_scores(lines, metrics);
  for (const ShownMetric& metric : shown_metrics) lines.print_metric(metric, metrics);
  lines.print_metric({"best_epoch", "best epoch on held-out sequences", 1, 1}, metrics);
  for (std::size_t r = 0; r < metrics.size(); ++r) {
    if (metrics[r].at("best_is_eligible") == true) continue;
    out << runs[r].name()
        << ": no epoch met the requirement of --target-share or --widen, so these are the results "
           "of the last one.\n";
  }
}

}  // namespace sequence_tasks
