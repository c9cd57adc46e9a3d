// The training loop.
#pragma once

#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <functional>
#include <limits>
#include <mutex>
#include <numeric>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "glstm/core/batch.hpp"
#include "glstm/core/flush_to_zero.hpp"
#include "glstm/core/random.hpp"
#include "glstm/core/thread_pool.hpp"
#include "glstm/data/dataset.hpp"
#include "glstm/data/streams.hpp"
#include "glstm/nn/network.hpp"
#include "glstm/optim/clipping.hpp"
#include "glstm/optim/optimizer.hpp"
#include "glstm/optim/schedules.hpp"
#include "glstm/train/budget_controller.hpp"
#include "glstm/train/callbacks.hpp"
#include "glstm/train/parameter_average.hpp"
#include "glstm/train/process_group.hpp"
#include "glstm/train/sharding.hpp"

GLSTM_BEGIN_NAMESPACE

/// Changes parameters [P] after an optimiser step; `step` steps have been taken. What it does must
/// depend on these alone, so that a resumed training is the same.
template <class Scalar>
using ParameterRule = std::function<void(Index step, Vector<Scalar>& parameters)>;

/// How a Trainer trains.
struct TrainerOptions {
  Index batch = 100;
  Index epochs = 1;
  Index reports_per_epoch = 1;  ///< how often to validate, and to call Callback::on_epoch
  Index max_steps = std::numeric_limits<Index>::max();  ///< over all epochs, and all resumptions
  double clip_norm = 1;      ///< largest Euclidean norm of a gradient; infinity: as it is
  double budget_weight = 0;  ///< lambda: how much a computational budget of 1 adds to the loss
  /// Standard deviation of the noise that weights and biases have while a gradient is taken (Graves
  /// 2011, "Practical variational inference for neural networks"): it regularises. The noise of a
  /// step is uniform, and depends on the seed and the step alone.
  double weight_noise = 0;
  Schedule schedule = constant_schedule();
  std::uint64_t seed = 1;                                        ///< of the order of samples
  double max_seconds = std::numeric_limits<double>::infinity();  ///< of training steps
  double seconds_before = 0;  ///< spent in training steps before this training was resumed
  bool flush_to_zero = true;
  /// Of training steps and validation. Results are the same to the bit for any number. A training
  /// step uses no more threads than a batch has shards.
  Index threads = 1;
  Index shards = 0;  ///< the parts of a batch that threads share; 0: one for every 64 samples
};

/// The evaluation of a network over a whole dataset, in batches, with denormals flushed to zero.
/// Threads, and the processes of a group, take whole batches; the result is the same to the bit for
/// any number of them.
template <TimeGate Gate, class Scalar = typename Gate::Scalar>
Evaluation evaluate(const Network<Gate>& network, const Dataset<Scalar>& data, Index batch_size,
                    Index threads = 1, ProcessGroup* group = nullptr) {
  struct Worker {
    typename Network<Gate>::Tape tape;
    LabelledBatch<Scalar> batch;
    std::vector<Index> samples;
  };
  detail::require(batch_size >= 1, "a batch needs at least one sample, got ", batch_size);
  const FlushToZero flush;
  detail::require(threads >= 1, "there must be at least one thread, got ", threads);
  const Index batches = data.size() / batch_size + (data.size() % batch_size > 0 ? 1 : 0);
  ProcessGroup alone;
  ProcessGroup& all = group != nullptr ? *group : alone;
  const Index first_batch = all.first_of(batches, all.rank());
  const Index own_batches = all.first_of(batches, all.rank() + 1) - first_batch;
  ThreadPool pool(std::clamp<Index>(own_batches, 1, threads));
  std::vector<Worker> workers(static_cast<std::size_t>(pool.threads()));
  std::vector<Evaluation> found(static_cast<std::size_t>(batches));
  std::mutex loading;  // a dataset need not be fit for two threads
  pool.run(own_batches, [&](Index own, Index number) {
    auto& [tape, batch, samples] = workers[static_cast<std::size_t>(number)];
    const Index index = first_batch + own, first = index * batch_size;
    samples.resize(static_cast<std::size_t>(std::min(batch_size, data.size() - first)));
    std::iota(samples.begin(), samples.end(), first);
    {
      const std::lock_guard lock(loading);
      data.load(samples, batch);
    }
    found[static_cast<std::size_t>(index)] = network.evaluate(batch, tape);
  });
  share_evaluations(all, found);
  EvaluationSum sum;
  for (const Evaluation& batch : found) sum.add(batch);
  return sum.mean();
}

/// The evaluation of a network over streams, in chunks of so many steps with the state carried from
/// one to the next: the same figures, to rounding, as in one piece. Throws Error where load_chunk
/// and Network::evaluate do.
template <TimeGate Gate, class Scalar = typename Gate::Scalar>
Evaluation evaluate_streams(const Network<Gate>& network, const StreamSource<Scalar>& streams,
                            Index chunk_steps) {
  detail::require(chunk_steps >= 1, "a chunk needs at least one step, got ", chunk_steps);
  const FlushToZero flush;
  typename Network<Gate>::Tape tape;
  LabelledBatch<Scalar> chunk;
  NetworkState<Scalar> state;
  EvaluationSum sum;
  for (Index first = 0; first < streams.steps(); first += chunk_steps) {
    load_chunk(streams, first, std::min(chunk_steps, streams.steps() - first), chunk);
    if (first == 0) state = network.zero_state(chunk.input.batch());
    sum.add(network.evaluate(chunk, tape, Path::scheduled, &state));
    state.swap(tape.final_states);
  }
  return sum.mean();
}

/// Trains a network by gradient descent. Steps are counted by the optimiser, so training goes on
/// from the step that its state says; the order of samples depends on the seed and the epoch only.
///
/// With a group, its processes train one network together: each has the whole of it, does its part
/// of every batch, and takes the same step (data parallelism); see BatchWorkers for what does not
/// depend on their number. All need the same options but for threads, the same data, parameters and
/// optimiser state, and rules that do the same. Listeners may differ: one in a single process can
/// write files, and any stops all. Seconds in EpochReports are those of process 0.
template <TimeGate Gate>
class Trainer {
 public:
  using Scalar = typename Gate::Scalar;

  /// Keeps references to the network, the optimiser and the group; null: this process alone. Throws
  /// Error if an option is out of range.
  Trainer(Network<Gate>& network, Optimizer<Scalar>& optimizer, TrainerOptions options,
          ProcessGroup* group = nullptr);

  /// Adds a listener, which must live as long as the trainer.
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

  /// Applies `rule` after every optimiser step, to usable time gates: a temporal curriculum, say.
  /// Rules are applied in the order in which they were given.
  Trainer& after_step(ParameterRule<Scalar> rule) {
    after_step_.push_back(std::move(rule));
    return *this;
  }

  /// Keeps `average`, which must live as long as the trainer; validation is of the average then.
  Trainer& average(ParameterAverage<Scalar>& average) {
    average_ = &average;
    return *this;
  }

  /// Trains until the epochs, steps or seconds are used up or a listener says stop. A last batch
  /// that would not be full is left out of its epoch; samples are drawn anew in every epoch.
  /// `validation` may be null. Returns the last report.
  ///
  /// Throws Error when the loss, a gradient or a parameter ceases to be finite. It names the step
  /// and the parameter block, and the network is left with the last parameters for which all were;
  /// the optimiser's state is not taken back. Throws Error, before the first step, when the average
  /// is that of another number of parameters. With a group, throws Error in all of its processes
  /// when, at the start or a report, they do not have the same parameters.
  EpochReport fit(const Dataset<Scalar>& training, const Dataset<Scalar>* validation = nullptr);

  /// Trains on streams by truncated backpropagation through time: a step on each chunk of
  /// `chunk_steps` steps in turn, which starts from the state that the chunk before has left, as a
  /// constant. An epoch is one pass over the streams, from the zero state on; all streams are one
  /// batch, options.batch does not matter. A training that is resumed in the middle of a pass goes
  /// on with the chunk that comes next, from the zero state.
  ///
  /// Throws Error where `fit` does, and unless the network answers every step.
  EpochReport fit_streams(const StreamSource<Scalar>& training, Index chunk_steps,
                          const StreamSource<Scalar>* validation = nullptr);

 private:
  /// The loop of both: begin(epoch) before the steps of an epoch, load(step of the epoch) writes
  /// batch_, validate(report) at every report, on as many samples or steps as `validated` says.
  template <class Begin, class Load, class Validate>
  EpochReport run(Index steps_per_epoch, Index validated, Begin&& begin_epoch, Load&& load,
                  Validate&& validate) {
    using Clock = std::chrono::steady_clock;
    if (average_ != nullptr && average_->value().size() > 0) {
      network_.layout().check(average_->value(), "an average");
    }
    const Index parts = std::min(options_.reports_per_epoch, steps_per_epoch);
    const auto is_reported = [&](Index steps) {  // of an epoch, after as many of its steps
      return steps * parts / steps_per_epoch > (steps - 1) * parts / steps_per_epoch;
    };
    detail::require_same(group(), static_cast<std::uint64_t>(steps_per_epoch),
                         "number of steps in an epoch");
    detail::require_same(group(), static_cast<std::uint64_t>(validated), "validation data");
    require_same_options();
    require_same_state();
    last_good_ = network_.parameters;
    double seconds = group().from_first(options_.seconds_before);
    EpochReport report;
    EvaluationSum sum;  // since the last report
    bool stop = optimizer_.state().steps >= options_.max_steps ||
                (seconds > 0 && seconds >= options_.max_seconds);
    for (Index epoch = optimizer_.state().steps / steps_per_epoch; epoch < options_.epochs && !stop;
         ++epoch) {
      begin_epoch(epoch);
      for (Index s = optimizer_.state().steps % steps_per_epoch; s < steps_per_epoch && !stop;
           ++s) {
        const auto begin = Clock::now();
        load(s);
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
        stop |= step.step >= options_.max_steps;
        std::array<double, 2> shared{group().rank() == 0 ? seconds : 0, stop ? 1.0 : 0.0};
        group().sum(shared);
        seconds = shared[0];
        stop = shared[1] > 0 || seconds >= options_.max_seconds;
        if (!stop && !is_reported(s + 1)) continue;
        require_same_state();
        report.epochs = static_cast<double>(step.step) / static_cast<double>(steps_per_epoch);
        report.step = step.step;
        report.seconds = seconds;
        report.budget_weight = budget_weight();
        report.training = std::exchange(sum, {}).mean();
        validate(report);
        const TrainingSnapshot<Scalar> now{
            network_.parameters, network_.layout(), optimizer_.state(),
            average_ != nullptr ? &average_->value() : nullptr, controller_};
        for (Callback<Scalar>* callback : callbacks_) {
          stop |= callback->on_epoch(report, now) == Continue::no;
        }
        stop = group().any(stop);
      }
    }
    return report;
  }

  ProcessGroup& group() const { return workers_.group(); }

  /// Throws Error, in all processes, unless they have the same options, but for threads.
  void require_same_options() {
    const std::array<double, 13> options{static_cast<double>(options_.batch),
                                         static_cast<double>(options_.epochs),
                                         static_cast<double>(options_.reports_per_epoch),
                                         static_cast<double>(options_.max_steps),
                                         static_cast<double>(options_.seed >> 32),
                                         static_cast<double>(options_.seed & 0xffffffff),
                                         static_cast<double>(options_.shards),
                                         options_.clip_norm,
                                         options_.budget_weight,
                                         options_.weight_noise,
                                         options_.max_seconds,
                                         controller_ != nullptr ? budget_weight() : 0,
                                         average_ != nullptr ? 1.0 : 0.0};
    detail::require_same(group(), detail::checksum(options.data(), sizeof(options)), "options");
  }

  /// Throws Error, in all processes, unless they have taken as many steps to the same parameters.
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

  /// What `measure` says of the network, with the average of the parameters where one is kept.
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

  /// One step on batch_.
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
    for (const ParameterRule<Scalar>& rule : after_step_) {  // last: nothing undoes what they say
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

  /// The gradient on batch_, at parameters with noise. They are without it again after, also when
  /// the batch turns out not to fit.
  Evaluation add_noisy_gradient(Index step) {
    NetworkState<Scalar>* carried = carried_ ? &*carried_ : nullptr;
    if (options_.weight_noise == 0) {
      return workers_.add_gradient(network_, batch_, budget_weight(), gradient_, carried, share_);
    }
    struct Restore {
      Vector<Scalar>& parameters;
      const Vector<Scalar>& before;
      ~Restore() { parameters = before; }
    };
    without_noise_ = network_.parameters;
    const Restore restore{network_.parameters, without_noise_};
    add_weight_noise(step);
    return workers_.add_gradient(network_, batch_, budget_weight(), gradient_, carried, share_);
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
  BudgetController* controller_ = nullptr;
  ParameterAverage<Scalar>* average_ = nullptr;
  std::vector<ParameterRule<Scalar>> after_step_;
  BatchWorkers<Gate> workers_;
  BatchShare share_;  // of the batch of a step, the part of this process: batch_
  LabelledBatch<Scalar> batch_, streams_;
  std::optional<NetworkState<Scalar>> carried_;  // from chunk to chunk of streams
  std::vector<OpCounts>
      observed_;  // of the last steps: one of batches, a pass of chunks of streams
  Vector<Scalar> gradient_, last_good_, without_noise_;
};

template <TimeGate Gate>
Trainer<Gate>::Trainer(Network<Gate>& network, Optimizer<Scalar>& optimizer, TrainerOptions options,
                       ProcessGroup* group)
    : network_(network),
      optimizer_(optimizer),
      options_(std::move(options)),
      workers_(options_.threads, options_.shards, group) {
  using detail::require;
  require(options_.batch >= 1, "a batch needs at least one sample, got ", options_.batch);
  require(options_.epochs >= 0, "epochs must not be negative, got ", options_.epochs);
  require(options_.reports_per_epoch >= 1, "reports_per_epoch must be at least 1, got ",
          options_.reports_per_epoch);
  require(options_.max_steps >= 0, "max_steps must not be negative, got ", options_.max_steps);
  require(std::isfinite(options_.seconds_before) && options_.seconds_before >= 0,
          "seconds_before must be finite and not negative, got ", options_.seconds_before);
  require(options_.clip_norm > 0, "clip_norm must be positive, got ", options_.clip_norm);
  require(std::isfinite(options_.weight_noise) && options_.weight_noise >= 0,
          "weight_noise must be finite and not negative, got ", options_.weight_noise);
  require(std::isfinite(options_.budget_weight) && options_.budget_weight >= 0,
          "budget_weight must be finite and not negative, got ", options_.budget_weight);
}

template <TimeGate Gate>
EpochReport Trainer<Gate>::fit(const Dataset<Scalar>& training, const Dataset<Scalar>* validation) {
  const Index batch_size = std::min(options_.batch, training.size());
  detail::require(batch_size >= 1, "there are no samples to train on");
  carried_.reset();
  observed_.assign(1, OpCounts());
  share_ = workers_.share(batch_size);
  std::vector<Index> order;
  return run(
      training.size() / batch_size, validation != nullptr ? validation->size() : 0,
      [&](Index epoch) {
        Rng rng(options_.seed * 1'000'003 + static_cast<std::uint64_t>(epoch));
        order = rng.permutation(training.size());
      },
      [&](Index s) {
        if (share_.size() == 0) {
          batch_ = {};
          return;
        }
        const Index first = s * batch_size + share_.begin();
        training.load(std::span(order).subspan(static_cast<std::size_t>(first),
                                               static_cast<std::size_t>(share_.size())),
                      batch_);
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
  return run(
      chunks, validation != nullptr ? validation->steps() : 0, [&](Index) { carried_.reset(); },
      [&](Index s) {
        const Index first = s * chunk_steps;
        load_chunk(training, first, std::min(chunk_steps, training.steps() - first), streams_);
        share_ = workers_.share(streams_.input.batch());
        if (share_.size() == streams_.input.batch()) {
          std::swap(streams_, batch_);
        } else if (share_.size() > 0) {
          copy_samples(streams_, share_.begin(), share_.size(), batch_);
        } else {
          batch_ = {};
        }
        if (!carried_) carried_ = network_.zero_state(share_.size());
      },
      [&](EpochReport& report) {
        if (validation == nullptr) return;
        report.validation = with_average(
            [&](const auto& n) { return evaluate_streams(n, *validation, chunk_steps); });
      });
}

GLSTM_END_NAMESPACE
