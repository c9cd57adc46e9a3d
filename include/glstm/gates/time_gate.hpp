// What a layer asks of its time gates, which say when each hidden neuron may update.
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <concepts>
#include <cstddef>
#include <initializer_list>
#include <limits>
#include <utility>
#include <vector>

#include "glstm/core/error.hpp"
#include "glstm/core/random.hpp"
#include "glstm/core/types.hpp"

GLSTM_BEGIN_NAMESPACE

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

/// Where the windows of time gates start: spread over a span of time, and open for a share of it.
struct GateSpread {
  enum class Placement { even, random };

  double start = 0, end = 0;  ///< in the unit of the timestamps, relative to the time origin
  double open_share = 0.1;    ///< length of a window in spans, in (0, 1]; the ends may cut it
  Placement placement = Placement::even;
  /// The times at which sequences end, on the same clock, where they end at different times:
  /// windows are then spread in proportion to how many sequences still run. None: all end last.
  std::vector<double> ends = {};

  double duration() const { return end - start; }

  /// Throws Error unless the span is finite and not empty, a sequence ends in it if any do, and
  /// open_share lies in (0, 1].
  void check() const {
    detail::require(std::isfinite(start) && std::isfinite(end) && start < end,
                    "time gates need a span of time to spread over, got ", start, " to ", end);
    detail::require(open_share > 0 && open_share <= 1, "open_share must lie in (0, 1], got ",
                    open_share);
    detail::require(ends.empty() || running_time() > 0, "time gates need sequences that end after ",
                    start, ", where they begin");
  }

  /// The place of neuron j of `count` in the span, in [0, 1]: even, or drawn from `rng`.
  double place(Index j, Index count, Rng& rng) const {
    const double part = placement == Placement::random
                            ? rng.uniform()
                            : (static_cast<double>(j) + 0.5) / static_cast<double>(count);
    return ends.empty() ? part : time_at(part) / duration();
  }

 private:
  /// The time that a sequence runs within the span.
  double running(double sequence_end) const {
    return std::clamp(sequence_end - start, 0.0, duration());
  }
  double running_time() const {
    double sum = 0;
    for (const double sequence_end : ends) sum += running(sequence_end);
    return sum;
  }

  /// The time, from the start, until which all sequences together have run `part` of their time.
  double time_at(double part) const {
    std::vector<double> sorted;
    for (const double sequence_end : ends) sorted.push_back(running(sequence_end));
    std::sort(sorted.begin(), sorted.end());
    double left = part * running_time(), time = 0;
    for (std::size_t ended = 0; ended < sorted.size(); ++ended) {
      const double count = static_cast<double>(sorted.size() - ended);  // that still run
      const double until_next = count * (sorted[ended] - time);
      if (until_next >= left) return time + left / count;
      left -= until_next;
      time = sorted[ended];
    }
    return time;
  }
};

/// What a layer asks of a time gate. A gate is an immutable value, cheap to make from the
/// parameters of its neurons. All times are relative to the layer's time origin. A gate has the
/// types Scalar, Real (the same for float and double) and Options (every option has a default), and
///
///     parameter_names                   a std::array of P names, one for each parameter
///     Gate(parameters [H,P], options)   throws Error if one of them is unusable. A layer checks
///                                       options with parameters that are all 1, so these must be
///                                       usable
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
///                                       corrects parameters [H,P] that an optimiser step has
///                                       made unusable (static)
///
/// Two further functions make batches faster whose samples have times of their own; GaussianGate
/// has them:
///
///     openness_at(j, times, count, k)   the openness at `count` times, with how many are open
///     openness_gradient_at(j, times, k, dk, count)
///                                       the sum over them of dk times the gradient
///
/// check_gate_parameters, GateSpread::check, GateSpread::place and limit_scale_step help to write
/// one. examples/custom_gate.cpp shows one and checks it.
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

/// What is known about a kind of gate beyond what every TimeGate has. Specialise it next to a gate
/// of your own, derive it from GateTraitsDefaults<YourGate>, and redefine what you know:
///
///     always_open      whether every neuron is open at all times with k = 1: a plain LSTM
///     single_window    whether each neuron has at most one window in all of time
///     edge_tolerance   (gate, j, t): how far from an edge of next_window(j, t) is_open may still
///                      disagree with the window, by rounding. A stream then asks is_open near the
///                      edges only. Infinity: unknown, and a stream asks at every step
///     width_column     the parameter, counted from 0, that is a width in the unit of time, which
///                      TemporalCurriculum widens; -1: none
///
/// Three more members have no default:
///
///     sort_key         (gate, j): a double. Neurons with near keys are open at about the same
///                      times, and a stream keeps them together. Without it a stream keeps the
///                      order of the layer
///     file_name        the gate's name in network files, which need it
///     file_options     a std::array of pairs of the names and members of Gate::Options that
///                      network files save
template <class Gate>
struct GateTraitsDefaults {
  static constexpr bool always_open = false;
  static constexpr bool single_window = false;
  static constexpr Index width_column = -1;

  template <class Real>
  static Real edge_tolerance(const Gate&, Index, Real) {
    return std::numeric_limits<Real>::infinity();
  }
};

template <class Gate>
struct GateTraits : GateTraitsDefaults<Gate> {};

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

/// Keeps a scale parameter away from zero in one optimiser step. The result has the sign of
/// `before`, and at least half its magnitude and at least the magnitude `floor`. A magnitude that
/// was already below `floor` was chosen by the user and is not raised.
template <class Scalar>
Scalar limit_scale_step(Scalar before, Scalar after, double floor) {
  using std::abs, std::max, std::min;
  const Scalar sign = before < Scalar(0) ? Scalar(-1) : Scalar(1);
  const Scalar least = min(abs(before), max(abs(before) / Scalar(2), Scalar(floor)));
  return sign * max(sign * after, least);
}

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

GLSTM_END_NAMESPACE
