// The times at which a Gaussian time gate opens and closes, to the last bit.
#pragma once

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "glstm/core/finite.hpp"
#include "glstm/core/types.hpp"
#include "glstm/gates/gaussian_gate.hpp"

GLSTM_BEGIN_NAMESPACE
namespace detail {

/// The first and the last time at which the gate of neuron j is open, to the last bit; the whole
/// range of numbers if it never closes.
template <class Scalar>
std::pair<Scalar, Scalar> exact_window(const GaussianGate<Scalar>& gate, Index j) {
  constexpr Scalar largest = std::numeric_limits<Scalar>::max();
  const auto window = gate.next_window(j, -largest);
  const auto end = [&](Scalar outside, Scalar direction) {
    if (!is_finite(outside)) return direction * largest;
    // Rounding moves the end by a few numbers; the search begins outside.
    Scalar inside = gate.mu(j);
    const Scalar ulp = std::max(std::abs(inside) * std::numeric_limits<Scalar>::epsilon(),
                                std::numeric_limits<Scalar>::min());
    Scalar step = std::max(ulp, std::abs(gate.sigma(j)) / 64);
    while (gate.is_open(j, outside)) {
      inside = outside;
      outside += direction * step;
      step *= 2;
    }
    for (;;) {
      const Scalar middle = inside + (outside - inside) / 2;
      if (middle == inside || middle == outside) return inside;
      (gate.is_open(j, middle) ? inside : outside) = middle;
    }
  };
  return {end(window.open, -1), end(window.close, 1)};
}

}  // namespace detail
GLSTM_END_NAMESPACE
