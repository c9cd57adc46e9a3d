// What frozen neurons add to the open ones is kept up to date by additions and subtractions. Over a
// long sequence these must not pile up rounding errors.
#include <algorithm>
#include <cmath>

#include "catch.hpp"
#include "glstm/core/random.hpp"
#include "glstm/gates/phased_gate.hpp"
#include "glstm/lstm/layer.hpp"

namespace frozen_drift_test {

using namespace glstm;

namespace {

constexpr Index hidden = 8;

/// Two neurons that are open all the time beside six that open for 4 of every 16 steps.
template <class Scalar>
struct LongRun {
  explicit LongRun(Index steps) : layer(layout, "", 1, hidden), timing{.batch = 1, .steps = steps} {
    Rng rng(5);
    parameters.resize(layout.size());
    for (Index i = 0; i < parameters.size(); ++i) parameters(i) = random(rng, 0.5);
    auto gates = layer.gate_parameters(parameters);  // period, shift, open ratio
    for (Index j = 0; j < hidden; ++j) {
      if (j < 2) {
        const Scalar span = static_cast<Scalar>(steps);
        gates.row(j) << 4 * span, Scalar(-1.5) * span, Scalar(1);
      } else {  // edges lie between two steps
        gates.row(j) << Scalar(16),
            static_cast<Scalar>(2.5 * static_cast<double>(j)) + Scalar(0.25), Scalar(0.25);
      }
    }
    x.resize(1, steps);
    for (Index n = 0; n < steps; ++n) x(0, n) = random(rng, 1);
  }

  static Scalar random(Rng& rng, double limit) {
    return static_cast<Scalar>(static_cast<float>(rng.uniform(-limit, limit)));
  }

  Matrix<double> outputs(Path path) {
    Matrix<Scalar> outputs;
    const Keep keep = timing.steps < 10'000 ? Keep::tape : Keep::nothing;
    layer.forward(parameters, x, timing, nullptr, state, &outputs, tape, keep, path);
    return outputs.template cast<double>();
  }

  /// The gradient of the sum of all outputs.
  Vector<Scalar> gradient() {
    const Matrix<Scalar> doutputs = Matrix<Scalar>::Ones(1, hidden * timing.steps);
    Vector<Scalar> result = Vector<Scalar>::Zero(layout.size());
    State<Scalar> dstate = State<Scalar>::zeros(1, hidden);
    layer.backward(parameters, timing, tape, &doutputs, Scalar(0), dstate, nullptr, result);
    return result;
  }

  ParameterLayout layout;
  Layer<PhasedGate<Scalar>> layer;
  Timing timing;
  Vector<Scalar> parameters;
  Matrix<Scalar> x;
  State<Scalar> state;
  LayerTape<Scalar> tape;
};

}  // namespace

TEST_CASE("a long sequence piles up no rounding errors in what frozen neurons add") {
  constexpr Index steps = 100'000, part = 2'000 * hidden;
  const Matrix<double> exact = LongRun<double>(steps).outputs(Path::scheduled);
  const Matrix<double> error = (LongRun<float>(steps).outputs(Path::scheduled) - exact).cwiseAbs();
  const double first = error.leftCols(part).maxCoeff(), last = error.rightCols(part).maxCoeff();
  CAPTURE(first, last);
  CHECK(first > 0);
  CHECK(last < 2 * first);
}

TEST_CASE("what frozen neurons add is summed anew in both passes") {
  LongRun<double> scheduled(2'000), reference(2'000);  // more than a thousand segments
  CHECK(largest_magnitude(scheduled.outputs(Path::scheduled) - reference.outputs(Path::reference)) <
        1e-13);
  CHECK(scheduled.tape.scheduled.segments.size() > 1'000);
  const Vector<double> expected = reference.gradient();
  CHECK(largest_magnitude(scheduled.gradient() - expected) < 1e-12 * largest_magnitude(expected));
}

}  // namespace frozen_drift_test
