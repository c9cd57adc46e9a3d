// Optimisers on the flat parameter vector: SGD with momentum, RMSprop, Adam and AdamW.
#pragma once

#include <cmath>
#include <concepts>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "glstm/core/error.hpp"
#include "glstm/core/parameters.hpp"
#include "glstm/core/types.hpp"

GLSTM_BEGIN_NAMESPACE

/// What an optimiser remembers between steps. With the parameters and the options, it determines
/// all further steps to the bit.
template <class Scalar>
struct OptimizerState {
  std::string rule;        ///< the update rule of the moments, for instance "adam"
  Index steps = 0;         ///< steps taken so far
  Matrix<Scalar> moments;  ///< [P, moments of the rule]; one column per moment, 0 at first
};

/// The interface of all optimisers.
template <class Scalar>
class Optimizer {
 public:
  virtual ~Optimizer() = default;

  /// Changes `parameters` [P] (in and out) by one step against `gradient` [P]. `factor`, from a
  /// Schedule, multiplies the learning rates of this step. A gradient that is not finite, or whose
  /// squares are not, spoils parameters and state: call clip_by_global_norm first. Throws Error
  /// when a size is not P or the factor is negative or not finite.
  virtual void step(Vector<Scalar>& parameters, const Vector<Scalar>& gradient,
                    double factor = 1) = 0;

  virtual const OptimizerState<Scalar>& state() const = 0;

  /// Continues from a saved state. Throws Error, and changes nothing, when the state does not fit.
  virtual void set_state(OptimizerState<Scalar> state) = 0;
};

/// An Optimizer that applies one Rule to all parameters, at the learning rate of their role:
///
///     Adam<float> optimizer(layout, {.learning_rate = 3e-3, .time_gate_learning_rate = 0.2});
///
/// A Rule has the members of AdamRule below: Options and their check, a name, the number of moments
/// per parameter, a constructor from the options and the step's number, and a call operator. That
/// changes a stretch p of the parameters and its moments, given the gradient g there and the rate.
/// Every step constructs a Rule, whose constructor computes what depends on the step's number
/// alone. With options that have a `weight_decay`, the weights also shrink, independent of the
/// gradient.
template <class Scalar, class Rule>
class RuleOptimizer final : public Optimizer<Scalar> {
  static_assert(std::floating_point<Scalar>, "an optimiser needs float or double parameters");

 public:
  using Options = typename Rule::Options;

  /// Throws Error when an option is out of range, or when the layout has time-gate parameters and
  /// no time_gate_learning_rate is given.
  explicit RuleOptimizer(const ParameterLayout& layout, const Options& options = {})
      : options_(options) {
    using detail::require;
    const auto is_rate = [](double value) { return value >= 0 && std::isfinite(value); };
    require(is_rate(options.learning_rate), "learning_rate must be finite and not negative, got ",
            options.learning_rate);
    const double time_gate_rate = options.time_gate_learning_rate.value_or(0);
    require(is_rate(time_gate_rate),
            "time_gate_learning_rate must be finite and not negative, got ", time_gate_rate);
    double weight_decay = 0;
    if constexpr (requires { options.weight_decay; }) weight_decay = options.weight_decay;
    require(is_rate(weight_decay), "weight_decay must be finite and not negative, got ",
            weight_decay);
    Rule::check(options);

    for (const ParameterBlock& block : layout.blocks()) {
      const bool in_time = block.role == ParameterRole::time_gate;
      require(!in_time || options.time_gate_learning_rate,
              "time_gate_learning_rate is not set, but \"", block.name,
              "\" holds time-gate parameters");
      runs_.push_back({block.offset, block.size(), in_time ? time_gate_rate : options.learning_rate,
                       block.role == ParameterRole::weight ? weight_decay : 0});
    }
    state_.rule = Rule::name;
    state_.moments.setZero(layout.size(), Rule::moments);
  }

  void step(Vector<Scalar>& parameters, const Vector<Scalar>& gradient,
            double factor = 1) override {
    using detail::require;
    const Index size = state_.moments.rows();
    require(parameters.size() == size, "the optimiser expects ", size, " parameters, got ",
            parameters.size());
    require(gradient.size() == size, "the optimiser expects a gradient of size ", size, ", got ",
            gradient.size());
    require(factor >= 0 && std::isfinite(factor),
            "the learning-rate factor must be finite and not negative, got ", factor);

    ++state_.steps;
    const Rule rule(options_, state_.steps);
    for (const Run& run : runs_) {
      const double rate = factor * run.rate;
      auto p = parameters.segment(run.offset, run.size).array();
      if (run.decay != 0) p *= Scalar(1 - rate * run.decay);
      rule(p, gradient.segment(run.offset, run.size).array(),
           state_.moments.middleRows(run.offset, run.size).array(), rate);
    }
  }

  const OptimizerState<Scalar>& state() const override { return state_; }

  void set_state(OptimizerState<Scalar> state) override {
    using detail::require;
    require(state.rule == state_.rule, "expected the state of the update rule \"", state_.rule,
            "\", got \"", state.rule, "\"");
    require(state.steps >= 0, "the step count must not be negative, got ", state.steps);
    require(state.moments.rows() == state_.moments.rows() &&
                state.moments.cols() == state_.moments.cols(),
            "the moments must be [", state_.moments.rows(), ",", state_.moments.cols(), "], got [",
            state.moments.rows(), ",", state.moments.cols(), "]");
    state_ = std::move(state);
  }

  const Options& options() const { return options_; }

 private:
  // A stretch of the flat vector whose parameters are treated alike.
  struct Run {
    Index offset, size;
    double rate, decay;
  };

  Options options_;
  std::vector<Run> runs_;
  OptimizerState<Scalar> state_;
};

/// Options of Sgd. In all options, `learning_rate` applies to weights and biases, and
/// `time_gate_learning_rate` to time-gate parameters. These are in the user's unit of time, so
/// there is no default: set it when the network has any; 0 keeps them fixed.
struct SgdOptions {
  double learning_rate = 1e-2;
  std::optional<double> time_gate_learning_rate = std::nullopt;
  double momentum = 0;    ///< in [0, 1)
  bool nesterov = false;  ///< needs a momentum
};

/// Options of RmsProp. The learning rates are as in SgdOptions.
struct RmsPropOptions {
  double learning_rate = 1e-2;
  std::optional<double> time_gate_learning_rate = std::nullopt;
  double alpha = 0.99;    ///< in [0, 1): the decay of the mean square
  double epsilon = 1e-8;  ///< positive
};

/// Options of Adam. The learning rates are as in SgdOptions.
struct AdamOptions {
  double learning_rate = 1e-3;
  std::optional<double> time_gate_learning_rate = std::nullopt;
  double beta1 = 0.9;     ///< in [0, 1)
  double beta2 = 0.999;   ///< in [0, 1)
  double epsilon = 1e-8;  ///< positive
};

/// Options of AdamW: those of Adam and the decay.
struct AdamWOptions {
  double learning_rate = 1e-3;
  std::optional<double> time_gate_learning_rate = std::nullopt;
  double beta1 = 0.9;
  double beta2 = 0.999;
  double epsilon = 1e-8;
  double weight_decay = 1e-2;  ///< of weights only, not of biases and time-gate parameters
};

namespace detail {

inline void require_below_one(const char* option, double value) {
  require(value >= 0 && value < 1, option, " must lie in [0, 1), got ", value);
}

inline void require_epsilon(double value) {
  require(value > 0 && std::isfinite(value), "epsilon must be finite and positive, got ", value);
}

}  // namespace detail

/// Stochastic gradient descent with momentum, in PyTorch's convention: the learning rate scales the
/// velocity in the update of p, not in that of v, and there is no dampening.
///
///     v = momentum v + g
///     p = p - rate v,   or with Nesterov   p = p - rate (g + momentum v)
///
/// Sutskever et al., "On the importance of initialization and momentum in deep learning", 2013,
/// put the rate inside v; with a constant rate the two are equivalent.
struct SgdRule {
  using Options = SgdOptions;
  static constexpr const char* name = "sgd";
  static constexpr Index moments = 1;

  static void check(const Options& options) {
    detail::require_below_one("momentum", options.momentum);
    detail::require(!options.nesterov || options.momentum > 0,
                    "nesterov needs a positive momentum, got momentum ", options.momentum);
  }

  SgdRule(const Options& options, Index) : momentum(options.momentum), nesterov(options.nesterov) {}

  void operator()(auto p, auto g, auto moments_of_p, double rate) const {
    using Scalar = typename decltype(p)::Scalar;
    auto v = moments_of_p.col(0);
    v = Scalar(momentum) * v + g;
    if (nesterov) {
      p -= Scalar(rate) * (g + Scalar(momentum) * v);
    } else {
      p -= Scalar(rate) * v;
    }
  }

  double momentum;
  bool nesterov;
};

/// RMSprop (Tieleman & Hinton, Coursera "Neural networks for machine learning", lecture 6.5,
/// 2012), with epsilon outside the root as in PyTorch, without momentum and not centred:
///
///     v = alpha v + (1 - alpha) g^2
///     p = p - rate g / (sqrt(v) + epsilon)
struct RmsPropRule {
  using Options = RmsPropOptions;
  static constexpr const char* name = "rmsprop";
  static constexpr Index moments = 1;

  static void check(const Options& options) {
    detail::require_below_one("alpha", options.alpha);
    detail::require_epsilon(options.epsilon);
  }

  RmsPropRule(const Options& options, Index) : alpha(options.alpha), epsilon(options.epsilon) {}

  void operator()(auto p, auto g, auto moments_of_p, double rate) const {
    using Scalar = typename decltype(p)::Scalar;
    auto v = moments_of_p.col(0);
    v = Scalar(alpha) * v + Scalar(1 - alpha) * g.square();
    p -= Scalar(rate) * g / (v.sqrt() + Scalar(epsilon));
  }

  double alpha, epsilon;
};

/// Adam (Kingma & Ba 2015, arXiv:1412.6980, algorithm 1), at step n = 1, 2, ...:
///
///     m = beta1 m + (1 - beta1) g                m^ = m / (1 - beta1^n)
///     v = beta2 v + (1 - beta2) g^2              v^ = v / (1 - beta2^n)
///     p = p - rate m^ / (sqrt(v^) + epsilon)
///
/// AdamW (Loshchilov & Hutter, arXiv:1711.05101, algorithm 2) first sets
/// p = (1 - rate weight_decay) p. As in PyTorch, the learning rate multiplies the decay; in the
/// paper, only the schedule's factor does.
template <class OptionsType>
struct AdamRule {
  using Options = OptionsType;
  static constexpr const char* name = "adam";  // AdamW's moments are the same
  static constexpr Index moments = 2;

  static void check(const Options& options) {
    detail::require_below_one("beta1", options.beta1);
    detail::require_below_one("beta2", options.beta2);
    detail::require_epsilon(options.epsilon);
  }

  AdamRule(const Options& options, Index step)
      : beta1(options.beta1),
        beta2(options.beta2),
        correction1(1 - std::pow(beta1, static_cast<double>(step))),
        correction2(std::sqrt(1 - std::pow(beta2, static_cast<double>(step)))),
        epsilon(options.epsilon) {}

  void operator()(auto p, auto g, auto moments_of_p, double rate) const {
    using Scalar = typename decltype(p)::Scalar;
    auto m = moments_of_p.col(0);
    auto v = moments_of_p.col(1);
    m = Scalar(beta1) * m + Scalar(1 - beta1) * g;
    v = Scalar(beta2) * v + Scalar(1 - beta2) * g.square();
    // The fraction of the last equation, expanded by correction2 (end of the paper's section 2).
    p -= Scalar(rate * correction2 / correction1) * m / (v.sqrt() + Scalar(epsilon * correction2));
  }

  double beta1, beta2, correction1, correction2, epsilon;
};

/// SGD with momentum.
template <class Scalar>
using Sgd = RuleOptimizer<Scalar, SgdRule>;
/// RMSprop.
template <class Scalar>
using RmsProp = RuleOptimizer<Scalar, RmsPropRule>;
/// Adam.
template <class Scalar>
using Adam = RuleOptimizer<Scalar, AdamRule<AdamOptions>>;
/// Adam with decoupled weight decay.
template <class Scalar>
using AdamW = RuleOptimizer<Scalar, AdamRule<AdamWOptions>>;

GLSTM_END_NAMESPACE
