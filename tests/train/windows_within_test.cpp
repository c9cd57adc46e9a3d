#include "glstm/train/windows_within.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "catch.hpp"
#include "glstm/data/adding_task.hpp"
#include "glstm/train/trainer.hpp"

namespace windows_within_test {

using namespace glstm;

namespace {

template <class Scalar>
GLstm<Scalar> two_layers() {
  return GLstm<Scalar>({.inputs = 2, .hidden = {6, 2}, .outputs = 1});
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
  gates << 3, 5, -1e6, 1, 50, 5, 98, -4, 10, 1e7, 90, 50;
  expected << 5, 5, 1, 1, 50, 5, 96, -4, 50, 1e7, 50, 50;
  network.layers()[0].gate_parameters(network.parameters) = gates;
  Matrix<Scalar> second(2, 2), second_expected(2, 2);
  second << 3, 5, 1e6, 1;
  second_expected << 5, 5, 99, 1;
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

namespace {

/// How far the inner part of a window reaches beyond the span of time, at most, in training.
struct FarthestWindow final : Callback<float> {
  FarthestWindow(const GLstm<float>& trained, float end_of_span)
      : network(trained), end(end_of_span) {}
  Continue on_step(const StepReport&) override {
    const GaussianGate<float> gate = network.layers()[0].gate(network.parameters);
    for (Index j = 0; j < gate.size(); ++j) {
      const float margin = std::min(std::abs(gate.sigma(j)), end / 2);
      beyond = std::max({beyond, margin - gate.mu(j), gate.mu(j) + margin - end});
    }
    return Continue::yes;
  }
  const GLstm<float>& network;
  float end, beyond = -1e9f;
};

}  // namespace

TEST_CASE("in training no window leaves the span, as some do without the rule") {
  const bool with_rule = GENERATE(false, true);
  constexpr float end = 100;
  GLstm<float> network({.inputs = 2, .hidden = {20}});
  Rng rng(1);
  network.initialize({.gates = {.start = 0, .end = 10, .open_share = 1}}, rng);
  FarthestWindow farthest(network, end);
  Adam<float> optimizer(network.layout(), {.learning_rate = 1e-2, .time_gate_learning_rate = 1});
  Trainer<GaussianGate<float>> trainer(network, optimizer, {.batch = 20, .epochs = 5});
  if (with_rule) trainer.after_step(WindowsWithin<float>(network, 0, end));
  trainer.add_callback(farthest).fit(AddingTask<float>(static_cast<Index>(end), 200, 1));
  if (with_rule) {
    CHECK(farthest.beyond < 1e-4f);
  } else {
    CHECK(farthest.beyond > 1);
  }
}

}  // namespace windows_within_test
