// That exported headers compute the same is tested by the program that exported_c_models writes.
#include "glstm/exchange/integer_network.hpp"

#include <cmath>
#include <limits>
#include <vector>

#include "catch.hpp"
#include "io/random_network.hpp"

namespace integer_network_test {

using namespace glstm;

namespace {

/// The largest difference of the outputs after each step, in real numbers.
template <TimeGate Gate>
double largest_error(const Network<Gate>& network, const SequenceBatch<float>& input) {
  const Index I = network.options().inputs, O = network.options().outputs;
  IntegerNetwork integers(network, calibrate(network, input));
  NetworkTape<float> tape;
  const Matrix<float> expected = network.predict(input, tape);
  double largest = 0;
  for (Index b = 0; b < input.batch(); ++b) {
    integers.reset();
    std::vector<std::int16_t> q(static_cast<std::size_t>(I));
    for (Index n = 0; n < input.steps(); ++n) {
      const Vector<float> x = input.values.row(b).segment(n * I, I).transpose();
      integers.quantize(x.data(), q.data());
      integers.step(q.data(), static_cast<std::int32_t>(n));
    }
    const std::vector<std::int32_t> y = integers.output();
    for (Index o = 0; o < O; ++o) {
      const double real = std::ldexp(y[static_cast<std::size_t>(o)], -integers.output_bits());
      largest = std::max(largest, std::abs(real - static_cast<double>(expected(b, o))));
    }
  }
  return largest;
}

SequenceBatch<float> input_of(Index inputs, Rng& rng) {
  auto input = SequenceBatch<float>::zeros(4, 30, inputs);
  for (float& value : input.values.reshaped()) value = static_cast<float>(rng.uniform(-2, 2));
  return input;
}

Calibration calibration_of(const Network<GaussianGate<float>>& network) {
  Rng rng(7);
  return calibrate(network, input_of(network.options().inputs, rng));
}

}  // namespace

TEST_CASE("integers come close to the network that they are made of") {
  for (std::uint64_t seed = 1; seed <= 10; ++seed) {
    Rng rng(seed);
    INFO("seed " << seed);
    const auto plain =
        random_network(Lstm<float>::Options{.inputs = 2, .hidden = {9, 6}, .outputs = 3}, rng);
    CHECK(largest_error(plain, input_of(2, rng)) < 0.05);
    const auto gated =
        random_network(GLstm<float>::Options{.inputs = 3, .hidden = {20}, .outputs = 2}, rng);
    CHECK(largest_error(gated, input_of(3, rng)) < 0.05);
  }
}

TEST_CASE("integers update the neurons that the network updates") {
  Rng rng(3);
  const auto network =
      random_network(GLstm<float>::Options{.inputs = 1, .hidden = {25, 10}, .outputs = 1}, rng);
  auto input = SequenceBatch<float>::zeros(1, 40, 1);
  NetworkTape<float> tape;
  network.predict(input, tape);
  IntegerNetwork integers(network, calibration_of(network));
  Index updates = 0;
  const std::int16_t x = 0;
  for (std::int32_t n = 0; n < 40; ++n) updates += integers.step(&x, n);
  CHECK(static_cast<double>(updates) == tape.ops().updates);
}

TEST_CASE("inputs beyond what was seen saturate, and so do cells") {
  Rng rng(4);
  auto network =
      random_network(Lstm<float>::Options{.inputs = 1, .hidden = {4}, .outputs = 1}, rng);
  auto calm = SequenceBatch<float>::zeros(1, 3, 1);
  calm.values.setConstant(0.01f);
  IntegerNetwork integers(network, calibrate(network, calm));
  const float enormous[] = {1e30f, -1e30f};
  for (const float x : enormous) {
    std::int16_t q = 0;
    integers.quantize(&x, &q);
    CHECK(std::abs(q) == 32767);
    for (std::int32_t n = 0; n < 200; ++n) integers.step(&q, n);
    for (const std::int16_t c : integers.c(0)) CHECK(std::abs(c) <= 32767);
    CHECK(std::abs(std::ldexp(integers.output()[0], -integers.output_bits())) < 5);
  }
}

TEST_CASE("an input that was 0 in all examples spoils no other") {
  Rng rng(6);
  const auto network =
      random_network(Lstm<float>::Options{.inputs = 2, .hidden = {6}, .outputs = 1}, rng);
  SequenceBatch<float> input = input_of(2, rng);
  for (Index n = 0; n < input.steps(); ++n) input.values.col(2 * n).setZero();
  CHECK(largest_error(network, input) < 0.05);
}

TEST_CASE("integers refuse what they cannot hold") {
  Rng rng(5);
  const GLstm<float>::Options options{.inputs = 2, .hidden = {5}, .outputs = 1};
  GLstm<float> network = random_network(options, rng);
  const Calibration calibration = calibration_of(network);
  const auto error = [&](const auto& of, double tick = 1) {
    return error_of([&] { IntegerNetwork(of, calibration, tick); });
  };

  SECTION("a tick that is no time") {
    check_mentions(error(network, 0), {"tick", "0"});
    check_mentions(error(network, std::numeric_limits<double>::quiet_NaN()), {"tick"});
  }
  SECTION("readout layers and the like") {
    GLstm<float>::Options more = options;
    more.input_skip = true;
    check_mentions(error(random_network(more, rng)), {"input skip"});
    more = options;
    more.readout_layers = {{3, Activation::tanh}};
    check_mentions(error(random_network(more, rng)), {"readout layers"});
  }
  SECTION("a parameter that is not finite") {
    network.parameters(0) = std::numeric_limits<float>::quiet_NaN();
    check_mentions(error(network), {"finite"});
  }
  SECTION("windows of too many ticks") {
    check_mentions(error(network, 1e-9), {"2^20 ticks", "longer tick"});
  }
  SECTION("weights beyond any use") {
    network.parameters *= 1e9f;
    CHECK_FALSE(error(network).empty());
  }
  SECTION("the calibration of another network") {
    GLstm<float>::Options other = options;
    other.inputs = 3;
    check_mentions(error(random_network(other, rng)), {"calibration", "3 inputs"});
  }
  SECTION("examples without a step, or with a number that is none") {
    Rng more(1);
    auto examples = SequenceBatch<float>::zeros(1, 0, 2);
    check_mentions(error_of([&] { calibrate(network, examples); }), {"calibrate", "no step"});
    examples = input_of(2, more);
    examples.values(0, 0) = std::numeric_limits<float>::infinity();
    check_mentions(error_of([&] { calibrate(network, examples); }), {"finite", "calibration"});
    check_mentions(error_of([&] { calibrate(network, input_of(3, more)); }), {"2 inputs"});
  }
}

}  // namespace integer_network_test
