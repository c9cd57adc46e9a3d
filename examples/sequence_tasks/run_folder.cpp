#include "run_folder.hpp"

#include <charconv>
#include <fstream>
#include <sstream>

#include "glstm/core/error.hpp"
#include "glstm/io/atomic_file.hpp"

namespace sequence_tasks {

using glstm::Error;
using Json = nlohmann::ordered_json;

Json read_json(const std::filesystem::path& path) {
  std::ifstream in(path);
  std::stringstream text;
  text << in.rdbuf();
  if (!in) throw Error(path.string() + ": cannot be read");
  try {
    return Json::parse(text.str());
  } catch (const Json::exception&) {
    throw Error(path.string() + ": expected JSON, got something else");
  }
}

void write_json(const std::filesystem::path& path, const Json& json) {
  glstm::write_file_atomically(path, json.dump(2) + "\n");
}

namespace {

constexpr const char* given_key = "given";

Json read_config(const RunFolder& folder) {
  if (!folder.has_run()) {
    throw Error(folder.path.string() + ": expected the folder of a run, found no config.json");
  }
  Json json = read_json(folder.config());
  if (!json.is_object() || !json.contains(given_key)) {
    throw Error(folder.config().string() + ": expected the settings of a run");
  }
  return json;
}

/// Throws Error unless the metrics have all that a report shows.
void check_metrics(const Json& metrics, const std::string& source) {
  const auto number = [&](const auto& json, const char* key) {
    const auto found = json.find(key);
    glstm::detail::require(found != json.end() && found->is_number(), source,
                           ": expected a number \"", key, "\"");
  };
  glstm::detail::require(metrics.is_object() && metrics.contains("test") &&
                             metrics.contains("lstm") && metrics.contains("layers"),
                         source, ": expected the metrics of a run");
  for (const char* key : {"update_share", "macs_per_sequence", "inference_ms_per_sequence",
                          "training_ms_per_sequence", "training_seconds", "epochs"}) {
    number(metrics, key);
  }
  for (const char* part : {"test", "lstm"}) {
    const auto& result = metrics[part];
    if (result.is_null() && part == std::string("lstm")) continue;
    number(result, "loss");
    glstm::detail::require(result.contains("accuracy"), source, ": expected \"accuracy\"");
    if (!result["accuracy"].is_null()) number(result, "accuracy");
  }
  for (const auto& layer : metrics["layers"]) number(layer, "update_share");
}

/// The second field of a row of the log; -1 where there is none.
Index step_of_row(const std::string& row) {
  const std::size_t comma = row.find(',');
  Index step = -1;
  if (comma != std::string::npos) {
    std::from_chars(row.data() + comma + 1, row.data() + row.size(), step);
  }
  return step;
}

}  // namespace

void write_settings(const RunFolder& folder, const Settings& used, const Settings& given) {
  Json json = to_json(used);
  json[given_key] = to_json(given);
  write_json(folder.config(), json);
}

Settings read_settings(const RunFolder& folder) {
  Json json = read_config(folder);
  json.erase(given_key);
  const std::string source = folder.config().string();
  for (const auto& [key, value] : json.items()) {
    const bool may_be_null = key == "target_share" || value != nullptr;
    glstm::detail::require(may_be_null, source, ": expected a value of \"", key, "\", got null");
  }
  const Settings settings = from_json(json, source);
  glstm::detail::require(settings.max_steps >= 1, source,
                         ": expected \"max_steps\" of at least 1, got ", settings.max_steps);
  return settings;
}

Settings read_given_settings(const RunFolder& folder) {
  return from_json(read_config(folder)[given_key], folder.config().string());
}

Json read_metrics(const RunFolder& folder) {
  if (!folder.finished()) throw Error(folder.path.string() + ": the run is not finished");
  const Json metrics = read_json(folder.metrics());
  check_metrics(metrics, folder.metrics().string());
  return metrics;
}

bool keep_log_until(const RunFolder& folder, Index step) {
  std::ifstream in(folder.log());
  std::string line, kept;
  Index rows = 0, last = 0;  // the header is row 0
  while (last < step || rows == 0) {
    if (!std::getline(in, line) || in.eof()) break;  // a last line may be half written
    if (rows > 0) last = step_of_row(line);
    kept += line + "\n";
    ++rows;
  }
  if (rows > 0) glstm::write_file_atomically(folder.log(), kept);
  glstm::detail::require(last == step, folder.log().string(), ": expected the log of ", step,
                         " steps, got one of ", last);
  return step > 0;
}

}  // namespace sequence_tasks
