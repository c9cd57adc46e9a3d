// The streaming network against the network and against its layers, one step at a time.
#include "glstm/streaming/streaming_network.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "catch.hpp"
#include "expected_stream.hpp"

namespace streaming_network_test {

using namespace glstm;
using namespace stream_problem;

namespace {

constexpr double endless = std::numeric_limits<double>::infinity();

template <class Scalar>
constexpr double output_tolerance = std::is_same_v<Scalar, float> ? 1e-4 : 1e-11;

// A network with random weights and windows over `T`, and a sequence for it with irregular
// timestamps and a gap of a third of the time.
template <class Gate>
struct Stack {
  using Scalar = typename Gate::Scalar;

  Stack(const std::vector<Index>& hidden, Index steps, double origin, Rng& rng,
        Readout readout = Readout::every_step)
      : T(static_cast<double>(steps)), network(options(hidden, origin, readout)) {
    network.initialize({.gates = {.start = 0, .end = T}}, rng);
    for (const Layer<Gate>& layer : network.layers()) {
      fill_stream_gates<Gate>(layer.gate_parameters(network.parameters), {.steps = steps}, rng);
    }
    block_view(network.parameters, network.layout().find("readout.b")).setConstant(Scalar(0.25));
    input = SequenceBatch<Scalar>::zeros(1, steps, 2);
    input.values = random_matrix<Scalar>(1, 2 * steps, rng);
    Eigen::MatrixXd& times = input.timing.timestamps;
    times.resize(1, steps);
    for (Index n = 0; n < steps; ++n) {
      const double t = rng.uniform(0, T * 2 / 3);
      times(0, n) = origin + (t > T / 3 ? t + T / 3 : t);
    }
    std::sort(times.data(), times.data() + steps);
  }

  static NetworkOptions<Gate> options(const std::vector<Index>& hidden, double origin,
                                      Readout readout) {
    return {.inputs = 2, .hidden = hidden, .outputs = 3, .readout = readout, .time_origin = origin};
  }

  void run(StreamingNetwork<Gate>& stream, Index begin, Index end) const {
    for (Index n = begin; n < end; ++n) {
      stream.step(input.values.data() + 2 * n, input.timing.time(0, n));
    }
  }

  // The readout of a hidden state, [O].
  Vector<Scalar> read(const Vector<Scalar>& h) const {
    return block_view(network.parameters, network.layout().find("readout.w")) * h +
           block_view(network.parameters, network.layout().find("readout.b")).col(0);
  }

  double T;
  Network<Gate> network;
  SequenceBatch<Scalar> input;
};

std::vector<Index> random_sizes(Rng& rng) {
  std::vector<Index> sizes;
  for (Index n = 1 + rng.below(3); n > 0; --n) sizes.push_back(1 + rng.below(20));
  return sizes;
}

template <class Gate>
bool same_streams(const StreamingNetwork<Gate>& a, const StreamingNetwork<Gate>& b) {
  bool same = a.output() == b.output();
  for (Index l = 0; l < a.layers(); ++l) {
    same = same && a.hidden(l) == b.hidden(l) && a.cell(l) == b.cell(l);
  }
  return same;
}

template <class Scalar>
void check_close_networks(const NetworkState<Scalar>& a, const NetworkState<Scalar>& b) {
  REQUIRE(a.size() == b.size());
  for (std::size_t l = 0; l < a.size(); ++l) {
    check_close_states("state", a[l], b[l], output_tolerance<Scalar>);
  }
}

}  // namespace

TEMPLATE_TEST_CASE("a streaming network answers what the network predicts", "", STREAMED,
                   SquareGate) {
  using Scalar = typename TestType::Scalar;
  for (std::uint64_t seed = 0; seed < 30; ++seed) {
    Rng rng(seed);
    const std::vector<Index> sizes = random_sizes(rng);
    const Index steps = seed < 5 ? 1 : 1 + rng.below(60);
    const double origin = seed % 2 == 0 ? 0 : 1.7e9;
    const bool every_step = seed % 3 != 0;
    INFO("seed " << seed << ", layers " << sizes.size() << ", steps " << steps);
    const Stack<TestType> stack(sizes, steps, origin, rng,
                                every_step ? Readout::every_step : Readout::last_step);
    NetworkState<Scalar> initial = stack.network.initial_state(1);
    for (State<Scalar>& state : initial) state = random_state<Scalar>(1, state.h.cols(), rng);
    for (bool from_state : {false, true}) {
      typename Network<TestType>::Tape tape;
      const Matrix<Scalar> expected = stack.network.predict(stack.input, tape, Path::scheduled,
                                                            from_state ? &initial : nullptr);
      StreamingNetwork<TestType> stream(stack.network);
      if (from_state) stream.set_state(initial);
      double worst = 0;
      for (Index n = 0; n < steps; ++n) {
        stack.run(stream, n, n + 1);
        if (!every_step) continue;
        worst = std::max(
            worst, largest_magnitude(stream.output().transpose() - expected.middleCols(3 * n, 3)));
      }
      if (!every_step) worst = largest_magnitude(stream.output().transpose() - expected);
      CHECK(worst <= output_tolerance<Scalar>);
      check_close_networks(stream.state(), tape.final_states);
    }
  }
}

TEMPLATE_TEST_CASE("a streaming network after its span, and at times in any order", "", STREAMED,
                   SquareGate) {
  using Scalar = typename TestType::Scalar;
  for (std::uint64_t seed = 0; seed < 12; ++seed) {
    for (AfterSpan after : {AfterSpan::hold, AfterSpan::restart, AfterSpan::always_open_only}) {
      Rng rng(seed);
      const double origin = seed % 2 == 0 ? 0 : 1.7e9;
      const Stack<TestType> stack(random_sizes(rng), 20, origin, rng);
      const StreamSpan span = random_span(after, 20, origin, rng);
      INFO("seed " << seed << ", policy " << static_cast<int>(after));
      std::vector<ExpectedStream<TestType>> layers;
      for (const auto& layer : stack.network.layers()) {
        layers.emplace_back(layer, stack.network.parameters, span);
      }
      NetworkState<Scalar> state = stack.network.initial_state(1);
      StreamingNetwork<TestType> stream(stack.network, span);
      double worst = 0;
      for (double t : up_and_down(70, 100, rng)) {
        Matrix<Scalar> x = random_matrix<Scalar>(1, 2, rng);
        stream.step(x.data(), origin + t);
        Index open = 0;
        for (std::size_t l = 0; l < layers.size(); ++l) {
          layers[l].step(x, origin + t, state[l]);
          x = state[l].h;
          open += layers[l].open(origin + t).count();
          const auto layer = static_cast<Index>(l);
          worst = std::max(worst, largest_magnitude(stream.hidden(layer).transpose() - x));
        }
        const Vector<Scalar> answer = stack.read(state.back().h.row(0).transpose());
        worst = std::max(worst, largest_magnitude(stream.output() - answer));
        REQUIRE(stream.open_count() == open);
      }
      CHECK(worst <= output_tolerance<Scalar>);
    }
  }
}

TEMPLATE_TEST_CASE("the events of a streaming network are those of its layers", "", STREAMED) {
  using Scalar = typename TestType::Scalar;
  for (AfterSpan after : {AfterSpan::hold, AfterSpan::restart, AfterSpan::always_open_only}) {
    Rng rng(3);
    const Stack<TestType> stack({6, 3, 9}, 20, 0, rng);
    const StreamSpan span = random_span(after, 20, 0, rng);
    StreamingNetwork<TestType> stream(stack.network, span);
    std::vector<StreamingCell<TestType>> cells;
    for (const auto& layer : stack.network.layers()) {
      cells.emplace_back(layer, stack.network.parameters, span);
    }
    for (int n = 0; n < 200; ++n) {
      const double t = rng.uniform(-5, 60);
      double time = endless;
      bool open = false;
      for (const auto& cell : cells) {
        time = std::min(time, cell.next_event(t).time);
        open = open || cell.next_event(t).open;
      }
      REQUIRE(stream.next_event(t).time == time);
      REQUIRE(stream.next_event(t).open == open);
    }

    // A host that sleeps while nothing is open.
    StreamingNetwork<TestType> awake = stream;
    NextEvent event = stream.next_event(0);
    double t = 0;
    for (int n = 0; n < 300; ++n, t += rng.uniform(0, 0.3)) {
      const Matrix<Scalar> x = random_matrix<Scalar>(1, 2, rng);
      awake.step(x.data(), t);
      if (t >= event.time) event = stream.next_event(t);
      if (event.open) stream.step(x.data(), t);
      check_close_networks(stream.state(), awake.state());
      REQUIRE(largest_magnitude(stream.output() - awake.output()) <= output_tolerance<Scalar>);
    }
  }
}

TEMPLATE_TEST_CASE("the output of a streaming network is that of its state at all times", "",
                   STREAMED) {
  using Scalar = typename TestType::Scalar;
  Rng rng(4);
  const Stack<TestType> stack({7, 5}, 40, 0, rng);
  StreamingNetwork<TestType> stream(stack.network);
  const Vector<Scalar> at_rest = stack.read(Vector<Scalar>::Zero(5));
  const auto error = [&] {
    return largest_magnitude(stream.output() - stack.read(stream.hidden(1)));
  };
  CHECK(stream.inputs() == 2);
  CHECK(stream.outputs() == 3);
  CHECK(stream.layers() == 2);
  CHECK(stream.output() == at_rest);

  const auto output = stream.output();
  stack.run(stream, 0, 40);
  CHECK(output.data() == stream.output().data());
  CHECK(stream.output() != at_rest);
  CHECK(error() <= 1e-6);
  const NetworkState<Scalar> after = stream.state();
  const Vector<Scalar> answer = stream.output();

  stream.reset();
  CHECK(stream.output() == at_rest);
  CHECK(stream.hidden(0).isZero(0));
  CHECK(stream.cell(1).isZero(0));
  stream.set_state(after);
  CHECK(stream.output() == answer);
  CHECK(stream.hidden(0).transpose() == after[0].h);
  CHECK(stream.cell(1).transpose() == after[1].c);

  SECTION("a time that is no time changes nothing") {
    const StreamingNetwork<TestType> before = stream;
    stream.step(stack.input.values.data(), std::numeric_limits<double>::quiet_NaN());
    if (!std::is_same_v<TestType, AlwaysOpen<Scalar>>) CHECK(same_streams(stream, before));
  }
  SECTION("a state that does not fit changes nothing") {
    const StreamingNetwork<TestType> before = stream;
    NetworkState<Scalar> wrong = after;
    wrong[0].h.setOnes();
    wrong.pop_back();
    check_mentions(error_of([&] { stream.set_state(wrong); }), {"2 layers", "got 1"});
    wrong.push_back(State<Scalar>::zeros(1, 6));
    check_mentions(error_of([&] { stream.set_state(wrong); }), {"layer 1", "[1,5]", "[1,6]"});
    wrong[1] = State<Scalar>::zeros(2, 5);
    check_mentions(error_of([&] { stream.set_state(wrong); }), {"layer 1", "[1,5]", "[2,5]"});
    CHECK(same_streams(stream, before));
  }
  SECTION("copies and moves") {
    auto original = std::make_unique<StreamingNetwork<TestType>>(stack.network);
    stack.run(*original, 0, 15);
    StreamingNetwork<TestType> copy = *original, assigned = stream;
    assigned = copy;
    stack.run(*original, 20, 30);
    original.reset();
    stack.run(copy, 15, 40);
    StreamingNetwork<TestType> moved = std::move(assigned);
    stack.run(moved, 15, 40);
    CHECK(same_streams(copy, moved));
    CHECK(largest_magnitude(copy.output() - answer) <= output_tolerance<Scalar>);
  }
}

TEMPLATE_TEST_CASE("a streaming network all of whose neurons are closed", "", GaussianGate<float>,
                   GaussianGate<double>) {
  Rng rng(5);
  Stack<TestType> stack({4, 3}, 10, 0, rng);
  const std::vector<Layer<TestType>>& layers = stack.network.layers();
  const auto close = [&](std::size_t l) {
    layers[l].gate_parameters(stack.network.parameters).col(0).array() = 1e4f;
  };
  close(1);
  StreamingNetwork<TestType> top_closed(stack.network);
  const auto output = top_closed.output().eval();
  stack.run(top_closed, 0, 10);
  CHECK_FALSE(top_closed.hidden(0).isZero(0));
  CHECK(top_closed.output() == output);

  close(0);
  StreamingNetwork<TestType> closed(stack.network);
  const NetworkState<typename TestType::Scalar> state = top_closed.state();
  closed.set_state(state);
  stack.run(closed, 0, 10);
  CHECK(closed.open_count() == 0);
  CHECK(closed.hidden(0).transpose() == state[0].h);
  CHECK_FALSE(closed.next_event(0).open);
}

TEST_CASE("networks that cannot be streamed") {
  const auto stream_of = [](const GLstm<double>& network, const StreamSpan& span = {}) {
    return StreamingNetwork(network, span);
  };
  const GLstm<double> both_ways({.hidden = {3}, .bidirectional = true});
  check_mentions(error_of([&] { stream_of(both_ways); }), {"bidirectional"});
  GLstm<double> network({.hidden = {3}});
  check_mentions(error_of([&] {
                   stream_of(network, {5, 4, AfterSpan::restart});
                 }),
                 {"finite span", "5 to 4"});
  network.parameters.conservativeResize(network.parameters.size() - 1);
  check_mentions(error_of([&] { stream_of(network); }), {"parameters"});
}

}  // namespace streaming_network_test
