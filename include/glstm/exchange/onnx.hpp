// Networks as ONNX models, for the runtimes of other languages and devices.
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <limits>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "glstm/core/error.hpp"
#include "glstm/core/types.hpp"
#include "glstm/exchange/exportable.hpp"
#include "glstm/io/atomic_file.hpp"
#include "glstm/nn/network.hpp"

GLSTM_BEGIN_NAMESPACE

static_assert(std::endian::native == std::endian::little,
              "ONNX tensors are little-endian and glstm copies its numbers as they are, so it "
              "writes them on little-endian processors only");

/// How a network becomes an ONNX model.
struct OnnxOptions {
  /// The model gets a third input, `lengths`: how many steps of each sample are valid.
  bool ragged = false;
};

/// The network as the bytes of an ONNX model (opset 14, standard operators alone):
///
///     x        [T,B,I]  in, of the type Scalar
///     t        [T]      in, double, of networks with time gates: when each step happens, the same
///                       for all samples; in the unit of the timestamps, the time origin not yet
///                       subtracted
///     lengths  [B]      in, int32, only with options.ragged: 0..T
///     y        [B,O]    out, or [T,B,O] when every step is read out; what is past a sample's
///                       length means nothing
///
/// T and B are free, T at least 1. Initial states are zero. Padding of x must be finite.
///
/// A float network without gates is made of LSTM operators. With gates a layer is a Scan over the
/// steps; its openness and its input weights are computed for all steps before. All neurons are
/// computed: closed gates save a runtime nothing. A network of doubles is a model of double
/// tensors; its layers without gates are Scans too, because onnxruntime has LSTM in float only.
///
/// Throws Error if a parameter is not finite, a time-gate parameter is unusable, or the model
/// exceeds the 2 GiB that the format allows.
template <TimeGate Gate>
std::string to_onnx(const Network<Gate>& network, const OnnxOptions& options = {});

/// Writes the model to the file `path`, all or nothing; throws like to_onnx and
/// write_file_atomically.
template <TimeGate Gate>
void write_onnx(const std::filesystem::path& path, const Network<Gate>& network,
                const OnnxOptions& options = {}) {
  write_file_atomically(path, to_onnx(network, options));
}

namespace detail::onnx {

/// A protocol buffer message as it goes over the wire: its fields one after the other, each with
/// its number in front. A repeated field is written once for every value.
class Message {
 public:
  Message& integer(int field, std::int64_t value) {
    varint(static_cast<std::uint64_t>(field) << 3);
    varint(static_cast<std::uint64_t>(value));
    return *this;
  }
  Message& text(int field, std::string_view bytes) {
    varint(static_cast<std::uint64_t>(field) << 3 | 2);
    varint(bytes.size());
    bytes_ += bytes;
    return *this;
  }
  Message& message(int field, const Message& content) { return text(field, content.bytes_); }

  const std::string& bytes() const { return bytes_; }

 private:
  /// Seven bits to a byte, the lowest first; the top bit says that more follow.
  void varint(std::uint64_t value) {
    for (; value >= 0x80; value >>= 7) bytes_ += static_cast<char>(value | 0x80);
    bytes_ += static_cast<char>(value);
  }

  std::string bytes_;
};

// The field numbers of onnx.proto, as far as they are used here.
struct ModelField {
  static constexpr int ir_version = 1, producer_name = 2, graph = 7, opset_import = 8;
};
struct OperatorSetField {
  static constexpr int domain = 1, version = 2;
};
struct GraphField {
  static constexpr int node = 1, name = 2, initializer = 5, input = 11, output = 12;
};
struct NodeField {
  static constexpr int input = 1, output = 2, name = 3, op_type = 4, attribute = 5;
};
struct AttributeField {
  static constexpr int name = 1, i = 3, s = 4, g = 6, ints = 8, type = 20;
};
struct AttributeType {
  static constexpr int integer = 2, string = 3, graph = 5, integers = 7;
};
struct TensorField {
  static constexpr int dims = 1, data_type = 2, name = 8, raw_data = 9;
};
struct ValueInfoField {
  static constexpr int name = 1, type = 2, doc_string = 3;
};
struct TypeField {  // of TypeProto, of its Tensor, of the shape and of a dimension
  static constexpr int tensor_type = 1, elem_type = 1, shape = 2;
  static constexpr int dim = 1, dim_value = 1, dim_param = 2;
};

/// ONNX's number of a tensor's data type.
template <class T>
constexpr int data_type() {
  if constexpr (std::is_same_v<T, float>) return 1;
  if constexpr (std::is_same_v<T, std::int32_t>) return 6;
  if constexpr (std::is_same_v<T, std::int64_t>) return 7;
  if constexpr (std::is_same_v<T, double>) return 11;
}

inline Message attribute_of(const char* name, int type) {
  Message attribute;
  attribute.text(AttributeField::name, name).integer(AttributeField::type, type);
  return attribute;
}
inline Message attribute(const char* name, Index value) {
  return attribute_of(name, AttributeType::integer).integer(AttributeField::i, value);
}
inline Message attribute(const char* name, const std::vector<Index>& values) {
  Message result = attribute_of(name, AttributeType::integers);
  for (const Index value : values) result.integer(AttributeField::ints, value);
  return result;
}
inline Message attribute(const char* name, const char* value) {
  return attribute_of(name, AttributeType::string).text(AttributeField::s, value);
}
inline Message attribute(const char* name, const Message& graph) {
  return attribute_of(name, AttributeType::graph).message(AttributeField::g, graph);
}

using Names = std::vector<std::string>;

/// A graph as it is put together. Values have names; nodes stand in an order in which they can run.
class Graph {
 public:
  explicit Graph(std::string_view name) { message_.text(GraphField::name, name); }

  void node(const char* operation, const Names& inputs, const Names& outputs,
            const std::vector<Message>& attributes = {}) {
    Message node;
    for (const std::string& input : inputs) node.text(NodeField::input, input);
    for (const std::string& output : outputs) node.text(NodeField::output, output);
    for (const std::string& output : outputs) {  // named after its first result
      if (output.empty()) continue;
      node.text(NodeField::name, output);
      break;
    }
    node.text(NodeField::op_type, operation);
    for (const Message& attribute : attributes) node.message(NodeField::attribute, attribute);
    message_.message(GraphField::node, node);
  }

  /// A node with one result; returns its name.
  std::string compute(const std::string& output, const char* operation, const Names& inputs,
                      const std::vector<Message>& attributes = {}) {
    node(operation, inputs, {output}, attributes);
    return output;
  }

  /// A constant, its values in row-major order; returns its name. No shape: a single number.
  template <class T>
  std::string tensor(const std::string& name, const std::vector<Index>& shape, const T* values) {
    Message tensor;
    std::size_t size = sizeof(T);
    for (const Index extent : shape) {
      tensor.integer(TensorField::dims, extent);
      size *= static_cast<std::size_t>(extent);
    }
    tensor.integer(TensorField::data_type, data_type<T>()).text(TensorField::name, name);
    tensor.text(TensorField::raw_data, {reinterpret_cast<const char*>(values), size});
    message_.message(GraphField::initializer, tensor);
    return name;
  }
  template <class T>
  std::string number(const std::string& name, T value) {
    return tensor(name, {}, &value);
  }
  /// A list of sizes, places or axes.
  std::string indices(const std::string& name, const std::vector<std::int64_t>& values) {
    return tensor(name, {static_cast<Index>(values.size())}, values.data());
  }

  /// A dimension is a number, or a name where it is free; no shape: any.
  void input(const std::string& name, int type, const Names& shape = {}, const char* doc = "") {
    message_.message(GraphField::input, value_info(name, type, shape, doc));
  }
  void output(const std::string& name, int type, const Names& shape = {}, const char* doc = "") {
    message_.message(GraphField::output, value_info(name, type, shape, doc));
  }

  const Message& message() const { return message_; }

 private:
  static Message value_info(const std::string& name, int type, const Names& shape,
                            const char* doc) {
    Message tensor, tensor_shape, type_of_value, info;
    for (const std::string& extent : shape) {
      Message dimension;
      if (extent.find_first_not_of("0123456789") == extent.npos) {
        dimension.integer(TypeField::dim_value, std::stoll(extent));
      } else {
        dimension.text(TypeField::dim_param, extent);
      }
      tensor_shape.message(TypeField::dim, dimension);
    }
    tensor.integer(TypeField::elem_type, type);
    if (!shape.empty()) tensor.message(TypeField::shape, tensor_shape);
    type_of_value.message(TypeField::tensor_type, tensor);
    info.text(ValueInfoField::name, name).message(ValueInfoField::type, type_of_value);
    if (*doc != '\0') info.text(ValueInfoField::doc_string, doc);
    return info;
  }

  Message message_;
};

/// Builds the graph of a network. Values of a layer's half are named after its parameter blocks:
/// "layer0.", "layer0.reverse.".
template <TimeGate Gate>
class NetworkGraph {
 public:
  using Scalar = typename Gate::Scalar;

  NetworkGraph(const Network<Gate>& network, const OnnxOptions& options)
      : network_(network), ragged_(options.ragged) {
    const NetworkOptions<Gate>& sizes = network.options();
    const bool every_step = sizes.readout == Readout::every_step;
    add_inputs();
    std::string sequence = "x";  // [T,B,F], what a layer reads
    std::string final_state;     // [B,F], in which the layer ends
    const std::size_t depth = sizes.hidden.size();
    for (std::size_t l = 0; l < depth; ++l) {
      const std::string name = text_of("layer", l);
      const bool hands_on = l + 1 < depth || every_step;
      if constexpr (uses_lstm_operator) {
        (hands_on ? sequence : final_state) = lstm_operator(l, name, sequence, hands_on);
      } else {
        (hands_on ? sequence : final_state) = scans(l, name, sequence, hands_on);
      }
    }
    add_readout(every_step ? sequence : final_state, every_step);
  }

  Message model() const {
    Message operators, model;
    operators.text(OperatorSetField::domain, "").integer(OperatorSetField::version, 14);
    model.integer(ModelField::ir_version, 7).text(ModelField::producer_name, "glstm");
    model.message(ModelField::opset_import, operators);
    model.message(ModelField::graph, graph_.message());
    return model;
  }

 private:
  static constexpr int scalar_type = data_type<Scalar>();
  static constexpr bool gaussian = std::is_same_v<Gate, GaussianGate<Scalar>>;
  static constexpr bool phased = std::is_same_v<Gate, PhasedGate<Scalar>>;
  static constexpr bool gated = gaussian || phased;
  static constexpr bool uses_lstm_operator = !gated && std::is_same_v<Scalar, float>;
  static_assert(std::is_same_v<Scalar, float> || std::is_same_v<Scalar, double>,
                "ONNX export is for networks of float or double");
  static_assert(gated || std::is_same_v<Gate, AlwaysOpen<Scalar>>,
                "ONNX export knows the time gates AlwaysOpen, GaussianGate and PhasedGate");

  void add_inputs() {
    const NetworkOptions<Gate>& sizes = network_.options();
    graph_.input("x", scalar_type, {"T", "B", std::to_string(sizes.inputs)}, "the sequences");
    if (gated) graph_.input("t", data_type<double>(), {"T"}, "when each step happens");
    if (ragged_) {
      graph_.input("lengths", data_type<std::int32_t>(), {"B"}, "how many steps are valid");
    }
    if (uses_lstm_operator) return;

    graph_.number("zero", Scalar(0));
    if (gated || ragged_) graph_.number("one", Scalar(1));
    if (phased) graph_.number("two", Scalar(2));
    graph_.compute("x.shape", "Shape", {"x"});
    graph_.compute("batch", "Gather", {"x.shape", graph_.indices("batch.axis", {1})});
    if (ragged_) add_valid_steps();
    if (gated) add_clocks();
  }

  /// "valid" [T,B,1]: which steps are within a sample's length.
  void add_valid_steps() {
    graph_.number("steps.first", std::int64_t{0});
    graph_.number("steps.stride", std::int64_t{1});
    graph_.compute("steps.count", "Gather", {"x.shape", "steps.first"});
    graph_.compute("steps", "Range", {"steps.first", "steps.count", "steps.stride"});
    graph_.compute("steps.column", "Reshape", {"steps", graph_.indices("column", {-1, 1})});
    graph_.compute("lengths.wide", "Cast", {"lengths"},
                   {attribute("to", data_type<std::int64_t>())});
    graph_.compute("valid.flat", "Less", {"steps.column", "lengths.wide"});
    graph_.compute("valid", "Unsqueeze", {"valid.flat", graph_.indices("valid.axis", {2})});
  }

  /// "time" [T,1,1], relative to the time origin; "reverse.time" [T,1,1] or, when samples are
  /// ragged, [T,B,1]: that of the reversed steps, in the order of the forward ones.
  void add_clocks() {
    graph_.number("time.origin", network_.options().time_origin);
    graph_.indices("time.axis", {2});
    graph_.compute("t.column", "Reshape", {"t", graph_.indices("t.shape", {-1, 1})});
    add_relative_time("time", "t.column");
    if (!network_.options().bidirectional) return;

    // t'(n) = t(0) + t(L - 1) - t(L - 1 - n), in double as everywhere.
    graph_.compute("t.first", "Gather", {"t", graph_.number("t.begin", std::int64_t{0})});
    if (ragged_) {
      graph_.compute("t.end", "Sub", {"lengths.wide", "steps.stride"});
    } else {
      graph_.number("t.end", std::int64_t{-1});
    }
    graph_.compute("t.last", "Gather", {"t", "t.end"});
    graph_.compute("t.to_last", "Sub", {"t.last", "t.column"});
    graph_.compute("t.reverse", "Add", {"t.first", "t.to_last"});
    add_relative_time("reverse.time", "t.reverse");
  }

  void add_relative_time(const std::string& name, const std::string& times) {
    graph_.compute(name + ".relative", "Sub", {times, "time.origin"});
    graph_.compute(name + ".rounded", "Cast", {name + ".relative"}, {attribute("to", scalar_type)});
    graph_.compute(name, "Unsqueeze", {name + ".rounded", "time.axis"});
  }

  /// A layer of both directions, or of one, as an LSTM operator. The result is [T,B,D*H], or the
  /// final state [B,D*H]; D directions.
  std::string lstm_operator(std::size_t l, const std::string& name, const std::string& sequence,
                            bool hands_on) {
    using Rows = Eigen::Matrix<Scalar, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
    const Index D = network_.directions(), H = network_.layer(l, 0).hidden(),
                I = network_.layer(l, 0).inputs();
    constexpr std::array<Index, 4> order{0, 3, 1, 2};  // ONNX's gates are i, o, f, g
    Rows W(4 * H * D, I), R(4 * H * D, H), B(D, 8 * H);
    B.setZero();  // the second 4H are a bias for the recurrent part
    for (Index d = 0; d < D; ++d) {
      const LstmWeights<Scalar> weights = network_.layer(l, d).weights(network_.parameters);
      for (Index q = 0; q < 4; ++q) {
        const Index from = order[static_cast<std::size_t>(q)] * H, to = (4 * d + q) * H;
        W.middleRows(to, H) = weights.Wx.middleRows(from, H);
        R.middleRows(to, H) = weights.Wh.middleRows(from, H);
        B.row(d).segment(q * H, H) = weights.b.segment(from, H).transpose();
      }
    }
    const std::string result = name + (hands_on ? ".every" : ".last");
    Names inputs = {sequence, graph_.tensor(name + ".W", {D, 4 * H, I}, W.data()),
                    graph_.tensor(name + ".R", {D, 4 * H, H}, R.data()),
                    graph_.tensor(name + ".B", {D, 8 * H}, B.data())};
    if (ragged_) inputs.push_back("lengths");
    graph_.node("LSTM", inputs, hands_on ? Names{result} : Names{"", result},
                {attribute("hidden_size", H),
                 attribute("direction", D == 2 ? "bidirectional" : "forward")});
    // Directions from in front of the samples, [T,D,B,H] or [D,B,H], to behind them.
    const std::vector<Index> behind =
        hands_on ? std::vector<Index>{0, 2, 1, 3} : std::vector<Index>{1, 0, 2};
    graph_.compute(result + ".behind", "Transpose", {result}, {attribute("perm", behind)});
    const std::string shape = hands_on
                                  ? graph_.indices(result + ".shape", {0, 0, D * H})  // 0: as it is
                                  : graph_.indices(result + ".shape", {0, D * H});
    return graph_.compute(name + ".h", "Reshape", {result + ".behind", shape});
  }

  /// A layer as a Scan for each direction; the result as of lstm_operator.
  std::string scans(std::size_t l, const std::string& name, const std::string& sequence,
                    bool hands_on) {
    const std::string forward = scan(network_.layer(l, 0), name + ".", sequence, hands_on, false);
    if (!network_.options().bidirectional) return forward;
    const std::string reverse =
        scan(network_.layer(l, 1), name + ".reverse.", sequence, hands_on, true);
    return graph_.compute(name + ".both", "Concat", {forward, reverse},
                          {attribute("axis", hands_on ? 2 : 1)});
  }

  std::string scan(const Layer<Gate>& layer, const std::string& prefix, const std::string& sequence,
                   bool hands_on, bool reverse) {
    const Index H = layer.hidden(), I = layer.inputs();
    const LstmWeights<Scalar> weights = layer.weights(network_.parameters);
    // A column-major matrix is its transpose in row-major order.
    graph_.tensor(prefix + "Wx", {I, 4 * H}, weights.Wx.data());
    graph_.tensor(prefix + "Wh", {H, 4 * H}, weights.Wh.data());
    graph_.tensor(prefix + "b", {4 * H}, weights.b.data());
    graph_.compute(prefix + "x", "MatMul", {sequence, prefix + "Wx"});
    graph_.compute(prefix + "zx", "Add", {prefix + "x", prefix + "b"});

    graph_.compute(prefix + "state.shape", "Concat",
                   {"batch", graph_.indices(prefix + "size", {H})}, {attribute("axis", Index{0})});
    graph_.compute(prefix + "state", "Expand", {"zero", prefix + "state.shape"});

    Names inputs = {prefix + "state", prefix + "state", prefix + "zx"};
    const std::string k = openness(layer, prefix, reverse);
    if (!k.empty()) inputs.push_back(k);
    const Index scanned = k.empty() ? 1 : 2;
    graph_.node(
        "Scan", inputs, {prefix + "c.last", prefix + "h.last", prefix + "h"},
        {attribute("body", scan_body(prefix, !k.empty())), attribute("num_scan_inputs", scanned),
         attribute("scan_input_directions",
                   std::vector<Index>(static_cast<std::size_t>(scanned), reverse ? 1 : 0)),
         attribute("scan_output_directions", std::vector<Index>{reverse ? 1 : 0})});
    return prefix + (hands_on ? "h" : "h.last");
  }

  /// One step: c_n = k c~ + (1 - k) c, h_n = k h~ + (1 - k) h; without gates the proposed state.
  static Message scan_body(const std::string& prefix, bool has_openness) {
    Graph body(prefix + "step");
    const auto in = [&](const char* name) { return prefix + "step." + name; };
    for (const char* name : {"c", "h", "zx"}) body.input(in(name), scalar_type);
    if (has_openness) body.input(in("k"), scalar_type);

    body.compute(in("zh"), "MatMul", {in("h"), prefix + "Wh"});
    body.compute(in("z"), "Add", {in("zx"), in("zh")});
    body.node("Split", {in("z")}, {in("zi"), in("zf"), in("zg"), in("zo")},
              {attribute("axis", Index{1})});
    body.compute(in("i"), "Sigmoid", {in("zi")});
    body.compute(in("f"), "Sigmoid", {in("zf")});
    body.compute(in("g"), "Tanh", {in("zg")});
    body.compute(in("o"), "Sigmoid", {in("zo")});
    body.compute(in("fc"), "Mul", {in("f"), in("c")});
    body.compute(in("ig"), "Mul", {in("i"), in("g")});
    body.compute(in("c.proposed"), "Add", {in("fc"), in("ig")});
    body.compute(in("tanh.c"), "Tanh", {in("c.proposed")});
    body.compute(in("h.proposed"), "Mul", {in("o"), in("tanh.c")});
    std::string c = in("c.proposed"), h = in("h.proposed");
    if (has_openness) {
      body.compute(in("kept"), "Sub", {"one", in("k")});
      for (std::string* state : {&c, &h}) {
        const std::string name = state == &c ? "c" : "h", next = prefix + "step." + name + ".next";
        body.compute(next + ".new", "Mul", {in("k"), *state});
        body.compute(next + ".old", "Mul", {in("kept"), prefix + "step." + name});
        *state = body.compute(next, "Add", {next + ".new", next + ".old"});
      }
    }
    body.output(c, scalar_type);
    body.output(h, scalar_type);
    body.output(body.compute(in("h.out"), "Identity", {h}), scalar_type);
    return body.message();
  }

  /// The openness at all steps: [T,1,H], or [T,B,H] when it depends on the sample; 0 past a
  /// sample's length. Empty where every gate is open at all steps.
  std::string openness(const Layer<Gate>& layer, const std::string& prefix, bool reverse) {
    std::string k;
    if constexpr (gated) {
      const auto parameters = layer.gate_parameters(network_.parameters);
      for (Index p = 0; p < parameters.cols(); ++p) {
        graph_.tensor(prefix + Gate::parameter_names[static_cast<std::size_t>(p)], {layer.hidden()},
                      parameters.col(p).data());
      }
      graph_.number(prefix + "threshold", static_cast<Scalar>(layer.gate_options().threshold));
      const std::string time = reverse ? "reverse.time" : "time";
      if constexpr (gaussian) {
        gaussian_openness(prefix, time);
      } else {
        phased_openness(layer, prefix, time);
      }
      graph_.compute(prefix + "closed", "Less", {prefix + "k.ungated", prefix + "threshold"});
      k = graph_.compute(prefix + "k", "Where", {prefix + "closed", "zero", prefix + "k.ungated"});
    }
    if (!ragged_) return k;
    return graph_.compute(prefix + "k.valid", "Where", {"valid", k.empty() ? "one" : k, "zero"});
  }

  /// exp(-((t - mu) / sigma)^2)
  void gaussian_openness(const std::string& prefix, const std::string& time) {
    graph_.compute(prefix + "from.mu", "Sub", {time, prefix + "mu"});
    graph_.compute(prefix + "u", "Div", {prefix + "from.mu", prefix + "sigma"});
    graph_.compute(prefix + "u2", "Mul", {prefix + "u", prefix + "u"});
    graph_.compute(prefix + "minus.u2", "Neg", {prefix + "u2"});
    graph_.compute(prefix + "k.ungated", "Exp", {prefix + "minus.u2"});
  }

  /// 2 phi / r for phi < r/2; 2 - 2 phi / r for phi < r; leak phi otherwise
  void phased_openness(const Layer<Gate>& layer, const std::string& prefix,
                       const std::string& time) {
    graph_.number(prefix + "leak", static_cast<Scalar>(layer.gate_options().leak));
    graph_.compute(prefix + "from.shift", "Sub", {time, prefix + "shift"});
    graph_.compute(prefix + "cycles", "Div", {prefix + "from.shift", prefix + "period"});
    graph_.compute(prefix + "cycles.whole", "Floor", {prefix + "cycles"});
    graph_.compute(prefix + "phi", "Sub", {prefix + "cycles", prefix + "cycles.whole"});
    graph_.compute(prefix + "phi.twice", "Mul", {"two", prefix + "phi"});
    graph_.compute(prefix + "rise", "Div", {prefix + "phi.twice", prefix + "r_on"});
    graph_.compute(prefix + "fall", "Sub", {"two", prefix + "rise"});
    graph_.compute(prefix + "leaked", "Mul", {prefix + "leak", prefix + "phi"});
    graph_.compute(prefix + "r.half", "Div", {prefix + "r_on", "two"});
    graph_.compute(prefix + "rises", "Less", {prefix + "phi", prefix + "r.half"});
    graph_.compute(prefix + "on", "Less", {prefix + "phi", prefix + "r_on"});
    graph_.compute(prefix + "k.late", "Where", {prefix + "on", prefix + "fall", prefix + "leaked"});
    graph_.compute(prefix + "k.ungated", "Where",
                   {prefix + "rises", prefix + "rise", prefix + "k.late"});
  }

  void add_readout(const std::string& states, bool every_step) {
    const auto W = network_.readout_weights();
    const auto b = network_.readout_bias();
    graph_.tensor("readout.W", {W.cols(), W.rows()}, W.data());
    graph_.tensor("readout.b", {b.rows()}, b.data());
    graph_.compute("readout.product", "MatMul", {states, "readout.W"});
    graph_.compute("y", "Add", {"readout.product", "readout.b"});
    const std::string outputs = std::to_string(W.rows());
    graph_.output("y", scalar_type, every_step ? Names{"T", "B", outputs} : Names{"B", outputs},
                  "the answers");
  }

  const Network<Gate>& network_;
  bool ragged_;
  Graph graph_{"glstm"};
};

}  // namespace detail::onnx

template <TimeGate Gate>
std::string to_onnx(const Network<Gate>& network, const OnnxOptions& options) {
  detail::check_exportable(network, "ONNX");
  const std::string bytes = detail::onnx::NetworkGraph(network, options).model().bytes();
  detail::require(bytes.size() <= std::numeric_limits<std::int32_t>::max(),
                  "an ONNX model has at most 2147483647 bytes, this one would have ", bytes.size());
  return bytes;
}

GLSTM_END_NAMESPACE
