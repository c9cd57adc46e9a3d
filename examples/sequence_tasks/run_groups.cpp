#include "run_groups.hpp"

#include <algorithm>
#include <cmath>
#include <utility>
#include <vector>

#include "glstm/core/error.hpp"
#include "glstm/core/parse_number.hpp"
#include "glstm/core/text.hpp"

namespace sequence_tasks {
namespace {

namespace fs = std::filesystem;
using glstm::detail::parse_number;
using glstm::detail::require;

/// A figure of metrics.json: its name in claims, its key and its unit.
struct NamedMetric {
  const char *name, *key, *unit;
};
constexpr NamedMetric named_metrics[] = {{"updates", "update_share", " %"},
                                         {"macs", "macs_per_sequence", " M"},
                                         {"inference", "inference_ms_per_sequence", " ms"},
                                         {"training step", "training_ms_per_sequence", " ms"},
                                         {"training", "training_seconds", " s"},
                                         {"epochs", "epochs", ""}};

/// Returns "epochs until 95" as a figure; nothing if `name` has another form.
std::optional<Figure> reach_figure(const std::string& name, bool labels) {
  const std::size_t split = name.find(" until ");
  if (split == std::string::npos) return std::nullopt;
  const std::string what = name.substr(0, split);
  const auto reach = parse_number<double>(name.substr(split + 7));
  if (!reach) return std::nullopt;
  const std::vector<TableColumn> columns = reach_columns(labels, *reach);
  if (what == "epochs") return Figure{columns[0], ""};
  if (what == "macs") return Figure{columns[1], " * 10^12"};
  if (what == "training") return Figure{columns[2], " s"};
  return std::nullopt;
}

/// Returns the seed of the run in `folder` if it is one of group `name`.
std::optional<int> seed_in(const fs::path& folder, const std::string& name) {
  const std::string file = folder.filename().string(), start = name + "-s";
  if (!file.starts_with(start)) return std::nullopt;
  return parse_number<int>(file.substr(start.size()));
}

}  // namespace

const Runs& RunGroups::operator[](const std::string& name) {
  const auto [found, is_new] = groups_.try_emplace(name);
  Runs& runs = found->second;
  if (!is_new) return runs;
  std::map<int, fs::path> folders;
  for (const auto& entry : fs::directory_iterator(folder_)) {
    const auto seed = seed_in(entry.path(), name);
    if (seed && RunFolder{entry.path()}.finished()) folders[*seed] = entry.path();
  }
  for (const auto& [seed, folder] : folders) {
    runs.push_back(read_run(folder));
    require(differ_by_seed_alone(runs.front(), runs.back()), folder.string(),
            ": expected the settings of ", runs.front().path.string(),
            " with another seed, got other settings");
  }
  return runs;
}

std::string RunGroups::names_without_runs() const {
  std::string names;
  for (const auto& [name, runs] : groups_) {
    if (runs.empty()) names += (names.empty() ? "" : ", ") + name;
  }
  return names;
}

std::optional<Spread> Figure::spread(const Runs& runs) const {
  if (runs.empty()) return std::nullopt;
  return spread_of(runs, runs.front().group, column);
}

std::string Figure::text(double value) const {
  return glstm::detail::fixed_text(value, column.digits);
}

std::string Figure::mean(const Runs& runs) const { return text(spread(runs)->mean); }

std::string Figure::range(const Runs& runs) const {
  const std::optional<Spread> found = spread(runs);
  if (!found) return "-";
  const std::string least = text(found->least), largest = text(found->largest);
  if (least == largest) return least;
  return text(found->mean) + " (" + least + " to " + largest + ")";
}

Figure figure_of(const std::string& name, bool labels) {
  if (name == (labels ? "accuracy" : "error")) return test_result(labels);
  for (const NamedMetric& metric : named_metrics) {
    if (name == metric.name) return {metric_column(metric.key), metric.unit};
  }
  const std::optional<Figure> reach = reach_figure(name, labels);
  require(reach.has_value(), "expected ", labels ? "accuracy" : "error",
          ", updates, macs, inference, training step, training, epochs, or the last two or macs "
          "with \"until NUMBER\", got \"",
          name, "\"");
  return *reach;
}

Figure test_result(bool labels) { return {result_column(labels), labels ? " %" : ""}; }

}  // namespace sequence_tasks
