#include "recorded_run.hpp"

#include <algorithm>
#include <fstream>
#include <limits>
#include <optional>
#include <regex>
#include <string_view>
#include <vector>

#include "glstm/core/error.hpp"
#include "glstm/core/parse_number.hpp"
#include "glstm/core/split.hpp"
#include "run_folder.hpp"

namespace sequence_tasks {
namespace {

using glstm::detail::parse_number;
using glstm::detail::require;
using glstm::detail::split;
namespace fs = std::filesystem;

}  // namespace

Table read_table(const fs::path& file, const std::vector<std::string>& expected,
                 const std::string& words) {
  Table table;
  for (const std::string& name : expected) table.columns[name];
  if (!fs::exists(file)) return table;
  std::ifstream in(file);
  std::string line;
  for (std::size_t number = 1; std::getline(in, line); ++number) {
    if (in.eof()) break;  // a process is still writing a line without an end
    const std::vector<std::string_view> fields = split(line, ',');
    const std::string where = glstm::detail::text_of(file.string(), ":", number);
    require(fields.size() == expected.size(), where, ": expected ", expected.size(),
            " fields, got ", fields.size());
    for (std::size_t i = 0; i < fields.size(); ++i) {
      const bool right = number == 1 ? fields[i] == expected[i]
                                     : fields[i].empty() || expected[i] == words ||
                                           parse_number<double>(fields[i]).has_value();
      require(right, where, ": expected ", number == 1 ? "the column " : "a number in column ",
              expected[i], ", got \"", fields[i], "\"");
      if (number > 1) table.columns[expected[i]].emplace_back(fields[i]);
    }
  }
  require(!in.bad(), file.string(), ": cannot be read");
  return table;
}

double Table::number(const char* column, std::size_t row) const {
  return parse_number<double>(text(column, row)).value_or(std::numeric_limits<double>::quiet_NaN());
}

double RecordedRun::result() const {
  const auto& plain = metrics->at("lstm");
  const auto& found = plain.is_null() ? metrics->at("test") : plain;
  return (found.at("accuracy").is_null() ? found.at("loss") : found.at("accuracy")).get<double>();
}

Table read_log(const RunFolder& folder) {
  return read_table(
      folder.log(),
      {"epoch", "step", "seconds", "training_loss", "training_accuracy", "validation_loss",
       "validation_accuracy", "update_share", "mac_share", "budget", "budget_weight"},
      "");
}

RecordedRun read_run(const fs::path& path) {
  const RunFolder folder{path};
  RecordedRun run;
  run.path = path;
  run.settings = read_settings(folder);
  run.given = read_given_settings(folder);
  run.name = folder.name();
  run.group = std::regex_replace(run.name, std::regex("-s[0-9]+$"), "");
  run.log = read_log(folder);
  run.windows = read_table(folder.windows(),
                           {"when", "layer", "neuron", "mu", "sigma", "open", "close"}, "when");
  run.gradients = read_table(folder.gradients(), {"when", "step", "norm"}, "when");
  run.answers = read_table(folder.answers(), {"target", "right", "answer"}, "target");
  if (folder.finished()) run.metrics = read_metrics(folder);

  run.facts = read_data_facts(folder);
  run.has_labels = run.facts["labels"].get<bool>();
  run.task = run.settings.task;
  if (run.task == "adding") run.task += glstm::detail::text_of("-", run.settings.steps);
  if (run.task == "frequency") run.task += "-" + run.settings.sampling;
  if (has_own_data(run.settings)) run.task += "-" + fs::path(run.settings.data).stem().string();
  return run;
}

bool differ_by_seed_alone(const RecordedRun& a, const RecordedRun& b) {
  const auto without_seed = [](const RecordedRun& run) {
    Json json = to_json(run.settings);
    for (const char* key :
         {"seed", "data_seed", "seconds", "reports", "threads", "start", "start_folded"}) {
      json.erase(key);
    }
    if (run.settings.seconds > 0) {  // these follow from the steps that it had time for
      for (const char* key : {"epochs", "max_steps", "budget_integral"}) json.erase(key);
    }
    return json;
  };
  return without_seed(a) == without_seed(b);
}

std::vector<std::string> each_once(const std::vector<std::string>& names) {
  std::vector<std::string> distinct;
  for (const std::string& name : names) {
    if (std::find(distinct.begin(), distinct.end(), name) == distinct.end()) {
      distinct.push_back(name);
    }
  }
  return distinct;
}

std::vector<std::string> groups_of(const Runs& runs) {
  std::vector<std::string> groups;
  for (const RecordedRun& run : runs) groups.push_back(run.group);
  return each_once(groups);
}

}  // namespace sequence_tasks
