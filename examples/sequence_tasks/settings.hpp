// Everything that determines a run: task, network, training. A run saves it as config.json.
#pragma once

#include <cstdint>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "glstm/core/types.hpp"

namespace CLI {
class App;
}

namespace sequence_tasks {

/// Objects keep the order of their members.
using Json = nlohmann::ordered_json;

using glstm::Index;

/// The options of a run. Optional settings have a default that suits the task and the model, see
/// complete(); a run saves the values that it used.
struct Settings {
  // task
  std::string task = "mnist";
  std::string data;  ///< folder or file; empty: the default of the task
  Index steps = 1000;
  std::string sampling = "asynchronous";
  Index shift = 0;
  bool mirror = false;
  std::optional<Index> training_sequences, held_out, test_sequences;
  std::uint64_t data_seed = 1;

  // own data
  std::string test_data;          ///< a file; empty: a part of `data`
  double test_share = 0.1;        ///< that part, unless test_sequences
  std::string split_by = "auto";  ///< random, time, or the name of a column
  std::string sequence_column = "sequence", time_column = "timestamp", label_column = "label";
  std::string target_columns, feature_columns, ignore_columns;  ///< names with commas
  bool sort = false;
  std::string labels, label_pattern = "^([^_/]+)[_/]";  ///< of recordings
  Index sample_rate = 0;                                ///< of recordings; 0: as they are
  Index mel_bands = 0;                                  ///< of recordings; 0: samples
  std::string missing = "error", clock = "auto", scale = "standard";
  Index window = 0, stride = 1, forecast = 1, frame = 1;
  std::string augment, class_weights;

  // network
  std::string model = "glstm";
  std::vector<Index> hidden = {110};
  std::optional<double> forget_bias, memory, min_width, open_share;
  double threshold = 0.01, leak = 0.001;
  std::vector<double> centres = {0, 1};
  std::string placement = "auto";
  std::string start, start_folded;  ///< checkpoints; empty: random parameters

  // training
  std::optional<double> epochs, reports;
  double seconds = 0;
  Index max_steps = 0;  ///< resolved from epochs or seconds
  std::optional<Index> batch;
  Index threads = 1, shards = 0;
  std::optional<double> learning_rate, gate_learning_rate;
  std::optional<double> final_rate, weight_decay, weight_noise, average;
  double warmup = 0.05, clip = 1, dropout = 0, label_smoothing = 0;
  double adam_beta1 = 0.9, adam_beta2 = 0.999, adam_epsilon = 1e-8;
  std::uint64_t seed = 1;

  // computation
  double budget = 0;
  std::optional<double> target_share, budget_integral;
  double budget_proportional = 50, budget_limit = 100;
  std::vector<double> widen;
  double widest = 10;
};

const std::vector<std::string>& task_names();
/// Whether the data are files of the user's: csv, ts or wav.
bool has_own_data(const Settings& settings);
const std::vector<std::string>& model_names();

/// Adds an option with its help to `app` for every setting.
void add_options(CLI::App& app, Settings& settings);

/// Throws glstm::Error, naming the option, if a setting is out of range or two contradict each
/// other.
void check(const Settings& settings);

/// Throws glstm::Error, naming the option, if an option was given that the task or the model does
/// not use.
void check_used(const Settings& given);

/// Returns the settings with the defaults of all options that the task or the model does not use.
Settings without_unused(const Settings& given);

Json to_json(const Settings& settings);

/// Throws glstm::Error, naming `source`, unless `json` has exactly the settings of a run.
Settings from_json(const Json& json, const std::string& source);

/// Throws glstm::Error if an option was given to `app` that differs both from the value with which
/// the run in `source` was started, in `saved`, and from the value that it uses, in `used`.
void check_same(const CLI::App& app, const Settings& given, const Settings& saved,
                const Settings& used, const std::string& source);

}  // namespace sequence_tasks
