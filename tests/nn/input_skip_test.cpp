// Networks whose readout sees the input or has layers before it, and whose initial states are
// parameters.
#include "glstm/nn/input_skip.hpp"

#include <filesystem>
#include <limits>
#include <vector>

#include "catch.hpp"
#include "glstm/io/network_file.hpp"
#include "glstm/nn/convert.hpp"
#include "glstm/nn/fold_scaling.hpp"
#include "glstm/nn/network.hpp"
#include "glstm/streaming/streaming_network.hpp"
#include "glstm/train/sharding.hpp"
#include "io/random_network.hpp"
#include "nn/network_gradient.hpp"

namespace input_skip_test {

using namespace glstm;

namespace {

constexpr Index inputs = 3, outputs = 2, steps = 6;

const std::vector<ReadoutLayer> every_activation = {{4, Activation::tanh},
                                                    {3, Activation::linear},
                                                    {5, Activation::sigmoid},
                                                    {4, Activation::relu}};

template <class Gate = GaussianGate<double>>
Network<Gate> make_network(Readout readout, bool skip, bool state,
                           const std::vector<ReadoutLayer>& layers = {}) {
  return random_network<Gate>({.inputs = inputs,
                               .hidden = {5, 4},
                               .outputs = outputs,
                               .readout = readout,
                               .input_skip = skip,
                               .learned_state = state,
                               .readout_layers = layers},
                              1);
}

LabelledBatch<double> make_batch(const Network<GaussianGate<double>>& network) {
  Rng rng(2);
  LabelledBatch<double> batch;
  batch.input = random_sequences<double>(4, steps, inputs, 0, rng);
  batch.input.timing.lengths = {6, 3, 5, 0};
  for (Index b : {1, 2, 3}) {  // past the lengths may be anything
    batch.input.values.row(b)
        .tail(inputs * (steps - batch.input.timing.length(b)))
        .setConstant(std::numeric_limits<double>::quiet_NaN());
  }
  batch.targets.values.resize(4, outputs * network.predictions_per_sample(batch.input.timing));
  for (double& value : batch.targets.values.reshaped()) value = rng.normal();
  return batch;
}

}  // namespace

TEST_CASE("gradients of skips, learned states and readout layers agree with central differences") {
  for (const Readout readout : {Readout::last_step, Readout::every_step}) {
    for (const bool skip : {true, false}) {
      const auto network = make_network(readout, skip, /*state=*/true,
                                        skip ? std::vector<ReadoutLayer>() : every_activation);
      const LabelledBatch<double> batch = make_batch(network);
      for (const Path path : {Path::scheduled, Path::reference}) {
        CAPTURE(static_cast<int>(readout), skip, static_cast<int>(path));
        GLstm<double>::Tape tape;
        Vector<double> gradient = Vector<double>::Zero(network.layout().size());
        network.add_gradient(batch, 0, tape, gradient, path);
        CHECK(gradient_difference(network, batch, path, gradient) < 1e-7);
        for (const char* name : {"layer0.h0", "layer1.c0"}) {
          CHECK_FALSE(block_view(gradient, network.layout().find(name)).isZero(1e-6));
        }
        Vector<double> sharded = Vector<double>::Zero(gradient.size());
        BatchWorkers<GaussianGate<double>>(2, 3).add_gradient(network, batch, 0, sharded);
        CHECK(largest_magnitude(gradient - sharded) < 1e-12);
      }
    }
  }
}

TEST_CASE("an input skip adds what its matrix says, learned states are the first ones") {
  auto network = make_network(Readout::every_step, true, true);
  Rng rng(3);
  const auto input = random_sequences<double>(2, steps, inputs, 0, rng);
  GLstm<double>::Tape tape;
  const Matrix<double> with = network.predict(input, tape);
  const Matrix<double> X = network.skip_weights();
  REQUIRE(X.rows() == outputs);
  block_view(network.parameters, network.layout().find("readout.x")).setZero();
  const Matrix<double> without = network.predict(input, tape);
  for (Index n = 0; n < steps; ++n) {
    CHECK(
        ((with - without).middleCols(n * outputs, outputs) - input.step(n) * X.transpose()).norm() <
        1e-12);
  }
  const auto plain = make_network(Readout::every_step, false, false);
  CHECK(plain.skip_weights().size() == 0);
  CHECK(plain.initial_state(2)[0].h.isZero(0));
  NetworkState<double> state = network.initial_state(2);
  CHECK(state[1].c.row(1).transpose() ==
        block_view(network.parameters, network.layout().find("layer1.c0")));
  CHECK(network.predict(input, tape, Path::scheduled, &state) == without);
  Rng fresh(1);
  network.initialize({.gates = {.end = 6}}, fresh);
  CHECK(network.skip_weights().isZero(0));
  CHECK(network.initial_state(1)[0].c.isZero(0));
  check_mentions(error_of([] { GLstm<double>({.bidirectional = true, .learned_state = true}); }),
                 {"bidirectional", "initial state"});
}

TEST_CASE("layers before the readout compute what their equations say") {
  const auto network = make_network(Readout::last_step, false, false, every_activation);
  auto states = make_network(Readout::last_step, false, false);
  REQUIRE(network.layout().find("readout_layer2.w").rows == 5);
  Rng rng(3);
  const auto input = random_sequences<double>(3, steps, inputs, 0, rng);
  GLstm<double>::Tape tape;
  const Matrix<double> y = network.predict(input, tape);
  for (const ParameterBlock& block : states.layout().blocks()) {
    if (!block.name.starts_with("layer")) continue;
    block_view(states.parameters, block) =
        block_view(network.parameters, network.layout().find(block.name));
  }
  states.predict(input, tape);
  Matrix<double> x = tape.outputs.back();
  for (const char* prefix :
       {"readout_layer0.", "readout_layer1.", "readout_layer2.", "readout_layer3.", "readout."}) {
    const std::string name = prefix;
    const auto w = block_view(network.parameters, network.layout().find(name + "w"));
    const auto b = block_view(network.parameters, network.layout().find(name + "b"));
    x = ((x * w.transpose()).rowwise() + b.col(0).transpose()).eval();
    if (name == "readout_layer0.") x = x.array().tanh().matrix().eval();
    if (name == "readout_layer2.") x = (1 / (1 + (-x.array()).exp())).matrix().eval();
    if (name == "readout_layer3.") x = x.cwiseMax(0).eval();
  }
  CHECK(largest_magnitude(x - y) < 1e-12);
  auto drawn = network;
  Rng fresh(1);
  drawn.initialize({.gates = {.end = 6}}, fresh);
  CHECK_FALSE(block_view(drawn.parameters, drawn.layout().find("readout_layer3.w")).isZero(0));
  CHECK(block_view(drawn.parameters, drawn.layout().find("readout_layer3.b")).isZero(0));
  check_mentions(error_of([] {
                   GLstm<double>({.readout_layers = {{0, Activation::relu}}});
                 }),
                 {"at least one"});
}

TEST_CASE("streams, files and conversions keep a skip, learned states and readout layers") {
  auto network = make_network(Readout::every_step, true, true, every_activation);
  network.data.feature_names = {"a", "b", "c"};
  network.data.feature_scaling = {{1, 2}, {-3, 0.5}, {0, 10}};
  network.data.target_names = {"p", "q"};
  network.data.target_scaling = {{5, 3}, {-1, 0.1}};
  Rng rng(4);
  auto input = random_sequences<double>(1, steps, inputs, 0, rng);
  GLstm<double>::Tape tape;
  Matrix<double> expected = network.predict(input, tape);  // in scaled numbers
  for (Index n = 0; n < steps; ++n) {
    for (Index i = 0; i < inputs; ++i) {
      const Scaling& s = network.data.feature_scaling[static_cast<std::size_t>(i)];
      input.values(0, n * inputs + i) = input.values(0, n * inputs + i) * s.scale + s.offset;
    }
    for (Index o = 0; o < outputs; ++o) {
      const Scaling& s = network.data.target_scaling[static_cast<std::size_t>(o)];
      expected(0, n * outputs + o) = expected(0, n * outputs + o) * s.scale + s.offset;
    }
  }
  CHECK(largest_magnitude(fold_scaling(network).predict(input, tape) - expected) < 1e-10);

  StreamingNetwork<GaussianGate<double>> stream(network);
  for (int round = 0; round < 2; ++round) {
    for (Index n = 0; n < steps; ++n) {
      const Vector<double> x = input.step(n).row(0);
      stream.step(std::span<const double>(x.data(), static_cast<std::size_t>(x.size())),
                  input.timing.time(0, n));
      CHECK((stream.output().transpose() - expected.middleCols(n * outputs, outputs)).norm() <
            1e-10);
    }
    stream.reset();
  }
  const std::vector<double> two(2);
  check_mentions(error_of([&] { stream.step(std::span<const double>(two)); }),
                 {"3 features", "got 2"});

  const auto path = std::filesystem::temp_directory_path() / "glstm_input_skip_test.safetensors";
  save_network(path, network);
  const auto loaded = load_network<GLstm<double>>(path, LoadedScaling::apart);
  std::filesystem::remove(path);
  CHECK(loaded.parameters == network.parameters);
  CHECK(loaded.options().input_skip);
  CHECK(loaded.options().learned_state);
  CHECK(loaded.options().readout_layers == every_activation);
  const auto plain = without_gates(network);
  CHECK(plain.skip_weights() == network.skip_weights());
  CHECK(plain.options().readout_layers == every_activation);
  CHECK(plain.readout_weights() == network.readout_weights());
  CHECK(plain.initial_state(1)[1].h == network.initial_state(1)[1].h);
}

}  // namespace input_skip_test
