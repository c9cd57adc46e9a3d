// Sequences read backwards, for the second half of a bidirectional layer.
#pragma once

#include <algorithm>

#include "glstm/core/timing.hpp"
#include "glstm/core/types.hpp"

GLSTM_BEGIN_NAMESPACE
namespace detail {

/// The valid steps of every sample in the reverse order, from its last one to its first; what is
/// past a sample's length stays in its place. Its own inverse.
///
///     values    [B, F*T]  F = features
///     reversed  [B, F*T]  out, no view of values
template <class Scalar>
void reverse_steps(const ConstMatrixRef<Scalar>& values, Index features, const Timing& timing,
                   Matrix<Scalar>& reversed) {
  reversed.resize(values.rows(), values.cols());
  for (Index n = 0; n < timing.steps; ++n) {
    auto out = reversed.middleCols(n * features, features);
    if (timing.lengths.empty()) {
      out = values.middleCols((timing.steps - 1 - n) * features, features);
      continue;
    }
    for (Index b = 0; b < timing.batch; ++b) {
      const Index source = n < timing.length(b) ? timing.length(b) - 1 - n : n;
      out.row(b) = values.row(b).segment(source * features, features);
    }
  }
}

/// The clock of the reversed steps: it starts where a sample's timestamps start and runs as far
/// forward as one goes back from the sample's last valid step,
///
///     t'(n) = t(0) + t(L - 1) - t(L - 1 - n)   for a sample of length L
///
/// so that windows of both directions lie in the same span of time. Step indices stay step indices.
inline Timing reverse_timing(const Timing& timing) {
  Timing reversed{timing.batch, timing.steps, {}, timing.lengths};
  if (timing.timestamps.size() == 0) return reversed;
  const bool shared = timing.timestamps.rows() == 1 && timing.lengths.empty();
  reversed.timestamps.setZero(shared ? 1 : timing.batch, timing.steps);
  for (Index b = 0; b < reversed.timestamps.rows(); ++b) {
    const Index length = timing.length(b);
    for (Index n = 0; n < length; ++n) {
      reversed.timestamps(b, n) =
          timing.time(b, 0) + (timing.time(b, length - 1) - timing.time(b, length - 1 - n));
    }
  }
  return reversed;
}

/// Columns of two halves [B, H*T] side by side in every step, [B, 2H*T].
template <class Scalar>
void join_halves(const Matrix<Scalar>& first, const Matrix<Scalar>& second, Index steps,
                 Matrix<Scalar>& joined) {
  const Index H = steps > 0 ? first.cols() / steps : 0;
  joined.resize(first.rows(), 2 * first.cols());
  for (Index n = 0; n < steps; ++n) {
    joined.middleCols(2 * n * H, H) = first.middleCols(n * H, H);
    joined.middleCols((2 * n + 1) * H, H) = second.middleCols(n * H, H);
  }
}

/// The half 0 or 1 of every step of `joined` [B, 2H*T].
template <class Scalar>
void take_half(const Matrix<Scalar>& joined, Index steps, Index half, Matrix<Scalar>& taken) {
  const Index H = steps > 0 ? joined.cols() / (2 * steps) : 0;
  taken.resize(joined.rows(), H * steps);
  for (Index n = 0; n < steps; ++n) {
    taken.middleCols(n * H, H) = joined.middleCols((2 * n + half) * H, H);
  }
}

}  // namespace detail
GLSTM_END_NAMESPACE
