// The matrix and index types that every other header uses.
#pragma once

#include <Eigen/Core>

#include "glstm/core/abi.hpp"

GLSTM_BEGIN_NAMESPACE

/// Sizes and places in matrices and vectors; signed.
using Index = Eigen::Index;

/// [rows, columns], column-major, of any size.
template <class Scalar>
using Matrix = Eigen::Matrix<Scalar, Eigen::Dynamic, Eigen::Dynamic>;

/// A column of any length.
template <class Scalar>
using Vector = Eigen::Matrix<Scalar, Eigen::Dynamic, 1>;

/// A read-only matrix argument; any block of a Matrix binds without a copy.
template <class Scalar>
using ConstMatrixRef = Eigen::Ref<const Matrix<Scalar>>;
/// Likewise, to be written to.
template <class Scalar>
using MatrixRef = Eigen::Ref<Matrix<Scalar>>;

/// A read-only vector argument.
template <class Scalar>
using ConstVectorRef = Eigen::Ref<const Vector<Scalar>>;

GLSTM_END_NAMESPACE
