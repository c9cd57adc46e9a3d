// Time gates: when each hidden neuron may update, as a policy of a layer.
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <concepts>
#include <initializer_list>
#include <limits>
#include <utility>

#include "glstm/core/error.hpp"
#include "glstm/core/random.hpp"
#include "glstm/core/types.hpp"

namespace glstm {

/// A closed interval of time, [open, close], in the unit of the timestamps.
template <class Real>
struct Window {
  Real open, close;

  static Window always() {
    return {-std::numeric_limits<Real>::infinity(), std::numeric_limits<Real>::infinity()};
  }
  static Window never() {
    return {std::numeric_limits<Real>::infinity(), -std::numeric_limits<Real>::infinity()};
  }
  bool empty() const { return !(open <= close); }
};

/// Where time gates start out: centres spread over a span of time, windows open for a wanted share
/// of it.
struct GateSpread {
  enum class Placement { even, random };

  double start = 0, end = 0;  ///< in the unit of the timestamps, relative to the time origin
  double open_share = 0.1;    ///< length of a window in spans, in (0, 1]; the ends may cut it
  Placement placement = Placement::even;

  double duration() const { return end - start; }

  /// Throws Error unless the span is finite and not empty, and open_share lies in (0, 1].
  void check() const {
    detail::require(std::isfinite(start) && std::isfinite(end) && start < end,
                    "time gates need a span of time to spread over, got ", start, " to ", end);
    detail::require(open_share > 0 && open_share <= 1, "open_share must lie in (0, 1], got ",
                    open_share);
  }

  /// Where in the span neuron j of `count` belongs, in [0, 1]: evenly, or drawn from `rng`.
  double place(Index j, Index count, Rng& rng) const {
    if (placement == Placement::random) return rng.uniform();
    return (static_cast<double>(j) + 0.5) / static_cast<double>(count);
  }
};

/// What a layer asks of a time gate. A gate is a value, cheap to make from the parameters of its
/// neurons, and never changed after; all times are relative to the layer's time origin. It has the
/// types Scalar, Real (the same for float and double) and Options, all of which have defaults, and
///
///     parameter_names                   a std::array of P names, one for each parameter
///     Gate(parameters [H,P], options)   throws Error if one of them is unusable. A layer tries
///                                       options with parameters that are all 1: that must do
///     size()                            H
///     is_open(j, t)                     whether neuron j may update at time t
///     openness(j, t)                    k in [0, 1]; exactly 0 where the gate is closed
///     openness_gradient(j, t)           a std::array of dk / d parameter p; exactly 0 where the
///                                       gate is closed
///     next_window(j, t)                 the first window of j that closes at or after t; it may
///                                       be off by rounding, is_open decides at the edges
///     initialize(spread, options, rng, parameters)
///                                       fills parameters [H,P] (static)
///     limit_step(before, after, options)
///                                       mends parameters [H,P] that an optimiser step has made
///                                       unusable (static)
///
/// check_gate_parameters, GateSpread::check, GateSpread::place and limit_scale_step help to write
/// one; examples/custom_gate.cpp is one, with its checks.
template <class Gate>
concept TimeGate = requires(const Gate gate, Index j, typename Gate::Scalar t,
                            typename Gate::Options options,
                            const Matrix<typename Gate::Scalar> parameters,
                            Matrix<typename Gate::Scalar> after, GateSpread spread, Rng rng) {
  typename Gate::Real;
  { Gate::parameter_names.size() } -> std::convertible_to<std::size_t>;
  Gate(parameters, options);
  { gate.size() } -> std::convertible_to<Index>;
  { gate.is_open(j, t) } -> std::convertible_to<bool>;
  { gate.openness(j, t) } -> std::convertible_to<typename Gate::Scalar>;
  { gate.openness_gradient(j, t)[0] } -> std::convertible_to<typename Gate::Scalar>;
  {
    gate.next_window(j, Eigen::numext::real(t))
    } -> std::convertible_to<Window<typename Gate::Real>>;
  Gate::initialize(spread, options, rng, after);
  Gate::limit_step(parameters, after, options);
};

namespace detail {

inline void check_threshold(double threshold) {
  require(threshold >= 0 && threshold <= 1, "a closing threshold must lie in [0, 1], got ",
          threshold);
}

}  // namespace detail

/// For the constructor of a time gate: throws Error unless `parameters` is [H,P] and finite, and
/// the columns with the numbers `nonzero` have no zero.
template <class Scalar, std::size_t P>
void check_gate_parameters(const Matrix<Scalar>& parameters,
                           const std::array<const char*, P>& names,
                           std::initializer_list<Index> nonzero) {
  using detail::require;
  using std::isfinite;
  require(parameters.cols() == static_cast<Index>(P), "time-gate parameters must be [H,", P,
          "], got [", parameters.rows(), ",", parameters.cols(), "]");
  for (Index p = 0; p < parameters.cols(); ++p) {
    for (Index j = 0; j < parameters.rows(); ++j) {
      require(isfinite(Eigen::numext::real(parameters(j, p))), "time-gate parameter ",
              names[static_cast<std::size_t>(p)], " of neuron ", j, " is not finite");
    }
  }
  for (Index p : nonzero) {
    for (Index j = 0; j < parameters.rows(); ++j) {
      require(parameters(j, p) != Scalar(0), "time-gate parameter ",
              names[static_cast<std::size_t>(p)], " of neuron ", j, " is zero");
    }
  }
}

/// Keeps a scale parameter away from zero across one optimiser step: `after` keeps the sign of
/// `before`, and is at least half of it and at least `floor` in magnitude; a magnitude that was
/// below `floor` already is the user's and is not widened.
template <class Scalar>
Scalar limit_scale_step(Scalar before, Scalar after, double floor) {
  using std::abs, std::max, std::min;
  const Scalar sign = before < Scalar(0) ? Scalar(-1) : Scalar(1);
  const Scalar least = min(abs(before), max(abs(before) / Scalar(2), Scalar(floor)));
  return sign * max(sign * after, least);
}

/// No gate: k = 1 at all times. A layer with it is a plain LSTM.
template <class Scalar_>
class AlwaysOpen {
 public:
  using Scalar = Scalar_;
  using Real = typename Eigen::NumTraits<Scalar>::Real;
  /// There is nothing to choose.
  struct Options {};
  static constexpr std::array<const char*, 0> parameter_names{};

  /// `parameters` is [H,0].
  explicit AlwaysOpen(const Matrix<Scalar>& parameters, const Options& = {})
      : size_(parameters.rows()) {
    check_gate_parameters(parameters, parameter_names, {});
  }

  Index size() const { return size_; }
  bool is_open(Index, Scalar) const { return true; }
  Scalar openness(Index, Scalar) const { return Scalar(1); }
  std::array<Scalar, 1> openness_gradient(Index, Scalar) const { return {Scalar(0)}; }
  Window<Real> next_window(Index, Real) const { return Window<Real>::always(); }
  static void initialize(const GateSpread&, const Options&, Rng&, Matrix<Scalar>&) {}
  static void limit_step(const Matrix<Scalar>&, Matrix<Scalar>&, const Options&) {}

 private:
  Index size_;
};

/// The Gaussian time gate of the g-LSTM (Thornton, Anumula, Liu, arXiv:1901.07334):
///
///     k = exp(-((t - mu) / sigma)^2),   closed where k < threshold
///
/// The window is |t - mu| <= |sigma| sqrt(-ln threshold). Parameters [H,2]: the centre mu and the
/// width sigma, both in the unit of the timestamps. sigma is the parameter itself, not its
/// logarithm, so that its gradient and learning rate have the unit of time too; limit_step keeps
/// it from reaching zero or changing sign. A negative sigma means the same window as a positive.
template <class Scalar_>
class GaussianGate {
 public:
  using Scalar = Scalar_;
  using Real = typename Eigen::NumTraits<Scalar>::Real;
  /// What is not learnt.
  struct Options {
    double threshold = 0.01;  ///< closing threshold theta in [0, 1]; 0 never closes
    double min_width = 1e-6;  ///< training shrinks no |sigma| below this, in the unit of time
  };
  static constexpr std::array<const char*, 2> parameter_names{"mu", "sigma"};

  /// `parameters` is [H,2] with columns mu and sigma; throws Error if one is not finite, a sigma
  /// is zero, or the threshold is outside [0, 1].
  explicit GaussianGate(const Matrix<Scalar>& parameters, const Options& options = {})
      : parameters_(parameters),
        threshold_(static_cast<Real>(options.threshold)),
        half_width_(static_cast<Real>(std::sqrt(-std::log(options.threshold)))) {
    detail::check_threshold(options.threshold);
    check_gate_parameters(parameters, parameter_names, {1});
  }

  Index size() const { return parameters_.rows(); }
  Scalar mu(Index j) const { return parameters_(j, 0); }
  Scalar sigma(Index j) const { return parameters_(j, 1); }

  bool is_open(Index j, Scalar t) const {
    return !(Eigen::numext::real(gaussian(j, t)) < threshold_);
  }

  Scalar openness(Index j, Scalar t) const {
    const Scalar k = gaussian(j, t);
    return Eigen::numext::real(k) < threshold_ ? Scalar(0) : k;
  }

  /// { dk/dmu, dk/dsigma } = k 2 (t - mu) / sigma^2 { 1, (t - mu) / sigma }.
  std::array<Scalar, 2> openness_gradient(Index j, Scalar t) const {
    const Scalar k = openness(j, t);
    if (k == Scalar(0)) return {Scalar(0), Scalar(0)};
    const Scalar u = (t - mu(j)) / sigma(j);
    const Scalar dmu = k * Scalar(2) * u / sigma(j);
    return {dmu, dmu * u};
  }

  Window<Real> next_window(Index j, Real t) const {
    using std::abs;
    const Real centre = Eigen::numext::real(mu(j));
    const Real reach = abs(Eigen::numext::real(sigma(j))) * half_width_;
    const Window<Real> window{centre - reach, centre + reach};
    return window.close < t ? Window<Real>::never() : window;
  }

  /// Centres over the span; widths such that a window is open_share of the span long. With
  /// threshold 0, whose windows are endless, the width is the one that threshold 0.01 would get.
  static void initialize(const GateSpread& spread, const Options& options, Rng& rng,
                         Matrix<Scalar>& parameters) {
    spread.check();
    const double threshold = options.threshold > 0 ? options.threshold : Options{}.threshold;
    const double reach = std::sqrt(-std::log(std::min(threshold, 0.99)));  // 1 has no width
    for (Index j = 0; j < parameters.rows(); ++j) {
      const double place = spread.place(j, parameters.rows(), rng);
      parameters(j, 0) = Scalar(spread.start + place * spread.duration());
      parameters(j, 1) = Scalar(spread.open_share * spread.duration() / (2 * reach));
    }
  }

  /// No width changes sign or shrinks to less than half in one step, nor below min_width.
  static void limit_step(const Matrix<Scalar>& before, Matrix<Scalar>& after,
                         const Options& options) {
    for (Index j = 0; j < after.rows(); ++j) {
      after(j, 1) = limit_scale_step(before(j, 1), after(j, 1), options.min_width);
    }
  }

 private:
  Scalar gaussian(Index j, Scalar t) const {
    using std::exp;
    const Scalar u = (t - mu(j)) / sigma(j);
    return exp(-u * u);
  }

  Matrix<Scalar> parameters_;
  Real threshold_, half_width_;
};

/// The periodic time gate of the Phased LSTM (Neil, Pfeiffer, Liu, arXiv:1610.09513):
///
///     phi = frac((t - shift) / period)
///     k = 2 phi / r for phi < r/2;  2 - 2 phi / r for phi < r;  leak * phi otherwise
///
/// closed where k < threshold. Parameters [H,3]: period and shift in the unit of the timestamps,
/// and r_on, the open share of a period.
template <class Scalar_>
class PhasedGate {
 public:
  using Scalar = Scalar_;
  using Real = typename Eigen::NumTraits<Scalar>::Real;
  /// What is not learnt.
  struct Options {
    double threshold = 0.01;   ///< closing threshold in [0, 1]; 0 never closes
    double leak = 0;           ///< slope of k outside the open phase, >= 0
    double min_period = 1e-6;  ///< training shrinks no |period| below this
    double min_r_on = 1e-3;    ///< training shrinks no |r_on| below this
  };
  static constexpr std::array<const char*, 3> parameter_names{"period", "shift", "r_on"};

  /// `parameters` is [H,3]; throws Error if one is not finite, a period or r_on is zero, or an
  /// option is out of range.
  explicit PhasedGate(const Matrix<Scalar>& parameters, const Options& options = {})
      : parameters_(parameters),
        threshold_(static_cast<Real>(options.threshold)),
        leak_(static_cast<Real>(options.leak)) {
    detail::check_threshold(options.threshold);
    detail::require(options.leak >= 0 && std::isfinite(options.leak),
                    "a leak must be finite and not negative, got ", options.leak);
    check_gate_parameters(parameters, parameter_names, {0, 2});
  }

  Index size() const { return parameters_.rows(); }
  Scalar period(Index j) const { return parameters_(j, 0); }
  Scalar shift(Index j) const { return parameters_(j, 1); }
  Scalar r_on(Index j) const { return parameters_(j, 2); }

  bool is_open(Index j, Scalar t) const {
    return !(Eigen::numext::real(ramp(j, phase(j, t))) < threshold_);
  }

  Scalar openness(Index j, Scalar t) const {
    const Scalar k = ramp(j, phase(j, t));
    return Eigen::numext::real(k) < threshold_ ? Scalar(0) : k;
  }

  /// { dk/dperiod, dk/dshift, dk/dr_on }; one-sided (from the right) at the kinks.
  std::array<Scalar, 3> openness_gradient(Index j, Scalar t) const {
    using Eigen::numext::real;
    if (!is_open(j, t)) return {Scalar(0), Scalar(0), Scalar(0)};
    const Scalar phi = phase(j, t), r = r_on(j);
    Scalar dphi(leak_), dr(0);
    if (real(phi) < real(r) / 2) {
      dphi = Scalar(2) / r;
      dr = -Scalar(2) * phi / (r * r);
    } else if (real(phi) < real(r)) {
      dphi = -Scalar(2) / r;
      dr = Scalar(2) * phi / (r * r);
    }
    const Scalar dshift = -dphi / period(j);
    return {dshift * (t - shift(j)) / period(j), dshift, dr};
  }

  Window<Real> next_window(Index j, Real t) const {
    using Eigen::numext::real;
    using std::floor, std::max, std::min;
    if (threshold_ == Real(0)) return Window<Real>::always();
    const Real T = real(period(j)), s = real(shift(j)), r = real(r_on(j));
    // Open phases within a cycle: around the peak, and where the leak alone is enough.
    const Real theta = threshold_;
    Window<Real> phases[2] = {{theta * r / 2, min(r * (1 - theta / 2), Real(1))},
                              {max(max(r, Real(0)), theta / leak_), Real(1)}};
    if (r < 0) phases[0] = Window<Real>::never();
    if (T < 0) std::swap(phases[0], phases[1]);  // time runs through a cycle backwards
    Real cycle = floor((t - s) / T);
    for (int tries = 0; tries < 3; ++tries, cycle += T < 0 ? Real(-1) : Real(1)) {
      for (const Window<Real>& phase : phases) {
        if (phase.empty()) continue;
        Window<Real> window{s + T * (cycle + phase.open), s + T * (cycle + phase.close)};
        if (T < 0) std::swap(window.open, window.close);
        if (window.close >= t) return window;
      }
    }
    return Window<Real>::never();
  }

  /// Periods spread logarithmically from a tenth of the span to the whole (arXiv:1610.09513 draws
  /// them so), random shifts within a period, r_on = open_share.
  static void initialize(const GateSpread& spread, const Options&, Rng& rng,
                         Matrix<Scalar>& parameters) {
    spread.check();
    for (Index j = 0; j < parameters.rows(); ++j) {
      const double place = spread.place(j, parameters.rows(), rng);
      const double period = spread.duration() * std::pow(10.0, place - 1);
      parameters(j, 0) = Scalar(period);
      parameters(j, 1) = Scalar(spread.start + rng.uniform() * period);
      parameters(j, 2) = Scalar(spread.open_share);
    }
  }

  /// Neither period nor r_on changes sign or shrinks to less than half in one step.
  static void limit_step(const Matrix<Scalar>& before, Matrix<Scalar>& after,
                         const Options& options) {
    for (Index j = 0; j < after.rows(); ++j) {
      after(j, 0) = limit_scale_step(before(j, 0), after(j, 0), options.min_period);
      after(j, 2) = limit_scale_step(before(j, 2), after(j, 2), options.min_r_on);
    }
  }

 private:
  Scalar phase(Index j, Scalar t) const {
    using std::floor;
    const Scalar cycles = (t - shift(j)) / period(j);
    return cycles - Scalar(floor(Eigen::numext::real(cycles)));
  }

  Scalar ramp(Index j, Scalar phi) const {
    using Eigen::numext::real;
    const Scalar r = r_on(j);
    if (real(phi) < real(r) / 2) return Scalar(2) * phi / r;
    if (real(phi) < real(r)) return Scalar(2) - Scalar(2) * phi / r;
    return Scalar(leak_) * phi;
  }

  Matrix<Scalar> parameters_;
  Real threshold_, leak_;
};

/// The openness of every neuron at time t, [H].
template <TimeGate Gate>
Vector<typename Gate::Scalar> openness(const Gate& gate, typename Gate::Scalar t) {
  Vector<typename Gate::Scalar> k(gate.size());
  for (Index j = 0; j < gate.size(); ++j) k(j) = gate.openness(j, t);
  return k;
}

/// Which neurons may update at time t, [H].
template <TimeGate Gate>
Eigen::Array<bool, Eigen::Dynamic, 1> open_mask(const Gate& gate, typename Gate::Scalar t) {
  Eigen::Array<bool, Eigen::Dynamic, 1> mask(gate.size());
  for (Index j = 0; j < gate.size(); ++j) mask(j) = gate.is_open(j, t);
  return mask;
}

}  // namespace glstm
