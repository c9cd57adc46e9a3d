// The gradients of a layer against central differences and the complex step.
#include <complex>
#include <vector>

#include "catch.hpp"
#include "glstm/lstm/layer.hpp"
#include "glstm/testing/gradient_check.hpp"
#include "layer_problem.hpp"

namespace layer_gradient_test {

using namespace glstm;
using namespace layer_problem;

namespace {

// The scalar that `run` differentiates, of [parameters | x | h0 | c0]; the reference path in any
// scalar type.
template <template <class> class Gate, class Scalar>
Scalar loss_of(const Vector<Scalar>& point, const Problem<Gate<double>>& problem) {
  const Layer<Gate<double>>& layer = problem.layer;
  const Index I = layer.inputs(), H = layer.hidden(), B = problem.timing.batch;
  const Index T = problem.timing.steps,
              P = static_cast<Index>(Gate<double>::parameter_names.size());
  const Scalar* data = point.data();
  const LstmWeights<Scalar> weights{
      {data, 4 * H, I}, {data + 4 * H * I, 4 * H, H}, {data + 4 * H * (I + H), 4 * H}};
  data += 4 * H * (I + H + 1);
  typename Gate<Scalar>::Options options;
  if constexpr (requires { options.threshold; }) options.threshold = layer.gate_options().threshold;
  if constexpr (requires { options.leak; }) options.leak = layer.gate_options().leak;
  const Gate<Scalar> gate(Eigen::Map<const Matrix<Scalar>>(data, H, P), options);
  data += H * P;
  const Matrix<Scalar> x = Eigen::Map<const Matrix<Scalar>>(data, B, I * T);
  data += x.size();
  State<Scalar> state{Eigen::Map<const Matrix<Scalar>>(data, B, H),
                      Eigen::Map<const Matrix<Scalar>>(data + B * H, B, H)};

  Matrix<Scalar> outputs;
  reference::Tape<Scalar> tape;
  reference::forward<Gate<Scalar>, Scalar>(weights, gate, layer.time_origin(), x, problem.timing,
                                           state, &outputs, tape);
  const auto dot = [](const Matrix<double>& a, const Matrix<Scalar>& b) {
    return a.cast<Scalar>().cwiseProduct(b).sum();
  };
  Scalar loss = dot(problem.doutputs, outputs) + dot(problem.dfinal.h, state.h) +
                dot(problem.dfinal.c, state.c);
  for (const CellTape<Scalar>& cell : tape.cells) loss += problem.budget_gradient * cell.k.sum();
  return loss;
}

// The gradients of both paths as blocks of [parameters | x | h0 | c0], against `expected`.
template <class Gate>
void check_all_gradients(const Problem<Gate>& problem, const Vector<double>& expected,
                         double tolerance) {
  ParameterLayout layout = problem.layout;
  const State<double>& initial = *problem.initial;
  layout.add("x", problem.x.rows(), problem.x.cols(), ParameterRole::weight);
  layout.add("h0", initial.h.rows(), initial.h.cols(), ParameterRole::weight);
  layout.add("c0", initial.c.rows(), initial.c.cols(), ParameterRole::weight);
  for (Path path : {Path::scheduled, Path::reference}) {
    INFO("path " << static_cast<int>(path));
    const Result<double> result = run(problem, path);
    Vector<double> all(layout.size());
    all << result.gradient, result.dx.reshaped(), result.dinitial.h.reshaped(),
        result.dinitial.c.reshaped();
    check_close_blocks(layout, all, expected, tolerance);
  }
}

template <class Gate>
Vector<double> point_of(const Problem<Gate>& problem) {
  const State<double>& initial = *problem.initial;
  Vector<double> point(problem.parameters.size() + problem.x.size() + 2 * initial.h.size());
  point << problem.parameters, problem.x.reshaped(), initial.h.reshaped(), initial.c.reshaped();
  return point;
}

template <template <class> class Gate>
void check_central_differences() {
  for (Clock clock : {Clock::steps, Clock::shared, Clock::per_sample}) {
    for (bool ragged : {false, true}) {
      for (double threshold : {0.0, 0.1}) {
        const Shape shape{.hidden = 4,
                          .steps = 7,
                          .clock = clock,
                          .ragged = ragged,
                          .initial_state = true,
                          .threshold = threshold,
                          .leak = 0.2};
        Rng rng(11);
        INFO("seed 11: " << shape);
        const Problem<Gate<double>> problem(shape, rng);
        const Vector<double> expected = testing::numeric_gradient(
            [&](const Vector<double>& point) { return loss_of<Gate, double>(point, problem); },
            point_of(problem), 1e-6);
        check_all_gradients(problem, expected, 1e-7);
      }
    }
  }
}

}  // namespace

TEST_CASE("every gradient agrees with central differences: no gate") {
  check_central_differences<AlwaysOpen>();
}
TEST_CASE("every gradient agrees with central differences: Gaussian") {
  check_central_differences<GaussianGate>();
}
TEST_CASE("every gradient agrees with central differences: phased") {
  check_central_differences<PhasedGate>();
}

TEST_CASE("every gradient agrees with the complex step to rounding") {
  const Shape shape{.hidden = 4, .steps = 9, .initial_state = true, .threshold = 0.1};
  Rng rng(12);
  const Problem<GaussianGate<double>> problem(shape, rng);
  Vector<std::complex<double>> point = point_of(problem).cast<std::complex<double>>();
  Vector<double> expected(point.size());
  for (Index i = 0; i < point.size(); ++i) {  // f'(p) = Im f(p + i step) / step
    const std::complex<double> value = point(i);
    point(i) = {value.real(), 1e-30};
    expected(i) = loss_of<GaussianGate, std::complex<double>>(point, problem).imag() / 1e-30;
    point(i) = value;
  }
  check_all_gradients(problem, expected, 1e-12);
}

}  // namespace layer_gradient_test
