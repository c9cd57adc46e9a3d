// Keeps the open windows of Gaussian time gates within a span of time.
#pragma once

#include <algorithm>
#include <cmath>
#include <vector>

#include "glstm/core/error.hpp"
#include "glstm/nn/network.hpp"

GLSTM_BEGIN_NAMESPACE

/// A ParameterRule that keeps the inner part |t - mu| <= |sigma| of every window within [first,
/// last]: it moves centres that are nearer to an end than one width, and where the inner part is
/// longer than the span into the middle. A window that has left the sequences never opens, so it
/// gets no gradient and would never come back; one that widens at an end is carried inwards
/// instead. The outer part, where k < 1/e, may reach beyond: whole windows within would leave the
/// first and the last steps to the flanks of the outermost gates, and hardly any neuron would see
/// them.
template <class Scalar>
class WindowsWithin {
 public:
  /// For the layers of `network`; `first` and `last` are relative to the time origin, in the unit
  /// of the timestamps. Throws Error if they are not finite or not in order.
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
        // As the bounds of a part as long as the span may cross by rounding, not std::clamp.
        gates(j, 0) = std::min(std::max(gates(j, 0), first_ + margin), last_ - margin);
      }
    }
  }

 private:
  std::vector<Layer<GaussianGate<Scalar>>> layers_;
  Scalar first_, last_;
};

GLSTM_END_NAMESPACE
