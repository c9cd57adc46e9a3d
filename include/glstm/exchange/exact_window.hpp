// The times at which a Gaussian time gate opens and closes, to the last bit.
#pragma once

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

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
  const auto end = [&](Scalar outside) {
    if (!std::isfinite(outside)) return std::copysign(largest, outside);
    // Rounding moves the end by a few numbers; the search begins outside by more.
    Scalar inside = gate.mu(j);
    Scalar step = std::max(std::abs(outside - inside), std::abs(gate.sigma(j)) / 8);
    step = std::copysign(step, outside - inside);
    while (gate.is_open(j, outside)) outside += step / 8;
    for (;;) {
      const Scalar middle = inside + (outside - inside) / 2;
      if (middle == inside || middle == outside) return inside;
      (gate.is_open(j, middle) ? inside : outside) = middle;
    }
  };
  return {end(window.open), end(window.close)};
}

}  // namespace detail
GLSTM_END_NAMESPACE
