// Threads and processes that work on one batch: it is cut into shards, whose results are put
// together in an order of their own.
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

/// A batch cut into shards: samples begin(0) ... begin(1) - 1, then begin(1) ... begin(2) - 1, and
/// so on, as even as possible. Where a shard can have 16 samples and more, all but the last have a
/// multiple of 16, which fills the registers of every processor.
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

/// The part of a batch that one process works on: whole shards.
struct BatchShare {
  ShardCut cut;                 ///< of the whole batch
  Index first = 0, shards = 1;  ///< its own are first ... first + shards - 1

  Index begin() const { return cut.begin(first); }  ///< the first sample
  Index size() const { return cut.begin(first + shards) - begin(); }
};

/// Gives every process the evaluations of all parts, of which it has filled in its own.
inline void share_evaluations(ProcessGroup& group, std::span<Evaluation> evaluations) {
  if (group.size() == 1) return;
  constexpr std::size_t fields = 11;
  std::vector<double> values(fields * evaluations.size());
  const auto visit = [](auto& e, auto&& f) {
    f(e.task.loss), f(e.task.correct), f(e.task.count), f(e.budget);
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

/// Threads, of one process or of several, that share the work on a batch. The batch is cut into
/// shards, and the gradients of these are added in the order of `add_in_halves`: what is computed
/// depends on the batch and the number of shards, to the bit, and neither on the number of threads
/// nor, as long as that is a power of two of which the number of shards is a multiple, on the
/// number of processes. One thread does the shards one after another, with a tape that is as small
/// as a shard. Every shard has a gradient of its own. To be used by one caller at a time.
template <TimeGate Gate>
class BatchWorkers {
 public:
  using Scalar = typename Gate::Scalar;

  /// `shards` 0: one for every 64 samples of a batch, which costs a single thread next to nothing;
  /// smaller shards cost more, since every shard packs the weights anew. At least one for every
  /// process. More threads than shards have nothing to do. A batch with fewer samples than `shards`
  /// has one shard for each. A group must live as long; null: this process alone.
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
  /// This process's part of it, which is empty when there are more processes than samples.
  BatchShare share(Index batch) const {
    const ShardCut parts = cut(batch);
    const Index first = group_.first_of(parts.shards, group_.rank());
    return {parts, first, group_.first_of(parts.shards, group_.rank() + 1) - first};
  }

  /// Network::add_gradient, shared by the threads, and by the processes: each gives its part of the
  /// batch, `share`, which may be left out by a process alone. `carried`, when not null, is the
  /// state of the part, before the first step on entry and after the last on return. Returns the
  /// evaluation of the whole batch, of which the gradient is too. Throws Error, before anything is
  /// written, where Network::add_gradient does.
  Evaluation add_gradient(const Network<Gate>& network, const LabelledBatch<Scalar>& batch,
                          double budget_weight, Vector<Scalar>& gradient,
                          NetworkState<Scalar>* carried = nullptr,
                          const std::optional<BatchShare>& given_share = {});

  /// Network::predict, shared by the threads: `answers` [B,O] or [B, O*T] is written.
  void predict(const Network<Gate>& network, const SequenceBatch<Scalar>& input,
               Matrix<Scalar>& answers);

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

  /// The states of a shard's samples, out of those of the whole batch.
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

  /// What the means in the loss are over, in all processes.
  MeanCounts counts_of_all(const Network<Gate>& network, const Timing& timing) {
    const MeanCounts here = timing.batch > 0 ? network.mean_counts(timing) : MeanCounts{};
    if (group_.size() == 1) return here;
    std::array<double, 2> counts{static_cast<double>(here.predictions),
                                 static_cast<double>(here.valid_steps)};
    group_.sum(counts);
    return {static_cast<Index>(counts[0]), static_cast<Index>(counts[1])};
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
                                            const std::optional<BatchShare>& given_share) {
  network.layout().check(gradient, "a gradient");
  const Index samples = batch.input.batch();
  if (samples > 0 || !given_share) {
    network.check(batch);
    if (carried != nullptr) network.check_state(*carried, samples);
  }
  const BatchShare part = given_share ? *given_share : share(samples);
  detail::require(part.size() == samples, "the part of a batch must have ", part.size(),
                  " samples, got ", samples);
  const MeanCounts whole = counts_of_all(network, batch.input.timing);
  gradients_.resize(static_cast<std::size_t>(std::max<Index>(1, part.shards)));
  evaluations_.resize(static_cast<std::size_t>(part.cut.shards));
  for (Vector<Scalar>& own : gradients_) own.setZero(gradient.size());
  pool_.run(part.shards, [&](Index shard, Index number) {
    Worker& worker = workers_[static_cast<std::size_t>(number)];
    const Samples rows{part.cut.begin(part.first + shard) - part.begin(),
                       part.cut.size(part.first + shard)};
    const LabelledBatch<Scalar>& shard_batch = rows_of(batch, rows, worker.part);
    if (carried != nullptr) take_rows(*carried, rows, worker.initial);
    evaluations_[static_cast<std::size_t>(part.first + shard)] = network.add_gradient(
        shard_batch, budget_weight, worker.tape, gradients_[static_cast<std::size_t>(shard)],
        Path::scheduled, whole, carried != nullptr ? &worker.initial : nullptr);
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
                                 Matrix<Scalar>& answers) {
  network.check(input);
  const ShardCut parts = cut(input.batch());
  answers.resize(input.batch(),
                 network.options().outputs * network.predictions_per_sample(input.timing));
  pool_.run(parts.shards, [&](Index shard, Index number) {
    Worker& worker = workers_[static_cast<std::size_t>(number)];
    const Samples rows{parts.begin(shard), parts.size(shard)};
    const SequenceBatch<Scalar>& part = rows_of(input, rows, worker.part.input);
    answers.middleRows(rows.first, rows.count) = network.predict(part, worker.tape);
  });
}

GLSTM_END_NAMESPACE
