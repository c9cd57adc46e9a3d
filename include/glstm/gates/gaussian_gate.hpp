// The Gaussian time gate of the g-LSTM.
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <type_traits>
#include <utility>

#include "glstm/core/random.hpp"
#include "glstm/core/types.hpp"
#include "glstm/gates/time_gate.hpp"

GLSTM_BEGIN_NAMESPACE

/// The Gaussian time gate of the g-LSTM (Thornton, Anumula, Liu, arXiv:1901.07334):
///
///     k = exp(-((t - mu) / sigma)^2),   closed where k < threshold
///
/// The window is |t - mu| <= |sigma| sqrt(-ln threshold). Parameters [H,2]: the centre mu and the
/// width sigma, both in the unit of the timestamps. sigma is the parameter itself, not its
/// logarithm, so that its gradient and learning rate have the unit of time too; limit_step keeps
/// it from reaching zero or changing sign. -sigma has the same window as sigma.
template <class Scalar_>
class GaussianGate {
 public:
  using Scalar = Scalar_;
  using Real = typename Eigen::NumTraits<Scalar>::Real;
  /// Settings that are not learned.
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

  /// Writes openness(j, t) of `count` times to `k`, to rounding, and returns how many are open.
  /// Which are is decided as is_open does.
  Index openness_at(Index j, const Real* times, Index count,
                    Scalar* k) const requires std::is_floating_point_v<Scalar> {
    const auto t = Eigen::Map<const Eigen::Array<Real, Eigen::Dynamic, 1>>(times, count);
    auto result = Eigen::Map<Eigen::Array<Scalar, Eigen::Dynamic, 1>>(k, count);
    result = (-((t - mu(j)) / sigma(j)).square()).exp();
    const Scalar near = threshold_ * Scalar(1e-4);
    if (count > 0 && (result - threshold_).abs().minCoeff() <= near) {  // rounding may decide
      Index open = 0;
      for (Index n = 0; n < count; ++n) {
        open += is_open(j, times[n]) ? 1 : 0;
        k[n] = openness(j, times[n]);
      }
      return open;
    }
    int open = 0;
    for (Index n = 0; n < count; ++n) {
      const bool closed = k[n] < threshold_;
      open += closed ? 0 : 1;
      k[n] = closed ? Scalar(0) : k[n];
    }
    return open;
  }

  /// The sum over `count` times of dk times the gradient of the openness k at that time, as
  /// openness_at gave it.
  std::array<Scalar, 2> openness_gradient_at(
      Index j, const Real* times, const Scalar* k, const Scalar* dk,
      Index count) const requires std::is_floating_point_v<Scalar> {
    using Numbers = Eigen::Map<const Eigen::Array<Scalar, Eigen::Dynamic, 1>>;
    const auto u = (Numbers(times, count) - mu(j)) / sigma(j);
    const auto dmu = Numbers(k, count) * Numbers(dk, count) * u;
    const Scalar factor = Scalar(2) / sigma(j);
    return {factor * dmu.sum(), factor * (dmu * u).sum()};
  }

  Window<Real> next_window(Index j, Real t) const {
    using std::abs;
    const Real centre = Eigen::numext::real(mu(j));
    const Real reach = abs(Eigen::numext::real(sigma(j))) * half_width_;
    const Window<Real> window{centre - reach, centre + reach};
    return window.close < t ? Window<Real>::never() : window;
  }

  /// Spreads the centres over the span and makes every window open_share of the span long.
  /// Threshold 0 has endless windows; it gets the width that threshold 0.01 would get.
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

  /// Lets no width change sign, shrink to less than half in one step, or shrink below min_width.
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

/// What streams, the temporal curriculum and network files know about GaussianGate.
template <class Scalar>
struct GateTraits<GaussianGate<Scalar>> : GateTraitsDefaults<GaussianGate<Scalar>> {
  using Real = typename GaussianGate<Scalar>::Real;
  using Options = typename GaussianGate<Scalar>::Options;
  static constexpr const char* file_name = "gaussian";
  static constexpr std::array<std::pair<const char*, double Options::*>, 2> file_options{
      {{"threshold", &Options::threshold}, {"min_width", &Options::min_width}}};
  static constexpr bool single_window = true;
  static constexpr Index width_column = 1;

  static double sort_key(const GaussianGate<Scalar>& gate, Index j) {
    return static_cast<double>(Eigen::numext::real(gate.mu(j)));
  }

  /// Rounding changes exp(-u^2), and with it the comparison to the threshold, by a few eps. Near
  /// the centre exp is flat, so that this moves the edge by up to the square root of that. Where
  /// the edge is beyond u = 9, a float threshold is denormal, and its rounding is large.
  static Real edge_tolerance(const GaussianGate<Scalar>& gate, Index j, Real t) {
    using std::abs, std::sqrt;
    constexpr Real eps = std::numeric_limits<Real>::epsilon();
    const Real width = abs(gate.sigma(j));
    const Window<Real> window = gate.next_window(j, -std::numeric_limits<Real>::infinity());
    const Real u = window.close - window.open > 18 * width ? Real(0.0625) : sqrt(32 * eps);
    return u * width + 8 * eps * (abs(t) + abs(gate.mu(j)));
  }
};

GLSTM_END_NAMESPACE
