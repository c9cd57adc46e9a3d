// The options of a trainer, and how they limit its loop.
#pragma once

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <functional>
#include <limits>

#include "glstm/core/error.hpp"
#include "glstm/core/types.hpp"
#include "glstm/nn/dropout.hpp"
#include "glstm/optim/schedules.hpp"

GLSTM_BEGIN_NAMESPACE

/// Changes parameters [P] after an optimiser step; `step` is the number of steps taken so far. A
/// rule must depend on its arguments alone, so that a resumed training repeats it.
template <class Scalar>
using ParameterRule = std::function<void(Index step, Vector<Scalar>& parameters)>;

/// How a Trainer trains. `epochs`, `max_steps` and `max_seconds` limit each call of Trainer::fit by
/// itself; after Trainer::resume they limit the whole call that is resumed, with what came before.
struct TrainerOptions {
  Index batch = 100;             ///< samples
  Index epochs = 1;              ///< passes over the data
  double reports_per_epoch = 1;  ///< how often to validate, and to call Callback::on_epoch; 0.1:
                                 ///< every ten epochs, and after the last one
  Index max_steps = std::numeric_limits<Index>::max();
  double clip_norm = 1;      ///< largest Euclidean norm of a gradient; infinity: never clipped
  double budget_weight = 0;  ///< lambda: how much a computational budget of 1 adds to the loss
  /// Standard deviation of the noise that weights and biases have while a gradient is taken, for
  /// regularisation (Graves 2011, "Practical variational inference for neural networks"). The noise
  /// of a step is uniform and depends on the seed and the step alone.
  double weight_noise = 0;
  double dropout = 0;  ///< Dropout::rate, in [0, 1); the seed of a step follows from `seed`
  Schedule schedule = constant_schedule();
  std::uint64_t seed = 1;  ///< of the order of samples, the weight noise and dropout
  double max_seconds = std::numeric_limits<double>::infinity();  ///< in training steps
  bool flush_to_zero = true;
  /// For training steps and validation. The result is the same to the bit for any number. A
  /// training step uses no more threads than a batch has shards.
  Index threads = 1;
  Index shards = 0;  ///< the parts of a batch that threads share; 0: one for every 64 samples
};

namespace detail {

/// Throws Error if an option is out of range.
inline void check(const TrainerOptions& options) {
  require(options.batch >= 1, "a batch needs at least one sample, got ", options.batch);
  require(options.epochs >= 0, "epochs must not be negative, got ", options.epochs);
  require(options.reports_per_epoch > 0 && std::isfinite(options.reports_per_epoch),
          "reports_per_epoch must be positive, got ", options.reports_per_epoch);
  require(options.max_steps >= 0, "max_steps must not be negative, got ", options.max_steps);
  require(options.clip_norm > 0, "clip_norm must be positive, got ", options.clip_norm);
  require(std::isfinite(options.weight_noise) && options.weight_noise >= 0,
          "weight_noise must be finite and not negative, got ", options.weight_noise);
  Dropout{options.dropout}.check();
  require(std::isfinite(options.budget_weight) && options.budget_weight >= 0,
          "budget_weight must be finite and not negative, got ", options.budget_weight);
}

inline double seconds_since(std::chrono::steady_clock::time_point begin) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

/// Where a call of Trainer::fit is, and where it ends.
struct TrainingLoop {
  Index steps_per_epoch = 1;
  double reports_per_epoch = 1;
  Index first_epoch = 0, epoch = 0, step_of_epoch = 0;  ///< of the step that comes next
  Index end_epoch = 0, end_step = 0;                    ///< the limits; steps are the optimiser's
  double seconds = 0;  ///< in training steps, those before a resumption included

  /// `steps` is the number of steps that the optimiser has taken, `first_step` how many they were
  /// when this call of `fit`, or the one that it resumes, began.
  TrainingLoop(const TrainerOptions& options, Index steps, Index of_epoch, Index first_step)
      : steps_per_epoch(of_epoch),
        reports_per_epoch(std::min(options.reports_per_epoch, static_cast<double>(of_epoch))),
        first_epoch(first_step / of_epoch + (first_step % of_epoch != 0 ? 1 : 0)) {
    // The rest of an epoch that an earlier call began is left out.
    epoch = first_epoch + (steps - first_step) / of_epoch;
    step_of_epoch = (steps - first_step) % of_epoch;
    const auto add = [](Index a, Index b) {
      return a > std::numeric_limits<Index>::max() - b ? std::numeric_limits<Index>::max() : a + b;
    };
    end_epoch = add(first_epoch, options.epochs);
    end_step = add(first_step, options.max_steps);
  }

  /// Whether a report is due after step_of_epoch steps of an epoch.
  bool is_reported() const {
    if (epoch + 1 == end_epoch && step_of_epoch == steps_per_epoch) return true;
    const Index steps = (epoch - first_epoch) * steps_per_epoch + step_of_epoch;
    const auto reports = [&](Index count) {
      return std::floor(static_cast<double>(count) * reports_per_epoch /
                        static_cast<double>(steps_per_epoch));
    };
    return reports(steps) > reports(steps - 1);
  }
};

}  // namespace detail

GLSTM_END_NAMESPACE
