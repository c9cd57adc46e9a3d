// The files of a run, all in one folder.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "settings.hpp"

namespace sequence_tasks {

/// The name of each file of the run in folder `path`.
struct RunFolder {
  std::filesystem::path path;

  std::filesystem::path config() const { return path / "config.json"; }
  std::filesystem::path log() const { return path / "log.csv"; }
  std::filesystem::path windows() const { return path / "windows.csv"; }
  std::filesystem::path metrics() const { return path / "metrics.json"; }
  std::filesystem::path gradients() const { return path / "gradients.csv"; }
  std::filesystem::path last() const { return path / "last.safetensors"; }
  std::filesystem::path best() const { return path / "best.safetensors"; }
  std::filesystem::path lstm() const { return path / "lstm.safetensors"; }

  std::vector<std::filesystem::path> files() const {
    return {config(), log(), windows(), metrics(), gradients(), last(), best(), lstm()};
  }
  /// What people call the run: the folder's own name.
  std::string name() const {
    const std::filesystem::path whole = std::filesystem::weakly_canonical(path);
    return (whole.has_filename() ? whole : whole.parent_path()).filename().string();
  }
  bool has_run() const { return std::filesystem::exists(config()); }
  bool finished() const { return std::filesystem::exists(metrics()); }
};

/// Reads a JSON file. Throws glstm::Error, naming it, when it cannot be read or is no JSON.
nlohmann::ordered_json read_json(const std::filesystem::path& path);
void write_json(const std::filesystem::path& path, const nlohmann::ordered_json& json);

/// What a run was started with: all that it uses, and what the user had named.
void write_settings(const RunFolder& folder, const Settings& used, const Settings& given);

/// The settings that a run uses. Throws glstm::Error when the folder holds none, or damaged ones.
Settings read_settings(const RunFolder& folder);
/// Those that it was started with.
Settings read_given_settings(const RunFolder& folder);

/// The figures of a finished run. Throws glstm::Error when there are none, or damaged ones.
nlohmann::ordered_json read_metrics(const RunFolder& folder);

/// Removes the rows after `step` from the log, or all when there is no such file yet.
/// Returns whether any are left.
bool keep_log_until(const RunFolder& folder, Index step);

}  // namespace sequence_tasks
