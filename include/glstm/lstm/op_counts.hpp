// What a forward pass does, in numbers: neuron updates, multiply-accumulates and bytes of the tape.
// Every count of the latter two is made here.
#pragma once

#include "glstm/core/timing.hpp"
#include "glstm/core/types.hpp"

GLSTM_BEGIN_NAMESPACE

/// What a forward pass did, beside what a dense LSTM would have done.
struct OpCounts {
  double updates = 0, dense_updates = 0;  ///< neuron updates: (sample, valid step, neuron)
  double macs = 0,
         dense_macs = 0;  ///< multiply-accumulates of the weight products, padding included
  double tape_bytes = 0, dense_tape_bytes = 0;  ///< memory kept for the backward pass
  double openness = 0;                          ///< sum of k over the updates

  /// The share of neuron updates that were computed, in [0, 1].
  double update_share() const { return dense_updates > 0 ? updates / dense_updates : 0; }

  OpCounts& operator+=(const OpCounts& other) {
    updates += other.updates;
    dense_updates += other.dense_updates;
    macs += other.macs;
    dense_macs += other.dense_macs;
    tape_bytes += other.tape_bytes;
    dense_tape_bytes += other.dense_tape_bytes;
    openness += other.openness;
    return *this;
  }
};

namespace scheduled {

/// Where the parts of one step are in the tape, as offsets from the step's start. All columns are
/// `stride` scalars apart.
struct StepLayout {
  Index u = 0;  ///< [stride, open + inputs] h_prev of the open neurons, then x
  Index c_prev, gates, k, size;

  StepLayout(Index stride, Index open, Index inputs, bool k_per_sample) {
    c_prev = u + stride * (open + inputs);
    gates = c_prev + stride * open;
    k = gates + 4 * stride * open;
    size = k + (k_per_sample ? stride * open : (open + 15) / 16 * 16);
  }
};

/// The multiply-accumulates of one product: `rows` samples, `columns` columns of [h | x], the four
/// gates of `neurons` neurons.
inline double product_macs(Index rows, Index columns, Index neurons) {
  return 4.0 * static_cast<double>(rows) * static_cast<double>(columns) *
         static_cast<double>(neurons);
}

/// The bytes of `steps` steps of a StepLayout or BlockStepLayout on the tape.
template <class Scalar, class Layout>
double tape_bytes(Index steps, const Layout& layout) {
  return static_cast<double>(steps * layout.size) * static_cast<double>(sizeof(Scalar));
}

/// What a dense LSTM would do; all other counts are zero. `stride` is that of the tape's columns.
template <class Scalar>
OpCounts dense_counts(const Timing& timing, Index hidden, Index inputs, Index stride) {
  OpCounts ops;
  ops.dense_updates = static_cast<double>(timing.valid_steps()) * static_cast<double>(hidden);
  ops.dense_macs = product_macs(timing.batch * timing.longest(), hidden + inputs, hidden);
  ops.dense_tape_bytes =
      tape_bytes<Scalar>(timing.steps, StepLayout(stride, hidden, inputs, false));
  return ops;
}

}  // namespace scheduled
GLSTM_END_NAMESPACE
