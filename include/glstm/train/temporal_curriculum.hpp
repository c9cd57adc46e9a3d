// The temporal curriculum: windows widen as training goes on, until the network is a plain LSTM.
#pragma once

#include <cmath>
#include <vector>

#include "glstm/core/error.hpp"
#include "glstm/core/parameters.hpp"
#include "glstm/gates/time_gate.hpp"
#include "glstm/nn/network.hpp"

GLSTM_BEGIN_NAMESPACE

/// When and how far the windows of a TemporalCurriculum widen.
struct TemporalCurriculumOptions {
  Index first_step = 0, last_step = 0;  ///< between them the windows widen
  /// The least width at these steps, in the unit of the timestamps.
  double first_width = 0, last_width = 0;
  double open_width = 0;  ///< the least width after last_step: so wide that k = 1 to the last digit
};

/// A ParameterRule that widens the windows of time gates: it lets no width be less than a bound
/// that grows with the steps. The width of a gate is its parameter GateTraits::width_column, the
/// sigma of a Gaussian gate. There is no bound before first_step. From then on it is
///
///     first_width (last_width / first_width)^(p^3)
///     p = (step - first_step) / (last_step - first_step)
///
/// and from last_step on it is open_width. Widths therefore grow slowly at first, while a step is
/// cheap and the network has most to relearn. Widths above the bound stay as they are. If the
/// open_width of Gaussian gates is at least 1e4 times the time span (2e8 times in double), k is
/// exactly 1, and without_gates(network) is the same function.
template <class Scalar>
class TemporalCurriculum {
 public:
  /// For all widths in the parameters of `network`. Throws Error if its gates have no width, or an
  /// option is out of range.
  template <TimeGate Gate>
  TemporalCurriculum(const Network<Gate>& network, const TemporalCurriculumOptions& options)
      : options_(options), widths_(widths_of<Gate>(network.layout())) {
    using detail::require;
    require(!widths_.empty(),
            "a temporal curriculum needs time gates with a width, see GateTraits::width_column");
    require(options.first_step >= 0 && options.first_step < options.last_step,
            "a temporal curriculum must end after it starts, got steps ", options.first_step,
            " to ", options.last_step);
    require(options.first_width > 0 && options.first_width <= options.last_width &&
                options.last_width <= options.open_width &&
                std::isfinite(static_cast<Scalar>(options.open_width)),
            "the widths of a temporal curriculum must be positive, finite and grow, got ",
            options.first_width, ", ", options.last_width, ", ", options.open_width);
  }

  /// The bound after `step` steps; 0 before first_step.
  double least_width(Index step) const {
    const auto& [first, last, narrow, wide, open] = options_;
    if (step < first) return 0;
    if (step >= last) return open;
    const double progress = static_cast<double>(step - first) / static_cast<double>(last - first);
    return narrow * std::pow(wide / narrow, progress * progress * progress);
  }

  /// Widens the widths in `parameters` [P] that are below least_width(step).
  void operator()(Index step, Vector<Scalar>& parameters) const {
    const Scalar least = static_cast<Scalar>(least_width(step));
    for (const ParameterBlock& block : widths_) {
      for (Scalar& width : parameters.segment(block.offset, block.size())) {
        if (std::abs(width) < least) width = width < Scalar(0) ? -least : least;
      }
    }
  }

 private:
  /// A layer has one block for every parameter of its gates, in order.
  template <class Gate>
  static std::vector<ParameterBlock> widths_of(const ParameterLayout& layout) {
    std::vector<ParameterBlock> widths;
    Index column = 0;
    for (const ParameterBlock& block : layout.blocks()) {
      if (block.role != ParameterRole::time_gate) continue;
      if (column == GateTraits<Gate>::width_column) widths.push_back(block);
      if (++column == static_cast<Index>(Gate::parameter_names.size())) column = 0;
    }
    return widths;
  }

  TemporalCurriculumOptions options_;
  std::vector<ParameterBlock> widths_;
};

/// The scalar of a curriculum is that of its network.
template <TimeGate Gate>
TemporalCurriculum(const Network<Gate>&, const TemporalCurriculumOptions&)
    -> TemporalCurriculum<typename Gate::Scalar>;

GLSTM_END_NAMESPACE
