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
  std::filesystem::path first() const { return path / "first.safetensors"; }
  std::filesystem::path last() const { return path / "last.safetensors"; }
  std::filesystem::path best() const { return path / "best.safetensors"; }
  std::filesystem::path lstm() const { return path / "lstm.safetensors"; }

  /// All of them; the one that makes the folder a run is the last.
  std::vector<std::filesystem::path> files() const {
    return {log(), windows(), metrics(), gradients(), first(), last(), best(), lstm(), config()};
  }
  /// What people call the run: the folder's own name.
  std::string name() const {
    const std::filesystem::path whole = std::filesystem::weakly_canonical(path);
    return (whole.has_filename() ? whole : whole.parent_path()).filename().string();
  }
  bool has_run() const { return std::filesystem::exists(config()); }
  bool finished() const { return std::filesystem::exists(metrics()); }
};

/// Keeps other processes away from a run as long as it lives. To be had before a run is read: what
/// was read without it another process may have changed.
class FolderLock {
 public:
  /// Throws Error when there is no such folder, another process is at work on the run, or the
  /// folder cannot be locked.
  explicit FolderLock(const RunFolder& folder);
  ~FolderLock();
  FolderLock(const FolderLock&) = delete;
  FolderLock& operator=(const FolderLock&) = delete;

 private:
  int descriptor_;
};

/// Throws glstm::Error when the folder has a file of a run; `remedy` says what to do with a run.
void require_free(const RunFolder& folder, const char* remedy = "--resume goes on with it");

/// Removes all files of runs, and nothing else, from the folders. Throws glstm::Error, and removes
/// nothing, when another process is at work on one of the runs.
void remove_runs(const std::vector<RunFolder>& folders);

/// Removes what writing a file has left when it was killed. Only for who has the lock.
void remove_unfinished_files(const RunFolder& folder);

/// Reads a JSON file. Throws glstm::Error, naming it, when it cannot be read or is no JSON object.
nlohmann::ordered_json read_json(const std::filesystem::path& path);
void write_json(const std::filesystem::path& path, const nlohmann::ordered_json& json);

/// What a run was started with: all that it uses, what the user had named, and what tells its data
/// from others.
void write_config(const RunFolder& folder, const Settings& used, const Settings& given,
                  const nlohmann::ordered_json& data);

/// The settings that a run uses. Throws glstm::Error when the folder holds none, or damaged ones.
Settings read_settings(const RunFolder& folder);
/// Those that it was started with.
Settings read_given_settings(const RunFolder& folder);
/// What tells its data from others.
nlohmann::ordered_json read_data_facts(const RunFolder& folder);

/// The figures of a finished run. Throws glstm::Error when there are none, or damaged ones.
nlohmann::ordered_json read_metrics(const RunFolder& folder);

/// Removes the rows after `step` from the log, or all when there is no such file yet.
/// Returns whether any are left.
bool keep_log_until(const RunFolder& folder, Index step);

}  // namespace sequence_tasks
