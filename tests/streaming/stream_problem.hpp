// Streams for the tests of streaming cells and networks: random layers of one sample, a gate as a
// user may write one, and times that go back and forth.
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <type_traits>
#include <vector>

#include "glstm/streaming/streaming_cell.hpp"
#include "lstm/layer_problem.hpp"

#define STREAMED                                                                 \
  AlwaysOpen<float>, GaussianGate<float>, PhasedGate<float>, AlwaysOpen<double>, \
      GaussianGate<double>, PhasedGate<double>

namespace stream_problem {

using namespace glstm;
using namespace layer_problem;

// A user's gate, of which nothing but the concept is known: neuron j is open in every other span of
// `length` from j / 2 on, several times as long as it is wide.
class SquareGate {
 public:
  using Scalar = double;
  using Real = double;
  struct Options {};
  static constexpr std::array<const char*, 1> parameter_names{"length"};
  explicit SquareGate(const Matrix<double>& parameters, const Options& = {})
      : length_(parameters) {}

  Index size() const { return length_.rows(); }
  bool is_open(Index j, double t) const { return openness(j, t) > 0; }
  double openness(Index j, double t) const {
    const double phase = cycles(j, t) - std::floor(cycles(j, t));
    return phase < 0.5 ? 0.5 + phase : 0.0;
  }
  std::array<double, 1> openness_gradient(Index, double) const { return {0.0}; }
  Window<double> next_window(Index j, double t) const {
    double start = std::floor(cycles(j, t));
    if (cycles(j, t) >= start + 0.5) start += 1;
    const double open = start * 2 * length_(j, 0) + static_cast<double>(j) / 2;
    return {open, open + length_(j, 0)};
  }
  static void initialize(const GateSpread&, const Options&, Rng&, Matrix<double>& parameters) {
    parameters.setOnes();
  }
  static void limit_step(const Matrix<double>&, Matrix<double>&, const Options&) {}

 private:
  double cycles(Index j, double t) const {
    return (t - static_cast<double>(j) / 2) / (2 * length_(j, 0));
  }
  Matrix<double> length_;
};

// A user's gate with traits: a Gaussian one that counts how often it is asked.
class CountingGate : public GaussianGate<double> {
 public:
  using GaussianGate::GaussianGate;

  bool is_open(Index j, double t) const {
    ++questions;
    return GaussianGate::is_open(j, t);
  }

  static inline Index questions = 0;
};

}  // namespace stream_problem

template <>
struct glstm::GateTraits<stream_problem::CountingGate>
    : glstm::GateTraits<glstm::GaussianGate<double>> {};

namespace stream_problem {

template <class Scalar>
constexpr double tolerance_of = std::is_same_v<Scalar, float> ? 2e-5 : 1e-12;

template <class Gate>
void fill_stream_gates(Eigen::Map<Matrix<typename Gate::Scalar>> gates, const Shape& shape,
                       Rng& rng) {
  if constexpr (std::is_same_v<Gate, SquareGate>) {
    for (double& length : gates.reshaped()) length = rng.uniform(0.5, 8);
  } else {
    fill_gates<Gate>(gates, shape, rng);
  }
}

// One sample; weights small enough that rounding errors fade.
template <class Gate>
Problem<Gate> random_problem(const Shape& shape, Rng& rng) {
  Problem<Gate> problem(shape, rng);
  using Scalar = typename Gate::Scalar;
  const Index weights = 4 * shape.hidden * (shape.inputs + shape.hidden + 1);
  problem.parameters.head(weights) *=
      Scalar(1 / std::sqrt(static_cast<double>(shape.hidden + shape.inputs)));
  fill_stream_gates<Gate>(problem.layer.gate_parameters(problem.parameters), shape, rng);
  return problem;
}

inline Shape random_stream(Rng& rng) {
  Shape shape = random_shape(rng);
  shape.inputs = 1 + rng.below(5);
  shape.hidden = 1 + rng.below(40);
  shape.batch = 1;
  shape.ragged = false;
  return shape;
}

template <class Gate>
State<typename Gate::Scalar> initial_state(const Problem<Gate>& problem) {
  return problem.initial ? *problem.initial
                         : State<typename Gate::Scalar>::zeros(1, problem.layer.hidden());
}

template <class Gate, class Cell>
void start(Cell& cell, const Problem<Gate>& problem) {
  if (problem.initial) {
    cell.set_state(problem.initial->h.row(0).transpose(), problem.initial->c.row(0).transpose());
  }
}

template <class Gate>
Index open_at(const Gate& gate, typename Gate::Scalar t) {
  return open_mask(gate, t).count();
}

inline std::vector<double> times_of(const Timing& timing) {
  std::vector<double> times;
  for (Index n = 0; n < timing.steps; ++n) times.push_back(timing.time(0, n));
  return times;
}

// 0 ... T and back, over and over, with a jump now and then.
inline std::vector<double> up_and_down(double T, std::size_t steps, Rng& rng) {
  std::vector<double> times;
  double t = 0, direction = 1;
  for (std::size_t n = 0; n < steps; ++n) {
    times.push_back(t);
    t += direction * rng.uniform(0, 1.5);
    if (rng.uniform() < 0.05) t = rng.uniform(0, T);
    if (t < 0 || t > T) direction = -direction;
    t = std::clamp(t, 0.0, T);
  }
  return times;
}

}  // namespace stream_problem
