// Learning-rate schedules: the factor that multiplies an optimiser's learning rates at each step.
#pragma once

#include <cmath>
#include <functional>
#include <numbers>

#include "glstm/core/error.hpp"
#include "glstm/core/types.hpp"

GLSTM_BEGIN_NAMESPACE

/// The learning-rate factor of step 0, 1, 2, ...: any function of the step.
using Schedule = std::function<double(Index step)>;

/// The same factor at every step. Throws Error when it is negative or not finite.
inline Schedule constant_schedule(double factor = 1) {
  detail::require(factor >= 0 && std::isfinite(factor),
                  "the factor must be finite and not negative, got ", factor);
  return [factor](Index) { return factor; };
}

namespace detail {

inline void require_decay(Index steps, double decay) {
  require(steps >= 1, "a decay needs at least one step, got ", steps);
  require(decay > 0 && decay <= 1, "the decay must lie in (0, 1], got ", decay);
}

}  // namespace detail

/// decay^floor(step / steps): falls by the factor `decay` after every `steps` steps. Throws Error
/// unless steps >= 1 and decay is in (0, 1].
inline Schedule step_decay(Index steps, double decay) {
  detail::require_decay(steps, decay);
  return [=](Index step) {
    const Index falls = step / steps;
    return std::pow(decay, static_cast<double>(falls));
  };
}

/// decay^(step / steps): falls a little at each step, by the factor `decay` over `steps` steps.
/// Throws Error unless steps >= 1 and decay is in (0, 1].
inline Schedule exponential_decay(Index steps, double decay) {
  detail::require_decay(steps, decay);
  return [=](Index step) {
    return std::pow(decay, static_cast<double>(step) / static_cast<double>(steps));
  };
}

/// Climbs linearly to 1, which it reaches at step `warmup_steps` (Goyal et al. 2017,
/// arXiv:1706.02677), then falls along half a cosine to `final_factor` at step `total_steps`
/// (Loshchilov & Hutter 2017, arXiv:1608.03983, equation 5) and stays there:
///
///     (step + 1) / (warmup_steps + 1)                                   before warmup_steps
///     final_factor + (1 - final_factor) (1 + cos(pi progress)) / 2      from then on, with
///     progress = (step - warmup_steps) / (total_steps - warmup_steps)
///
/// The factor of step 0 is positive, so that no step is lost. Throws Error unless
/// 0 <= warmup_steps < total_steps and final_factor is in [0, 1].
inline Schedule warmup_cosine(Index total_steps, Index warmup_steps, double final_factor = 0) {
  detail::require(warmup_steps >= 0 && warmup_steps < total_steps,
                  "warmup_steps must lie in 0..total_steps - 1 with total_steps ", total_steps,
                  ", got ", warmup_steps);
  detail::require(final_factor >= 0 && final_factor <= 1, "final_factor must lie in [0, 1], got ",
                  final_factor);
  return [=](Index step) {
    if (step < warmup_steps) {
      return static_cast<double>(step + 1) / static_cast<double>(warmup_steps + 1);
    }
    if (step >= total_steps) return final_factor;
    const double progress =
        static_cast<double>(step - warmup_steps) / static_cast<double>(total_steps - warmup_steps);
    return final_factor + (1 - final_factor) * (1 + std::cos(std::numbers::pi * progress)) / 2;
  };
}

GLSTM_END_NAMESPACE
