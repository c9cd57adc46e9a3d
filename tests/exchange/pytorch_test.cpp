#include "glstm/exchange/pytorch.hpp"

#include <cstdint>
#include <filesystem>
#include <limits>
#include <string>
#include <variant>
#include <vector>

#include "catch.hpp"
#include "exchange/lstm_weights_checks.hpp"
#include "exchange/pytorch_case.hpp"
#include "io/changed_tensors.hpp"

namespace pytorch_test {

namespace fs = std::filesystem;
using namespace glstm;

namespace {

/// The weights of a small LSTM, and how they are refused once they have been changed.
ChangedTensors changed_lstm(const PyTorchOptions& options = {}) {
  return {to_pytorch(small_lstm({3, 3})),
          [=](const fs::path& path) { load_pytorch<Lstm<float>>(path, options); }};
}

}  // namespace

TEMPLATE_TEST_CASE("the answers are those of PyTorch", "", float, double) {
  Index cases = 0;
  for (const auto& entry : fs::directory_iterator(fs::path(GLSTM_TEST_DATA) / "golden/pytorch")) {
    ++cases;
    CAPTURE(entry.path().string());
    const Safetensors file = load_safetensors(entry.path());
    CHECK(file.metadata.at("made_by").starts_with("PyTorch "));
    const PyTorchCase<TestType> known(file);
    for (const Readout readout : {Readout::last_step, Readout::every_step}) {
      const Lstm<TestType> network = known.network(readout);
      for (const Path path : {Path::scheduled, Path::reference}) {
        CHECK(known.difference(network, path) <= 1e-6);
      }
    }

    // A gate order or a bias that is another one would be seen.
    Lstm<TestType> network = known.network(Readout::last_step);
    auto b = block_view(network.parameters, network.layout().find("layer0.b"));
    b.col(0).head(4).swap(b.col(0).segment(4, 4));
    CHECK(known.difference(network, Path::scheduled) > 1e-4);
  }
  CHECK(cases == 2);
}

TEMPLATE_TEST_CASE("weights come back from PyTorch's layout bit for bit", "", float, double) {
  using Network = Lstm<TestType>;
  check_round_trips<TestType>(
      {{1}, {4, 4}, {3, 3, 3}}, 4, PyTorchOptions{},
      [](const Network& network) { return to_pytorch(network); },
      [](const Safetensors& file, const PyTorchOptions& options) {
        return from_pytorch<Network>(file, options);
      });
}

TEST_CASE("the tensors have PyTorch's names and shapes") {
  const Lstm<float> network = small_lstm({3, 3}, true);
  const Safetensors file = to_pytorch(network, {.lstm = {"body.rnn."}, .linear = "head."});
  const auto shape = [&](const char* name) { return file.find(name).shape; };
  CHECK(shape("body.rnn.weight_ih_l0") == std::vector<Index>{12, 2});
  CHECK(shape("body.rnn.weight_ih_l1_reverse") == std::vector<Index>{12, 6});
  CHECK(shape("body.rnn.weight_hh_l1") == std::vector<Index>{12, 3});
  CHECK(shape("body.rnn.bias_ih_l0_reverse") == std::vector<Index>{12});
  CHECK(shape("head.weight") == std::vector<Index>{2, 6});
  CHECK(shape("head.bias") == std::vector<Index>{2});
  CHECK(file.tensors.size() == 18);
  CHECK(file.find("body.rnn.bias_hh_l0").as<float>() == std::vector<float>(12));
  CHECK(file.find("body.rnn.weight_ih_l0").as<float>()[1] ==
        block_view(network.parameters, network.layout().find("layer0.w_ih"))(0, 1));
  CHECK(same_bits(from_pytorch<Lstm<float>>(file, {{"body.rnn."}, "head."}).parameters,
                  network.parameters));
}

TEST_CASE("an nn.LSTM alone answers with its hidden states") {
  const Lstm<float> network = small_lstm({3, 3}, true);
  for (const char* prefix : {"", "lstm."}) {
    const Safetensors file = to_pytorch(network, {.lstm = {prefix}, .linear = ""});
    CHECK(file.tensors.size() == 16);
    const Lstm<float> alone = from_pytorch<Lstm<float>>(file, {.lstm = {prefix}, .linear = ""});
    CHECK(alone.options().outputs == 6);
    Rng rng(3);
    const auto batch = random_sequences<float>(3, 9, 2, 0, rng);
    Lstm<float>::Tape tape, with_readout;
    const Matrix<float> states = alone.predict(batch, tape);
    network.predict(batch, with_readout);
    CHECK(states.leftCols(3) == with_readout.final_states[2].h);
    CHECK(states.rightCols(3) == with_readout.final_states[3].h);
  }
}

TEST_CASE("both biases count, and a model may have none") {
  const Lstm<float> network = small_lstm({3, 3});
  Safetensors file = to_pytorch(network);
  file.tensors.at("lstm.bias_hh_l1").values = std::vector<float>(12, 0.5f);
  Lstm<float> expected = network;
  block_view(expected.parameters, expected.layout().find("layer1.b")).array() += 0.5f;
  CHECK(same_bits(from_pytorch<Lstm<float>>(file).parameters, expected.parameters));

  for (const char* name : {"lstm.bias_ih_l0", "lstm.bias_hh_l0", "fc.bias"}) {
    file.tensors.erase(name);
  }
  block_view(expected.parameters, expected.layout().find("layer0.b")).setZero();
  block_view(expected.parameters, expected.layout().find("readout.b")).setZero();
  CHECK(same_bits(from_pytorch<Lstm<float>>(file).parameters, expected.parameters));
}

TEST_CASE("an nn.Linear before the last one is a layer before the readout") {
  const Lstm<float> network = small_lstm({3, 3});
  Safetensors file = to_pytorch(network);
  file.tensors["middle.weight"] = {{3, 3}, std::vector<float>{1, 2, 3, 4, 5, 6, 7, 8, 9}};
  file.tensors["middle.bias"] = {{3}, std::vector<float>{-1, 0, 1}};
  check_mentions(error_of([&] { from_pytorch<Lstm<float>>(file); }), {"middle."});
  const auto loaded =
      from_pytorch<Lstm<float>>(file, {.linears_before = {{"middle.", Activation::tanh}}});
  CHECK(loaded.options().readout_layers == std::vector<ReadoutLayer>{{3, Activation::tanh}});
  CHECK(block_view(loaded.parameters, loaded.layout().find("readout_layer0.w"))(0, 2) == 3);
  CHECK(block_view(loaded.parameters, loaded.layout().find("readout_layer0.b"))(0, 0) == -1);
  CHECK(loaded.readout_weights() == network.readout_weights());
  file.tensors["middle.weight_scale"] = {{1}, std::vector<float>{2}};
  check_mentions(error_of([&] {
                   from_pytorch<Lstm<float>>(
                       file, {.linears_before = {{"middle."}}, .ignore_others = true});
                 }),
                 {"middle.weight_scale"});
}

TEST_CASE("other cells of PyTorch are named") {
  for (const Index gates : {Index(1), Index(3)}) {
    Safetensors file;
    const auto values = [](Index count) {
      return std::vector<float>(static_cast<std::size_t>(count));
    };
    file.tensors["lstm.weight_ih_l0"] = {{gates * 4, 2}, values(gates * 8)};
    file.tensors["lstm.weight_hh_l0"] = {{gates * 4, 4}, values(gates * 16)};
    check_mentions(error_of([&] { from_pytorch<Lstm<float>>(file); }),
                   {"weight_hh_l0", gates == 1 ? "nn.RNN" : "nn.GRU"});
  }
}

TEST_CASE("other floating-point numbers are converted, other modules left out where told") {
  const Lstm<float> network = small_lstm({3, 3});
  Safetensors file = to_pytorch(network);
  file.tensors["embedding.weight"] = {{1}, std::vector<std::int64_t>{7}};
  file.tensors["lstm_2.weight_ih_l0"] = {{1}, std::vector<float>{7}};
  check_mentions(error_of([&] { from_pytorch<Lstm<double>>(file); }),
                 {"embedding.weight", "ignore_others"});
  CHECK(from_pytorch<Lstm<double>>(file, {.ignore_others = true}).parameters ==
        network.parameters.cast<double>());
  Tensor& w = file.tensors.at("lstm.weight_ih_l0");
  std::vector<Eigen::half> halves;
  for (const float value : w.as<float>()) halves.emplace_back(value);
  w.values = halves;
  const Lstm<float> rounded = from_pytorch<Lstm<float>>(file, {.ignore_others = true});
  CHECK(rounded.parameters != network.parameters);
  CHECK(largest_magnitude(rounded.parameters - network.parameters) < 1e-3);
}

TEST_CASE("weights that are not those of an nn.LSTM and an nn.Linear are refused") {
  constexpr float nan = std::numeric_limits<float>::quiet_NaN();
  constexpr float max = std::numeric_limits<float>::max();
  const ChangedTensors file = changed_lstm();
  const auto unchanged = [](Safetensors&) {};
  // missing
  check_mentions(file.after([](Safetensors& tensors) { tensors.tensors.clear(); }),
                 {"\"lstm.weight_ih_l0\""});
  check_mentions(file.without("lstm.weight_ih_l0"), {"\"lstm.weight_ih_l0\""});
  check_mentions(file.without("lstm.weight_hh_l1"), {"\"lstm.weight_hh_l1\""});
  check_mentions(file.without("lstm.bias_hh_l0"), {"\"lstm.bias_hh_l0\""});
  check_mentions(file.without("lstm.bias_ih_l1"), {"\"lstm.bias_ih_l1\""});
  check_mentions(file.without("fc.weight"), {"\"fc.weight\""});
  check_mentions(changed_lstm({.lstm = {"rnn."}}).after(unchanged), {"\"rnn.weight_ih_l0\""});
  check_mentions(changed_lstm({.linear = "head."}).after(unchanged), {"\"head.weight\""});
  // too many; without its layer 1, the rest of it is
  check_mentions(file.without("lstm.weight_ih_l1"), {"\"lstm.bias_hh_l1\"", "1 LSTM layers"});
  check_mentions(file.with("lstm.weight_ih_l0_reverse", zeros({12, 2})),
                 {"\"lstm.weight_hh_l0_reverse\""});
  check_mentions(file.with("lstm.weight_ih_l1_reverse", zeros({12, 2})),
                 {"\"lstm.weight_ih_l1_reverse\"", "none of them"});
  check_mentions(file.with("lstm.weight_ih_l3", zeros({12, 2})),
                 {"\"lstm.weight_ih_l3\"", "2 LSTM layers"});
  check_mentions(file.with("fc.weight_g", zeros({1})), {"\"fc.weight_g\"", "none of them"});
  // projections
  check_mentions(file.with("lstm.weight_hr_l0", zeros({2, 3})),
                 {"\"lstm.\"", "projections", "proj_size"});
  check_mentions(file.with("lstm.weight_hr_l1", zeros({2, 3})),
                 {"\"lstm.weight_hr_l1\"", "projections"});
  // shapes
  check_mentions(file.with("lstm.weight_ih_l0", zeros({13, 2})), {"_ih_l0\"", "four gates", "13"});
  check_mentions(file.with("lstm.weight_ih_l0", zeros({16, 2})), {"_hh_l0\"", "[16,4]", "[12,3]"});
  check_mentions(file.with("lstm.weight_ih_l0", zeros({24})), {"_ih_l0\"", "[any,any]", "[24]"});
  check_mentions(file.with("lstm.weight_ih_l0", zeros({12, 0})),
                 {"_ih_l0\"", "[any,any]", "[12,0]"});
  check_mentions(file.with("lstm.weight_ih_l0", zeros({0, 2})), {"_ih_l0\"", "[any,any]", "[0,2]"});
  check_mentions(file.with("lstm.weight_hh_l0", zeros({3, 12})), {"_hh_l0\"", "[12,3]", "[3,12]"});
  check_mentions(file.with("lstm.weight_ih_l1", zeros({12, 4})), {"_ih_l1\"", "[12,3]", "[12,4]"});
  check_mentions(file.with("lstm.weight_ih_l1", zeros({16, 3})), {"_ih_l1\"", "[12,3]", "[16,3]"});
  check_mentions(file.with("lstm.bias_ih_l0", zeros({12, 1})), {"bias_ih_l0\"", "[12]", "[12,1]"});
  check_mentions(file.with("fc.weight", zeros({2, 6})), {"\"fc.weight\"", "[any,3]", "[2,6]"});
  check_mentions(file.with("fc.bias", zeros({3})), {"\"fc.bias\"", "[2]", "[3]"});
  // numbers
  check_mentions(file.with("fc.bias", {{2}, std::vector<std::int64_t>{1, 2}}),
                 {"\"fc.bias\"", "floating-point", "I64"});
  check_mentions(file.with("fc.bias", {{2}, std::vector<std::int8_t>{1, 2}}),
                 {"\"fc.bias\"", "I8"});
  check_mentions(file.with("fc.bias", {{2}, std::vector<double>{1, 1e300}}),
                 {"\"fc.bias\"", "finite", "inf"});
  check_mentions(file.with_number("lstm.weight_hh_l0", nan),
                 {"\"lstm.weight_hh_l0\"", "finite", "nan"});
  check_mentions(file.after([&](Safetensors& tensors) {
    for (const char* name : {"lstm.bias_ih_l1", "lstm.bias_hh_l1"}) {
      tensors.tensors.at(name).values = std::vector<float>(12, max);
    }
  }),
                 {"biases", "layer 1"});
}

TEST_CASE("a file of PyTorch's weights is read as it was written, or an error names it once") {
  check_file_of(
      small_lstm({3, 3}),
      [](const fs::path& path, const Lstm<float>& network) {
        save_pytorch(path, network, {.linear = "head."});
      },
      [](const fs::path& path) {
        return load_pytorch<Lstm<float>>(path, {.linear = "head.", .readout = Readout::every_step});
      });
}

TEST_CASE("what an nn.LSTM cannot be is not exported") {
  const auto uneven = random_network<AlwaysOpen<float>>({.hidden = {3, 4}}, 1);
  check_mentions(error_of([&] { to_pytorch(uneven); }), {"one size", "3 and 4"});
  Lstm<float> spoiled = small_lstm({3, 3});
  spoiled.parameters[0] = std::numeric_limits<float>::infinity();
  check_mentions(error_of([&] { to_pytorch(spoiled); }), {"\"layer0.w_ih\"", "finite"});
  spoiled.parameters.conservativeResize(3);
  check_mentions(error_of([&] { to_pytorch(spoiled); }), {"parameters", "got 3"});
}

}  // namespace pytorch_test
