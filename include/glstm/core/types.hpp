// The matrix and index types that every other header uses.
#pragma once

#include <Eigen/Core>

namespace glstm {

using Index = Eigen::Index;

template <class Scalar>
using Matrix = Eigen::Matrix<Scalar, Eigen::Dynamic, Eigen::Dynamic>;

template <class Scalar>
using Vector = Eigen::Matrix<Scalar, Eigen::Dynamic, 1>;

/// Read-only and writable matrix arguments; any block of a Matrix binds without a copy.
template <class Scalar>
using ConstMatrixRef = Eigen::Ref<const Matrix<Scalar>>;
template <class Scalar>
using MatrixRef = Eigen::Ref<Matrix<Scalar>>;

template <class Scalar>
using ConstVectorRef = Eigen::Ref<const Vector<Scalar>>;
template <class Scalar>
using VectorRef = Eigen::Ref<Vector<Scalar>>;

}  // namespace glstm
