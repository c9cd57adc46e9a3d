// The models that are written, decoded by a reader of its own. onnx_check.mjs runs them where
// there is a runtime.
#include "glstm/exchange/onnx.hpp"

#include <cstdint>
#include <cstring>
#include <fstream>
#include <iterator>
#include <limits>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "catch.hpp"
#include "io/random_network.hpp"
#include "temporary_folder.hpp"

namespace onnx_test {

using namespace glstm;

namespace {

/// The fields of a protocol buffer message, by number; each in the order in which they come.
class Fields {
 public:
  explicit Fields(std::string_view bytes) {
    while (!bytes.empty()) {
      const std::uint64_t key = varint(bytes);
      const int field = static_cast<int>(key >> 3);
      if ((key & 7) == 0) {
        numbers_[field].push_back(static_cast<std::int64_t>(varint(bytes)));
      } else {
        REQUIRE((key & 7) == 2);
        const std::uint64_t size = varint(bytes);
        REQUIRE(size <= bytes.size());
        texts_[field].emplace_back(bytes.substr(0, size));
        bytes.remove_prefix(size);
      }
    }
  }

  std::vector<std::int64_t> numbers(int field) const { return all(numbers_, field); }
  std::vector<std::string> texts(int field) const { return all(texts_, field); }
  std::int64_t number(int field) const { return only(numbers(field)); }
  std::string text(int field) const { return only(texts(field)); }

 private:
  static std::uint64_t varint(std::string_view& bytes) {
    std::uint64_t value = 0;
    for (int shift = 0;; shift += 7) {
      REQUIRE(!bytes.empty());
      REQUIRE(shift < 64);
      const auto byte = static_cast<unsigned char>(bytes.front());
      bytes.remove_prefix(1);
      value |= static_cast<std::uint64_t>(byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
  }
  template <class Value>
  static std::vector<Value> all(const std::map<int, std::vector<Value>>& fields, int field) {
    const auto found = fields.find(field);
    return found == fields.end() ? std::vector<Value>() : found->second;
  }
  template <class Value>
  static Value only(const std::vector<Value>& values) {
    REQUIRE(values.size() == 1);
    return values.front();
  }

  std::map<int, std::vector<std::int64_t>> numbers_;
  std::map<int, std::vector<std::string>> texts_;
};

struct Node {
  std::string operation;
  std::vector<std::string> inputs, outputs;
  std::map<std::string, Fields> attributes;
};

struct Constant {
  std::vector<std::int64_t> shape;
  std::int64_t type;
  std::string bytes;

  template <class T>
  std::vector<T> values() const {
    std::vector<T> result(bytes.size() / sizeof(T));
    std::memcpy(result.data(), bytes.data(), bytes.size());
    return result;
  }
};

struct Value {
  std::int64_t type = 0;
  std::vector<std::string> shape;
};

struct DecodedGraph {
  std::vector<Node> nodes;
  std::map<std::string, Constant> constants;
  std::map<std::string, Value> inputs, outputs;
  std::vector<std::string> input_order;

  explicit DecodedGraph(std::string_view bytes) {
    const Fields fields(bytes);
    for (const std::string& text : fields.texts(1)) {
      const Fields node(text);
      Node result{node.text(4), node.texts(1), node.texts(2), {}};
      for (const std::string& attribute : node.texts(5)) {
        const Fields decoded(attribute);
        result.attributes.emplace(decoded.text(1), decoded);
      }
      nodes.push_back(result);
    }
    for (const std::string& text : fields.texts(5)) {
      const Fields tensor(text);
      const Constant constant{tensor.numbers(1), tensor.number(2), tensor.text(9)};
      REQUIRE(constants.emplace(tensor.text(8), constant).second);
      std::size_t size = constant.type == 1 || constant.type == 6 ? 4 : 8;
      for (const std::int64_t extent : constant.shape) size *= static_cast<std::size_t>(extent);
      CHECK(size == constant.bytes.size());
    }
    for (const std::string& text : fields.texts(11)) {
      input_order.push_back(Fields(text).text(1));
      inputs.emplace(input_order.back(), value(text));
    }
    for (const std::string& text : fields.texts(12)) {
      outputs.emplace(Fields(text).text(1), value(text));
    }
  }

  std::vector<Node> all(const std::string& operation) const {
    std::vector<Node> result;
    for (const Node& node : nodes) {
      if (node.operation == operation) result.push_back(node);
    }
    return result;
  }

  static Value value(const std::string& text) {
    const Fields tensor(Fields(Fields(text).text(2)).text(1));
    Value result{tensor.number(1), {}};
    for (const std::string& shape : tensor.texts(2)) {
      for (const std::string& dimension : Fields(shape).texts(1)) {
        const Fields decoded(dimension);
        const bool named = !decoded.texts(2).empty();
        result.shape.push_back(named ? decoded.text(2) : std::to_string(decoded.number(1)));
      }
    }
    return result;
  }
};

/// Every value is made once, before it is used, and no constant or result is there for nothing.
/// `outer`: what a graph around this one has made. Returns which of those are used.
std::set<std::string> check_order(const DecodedGraph& graph, const std::set<std::string>& outer) {
  std::set<std::string> made = outer, used;
  const auto make = [&](const std::string& name) {
    CAPTURE(name);
    if (!name.empty()) CHECK(made.insert(name).second);
  };
  for (const auto& [name, constant] : graph.constants) make(name);
  for (const auto& [name, input] : graph.inputs) make(name);
  for (const Node& node : graph.nodes) {
    CAPTURE(node.operation);
    for (const std::string& input : node.inputs) {
      CAPTURE(input);
      CHECK(made.count(input) == 1);
      used.insert(input);
    }
    if (node.attributes.count("body") == 1) {
      const DecodedGraph body(node.attributes.at("body").text(6));
      CHECK(body.inputs.size() == node.inputs.size());
      CHECK(body.outputs.size() == node.outputs.size());
      used.merge(check_order(body, made));
    }
    for (const std::string& output : node.outputs) make(output);
  }
  for (const auto& [name, output] : graph.outputs) {
    CHECK(made.count(name) == 1);
    used.insert(name);
  }
  for (const auto& [name, constant] : graph.constants) {
    CAPTURE(name);
    CHECK(used.count(name) == 1);
  }
  for (const Node& node : graph.nodes) {
    CAPTURE(node.outputs.front());
    if (node.operation != "Scan") CHECK(used.count(node.outputs.back()) == 1);
  }
  return used;
}

template <TimeGate Gate>
DecodedGraph decode(const Network<Gate>& network, const OnnxOptions& options = {}) {
  const Fields model(to_onnx(network, options));
  CHECK(model.number(1) == 7);
  const Fields operators(model.text(8));
  CHECK(operators.text(1).empty());
  CHECK(operators.number(2) == 14);
  DecodedGraph graph(model.text(7));
  check_order(graph, {});
  return graph;
}

template <TimeGate Gate>
Network<Gate> any_network(const NetworkOptions<Gate>& options) {
  Rng rng(1);
  return random_network(options, rng);
}

/// The constant is `expected` [R,C], in row-major order.
template <class Scalar>
void check_constant(const DecodedGraph& graph, const std::string& name,
                    const std::vector<std::int64_t>& shape, const Matrix<Scalar>& expected) {
  CAPTURE(name);
  const Constant& constant = graph.constants.at(name);
  CHECK(constant.shape == shape);
  CHECK(constant.type == (std::is_same_v<Scalar, float> ? 1 : 11));
  const std::vector<Scalar> values = constant.values<Scalar>();
  REQUIRE(static_cast<Index>(values.size()) == expected.size());
  for (Index r = 0; r < expected.rows(); ++r) {
    for (Index c = 0; c < expected.cols(); ++c) {
      CHECK(values[static_cast<std::size_t>(r * expected.cols() + c)] == expected(r, c));
    }
  }
}

using Shape = std::vector<std::string>;

}  // namespace

TEST_CASE("an LSTM is ONNX's operator, with the gates in its order") {
  const Index H = 3, I = 2;
  const bool bidirectional = GENERATE(false, true);
  const bool every_step = GENERATE(false, true);
  const auto network = any_network(
      Lstm<float>::Options{.inputs = I,
                           .hidden = {H, 4},
                           .outputs = 5,
                           .readout = every_step ? Readout::every_step : Readout::last_step,
                           .bidirectional = bidirectional});
  const Index D = network.directions();
  const DecodedGraph graph = decode(network);

  CHECK(graph.input_order == Shape{"x"});
  CHECK(graph.inputs.at("x").type == 1);
  CHECK(graph.inputs.at("x").shape == Shape{"T", "B", "2"});
  REQUIRE(graph.outputs.size() == 1);
  CHECK(graph.outputs.at("y").shape == (every_step ? Shape{"T", "B", "5"} : Shape{"B", "5"}));

  const std::vector<Node> nodes = graph.all("LSTM");
  REQUIRE(nodes.size() == 2);
  for (std::size_t l = 0; l < 2; ++l) {
    CHECK(nodes[l].attributes.at("hidden_size").number(3) == (l == 0 ? H : 4));
    CHECK(nodes[l].attributes.at("direction").text(4) ==
          (bidirectional ? "bidirectional" : "forward"));
    CHECK(nodes[l].inputs.size() == 4);
  }
  CHECK(nodes[0].inputs[0] == "x");
  CHECK(nodes[0].outputs.size() == 1);                     // every step, for the next layer
  CHECK(nodes[1].outputs.size() == (every_step ? 1 : 2));  // the last state is the second output

  Matrix<float> W(4 * H * D, I), R(4 * H * D, H), B = Matrix<float>::Zero(D, 8 * H);
  for (Index d = 0; d < D; ++d) {
    const LstmWeights<float> weights =
        network.layers()[static_cast<std::size_t>(d)].weights(network.parameters);
    const Index from[] = {0, 3, 1, 2};  // i, o, f, g of i, f, g, o
    for (Index q = 0; q < 4; ++q) {
      for (Index j = 0; j < H; ++j) {
        W.row((4 * d + q) * H + j) = weights.Wx.row(from[q] * H + j);
        R.row((4 * d + q) * H + j) = weights.Wh.row(from[q] * H + j);
        B(d, q * H + j) = weights.b(from[q] * H + j);
      }
    }
  }
  check_constant(graph, nodes[0].inputs[1], {D, 4 * H, I}, W);
  check_constant(graph, nodes[0].inputs[2], {D, 4 * H, H}, R);
  check_constant(graph, nodes[0].inputs[3], {D, 8 * H}, B);

  const ParameterLayout& layout = network.layout();
  const Matrix<float> readout = block_view(network.parameters, layout.find("readout.w"));
  check_constant<float>(graph, "readout.W", {4 * D, 5}, readout.transpose());
  check_constant<float>(graph, "readout.b", {5},
                        block_view(network.parameters, layout.find("readout.b")).transpose());
}

TEMPLATE_TEST_CASE("a g-LSTM is a Scan for every layer and direction", "", float, double) {
  using Scalar = TestType;
  const bool bidirectional = GENERATE(false, true);
  const auto network = any_network(
      typename GLstm<Scalar>::Options{.inputs = 2,
                                      .hidden = {4, 3},
                                      .outputs = 1,
                                      .gates = {{.threshold = 0.1}, {.threshold = 0.25}},
                                      .time_origin = 1.7e9,
                                      .bidirectional = bidirectional});
  const DecodedGraph graph = decode(network);
  CHECK(graph.input_order == Shape{"x", "t"});
  CHECK(graph.inputs.at("t").type == 11);
  CHECK(graph.inputs.at("t").shape == Shape{"T"});
  CHECK(graph.inputs.at("x").type == (std::is_same_v<Scalar, float> ? 1 : 11));
  CHECK(graph.constants.at("time.origin").values<double>() == std::vector<double>{1.7e9});

  const std::vector<Node> scans = graph.all("Scan");
  REQUIRE(scans.size() == network.layers().size());
  for (std::size_t n = 0; n < scans.size(); ++n) {
    const std::size_t l = bidirectional ? n / 2 : n;
    const bool reverse = bidirectional && n % 2 == 1;
    const std::string prefix = detail::text_of("layer", l, reverse ? ".reverse." : ".");
    CAPTURE(prefix);
    const Layer<GaussianGate<Scalar>>& layer = network.layers()[n];
    const std::int64_t H = layer.hidden(), I = layer.inputs();
    const std::int64_t backwards = reverse ? 1 : 0;
    CHECK(scans[n].attributes.at("num_scan_inputs").number(3) == 2);
    CHECK(scans[n].attributes.at("scan_input_directions").numbers(8) ==
          std::vector<std::int64_t>{backwards, backwards});
    CHECK(scans[n].attributes.at("scan_output_directions").numbers(8) ==
          std::vector<std::int64_t>{backwards});

    const LstmWeights<Scalar> weights = layer.weights(network.parameters);
    check_constant<Scalar>(graph, prefix + "Wx", {I, 4 * H}, weights.Wx.transpose());
    check_constant<Scalar>(graph, prefix + "Wh", {H, 4 * H}, weights.Wh.transpose());
    check_constant<Scalar>(graph, prefix + "b", {4 * H}, weights.b.transpose());
    const auto gates = layer.gate_parameters(network.parameters);
    check_constant<Scalar>(graph, prefix + "mu", {H}, gates.col(0).transpose());
    check_constant<Scalar>(graph, prefix + "sigma", {H}, gates.col(1).transpose());
    CHECK(graph.constants.at(prefix + "threshold").values<Scalar>() ==
          std::vector<Scalar>{Scalar(l == 0 ? 0.1 : 0.25)});

    const DecodedGraph body(scans[n].attributes.at("body").text(6));
    CHECK(body.all("Sigmoid").size() == 3);
    CHECK(body.all("Tanh").size() == 2);
    CHECK(body.all("MatMul").size() == 1);
  }
}

TEST_CASE("every kind of network gives a graph that can run") {
  const bool bidirectional = GENERATE(false, true);
  const Readout readout = GENERATE(Readout::last_step, Readout::every_step);
  const bool ragged = GENERATE(false, true);
  const auto operations = [&]<TimeGate Gate>(Network<Gate>) {
    const auto network = any_network(NetworkOptions<Gate>{
        .inputs = 2, .hidden = {3, 4}, .readout = readout, .bidirectional = bidirectional});
    const DecodedGraph graph = decode(network, {.ragged = ragged});
    CHECK((graph.inputs.count("lengths") == 1) == ragged);
    if (ragged) CHECK(graph.inputs.at("lengths").type == 6);
    return std::pair(graph.all("LSTM").size(), graph.all("Scan").size());
  };
  const std::size_t halves = bidirectional ? 4 : 2;
  CHECK(operations(Lstm<float>({})) == std::pair<std::size_t, std::size_t>(2, 0));
  CHECK(operations(Lstm<double>({})) == std::pair<std::size_t, std::size_t>(0, halves));
  CHECK(operations(GLstm<float>({})) == std::pair<std::size_t, std::size_t>(0, halves));
  CHECK(operations(GLstm<double>({})) == std::pair<std::size_t, std::size_t>(0, halves));
  CHECK(operations(PhasedLstm<float>({})) == std::pair<std::size_t, std::size_t>(0, halves));
  CHECK(operations(PhasedLstm<double>({})) == std::pair<std::size_t, std::size_t>(0, halves));
}

TEST_CASE("save_onnx writes what to_onnx says, or nothing") {
  const TemporaryFolder folder;
  auto network = any_network(GLstm<float>::Options{.hidden = {3}});
  save_onnx(folder / "model.onnx", network);
  std::ifstream stream(folder / "model.onnx", std::ios::binary);
  const std::string bytes{std::istreambuf_iterator<char>(stream), {}};
  CHECK((bytes == to_onnx(network)));

  SECTION("a parameter that is not finite") {
    network.parameters(1) = std::numeric_limits<float>::quiet_NaN();
    check_mentions(error_of([&] { save_onnx(folder / "other.onnx", network); }),
                   {"finite", "layer0.w_ih"});
  }
  SECTION("an unusable time gate") {
    network.parameters(network.layout().find("layer0.sigma").offset + 2) = 0;
    check_mentions(error_of([&] { save_onnx(folder / "model.onnx", network); }),
                   {"sigma of neuron 2 is zero"});
  }
  SECTION("the wrong number of parameters") {
    network.parameters.conservativeResize(5);
    check_mentions(error_of([&] { to_onnx(network); }), {"parameters of a network"});
  }
  CHECK(folder.files() == 1);
}

}  // namespace onnx_test
