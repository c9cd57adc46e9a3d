// Random initial weights.
#pragma once

#include <cmath>

#include "glstm/core/random.hpp"
#include "glstm/core/types.hpp"

GLSTM_BEGIN_NAMESPACE

/// Fills a weight matrix [out, in] uniformly in +-sqrt(6 / (fan_in + fan_out)) (Glorot & Bengio
/// 2010, eq. 16). The fans are given because the rows of an LSTM's matrix are four matrices.
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
/// keeps them orthogonal to rounding; and Eigen's QR would double the time to compile the library.
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

GLSTM_END_NAMESPACE
