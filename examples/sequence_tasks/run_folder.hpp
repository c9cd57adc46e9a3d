// The files of a run, all in one folder.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "settings.hpp"

namespace sequence_tasks {

/// The paths of the files of the run in the folder `path`.
struct RunFolder {
  std::filesystem::path path;

  std::filesystem::path config() const { return path / "config.json"; }
  std::filesystem::path log() const { return path / "log.csv"; }
  std::filesystem::path windows() const { return path / "windows.csv"; }
  std::filesystem::path metrics() const { return path / "metrics.json"; }
  std::filesystem::path gradients() const { return path / "gradients.csv"; }
  std::filesystem::path answers() const { return path / "answers.csv"; }
  std::filesystem::path first() const { return path / "first.safetensors"; }
  std::filesystem::path last() const { return path / "last.safetensors"; }
  std::filesystem::path best() const { return path / "best.safetensors"; }
  std::filesystem::path lstm() const { return path / "lstm.safetensors"; }

  /// Returns all files; the last one is the one that makes the folder a run.
  std::vector<std::filesystem::path> files() const {
    return {log(),   windows(), metrics(), gradients(), answers(),
            first(), last(),    best(),    lstm(),      config()};
  }
  /// Returns the name of the run, which is the name of its folder.
  std::string name() const {
    const std::filesystem::path whole = std::filesystem::weakly_canonical(path);
    return (whole.has_filename() ? whole : whole.parent_path()).filename().string();
  }
  bool has_run() const { return std::filesystem::exists(config()); }
  bool finished() const { return std::filesystem::exists(metrics()); }
};

/// Keeps other processes away from a run during its lifetime. Lock a run before reading it: another
/// process may change what was read without the lock.
class FolderLock {
 public:
  /// Throws glstm::Error if the folder does not exist, another process is using the run, or the
  /// folder cannot be locked.
  explicit FolderLock(const RunFolder& folder);
  ~FolderLock();
  FolderLock(const FolderLock&) = delete;
  FolderLock& operator=(const FolderLock&) = delete;

 private:
  int descriptor_;
};

/// Throws glstm::Error if the folder has a file of a run. `remedy` tells the user what to do.
void require_free(const RunFolder& folder, const char* remedy = "--resume continues it");

/// Removes all files of runs, and nothing else, from the folders. Throws glstm::Error, and removes
/// nothing, if another process is using one of the runs.
void remove_runs(const std::vector<RunFolder>& folders);

/// Removes the temporary files of processes that were killed while they wrote a file. The caller
/// must hold the lock.
void remove_unfinished_files(const RunFolder& folder);

/// Reads a JSON file. Throws glstm::Error, naming the file, if it cannot be read or is not a JSON
/// object.
Json read_json(const std::filesystem::path& path);
void write_json(const std::filesystem::path& path, const Json& json);

/// Writes config.json: the settings that the run uses, the settings that the user gave, and the
/// facts that distinguish its data from others.
void write_config(const RunFolder& folder, const Settings& used, const Settings& given,
                  const Json& data);

/// Returns the settings that a run uses. Throws glstm::Error if they are missing or damaged.
Settings read_settings(const RunFolder& folder);
/// Returns the settings that the user gave when the run was started.
Settings read_given_settings(const RunFolder& folder);
/// Returns the facts that distinguish the data of a run from others.
Json read_data_facts(const RunFolder& folder);

/// Returns the metrics of a finished run. Throws glstm::Error if they are missing or damaged.
Json read_metrics(const RunFolder& folder);

/// Removes the rows after `step` from the log, if there is one. Returns whether any rows are left.
bool keep_log_until(const RunFolder& folder, Index step);

}  // namespace sequence_tasks
