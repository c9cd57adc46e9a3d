// Random layers with everything that their forward and backward passes take, for the layer tests.
#pragma once

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>
#include <ostream>
#include <vector>

#include "catch.hpp"
#include "glstm/core/random.hpp"
#include "glstm/gates/always_open.hpp"
#include "glstm/gates/gaussian_gate.hpp"
#include "glstm/gates/phased_gate.hpp"
#include "glstm/lstm/layer.hpp"

namespace layer_problem {

using namespace glstm;

enum class Clock { steps, shared, per_sample };

struct Shape {
  Index inputs = 2, hidden = 5, steps = 12, batch = 3;
  Clock clock = Clock::steps;
  bool ragged = false, initial_state = false;
  double threshold = 0.01, leak = 0, origin = 0;
};

inline std::ostream& operator<<(std::ostream& out, const Shape& shape) {
  return out << "I " << shape.inputs << ", H " << shape.hidden << ", T " << shape.steps << ", B "
             << shape.batch << ", clock " << static_cast<int>(shape.clock) << ", ragged "
             << shape.ragged << ", initial state " << shape.initial_state << ", threshold "
             << shape.threshold << ", leak " << shape.leak << ", origin " << shape.origin;
}

template <class Gate>
typename Gate::Options gate_options(const Shape& shape) {
  typename Gate::Options options;
  if constexpr (requires { options.threshold; }) options.threshold = shape.threshold;
  if constexpr (requires { options.leak; }) options.leak = shape.leak;
  return options;
}

template <class Scalar>
Matrix<Scalar> random_matrix(Index rows, Index cols, Rng& rng) {
  Matrix<Scalar> values(rows, cols);
  for (Index i = 0; i < values.size(); ++i) values.data()[i] = Scalar(rng.uniform(-1, 1));
  return values;
}

template <class Scalar>
State<Scalar> random_state(Index batch, Index hidden, Rng& rng) {
  return {random_matrix<Scalar>(batch, hidden, rng), random_matrix<Scalar>(batch, hidden, rng)};
}

// Irregular times in [0, T], about every fifth equal to the one before.
inline Timing random_timing(const Shape& shape, Rng& rng) {
  Timing timing;
  timing.batch = shape.batch;
  timing.steps = shape.steps;
  if (shape.clock != Clock::steps) {
    timing.timestamps.resize(shape.clock == Clock::shared ? 1 : shape.batch, shape.steps);
    for (Index row = 0; row < timing.timestamps.rows(); ++row) {
      std::vector<double> times;
      for (Index n = 0; n < shape.steps; ++n) {
        const bool again = n > 0 && rng.uniform() < 0.2;
        times.push_back(again ? times.back() : rng.uniform(0, static_cast<double>(shape.steps)));
      }
      std::sort(times.begin(), times.end());
      for (Index n = 0; n < shape.steps; ++n) {
        timing.timestamps(row, n) = times[static_cast<std::size_t>(n)];
      }
    }
  }
  if (shape.ragged) {
    for (Index b = 0; b < shape.batch; ++b) timing.lengths.push_back(rng.below(shape.steps + 1));
  }
  return timing;
}

// Windows from very short to longer than the sequence, some outside it.
template <class Gate>
void fill_gates(Eigen::Map<Matrix<typename Gate::Scalar>> gates, const Shape& shape, Rng& rng) {
  using Scalar = typename Gate::Scalar;
  const double T = static_cast<double>(std::max<Index>(shape.steps, 1));
  for (Index j = 0; j < gates.rows(); ++j) {
    const double sign = rng.uniform() < 0.2 ? -1 : 1;
    const double size = sign * T * std::pow(10, rng.uniform(-1.7, 0.2));
    const double place = rng.uniform(-0.2 * T, 1.2 * T) - shape.origin;
    if constexpr (Gate::parameter_names.size() == 2) gates.row(j) << Scalar(place), Scalar(size);
    if constexpr (Gate::parameter_names.size() == 3) {
      gates.row(j) << Scalar(size), Scalar(place), Scalar(rng.uniform(0.05, 1.3));
    }
  }
}

// A layer with everything that its forward and backward passes take.
template <class Gate>
struct Problem {
  using Scalar = typename Gate::Scalar;

  Problem(const Shape& shape, Rng& rng)
      : layer(layout, "", shape.inputs, shape.hidden, gate_options<Gate>(shape), shape.origin) {
    parameters = random_matrix<Scalar>(layout.size(), 1, rng);
    fill_gates<Gate>(layer.gate_parameters(parameters), shape, rng);
    timing = random_timing(shape, rng);
    x = random_matrix<Scalar>(shape.batch, shape.inputs * shape.steps, rng);
    if (shape.initial_state) initial = random_state<Scalar>(shape.batch, shape.hidden, rng);
    doutputs = random_matrix<Scalar>(shape.batch, shape.hidden * shape.steps, rng);
    dfinal = random_state<Scalar>(shape.batch, shape.hidden, rng);
    budget_gradient = Scalar(rng.uniform(-1, 1));
  }

  const State<Scalar>* initial_or_null() const { return initial ? &*initial : nullptr; }

  ParameterLayout layout;
  Layer<Gate> layer;
  Vector<Scalar> parameters;
  Timing timing;
  Matrix<Scalar> x;
  std::optional<State<Scalar>> initial;
  Matrix<Scalar> doutputs;
  State<Scalar> dfinal;
  Scalar budget_gradient;
};

template <class Scalar>
struct Result {
  Matrix<Scalar> outputs, dx;
  State<Scalar> final_state, dinitial;
  Vector<Scalar> gradient;
  OpCounts ops;
};

template <class Gate, class Scalar = typename Gate::Scalar>
Result<Scalar> run(const Problem<Gate>& problem, Path path, LayerTape<Scalar>& tape) {
  Result<Scalar> result;
  problem.layer.forward(problem.parameters, problem.x, problem.timing, problem.initial_or_null(),
                        result.final_state, &result.outputs, tape, Keep::tape, path);
  result.dinitial = problem.dfinal;
  result.gradient.setZero(problem.layout.size());
  problem.layer.backward(problem.parameters, problem.timing, tape, &problem.doutputs,
                         problem.budget_gradient, result.dinitial, &result.dx, result.gradient);
  result.ops = tape.ops();
  return result;
}

template <class Gate>
Result<typename Gate::Scalar> run(const Problem<Gate>& problem, Path path = Path::scheduled) {
  LayerTape<typename Gate::Scalar> tape;
  return run(problem, path, tape);
}

// The largest difference of two tensors relative to the largest magnitude of the second; infinity
// where one is not finite.
template <class A, class B>
double relative_difference(const A& a, const B& b) {
  if (a.rows() != b.rows() || a.cols() != b.cols() || !a.allFinite() || !b.allFinite()) {
    return std::numeric_limits<double>::infinity();
  }
  if (a.size() == 0) return 0;
  const double difference =
      (a.template cast<double>() - b.template cast<double>()).cwiseAbs().maxCoeff();
  if (difference == 0) return 0;
  return difference / b.template cast<double>().cwiseAbs().maxCoeff();
}

template <class A, class B>
void check_close(const char* what, const A& a, const B& b, double tolerance) {
  INFO(what);
  CHECK(relative_difference(a, b) <= tolerance);
}

template <class A, class B>
void check_close_states(const char* what, const State<A>& a, const State<B>& b, double tolerance) {
  INFO(what);
  check_close("h", a.h, b.h, tolerance);
  check_close("c", a.c, b.c, tolerance);
}

// Block by block: a wrong bias gradient must not hide behind a large weight gradient.
template <class A, class B>
void check_close_blocks(const ParameterLayout& layout, const Vector<A>& a, const Vector<B>& b,
                        double tolerance) {
  for (const ParameterBlock& block : layout.blocks()) {
    check_close(block.name.c_str(), block_view(a, block), block_view(b, block), tolerance);
  }
}

template <class A, class B>
void check_close_results(const ParameterLayout& layout, const Result<A>& a, const Result<B>& b,
                         double tolerance, bool initial_state) {
  check_close("outputs", a.outputs, b.outputs, tolerance);
  check_close_states("final state", a.final_state, b.final_state, tolerance);
  check_close("dx", a.dx, b.dx, tolerance);
  check_close("d initial c", a.dinitial.c, b.dinitial.c, tolerance);
  if (initial_state) check_close("d initial h", a.dinitial.h, b.dinitial.h, tolerance);
  check_close_blocks(layout, a.gradient, b.gradient, tolerance);
}

template <class Scalar>
bool same_bits(const Result<Scalar>& a, const Result<Scalar>& b) {
  return a.outputs == b.outputs && a.dx == b.dx && a.final_state.h == b.final_state.h &&
         a.final_state.c == b.final_state.c && a.dinitial.h == b.dinitial.h &&
         a.dinitial.c == b.dinitial.c && a.gradient == b.gradient;
}

inline Shape random_shape(Rng& rng) {
  const double thresholds[] = {0, 1e-4, 0.01, 0.2, 0.7};
  Shape shape;
  shape.inputs = 1 + rng.below(4);
  shape.hidden = 1 + rng.below(12);
  shape.steps = 1 + rng.below(40);
  shape.batch = 1 + rng.below(rng.uniform() < 0.2 ? 40 : 6);
  shape.clock = static_cast<Clock>(rng.below(3));
  shape.ragged = rng.uniform() < 0.4;
  shape.initial_state = rng.uniform() < 0.5;
  shape.threshold = thresholds[rng.below(5)];
  shape.leak = rng.uniform() < 0.5 ? 0 : rng.uniform(0, 0.5);
  shape.origin = rng.uniform() < 0.3 ? rng.uniform(-2, 2) : 0;
  return shape;
}

// The updates and the sum of openness, by asking every gate at every valid step of every sample.
template <class Gate>
void check_counts(const Problem<Gate>& problem, const OpCounts& ops) {
  const auto times =
      relative_times<typename Gate::Real>(problem.timing, problem.layer.time_origin());
  const Gate gate = problem.layer.gate(problem.parameters);
  double updates = 0, openness = 0;
  for (Index b = 0; b < problem.timing.batch; ++b) {
    for (Index n = 0; n < problem.timing.length(b); ++n) {
      for (Index j = 0; j < gate.size(); ++j) {
        const auto t = times(times.rows() == 1 ? 0 : b, n);
        updates += gate.is_open(j, t) ? 1 : 0;
        openness += static_cast<double>(gate.openness(j, t));
      }
    }
  }
  CHECK(ops.updates == updates);
  CHECK(ops.dense_updates ==
        static_cast<double>(problem.timing.valid_steps() * problem.layer.hidden()));
  CHECK(ops.openness == Approx(openness).epsilon(1e-5).margin(1e-12));
}

}  // namespace layer_problem
