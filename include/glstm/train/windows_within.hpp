// Keeps the open windows of Gaussian time gates within a span of time.
#pragma once

#include <algorithm>
#include <cmath>
#include <vector>

#include "glstm/core/error.hpp"
#include "glstm/nn/network.hpp"

GLSTM_BEGIN_NAMESPACE

/// A ParameterRule that keeps the inner part |t - mu| <= |sigma| of every window within [first,
/// last]. It moves a centre that is nearer to an end than one width, and centres a window whose
/// inner part is longer than the span.
///
/// A window outside the sequences never opens, gets no gradient and never comes back. With this
/// rule a window that widens at an end moves inwards instead. The outer part, where k < 1/e, may
/// lie outside the span. If whole windows had to lie inside, only the flanks of the outermost gates
/// would cover the first and the last steps, and hardly any neuron would see them.
template <class Scalar>
class WindowsWithin {
 public:
  /// Applies to all layers of `network`; `first` and `last` are relative to the time origin, in the
  /// unit of the timestamps. Throws Error unless they are finite and first < last.
  WindowsWithin(const Network<GaussianGate<Scalar>>& network, double first, double last)
      : layers_(network.layers()),
        first_(static_cast<Scalar>(first)),
        last_(static_cast<Scalar>(last)) {
    detail::require(std::isfinite(first_) && std::isfinite(last_) && first_ < last_,
                    "windows must be kept within a span of time, got ", first, " to ", last);
  }

  /// Moves the centres in `parameters` [P] that are too near to an end.
  void operator()(Index, Vector<Scalar>& parameters) const {
    const Scalar half_span = (last_ - first_) / 2;
    for (const Layer<GaussianGate<Scalar>>& layer : layers_) {
      auto gates = layer.gate_parameters(parameters);  // [H,2]: mu, sigma
      for (Index j = 0; j < gates.rows(); ++j) {
        const Scalar margin = std::min(std::abs(gates(j, 1)), half_span);
        // Not std::clamp: where margin is half the span, rounding may make the bounds cross.
        gates(j, 0) = std::min(std::max(gates(j, 0), first_ + margin), last_ - margin);
      }
    }
  }

 private:
  std::vector<Layer<GaussianGate<Scalar>>> layers_;
  Scalar first_, last_;
};

GLSTM_END_NAMESPACE
