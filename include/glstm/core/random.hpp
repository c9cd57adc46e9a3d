// Random numbers that are the same on every platform for the same seed.
#pragma once

#include <cmath>
#include <cstdint>
#include <numbers>
#include <random>
#include <utility>
#include <vector>

#include "glstm/core/types.hpp"

GLSTM_BEGIN_NAMESPACE

/// A seeded generator. std::mt19937_64 is fixed by the standard but std's distributions are not,
/// so the distributions are spelled out here and a seed gives the same numbers everywhere.
class Rng {
 public:
  explicit Rng(std::uint64_t seed) : engine_(seed) {}

  /// Uniform in [0, 1), with 53 random bits.
  double uniform() { return static_cast<double>(engine_() >> 11) * 0x1.0p-53; }

  /// Uniform in [low, high).
  double uniform(double low, double high) { return low + (high - low) * uniform(); }

  /// Uniform integer in [0, count); count must be positive.
  Index below(Index count) {
    const auto range = static_cast<std::uint64_t>(count);
    const std::uint64_t limit = (~std::uint64_t{0} / range) * range;  // no modulo bias
    std::uint64_t bits = engine_();
    while (bits >= limit) bits = engine_();
    return static_cast<Index>(bits % range);
  }

  /// Standard normal (Box-Muller).
  double normal() {
    const double radius = std::sqrt(-2.0 * std::log(1.0 - uniform()));
    return radius * std::cos(2.0 * std::numbers::pi * uniform());
  }

  /// 0, 1, ..., count - 1 in random order (Fisher-Yates).
  std::vector<Index> permutation(Index count) {
    std::vector<Index> order(static_cast<std::size_t>(count));
    for (std::size_t i = 0; i < order.size(); ++i) order[i] = static_cast<Index>(i);
    for (std::size_t i = order.size(); i > 1; --i) {
      std::swap(order[i - 1], order[static_cast<std::size_t>(below(static_cast<Index>(i)))]);
    }
    return order;
  }

 private:
  std::mt19937_64 engine_;
};

namespace detail {

/// SplitMix64's output function: a bijection that turns neighbouring numbers into unrelated ones.
constexpr std::uint64_t mix_bits(std::uint64_t bits) {
  bits += 0x9e3779b97f4a7c15;
  bits = (bits ^ (bits >> 30)) * 0xbf58476d1ce4e5b9;
  bits = (bits ^ (bits >> 27)) * 0x94d049bb133111eb;
  return bits ^ (bits >> 31);
}

/// What a generated data set draws sample `sample` with: it depends on the seed and the sample
/// alone. The seed is mixed before the sample is added: otherwise the data of seeds 1 and 2 would
/// be the same samples, shifted by one.
inline Rng sample_rng(std::uint64_t seed, Index sample) {
  return Rng(mix_bits(mix_bits(seed) + static_cast<std::uint64_t>(sample)));
}

}  // namespace detail

GLSTM_END_NAMESPACE
