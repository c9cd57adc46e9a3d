#include "results_table.hpp"

#include <algorithm>
#include <iomanip>
#include <ostream>
#include <string>

#include "fixed_text.hpp"
#include "glstm/core/error.hpp"

namespace sequence_tasks {
namespace {

using Json = nlohmann::ordered_json;

/// Accuracy in percent, or the loss where there is none.
std::string score(const Json& result) {
  if (result.is_null()) return "-";
  const Json& accuracy = result.at("accuracy");
  return accuracy.is_null() ? fixed(result.at("loss").get<double>(), 5)
                            : fixed(100 * accuracy.get<double>(), 2).append(" %");
}

}  // namespace

void print_results(const std::vector<RunFolder>& runs, std::ostream& out) {
  std::vector<Json> metrics;
  std::size_t width = 14;
  for (const RunFolder& run : runs) {
    metrics.push_back(read_metrics(run));
    width = std::max(width, run.name().size() + 2);
  }
  const auto line = [&](const std::string& what, auto value) {
    out << std::left << std::setw(34) << what << std::right;
    for (const Json& run : metrics) out << std::setw(static_cast<int>(width)) << value(run);
    out << '\n';
  };
  const auto figure = [](const char* key, double scale, int digits) {
    return [=](const Json& run) { return fixed(scale * run.at(key).get<double>(), digits); };
  };
  out << '\n' << std::left << std::setw(34) << "" << std::right;
  for (const RunFolder& run : runs) {
    out << std::setw(static_cast<int>(width)) << run.name();
  }
  out << '\n';
  const bool labels = std::all_of(metrics.begin(), metrics.end(), [](const Json& run) {
    return !run.at("test").at("accuracy").is_null();
  });
  line(labels ? "test accuracy" : "test squared error",
       [](const Json& run) { return score(run.at("test")); });
  const bool curriculum = std::any_of(metrics.begin(), metrics.end(),
                                      [](const Json& run) { return !run.at("lstm").is_null(); });
  if (curriculum) {
    line("likewise as a plain LSTM", [](const Json& run) { return score(run.at("lstm")); });
  }
  line("neuron updates, % of all", figure("update_share", 100, 2));
  line("million MACs per sequence", figure("macs_per_sequence", 1e-6, 3));
  line("inference, ms per sequence", figure("inference_ms_per_sequence", 1, 4));
  line("training at the end, ms/sequence", figure("training_ms_per_sequence", 1, 4));
  line("training, s", figure("training_seconds", 1, 1));
  line("epochs", figure("epochs", 1, 1));
  line("best epoch on held-out sequences", figure("best_epoch", 1, 1));
  for (std::size_t r = 0; r < metrics.size(); ++r) {
    if (metrics[r].at("best_is_eligible") == true) continue;
    out << runs[r].name()
        << ": no epoch met what was asked for (--target-share or --widen); this is the last.\n";
  }
}

}  // namespace sequence_tasks
