// The integer arithmetic of exported headers: factors, tables, and weights in 8 bits.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "glstm/core/error.hpp"
#include "glstm/core/types.hpp"

GLSTM_BEGIN_NAMESPACE
namespace detail::integer {

/// A product with a number in place of a factor: value multiplier / 2^(16 + shift).
struct Factor {
  std::int16_t multiplier = 0;
  std::uint8_t shift = 0;

  /// The factor nearest to `value`, which must be at least 0 and below 1/2.
  static Factor of(double value) {
    require(value >= 0 && value < 0.5, "a factor of integer arithmetic is out of range: ", value);
    Factor factor;
    if (value == 0) return factor;
    int exponent = 0;
    const double fraction = std::frexp(value, &exponent);  // value = fraction 2^exponent
    // multiplier in 2^14 ... 2^15 unless the shift would be too long
    const int shift = std::min(-1 - exponent, 30);
    factor.shift = static_cast<std::uint8_t>(shift);
    factor.multiplier = static_cast<std::int16_t>(
        std::min(32767.0, std::round(std::ldexp(fraction, exponent + 16 + shift))));
    return factor;
  }
};

/// value multiplier / 2^(16 + shift): rounded down to a multiple of 2^-shift, then to nearest.
inline std::int32_t rescale(std::int32_t value, Factor factor) {
  const std::int32_t m = factor.multiplier, high = (value >> 16) * m;
  const std::uint32_t low =
      (static_cast<std::uint32_t>(value) & 0xffffu) * static_cast<std::uint32_t>(m);
  const std::int32_t product = high + static_cast<std::int32_t>(low >> 16);
  return (product + ((1 << factor.shift) >> 1)) >> factor.shift;
}

/// tanh(n / 32) in Q15 for n = 0 ... 256.
inline std::vector<std::int16_t> tanh_table() {
  std::vector<std::int16_t> table;
  for (int n = 0; n <= 256; ++n) {
    table.push_back(static_cast<std::int16_t>(std::lround(32767 * std::tanh(n / 32.0))));
  }
  return table;
}

/// exp(-(n / 64)^2) in Q15 up to where it is less than half a unit.
inline std::vector<std::uint16_t> openness_table() {
  std::vector<std::uint16_t> table;
  for (int n = 0; n <= 216; ++n) {
    const double u = n / 64.0;
    table.push_back(static_cast<std::uint16_t>(std::lround(32768 * std::exp(-u * u))));
  }
  return table;
}

/// Interpolates a table with 128 places between two entries.
template <class Table>
std::int32_t interpolate(const Table& table, std::int32_t place) {
  const auto n = static_cast<std::size_t>(
      std::min<std::int32_t>(place, 128 * (static_cast<std::int32_t>(table.size()) - 1) - 1));
  const std::int32_t a = table[n / 128], b = table[n / 128 + 1];
  return a + (((b - a) * static_cast<std::int32_t>(n % 128) + 64) >> 7);
}

/// Weights [rows,columns] in 8 bits, and a factor for each row.
struct Rows {
  Matrix<std::int8_t> values;
  std::vector<Factor> factors;
};

/// `unit(c)` is what a number 1 of column c stands for, `result` what a result of 1 does.
template <class Derived, class Unit>
Rows to_rows(const Eigen::MatrixBase<Derived>& weights, const Unit& unit, double result) {
  Rows rows{Matrix<std::int8_t>::Zero(weights.rows(), weights.cols()), {}};
  for (Index r = 0; r < weights.rows(); ++r) {
    double largest = 0, sum = 0;
    for (Index c = 0; c < weights.cols(); ++c) {
      const double w = std::abs(static_cast<double>(weights(r, c))) * unit(c);
      largest = std::max(largest, w);
      sum += w;
    }
    // The sum of all products must fit into 31 bits, with numbers up to 2^15 and rounded weights.
    const double room = 65535 - 0.5 * static_cast<double>(weights.cols());
    const double scale = std::max(largest / 127, sum / room);
    rows.factors.push_back(Factor::of(scale / result));
    if (scale == 0) continue;
    for (Index c = 0; c < weights.cols(); ++c) {
      rows.values(r, c) = static_cast<std::int8_t>(
          std::lround(static_cast<double>(weights(r, c)) * unit(c) / scale));
    }
  }
  return rows;
}

}  // namespace detail::integer
GLSTM_END_NAMESPACE
