// Gradient clipping.
#pragma once

#include <cmath>

#include "glstm/core/error.hpp"
#include "glstm/core/types.hpp"

GLSTM_BEGIN_NAMESPACE

/// Scales `gradient` [P] (in and out) down to the Euclidean norm `max_norm` if its norm is larger
/// (Pascanu et al. 2013, arXiv:1211.5063, algorithm 1). Returns the norm before that. It leaves a
/// gradient alone that is not finite; the norm is then not finite either, and the caller should not
/// take a step. max_norm = infinity only measures. Throws Error unless max_norm is positive.
template <class Scalar>
double clip_by_global_norm(Vector<Scalar>& gradient, double max_norm) {
  detail::require(max_norm > 0, "max_norm must be positive, got ", max_norm);

  double norm = gradient.template cast<double>().norm();
  if (std::isinf(norm)) {
    // Squares of floats always fit a double, squares of doubles may not: scale them first.
    const double largest = static_cast<double>(gradient.cwiseAbs().maxCoeff());
    if (std::isfinite(largest)) {
      norm = largest * (gradient.template cast<double>() / largest).norm();
    }
  }
  if (std::isfinite(norm) && norm > max_norm) {
    // In double, and in this order: max_norm / norm may be too small a number for a float.
    gradient = (gradient.template cast<double>() / norm * max_norm).template cast<Scalar>();
  }
  return norm;
}

GLSTM_END_NAMESPACE
