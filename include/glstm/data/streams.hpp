// Long streams, read in chunks.
#pragma once

#include <utility>

#include "glstm/core/batch.hpp"
#include "glstm/core/error.hpp"
#include "glstm/core/timing.hpp"
#include "glstm/core/types.hpp"

GLSTM_BEGIN_NAMESPACE

/// Streams that run side by side, each too long for the memory that training needs for all of its
/// steps: they are read in chunks, in order.
template <class Scalar>
class StreamSource {
 public:
  virtual ~StreamSource() = default;

  virtual Index steps() const = 0;  ///< of the longest stream

  /// Writes `count` steps of all streams, from step `first` on, with the targets of every step, and
  /// lengths where streams end in them. Timestamps are those of the streams; only at first = 0 may
  /// they be left out, as times 0, 1, 2, ...
  virtual void load(Index first, Index count, LabelledBatch<Scalar>& chunk) const = 0;
};

/// Loads a chunk. Throws Error when the source gives another number of steps, none that is valid,
/// or no timestamps, with which the time of a later chunk would start again from 0.
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

/// Streams that are in memory.
template <class Scalar>
class StreamsInMemory final : public StreamSource<Scalar> {
 public:
  /// Throws Error unless the batch fits together, has a valid step, and targets for every step.
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
