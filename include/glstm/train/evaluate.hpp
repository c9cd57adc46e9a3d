// Evaluates a network over a data set, or over streams.
#pragma once

#include <algorithm>
#include <cmath>
#include <mutex>
#include <span>
#include <string>
#include <vector>

#include "glstm/core/batch.hpp"
#include "glstm/core/error.hpp"
#include "glstm/core/flush_to_zero.hpp"
#include "glstm/core/thread_pool.hpp"
#include "glstm/data/batch_order.hpp"
#include "glstm/data/dataset.hpp"
#include "glstm/data/streams.hpp"
#include "glstm/nn/network.hpp"
#include "glstm/train/process_group.hpp"
#include "glstm/train/sharding.hpp"

GLSTM_BEGIN_NAMESPACE

/// Evaluates a network over a whole data set, in batches of `batch_size` samples, of similar
/// length where the data set tells their lengths, with denormals flushed to zero. Threads, and the
/// processes of `group` (null: this process alone), share the batches; the result is the same to
/// the bit for any number of them. Throws Error unless the data set has a sample, batch_size >= 1
/// and threads >= 1, and where a number in the data makes the loss infinite or not a number.
template <TimeGate Gate, class Scalar = typename Gate::Scalar>
Evaluation evaluate(const Network<Gate>& network, const Dataset<Scalar>& data,
                    Index batch_size = 100, Index threads = 1, ProcessGroup* group = nullptr) {
  using detail::require;
  require(data.size() >= 1, "there are no samples to evaluate");
  require(batch_size >= 1, "a batch needs at least one sample, got ", batch_size);
  require(threads >= 1, "there must be at least one thread, got ", threads);
  struct Worker {
    typename Network<Gate>::Tape tape;
    LabelledBatch<Scalar> batch;
  };
  const FlushToZero flush;
  const Index size = data.size();
  const Index batches = size / batch_size + (size % batch_size > 0 ? 1 : 0);
  ProcessGroup alone;
  ProcessGroup& all = group != nullptr ? *group : alone;
  const Index first_batch = all.first_of(batches, all.rank());
  const Index own_batches = all.first_of(batches, all.rank() + 1) - first_batch;
  ThreadPool pool(std::clamp<Index>(own_batches, 1, threads));
  std::vector<Worker> workers(static_cast<std::size_t>(pool.threads()));
  std::vector<Evaluation> found(static_cast<std::size_t>(batches));
  const std::vector<Index> order = detail::evaluation_order(data, batch_size);
  std::mutex loading;  // a data set may be unfit for two threads at once
  pool.run(own_batches, [&](Index own, Index number) {
    auto& [tape, batch] = workers[static_cast<std::size_t>(number)];
    const Index index = first_batch + own, first = index * batch_size;
    const std::span samples(order.begin() + first,
                            order.begin() + std::min(first + batch_size, size));
    {
      const std::lock_guard lock(loading);
      detail::load_batch(data, samples, batch);
    }
    Evaluation& result = found[static_cast<std::size_t>(index)];
    result = network.evaluate(batch, tape);
    if (std::isfinite(result.task.loss)) return;
    const std::string culprit = detail::first_number_not_finite(
        batch, network.predictions_per_sample(batch.input.timing), samples);
    require(culprit.empty(), "in the data to evaluate, ", culprit);
  });
  share_evaluations(all, found);
  EvaluationSum sum;
  for (const Evaluation& batch : found) sum.add(batch);
  return sum.mean();
}

/// Evaluates a network over streams, in chunks of `chunk_steps` steps, and carries the state from
/// each chunk to the next. The result equals that of whole streams, to rounding. Throws Error where
/// load_chunk and Network::evaluate do, and unless the streams have a step and chunk_steps >= 1.
template <TimeGate Gate, class Scalar = typename Gate::Scalar>
Evaluation evaluate_streams(const Network<Gate>& network, const StreamSource<Scalar>& streams,
                            Index chunk_steps) {
  detail::require(streams.steps() >= 1, "there are no steps to evaluate");
  detail::require(chunk_steps >= 1, "a chunk needs at least one step, got ", chunk_steps);
  const FlushToZero flush;
  typename Network<Gate>::Tape tape;
  LabelledBatch<Scalar> chunk;
  NetworkState<Scalar> state;
  EvaluationSum sum;
  for (Index first = 0; first < streams.steps(); first += chunk_steps) {
    load_chunk(streams, first, std::min(chunk_steps, streams.steps() - first), chunk);
    if (first == 0) state = network.initial_state(chunk.input.batch());
    sum.add(network.evaluate(chunk, tape, Path::scheduled, &state));
    state.swap(tape.final_states);
  }
  return sum.mean();
}

GLSTM_END_NAMESPACE
