// Random initial parameters.
#pragma once

#include <cmath>

#include "glstm/core/error.hpp"
#include "glstm/core/random.hpp"
#include "glstm/core/types.hpp"
#include "glstm/gates/time_gate.hpp"
#include "glstm/lstm/layer.hpp"

GLSTM_BEGIN_NAMESPACE

/// How the initial values of a network are drawn.
struct Initialization {
  double forget_bias = 1;  ///< large values remember long from the start
  /// 0: none. Otherwise the steps of the longest memory that biases are drawn for by chrono
  /// initialisation (Tallec & Ollivier, arXiv:1804.11188): b_f = log U(1, memory - 1), b_i = -b_f;
  /// forget_bias is unused.
  double longest_memory = 0;
  GateSpread gates;  ///< where the time gates start out

  /// Throws Error if longest_memory is neither 0 nor at least 2; the gates check their spread.
  void check() const {
    detail::require(longest_memory == 0 || (longest_memory >= 2 && std::isfinite(longest_memory)),
                    "longest_memory must be 0 or at least 2 steps, got ", longest_memory);
  }
};

/// Fills a weight matrix [out, in] uniformly in +-sqrt(6 / (fan_in + fan_out)) (Glorot & Bengio
/// 2010, eq. 16). The caller passes the fans, because the matrix of an LSTM stacks those of four
/// gates.
template <class Derived>
void fill_glorot(Eigen::MatrixBase<Derived>& weights, Index fan_in, Index fan_out, Rng& rng) {
  const double limit = std::sqrt(6.0 / static_cast<double>(fan_in + fan_out));
  for (Index col = 0; col < weights.cols(); ++col) {
    for (Index row = 0; row < weights.rows(); ++row) {
      weights(row, col) = static_cast<typename Derived::Scalar>(rng.uniform(-limit, limit));
    }
  }
}

/// Fills a square matrix with a random orthogonal one (Saxe, McClelland, Ganguli 2014): a Gaussian
/// matrix, its columns made orthonormal by Gram-Schmidt. Each column is projected twice, which
/// keeps them orthogonal to rounding. Eigen's QR would double the time to compile the library.
template <class Derived>
void fill_orthogonal(Eigen::MatrixBase<Derived>&& weights, Rng& rng) {
  const Index n = weights.rows();
  Eigen::MatrixXd q(n, n);
  for (Index i = 0; i < q.size(); ++i) q.data()[i] = rng.normal();
  for (Index col = 0; col < n; ++col) {
    for (int pass = 0; pass < 2; ++pass) {
      for (Index other = 0; other < col; ++other) {
        q.col(col) -= q.col(other).dot(q.col(col)) * q.col(other);
      }
    }
    q.col(col).normalize();
  }
  weights = q.cast<typename Derived::Scalar>();
}

namespace detail {

/// Draws the weights and biases of a layer, of which `parameters` holds the blocks.
template <TimeGate Gate, class Scalar = typename Gate::Scalar>
void draw_weights(const Layer<Gate>& layer, const Initialization& initial, Rng& rng,
                  Vector<Scalar>& parameters) {
  const Index H = layer.hidden(), I = layer.inputs();
  LstmGradients<Scalar> blocks = layer.gradients(parameters);  // writable views
  fill_glorot(blocks.dWx, I, H, rng);
  for (Index g = 0; g < 4; ++g) fill_orthogonal(blocks.dWh.middleRows(g * H, H), rng);
  blocks.db.setZero();
  blocks.db.segment(H, H).setConstant(Scalar(initial.forget_bias));
  const double memory = initial.longest_memory;
  for (Index j = 0; memory > 0 && j < H; ++j) {
    blocks.db(H + j) = static_cast<Scalar>(std::log(rng.uniform(1, memory - 1)));
    blocks.db(j) = -blocks.db(H + j);
  }
}

}  // namespace detail
GLSTM_END_NAMESPACE
