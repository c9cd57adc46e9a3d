// Files of weights as users have them: each is read as what it is, or refused with what to do.
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "catch.hpp"
#include "glstm/exchange/guitarml.hpp"
#include "glstm/exchange/keras.hpp"
#include "glstm/exchange/nam.hpp"
#include "glstm/exchange/pytorch.hpp"
#include "glstm/exchange/rtneural.hpp"
#include "glstm/streaming/streaming_network.hpp"

namespace weight_cases_test {

namespace fs = std::filesystem;
using namespace glstm;
using Net = Lstm<double>;

namespace {

fs::path path_of(const char* name) {
  return fs::path(GLSTM_TEST_DATA) / "exchange/weight_cases" / name;
}

std::string text_in(const fs::path& path) {
  std::ifstream file(path);
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

/// The largest difference of the network's answers, in one pass and as a stream, from those that
/// expected.py has computed.
double difference(const Net& network, const char* name) {
  const auto expected = nlohmann::json::parse(text_in(path_of("expected.json")));
  const std::vector<double> xs = expected["x"], ys = expected[name];
  auto input = SequenceBatch<double>::zeros(1, static_cast<Index>(xs.size()), 1);
  std::copy(xs.begin(), xs.end(), input.values.data());
  Net::Tape tape;
  const Matrix<double> answers = network.predict(input, tape);
  StreamingNetwork<AlwaysOpen<double>> stream(network);
  double largest = 0;
  for (std::size_t n = 0; n < xs.size(); ++n) {
    stream.step(&xs[n], static_cast<double>(n));
    largest = std::max({largest, std::abs(answers(0, static_cast<Index>(n)) - ys[n]),
                        std::abs(stream.output()(0) - ys[n])});
  }
  return largest;
}

template <class Loaded>
std::string refusal(Loaded (*load)(const fs::path&), const char* name) {
  const std::string message = error_of([&] { load(path_of(name)); });
  check_names_once(message, path_of(name).string());
  return message;
}

/// The text of a case in which `part` is `replacement`.
std::string text_with(const char* name, const std::string& part, const std::string& replacement) {
  std::string text = text_in(path_of(name));
  const std::size_t at = text.find(part);
  REQUIRE(at != std::string::npos);
  return text.replace(at, part.size(), replacement);
}
std::string guitarml_with(const std::string& part, const std::string& replacement) {
  const std::string text = text_with("rt_guitarml.json", part, replacement);
  return error_of([&] { from_guitarml<Net>(text, "model.json"); });
}
std::string nam_with(const std::string& part, const std::string& replacement) {
  const std::string text = text_with("amp.nam", part, replacement);
  return error_of([&] { from_nam<Net>(text, "amp.nam"); });
}

}  // namespace

TEST_CASE("models of amplifiers answer as their formats define it") {
  CHECK(difference(load_rtneural<Net>(path_of("rt_plain.json")), "rt_plain") < 1e-6);
  CHECK(difference(load_rtneural<Net>(path_of("rt_in_skip.json")), "rt_in_skip") < 1e-6);
  CHECK(difference(load_rtneural<Net>(path_of("rt_dense_tanh.json")), "rt_dense_tanh") < 1e-6);
  CHECK(difference(load_guitarml<Net>(path_of("rt_guitarml.json")), "rt_guitarml") < 1e-6);
  CHECK(difference(load_nam<Net>(path_of("amp.nam")), "amp") < 1e-6);
  // And the skip and the state make a difference.
  CHECK(difference(load_rtneural<Net>(path_of("rt_plain.json")), "rt_in_skip") > 0.1);
  Net amplifier = load_nam<Net>(path_of("amp.nam"));
  block_view(amplifier.parameters, amplifier.layout().find("layer0.c0")).setZero();
  CHECK(difference(amplifier, "amp") > 1e-4);
}

TEST_CASE("models that glstm cannot be are refused with a reason") {
  check_mentions(refusal<Net>([](const fs::path& path) { return load_keras<Net>(path); },
                              "k_two_dense.safetensors"),
                 {"dense_1", "none of them"});
  const auto pytorch = [](const fs::path& path) { return load_pytorch<Net>(path); };
  check_mentions(refusal<Net>(pytorch, "pt_two_modules.safetensors"),
                 {"\"lstm.weight_ih_l0\"", "lstm1.weight_ih_l0", "lstm2.weight_hh_l0"});
  check_mentions(refusal<Net>(pytorch, "model.pt"), {"zip", "torch.save", "save_file"});
  const auto first_only = [](const fs::path& path) {
    return load_pytorch<Net>(path, {.lstm = {"lstm1."}});
  };
  check_mentions(refusal<Net>(first_only, "pt_two_modules.safetensors"),
                 {"lstm2.", "ignore_others"});
}

TEST_CASE("several modules and wrapped ones are read") {
  const Net two =
      load_pytorch<Net>(path_of("pt_two_modules.safetensors"), {.lstm = {"lstm1.", "lstm2."}});
  CHECK(two.options().hidden == std::vector<Index>{5, 5});
  const Safetensors file = load_safetensors(path_of("pt_two_modules.safetensors"));
  CHECK(block_view(two.parameters, two.layout().find("layer1.w_ih"))(0, 1) ==
        file.find("lstm2.weight_ih_l0").as<double>()[1]);
  const Net first = load_pytorch<Net>(path_of("pt_two_modules.safetensors"),
                                      {.lstm = {"lstm1."}, .ignore_others = true});
  CHECK(first.options().hidden == std::vector<Index>{5});

  const Net wrapped = load_pytorch<Net>(path_of("pt_module.safetensors"));
  CHECK(wrapped.options().inputs == 3);
  Safetensors cells = to_pytorch(wrapped), compiled;
  for (const auto& [name, tensor] : cells.tensors) {
    std::string renamed = name.starts_with("lstm.") ? name.substr(0, name.size() - 3) : name;
    compiled.tensors["_orig_mod.module." + renamed] = tensor;  // an nn.LSTMCell
  }
  CHECK(from_pytorch<Net>(compiled).parameters == wrapped.parameters);
  Safetensors deep;  // wrapped as often as nobody would
  std::string prefix;
  for (int k = 0; k < 20'000; ++k) prefix += "module.";
  for (const auto& [name, tensor] : cells.tensors) deep.tensors[prefix + name] = tensor;
  CHECK(from_pytorch<Net>(deep).parameters == wrapped.parameters);
  Safetensors asked;
  for (const auto& [name, tensor] : cells.tensors) asked.tensors["module." + name] = tensor;
  CHECK(from_pytorch<Net>(asked, {.lstm = {"module.lstm."}, .linear = "module.fc."}).parameters ==
        wrapped.parameters);
  // Biases of CuDNNLSTM are two, one after the other.
  Safetensors keras = to_keras(wrapped);
  Tensor& bias = keras.tensors.at("layer0.bias");
  std::vector<double> both = bias.as<double>();
  both.resize(40, 0.25);
  bias = {{40}, both};
  CHECK((block_view(from_keras<Net>(keras).parameters, wrapped.layout().find("layer0.b")) -
         block_view(wrapped.parameters, wrapped.layout().find("layer0.b")))
            .isConstant(0.25));
}

TEST_CASE("damaged models of amplifiers are errors") {
  check_mentions(guitarml_with("\"LSTM\"", "\"GRU\""), {"model.json", "unit_type", "GRU"});
  check_mentions(guitarml_with("\"skip\": 1", "\"skip\": 2"), {"\"skip\"", "0 or 1", "got 2"});
  check_mentions(guitarml_with("\"hidden_size\": 4", "\"hidden_size\": 5"),
                 {"\"hidden_size\" to be 4", "got 5"});
  check_mentions(guitarml_with("\"num_layers\": 1", "\"num_layers\": 2"), {"num_layers", "got 2"});
  check_mentions(guitarml_with("\"SimpleRNN\"", "\"DelayedRNN\""), {"SimpleRNN", "DelayedRNN"});
  check_mentions(guitarml_with("\"skip\": 1,", ""), {"\"skip\"", "got none"});
  check_mentions(guitarml_with("\"skip\": 1", "\"skip\": 1, \"reception_size\": 8"),
                 {"\"reception_size\"", "not known"});
  const std::string long_kind(100'000, 'x');
  CHECK(guitarml_with("\"SimpleRNN\"", "\"SimpleRNN\", \"note\": \"" + long_kind + "\"").size() <
        500);
  // A readout of as many rows as columns that no file holds.
  std::string ones = "[0.5", one_row = "[[0.5";
  for (int o = 1; o < 8'000; ++o) ones += ",0.5", one_row += ",0.5";
  const std::string wide =
      "{\"in_shape\": [null, null, 1], \"layers\": [{\"type\": \"lstm\", \"activation\": \"\", "
      "\"shape\": [null, null, 1], \"weights\": [[[1,1,1,1]],[[1,1,1,1]],[1,1,1,1]]}, {\"type\": "
      "\"dense\", \"activation\": \"tanh\", \"shape\": [null, null, 8000], \"weights\": [" +
      one_row + "]]," + ones + "]]}]}";
  check_mentions(error_of([&] { from_rtneural<Net>(wide, "wide.json"); }),
                 {"wide.json", "a readout", "8000 times 8000"});
  check_mentions(guitarml_with("rec.weight_hh_l0", "rec.weight_hr_l0"), {"projections"});
  check_mentions(guitarml_with("lin.bias", "lin2.bias"), {"lin2.bias", "none of them"});
  check_mentions(guitarml_with("\"state_dict\"", "\"states\""), {"\"state_dict\"", "got none"});
  check_mentions(guitarml_with("\"lin.bias\": [", "\"lin.bias\": [[], "), {"lin.bias"});
  check_mentions(guitarml_with("\"lin.bias\": [", "\"lin.bias\": [\"a\", "), {"numbers", "string"});
  check_mentions(nam_with("\"LSTM\"", "\"WaveNet\""), {"amp.nam", "architecture", "WaveNet"});
  check_mentions(nam_with("\"hidden_size\": 3", "\"hidden_size\": 4"), {"109 weights", "got 70"});
  check_mentions(nam_with("\"num_layers\": 1", "\"num_layers\": 2"), {"160 weights", "got 70"});
  check_mentions(nam_with("\"num_layers\": 1", "\"num_layers\": 99999999"), {"at most 65536"});
  check_mentions(nam_with("\"weights\": [-0.1", "\"weights\": [\"a\", -0.1"), {"71"});
  check_mentions(nam_with("\"weights\": [-0.14215503028842474", "\"weights\": [1e999"), {"JSON"});
  check_mentions(nam_with("\"weights\": [-0.14215503028842474", "\"weights\": [null"), {"numbers"});
  check_mentions(error_of([] { from_nam<Lstm<float>>("{", "x"); }), {"x", "JSON"});
  const std::string rtneural = text_in(path_of("rt_in_skip.json"));
  const auto gain = [&](const char* member) {
    std::string text = rtneural;
    text.insert(1, member);
    return error_of([&] { from_rtneural<Net>(text, "rt.json"); });
  };
  check_mentions(gain("\"in_gain\": 3,"), {"\"in_gain\"", "got 3"});
  check_mentions(gain("\"out_gain\": -6.5,"), {"\"out_gain\"", "-6.5"});
}

}  // namespace weight_cases_test
