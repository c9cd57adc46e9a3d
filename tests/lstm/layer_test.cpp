// What a layer computes: the scheduled path against the reference, and both against themselves.
#include "glstm/lstm/layer.hpp"

#include <algorithm>
#include <type_traits>
#include <vector>

#include "catch.hpp"
#include "layer_problem.hpp"

namespace layer_test {

using namespace glstm;
using namespace layer_problem;

#define GATES AlwaysOpen<double>, GaussianGate<double>, PhasedGate<double>

namespace {

template <class Gate>
void check_against_reference(const Problem<Gate>& problem, double tolerance) {
  const auto fast = run(problem);
  check_close_results(problem.layout, fast, run(problem, Path::reference), tolerance,
                      problem.initial.has_value());
  check_counts(problem, fast.ops);
}

}  // namespace

TEMPLATE_TEST_CASE("the scheduled path agrees with the reference: random shapes", "", GATES) {
  for (std::uint64_t seed = 0; seed < 80; ++seed) {
    Rng rng(seed);
    const Shape shape = random_shape(rng);
    INFO("seed " << seed << ": " << shape);
    check_against_reference(Problem<TestType>(shape, rng), 1e-10);
  }
}

TEMPLATE_TEST_CASE("few samples of large layers agree with the reference", "", GATES) {
  bool in_blocks = false;
  for (std::uint64_t seed = 0; seed < 27; ++seed) {
    Rng rng(seed);
    Shape shape = random_shape(rng);
    shape.hidden = 20 + rng.below(50);
    shape.batch = 1 + static_cast<Index>(seed) % 9;
    INFO("seed " << seed << ": " << shape);
    const Problem<TestType> problem(shape, rng);
    check_against_reference(problem, 1e-10);
    LayerTape<double> tape;
    run(problem, Path::scheduled, tape);
    in_blocks |= tape.scheduled.in_blocks;
  }
  CHECK(in_blocks == (kernels::packet_size<double> > 1));
}

TEMPLATE_TEST_CASE("layers of many parts and tiles agree with the reference", "", GATES) {
  for (const Index hidden : {15, 16, 17, 33, 144}) {
    for (const Index inputs : {1, 3, 32}) {
      Rng rng(static_cast<std::uint64_t>(100 * hidden + inputs));
      Shape shape;
      shape.hidden = hidden;
      shape.inputs = inputs;
      shape.steps = 3;
      shape.batch = 20 + rng.below(20);
      shape.initial_state = inputs == 3;
      INFO(shape);
      check_against_reference(Problem<TestType>(shape, rng), 1e-10);
    }
  }
}

TEMPLATE_TEST_CASE("the scheduled path agrees with the reference: cases that break things", "",
                   GATES) {
  for (Clock clock : {Clock::steps, Clock::shared, Clock::per_sample}) {
    for (bool ragged : {false, true}) {
      for (bool initial_state : {false, true}) {
        Shape shape{.clock = clock, .ragged = ragged, .initial_state = initial_state};
        const auto check = [&](const char* what, const Shape& changed, auto change) {
          INFO(what << ": " << changed);
          Rng rng(3);
          Problem<TestType> problem(changed, rng);
          change(problem);
          check_against_reference(problem, 1e-10);
        };
        const auto nothing = [](auto&) {};
        Shape one = shape;
        one.steps = 1;
        check("T = 1", one, nothing);
        one = shape;
        one.batch = 1;
        check("B = 1", one, nothing);
        one = shape;
        one.hidden = 1;
        check("H = 1", one, nothing);
        one.steps = one.batch = one.inputs = 1;
        check("everything 1", one, nothing);
        one = shape;
        one.steps = 0;
        check("T = 0", one, nothing);
        one = shape;
        one.threshold = 0;
        check("threshold 0", one, nothing);
        check("equal event times", shape, [](auto& problem) {
          auto gates = problem.layer.gate_parameters(problem.parameters);
          for (Index j = 1; j < gates.rows(); ++j) gates.row(j) = gates.row(j / 3 * 3);
        });
        check("all steps at the same time", shape, [](auto& problem) {
          problem.timing.timestamps.setConstant(1, problem.timing.steps, 4);
        });
        check("no valid step", shape, [](auto& problem) {
          problem.timing.lengths.assign(static_cast<std::size_t>(problem.timing.batch), 0);
        });
        if constexpr (std::is_same_v<TestType, GaussianGate<double>>) {
          check("all closed, windows outside", shape, [](auto& problem) {
            problem.layer.gate_parameters(problem.parameters).col(0).array() += 1e4;
          });
          check("some windows outside", shape, [](auto& problem) {
            problem.layer.gate_parameters(problem.parameters).col(0).head(3).array() -= 1e4;
          });
          check("all open", shape, [](auto& problem) {
            problem.layer.gate_parameters(problem.parameters).col(1).array() = 1e3;
          });
          check("one step each", shape, [](auto& problem) {
            auto gates = problem.layer.gate_parameters(problem.parameters);
            for (Index j = 0; j < gates.rows(); ++j) gates.row(j) << double(2 * j), 0.1;
          });
        }
      }
    }
  }
}

TEMPLATE_TEST_CASE("two halves with the state carried on are one whole", "", GATES) {
  for (std::uint64_t seed = 100; seed < 120; ++seed) {
    Rng rng(seed);
    const Shape shape = random_shape(rng);
    INFO("seed " << seed << ": " << shape);
    Problem<TestType> whole(shape, rng);
    if (whole.timing.timestamps.size() == 0) {  // the second half does not start at 0
      whole.timing.timestamps.resize(1, shape.steps);
      for (Index n = 0; n < shape.steps; ++n) {
        whole.timing.timestamps(0, n) = static_cast<double>(n);
      }
    }
    const Index I = shape.inputs, H = shape.hidden, middle = rng.below(shape.steps + 1);
    CAPTURE(middle);
    Problem<TestType> halves[2] = {whole, whole};
    for (Index half = 0; half < 2; ++half) {
      const Index begin = half == 0 ? 0 : middle;
      const Index steps = half == 0 ? middle : shape.steps - middle;
      Problem<TestType>& part = halves[half];
      part.timing.steps = steps;
      part.timing.timestamps = whole.timing.timestamps.middleCols(begin, steps);
      for (Index& length : part.timing.lengths)
        length = std::clamp<Index>(length - begin, 0, steps);
      part.x = whole.x.middleCols(begin * I, steps * I);
      part.doutputs = whole.doutputs.middleCols(begin * H, steps * H);
    }

    LayerTape<double> tapes[2];
    State<double> state, dstate = whole.dfinal;
    Result<double> joined;
    joined.gradient.setZero(whole.layout.size());
    Matrix<double> outputs[2], dx[2];
    halves[0].layer.forward(whole.parameters, halves[0].x, halves[0].timing,
                            whole.initial_or_null(), state, &outputs[0], tapes[0]);
    const State<double> carried = state;
    halves[1].layer.forward(whole.parameters, halves[1].x, halves[1].timing, &carried, state,
                            &outputs[1], tapes[1]);
    joined.final_state = state;
    for (std::size_t half : {1u, 0u}) {
      const Problem<TestType>& part = halves[half];
      part.layer.backward(whole.parameters, part.timing, tapes[half], &part.doutputs,
                          whole.budget_gradient, dstate, &dx[half], joined.gradient);
    }
    joined.dinitial = dstate;
    joined.outputs.resize(shape.batch, H * shape.steps);
    joined.outputs << outputs[0], outputs[1];
    joined.dx.resize(shape.batch, I * shape.steps);
    joined.dx << dx[0], dx[1];
    check_close_results(whole.layout, joined, run(whole), 1e-10, shape.initial_state);
  }
}

TEMPLATE_TEST_CASE("a batch is its samples one by one", "", GATES) {
  for (std::uint64_t seed = 200; seed < 215; ++seed) {
    Rng rng(seed);
    const Shape shape = random_shape(rng);
    INFO("seed " << seed << ": " << shape);
    const Problem<TestType> whole(shape, rng);
    const Result<double> together = run(whole);
    Result<double> joined = together;
    joined.gradient.setZero();
    for (Index b = 0; b < shape.batch; ++b) {
      Problem<TestType> single = whole;
      single.timing.batch = 1;
      if (whole.timing.timestamps.rows() > 1) {
        single.timing.timestamps = whole.timing.timestamps.row(b).eval();
      }
      if (!whole.timing.lengths.empty()) single.timing.lengths = {whole.timing.length(b)};
      const auto take = [b](const State<double>& state) {
        return State<double>{state.h.row(b), state.c.row(b)};
      };
      single.x = whole.x.row(b);
      single.doutputs = whole.doutputs.row(b);
      if (whole.initial) single.initial = take(*whole.initial);
      single.dfinal = take(whole.dfinal);
      const Result<double> one = run(single);
      joined.outputs.row(b) = one.outputs;
      joined.dx.row(b) = one.dx;
      joined.final_state.h.row(b) = one.final_state.h;
      joined.final_state.c.row(b) = one.final_state.c;
      joined.dinitial.h.row(b) = one.dinitial.h;
      joined.dinitial.c.row(b) = one.dinitial.c;
      joined.gradient += one.gradient;
    }
    check_close_results(whole.layout, joined, together, 1e-10, shape.initial_state);
  }
}

TEMPLATE_TEST_CASE("step by step is the whole sequence", "", GATES) {
  for (std::uint64_t seed = 300; seed < 310; ++seed) {
    Rng rng(seed);
    Shape shape = random_shape(rng);
    shape.ragged = false;
    if (shape.clock == Clock::per_sample) shape.clock = Clock::shared;
    INFO("seed " << seed << ": " << shape);
    const Problem<TestType> problem(shape, rng);
    const Result<double> whole = run(problem);
    State<double> state =
        problem.initial ? *problem.initial : State<double>::zeros(shape.batch, shape.hidden);
    Matrix<double> outputs = whole.outputs;
    for (Index n = 0; n < shape.steps; ++n) {
      problem.layer.step(problem.parameters, problem.x.middleCols(n * shape.inputs, shape.inputs),
                         problem.timing.time(0, n), state);
      outputs.middleCols(n * shape.hidden, shape.hidden) = state.h;
    }
    check_close("outputs", outputs, whole.outputs, 1e-10);
    check_close_states("final state", state, whole.final_state, 1e-10);
  }
}

TEST_CASE("with all gates wide open a g-LSTM is a plain LSTM") {
  for (std::uint64_t seed = 400; seed < 410; ++seed) {
    Rng rng(seed);
    Shape shape = random_shape(rng);
    shape.threshold = 1e-3;
    INFO("seed " << seed << ": " << shape);
    Problem<GaussianGate<double>> gated(shape, rng);
    gated.layer.gate_parameters(gated.parameters).col(1).setConstant(1e8);
    Rng again(seed);
    random_shape(again);
    Problem<AlwaysOpen<double>> plain(shape, again);
    plain.parameters = gated.parameters.head(plain.layout.size());
    plain.timing = gated.timing;
    plain.x = gated.x;
    plain.initial = gated.initial;
    plain.doutputs = gated.doutputs;
    plain.dfinal = gated.dfinal;
    Result<double> result = run(gated);
    result.gradient.conservativeResize(plain.layout.size());
    check_close_results(plain.layout, result, run(plain), 1e-9, shape.initial_state);
    CHECK(result.ops.updates == result.ops.dense_updates);
  }
}

TEMPLATE_TEST_CASE("shifting the timestamps and the origin changes nothing", "", GATES) {
  Rng rng(7);
  for (Clock clock : {Clock::shared, Clock::per_sample}) {
    Shape shape{.clock = clock, .ragged = true, .initial_state = true};
    Problem<TestType> early(shape, rng);
    early.timing.timestamps = (early.timing.timestamps * 8).array().round() / 8;  // exact sums
    shape.origin = 1.7e9;
    Rng unused(1);
    Problem<TestType> late(shape, unused);
    late.parameters = early.parameters;
    late.timing = early.timing;
    late.timing.timestamps.array() += 1.7e9;
    late.x = early.x;
    late.initial = early.initial;
    late.doutputs = early.doutputs;
    late.dfinal = early.dfinal;
    late.budget_gradient = early.budget_gradient;
    CHECK(same_bits(run(late), run(early)));
    CHECK(same_bits(run(late, Path::reference), run(early, Path::reference)));
  }
}

}  // namespace layer_test
