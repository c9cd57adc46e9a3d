// What a header computes is tested by the program that exported_models writes.
#include "glstm/exchange/header.hpp"

#include <fstream>
#include <iterator>
#include <limits>
#include <sstream>
#include <string>
#include <vector>

#include "catch.hpp"
#include "glstm/core/parse_number.hpp"
#include "glstm/io/weight_storage.hpp"
#include "io/random_network.hpp"
#include "temporary_folder.hpp"

namespace header_test {

using namespace glstm;

namespace {

GLstm<float> small_network() {
  Rng rng(1);
  return random_network(GLstm<float>::Options{.inputs = 2, .hidden = {4, 3}, .outputs = 1}, rng);
}

std::size_t count(const std::string& text, const std::string& part) {
  std::size_t found = 0;
  for (std::size_t at = 0; (at = text.find(part, at)) != text.npos; at += part.size()) ++found;
  return found;
}

}  // namespace

TEST_CASE("a header names its namespace and what it needs, and nothing else") {
  const GLstm<float> network = small_network();
  const std::string text = to_header(network, {.name_space = "my::net2"});
  CHECK(count(text, "namespace my::net2 {") == 1);
  CHECK(count(text, "my::net2::Model network;") == 1);
  CHECK(count(text, "#include <stdint.h>\n#include <string.h>\n") == 1);
  CHECK(count(text, "#include") == 2);
  CHECK(count(text, "@") == 0);
  CHECK(count(text, "inputs = 2, outputs = 1, layers = 2") == 1);
  CHECK(text == to_header(network, {.name_space = "my::net2"}));
  CHECK(count(to_header(network), "namespace model {") == 1);

  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    CAPTURE(line);
    CHECK(line.size() <= 100);
  }
}

TEMPLATE_TEST_CASE("the ends of a window are exact, also of the narrowest", "", float, double) {
  using Scalar = TestType;
  struct Case {
    double mu, sigma, threshold;
  };
  for (const Case& c :
       {Case{30, 1e-6, 0.5}, Case{100, 1e-6, 0.01}, Case{1e6, 0.04, 0.01}, Case{1.7e9, 10, 0.01},
        Case{1.7e9, 1e-8, 0.01}, Case{5, 10, 1}, Case{-3, -2, 0.3}, Case{0, 1e-3, 1e-6}}) {
    CAPTURE(c.mu, c.sigma, c.threshold);
    Matrix<Scalar> parameters(1, 2);
    parameters << static_cast<Scalar>(c.mu), static_cast<Scalar>(c.sigma);
    const GaussianGate<Scalar> gate(parameters, {.threshold = c.threshold});
    const auto [opens, closes] = detail::exact_window(gate, 0);
    const Scalar largest = std::numeric_limits<Scalar>::max();
    CHECK(opens <= gate.mu(0));
    CHECK(closes >= gate.mu(0));
    CHECK(gate.is_open(0, opens));
    CHECK(gate.is_open(0, closes));
    CHECK_FALSE(gate.is_open(0, std::nextafter(opens, -largest)));
    CHECK_FALSE(gate.is_open(0, std::nextafter(closes, largest)));
  }
}

TEST_CASE("names of data cannot end a comment of C") {
  GLstm<float> network = small_network();
  network.data.feature_names = {"rate */ min", "b"};
  const std::string text = to_header(network, {.language = HeaderLanguage::c});
  CHECK(text.find("rate */") == text.npos);
  CHECK(text.find("rate _/ min") != text.npos);
}

TEST_CASE("a linker can tell networks of the same namespace apart") {
  const auto inline_namespace = [](const std::string& text) {
    const std::size_t at = text.find("inline namespace network_");
    REQUIRE(at != text.npos);
    return text.substr(at, text.find(' ', at + 17) - at);
  };
  GLstm<float> network = small_network();
  const std::string text = to_header(network);
  CHECK(inline_namespace(text) == inline_namespace(to_header(network)));
  network.parameters(0) += 1;
  CHECK(inline_namespace(text) != inline_namespace(to_header(network)));
}

TEST_CASE("a header holds every parameter once, or one byte of it") {
  const GLstm<float> network = small_network();
  const std::string text = to_header(network);
  for (const ParameterBlock& block : network.layout().blocks()) {
    const bool inverse = block.name.find("sigma") != block.name.npos;  // to save divisions
    for (const float parameter : block_view(network.parameters, block).reshaped()) {
      const std::string literal = detail::header::literal(inverse ? 1 / parameter : parameter);
      CAPTURE(block.name, literal);
      CHECK(count(text, literal) >= 1);
    }
  }
  const std::string bytes = to_header(network, {.storage = WeightStorage::int8});
  CHECK(count(bytes, "127") >= 4 * 4 + 4 * 3 + 1);  // the largest of each row
  CHECK(count(bytes, "_scale[") >= 3);
}

TEMPLATE_TEST_CASE("literals are read back as the same number", "", float, double) {
  using Scalar = TestType;
  using Limits = std::numeric_limits<Scalar>;
  Rng rng(1);
  std::vector<Scalar> values = {0,
                                -Scalar(0),
                                1,
                                -1,
                                100,
                                Limits::max(),
                                Limits::lowest(),
                                Limits::min(),
                                Limits::denorm_min(),
                                Limits::epsilon()};
  for (int n = 0; n < 1000; ++n) {
    values.push_back(static_cast<Scalar>(rng.normal() * std::pow(10.0, rng.uniform(-20, 20))));
  }
  for (const Scalar value : values) {
    std::string text = detail::header::literal(value);
    CAPTURE(text);
    REQUIRE(text.find_first_of(".e") != text.npos);  // no integer
    if (std::is_same_v<Scalar, float>) {
      REQUIRE(text.back() == 'f');
      text.pop_back();
    }
    CHECK(detail::parse_number<Scalar>(text) == value);
    CHECK(std::signbit(*detail::parse_number<Scalar>(text)) == std::signbit(value));
  }
}

TEST_CASE("save_header writes what to_header says, or nothing") {
  const TemporaryFolder folder;
  GLstm<float> network = small_network();
  save_header(folder / "model.hpp", network, {.name_space = "m"});
  std::ifstream stream(folder / "model.hpp", std::ios::binary);
  const std::string text{std::istreambuf_iterator<char>(stream), {}};
  CHECK((text == to_header(network, {.name_space = "m"})));

  network.parameters(0) = std::numeric_limits<float>::quiet_NaN();
  error_of([&] { save_header(folder / "model.hpp", network); });
  error_of([&] { save_header(folder / "other.hpp", network); });
  CHECK(folder.files() == 1);
}

TEST_CASE("networks that no header can hold are refused") {
  GLstm<float> network = small_network();
  const auto error = [&](WeightStorage storage = WeightStorage::full) {
    return error_of([&] { to_header(network, {.storage = storage}); });
  };

  SECTION("bidirectional") {
    const Lstm<double> both({.bidirectional = true});
    check_mentions(error_of([&] { to_header(both); }), {"bidirectional", "step by step"});
  }
  SECTION("a parameter that is not finite") {
    const ParameterBlock& block = network.layout().find("layer1.b");
    network.parameters(block.offset + 2) = std::numeric_limits<float>::infinity();
    check_mentions(error(), {"finite", "layer1.b"});
  }
  SECTION("an unusable time gate") {
    network.parameters(network.layout().find("layer0.sigma").offset) = 0;
    check_mentions(error(), {"sigma of neuron 0 is zero"});
  }
  SECTION("the wrong number of parameters") {
    network.parameters.conservativeResize(network.parameters.size() - 1);
    check_mentions(error(), {"parameters of a network"});
  }
  SECTION("a weight beyond float16") {
    network.parameters(0) = 1e5f;
    CHECK_NOTHROW(to_header(network, {.storage = WeightStorage::int8}));
    check_mentions(error(WeightStorage::float16), {"float16", "100000"});
  }
}

TEST_CASE("namespaces that a program cannot use are refused") {
  const GLstm<float> network = small_network();
  for (const char* name : {"", "1st", "a b", "a-b", "über", "class", "std", "xor_eq", "_a", "a__b",
                           "a::", "::a", "a:b", "a::::b", "a::int", "a;}", "a\n"}) {
    CAPTURE(name);
    check_mentions(error_of([&] { to_header(network, {.name_space = name}); }),
                   {"namespace", "identifier", std::string("\"") + name + "\""});
  }
  for (const char* name : {"a", "A1_", "a_b::c::Model", "classy"}) {
    CAPTURE(name);
    CHECK_NOTHROW(to_header(network, {.name_space = name}));
  }
}

}  // namespace header_test
