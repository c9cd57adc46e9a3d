#include "glstm/exchange/keras.hpp"

#include <cmath>
#include <cstdint>
#include <filesystem>
#include <limits>
#include <string>
#include <vector>

#include "catch.hpp"
#include "exchange/lstm_weights_checks.hpp"
#include "io/changed_tensors.hpp"

namespace keras_test {

namespace fs = std::filesystem;
using namespace glstm;

namespace {

/// What Keras documents of its LSTM layer: z = x kernel + h recurrent_kernel + bias, in the order
/// i, f, c, o, for one sample; the state after the last of `steps`.
std::vector<double> keras_lstm(const Safetensors& file, const std::string& prefix,
                               const std::vector<std::vector<double>>& steps) {
  const auto kernel = file.find(prefix + "kernel").as<double>();
  const auto recurrent = file.find(prefix + "recurrent_kernel").as<double>();
  const auto bias = file.find(prefix + "bias").as<double>();
  const std::size_t H = bias.size() / 4;
  std::vector<double> h(H), c(H);
  const auto sigmoid = [](double z) { return 1 / (1 + std::exp(-z)); };
  for (const std::vector<double>& x : steps) {
    std::vector<double> z = bias;
    for (std::size_t n = 0; n < 4 * H; ++n) {
      for (std::size_t i = 0; i < x.size(); ++i) z[n] += x[i] * kernel[i * 4 * H + n];
      for (std::size_t j = 0; j < H; ++j) z[n] += h[j] * recurrent[j * 4 * H + n];
    }
    for (std::size_t j = 0; j < H; ++j) {
      c[j] = sigmoid(z[H + j]) * c[j] + sigmoid(z[j]) * std::tanh(z[2 * H + j]);
      h[j] = sigmoid(z[3 * H + j]) * std::tanh(c[j]);
    }
  }
  return h;
}

}  // namespace

TEMPLATE_TEST_CASE("weights come back from Keras' layout bit for bit", "", float, double) {
  using Network = Lstm<TestType>;
  check_round_trips<TestType>(
      {{1}, {4, 2}, {3, 5, 1}}, 3, KerasOptions{},
      [](const Network& network) { return to_keras(network); },
      [](const Safetensors& file, const KerasOptions& options) {
        return from_keras<Network>(file, options);
      });
}

TEST_CASE("weights in Keras' layout are the same function by Keras' equations") {
  const Lstm<float> network =
      random_network<AlwaysOpen<float>>({.inputs = 2, .hidden = {4}, .outputs = 3}, 1);
  const Safetensors file = to_keras(network);
  Rng rng(3);
  const auto batch = random_sequences<float>(3, 9, 2, 0, rng);
  Lstm<float>::Tape tape;
  const Matrix<float>& y = network.predict(batch, tape);
  std::vector<std::vector<double>> steps;
  for (Index n = 0; n < batch.steps(); ++n) {
    steps.push_back({batch.step(n)(1, 0), batch.step(n)(1, 1)});
  }
  const std::vector<double> h = keras_lstm(file, "layer0.", steps);
  const auto kernel = file.find("dense.kernel").as<double>();
  const auto bias = file.find("dense.bias").as<double>();
  for (std::size_t o = 0; o < 3; ++o) {
    double answer = bias[o];
    for (std::size_t j = 0; j < 4; ++j) answer += h[j] * kernel[j * 3 + o];
    CHECK(static_cast<double>(y(1, static_cast<Index>(o))) == Approx(answer).margin(1e-6));
  }
}

TEST_CASE("the tensors have Keras' names and shapes") {
  const Safetensors file = to_keras(small_lstm({3, 4}, true));
  const auto shape = [&](const char* name) { return file.find(name).shape; };
  CHECK(shape("layer0.kernel") == std::vector<Index>{2, 12});
  CHECK(shape("layer0.backward.recurrent_kernel") == std::vector<Index>{3, 12});
  CHECK(shape("layer1.kernel") == std::vector<Index>{6, 16});
  CHECK(shape("layer1.backward.bias") == std::vector<Index>{16});
  CHECK(shape("dense.kernel") == std::vector<Index>{8, 2});
  CHECK(shape("dense.bias") == std::vector<Index>{2});
  CHECK(file.tensors.size() == 14);
}

TEST_CASE("layers of Keras may have no bias, and a model no Dense layer") {
  const Lstm<float> network = small_lstm({3, 4});
  Safetensors file = to_keras(network);
  Lstm<float> expected = network;
  file.tensors.erase("layer1.bias");
  file.tensors.erase("dense.bias");
  block_view(expected.parameters, expected.layout().find("layer1.b")).setZero();
  block_view(expected.parameters, expected.layout().find("readout.b")).setZero();
  CHECK(same_bits(from_keras<Lstm<float>>(file).parameters, expected.parameters));

  file.tensors.erase("dense.kernel");
  const Lstm<float> alone = from_keras<Lstm<float>>(file);
  CHECK(alone.options().outputs == 4);
  Rng rng(3);
  const auto batch = random_sequences<float>(3, 9, 2, 0, rng);
  Lstm<float>::Tape tape, with_readout;
  const Matrix<float> states = alone.predict(batch, tape);
  expected.predict(batch, with_readout);
  CHECK(states == with_readout.final_states[1].h);
}

TEST_CASE("several Dense layers are layers before the readout") {
  const auto network = random_network<AlwaysOpen<float>>(
      {.inputs = 2,
       .hidden = {3},
       .outputs = 2,
       .readout_layers = {{4, Activation::relu}, {5, Activation::tanh}}},
      2);
  Lstm<float> plain({.inputs = 2, .hidden = {3}, .outputs = 3});
  plain.parameters.setZero();
  const Index lstm = plain.layout().find("readout.w").offset;  // what lies before it
  plain.parameters.head(lstm) = network.parameters.head(lstm);
  Safetensors file = to_keras(plain);
  for (const auto& [name, prefix] : {std::pair{"dense0.", "readout_layer0."},
                                     {"dense1.", "readout_layer1."},
                                     {"dense.", "readout."}}) {
    const std::string keras = name, ours = prefix;
    const Matrix<float> w = block_view(network.parameters, network.layout().find(ours + "w"));
    const Matrix<float> b = block_view(network.parameters, network.layout().find(ours + "b"));
    file.tensors[keras + "kernel"] = {// [I,O] row by row: w column by column
                                      {w.cols(), w.rows()},
                                      std::vector<float>(w.data(), w.data() + w.size())};
    file.tensors[keras + "bias"] = {{b.rows()}, std::vector<float>(b.data(), b.data() + b.size())};
  }
  const auto loaded =
      from_keras<Lstm<float>>(file, {.activations = {Activation::relu, Activation::tanh}});
  CHECK(loaded.options().readout_layers == network.options().readout_layers);
  CHECK(same_bits(loaded.parameters, network.parameters));
  check_mentions(error_of([&] { from_keras<Lstm<float>>(file); }), {"dense.kernel"});
  file.tensors["dense.kernel"] = {{3, 2}, std::vector<float>(6)};  // fits without them
  check_mentions(error_of([&] { from_keras<Lstm<float>>(file); }),
                 {"dense0.", "KerasOptions::activations"});
  check_mentions(error_of([&] { to_keras(network); }), {"readout layers"});
}

TEST_CASE("weights that are not those of LSTM layers and a Dense layer are refused") {
  const ChangedTensors file(to_keras(small_lstm({3, 4})),
                            [](const fs::path& path) { load_keras<Lstm<float>>(path); });
  check_mentions(file.after([](Safetensors& tensors) { tensors.tensors.clear(); }),
                 {"\"layer0.kernel\""});
  check_mentions(file.without("layer0.kernel"), {"\"layer0.kernel\""});
  check_mentions(file.without("layer1.recurrent_kernel"), {"\"layer1.recurrent_kernel\""});
  check_mentions(file.without("layer1.kernel"), {"\"dense.kernel\"", "[3,any]", "[4,2]"});
  check_mentions(file.without("dense.kernel"), {"\"dense.bias\"", "none of them"});
  check_mentions(file.with("layer0.backward.kernel", zeros({2, 12})),
                 {"\"layer0.backward.recurrent_kernel\""});
  check_mentions(file.with("layer1.backward.kernel", zeros({2, 12})),
                 {"\"layer1.backward.kernel\"", "none of them"});
  check_mentions(file.with("layer3.kernel", zeros({4, 4})), {"\"layer3.kernel\"", "2 LSTM layers"});
  check_mentions(file.with("conv.kernel", zeros({4, 4})), {"\"conv.kernel\"", "none of them"});
  check_mentions(file.with("layer0.kernel", zeros({12, 2})), {"\"layer0.kernel\"", "four gates"});
  check_mentions(file.with("layer0.kernel", zeros({24})),
                 {"\"layer0.kernel\"", "[any,any]", "[24]"});
  check_mentions(file.with("layer0.kernel", zeros({0, 12})), {"\"layer0.kernel\"", "[0,12]"});
  check_mentions(file.with("layer0.recurrent_kernel", zeros({4, 12})), {"[3,12]", "[4,12]"});
  check_mentions(file.with("layer0.bias", zeros({2, 12})), {"\"layer0.bias\"", "[12]", "[2,12]"});
  check_mentions(file.with("layer1.kernel", zeros({4, 16})), {"\"layer1.kernel\"", "[3,any]"});
  check_mentions(file.with("dense.bias", {{2}, std::vector<std::uint8_t>{1, 2}}),
                 {"\"dense.bias\"", "floating-point", "U8"});
  check_mentions(file.with_number("layer1.bias", std::numeric_limits<float>::quiet_NaN()),
                 {"\"layer1.bias\"", "finite", "nan"});
}

TEST_CASE("a file of Keras' weights is read as it was written, or an error names it once") {
  check_file_of(
      small_lstm({3, 4}),
      [](const fs::path& path, const Lstm<float>& network) { save_keras(path, network); },
      [](const fs::path& path) {
        return load_keras<Lstm<float>>(path, {.readout = Readout::every_step});
      });
}

}  // namespace keras_test
