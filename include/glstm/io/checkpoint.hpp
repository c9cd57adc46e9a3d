// Checkpoints: parameters and optimizer state of a training, as safetensors files.
#pragma once

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <functional>
#include <limits>
#include <locale>
#include <map>
#include <optional>
#include <set>
#include <sstream>
#include <string>
#include <system_error>
#include <type_traits>
#include <utility>
#include <vector>

#include "glstm/core/error.hpp"
#include "glstm/core/parameters.hpp"
#include "glstm/core/parse_number.hpp"
#include "glstm/io/parameter_tensors.hpp"
#include "glstm/io/safetensors.hpp"
#include "glstm/io/source_file.hpp"
#include "glstm/optim/optimizer.hpp"
#include "glstm/train/budget_controller.hpp"
#include "glstm/train/callbacks.hpp"

GLSTM_BEGIN_NAMESPACE

/// Free text that goes with a checkpoint. The keys "optimizer.rule" and "optimizer.steps" are
/// reserved.
using CheckpointMetadata = std::map<std::string, std::string>;

/// Writes the state of a training to the file `path`, all or nothing. The tensors are row-major,
/// F32 for float and F64 for double:
///
///     each parameter block  under its name: [rows, cols] for weights, [rows] for biases and
///                           time-gate parameters
///     optimizer.moments     [P, moments], P parameters in the order of the layout
///     average               [P], if the snapshot has an average
///
/// Throws Error, which names the file, when a number is not finite, names clash or the file cannot
/// be written. An older file then stays as it was.
template <class Scalar>
void save_checkpoint(const std::filesystem::path& path, const TrainingSnapshot<Scalar>& snapshot,
                     const CheckpointMetadata& metadata = {});

/// Reads a file that save_checkpoint has written, bit for bit, and returns its metadata.
///
///     parameters  [P]  in: the layout's size; out
///     optimizer        out; it has the same layout and update rule. Null: ignore the optimizer's
///                      state, which the file need not have then
///     average     [P]  out. Null: ignore the average
///
/// Throws Error, which names the file and the tensor, and changes nothing, when a block is missing,
/// has another shape or data type or is not finite, when the file has a tensor that is not a block
/// of the layout, or when the optimizer's state does not fit.
template <class Scalar>
CheckpointMetadata load_checkpoint(const std::filesystem::path& path, const ParameterLayout& layout,
                                   Vector<Scalar>& parameters,
                                   std::type_identity_t<Optimizer<Scalar>*> optimizer,
                                   std::type_identity_t<Vector<Scalar>*> average = nullptr);

namespace detail {

inline constexpr const char* rule_key = "optimizer.rule";
inline constexpr const char* steps_key = "optimizer.steps";

/// Returns the tensor `name` of a checkpoint.
inline const Tensor& checkpoint_tensor(const Safetensors& file, const std::string& source,
                                       const std::string& name) {
  const auto found = file.tensors.find(name);
  require(found != file.tensors.end(), tensor_in(source, name),
          ": expected to be in the checkpoint, got none");
  return found->second;
}

/// Returns the parameters in a checkpoint. Throws Error if it has tensors of other parameters.
template <class Scalar>
Vector<Scalar> read_parameters(const Safetensors& file, const std::string& source,
                               const ParameterLayout& layout) {
  std::set<std::string> known = {moments_name, average_name};
  Vector<Scalar> parameters(layout.size());
  for (const ParameterBlock& block : layout.blocks()) {
    const std::string where = tensor_in(source, block.name);
    const Tensor& tensor = checkpoint_tensor(file, source, block.name);
    require_shape(tensor, tensor_shape(block), where);
    read_tensor(tensor, where, block_view(parameters, block));
    known.insert(block.name);
  }
  for (const auto& [name, tensor] : file.tensors) {
    require(known.contains(name), tensor_in(source, name),
            ": expected parameters of this model only, which has none of this name");
  }
  return parameters;
}

/// Returns the average of `size` parameters in a checkpoint.
template <class Scalar>
Vector<Scalar> read_average(const Safetensors& file, const std::string& source, Index size) {
  const std::string where = tensor_in(source, average_name);
  const Tensor& tensor = checkpoint_tensor(file, source, average_name);
  require_shape(tensor, {size}, where);
  Vector<Scalar> average(size);
  read_tensor(tensor, where, average.matrix().leftCols(1));
  return average;
}

/// Returns the optimizer's state in a checkpoint with `size` parameters.
template <class Scalar>
OptimizerState<Scalar> read_optimizer_state(const Safetensors& file, const std::string& source,
                                            Index size) {
  const auto text = [&](const char* key) {
    const auto found = file.metadata.find(key);
    require(found != file.metadata.end(), source, ": expected metadata \"", key, "\", got none");
    return found->second;
  };
  const std::string where = tensor_in(source, moments_name);
  const Tensor& tensor = checkpoint_tensor(file, source, moments_name);
  require(tensor.shape.size() == 2 && tensor.shape[0] == size, where, ": expected shape [", size,
          ",moments], got ", Json(tensor.shape));

  OptimizerState<Scalar> state;
  state.rule = text(rule_key);
  const std::string steps = text(steps_key);
  state.steps = parse_number<Index>(steps).value_or(-1);
  require(state.steps >= 0, source, ": expected metadata \"", steps_key, "\" to be a count, got \"",
          steps, "\"");
  state.moments.resize(size, tensor.shape[1]);
  read_tensor(tensor, where, state.moments.leftCols(tensor.shape[1]));
  return state;
}

}  // namespace detail

template <class Scalar>
void save_checkpoint(const std::filesystem::path& path, const TrainingSnapshot<Scalar>& snapshot,
                     const CheckpointMetadata& metadata) {
  using detail::require, detail::tensor_in;
  const std::string source = path.string();
  const Index size = snapshot.layout.size();
  const OptimizerState<Scalar>& optimizer = snapshot.optimizer;
  require(snapshot.parameters.size() == size, source, ": expected ", size, " parameters, got ",
          snapshot.parameters.size());
  require(optimizer.moments.rows() == size, source, ": expected moments of ", size,
          " parameters, got ", optimizer.moments.rows());

  Safetensors file;
  const auto add = [&](const std::string& name, const auto& matrix, std::vector<Index> shape) {
    const std::string where = tensor_in(source, name);
    Tensor tensor = detail::to_tensor(matrix, std::move(shape), where);
    require(file.tensors.emplace(name, std::move(tensor)).second, where,
            ": expected a name of its own, got it twice");
  };
  add(detail::moments_name, optimizer.moments, {size, optimizer.moments.cols()});
  if (snapshot.average != nullptr) {
    require(snapshot.average->size() == size, source, ": expected an average of ", size,
            " parameters, got ", snapshot.average->size());
    add(detail::average_name, *snapshot.average, {size});
  }
  for (const ParameterBlock& block : snapshot.layout.blocks()) {
    add(block.name, block_view(snapshot.parameters, block), detail::tensor_shape(block));
  }

  file.metadata = metadata;
  for (const auto& [key, value] : {std::pair(detail::rule_key, optimizer.rule),
                                   {detail::steps_key, std::to_string(optimizer.steps)}}) {
    require(file.metadata.emplace(key, value).second, source, ": the metadata \"", key,
            "\" is reserved for the optimizer's state");
  }
  save_safetensors(path, file);
}

template <class Scalar>
CheckpointMetadata load_checkpoint(const std::filesystem::path& path, const ParameterLayout& layout,
                                   Vector<Scalar>& parameters,
                                   std::type_identity_t<Optimizer<Scalar>*> optimizer,
                                   std::type_identity_t<Vector<Scalar>*> average) {
  static_assert(std::is_same_v<Scalar, float> || std::is_same_v<Scalar, double>,
                "a checkpoint holds float or double parameters");
  Safetensors file = load_safetensors(path);
  const std::string source = path.string();
  detail::require(parameters.size() == layout.size(), source, ": expected room for ", layout.size(),
                  " parameters, got ", parameters.size());

  // Everything is read and checked before anything is changed.
  Vector<Scalar> loaded = detail::read_parameters<Scalar>(file, source, layout), loaded_average;
  if (average != nullptr || file.tensors.contains(detail::average_name)) {
    loaded_average = detail::read_average<Scalar>(file, source, layout.size());
  }
  if (optimizer != nullptr || file.tensors.contains(detail::moments_name)) {
    OptimizerState<Scalar> state =
        detail::read_optimizer_state<Scalar>(file, source, layout.size());
    if (optimizer != nullptr) {
      detail::naming_source(source, [&] { optimizer->set_state(std::move(state)); });
    }
  }
  parameters.swap(loaded);
  if (average != nullptr) average->swap(loaded_average);
  file.metadata.erase(detail::rule_key);
  file.metadata.erase(detail::steps_key);
  return std::move(file.metadata);
}

/// How far a training was when Checkpoints wrote a file.
struct TrainingProgress {
  double epochs = 0;            ///< passes over the data so far
  double monitored_metric = 0;  ///< of this report
  /// The least so far; infinite when no report could be the best.
  double best_metric = std::numeric_limits<double>::infinity();
  double seconds = 0;                                      ///< in training steps so far
  std::optional<BudgetController::State> controller = {};  ///< where there was one
  std::optional<EarlyStopState> early_stop = {};           ///< where Checkpoints was given one
  Index first_step = 0;  ///< EpochReport::first_step, for Trainer::resume
};

namespace detail {

template <class Number>
Number metadata_number(const CheckpointMetadata& metadata, const char* key,
                       const std::string& source) {
  const auto found = metadata.find(key);
  require(found != metadata.end(), source, ": expected metadata \"", key, "\", got none");
  const std::optional<Number> value = parse_number<Number>(found->second);
  require(value.has_value(), source, ": expected metadata \"", key, "\" to be a number, got \"",
          found->second, "\"");
  return *value;
}

}  // namespace detail

/// Reads the progress from the metadata of a file of Checkpoints; messages call the file `source`.
/// Throws Error when an entry is missing or is not a number.
inline TrainingProgress training_progress(const CheckpointMetadata& metadata,
                                          const std::string& source) {
  const auto number = [&](const char* key) {
    return detail::metadata_number<double>(metadata, key, source);
  };
  TrainingProgress progress{number("epoch"),
                            number("watched_error"),
                            number("least_error"),
                            number("seconds"),
                            {},
                            {},
                            0};
  if (metadata.contains("budget_integral")) {
    progress.controller = {number("budget_integral"), number("budget_excess")};
  }
  if (metadata.contains("early_stop_best")) {
    progress.early_stop = {number("early_stop_best"),
                           detail::metadata_number<Index>(metadata, "early_stop_since", source)};
  }
  if (metadata.contains("first_step")) {
    progress.first_step = detail::metadata_number<Index>(metadata, "first_step", source);
  }
  return progress;
}

/// Writes checkpoints into a folder at every report. When monitored_metric is the least so far (an
/// equal one counts as better), it first writes best.safetensors, with the average of the
/// parameters where there is one. It always writes last.safetensors, with the whole state of the
/// training. The metadata of both hold the user's entries and, to all digits, a TrainingProgress.
template <class Scalar>
class Checkpoints final : public Callback<Scalar> {
 public:
  /// Makes the folder when there is none. Only reports for which `eligible` returns true can be the
  /// best; empty: all. Throws Error if the folder cannot be made.
  explicit Checkpoints(const std::filesystem::path& folder, CheckpointMetadata metadata = {},
                       std::function<bool(const EpochReport&)> eligible = {})
      : folder_(folder), metadata_(std::move(metadata)), eligible_(std::move(eligible)) {
    std::error_code error;
    std::filesystem::create_directories(folder, error);
    detail::require(!error, folder.string(),
                    ": expected a folder for checkpoints: ", error.message());
  }

  /// Saves the state of `stop`, which must live as long, in every checkpoint. Add `stop` to the
  /// trainer before the checkpoints: its state must include the report that they save.
  Checkpoints& include(const EarlyStop<Scalar>& stop) {
    early_stop_ = &stop;
    return *this;
  }

  /// Also keeps a later network as the best whose error on the `samples` of the validation is at
  /// most a standard error above the least: so few samples cannot tell the two, and a longer
  /// training is the better guess (the one-standard-error rule of Breiman et al. 1984, with time in
  /// place of size). For errors that are shares of wrong answers.
  Checkpoints& allow_standard_error(Index samples) {
    detail::require(samples >= 1, "expected samples of a validation, got ", samples);
    validation_samples_ = samples;
    return *this;
  }

  /// Continues where the checkpoint last() with this progress was written: only a metric at least
  /// as good as its best_metric replaces best().
  void resume(const TrainingProgress& progress) { best_metric_ = progress.best_metric; }

  /// The state of a KeepBest that had the same reports and the same `eligible`, when last() with
  /// this progress was written; it is read from best(). Throws Error where load_checkpoint does.
  typename KeepBest<Scalar>::State best_state(const ParameterLayout& layout,
                                              const TrainingProgress& progress) const {
    if (!std::isfinite(progress.best_metric)) return {};
    Vector<Scalar> parameters(layout.size());
    const CheckpointMetadata metadata = load_checkpoint(best(), layout, parameters, nullptr);
    const TrainingProgress of_best = training_progress(metadata, best().string());
    return {of_best.monitored_metric, of_best.epochs, std::move(parameters)};
  }

  /// Throws Error when a file cannot be written, or when an included EarlyStop has not had this
  /// report.
  Continue on_epoch(const EpochReport& report, const TrainingSnapshot<Scalar>& now) override {
    const double metric = monitored_metric(report);
    const bool improved = (is_best(metric, best_metric_) || metric <= best_metric_ + tolerance()) &&
                          (!eligible_ || eligible_(report));
    const double best_metric = improved ? std::min(metric, best_metric_) : best_metric_;
    CheckpointMetadata metadata = metadata_;
    metadata["epoch"] = exact_text(report.epochs);
    metadata["watched_error"] = exact_text(metric);
    metadata["least_error"] = exact_text(best_metric);
    metadata["seconds"] = exact_text(report.seconds);
    if (report.first_step != 0) metadata["first_step"] = std::to_string(report.first_step);
    if (now.controller != nullptr) {
      metadata["budget_integral"] = exact_text(now.controller->state().integral);
      metadata["budget_excess"] = exact_text(now.controller->state().excess);
    }
    if (early_stop_ != nullptr) {
      detail::require(early_stop_->last_step() == report.step,
                      "add the EarlyStop to the trainer before the Checkpoints that include it");
      metadata["early_stop_best"] = exact_text(early_stop_->state().best);
      metadata["early_stop_since"] = std::to_string(early_stop_->state().since);
    }
    if (improved) {
      save_checkpoint<Scalar>(best(), {now.evaluated(), now.layout, now.optimizer}, metadata);
      best_metric_ = best_metric;
    }
    save_checkpoint(last(), now, metadata);
    return Continue::yes;
  }

  std::filesystem::path last() const { return folder_ / "last.safetensors"; }
  std::filesystem::path best() const { return folder_ / "best.safetensors"; }
  double best_metric() const { return best_metric_; }

 private:
  /// The standard error of the least error. No error at all counts as one, which it may have been.
  double tolerance() const {
    if (validation_samples_ == 0 || !std::isfinite(best_metric_)) return 0;
    const double samples = std::max(2.0, static_cast<double>(validation_samples_));
    const double error = std::clamp(best_metric_, 1 / samples, 1 - 1 / samples);
    return std::sqrt(error * (1 - error) / samples);
  }

  static std::string exact_text(double value) {
    std::ostringstream text;
    text.imbue(std::locale::classic());
    text.precision(std::numeric_limits<double>::max_digits10);
    text << value;
    return text.str();
  }

  std::filesystem::path folder_;
  CheckpointMetadata metadata_;
  std::function<bool(const EpochReport&)> eligible_;
  const EarlyStop<Scalar>* early_stop_ = nullptr;
  double best_metric_ = std::numeric_limits<double>::infinity();
  Index validation_samples_ = 0;  // 0: no tolerance
};

GLSTM_END_NAMESPACE
