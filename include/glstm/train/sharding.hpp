// Threads and processes that work on one batch, which is cut into shards. The order in which their
// results are added is fixed.
#pragma once

#include <algorithm>
#include <array>
#include <optional>
#include <span>
#include <vector>

#include "glstm/core/batch.hpp"
#include "glstm/core/error.hpp"
#include "glstm/core/thread_pool.hpp"
#include "glstm/nn/network.hpp"
#include "glstm/train/process_group.hpp"

GLSTM_BEGIN_NAMESPACE

/// A batch cut into shards, as evenly as possible: shard s holds the samples begin(s) ...
/// begin(s + 1) - 1. When shards can have 16 samples or more, all but the last have a multiple of
/// 16, which fills the vector registers of every processor.
struct ShardCut {
  Index batch = 0;
  Index shards = 1;  ///< 1 ... batch

  Index begin(Index shard) const {
    const Index unit = shards * 16 <= batch ? 16 : 1;
    const Index units = (batch + unit - 1) / unit;
    return std::min(batch, (units * shard + shards - 1) / shards * unit);
  }
  Index size(Index shard) const { return begin(shard + 1) - begin(shard); }
};

/// The shards of a batch that one process computes.
struct BatchShare {
  ShardCut cut;                 ///< of the whole batch
  Index first = 0, shards = 1;  ///< the process has shards first ... first + shards - 1

  Index begin() const { return cut.begin(first); }  ///< the first sample
  Index size() const { return cut.begin(first + shards) - begin(); }
};

/// Shares evaluations: every process fills in those of its own parts before the call and has all of
/// them after it.
inline void share_evaluations(ProcessGroup& group, std::span<Evaluation> evaluations) {
  if (group.size() == 1) return;
  constexpr std::size_t fields = 13;
  std::vector<double> values(fields * evaluations.size());
  const auto visit = [](auto& e, auto&& f) {
    f(e.task.loss), f(e.task.count), f(e.task.weight), f(e.budget);
    f(e.task.decisions.right), f(e.task.decisions.all);
    f(e.ops.updates), f(e.ops.dense_updates), f(e.ops.macs), f(e.ops.dense_macs);
    f(e.ops.tape_bytes), f(e.ops.dense_tape_bytes), f(e.ops.openness);
  };
  double* value = values.data();
  for (const Evaluation& e : evaluations) {
    visit(e, [&](auto field) { *value++ = static_cast<double>(field); });
  }
  group.gather(values, static_cast<Index>(evaluations.size()));
  value = values.data();
  for (Evaluation& e : evaluations) {
    visit(e, [&]<class Field>(Field& field) { field = static_cast<Field>(*value++); });
  }
}

/// Threads, of one process or of several, that share the work on a batch.
///
/// The batch is cut into shards, whose gradients are added in the order of `add_in_halves`. The
/// result is the same to the bit for any number of threads. It is also the same for 1, 2, 4, ...
/// processes, as long as their number divides the number of shards. A thread computes its shards
/// one after another, with a tape for one shard; every shard has a gradient of its own. Only one
/// caller may use an object at a time.
template <TimeGate Gate>
class BatchWorkers {
 public:
  using Scalar = typename Gate::Scalar;

  /// Cuts every batch into `shards` shards; 0: one for every 64 samples, which costs a single
  /// thread next to nothing. Smaller shards cost more, since every shard packs the weights again.
  /// There is at least one shard for every process, and at most one for every sample. Threads in
  /// excess of the shards are idle. `group` must live as long; null: this process alone.
  ///
  /// Throws Error unless threads >= 1 and shards >= 0.
  explicit BatchWorkers(Index threads, Index shards = 0, ProcessGroup* group = nullptr)
      : group_(group != nullptr ? *group : alone_),
        shards_(shards),
        pool_(threads),
        workers_(static_cast<std::size_t>(threads)) {
    detail::require(shards >= 0, "shards must not be negative, got ", shards);
  }

  Index threads() const { return pool_.threads(); }
  ProcessGroup& group() const { return group_; }

  /// How a batch of `batch` samples is cut.
  ShardCut cut(Index batch) const {
    const Index wanted = shards_ > 0 ? shards_ : (batch + 63) / 64;
    return {batch, std::min(batch, std::max(wanted, group_.size()))};
  }
  /// This process's share of a batch of `batch` samples. It is empty when there are more processes
  /// than samples.
  BatchShare share(Index batch) const {
    const ShardCut parts = cut(batch);
    const Index first = group_.first_of(parts.shards, group_.rank());
    return {parts, first, group_.first_of(parts.shards, group_.rank() + 1) - first};
  }

  /// Network::add_gradient, with the work divided between threads and processes.
  ///
  ///     batch        this process's part of the whole batch
  ///     gradient     [P]  accumulates: the gradient of the whole batch
  ///     carried      in: the state of the part before the first step, empty where the sequences
  ///                  start; out: after the last step; may be null
  ///     given_share  which part `batch` is; a process alone may leave it out
  ///     dropout      what is left out of the whole batch; null: nothing
  ///
  /// Returns the evaluation of the whole batch. Throws Error, before anything is written, where
  /// Network::add_gradient does.
  Evaluation add_gradient(const Network<Gate>& network, const LabelledBatch<Scalar>& batch,
                          double budget_weight, Vector<Scalar>& gradient,
                          NetworkState<Scalar>* carried = nullptr,
                          const std::optional<BatchShare>& given_share = {},
                          const Dropout* dropout = nullptr);

  /// Network::predict, with the work divided between threads, into `predictions` [B,O] or [B, O*T].
  void predict(const Network<Gate>& network, const SequenceBatch<Scalar>& input,
               Matrix<Scalar>& predictions);

 private:
  struct Worker {
    typename Network<Gate>::Tape tape;
    LabelledBatch<Scalar> part;
    NetworkState<Scalar> initial;
  };
  struct Samples {
    Index first, count;
  };

  /// Those samples of the batch, in `memory` unless they are all.
  template <class Batch>
  static const Batch& rows_of(const Batch& batch, const Samples& rows, Batch& memory) {
    if (rows.count == batch_size(batch)) return batch;
    copy_samples(batch, rows.first, rows.count, memory);
    return memory;
  }
  static Index batch_size(const SequenceBatch<Scalar>& batch) { return batch.batch(); }
  static Index batch_size(const LabelledBatch<Scalar>& batch) { return batch.input.batch(); }

  /// Copies the states of a shard's samples out of those of the whole batch.
  static void take_rows(const NetworkState<Scalar>& whole, const Samples& rows,
                        NetworkState<Scalar>& part) {
    part.resize(whole.size());
    for (std::size_t l = 0; l < whole.size(); ++l) {
      part[l].h = whole[l].h.middleRows(rows.first, rows.count);
      part[l].c = whole[l].c.middleRows(rows.first, rows.count);
    }
  }
  static void put_rows(const NetworkState<Scalar>& part, const Samples& rows,
                       NetworkState<Scalar>& whole) {
    for (std::size_t l = 0; l < whole.size(); ++l) {
      whole[l].h.middleRows(rows.first, rows.count) = part[l].h;
      whole[l].c.middleRows(rows.first, rows.count) = part[l].c;
    }
  }

  /// The numbers of predictions and steps, of all processes, that the means in the loss are over.
  MeanCounts counts_of_all(const Network<Gate>& network, const LabelledBatch<Scalar>& batch) {
    const MeanCounts here = batch.input.batch() > 0 ? network.mean_counts(batch) : MeanCounts{};
    if (group_.size() == 1) return here;
    std::array<double, 2> counts{here.predictions, static_cast<double>(here.valid_steps)};
    group_.sum(counts);
    return {counts[0], static_cast<Index>(counts[1])};
  }

  ProcessGroup alone_;
  ProcessGroup& group_;
  Index shards_;
  ThreadPool pool_;
  std::vector<Worker> workers_;
  std::vector<Vector<Scalar>> gradients_;  // of this process's shards
  std::vector<Evaluation> evaluations_;    // of all shards
};

template <TimeGate Gate>
Evaluation BatchWorkers<Gate>::add_gradient(const Network<Gate>& network,
                                            const LabelledBatch<Scalar>& batch,
                                            double budget_weight, Vector<Scalar>& gradient,
                                            NetworkState<Scalar>* carried,
                                            const std::optional<BatchShare>& given_share,
                                            const Dropout* dropout) {
  network.layout().check(gradient, "a gradient");
  const Index samples = batch.input.batch();
  const bool goes_on = carried != nullptr && !carried->empty();
  if (samples > 0 || !given_share) {
    network.check(batch);
    if (goes_on) network.check_state(*carried, samples);
  }
  if (carried != nullptr && !goes_on) *carried = network.initial_state(samples);
  const BatchShare part = given_share ? *given_share : share(samples);
  detail::require(part.size() == samples, "the part of a batch must have ", part.size(),
                  " samples, got ", samples);
  const MeanCounts whole = counts_of_all(network, batch);
  gradients_.resize(static_cast<std::size_t>(std::max<Index>(1, part.shards)));
  evaluations_.resize(static_cast<std::size_t>(part.cut.shards));
  for (Vector<Scalar>& own : gradients_) own.setZero(gradient.size());
  pool_.run(part.shards, [&](Index shard, Index number) {
    Worker& worker = workers_[static_cast<std::size_t>(number)];
    const Samples rows{part.cut.begin(part.first + shard) - part.begin(),
                       part.cut.size(part.first + shard)};
    const LabelledBatch<Scalar>& shard_batch = rows_of(batch, rows, worker.part);
    if (goes_on) take_rows(*carried, rows, worker.initial);
    Dropout left_out = dropout != nullptr ? *dropout : Dropout();
    left_out.first_sample += part.begin() + rows.first;
    evaluations_[static_cast<std::size_t>(part.first + shard)] = network.add_gradient_unchecked(
        shard_batch, budget_weight, worker.tape, gradients_[static_cast<std::size_t>(shard)],
        Path::scheduled, whole, goes_on ? &worker.initial : nullptr, &left_out);
    if (carried != nullptr) put_rows(worker.tape.final_states, rows, *carried);
  });
  add_in_halves(0, part.shards, [&](Index to, Index from) {
    gradients_[static_cast<std::size_t>(to)] += gradients_[static_cast<std::size_t>(from)];
  });
  group_.sum(std::span<Scalar>(gradients_[0].data(), static_cast<std::size_t>(gradient.size())));
  gradient += gradients_[0];
  share_evaluations(group_, evaluations_);
  EvaluationSum sum;
  for (const Evaluation& shard : evaluations_) sum.add(shard);
  return sum.mean();
}

template <TimeGate Gate>
void BatchWorkers<Gate>::predict(const Network<Gate>& network, const SequenceBatch<Scalar>& input,
                                 Matrix<Scalar>& predictions) {
  network.check(input);
  const ShardCut parts = cut(input.batch());
  predictions.resize(input.batch(),
                     network.options().outputs * network.predictions_per_sample(input.timing));
  pool_.run(parts.shards, [&](Index shard, Index number) {
    Worker& worker = workers_[static_cast<std::size_t>(number)];
    const Samples rows{parts.begin(shard), parts.size(shard)};
    const SequenceBatch<Scalar>& part = rows_of(input, rows, worker.part.input);
    predictions.middleRows(rows.first, rows.count) =
        network.predict_unchecked(part, worker.tape, Path::scheduled, nullptr);
  });
}

GLSTM_END_NAMESPACE
