// The streaming cell against the layer: the same states, whatever the times do.
#include "glstm/streaming/streaming_cell.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <memory>
#include <type_traits>
#include <utility>
#include <vector>

#include "catch.hpp"
#include "stream_problem.hpp"

namespace streaming_cell_test {

using namespace glstm;
using namespace stream_problem;

namespace {

// Runs the cell and Layer::step side by side over `times`.
template <class Gate>
void check_against_steps(const Problem<Gate>& problem, const std::vector<double>& times) {
  using Scalar = typename Gate::Scalar;
  const Index I = problem.layer.inputs(), H = problem.layer.hidden();
  const Gate gate = problem.layer.gate(problem.parameters);
  StreamingCell<Gate> cell(problem.layer, problem.parameters);
  start(cell, problem);
  State<Scalar> state = initial_state(problem);
  Rng rng(5);
  for (std::size_t n = 0; n < times.size(); ++n) {
    const Matrix<Scalar> x = random_matrix<Scalar>(1, I, rng);
    const Vector<Scalar> h_before = cell.hidden(), c_before = cell.cell();
    problem.layer.step(problem.parameters, x, times[n], state);
    cell.step(x.data(), times[n]);

    const Scalar t = static_cast<Scalar>(times[n] - problem.layer.time_origin());
    const double scale = std::max(1.0, static_cast<double>(state.c.cwiseAbs().maxCoeff()));
    const double h_error = largest_magnitude(cell.hidden().transpose() - state.h);
    const double c_error = largest_magnitude(cell.cell().transpose() - state.c);
    bool kept = true;
    for (Index j = 0; j < H; ++j) {
      if (gate.is_open(j, t)) continue;
      kept = kept && cell.hidden()(j) == h_before(j) && cell.cell()(j) == c_before(j);
    }
    INFO("step " << n << " at " << times[n]);
    REQUIRE(h_error <= tolerance_of<Scalar>);
    REQUIRE(c_error <= tolerance_of<Scalar> * scale);
    REQUIRE(cell.open_count() == open_at(gate, t));
    REQUIRE(kept);
  }
}

template <class Gate>
bool same_state(const StreamingCell<Gate>& a, const StreamingCell<Gate>& b) {
  return a.hidden() == b.hidden() && a.cell() == b.cell();
}

}  // namespace

TEMPLATE_TEST_CASE("a streaming cell takes the steps of its layer: random shapes", "", STREAMED) {
  for (std::uint64_t seed = 0; seed < 60; ++seed) {
    Rng rng(seed);
    const Shape shape = random_stream(rng);
    INFO("seed " << seed << ": " << shape);
    const auto problem = random_problem<TestType>(shape, rng);
    check_against_steps(problem, times_of(problem.timing));
  }
}

TEMPLATE_TEST_CASE("a streaming cell gives the outputs of a whole sequence", "", STREAMED) {
  using Scalar = typename TestType::Scalar;
  for (std::uint64_t seed = 100; seed < 130; ++seed) {
    Rng rng(seed);
    const Shape shape = random_stream(rng);
    INFO("seed " << seed << ": " << shape);
    const auto problem = random_problem<TestType>(shape, rng);
    LayerTape<Scalar> tape;
    State<Scalar> final_state;
    Matrix<Scalar> expected;
    problem.layer.forward(problem.parameters, problem.x, problem.timing, problem.initial_or_null(),
                          final_state, &expected, tape);
    StreamingCell<TestType> cell(problem.layer, problem.parameters);
    start(cell, problem);
    Matrix<Scalar> outputs(1, shape.hidden * shape.steps);
    for (Index n = 0; n < shape.steps; ++n) {
      cell.step(problem.x.data() + n * shape.inputs, problem.timing.time(0, n));
      outputs.middleCols(n * shape.hidden, shape.hidden) = cell.hidden().transpose();
    }
    CHECK(largest_magnitude(outputs - expected) <= tolerance_of<Scalar>);
    check_close("final c", cell.cell().transpose(), final_state.c, tolerance_of<Scalar>);
  }
}

TEMPLATE_TEST_CASE("a streaming cell takes times in any order", "", STREAMED) {
  for (std::uint64_t seed = 200; seed < 220; ++seed) {
    Rng rng(seed);
    const Shape shape = random_stream(rng);
    INFO("seed " << seed << ": " << shape);
    const auto problem = random_problem<TestType>(shape, rng);
    check_against_steps(problem, up_and_down(static_cast<double>(shape.steps), 150, rng));
  }
}

TEMPLATE_TEST_CASE("a streaming cell of more weights than the nearest cache holds", "", STREAMED) {
  Rng rng(3);
  Shape shape{.inputs = 1, .hidden = 110, .steps = 30, .batch = 1, .initial_state = true};
  const auto problem = random_problem<TestType>(shape, rng);
  check_against_steps(problem, up_and_down(30, 60, rng));
}

TEST_CASE("a streaming cell takes the steps of a layer with a gate of the user's") {
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    Rng rng(seed);
    Shape shape = random_stream(rng);
    INFO("seed " << seed << ": " << shape);
    const auto problem = random_problem<SquareGate>(shape, rng);
    check_against_steps(problem, times_of(problem.timing));
    check_against_steps(problem, up_and_down(40, 80, rng));
  }
}

TEST_CASE("a streaming cell with a user's gate that has traits asks it at edges only") {
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    Rng rng(seed);
    Shape shape = random_stream(rng);
    shape.threshold = 0.01;
    INFO("seed " << seed << ": " << shape);
    const auto problem = random_problem<CountingGate>(shape, rng);
    check_against_steps(problem, times_of(problem.timing));
    check_against_steps(problem, up_and_down(40, 80, rng));

    StreamingCell<CountingGate> cell(problem.layer, problem.parameters);
    const Vector<double> x = Vector<double>::Ones(shape.inputs);
    const Index before = CountingGate::questions;
    constexpr int steps = 1000;
    for (int n = 0; n < steps; ++n) {
      cell.step(x.data(), problem.layer.time_origin() + 0.001 * n);
    }
    CHECK(CountingGate::questions - before < shape.hidden * steps / 5);
  }
}

TEMPLATE_TEST_CASE("a streaming cell: all closed, all open, one after the other", "",
                   GaussianGate<float>, GaussianGate<double>) {
  Rng rng(4);
  const Shape shape{.inputs = 3, .hidden = 37, .steps = 40, .batch = 1, .initial_state = true};
  auto problem = random_problem<TestType>(shape, rng);
  auto gates = problem.layer.gate_parameters(problem.parameters);
  SECTION("all closed") {
    gates.col(0).array() += 10000;
    StreamingCell<TestType> cell(problem.layer, problem.parameters);
    start(cell, problem);
    for (int n = 0; n < 5; ++n) cell.step(problem.x.data(), n);
    CHECK(cell.open_count() == 0);
    CHECK(cell.hidden().transpose() == problem.initial->h);
    CHECK(cell.cell().transpose() == problem.initial->c);
  }
  SECTION("all open") {
    gates.col(1).array() = 1000;
    StreamingCell<TestType> cell(problem.layer, problem.parameters);
    cell.step(problem.x.data(), 3);
    CHECK(cell.open_count() == shape.hidden);
  }
  SECTION("one after the other") {
    for (Index j = 0; j < shape.hidden; ++j) {
      using Scalar = typename TestType::Scalar;
      gates.row(j) << Scalar(j * 7 % shape.hidden), Scalar(0.2);
    }
  }
  SECTION("equal windows") { gates.rowwise() = gates.row(0).eval(); }
  check_against_steps(problem, up_and_down(40, 200, rng));
}

TEMPLATE_TEST_CASE("a streaming cell asks the gate at the edges of windows", "",
                   GaussianGate<float>, GaussianGate<double>, PhasedGate<float>,
                   PhasedGate<double>) {
  using Scalar = typename TestType::Scalar;
  // 1e-42 is denormal as a float
  for (double threshold : {0.0, 1e-42, 1e-4, 0.01, 0.5, 0.99, 0.9999, 1 - 1e-7, 1.0}) {
    for (double leak : {0.0, 0.3}) {
      INFO("threshold " << threshold << ", leak " << leak);
      Rng rng(11);
      const Shape shape{.hidden = 9, .steps = 40, .batch = 1, .threshold = threshold, .leak = leak};
      const auto problem = random_problem<TestType>(shape, rng);
      const TestType gate = problem.layer.gate(problem.parameters);
      StreamingCell<TestType> cell(problem.layer, problem.parameters);
      const Vector<Scalar> x = Vector<Scalar>::Ones(shape.inputs);
      Index wrong = 0;
      for (Index j = 0; j < shape.hidden; ++j) {
        const auto window = gate.next_window(j, Scalar(rng.uniform(0, 10)));
        for (Scalar edge : {window.open, window.close}) {
          if (!std::isfinite(edge)) continue;
          Scalar ulps = edge;
          for (int n = 0; n < 20; ++n) ulps = std::nextafter(ulps, Scalar(-1e9));
          for (int n = 0; n < 240; ++n) {  // through the edge, in growing steps, and at random
            const Scalar t = n < 120 ? ulps : edge + Scalar(rng.uniform(-0.02, 0.02));
            cell.step(x.data(), static_cast<double>(t));
            wrong += cell.open_count() != open_at(gate, t);
            const Scalar next = std::nextafter(ulps, Scalar(1e9));
            ulps = n < 50 ? next : ulps + (next - ulps) * Scalar(n);
          }
        }
      }
      CHECK(wrong == 0);
    }
  }
}

TEMPLATE_TEST_CASE("a streaming cell knows its layer's time origin", "", GaussianGate<float>,
                   PhasedGate<double>) {
  Rng rng(6);
  const Shape near{.inputs = 2, .hidden = 21, .steps = 60, .batch = 1};
  const auto problem = random_problem<TestType>(near, rng);
  ParameterLayout layout;
  const Layer<TestType> far(layout, "", near.inputs, near.hidden, problem.layer.gate_options(),
                            1.6e9);
  StreamingCell<TestType> cell(problem.layer, problem.parameters), late(far, problem.parameters);
  for (Index n = 0; n < near.steps; ++n) {
    const double t = 0.25 * static_cast<double>(n * 2);  // exact, also beyond 1.6e9
    cell.step(problem.x.data() + n * near.inputs, t);
    late.step(problem.x.data() + n * near.inputs, 1.6e9 + t);
    REQUIRE(same_state(cell, late));
  }
}

TEMPLATE_TEST_CASE("compile-time sizes change nothing", "", STREAMED) {
  using Scalar = typename TestType::Scalar;
  Rng rng(7);
  const Shape shape{.inputs = 3, .hidden = 19, .steps = 40, .batch = 1, .initial_state = true};
  const auto problem = random_problem<TestType>(shape, rng);
  StreamingCell<TestType> cell(problem.layer, problem.parameters);
  StreamingCell<TestType, 3, 19> fixed(problem.layer, problem.parameters);
  StreamingCell<TestType, 3> half_fixed(problem.layer, problem.parameters);
  start(cell, problem);
  start(fixed, problem);
  start(half_fixed, problem);
  const Eigen::Matrix<Scalar, 19, 1> before = fixed.hidden();
  for (Index n = 0; n < shape.steps; ++n) {
    const Scalar* x = problem.x.data() + n * shape.inputs;
    cell.step(x, static_cast<double>(n));
    fixed.step(x, static_cast<double>(n));
    half_fixed.step(x, static_cast<double>(n));
  }
  CHECK(before != fixed.hidden());
  CHECK(cell.hidden() == fixed.hidden());
  CHECK(cell.cell() == half_fixed.cell());
  CHECK(cell.inputs() == 3);
  CHECK(fixed.neurons() == 19);
}

TEMPLATE_TEST_CASE("what closed neurons contribute does not drift in 100000 steps", "",
                   GaussianGate<float>, GaussianGate<double>, PhasedGate<float>,
                   PhasedGate<double>) {
  using Scalar = typename TestType::Scalar;
  Rng rng(8);
  const Shape shape{.inputs = 2, .hidden = 11, .steps = 50, .batch = 1, .initial_state = true};
  auto problem = random_problem<TestType>(shape, rng);
  if constexpr (std::is_same_v<TestType, GaussianGate<Scalar>>) {
    problem.layer.gate_parameters(problem.parameters)(5, 0) = Scalar(-1e5);  // for ever closed
  }
  StreamingCell<TestType> cell(problem.layer, problem.parameters);
  start(cell, problem);
  const std::vector<double> times = up_and_down(50, 100000, rng);
  for (std::size_t n = 0; n < times.size(); ++n) {
    cell.step(problem.x.data() + static_cast<Index>(n) % shape.steps * shape.inputs, times[n]);
  }
  REQUIRE(cell.hidden().allFinite());
  double worst = 0;
  for (int n = 0; n < 50; ++n) {
    StreamingCell<TestType> fresh(problem.layer, problem.parameters);
    fresh.set_state(cell.hidden(), cell.cell());  // adds up the closed neurons anew
    cell.step(problem.x.data(), n);
    fresh.step(problem.x.data(), n);
    worst = std::max(worst, largest_magnitude(cell.hidden() - fresh.hidden()));
  }
  CHECK(worst <= static_cast<double>(std::numeric_limits<Scalar>::epsilon()));
}

TEMPLATE_TEST_CASE("streaming cells: reset, set_state and copies", "", STREAMED) {
  using Scalar = typename TestType::Scalar;
  Rng rng(9);
  const Shape shape{.inputs = 2, .hidden = 23, .steps = 30, .batch = 1};
  const auto problem = random_problem<TestType>(shape, rng);
  const auto run_steps = [&](StreamingCell<TestType>& cell, Index begin, Index end) {
    for (Index n = begin; n < end; ++n) {
      cell.step(problem.x.data() + n * shape.inputs, static_cast<double>(n));
    }
  };
  StreamingCell<TestType> cell(problem.layer, problem.parameters);
  CHECK(cell.hidden().isZero(0));
  const StreamingCell<TestType> unused = cell;
  run_steps(cell, 0, 30);
  const Vector<Scalar> h = cell.hidden(), c = cell.cell();
  CHECK(!h.isZero(0));

  SECTION("reset") {
    cell.reset();
    CHECK(same_state(cell, unused));
    run_steps(cell, 0, 30);
    CHECK(largest_magnitude(cell.hidden() - h) <= tolerance_of<Scalar>);
  }
  SECTION("a time that is no time changes nothing, infinite times no later step") {
    using Real = std::numeric_limits<double>;
    StreamingCell<TestType> disturbed(problem.layer, problem.parameters);
    StreamingCell<TestType> calm = disturbed;
    const bool gated = !std::is_same_v<TestType, AlwaysOpen<Scalar>>;
    for (Index n = 0; n < 30 && gated; ++n) {
      const Scalar* x = problem.x.data() + n * shape.inputs;
      disturbed.step(x, Real::quiet_NaN());
      CHECK(same_state(disturbed, calm));
      if constexpr (std::is_same_v<TestType, GaussianGate<Scalar>>) {  // others have no phase there
        disturbed.step(x, n % 2 == 0 ? Real::infinity() : -Real::infinity());
        CHECK(same_state(disturbed, calm));
      }
      disturbed.step(x, static_cast<double>(n));
      calm.step(x, static_cast<double>(n));
      CHECK(largest_magnitude(disturbed.hidden() - calm.hidden()) <= tolerance_of<Scalar>);
      disturbed.set_state(calm.hidden(), calm.cell());
    }
  }
  SECTION("views stay where they are") {
    const auto view = cell.hidden();
    run_steps(cell, 0, 7);
    CHECK(view.data() == cell.hidden().data());
    CHECK(view == cell.hidden());
  }
  SECTION("set_state takes views of the cell itself") {
    cell.set_state(cell.cell(), cell.hidden());
    CHECK(cell.hidden() == c);
    CHECK(cell.cell() == h);
  }
  SECTION("a state of the wrong size changes nothing") {
    const Vector<Scalar> longer = Vector<Scalar>::Ones(24);
    check_mentions(error_of([&] { cell.set_state(longer, longer); }), {"23", "24"});
    check_mentions(error_of([&] { cell.set_state(h, longer); }), {"23", "24"});
    CHECK(cell.hidden() == h);
    CHECK(cell.cell() == c);
  }
  SECTION("copies and moves") {
    cell.reset();
    run_steps(cell, 0, 10);
    StreamingCell<TestType> copy = cell, assigned = unused;
    assigned = cell;
    run_steps(cell, 12, 25);
    const StreamingCell<TestType> other = cell;
    run_steps(copy, 10, 30);
    CHECK(same_state(cell, other));
    StreamingCell<TestType> moved = std::move(assigned);
    run_steps(moved, 10, 30);
    CHECK(same_state(copy, moved));
    CHECK(largest_magnitude(copy.hidden() - h) <= tolerance_of<Scalar>);
  }
  SECTION("a copy outlives its original, and the parameters") {
    auto parameters = std::make_unique<Vector<Scalar>>(problem.parameters);
    auto original = std::make_unique<StreamingCell<TestType>>(problem.layer, *parameters);
    StreamingCell<TestType> copy = *original;
    original.reset();
    parameters.reset();
    run_steps(copy, 0, 30);
    CHECK(copy.hidden() == h);
  }
}

TEST_CASE("a gate that is open but as good as closed leaves no denormal numbers") {
  ParameterLayout layout;
  const Layer<GaussianGate<float>> layer(layout, "", 1, 4, {.threshold = 0});
  Vector<float> parameters = Vector<float>::Constant(layout.size(), 0.5f);
  layer.gate_parameters(parameters).col(1).setOnes();
  StreamingCell<GaussianGate<float>> cell(layer, parameters);
  const float x = 1;
  cell.step(&x, 1000);
  CHECK(cell.open_count() == 4);
  CHECK(cell.hidden().isZero(0));
}

TEST_CASE("what a streaming cell does not take") {
  using Gate = GaussianGate<double>;
  ParameterLayout layout;
  const Layer<Gate> layer(layout, "", 2, 5);
  Vector<double> parameters = Vector<double>::Ones(layout.size());
  check_mentions(error_of([&] { StreamingCell<Gate, 3>(layer, parameters); }), {"3 inputs", "2"});
  check_mentions(error_of([&] { StreamingCell<Gate, 2, 6>(layer, parameters); }),
                 {"6 neurons", "5"});
  const Vector<double> shorter = parameters.head(parameters.size() - 1);
  check_mentions(error_of([&] { StreamingCell<Gate>(layer, shorter); }), {"parameters"});
  layer.gate_parameters(parameters)(3, 1) = 0;
  check_mentions(error_of([&] { StreamingCell<Gate>(layer, parameters); }), {"sigma", "3"});
}

}  // namespace streaming_cell_test
