#include "run_folder.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <fstream>
#include <initializer_list>
#include <list>
#include <system_error>

#include "glstm/core/error.hpp"
#include "glstm/core/parse_number.hpp"
#include "glstm/core/split.hpp"
#include "glstm/io/atomic_file.hpp"
#include "glstm/io/source_file.hpp"
#include "glstm/io/strict_json.hpp"

namespace sequence_tasks {

using glstm::Error;

Json read_json(const std::filesystem::path& path) {
  glstm::detail::SourceFile file(path);
  const std::string text = glstm::detail::read_whole(file, 16 << 20);
  // The files of a run are not nested deeper, and copying or writing JSON recurses as deep.
  return glstm::detail::parse_json_object<Json>(text, 16, "the JSON", path.string());
}

void write_json(const std::filesystem::path& path, const Json& json) {
  glstm::write_file_atomically(path, json.dump(2) + "\n");
}

FolderLock::FolderLock(const RunFolder& folder)
    : descriptor_(open(folder.path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)) {
  if (descriptor_ >= 0 && flock(descriptor_, LOCK_EX | LOCK_NB) == 0) return;
  const std::error_code error(errno, std::generic_category());
  if (descriptor_ >= 0) close(descriptor_);
  throw Error(folder.path.string() +
              (error.value() == ENOENT        ? ": expected the folder of a run, got no folder"
               : error.value() == EWOULDBLOCK ? ": another process is using this run"
                                              : ": cannot lock the folder: " + error.message()));
}

FolderLock::~FolderLock() { close(descriptor_); }

void require_free(const RunFolder& folder, const char* remedy) {
  glstm::detail::require(!folder.has_run(), folder.path.string(), ": already holds a run; ",
                         remedy);
  for (const auto& file : folder.files()) {
    glstm::detail::require(!std::filesystem::exists(file), file.string(),
                           ": expected a folder without files of an older run");
  }
}

void remove_runs(const std::vector<RunFolder>& folders) {
  std::list<FolderLock> locks;
  for (const RunFolder& folder : folders) {
    if (std::filesystem::exists(folder.path)) locks.emplace_back(folder);
  }
  for (const RunFolder& folder : folders) {
    if (!std::filesystem::exists(folder.path)) continue;
    remove_unfinished_files(folder);
    for (const auto& file : folder.files()) std::filesystem::remove(file);
  }
}

void remove_unfinished_files(const RunFolder& folder) {
  for (const auto& entry : std::filesystem::directory_iterator(folder.path)) {
    const std::string name = entry.path().filename().string();
    if (!name.ends_with(".tmp")) continue;
    for (const auto& file : folder.files()) {
      if (name.starts_with(file.filename().string() + ".")) {
        std::filesystem::remove(entry.path());
        break;
      }
    }
  }
}

namespace {

constexpr const char *given_key = "given", *data_key = "data_facts";

Json read_config(const RunFolder& folder) {
  if (!folder.has_run()) {
    throw Error(folder.path.string() +
                ": expected the folder of a run, got one without config.json");
  }
  Json json = read_json(folder.config());
  if (!json.contains(given_key) || !json.contains(data_key)) {
    throw Error(folder.config().string() + ": expected the settings of a run");
  }
  return json;
}

/// Throws Error unless what the test results have beyond loss and accuracy, which runs of earlier
/// versions do not, is as a report needs it.
void check_scores(const Json& test, const std::string& source) {
  using glstm::detail::require;
  const auto check_number = [&](const Json& object, const char* key, bool required) {
    const auto found = object.find(key);
    require(found == object.end() ? !required : found->is_number() || found->is_null(), source,
            ": expected a number \"", key, "\"");
  };
  for (const char* key : {"rmse", "balanced_accuracy"}) check_number(test, key, false);
  require(!test.contains("sequences") || test["sequences"].is_number(), source,
          ": expected a number \"sequences\"");
  const auto check_list = [&](const char* key, const char* name,
                              std::initializer_list<const char*> numbers) {
    if (!test.contains(key)) return;
    require(test[key].is_array(), source, ": expected a list \"", key, "\"");
    for (const Json& entry : test[key]) {
      require(entry.is_object() && entry.contains(name) && entry[name].is_string(), source,
              ": expected a text \"", name, "\" in \"", key, "\"");
      for (const char* number : numbers) check_number(entry, number, true);
    }
  };
  check_list("by_class", "class", {"count", "precision", "recall", "f1"});
  check_list("by_target", "target", {"rmse", "mae", "r2"});
  check_list("baselines", "forecast", {"rmse"});
  if (!test.contains("confusion")) return;
  const Json& rows = test["confusion"];
  require(rows.is_array() && test.contains("by_class") && test["by_class"].size() == rows.size(),
          source, ": expected \"confusion\" to have a row for each class");
  for (const Json& row : rows) {
    require(row.is_array() && row.size() == rows.size(), source,
            ": expected \"confusion\" to be square");
    for (const Json& count : row) {
      require(count.is_number(), source, ": expected numbers in \"confusion\"");
    }
  }
  for (const Json& one : test["by_class"]) {
    require(one["count"].is_number(), source, ": expected a number \"count\"");
  }
}

/// Throws Error unless the metrics have everything that a report shows.
void check_metrics(const Json& metrics, const std::string& source) {
  const auto number = [&](const auto& json, const char* key) {
    const auto found = json.find(key);
    glstm::detail::require(found != json.end() && found->is_number(), source,
                           ": expected a number \"", key, "\"");
  };
  glstm::detail::require(metrics.contains("test") && metrics.contains("lstm") &&
                             metrics.contains("layers") && metrics["layers"].is_array(),
                         source, ": expected the metrics of a run");
  for (const char* key :
       {"update_share", "macs_per_sequence", "dense_macs_per_sequence", "inference_ms_per_sequence",
        "training_ms_per_sequence", "training_seconds", "epochs", "best_epoch"}) {
    number(metrics, key);
  }
  const auto eligible = metrics.find("best_is_eligible");
  glstm::detail::require(eligible != metrics.end() && eligible->is_boolean(), source,
                         ": expected \"best_is_eligible\" to be true or false");
  for (const char* part : {"test", "lstm"}) {
    const auto& result = metrics[part];
    if (result.is_null() && part == std::string("lstm")) continue;
    number(result, "loss");
    glstm::detail::require(result.contains("accuracy"), source, ": expected \"accuracy\"");
    if (!result["accuracy"].is_null()) number(result, "accuracy");
  }
  check_scores(metrics["test"], source);
  for (const char* key : {"task", "date", "glstm"}) {
    glstm::detail::require(!metrics.contains(key) || metrics[key].is_string(), source,
                           ": expected a text \"", key, "\"");
  }
  for (const auto& layer : metrics["layers"]) number(layer, "update_share");
}

/// Returns the second field of a row of the log, or -1 if there is none.
Index step_of_row(const std::string& row) {
  const auto fields = glstm::detail::split(row, ',');
  return fields.size() < 2 ? -1 : glstm::detail::parse_number<Index>(fields[1]).value_or(-1);
}

}  // namespace

void write_config(const RunFolder& folder, const Settings& used, const Settings& given,
                  const Json& data) {
  Json json = to_json(used);
  json[given_key] = to_json(given);
  json[data_key] = data;
  write_json(folder.config(), json);
}

Settings read_settings(const RunFolder& folder) {
  Json json = read_config(folder);
  json.erase(given_key);
  json.erase(data_key);
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

Json read_data_facts(const RunFolder& folder) {
  const Json facts = read_config(folder)[data_key];
  const auto labels = facts.find("labels");
  glstm::detail::require(facts.is_object() && labels != facts.end() && labels->is_boolean(),
                         folder.config().string(), ": expected \"", data_key,
                         "\" with true or false for \"labels\"");
  return facts;
}

Json read_metrics(const RunFolder& folder) {
  if (!folder.finished())
    throw Error(folder.path.string() + ": expected a finished run, got one without metrics.json");
  const Json metrics = read_json(folder.metrics());
  check_metrics(metrics, folder.metrics().string());
  return metrics;
}

bool keep_log_until(const RunFolder& folder, Index step) {
  std::ifstream in(folder.log());
  std::string line, kept;
  Index rows = 0, last = 0;  // the header is row 0
  while (last < step || rows == 0) {
    if (!std::getline(in, line) || in.eof()) break;  // the last line may be incomplete
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
