// Training in one call, with defaults that suit most problems.
#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>
#include <limits>
#include <optional>
#include <ostream>
#include <type_traits>
#include <utility>

#include "glstm/core/batch.hpp"
#include "glstm/core/error.hpp"
#include "glstm/core/types.hpp"
#include "glstm/data/batch_order.hpp"
#include "glstm/data/dataset.hpp"
#include "glstm/gates/gaussian_gate.hpp"
#include "glstm/gates/phased_gate.hpp"
#include "glstm/nn/network.hpp"
#include "glstm/optim/optimizer.hpp"
#include "glstm/optim/schedules.hpp"
#include "glstm/train/budget_controller.hpp"
#include "glstm/train/callbacks.hpp"
#include "glstm/train/trainer.hpp"
#include "glstm/train/windows_within.hpp"

GLSTM_BEGIN_NAMESPACE

/// How `fit` trains. For more choices, use a Trainer.
struct FitOptions {
  Index epochs = 10;  ///< passes over the data
  Index batch = 32;   ///< samples in a step
  double learning_rate = 1e-2;
  /// Of the time gates, in units of time. By default 1/4000 of the time that the training data
  /// span, or 0.002 for a Phased LSTM.
  std::optional<double> gate_learning_rate = {};
  /// The part of the neuron updates to reach; a BudgetController sees to it. None: as it comes.
  std::optional<double> target_share = {};
  double weight_decay = 0;  ///< of AdamW
  double dropout = 0;       ///< Dropout::rate
  /// Where a line for each epoch goes, as in .progress = std::cout; none: nowhere.
  std::optional<std::reference_wrapper<std::ostream>> progress = {};
  std::uint64_t seed = 1;  ///< of the order of samples and of dropout
  Index threads = 1;       ///< they do not change the result
};

namespace detail {

/// The times of the first and the last step of a data set.
template <class Scalar>
std::pair<double, double> time_span(const Dataset<Scalar>& data) {
  double first = std::numeric_limits<double>::infinity(), last = -first;
  for_each_batch(data, 100, [&](auto, const LabelledBatch<Scalar>& batch) {
    const Timing& timing = batch.input.timing;
    for (Index b = 0; b < timing.batch; ++b) {
      if (timing.length(b) == 0) continue;
      first = std::min(first, timing.time(b, 0));
      last = std::max(last, timing.time(b, timing.length(b) - 1));
    }
  });
  return {first, last};
}

}  // namespace detail

/// Trains a network, which `initialize` has prepared, by AdamW: the rates rise during the first
/// twentieth of the steps and then fall along half a cosine; Gaussian windows are kept within the
/// time of the data. With `validation` (null: none), the network ends with the parameters of the
/// best epoch that meets `target_share` to 2 %, or of the last epoch if none does. Returns the last
/// report. Throws Error where Trainer::fit does.
template <TimeGate Gate, class Scalar = typename Gate::Scalar>
EpochReport fit(Network<Gate>& network, const Dataset<Scalar>& training,
                const FitOptions& options = {}, const Dataset<Scalar>* validation = nullptr) {
  detail::require(training.size() >= 1, "there are no samples to train on");
  const Index batch = std::min(options.batch, training.size());
  detail::require(batch >= 1, "a batch needs at least one sample, got ", batch);
  const Index steps = options.epochs * ((training.size() + batch - 1) / batch);
  const auto [first, last] = detail::time_span(training);
  constexpr bool gaussian = std::is_same_v<Gate, GaussianGate<Scalar>>;
  constexpr bool phased = std::is_same_v<Gate, PhasedGate<Scalar>>;
  const double gate_rate =
      options.gate_learning_rate.value_or(phased ? 2e-3 : (last - first) / 4000);
  AdamW<Scalar> optimizer(network.layout(), {.learning_rate = options.learning_rate,
                                             .time_gate_learning_rate = gate_rate,
                                             .weight_decay = options.weight_decay});
  TrainerOptions trainer_options{.batch = batch,
                                 .epochs = options.epochs,
                                 .dropout = options.dropout,
                                 .seed = options.seed,
                                 .threads = options.threads};
  if (steps > 1) trainer_options.schedule = warmup_cosine(steps, steps / 20, 0.01);
  Trainer<Gate> trainer(network, optimizer, trainer_options);
  std::optional<BudgetController> controller;
  if (options.target_share) {
    controller.emplace(BudgetControllerOptions{.target_share = *options.target_share,
                                               .integral_gain = integral_gain_for(steps)});
    trainer.control(*controller);
  }
  if constexpr (gaussian) {
    const double origin = network.options().time_origin;
    if (gate_rate > 0 && first < last) {
      trainer.after_step(WindowsWithin<Scalar>(network, first - origin, last - origin));
    }
  }
  std::optional<ProgressBar<Scalar>> progress;
  if (options.progress) {
    progress.emplace(options.progress->get(), /*terminal=*/false);
    trainer.add_callback(*progress);
  }
  const double most_updates = 1.02 * options.target_share.value_or(1);
  KeepBest<Scalar> best([&](const EpochReport& epoch) {
    return epoch.validation->ops.update_share() <= most_updates;
  });
  if (validation != nullptr) trainer.add_callback(best);
  const EpochReport report = trainer.fit(training, validation);
  if (validation != nullptr && best.has_parameters()) network.parameters = best.parameters();
  return report;
}

GLSTM_END_NAMESPACE
