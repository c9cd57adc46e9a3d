// The training loop.
#pragma once

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <limits>
#include <mutex>
#include <numeric>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "glstm/core/flush_to_zero.hpp"
#include "glstm/core/random.hpp"
#include "glstm/core/thread_pool.hpp"
#include "glstm/data/batch.hpp"
#include "glstm/nn/network.hpp"
#include "glstm/optim/clipping.hpp"
#include "glstm/optim/optimizer.hpp"
#include "glstm/optim/schedules.hpp"
#include "glstm/train/callbacks.hpp"
#include "glstm/train/sharding.hpp"

namespace glstm {

struct TrainerOptions {
  Index batch = 100;
  Index epochs = 1;
  double clip_norm = 1;      ///< largest Euclidean norm of a gradient; infinity: as it is
  double budget_weight = 0;  ///< lambda: how much a computational budget of 1 adds to the loss
  Schedule schedule = constant_schedule();
  std::uint64_t seed = 1;                                        ///< of the order of samples
  double max_seconds = std::numeric_limits<double>::infinity();  ///< of training steps
  bool flush_to_zero = true;
  /// Of training steps and validation. Results are the same to the bit for any number. A training
  /// step uses no more threads than a batch has shards.
  Index threads = 1;
  Index shards = 0;  ///< the parts of a batch that threads share; 0: one for every 64 samples
};

/// The evaluation of a network over a whole dataset, in batches, with denormals flushed to zero.
/// Threads take whole batches; the result is the same to the bit for any number of them.
template <TimeGate Gate, class Scalar = typename Gate::Scalar>
Evaluation evaluate(const Network<Gate>& network, const Dataset<Scalar>& data, Index batch_size,
                    Index threads = 1) {
  struct Worker {
    typename Network<Gate>::Tape tape;
    LabelledBatch<Scalar> batch;
    std::vector<Index> samples;
  };
  detail::require(batch_size >= 1, "a batch needs at least one sample, got ", batch_size);
  const FlushToZero flush;
  detail::require(threads >= 1, "there must be at least one thread, got ", threads);
  const Index batches = data.size() / batch_size + (data.size() % batch_size > 0 ? 1 : 0);
  ThreadPool pool(std::clamp<Index>(batches, 1, threads));
  std::vector<Worker> workers(static_cast<std::size_t>(pool.threads()));
  std::vector<Evaluation> found(static_cast<std::size_t>(batches));
  std::mutex loading;  // a dataset need not be fit for two threads
  pool.run(batches, [&](Index index, Index number) {
    auto& [tape, batch, samples] = workers[static_cast<std::size_t>(number)];
    const Index first = index * batch_size;
    samples.resize(static_cast<std::size_t>(std::min(batch_size, data.size() - first)));
    std::iota(samples.begin(), samples.end(), first);
    {
      const std::lock_guard lock(loading);
      data.load(samples, batch);
    }
    found[static_cast<std::size_t>(index)] = network.evaluate(batch, tape);
  });
  EvaluationSum sum;
  for (const Evaluation& batch : found) sum.add(batch);
  return sum.mean();
}

/// Trains a network by gradient descent. Steps are counted by the optimiser, so training goes on
/// from the step that its state says; the order of samples depends on the seed and the epoch only.
template <TimeGate Gate>
class Trainer {
 public:
  using Scalar = typename Gate::Scalar;

  /// Keeps references to the network and the optimiser. Throws Error if an option is out of range.
  Trainer(Network<Gate>& network, Optimizer<Scalar>& optimizer, TrainerOptions options)
      : network_(network),
        optimizer_(optimizer),
        options_(std::move(options)),
        workers_(options_.threads, options_.shards) {
    using detail::require;
    require(options_.batch >= 1, "a batch needs at least one sample, got ", options_.batch);
    require(options_.epochs >= 0, "epochs must not be negative, got ", options_.epochs);
    require(options_.clip_norm > 0, "clip_norm must be positive, got ", options_.clip_norm);
    require(std::isfinite(options_.budget_weight) && options_.budget_weight >= 0,
            "budget_weight must be finite and not negative, got ", options_.budget_weight);
  }

  /// Adds a listener, which must live as long as the trainer.
  Trainer& listen(Callback<Scalar>& callback) {
    callbacks_.push_back(&callback);
    return *this;
  }

  /// Trains until the epochs or seconds are used up or a listener says stop. A last batch that
  /// would not be full is left out of its epoch; samples are drawn anew in every epoch.
  /// `validation` may be null. Returns the last epoch's report.
  ///
  /// Throws Error when the loss, a gradient or a parameter ceases to be finite. It names the step
  /// and the parameter block, and the network is left with the last parameters for which all were;
  /// the optimiser's state is not taken back.
  EpochReport fit(const Dataset<Scalar>& training, const Dataset<Scalar>* validation = nullptr) {
    using Clock = std::chrono::steady_clock;
    const Index batch_size = std::min(options_.batch, training.size());
    detail::require(batch_size >= 1, "there are no samples to train on");
    const Index steps_per_epoch = training.size() / batch_size;
    last_good_ = network_.parameters;
    double seconds = 0;
    EpochReport report;
    bool stop = false;
    for (Index epoch = optimizer_.state().steps / steps_per_epoch; epoch < options_.epochs && !stop;
         ++epoch) {
      Rng rng(options_.seed * 1'000'003 + static_cast<std::uint64_t>(epoch));
      const std::vector<Index> order = rng.permutation(training.size());
      EvaluationSum sum;
      for (Index s = optimizer_.state().steps % steps_per_epoch; s < steps_per_epoch && !stop;
           ++s) {
        const auto begin = Clock::now();
        training.load(std::span(order).subspan(static_cast<std::size_t>(s * batch_size),
                                               static_cast<std::size_t>(batch_size)),
                      batch_);
        StepReport step = train_step();
        seconds += std::chrono::duration<double>(Clock::now() - begin).count();
        sum.add(step.batch);
        step.epoch = epoch;
        step.step_of_epoch = s + 1;
        step.steps_per_epoch = steps_per_epoch;
        step.seconds = seconds;
        for (Callback<Scalar>* callback : callbacks_) {
          stop |= callback->on_step(step) == Continue::no;
        }
        stop |= seconds >= options_.max_seconds;
      }
      report.epoch = epoch;
      report.step = optimizer_.state().steps;
      report.seconds = seconds;
      report.training = sum.mean();
      if (validation != nullptr) {
        report.validation = evaluate(network_, *validation, 500, options_.threads);
      }
      const TrainingSnapshot<Scalar> now{network_.parameters, network_.layout(),
                                         optimizer_.state()};
      for (Callback<Scalar>* callback : callbacks_) {
        stop |= callback->on_epoch(report, now) == Continue::no;
      }
    }
    return report;
  }

 private:
  /// One step on batch_.
  StepReport train_step() {
    std::optional<FlushToZero> flush;
    if (options_.flush_to_zero) flush.emplace();
    const Index step = optimizer_.state().steps;
    gradient_.setZero(network_.layout().size());
    StepReport report;
    report.batch = workers_.add_gradient(network_, batch_, options_.budget_weight, gradient_);
    report.gradient_norm = clip_by_global_norm(gradient_, options_.clip_norm);
    if (!std::isfinite(report.batch.task.loss) || !std::isfinite(report.gradient_norm)) {
      fail(step, gradient_, std::isfinite(report.gradient_norm) ? "loss" : "gradient");
    }
    last_good_ = network_.parameters;
    optimizer_.step(network_.parameters, gradient_, options_.schedule(step));
    if (!network_.parameters.allFinite()) fail(step, network_.parameters, "parameters");
    network_.limit_gate_step(last_good_);
    report.step = optimizer_.state().steps;
    return report;
  }

  /// Goes back to the last good parameters and throws; `values` is what holds the culprit.
  [[noreturn]] void fail(Index step, const Vector<Scalar>& values, const std::string& what) {
    std::string block;
    for (Index i = 0; i < values.size(); ++i) {
      if (!std::isfinite(values(i))) {
        block = detail::text_of(", first in parameter block ", network_.layout().block_of(i).name);
        break;
      }
    }
    network_.parameters = last_good_;
    throw Error(detail::text_of("training stopped at step ", step, ": the ", what,
                                " became infinite or not a number", block,
                                "; the network keeps its last good parameters"));
  }

  Network<Gate>& network_;
  Optimizer<Scalar>& optimizer_;
  TrainerOptions options_;
  std::vector<Callback<Scalar>*> callbacks_;
  BatchWorkers<Gate> workers_;
  LabelledBatch<Scalar> batch_;
  Vector<Scalar> gradient_, last_good_;
};

}  // namespace glstm
