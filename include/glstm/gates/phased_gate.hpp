// The periodic time gate of the Phased LSTM.
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <utility>

#include "glstm/core/random.hpp"
#include "glstm/core/types.hpp"
#include "glstm/gates/time_gate.hpp"

GLSTM_BEGIN_NAMESPACE

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
  /// Settings that are not learned.
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

  /// Spreads the periods logarithmically from a tenth of the span to the whole span, as
  /// arXiv:1610.09513 draws them; draws shifts within a period; sets r_on to open_share.
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

  /// Lets no period and no r_on change sign, shrink to less than half in one step, or shrink below
  /// its least value.
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

/// What streams and network files know about PhasedGate.
template <class Scalar>
struct GateTraits<PhasedGate<Scalar>> : GateTraitsDefaults<PhasedGate<Scalar>> {
  using Real = typename PhasedGate<Scalar>::Real;
  using Options = typename PhasedGate<Scalar>::Options;
  static constexpr const char* file_name = "phased";
  static constexpr std::array<std::pair<const char*, double Options::*>, 4> file_options{
      {{"threshold", &Options::threshold},
       {"leak", &Options::leak},
       {"min_period", &Options::min_period},
       {"min_r_on", &Options::min_r_on}}};

  /// The rounding of (t - shift) / period and of the window's edges, in the unit of time.
  static Real edge_tolerance(const PhasedGate<Scalar>& gate, Index j, Real t) {
    using std::abs;
    return 32 * std::numeric_limits<Real>::epsilon() *
           (abs(t) + abs(gate.shift(j)) + abs(gate.period(j)));
  }
};

GLSTM_END_NAMESPACE
