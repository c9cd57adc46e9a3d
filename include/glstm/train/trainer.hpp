// The training loop.
#pragma once

#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "glstm/core/batch.hpp"
#include "glstm/core/flush_to_zero.hpp"
#include "glstm/core/random.hpp"
#include "glstm/data/batch_order.hpp"
#include "glstm/data/dataset.hpp"
#include "glstm/data/streams.hpp"
#include "glstm/nn/network.hpp"
#include "glstm/optim/clipping.hpp"
#include "glstm/optim/optimizer.hpp"
#include "glstm/train/budget_controller.hpp"
#include "glstm/train/callbacks.hpp"
#include "glstm/train/evaluate.hpp"
#include "glstm/train/failure_text.hpp"
#include "glstm/train/parameter_average.hpp"
#include "glstm/train/process_group.hpp"
#include "glstm/train/sharding.hpp"
#include "glstm/train/trainer_options.hpp"

GLSTM_BEGIN_NAMESPACE

/// Trains a network by gradient descent.
///
/// The optimiser counts the steps. The trainer numbers epochs by this count, and the order of
/// samples depends only on the seed and the epoch's number: two calls of `fit` for 3 epochs each do
/// what one call for 6 epochs does. `resume` continues a call of `fit` from a checkpoint, bit for
/// bit.
///
/// With a group, its processes train one network together (data parallelism): each holds the whole
/// network, computes its part of every batch, and takes the same step. BatchWorkers says when the
/// result does not depend on their number. All processes need the same data, parameters, optimiser
/// state and rules, and the same options except `threads`. Callbacks may differ, and one in any
/// process can stop all. The reports of all processes give the seconds of process 0.
template <TimeGate Gate>
class Trainer {
 public:
  using Scalar = typename Gate::Scalar;

  /// Keeps references to the network, the optimiser and the group (null: this process alone).
  /// Throws Error if an option is out of range.
  Trainer(Network<Gate>& network, Optimizer<Scalar>& optimizer, TrainerOptions options,
          ProcessGroup* group = nullptr);

  /// Adds a callback, which must outlive the trainer.
  Trainer& add_callback(Callback<Scalar>& callback) {
    callbacks_.push_back(&callback);
    return *this;
  }

  /// Lets `controller`, which must live as long as the trainer, choose lambda for every step, in
  /// place of options.budget_weight.
  Trainer& control(BudgetController& controller) {
    controller_ = &controller;
    return *this;
  }

  /// Applies `rule`, for instance a temporal curriculum, after every optimiser step and after
  /// Network::limit_gate_step. Rules are applied in the order in which they were given.
  Trainer& after_step(ParameterRule<Scalar> rule) {
    after_step_.push_back(std::move(rule));
    return *this;
  }

  /// Keeps `average`, which must live as long as the trainer, and validates with it.
  Trainer& average(ParameterAverage<Scalar>& average) {
    average_ = &average;
    return *this;
  }

  /// Lets the next call of `fit` or `fit_streams` continue an earlier call from a checkpoint. It
  /// ends where the earlier call would have ended: `epochs`, `max_steps` and `max_seconds` include
  /// what came before. The earlier call began after `first_step` steps of the optimiser and has
  /// spent `seconds` in training steps; EpochReport tells both. Give network, optimiser, average,
  /// controller and callbacks the state of the checkpoint first. Throws Error unless both are
  /// finite and not negative.
  Trainer& resume(double seconds = 0, Index first_step = 0) {
    detail::require(std::isfinite(seconds) && seconds >= 0 && first_step >= 0,
                    "expected seconds and steps that are not negative, got ", seconds, " and ",
                    first_step);
    resumption_ = {seconds, first_step};
    return *this;
  }

  /// Trains until the epochs, steps or seconds are used up or a callback stops it. Every epoch
  /// draws a new order of samples, in which batches have samples of similar length where the data
  /// set tells them. A last batch that would not be full takes samples of the one before too.
  /// `validation` may be null. Returns the last report; its step is 0 when there was nothing to do.
  ///
  /// Throws Error when the loss, a gradient or a parameter becomes infinite or not a number. The
  /// message names the step and the parameter block. The network keeps the last parameters for
  /// which all were finite; the optimiser's state is not taken back. Throws Error, before the first
  /// step, when a data set is empty or the average has another number of parameters. With a group,
  /// throws Error in all processes when their parameters differ at the start or at a report.
  EpochReport fit(const Dataset<Scalar>& training, const Dataset<Scalar>* validation = nullptr);

  /// Trains on streams by truncated backpropagation through time: one step for each chunk of
  /// `chunk_steps` steps, in order. A chunk starts from the state that the chunk before it left, as
  /// a constant. An epoch is one pass over the streams and starts from the network's initial state.
  /// All streams form one batch; options.batch is ignored. After `resume` in the middle of a pass,
  /// the next chunk starts from that state, and a BudgetController observes what is left of the
  /// pass.
  ///
  /// Throws Error where `fit` does, and unless the network reads out every step.
  EpochReport fit_streams(const StreamSource<Scalar>& training, Index chunk_steps,
                          const StreamSource<Scalar>* validation = nullptr);

 private:
  using Loop = detail::TrainingLoop;
  /// The loop of fit and fit_streams. begin_epoch(epoch) is called before the steps of an epoch,
  /// load(step of the epoch) writes batch_, validate(report) completes a report, from `validated`
  /// samples or steps; -1: there is no validation.
  template <class Begin, class Load, class Validate>
  EpochReport run(Index steps_per_epoch, Index validated, Begin&& begin_epoch, Load&& load,
                  Validate&& validate) {
    const Index steps = optimizer_.state().steps;
    const bool resumed = resumption_.has_value();
    const auto [seconds, first_step] = resumption_.value_or(std::pair(0.0, steps));
    require_same_training(steps_per_epoch, validated, resumed ? first_step : -1);
    detail::require(validated != 0, "there are no samples to validate on");
    detail::require(first_step <= steps, "the optimiser has taken ", steps,
                    " steps, fewer than the ", first_step, " before the training to resume");
    detail::require(network_.initialized(),
                    "the weights of the network are all zero: call "
                    "Network::initialize before training, or load weights");
    last_good_ = network_.parameters;
    resumption_.reset();
    Loop loop(options_, steps, steps_per_epoch, first_step);
    loop.seconds = group().from_first(seconds);
    EpochReport report{.first_step = first_step};
    EvaluationSum sum;  // since the last report
    bool stop = is_over(loop, resumed);
    for (; loop.epoch < loop.end_epoch && !stop; ++loop.epoch, loop.step_of_epoch = 0) {
      begin_epoch(loop.epoch);
      while (loop.step_of_epoch < steps_per_epoch && !stop) {
        const auto begin = std::chrono::steady_clock::now();
        load(loop.step_of_epoch);
        StepReport step = train_step();
        loop.seconds += detail::seconds_since(begin);
        ++loop.step_of_epoch;
        sum.add(step.batch);
        stop = finish_step(step, loop);
        if (!stop && !loop.is_reported()) continue;
        require_same_state();
        report.epochs = static_cast<double>(step.step) / static_cast<double>(steps_per_epoch);
        report.step = step.step;
        report.seconds = loop.seconds;
        report.budget_weight = budget_weight();
        report.training = std::exchange(sum, {}).mean();
        validate(report);
        stop = finish_report(report, stop);
      }
    }
    return report;
  }

  /// Whether there is nothing to do: for any process, so that all agree.
  bool is_over(const Loop& loop, bool resumed) {
    bool over = optimizer_.state().steps >= loop.end_step ||
                (loop.seconds > 0 && loop.seconds >= options_.max_seconds);
    if (!resumed) return over;
    for (Callback<Scalar>* callback : callbacks_) over |= callback->on_resume() == Continue::no;
    return group().any(over);
  }

  /// Tells the callbacks of a step, shares the seconds of process 0, and returns whether to stop.
  bool finish_step(StepReport& step, Loop& loop) {
    step.epoch = loop.epoch;
    step.step_of_epoch = loop.step_of_epoch;
    step.steps_per_epoch = loop.steps_per_epoch;
    step.seconds = loop.seconds;
    bool stop = step.step >= loop.end_step;
    for (Callback<Scalar>* callback : callbacks_) stop |= callback->on_step(step) == Continue::no;
    std::array<double, 2> shared{group().rank() == 0 ? loop.seconds : 0, stop ? 1.0 : 0.0};
    group().sum(shared);
    loop.seconds = shared[0];
    return shared[1] > 0 || loop.seconds >= options_.max_seconds;
  }

  /// Tells the callbacks of a report. Returns whether to stop.
  bool finish_report(const EpochReport& report, bool stop) {
    const TrainingSnapshot<Scalar> now{network_.parameters, network_.layout(), optimizer_.state(),
                                       average_ != nullptr ? &average_->value() : nullptr,
                                       controller_};
    for (Callback<Scalar>* callback : callbacks_) {
      stop |= callback->on_epoch(report, now) == Continue::no;
    }
    return group().any(stop);
  }

  /// Puts this process's part of streams_ into batch_.
  void take_share_of_streams() {
    share_ = workers_.share(streams_.input.batch());
    if (share_.size() == streams_.input.batch()) {
      std::swap(streams_, batch_);
    } else if (share_.size() > 0) {
      copy_samples(streams_, share_.begin(), share_.size(), batch_);
    } else {
      batch_ = {};
    }
  }

  ProcessGroup& group() const { return workers_.group(); }

  /// Throws Error, in all processes, unless they are about to train the same. Throws Error also
  /// unless the average is one of this network.
  void require_same_training(Index steps_per_epoch, Index validated, Index resumed_from) {
    if (average_ != nullptr && average_->value().size() > 0) {
      network_.layout().check(average_->value(), "an average");
    }
    detail::require_same(group(), static_cast<std::uint64_t>(steps_per_epoch),
                         "number of steps in an epoch");
    detail::require_same(group(), static_cast<std::uint64_t>(validated), "validation data");
    const std::array<double, 15> options{static_cast<double>(options_.batch),
                                         static_cast<double>(options_.epochs),
                                         static_cast<double>(options_.reports_per_epoch),
                                         static_cast<double>(options_.max_steps),
                                         static_cast<double>(options_.seed >> 32),
                                         static_cast<double>(options_.seed & 0xffffffff),
                                         static_cast<double>(options_.shards),
                                         options_.clip_norm,
                                         options_.budget_weight,
                                         options_.weight_noise,
                                         options_.dropout,
                                         options_.max_seconds,
                                         controller_ != nullptr ? budget_weight() : 0,
                                         average_ != nullptr ? 1.0 : 0.0,
                                         static_cast<double>(resumed_from)};
    detail::require_same(group(), detail::checksum(options.data(), sizeof(options)), "options");
    require_same_state();
  }

  /// Throws Error, in all processes, unless they have taken equally many steps to the same
  /// parameters.
  void require_same_state() {
    if (group().size() == 1) return;
    detail::require_same(group(), static_cast<std::uint64_t>(optimizer_.state().steps),
                         "number of training steps");
    detail::require_same(
        group(),
        detail::checksum(network_.parameters.data(),
                         static_cast<std::size_t>(network_.parameters.size()) * sizeof(Scalar)),
        "parameters");
  }

  /// Evaluates the network, with the average of the parameters where one is kept.
  template <class Measure>
  Evaluation with_average(Measure&& measure) const {
    if (average_ == nullptr) return measure(network_);
    Network<Gate> averaged = network_;
    averaged.parameters = average_->value();
    return measure(averaged);
  }

  double budget_weight() const {
    return controller_ != nullptr ? controller_->weight() : options_.budget_weight;
  }

  /// Takes one step on batch_.
  StepReport train_step() {
    std::optional<FlushToZero> flush;
    if (options_.flush_to_zero) flush.emplace();
    const Index step = optimizer_.state().steps;
    gradient_.setZero(network_.layout().size());
    StepReport report;
    report.batch = add_noisy_gradient(step);
    report.gradient_norm = clip_by_global_norm(gradient_, options_.clip_norm);
    if (!std::isfinite(report.batch.task.loss) || !std::isfinite(report.gradient_norm)) {
      fail(step, gradient_, std::isfinite(report.gradient_norm) ? "loss" : "gradient");
    }
    last_good_ = network_.parameters;
    optimizer_.step(network_.parameters, gradient_, options_.schedule(step));
    report.step = optimizer_.state().steps;
    if (!network_.parameters.allFinite()) fail(step, network_.parameters, "parameters");
    network_.limit_gate_step(last_good_);
    for (const ParameterRule<Scalar>& rule : after_step_) {  // last: nothing undoes them
      rule(report.step, network_.parameters);
      if (!network_.parameters.allFinite()) fail(step, network_.parameters, "parameters");
    }
    if (average_ != nullptr) average_->observe(report.step, network_.parameters);
    if (controller_ != nullptr) observe(step, report.batch.ops);
    return report;
  }

  /// Tells the controller the share of updates of the last steps.
  void observe(Index step, const OpCounts& ops) {
    observed_[static_cast<std::size_t>(step) % observed_.size()] = ops;
    OpCounts sum;
    for (const OpCounts& one : observed_) sum += one;
    controller_->observe(sum.update_share());
  }

  /// Adds the gradient on batch_, taken at parameters with noise. Takes the noise away afterwards,
  /// also when the batch does not fit.
  Evaluation add_noisy_gradient(Index step) {
    const auto seed = detail::mix_bits(~options_.seed) + static_cast<std::uint64_t>(step);
    const Dropout dropout{.rate = options_.dropout, .seed = detail::mix_bits(seed)};
    const auto add = [&] {
      return workers_.add_gradient(network_, batch_, budget_weight(), gradient_,
                                   carried_ ? &*carried_ : nullptr, share_, &dropout);
    };
    if (options_.weight_noise == 0) return add();
    struct Restore {
      Vector<Scalar>& parameters;
      const Vector<Scalar>& before;
      ~Restore() { parameters = before; }
    };
    without_noise_ = network_.parameters;
    const Restore restore{network_.parameters, without_noise_};
    add_weight_noise(step);
    return add();
  }
  void add_weight_noise(Index step) {
    Rng rng = detail::sample_rng(detail::mix_bits(options_.seed), step);
    const double reach = std::sqrt(3.0) * options_.weight_noise;  // of a uniform distribution
    for (const ParameterBlock& block : network_.layout().blocks()) {
      if (block.role == ParameterRole::time_gate) continue;
      for (Scalar& parameter : network_.parameters.segment(block.offset, block.size())) {
        parameter += static_cast<Scalar>(rng.uniform(-reach, reach));
      }
    }
  }

  /// Restores the last good parameters and throws. `values` are what became infinite or not a
  /// number.
  [[noreturn]] void fail(Index step, const Vector<Scalar>& values, const char* what) {
    const std::string text = detail::failure_text(step, what, network_, values, batch_, samples_);
    network_.parameters = last_good_;  // `values` may be these
    throw Error(text);
  }

  Network<Gate>& network_;
  Optimizer<Scalar>& optimizer_;
  TrainerOptions options_;
  std::vector<Callback<Scalar>*> callbacks_;
  BudgetController* controller_ = nullptr;
  ParameterAverage<Scalar>* average_ = nullptr;
  std::vector<ParameterRule<Scalar>> after_step_;
  std::optional<std::pair<double, Index>> resumption_;  ///< seconds before, and first step
  BatchWorkers<Gate> workers_;
  BatchShare share_;  // this process's part of a step's batch
  LabelledBatch<Scalar> batch_, streams_;
  std::vector<Index> samples_;                   // of the data set, in batch_; none: of streams
  std::optional<NetworkState<Scalar>> carried_;  // from chunk to chunk of streams
  std::vector<OpCounts> observed_;  // of the last steps: one batch, or the chunks of a pass
  Vector<Scalar> gradient_, last_good_, without_noise_;
};

template <TimeGate Gate>
Trainer<Gate>::Trainer(Network<Gate>& network, Optimizer<Scalar>& optimizer, TrainerOptions options,
                       ProcessGroup* group)
    : network_(network),
      optimizer_(optimizer),
      options_(std::move(options)),
      workers_(options_.threads, options_.shards, group) {
  detail::check(options_);
}

template <TimeGate Gate>
EpochReport Trainer<Gate>::fit(const Dataset<Scalar>& training, const Dataset<Scalar>* validation) {
  const Index batch_size = std::min(options_.batch, training.size());
  detail::require(batch_size >= 1, "there are no samples to train on");
  carried_.reset();
  observed_.assign(1, OpCounts());
  share_ = workers_.share(batch_size);
  std::vector<Index> order;
  std::uint64_t variation = 0;  // the seed of what a data set varies in an epoch
  return run((training.size() + batch_size - 1) / batch_size,
             validation != nullptr ? validation->size() : -1,
             [&](Index epoch) {
               Rng rng = detail::sample_rng(options_.seed, epoch);
               order = detail::epoch_order(training, batch_size, rng);
               variation = detail::mix_bits(~options_.seed) + static_cast<std::uint64_t>(epoch);
             },
             [&](Index s) {
               if (share_.size() == 0) {
                 samples_.clear();
                 batch_ = {};
                 return;
               }
               const Index begin = std::min(s * batch_size, training.size() - batch_size);
               const auto first = order.begin() + begin + share_.begin();
               samples_.assign(first, first + share_.size());
               training.load_for_training(samples_, variation, batch_);
             },
             [&](EpochReport& report) {
               if (validation == nullptr) return;
               report.validation = with_average([&](const auto& n) {
                 return evaluate(n, *validation, 500, options_.threads, &group());
               });
             });
}

template <TimeGate Gate>
EpochReport Trainer<Gate>::fit_streams(const StreamSource<Scalar>& training, Index chunk_steps,
                                       const StreamSource<Scalar>* validation) {
  detail::require(network_.options().readout == Readout::every_step,
                  "streams are answered step by step: the network needs Readout::every_step");
  detail::require(chunk_steps >= 1, "a chunk needs at least one step, got ", chunk_steps);
  detail::require(training.steps() >= 1, "there are no steps to train on");
  const Index chunks = (training.steps() + chunk_steps - 1) / chunk_steps;
  observed_.assign(static_cast<std::size_t>(chunks), OpCounts());
  samples_.clear();
  return run(
      chunks, validation != nullptr ? validation->steps() : -1, [&](Index) { carried_.emplace(); },
      [&](Index s) {
        const Index first = s * chunk_steps;
        load_chunk(training, first, std::min(chunk_steps, training.steps() - first), streams_);
        take_share_of_streams();
      },
      [&](EpochReport& report) {
        if (validation == nullptr) return;
        report.validation = with_average(
            [&](const auto& n) { return evaluate_streams(n, *validation, chunk_steps); });
      });
}

GLSTM_END_NAMESPACE
