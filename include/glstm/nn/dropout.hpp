// Dropout of the states that layers hand on.
#pragma once

#include <cstdint>

#include "glstm/core/error.hpp"
#include "glstm/core/random.hpp"
#include "glstm/core/types.hpp"

GLSTM_BEGIN_NAMESPACE

/// What a training step leaves out: each hidden state that a layer hands on to the next one, or to
/// the readout, is 0 with probability `rate`, and divided by 1 - rate otherwise. A neuron is left
/// out in all steps of a sequence (Gal and Ghahramani 2016, "A theoretically grounded application
/// of dropout in recurrent neural networks"), so that a state that a closed gate keeps stays what
/// it is. Recurrent connections and inputs stay whole. What is left out depends on the seed and the
/// sample alone.
struct Dropout {
  double rate = 0;         ///< in [0, 1)
  std::uint64_t seed = 0;  ///< of the step
  Index first_sample = 0;  ///< where samples are a part of a batch, the number of their first

  /// Throws Error unless the rate lies in [0, 1).
  void check() const {
    detail::require(rate >= 0 && rate < 1, "dropout must lie in [0, 1), got ", rate);
  }

  /// Writes the factors [B,H] of layer l.
  template <class Scalar>
  void draw(Index layer, Index batch, Index hidden, Matrix<Scalar>& factors) const {
    const Scalar kept = static_cast<Scalar>(1 / (1 - rate));
    factors.resize(batch, hidden);
    for (Index b = 0; b < batch; ++b) {
      Rng rng = detail::sample_rng(seed + static_cast<std::uint64_t>(layer), first_sample + b);
      for (Index j = 0; j < hidden; ++j) factors(b, j) = rng.uniform() < rate ? Scalar(0) : kept;
    }
  }
};

namespace detail {

/// Multiplies the states, or their gradients, of all steps [B, H*N] by the factors [B,H].
template <class Scalar>
void apply_dropout(const Matrix<Scalar>& factors, Matrix<Scalar>& states) {
  for (Index first = 0; first < states.cols(); first += factors.cols()) {
    states.middleCols(first, factors.cols()).array() *= factors.array();
  }
}

}  // namespace detail
GLSTM_END_NAMESPACE
