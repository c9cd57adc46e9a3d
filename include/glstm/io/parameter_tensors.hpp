// Parameter blocks as tensors of a file.
#pragma once

#include <cmath>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include "glstm/core/error.hpp"
#include "glstm/core/parameters.hpp"
#include "glstm/core/types.hpp"
#include "glstm/io/safetensors.hpp"

GLSTM_BEGIN_NAMESPACE
namespace detail {

// The tensors of a checkpoint besides the parameter blocks.
inline constexpr const char* moments_name = "optimizer.moments";
inline constexpr const char* average_name = "average";

/// Returns the safetensors data type of parameters.
template <class Scalar>
constexpr std::string_view scalar_dtype() {
  static_assert(std::is_same_v<Scalar, float> || std::is_same_v<Scalar, double>,
                "files hold float or double parameters");
  return std::is_same_v<Scalar, float> ? "F32" : "F64";
}

/// Returns the shape of a block as a tensor: weights are matrices, even with a single column;
/// biases and time-gate parameters are vectors.
inline std::vector<Index> tensor_shape(const ParameterBlock& block) {
  if (block.role != ParameterRole::weight && block.cols == 1) return {block.rows};
  return {block.rows, block.cols};
}

/// Returns the matrix as a row-major tensor of `shape`. Throws Error, which begins with `where`, if
/// a number is not finite.
template <class Derived>
Tensor to_tensor(const Eigen::MatrixBase<Derived>& matrix, std::vector<Index> shape,
                 const std::string& where) {
  using Scalar = typename Derived::Scalar;
  std::vector<Scalar> values;
  values.reserve(static_cast<std::size_t>(matrix.size()));
  for (Index row = 0; row < matrix.rows(); ++row) {
    for (Index col = 0; col < matrix.cols(); ++col) {
      require(std::isfinite(matrix(row, col)), where, ": expected finite numbers, got ",
              matrix(row, col));
      values.push_back(matrix(row, col));
    }
  }
  return {std::move(shape), std::move(values)};
}

/// Copies matrix.size() numbers in row-major order into `matrix`. Throws Error, which begins with
/// `where`, if one is not finite.
template <class Derived>
void read_numbers(const std::vector<typename Derived::Scalar>& numbers, const std::string& where,
                  Eigen::MatrixBase<Derived>&& matrix) {
  auto number = numbers.begin();
  for (Index row = 0; row < matrix.rows(); ++row) {
    for (Index col = 0; col < matrix.cols(); ++col, ++number) {
      require(std::isfinite(*number), where, ": expected finite numbers, got ", *number);
      matrix(row, col) = *number;
    }
  }
}

inline void require_dtype(const Tensor& tensor, std::string_view dtype, const std::string& where) {
  require(tensor.dtype() == dtype, where, ": expected numbers of type ", dtype, ", got ",
          tensor.dtype());
}

/// Copies a row-major tensor into `matrix`, which has as many numbers.
template <class Derived>
void read_tensor(const Tensor& tensor, const std::string& where,
                 Eigen::MatrixBase<Derived>&& matrix) {
  using Scalar = typename Derived::Scalar;
  require_dtype(tensor, scalar_dtype<Scalar>(), where);
  read_numbers(std::get<std::vector<Scalar>>(tensor.values), where, std::move(matrix));
}

inline void require_shape(const Tensor& tensor, const std::vector<Index>& shape,
                          const std::string& where) {
  require(tensor.shape == shape, where, ": expected shape ", Json(shape), ", got ",
          Json(tensor.shape));
}

}  // namespace detail
GLSTM_END_NAMESPACE
