// The temporal curriculum: windows widen as training goes on, until the network is a plain LSTM.
#pragma once

#include <algorithm>
#include <cmath>
#include <utility>
#include <vector>

#include "glstm/core/error.hpp"
#include "glstm/core/parameters.hpp"
#include "glstm/gates/time_gate.hpp"

GLSTM_BEGIN_NAMESPACE

/// When and how far the windows of a TemporalCurriculum widen.
struct TemporalCurriculumOptions {
  Index first_step = 0, last_step = 0;     ///< between them the windows widen
  double first_width = 0, last_width = 0;  ///< sigma at these steps, in the unit of the timestamps
  double open_width = 0;  ///< sigma after last_step: so wide that k = 1 to the last digit
};

/// A ParameterRule that lets no width |sigma| be less than what the step prescribes: nothing before
/// first_step, then from first_width to last_width
///
///     first_width (last_width / first_width)^(p^3),   p = share of the way to last_step
///
/// and open_width from last_step on. So widths grow slowly at first, while a step is cheap and the
/// network has most to learn anew. Widths that training has made larger stay. With open_width at
/// least 1e4 times the time span (2e8 in double), k is exactly 1, and without_gates(network) is the
/// same function.
template <class Scalar>
class TemporalCurriculum {
 public:
  /// For the sigmas of `layout`: the time-gate parameters whose name ends so. Throws Error if there
  /// are none, or an option is out of range.
  TemporalCurriculum(const ParameterLayout& layout, const TemporalCurriculumOptions& options)
      : options_(options) {
    using detail::require;
    for (const ParameterBlock& block : layout.blocks()) {
      if (block.role == ParameterRole::time_gate && block.name.ends_with("sigma")) {
        sigmas_.emplace_back(block.offset, block.size());
      }
    }
    require(!sigmas_.empty(), "a temporal curriculum needs Gaussian time gates");
    require(options.first_step >= 0 && options.first_step < options.last_step,
            "a temporal curriculum must end after it starts, got steps ", options.first_step,
            " to ", options.last_step);
    require(options.first_width > 0 && options.first_width <= options.last_width &&
                options.last_width <= options.open_width &&
                std::isfinite(static_cast<Scalar>(options.open_width)),
            "the widths of a temporal curriculum must be positive, finite and grow, got ",
            options.first_width, ", ", options.last_width, ", ", options.open_width);
  }

  /// The least width after `step` steps; 0 before the first.
  double least_width(Index step) const {
    const auto& [first, last, narrow, wide, open] = options_;
    if (step < first) return 0;
    if (step >= last) return open;
    const double progress = static_cast<double>(step - first) / static_cast<double>(last - first);
    return narrow * std::pow(wide / narrow, progress * progress * progress);
  }

  /// Widens the sigmas in `parameters` [P] that are below least_width(step).
  void operator()(Index step, Vector<Scalar>& parameters) const {
    const Scalar least = static_cast<Scalar>(least_width(step));
    for (const auto& [offset, size] : sigmas_) {
      for (Scalar& sigma : parameters.segment(offset, size)) {
        if (std::abs(sigma) < least) sigma = sigma < Scalar(0) ? -least : least;
      }
    }
  }

 private:
  TemporalCurriculumOptions options_;
  std::vector<std::pair<Index, Index>> sigmas_;  // where they are in the flat vector
};

GLSTM_END_NAMESPACE
