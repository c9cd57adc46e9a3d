// What a layer promises beside its numbers: errors, tapes, threads, held states, counted work.
#include <limits>
#include <thread>
#include <vector>

#include "catch.hpp"
#include "glstm/lstm/layer.hpp"
#include "layer_problem.hpp"

namespace layer_contract_test {

using namespace glstm;
using namespace layer_problem;

#define GATES AlwaysOpen<double>, GaussianGate<double>, PhasedGate<double>

TEMPLATE_TEST_CASE("a forward pass that keeps nothing computes the same bits", "", GATES) {
  for (std::uint64_t seed = 600; seed < 615; ++seed) {
    Rng rng(seed);
    const Shape shape = random_shape(rng);
    INFO("seed " << seed << ": " << shape);
    const Problem<TestType> problem(shape, rng);
    const Result<double> kept = run(problem);
    LayerTape<double> tape;
    State<double> state;
    Matrix<double> outputs;
    problem.layer.forward(problem.parameters, problem.x, problem.timing, problem.initial_or_null(),
                          state, &outputs, tape, Keep::nothing);
    CHECK(outputs == kept.outputs);
    CHECK(state.h == kept.final_state.h);
    CHECK(state.c == kept.final_state.c);
    CHECK(tape.ops().updates == kept.ops.updates);
    CHECK(tape.ops().macs == kept.ops.macs);

    State<double> without_outputs;
    problem.layer.forward(problem.parameters, problem.x, problem.timing, problem.initial_or_null(),
                          without_outputs, nullptr, tape, Keep::nothing);
    CHECK(without_outputs.h == state.h);
    CHECK(without_outputs.c == state.c);

    State<double> dstate = problem.dfinal;
    Vector<double> gradient = Vector<double>::Ones(problem.layout.size());
    check_mentions(error_of([&] {
                     problem.layer.backward(problem.parameters, problem.timing, tape, nullptr, 0,
                                            dstate, nullptr, gradient);
                   }),
                   {"backward", "kept its tape"});
    CHECK(gradient == Vector<double>::Ones(problem.layout.size()));
    CHECK(dstate.h == problem.dfinal.h);
  }
}

TEMPLATE_TEST_CASE("gradients accumulate, and unwanted ones change nothing", "", GATES) {
  Rng rng(13);
  const Shape shape{.steps = 20, .batch = 5, .initial_state = true};
  const Problem<TestType> problem(shape, rng);
  for (Path path : {Path::scheduled, Path::reference}) {
    LayerTape<double> tape;
    const Result<double> once = run(problem, path, tape);
    Vector<double> gradient = once.gradient;
    State<double> dstate = problem.dfinal;
    problem.layer.backward(problem.parameters, problem.timing, tape, &problem.doutputs,
                           problem.budget_gradient, dstate, nullptr, gradient);
    check_close_blocks(problem.layout, gradient, (2 * once.gradient).eval(), 1e-14);
    CHECK(dstate.h == once.dinitial.h);

    // No gradient of the outputs is one of zero.
    Problem<TestType> quiet = problem;
    quiet.doutputs.setZero();
    const Result<double> expected = run(quiet, path);
    gradient.setZero();
    dstate = problem.dfinal;
    problem.layer.backward(problem.parameters, problem.timing, tape, nullptr,
                           problem.budget_gradient, dstate, nullptr, gradient);
    check_close_blocks(problem.layout, gradient, expected.gradient, 1e-14);
    check_close_states("d initial state", dstate, expected.dinitial, 1e-14);
  }
}

TEMPLATE_TEST_CASE("threads that own their tapes get the same bits from one layer", "", GATES) {
  Rng rng(14);
  const Shape shape{.hidden = 10, .steps = 60, .batch = 9, .ragged = true};
  const Problem<TestType> problem(shape, rng);
  Result<double> results[3];
  std::thread first([&] { results[0] = run(problem); });
  std::thread second([&] { results[1] = run(problem); });
  results[2] = run(problem);
  first.join();
  second.join();
  CHECK(same_bits(results[0], results[2]));
  CHECK(same_bits(results[1], results[2]));
}

TEMPLATE_TEST_CASE("a tape can be used again for other shapes", "", GATES) {
  LayerTape<double> tape;
  for (std::uint64_t seed = 700; seed < 730; ++seed) {
    Rng rng(seed);
    Shape shape = random_shape(rng);
    if (seed % 5 == 0) shape.batch = 65 + rng.below(80);  // one step a chunk
    INFO("seed " << seed << ": " << shape);
    const Problem<TestType> problem(shape, rng);
    const Result<double> fresh = run(problem);
    CHECK(same_bits(run(problem, Path::scheduled, tape), fresh));
    CHECK(same_bits(run(problem, Path::reference, tape), run(problem, Path::reference)));
    // Nothing may depend on what the memory held before.
    constexpr double nan = std::numeric_limits<double>::quiet_NaN();
    for (Vector<double>* memory :
         {&tape.scheduled.steps, &tape.scheduled.panel, &tape.scheduled.packed_weights,
          &tape.backward_workspace.dpacked_weights, &tape.backward_workspace.du,
          &tape.backward_workspace.dc_open, &tape.backward_workspace.dk,
          &tape.backward_workspace.dz, &tape.backward_workspace.rows,
          &tape.backward_workspace.transposed, &tape.backward_workspace.dpanel,
          &tape.backward_workspace.scratch, &tape.scheduled.blocks.panels,
          &tape.scheduled.blocks.bias, &tape.scheduled.blocks.k, &tape.scheduled.blocks.mask,
          &tape.backward_workspace.k, &tape.backward_workspace.dk_lanes}) {
      memory->setConstant(nan);
    }
    for (Matrix<double>* memory :
         {&tape.scheduled.frozen, &tape.scheduled.h, &tape.scheduled.c, &tape.backward_workspace.h,
          &tape.backward_workspace.dh, &tape.backward_workspace.dc, &tape.backward_workspace.sum_dz,
          &tape.backward_workspace.sum, &tape.scheduled.blocks.h, &tape.scheduled.blocks.c}) {
      memory->setConstant(nan);
    }
    CHECK(same_bits(run(problem, Path::scheduled, tape), fresh));
  }
}

TEMPLATE_TEST_CASE("wrong shapes are errors that change nothing", "", GATES) {
  Rng rng(15);
  const Problem<TestType> problem(Shape{}, rng);  // I 2, H 5, T 12, B 3
  const State<double> before = random_state<double>(3, 5, rng);
  LayerTape<double> tape;
  run(problem, Path::scheduled, tape);
  for (Path path : {Path::scheduled, Path::reference}) {
    State<double> state = before;
    Matrix<double> outputs = Matrix<double>::Constant(1, 1, 42);
    const auto forward_error = [&](const Vector<double>& parameters, const Matrix<double>& x,
                                   const Timing& timing, const State<double>* initial) {
      const std::string message = error_of([&] {
        problem.layer.forward(parameters, x, timing, initial, state, &outputs, tape, Keep::tape,
                              path);
      });
      CHECK(state.h == before.h);
      CHECK(state.c == before.c);
      CHECK(outputs == Matrix<double>::Constant(1, 1, 42));
      return message;
    };
    const Matrix<double> x = problem.x;
    const Timing timing = problem.timing;
    check_mentions(forward_error(problem.parameters, x.leftCols(23), timing, nullptr),
                   {"x must be", "[3,24]", "[3,23]"});
    check_mentions(forward_error(problem.parameters, x.topRows(2), timing, nullptr), {"[2,24]"});
    const State<double> too_wide = State<double>::zeros(3, 6);
    check_mentions(forward_error(problem.parameters, x, timing, &too_wide),
                   {"initial state", "[3,5]", "[3,6]"});
    State<double> uneven = State<double>::zeros(3, 5);
    uneven.c.resize(2, 5);
    check_mentions(forward_error(problem.parameters, x, timing, &uneven), {"c [2,5]"});
    Timing bad = timing;
    bad.lengths = {1, 2};
    check_mentions(forward_error(problem.parameters, x, bad, nullptr), {"lengths"});
    check_mentions(forward_error(problem.parameters.head(10).eval(), x, timing, nullptr),
                   {"parameters", "got 10"});
    if (TestType::parameter_names.size() > 0) {
      Vector<double> spoiled = problem.parameters;
      spoiled(spoiled.size() - 1) = std::numeric_limits<double>::quiet_NaN();
      check_mentions(forward_error(spoiled, x, timing, nullptr), {"neuron 4", "not finite"});
    }

    // The tape is that of the last good run.
    LayerTape<double> good;
    run(problem, path, good);
    Vector<double> gradient = Vector<double>::Ones(problem.layout.size());
    const auto backward_error = [&](const Timing& when, const Matrix<double>& doutputs,
                                    State<double> dstate) {
      const State<double> dstate_before = dstate;
      Matrix<double> dx = Matrix<double>::Constant(1, 1, 42);
      const std::string message = error_of([&] {
        problem.layer.backward(problem.parameters, when, good, &doutputs, 0, dstate, &dx, gradient);
      });
      CHECK((gradient.array() == 1).all());
      CHECK(dstate.h == dstate_before.h);
      CHECK(dx == Matrix<double>::Constant(1, 1, 42));
      return message;
    };
    check_mentions(backward_error(timing, problem.doutputs.leftCols(59), problem.dfinal),
                   {"doutputs", "[3,60]", "[3,59]"});
    check_mentions(backward_error(timing, problem.doutputs, State<double>::zeros(2, 5)),
                   {"dstate", "[3,5]", "[2,5]"});
    Timing other = timing;
    other.batch = 2;
    check_mentions(backward_error(other, problem.doutputs.topRows(2), State<double>::zeros(2, 5)),
                   {"tape"});
    other = timing;
    other.steps = 11;
    check_mentions(backward_error(other, problem.doutputs.leftCols(55), problem.dfinal), {"tape"});
    gradient.setOnes(7);
    check_mentions(backward_error(timing, problem.doutputs, problem.dfinal), {"gradient", "got 7"});
  }

  State<double> state = before;
  check_mentions(error_of([&] {
                   problem.layer.step(problem.parameters, Matrix<double>::Zero(3, 1), 0, state);
                 }),
                 {"x must be", "[3,1]"});
  check_mentions(error_of([&] {
                   problem.layer.step(problem.parameters, Matrix<double>::Zero(2, 2), 0, state);
                 }),
                 {"state", "[2,5]", "[3,5]"});
  CHECK(state.h == before.h);
}

TEST_CASE("a layer without inputs or neurons, or with a bad option, is an error") {
  ParameterLayout layout;
  using Gaussian = Layer<GaussianGate<double>>;
  check_mentions(error_of([&] { Gaussian(layout, "", 0, 3); }), {"0 inputs"});
  check_mentions(error_of([&] { Gaussian(layout, "", 3, 0); }), {"0 neurons"});
  check_mentions(error_of([&] { Gaussian(layout, "", 3, 3, {.threshold = 2}); }), {"threshold"});
  check_mentions(error_of([&] { Gaussian(layout, "", 3, 3, {}, std::nan("")); }), {"origin"});
  CHECK(layout.size() == 0);
  Gaussian(layout, "a.", 3, 2);
  CHECK(layout.size() == 4 * 2 * (3 + 2 + 1) + 2 * 2);
  CHECK(layout.find("a.w_ih").cols == 3);
  CHECK(layout.find("a.w_hh").rows == 8);
  CHECK(layout.find("a.sigma").role == ParameterRole::time_gate);
}

TEST_CASE("when all gates are closed the state is held to the bit") {
  for (Clock clock : {Clock::steps, Clock::per_sample}) {
    const Shape shape{.steps = 15, .clock = clock, .initial_state = true};
    Rng rng(16);
    Problem<GaussianGate<double>> problem(shape, rng);
    problem.layer.gate_parameters(problem.parameters).col(0).setConstant(-1e6);
    for (Path path : {Path::scheduled, Path::reference}) {
      const Result<double> result = run(problem, path);
      CHECK(result.final_state.h == problem.initial->h);
      CHECK(result.final_state.c == problem.initial->c);
      CHECK(result.outputs == problem.initial->h.replicate(1, shape.steps));
      CHECK(result.gradient.isZero(0));
      CHECK(result.dx.isZero(0));
      CHECK(result.dinitial.c == problem.dfinal.c);
      CHECK(result.ops.openness == 0);
      if (path == Path::reference) continue;  // it computes every update
      CHECK(result.ops.updates == 0);
      CHECK(result.ops.macs == 0);
      CHECK(result.ops.tape_bytes == 0);
    }
  }
}

TEMPLATE_TEST_CASE("what stands past a sample's length does not matter, even NaN", "", GATES) {
  for (Clock clock : {Clock::steps, Clock::shared, Clock::per_sample}) {
    const Shape shape{.clock = clock, .ragged = true, .initial_state = true};
    Rng rng(20);
    const Problem<TestType> problem(shape, rng);
    Problem<TestType> padded = problem;
    for (Index b = 0; b < shape.batch; ++b) {
      const Index padding = shape.inputs * (shape.steps - problem.timing.length(b));
      padded.x.row(b).tail(padding).setConstant(std::numeric_limits<double>::quiet_NaN());
    }
    for (Path path : {Path::scheduled, Path::reference}) {
      const Result<double> result = run(padded, path);
      CHECK(same_bits(result, run(problem, path)));
      for (Index b = 0; b < shape.batch; ++b) {
        const Index padding = shape.inputs * (shape.steps - problem.timing.length(b));
        CHECK(result.dx.row(b).tail(padding).isZero(0));
      }
    }
  }
}

TEST_CASE("a closed neuron is held to the bit while others update") {
  for (Clock clock : {Clock::steps, Clock::per_sample}) {
    const Shape shape{.steps = 15, .clock = clock, .initial_state = true};
    Rng rng(17);
    Problem<GaussianGate<double>> problem(shape, rng);
    auto gates = problem.layer.gate_parameters(problem.parameters);
    gates.col(1).setConstant(100);
    gates(2, 0) = -1e6;
    const Result<double> result = run(problem);
    CHECK(result.final_state.h.col(2) == problem.initial->h.col(2));
    CHECK(result.final_state.c.col(2) == problem.initial->c.col(2));
    CHECK(result.final_state.h.col(1) != problem.initial->h.col(1));
  }
}

TEST_CASE("the work of a plain LSTM is counted exactly") {
  const Index batch = GENERATE(as<Index>{}, 2, 40);  // packets of neurons, of samples
  CAPTURE(batch);
  const Shape shape{.inputs = 3, .hidden = 7, .steps = 11, .batch = batch};
  Rng rng(18);
  const Problem<AlwaysOpen<double>> problem(shape, rng);
  LayerTape<double> tape;
  const OpCounts ops = run(problem, Path::scheduled, tape).ops;
  const double B = static_cast<double>(batch);
  CHECK(ops.updates == B * 11 * 7);
  CHECK(ops.dense_updates == B * 11 * 7);
  CHECK(ops.update_share() == 1);
  CHECK(ops.openness == B * 11 * 7);
  CHECK(ops.macs == B * 11 * 4 * 7 * (7 + 3));
  CHECK(ops.dense_macs == ops.macs);
  if (tape.scheduled.in_blocks) {
    // Per step: h_prev of 7 neurons and x, and the openness, in whole packets; h_prev, c_prev and
    // four gates of the blocks.
    const Index packet = kernels::packet_size<double>;
    const auto padded = [&](Index size) { return (size + packet - 1) / packet * packet; };
    CHECK(ops.tape_bytes ==
          11.0 * 8 *
              static_cast<double>(padded(batch * (7 + 3)) + padded(7) + 6 * batch * padded(7)));
  } else if (batch == 40) {
    // Per step: h_prev, c_prev and four gates of 7 neurons, x; five lines of 8 doubles hold the
    // samples. Then the openness of the neurons, in steps of 16.
    CHECK(ops.tape_bytes == 11.0 * 8 * (40 * (7 * 6 + 3) + 16));
  }
  CHECK(tape.scheduled.in_blocks == (batch == 2 && kernels::packet_size<double> > 2));
  CHECK(ops.dense_tape_bytes == ops.tape_bytes);
  CHECK(tape.scheduled.steps.size() * 8 == static_cast<Index>(ops.tape_bytes));

  State<double> state;
  problem.layer.forward(problem.parameters, problem.x, problem.timing, nullptr, state, nullptr,
                        tape, Keep::nothing);
  CHECK(tape.ops().tape_bytes == 0);
  CHECK(tape.ops().dense_tape_bytes == ops.dense_tape_bytes);
  CHECK(tape.ops().macs == ops.macs);
}

TEST_CASE("the work of two neurons that take turns is counted exactly") {
  const Shape shape{.inputs = 1, .hidden = 2, .steps = 10, .batch = 3};
  Rng rng(19);
  Problem<GaussianGate<double>> problem(shape, rng);
  // Open at steps 0, 1, 2 and 5, 6.
  problem.layer.gate_parameters(problem.parameters) << 1, 0.6, 5.5, 0.3;
  const OpCounts ops = run(problem).ops;
  CHECK(ops.updates == 3 * 5);
  // Five steps of one neuron; when the second opens, the frozen first adds to its four gates.
  CHECK(ops.macs == 3.0 * (5 * 4 * (1 + 1) + 4));
  CHECK(ops.tape_bytes == 5.0 * 8 * (8 * (6 + 1) + 16));
}

}  // namespace layer_contract_test
