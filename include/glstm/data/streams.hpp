// Long streams, read in chunks.
#pragma once

#include <utility>

#include "glstm/core/batch.hpp"
#include "glstm/core/error.hpp"
#include "glstm/core/timing.hpp"
#include "glstm/core/types.hpp"

GLSTM_BEGIN_NAMESPACE

/// Parallel streams that are too long to train on in one piece: they are loaded in chunks, in
/// order.
template <class Scalar>
class StreamSource {
 public:
  virtual ~StreamSource() = default;

  virtual Index steps() const = 0;  ///< the number of steps of the longest stream

  /// Writes `count` steps of all streams, from step `first` on, with targets for every step and,
  /// where streams end within the chunk, lengths. The chunk needs the timestamps of the streams;
  /// they may be left out only at first = 0, for times 0, 1, 2, ...
  virtual void load(Index first, Index count, LabelledBatch<Scalar>& chunk) const = 0;
};

/// Loads a chunk. Throws Error when the source gives another number of steps, no valid step, or no
/// timestamps for a later chunk, whose times would start from 0 again.
template <class Scalar>
void load_chunk(const StreamSource<Scalar>& streams, Index first, Index count,
                LabelledBatch<Scalar>& chunk) {
  streams.load(first, count, chunk);
  const Timing& timing = chunk.input.timing;
  timing.check();
  detail::require(timing.steps == count, "the chunk of streams from step ", first, " on must have ",
                  count, " steps, got ", timing.steps);
  detail::require(timing.valid_steps() >= 1, "all streams end before step ", first,
                  ", and yet the longest was said to have ", streams.steps(), " steps");
  detail::require(first == 0 || timing.timestamps.size() > 0, "the chunk of streams from step ",
                  first, " on needs timestamps: without them its times would start from 0 again");
}

/// Streams in memory.
template <class Scalar>
class StreamsInMemory final : public StreamSource<Scalar> {
 public:
  /// Throws Error unless the batch fits together and has a valid step and targets for every step.
  explicit StreamsInMemory(LabelledBatch<Scalar> streams) : streams_(std::move(streams)) {
    streams_.input.check();
    detail::require(steps() >= 1, "streams need at least one valid step");
    LabelledBatch<Scalar> first_step;
    copy_steps(streams_, 0, 1, first_step);
  }
  Index steps() const override { return streams_.input.timing.longest(); }
  void load(Index first, Index count, LabelledBatch<Scalar>& chunk) const override {
    copy_steps(streams_, first, count, chunk);
  }

 private:
  LabelledBatch<Scalar> streams_;
};

GLSTM_END_NAMESPACE
