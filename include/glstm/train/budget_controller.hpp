// Finds the weight of the computational budget that gives a target share of neuron updates.
#pragma once

#include <algorithm>
#include <cmath>

#include "glstm/core/error.hpp"
#include "glstm/core/types.hpp"

GLSTM_BEGIN_NAMESPACE

/// The target and the gains of a BudgetController.
struct BudgetControllerOptions {
  double target_share = 0.1;  ///< of neuron updates, in (0, 1]
  double integral_gain = 0.05, proportional_gain = 50;
  double largest_weight = 100;  ///< of |lambda|
};

/// An integral gain for a training of `steps` steps. The controller must find lambda in a part of
/// them, so a short training needs a larger gain than the default, which suits 6,000 steps or more.
/// The gain grows with the square of the shortening: twice as fast, in half as many steps.
inline double integral_gain_for(Index steps) {
  const double shortening = std::max(1.0, 6000.0 / static_cast<double>(std::max<Index>(1, steps)));
  return std::min(50.0, BudgetControllerOptions().integral_gain * shortening * shortening);
}

/// Adjusts lambda, the weight of the computational budget, after every training step, until the
/// share of neuron updates meets a target. It is a PI controller: dual ascent on  share = target,
/// with a proportional term that damps it, since widths respond slowly to lambda:
///
///     e = (share - aim) / aim in [-1, 1],   aim = 0.98 target
///     I = I + integral_gain e  where |e| <= 1/2,   lambda = I + proportional_gain e
///
/// I and lambda are limited to +-largest_weight. Far from the aim the controller does not
/// integrate, because I would grow on the way and carry the share past the aim. When the share is
/// below the aim, lambda can become negative and reward openness. The aim is a little lower than
/// the target, so that the share ends below the target.
class BudgetController {
 public:
  /// The whole state: with set_state, a resumed training is the same to the bit.
  struct State {
    double integral = 0, excess = 0;  ///< I and e
  };

  /// Throws Error if an option is out of range.
  explicit BudgetController(const BudgetControllerOptions& options) : options_(options) {
    using detail::require;
    require(options.target_share > 0 && options.target_share <= 1,
            "a target share must lie in (0, 1], got ", options.target_share);
    for (const double gain : {options.integral_gain, options.proportional_gain}) {
      require(gain >= 0 && std::isfinite(gain),
              "the gains of a budget controller must be finite and not negative, got ", gain);
    }
    require(options.largest_weight > 0 && std::isfinite(options.largest_weight),
            "the largest weight of a budget must be finite and positive, got ",
            options.largest_weight);
  }

  /// lambda of the next step.
  double weight() const {
    return limited(state_.integral + options_.proportional_gain * state_.excess);
  }

  const State& state() const { return state_; }

  /// Throws Error, and changes nothing, when the state is out of range.
  void set_state(const State& state) {
    detail::require(
        std::abs(state.integral) <= options_.largest_weight && std::abs(state.excess) <= 1,
        "the state of a budget controller must lie in +-", options_.largest_weight,
        " and +-1, got ", state.integral, " and ", state.excess);
    state_ = state;
  }

  /// Takes the share of neuron updates of a training step. The trainer calls it after every step.
  void observe(double update_share) {
    const double aim = 0.98 * options_.target_share;
    state_.excess = std::clamp((update_share - aim) / aim, -1.0, 1.0);
    if (std::abs(state_.excess) > 0.5) return;
    state_.integral = limited(state_.integral + options_.integral_gain * state_.excess);
  }

 private:
  double limited(double weight) const {
    return std::clamp(weight, -options_.largest_weight, options_.largest_weight);
  }

  BudgetControllerOptions options_;
  State state_;
};

GLSTM_END_NAMESPACE
