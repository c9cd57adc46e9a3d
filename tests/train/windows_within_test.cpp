#include "glstm/train/windows_within.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "catch.hpp"
#include "glstm/data/adding_task.hpp"
#include "glstm/train/trainer.hpp"

using namespace glstm;

namespace {

/// Two layers, whose windows reach 2 sigma and 3 sigma from their centres.
template <class Scalar>
GLstm<Scalar> two_layers() {
  return GLstm<Scalar>({.inputs = 2,
                        .hidden = {6, 2},
                        .outputs = 1,
                        .gates = {{.threshold = std::exp(-4.0)}, {.threshold = std::exp(-9.0)}}});
}

}  // namespace

TEMPLATE_TEST_CASE("windows beyond the span of time move into it, the others stay", "", float,
                   double) {
  using Scalar = TestType;
  GLstm<Scalar> network = two_layers<Scalar>();
  Rng rng(1);
  network.initialize({.gates = {.start = 0, .end = 100}}, rng);
  Matrix<Scalar> gates(6, 2), expected(6, 2);
  // left out, far out, inside, at the right edge with a negative width, longer than the span, as
  // long as the span
  gates << 3, 5, -1e6, 1, 50, 5, 98, -4, 10, 1e7, 90, 25;
  expected << 10, 5, 2, 1, 50, 5, 92, -4, 50, 1e7, 50, 25;
  network.layers()[0].gate_parameters(network.parameters) = gates;
  Matrix<Scalar> second(2, 2), second_expected(2, 2);
  second << 3, 5, 1e6, 1;
  second_expected << 15, 5, 97, 1;
  network.layers()[1].gate_parameters(network.parameters) = second;
  const Vector<Scalar> before = network.parameters;

  const WindowsWithin<Scalar> within(network, 0, 100);
  within(1, network.parameters);
  const Scalar tolerance = 200 * std::numeric_limits<Scalar>::epsilon();
  const auto difference = [&](std::size_t layer, const Matrix<Scalar>& wanted) {
    return largest_magnitude(network.layers()[layer].gate_parameters(network.parameters) - wanted);
  };
  CHECK(difference(0, expected) <= tolerance);
  CHECK(difference(1, second_expected) <= tolerance);
  for (const ParameterBlock& block : network.layout().blocks()) {
    if (block.name.ends_with("mu")) continue;
    INFO(block.name);
    CHECK(block_view(network.parameters, block) == block_view(before, block));
  }

  const Vector<Scalar> once = network.parameters;
  within(2, network.parameters);
  CHECK(largest_magnitude(network.parameters - once) <= tolerance);
}

TEST_CASE("endless windows are left where they are") {
  GLstm<float> network({.hidden = {3}, .gates = {{.threshold = 0}}});
  network.layers()[0].gate_parameters(network.parameters).col(0).setConstant(-7);
  const Vector<float> before = network.parameters;
  WindowsWithin<float>(network, 0, 10)(1, network.parameters);
  CHECK(network.parameters == before);
}

TEST_CASE("windows cannot be kept within an empty or endless span of time") {
  const GLstm<float> network = two_layers<float>();
  constexpr double nan = std::numeric_limits<double>::quiet_NaN();
  for (const auto& [first, last] :
       {std::pair(0.0, 0.0), std::pair(1.0, 0.0), std::pair(nan, 1.0), std::pair(0.0, nan),
        std::pair(0.0, 1e300), std::pair(1e9, 1e9 + 1e-3)}) {
    CAPTURE(first, last);
    CHECK_THROWS_AS(WindowsWithin<float>(network, first, last), Error);
  }
}

TEST_CASE("in training no window leaves the span, and windows that are bunched spread") {
  constexpr double end = 100;
  GLstm<float> network({.inputs = 2, .hidden = {20}});
  Rng rng(1);
  network.initialize({.gates = {.start = 0, .end = 10, .open_share = 1}}, rng);
  const auto centres = [&] {
    return Vector<float>(network.layers()[0].gate_parameters(network.parameters).col(0));
  };
  struct Witness final : Callback<float> {
    explicit Witness(const GLstm<float>& trained) : network(trained) {}
    Continue on_step(const StepReport&) override {
      const GaussianGate<float> gate = network.layers()[0].gate(network.parameters);
      for (Index j = 0; j < gate.size(); ++j) {
        const float reach = std::min(gate.reach(j), static_cast<float>(end) / 2);
        farthest =
            std::max({farthest, reach - gate.mu(j), gate.mu(j) + reach - static_cast<float>(end)});
      }
      return Continue::yes;
    }
    const GLstm<float>& network;
    float farthest = -1e9f;
  } witness(network);
  Adam<float> optimizer(network.layout(), {.learning_rate = 1e-2, .time_gate_learning_rate = 1});
  BudgetController controller({.target_share = 0.3});
  Trainer(network, optimizer, {.batch = 20, .epochs = 5})
      .control(controller)
      .after_step(WindowsWithin<float>(network, 0, end))
      .listen(witness)
      .fit(AddingTask<float>(static_cast<Index>(end), 200, 1));
  CHECK(witness.farthest < 1e-4f);
  CHECK(centres().maxCoeff() > 20);  // none was beyond 10
}
