// Whether numbers are finite, also where the compiler was told that all are.
#pragma once

#include <cstdint>
#include <type_traits>

#include "glstm/core/types.hpp"

GLSTM_BEGIN_NAMESPACE
namespace detail {

/// Whether the compiler assumes that no number is NaN or infinite, as with -ffast-math. It then
/// removes std::isfinite, std::isnan and every comparison that only such a number would fail.
#if (defined(__FINITE_MATH_ONLY__) && __FINITE_MATH_ONLY__) || defined(_M_FP_FAST)
inline constexpr bool assumes_finite_numbers = true;
#else
inline constexpr bool assumes_finite_numbers = false;
#endif

/// The bits of a float or double without its sign. Takes a reference: for a value that is passed,
/// Clang applies the assumption to the bits too.
template <class Real>
auto magnitude_bits(const Real& number) {
  static_assert(std::is_same_v<Real, float> || std::is_same_v<Real, double>);
  using Bits = std::conditional_t<std::is_same_v<Real, float>, std::uint32_t, std::uint64_t>;
  return static_cast<Bits>(Eigen::numext::bit_cast<Bits>(number) & (~Bits{0} >> 1));
}

/// The magnitude_bits of infinity; those of NaN are larger.
template <class Real>
inline constexpr auto infinity_bits = [] {
  if constexpr (std::is_same_v<Real, float>) {
    return std::uint32_t{0x7f800000};
  } else {
    return std::uint64_t{0x7ff0000000000000};
  }
}();

/// std::isfinite, also with -ffast-math.
template <class Real>
bool is_finite(const Real& number) {
  return magnitude_bits(number) < infinity_bits<Real>;
}

/// std::isnan, also with -ffast-math.
template <class Real>
bool is_nan(const Real& number) {
  return magnitude_bits(number) > infinity_bits<Real>;
}

/// Returns whether all numbers of a matrix are finite, also with -ffast-math if they are of type
/// float or double.
template <class Real>
bool all_finite(const Matrix<Real>& numbers) {
  if constexpr (assumes_finite_numbers && std::is_floating_point_v<Real>) {
    for (const Real& number : numbers.reshaped()) {
      if (!is_finite(number)) return false;
    }
    return true;
  } else {
    return numbers.allFinite();
  }
}

}  // namespace detail
GLSTM_END_NAMESPACE
