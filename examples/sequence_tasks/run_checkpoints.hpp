// The checkpoints of a run.
#pragma once

#include <filesystem>
#include <string>

#include "glstm/core/text.hpp"
#include "glstm/io/checkpoint.hpp"
#include "glstm/io/network_file.hpp"
#include "glstm/train/process_group.hpp"
#include "models.hpp"
#include "run_folder.hpp"

namespace sequence_tasks {

/// Returns what a run's checkpoints carry, to tell them from those of other runs.
inline Json identity(const Settings& settings) {
  Json json = to_json(settings);
  // Threads do not change the result, and a run may get more epochs.
  for (const char* key : {"threads", "epochs", "seconds", "max_steps"}) json.erase(key);
  return json;
}

/// Whether a checkpoint carries that of a run with these settings. One of an earlier version may
/// have fewer settings, or more.
inline bool is_of_run(const std::string& carried, const Settings& settings) {
  const auto json = Json::parse(carried, nullptr, false);
  if (!json.is_object() || !json.contains("seed")) return false;
  const Json own = identity(settings);
  for (const auto& [key, value] : own.items()) {
    if (json.contains(key) && json[key] != value) return false;
  }
  return true;
}

/// Returns what goes into every checkpoint of a run. It makes each checkpoint a network file too.
template <glstm::TimeGate Gate>
glstm::CheckpointMetadata metadata_of(const Settings& settings,
                                      const glstm::Network<Gate>& network) {
  glstm::CheckpointMetadata metadata = glstm::network_metadata(network);
  metadata.emplace("config", identity(settings).dump());
  return metadata;
}

/// Calls glstm::load_checkpoint. Throws glstm::Error also if the checkpoint is of another run.
template <glstm::TimeGate Gate>
glstm::CheckpointMetadata load(const std::filesystem::path& file, const Settings& settings,
                               glstm::Network<Gate>& network,
                               glstm::AdamW<float>* optimizer = nullptr,
                               glstm::Vector<float>* average = nullptr) {
  glstm::Network<Gate> loaded = network;
  glstm::CheckpointMetadata metadata =
      glstm::load_checkpoint<float>(file, loaded.layout(), loaded.parameters, optimizer, average);
  const auto found = metadata.find("config");
  glstm::detail::require(found != metadata.end() && is_of_run(found->second, settings),
                         file.string(), ": expected a checkpoint of this run, got one of another");
  network.parameters.swap(loaded.parameters);
  return metadata;
}

/// Gives `network` its initial parameters. The first time they are drawn, or read from --start or
/// --start-folded, and saved; from then on they are read from the saved file. Returns the seconds
/// of training in what was folded, otherwise 0.
template <glstm::TimeGate Gate>
double begin(const Settings& settings, const Task& task, const RunFolder& folder,
             glstm::Network<Gate>& network, glstm::ProcessGroup& group) {
  if (group.rank() == 0 && !std::filesystem::exists(folder.first())) {
    const double seconds = initialize(settings, task, network);
    glstm::CheckpointMetadata metadata = {{"config", identity(settings).dump()}};
    if (seconds > 0) metadata.emplace("seconds", glstm::detail::number_text(seconds));
    glstm::save_network(folder.first(), network, {.metadata = std::move(metadata)});
  }
  group.wait_for_all();
  const glstm::CheckpointMetadata metadata = load(folder.first(), settings, network);
  if (!metadata.contains("seconds")) return 0;
  return glstm::detail::metadata_number<double>(metadata, "seconds", folder.first().string());
}

/// Loads the best parameters, or the last ones if no epoch was eligible. Returns the metadata.
template <glstm::TimeGate Gate>
glstm::CheckpointMetadata load_best(const RunFolder& folder, const Settings& settings,
                                    bool eligible, glstm::Network<Gate>& network) {
  return load(eligible ? folder.best() : folder.last(), settings, network);
}

}  // namespace sequence_tasks
