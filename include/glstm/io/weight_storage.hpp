// Storing weights in 8 or 16 bits where memory is short.
#pragma once

#include <Eigen/Core>
#include <algorithm>
#include <cmath>
#include <cstdint>

#include "glstm/core/error.hpp"
#include "glstm/core/types.hpp"
#include "glstm/nn/network.hpp"

GLSTM_BEGIN_NAMESPACE

/// How the weight matrices of a network are stored. Biases and time-gate parameters always keep
/// their type.
///
///     full     the type of the network
///     float16  IEEE half precision, rounded to nearest; the error is at most 2^-11 of the weight
///     or
///              2^-25, whichever is larger
///     int8     integers in -127..127 and one scale s for each row, the row's largest magnitude /
///              127; the error is at most s / 2
enum class WeightStorage { full, float16, int8 };

namespace detail {

/// A matrix [R,C] whose weight (r, c) is scales(r) * values(r, c).
template <class Scalar>
struct Int8Rows {
  Matrix<std::int8_t> values;
  Vector<Scalar> scales;

  Matrix<Scalar> restored() const { return scales.asDiagonal() * values.template cast<Scalar>(); }
};

/// Divides each row by its scale, its largest magnitude / 127, and rounds to nearest. The weights
/// must be finite. Throws Error if a weight is too large to be restored.
template <class Scalar>
Int8Rows<Scalar> to_int8_rows(const ConstMatrixRef<Scalar>& weights) {
  Int8Rows<Scalar> rows;
  rows.values.setZero(weights.rows(), weights.cols());
  rows.scales.setZero(weights.rows());
  for (Index r = 0; r < weights.rows() && weights.cols() > 0; ++r) {
    const Scalar largest = weights.row(r).cwiseAbs().maxCoeff(), scale = largest / Scalar(127);
    // Rounding can make 127 * scale infinite, which could not be read again.
    require(std::isfinite(127 * scale), "expected numbers in the range of int8 storage, got ",
            largest);
    rows.scales(r) = scale;
    if (scale == Scalar(0)) continue;
    for (Index c = 0; c < weights.cols(); ++c) {
      const Scalar value = std::round(weights(r, c) / scale);  // beyond 127 if scale is denormal
      rows.values(r, c) = static_cast<std::int8_t>(std::clamp(value, Scalar(-127), Scalar(127)));
    }
  }
  return rows;
}

/// Rounds to the nearest number of IEEE half precision. Throws Error if `weight` is not finite or
/// its magnitude is beyond 65504, the largest one.
template <class Scalar>
Eigen::half to_float16(Scalar weight) {
  const Eigen::half rounded(static_cast<float>(weight));
  require(Eigen::numext::isfinite(static_cast<float>(rounded)),
          "expected numbers in the range of float16, -65504..65504, got ", weight);
  return rounded;
}

}  // namespace detail

/// Returns the network with weights rounded as `storage` does. Throws Error if a weight is beyond
/// its range.
template <TimeGate Gate>
Network<Gate> as_stored(Network<Gate> network, WeightStorage storage) {
  using Scalar = typename Gate::Scalar;
  for (const ParameterBlock& block : network.layout().blocks()) {
    if (block.role != ParameterRole::weight || storage == WeightStorage::full) continue;
    auto weights = block_view(network.parameters, block);
    if (storage == WeightStorage::int8) {
      weights = detail::to_int8_rows<Scalar>(weights).restored();
      continue;
    }
    for (Scalar& weight : weights.reshaped()) {
      weight = static_cast<Scalar>(detail::to_float16(weight));
    }
  }
  return network;
}
GLSTM_END_NAMESPACE
