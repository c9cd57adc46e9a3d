// Keeps the open windows of Gaussian time gates within a span of time.
#pragma once

#include <algorithm>
#include <cmath>
#include <vector>

#include "glstm/core/error.hpp"
#include "glstm/nn/network.hpp"

namespace glstm {

/// A ParameterRule that moves the centre mu of every window that reaches beyond [first, last] until
/// it does not; a window longer than the span gets its centre in the middle. A window that has left
/// the sequences never opens, so it gets no gradient and would never come back; one that widens at
/// an end is carried inwards instead. Layers without a closing threshold have endless windows and
/// are left as they are.
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

  void operator()(Index, Vector<Scalar>& parameters) const {
    const Scalar half_span = (last_ - first_) / 2;
    for (const Layer<GaussianGate<Scalar>>& layer : layers_) {
      if (layer.gate_options().threshold == 0) continue;
      const GaussianGate<Scalar> gate = layer.gate(parameters);
      for (Index j = 0; j < gate.size(); ++j) {
        const Scalar reach = std::min(gate.reach(j), half_span);
        Scalar& centre = layer.gate_parameters(parameters)(j, 0);
        // As the bounds of a window as long as the span may cross by rounding, not std::clamp.
        centre = std::min(std::max(centre, first_ + reach), last_ - reach);
      }
    }
  }

 private:
  std::vector<Layer<GaussianGate<Scalar>>> layers_;
  Scalar first_, last_;
};

}  // namespace glstm
