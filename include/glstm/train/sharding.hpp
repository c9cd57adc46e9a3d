// Threads that work on one batch: it is cut into shards, whose results are put together in order.
#pragma once

#include <algorithm>
#include <vector>

#include "glstm/core/error.hpp"
#include "glstm/core/thread_pool.hpp"
#include "glstm/data/batch.hpp"
#include "glstm/nn/network.hpp"

namespace glstm {

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

/// Threads that share the work on a batch. The batch is cut into shards; what is computed depends
/// on the batch and the number of shards, to the bit, and not on the number of threads. One thread
/// does the shards one after another, with a tape that is as small as a shard. Every shard has a
/// gradient of its own. To be used by one caller at a time.
template <TimeGate Gate>
class BatchWorkers {
 public:
  using Scalar = typename Gate::Scalar;

  /// `shards` 0: one for every 64 samples of a batch, which costs a single thread next to nothing;
  /// smaller shards cost more, since every shard packs the weights anew. More threads than shards
  /// have nothing to do. A batch with fewer samples than `shards` has one shard for each.
  ///
  /// Throws Error unless threads >= 1 and shards >= 0.
  explicit BatchWorkers(Index threads, Index shards = 0)
      : shards_(shards), pool_(threads), workers_(static_cast<std::size_t>(threads)) {
    detail::require(shards >= 0, "shards must not be negative, got ", shards);
  }

  Index threads() const { return pool_.threads(); }

  /// How a batch of `batch` samples is cut.
  ShardCut cut(Index batch) const {
    return {batch, std::min(batch, shards_ > 0 ? shards_ : (batch + 63) / 64)};
  }

  /// Network::add_gradient, shared by the threads. `carried`, when not null, is the state of the
  /// whole batch, before the first step on entry and after the last on return. Throws Error, before
  /// anything is written, where Network::add_gradient does.
  Evaluation add_gradient(const Network<Gate>& network, const LabelledBatch<Scalar>& batch,
                          double budget_weight, Vector<Scalar>& gradient,
                          NetworkState<Scalar>* carried = nullptr) {
    network.layout().check(gradient, "a gradient");
    network.check(batch);
    if (carried != nullptr) network.check_state(*carried, batch.input.batch());
    const MeanCounts whole = network.mean_counts(batch.input.timing);
    const ShardCut parts = cut(batch.input.batch());
    results_.resize(static_cast<std::size_t>(parts.shards));
    pool_.run(parts.shards, [&](Index shard, Index number) {
      Worker& worker = workers_[static_cast<std::size_t>(number)];
      Result& result = results_[static_cast<std::size_t>(shard)];
      const LabelledBatch<Scalar>& part = shard_of(batch, parts, shard, worker.part);
      result.gradient.setZero(gradient.size());
      if (carried != nullptr) take_rows(*carried, parts, shard, worker.initial);
      result.evaluation =
          network.add_gradient(part, budget_weight, worker.tape, result.gradient, Path::scheduled,
                               whole, carried != nullptr ? &worker.initial : nullptr);
      if (carried != nullptr) put_rows(worker.tape.final_states, parts, shard, *carried);
    });
    EvaluationSum sum;
    for (const Result& result : results_) {
      gradient += result.gradient;
      sum.add(result.evaluation);
    }
    return sum.mean();
  }

  /// Network::predict, shared by the threads: `answers` [B,O] or [B, O*T] is written.
  void predict(const Network<Gate>& network, const SequenceBatch<Scalar>& input,
               Matrix<Scalar>& answers) {
    network.check(input);
    const ShardCut parts = cut(input.batch());
    answers.resize(input.batch(),
                   network.options().outputs * network.answers_per_sample(input.timing));
    pool_.run(parts.shards, [&](Index shard, Index number) {
      Worker& worker = workers_[static_cast<std::size_t>(number)];
      const SequenceBatch<Scalar>& part = shard_of(input, parts, shard, worker.part.input);
      answers.middleRows(parts.begin(shard), parts.size(shard)) =
          network.predict(part, worker.tape);
    });
  }

 private:
  struct Worker {
    typename Network<Gate>::Tape tape;
    LabelledBatch<Scalar> part;
    NetworkState<Scalar> initial;
  };
  struct Result {
    Vector<Scalar> gradient;
    Evaluation evaluation;
  };

  /// The shard, in `memory` unless it is the whole batch.
  template <class Batch>
  static const Batch& shard_of(const Batch& batch, const ShardCut& parts, Index shard,
                               Batch& memory) {
    if (parts.shards == 1) return batch;
    copy_samples(batch, parts.begin(shard), parts.size(shard), memory);
    return memory;
  }

  /// The states of a shard's samples, out of those of the whole batch.
  static void take_rows(const NetworkState<Scalar>& whole, const ShardCut& parts, Index shard,
                        NetworkState<Scalar>& part) {
    part.resize(whole.size());
    for (std::size_t l = 0; l < whole.size(); ++l) {
      part[l].h = whole[l].h.middleRows(parts.begin(shard), parts.size(shard));
      part[l].c = whole[l].c.middleRows(parts.begin(shard), parts.size(shard));
    }
  }
  static void put_rows(const NetworkState<Scalar>& part, const ShardCut& parts, Index shard,
                       NetworkState<Scalar>& whole) {
    for (std::size_t l = 0; l < whole.size(); ++l) {
      whole[l].h.middleRows(parts.begin(shard), parts.size(shard)) = part[l].h;
      whole[l].c.middleRows(parts.begin(shard), parts.size(shard)) = part[l].c;
    }
  }

  Index shards_;
  ThreadPool pool_;
  std::vector<Worker> workers_;
  std::vector<Result> results_;  // of the shards
};

}  // namespace glstm
