#include "glstm/exchange/rtneural.hpp"

#include <zlib.h>

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <limits>
#include <string>
#include <system_error>
#include <vector>

#include "catch.hpp"
#include "io/random_network.hpp"
#include "io/same_network.hpp"
#include "temporary_folder.hpp"

namespace rtneural_test {

namespace fs = std::filesystem;
using namespace glstm;

namespace {

Lstm<float> small_lstm() {
  return random_network<AlwaysOpen<float>>({.inputs = 2, .hidden = {3, 4}, .outputs = 2}, 1);
}

/// A model as RTNeural's Python script writes it, of 1 input, 1 neuron and 1 output.
const std::string model = R"({
    "in_shape": [null, null, 1],
    "layers": [
        {"type": "lstm", "activation": "tanh", "shape": [null, null, 1],
         "weights": [[[0.1, 0.2, 0.3, 0.4]], [[0.5, 0.6, 0.7, 0.8]], [-1, 1, 0, 0.25]]},
        {"type": "time-distributed-dense", "activation": "", "shape": [null, null, 1],
         "weights": [[[2.5]], [-0.5]]}
    ]
})";

/// The message with which the model is refused once `part` is `replacement`.
std::string error_with(const std::string& part, const std::string& replacement) {
  std::string text = model;
  const std::size_t at = text.find(part);
  REQUIRE(at != text.npos);
  text.replace(at, part.size(), replacement);
  CAPTURE(part, replacement.substr(0, 100));
  const std::string message = error_of([&] { from_rtneural<Lstm<float>>(text, "some/file"); });
  check_mentions(message, {"some/file"});
  return message;
}

}  // namespace

TEMPLATE_TEST_CASE("a network comes back from RTNeural's JSON bit for bit", "", float, double) {
  using Gate = AlwaysOpen<TestType>;
  const TemporaryFolder folder;
  const fs::path path = folder / "model.json";
  for (const std::vector<Index>& hidden : {std::vector<Index>{1}, {4, 2}, {3, 5, 1}}) {
    CAPTURE(hidden.size());
    Network<Gate> network = random_network<Gate>(
        {.inputs = 2, .hidden = hidden, .outputs = 3, .readout = Readout::every_step}, 2);
    network.parameters[0] = TestType(-0.0);
    network.parameters[1] = std::numeric_limits<TestType>::denorm_min();
    network.parameters[2] = std::numeric_limits<TestType>::max();
    save_rtneural(path, network);
    const Lstm<TestType> back = load_rtneural<Lstm<TestType>>(path);
    check_same_shape(back, network);
    CHECK(same_bits(back.parameters, network.parameters));
  }
  const auto options =
      load_rtneural<Lstm<TestType>>(path, {.readout = Readout::last_step, .loss = cross_entropy})
          .options();
  CHECK(options.readout == Readout::last_step);
  CHECK(options.loss == cross_entropy);
}

TEST_CASE("a model of RTNeural has its weights in Keras' layout") {
  const Lstm<double> network = from_rtneural<Lstm<double>>(model, "some/file");
  CHECK(network.options().inputs == 1);
  CHECK(network.options().hidden == std::vector<Index>{1});
  CHECK(network.options().outputs == 1);
  CHECK(network.options().readout == Readout::every_step);
  const Vector<double> expected =
      (Vector<double>(14) << 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, -1, 1, 0, 0.25, 2.5, -0.5)
          .finished();
  CHECK(network.parameters == expected);

  const auto lstm = random_network<AlwaysOpen<float>>({.inputs = 2, .hidden = {3}}, 1);
  const auto json = nlohmann::json::parse(to_rtneural(lstm));
  CHECK(json["in_shape"].back() == 2);
  REQUIRE(json["layers"].size() == 2);
  const auto& layer = json["layers"][0];
  CHECK(layer["type"] == "lstm");
  CHECK(layer["activation"] == "tanh");
  CHECK(layer["shape"].dump() == "[null,null,3]");
  const auto w = block_view(lstm.parameters, lstm.layout().find("layer0.w_ih"));
  CHECK(layer["weights"][0].size() == 2);
  CHECK(layer["weights"][0][1].size() == 12);
  CHECK(layer["weights"][0][1][7].get<float>() == w(7, 1));
  CHECK(layer["weights"][1].size() == 3);
  CHECK(layer["weights"][2].size() == 12);
  CHECK(json["layers"][1]["type"] == "dense");
  CHECK(json["layers"][1]["activation"] == "");
  CHECK(json["layers"][1]["weights"][0].size() == 3);
}

TEST_CASE("a model without a last dense layer answers with its hidden states") {
  std::string text = model;
  text.replace(text.find("},\n        {\"type\": \"time"),
               text.find("\n    ]") - text.find("},\n        {\"type\": \"time"), "}");
  const Lstm<double> network = from_rtneural<Lstm<double>>(text, "some/file");
  CHECK(network.options().outputs == 1);
  CHECK(network.parameters[12] == 1);
  CHECK(network.parameters[13] == 0);
}

TEST_CASE("several dense layers, with activations, are layers before the readout") {
  const std::vector<ReadoutLayer> layers = {{4, Activation::tanh},
                                            {5, Activation::linear},
                                            {2, Activation::sigmoid},
                                            {3, Activation::relu}};
  const auto network = random_network<AlwaysOpen<double>>(
      {.inputs = 2, .hidden = {4}, .outputs = 2, .readout_layers = layers}, 2);
  std::string json = to_rtneural(network);
  const auto back = from_rtneural<Lstm<double>>(json, "a model", {.readout = Readout::last_step});
  CHECK(back.options().readout_layers == layers);
  CHECK(same_bits(back.parameters, network.parameters));

  // The last one may have an activation too.
  const std::string last = "\"activation\":\"\"";
  json.replace(json.rfind(last), last.size(), "\"activation\":\"tanh\"");
  const auto bounded =
      from_rtneural<Lstm<double>>(json, "a model", {.readout = Readout::last_step});
  CHECK(bounded.options().readout_layers.size() == 5);
  Rng rng(3);
  const auto input = random_sequences<double>(3, 7, 2, 0, rng);
  Lstm<double>::Tape tape;
  const Matrix<double> expected = network.predict(input, tape).array().tanh();
  CHECK(largest_magnitude(bounded.predict(input, tape) - expected) < 1e-15);
}

TEST_CASE("a model that is no stack of LSTM layers and dense ones is refused") {
  const std::string lstm = "\"type\": \"lstm\"", dense = "\"time-distributed-dense\"";
  const std::string dense_weights = "[[[2.5]], [-0.5]]";
  struct Case {
    std::string part, replacement;
    std::vector<std::string> mentions;
  };
  const std::vector<Case> cases = {
      // layers
      {lstm, "\"type\": \"gru\"", {"layer 0", "\"gru\"", "does not have"}},
      {dense, "\"conv1d\"", {"layer 1", "\"conv1d\"", "does not have"}},
      {lstm, "\"type\": \"dense\"", {"layer 0", "lstm layers before"}},
      {lstm, "\"type\": 7", {"layer 0", "\"type\"", "text"}},
      {"\"type\": \"lstm\", ", "", {"layer 0", "\"type\"", "got none"}},
      {"\"layers\"", "\"parts\"", {"\"layers\"", "got none"}},
      {"{\"type\": \"lstm\"", "7, {\"type\": \"lstm\"", {"layer 0", "an object", "got 7"}},
      {"\"tanh\"", "\"relu\"", {"layer 0", "tanh", "\"relu\""}},
      {"\"activation\": \"\"",
       "\"activation\": \"softmax\"",
       {"layer 1", "linear, tanh, relu or sigmoid"}},
      {"\"activation\": \"\"", "\"activation\": null", {"layer 1", "\"activation\"", "text"}},
      {"[-0.5]]}", "[-0.5]]}, {\"type\": \"lstm\"}", {"layer 2", "nothing but dense layers"}},
      // weights
      {dense_weights, "[]", {"layer 1", "a kernel and a bias", "got 0"}},
      {dense_weights, "{}", {"layer 1", "\"weights\"", "a list"}},
      {dense_weights, "[[[2.5]], [-0.5], []]", {"layer 1", "got 3"}},
      {", [-1, 1, 0, 0.25]", "", {"layer 0", "recurrent kernel and a bias", "got 2"}},
      {"[[2.5]]", "[[2.5], [1]]", {"layer 1, kernel", "[1,any]", "[2,1]"}},
      {"[[2.5]]", "[]", {"layer 1, kernel", "list of lists"}},
      {"[[2.5]]", "[[]]", {"layer 1, kernel", "list of lists"}},
      {"[[2.5]]", "2.5", {"layer 1, kernel", "list of lists", "number"}},
      {"[[2.5]]", "[2.5]", {"layer 1, kernel", "list of lists"}},
      {"[[2.5]]", "[[\"2.5\"]]", {"layer 1, kernel", "numbers", "string"}},
      {"[[2.5]]", "[[null]]", {"layer 1, kernel", "numbers", "null"}},
      {"[[2.5]]", "[[[2.5]]]", {"layer 1, kernel", "numbers", "array"}},
      {"[[2.5]]", "[[1e39]]", {"layer 1, kernel", "finite", "1e+39"}},
      {"[[2.5]]", "[[2.5, 3]]", {"layer 1, bias", "2 numbers", "list of 1"}},
      {"[[0.1, 0.2, 0.3, 0.4]]", "[[0.1, 0.2]]", {"layer 0, kernel", "four gates", "got 2"}},
      {"[[0.1, 0.2, 0.3, 0.4]]", "[[1, 2, 3, 4], [5]]", {"layer 0, kernel", "rows of 4"}},
      {"[[0.1, 0.2, 0.3, 0.4]]", "[[1, 2, 3, 4], 5]", {"layer 0, kernel", "rows of 4"}},
      {"[[0.5, 0.6, 0.7, 0.8]]",
       "[[1, 2, 3, 4], [1, 2, 3, 4]]",
       {"layer 0, recurrent kernel", "[1,4]", "[2,4]"}},
      {"[-1, 1, 0, 0.25]", "[-1, 1]", {"layer 0, bias", "4 numbers", "list of 2"}},
      {"[-1, 1, 0, 0.25]", "1", {"layer 0, bias", "4 numbers", "number"}},
      // shapes
      {"[null, null, 1],\n    \"layers\"",
       "[null, null, 2],\n    \"layers\"",
       {"in_shape", "ends with 1", "[null,null,2]"}},
      {"\"in_shape\": [null, null, 1]", "\"in_shape\": []", {"in_shape", "ends with 1", "[]"}},
      {"\"in_shape\"", "\"input\"", {"\"in_shape\"", "got none"}},
      {"\"tanh\", \"shape\": [null, null, 1]",
       "\"tanh\", \"shape\": [null, null, 999999999999]",
       {"layer 0", "ends with 1", "999999999999"}},
      {"\"tanh\", \"shape\": [null, null, 1]",
       "\"tanh\", \"shape\": 1",
       {"layer 0", "\"shape\"", "a list"}},
      {"\"activation\": \"\", \"shape\": [null, null, 1]",
       "\"activation\": \"\", \"shape\": [null, null, 2]",
       {"layer 1", "ends with 1", "[null,null,2]"}},
      // text
      {"0.25", "NaN", {"valid JSON"}},
      {"0.25", "1e999", {"valid JSON"}},
      {"0.25", std::string("0\0", 2), {"NUL byte"}},
      {"\"in_shape\"", "\"layers\": [], \"in_shape\"", {"unique", "\"layers\" twice"}},
      {"[[2.5]]", std::string(1'000'000, '['), {"8 levels", "\"layers\""}},
      {"[[2.5]]",
       [] {
         std::string objects;
         for (int i = 0; i < 100'000; ++i) objects += "{\"a\":";
         return objects;
       }(),
       {"8 levels", "\"layers\""}},
  };
  for (const Case& wrong : cases) {
    const std::string message = error_with(wrong.part, wrong.replacement);
    for (const std::string& mention : wrong.mentions) check_mentions(message, {mention});
  }
  for (const char* text : {"", "[]", "null", "7", "{", "{}", R"({"in_shape":[1],"layers":[]})"}) {
    CAPTURE(text);
    check_mentions(error_of([&] { from_rtneural<Lstm<float>>(text, "some/file"); }), {"some/file"});
  }
  for (std::size_t size = 0; size < model.size(); ++size) {
    CAPTURE(size);
    check_mentions(
        error_of([&] { from_rtneural<Lstm<float>>(model.substr(0, size), "some/file"); }),
        {"some/file"});
  }
}

TEST_CASE("a model file that cannot be read is an error that names it") {
  const TemporaryFolder folder;
  const fs::path path = folder / "model.json";
  check_mentions(error_of([&] { load_rtneural<Lstm<float>>(path); }), {path.string()});
  std::ofstream(path) << "{";
  check_mentions(error_of([&] { load_rtneural<Lstm<float>>(path); }),
                 {path.string(), "valid JSON"});
  check_mentions(error_of([&] { load_rtneural<Lstm<float>>(folder.path()); }),
                 {folder.path().string()});

  // Refused by its size, before memory is taken.
  std::error_code error;
  fs::resize_file(path, (std::uintmax_t{1} << 30) + 1, error);
  if (error) return;  // a file system without sparse files
  const std::string message = error_of([&] { load_rtneural<Lstm<float>>(path); });
  check_names_once(message, path.string());
  check_mentions(message, {"at most 1073741824 bytes", "got 1073741825"});
}

TEST_CASE("a compressed model is not unpacked, whatever its size would be") {
  const TemporaryFolder folder;
  const fs::path path = folder / "model.json.gz";
  const gzFile file = gzopen(path.string().c_str(), "wb");
  REQUIRE(file != nullptr);
  gzwrite(file, model.data(), static_cast<unsigned>(model.size()));
  REQUIRE(gzclose(file) == Z_OK);
  const std::string message = error_of([&] { load_rtneural<Lstm<float>>(path); });
  check_names_once(message, path.string());
  check_mentions(message, {"valid JSON"});
}

TEST_CASE("what RTNeural cannot be is not exported, and the older file stays") {
  const TemporaryFolder folder;
  const fs::path path = folder / "model.json";
  save_rtneural(path, small_lstm());
  const auto both_ways =
      random_network<AlwaysOpen<float>>({.hidden = {3}, .bidirectional = true}, 1);
  check_mentions(error_of([&] { save_rtneural(path, both_ways); }), {"one direction"});
  Lstm<float> spoiled = small_lstm();
  spoiled.parameters[0] = std::numeric_limits<float>::quiet_NaN();
  check_mentions(error_of([&] { save_rtneural(path, spoiled); }),
                 {path.string(), "\"layer0.w_ih\"", "finite", "nan"});
  CHECK(same_bits(load_rtneural<Lstm<float>>(path).parameters, small_lstm().parameters));
}

}  // namespace rtneural_test
