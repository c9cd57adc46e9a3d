// Networks as one self-contained C++ header, for devices without a file system.
#pragma once

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <initializer_list>
#include <iterator>
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
#include "glstm/io/weight_storage.hpp"
#include "glstm/nn/network.hpp"

GLSTM_BEGIN_NAMESPACE

/// How a network becomes a header.
struct HeaderOptions {
  std::string name_space = "model";  ///< of everything in the header; may be nested: "my::model"
  WeightStorage storage = WeightStorage::full;  ///< of the weights of layers and readout
};

/// The network as the text of a C++17 header that needs `<cmath>`, `<cstdint>` and `<cstring>`
/// alone and neither allocates nor throws:
///
///     model::Model network;
///     const float* y = network.step(x, t);  // x [I] happens at time t; y [O]
///
/// Weights are constants; an object is one stream's state, which starts at zero and is read with
/// layer0().h(), layer0().c(), ... . The answer after a step is what Network::predict gives for
/// the steps so far, to rounding, whichever states the network's readout sees. Closed neurons are
/// not computed: a step costs 4 a (I + a) multiplications for the a open neurons of a layer, and
/// 4 a H where others open or close than in the step before.
///
/// Throws Error if the network is bidirectional, a parameter is not finite or unusable, a weight is
/// too large for float16, or the namespace is no identifier that a program may use.
template <TimeGate Gate>
std::string to_header(const Network<Gate>& network, const HeaderOptions& options = {});

/// Writes the header to the file `path`, all or nothing; throws like to_header and
/// write_file_atomically. Headers that one program includes need namespaces of their own.
template <TimeGate Gate>
void export_header(const Network<Gate>& network, const std::filesystem::path& path,
                   const HeaderOptions& options = {}) {
  write_file_atomically(path, to_header(network, options));
}

namespace detail::header {

/// `text` with every key of `values`, such as $name, replaced by its value.
inline std::string fill(std::string text,
                        std::initializer_list<std::pair<std::string_view, std::string>> values) {
  for (const auto& [key, value] : values) {
    for (std::size_t at = 0; (at = text.find(key, at)) != text.npos; at += value.size()) {
      text.replace(at, key.size(), value);
    }
  }
  return text;
}

/// Throws Error unless `name` is an identifier, or several joined by ::, that are not reserved.
inline void check_namespace(const std::string& name) {
  constexpr std::string_view reserved[] = {
      "alignas",     "alignof",   "and",       "and_eq",   "asm",      "auto",
      "bitand",      "bitor",     "bool",      "break",    "case",     "catch",
      "char",        "char16_t",  "char32_t",  "char8_t",  "class",    "co_await",
      "co_return",   "co_yield",  "compl",     "concept",  "const",    "const_cast",
      "consteval",   "constexpr", "constinit", "continue", "decltype", "default",
      "delete",      "do",        "double",    "else",     "enum",     "dynamic_cast",
      "explicit",    "export",    "extern",    "false",    "float",    "for",
      "friend",      "goto",      "if",        "inline",   "int",      "long",
      "mutable",     "namespace", "new",       "noexcept", "not",      "not_eq",
      "nullptr",     "operator",  "or",        "or_eq",    "private",  "protected",
      "public",      "register",  "requires",  "return",   "short",    "reinterpret_cast",
      "signed",      "sizeof",    "static",    "std",      "struct",   "static_assert",
      "static_cast", "switch",    "template",  "this",     "throw",    "thread_local",
      "true",        "try",       "typedef",   "typeid",   "typename", "union",
      "unsigned",    "using",     "virtual",   "void",     "volatile", "wchar_t",
      "while",       "xor",       "xor_eq"};
  constexpr std::string_view digits = "0123456789";
  constexpr std::string_view allowed =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_";
  std::string_view rest = name;
  for (bool more = true; more;) {
    const std::size_t end = rest.find("::");
    const std::string_view part = rest.substr(0, end);
    more = end != rest.npos;
    if (more) rest.remove_prefix(end + 2);
    const bool identifier = !part.empty() && part.find_first_not_of(allowed) == part.npos &&
                            digits.find(part.front()) == digits.npos;
    // Names with two underscores, or with one in front, are the compiler's.
    const bool free =
        identifier && part.front() != '_' && part.find("__") == part.npos &&
        std::find(std::begin(reserved), std::end(reserved), part) == std::end(reserved);
    require(free, "a namespace must be an identifier that a program may use, got \"", name, "\"");
  }
}

/// A literal of the type Scalar that is read back as the same number, as short as there is one.
template <class Scalar>
std::string literal(Scalar value) {
  char digits[64];
  const auto result = std::to_chars(digits, digits + sizeof digits, value);
  std::string text(digits, result.ptr);
  if (text.find_first_of(".e") == text.npos) text += ".0";
  return std::is_same_v<Scalar, float> ? text + "f" : text;
}

/// Numbers in row-major order as the initialiser of an array of `shape`; each entry of the first
/// dimension starts a line.
inline std::string initializer(const std::vector<Index>& shape,
                               const std::vector<std::string>& numbers) {
  const auto size = static_cast<Index>(numbers.size());
  const Index row = shape.size() > 1 ? size / shape.front() : size;
  const std::string indent(7, ' ');
  std::string text, line(6, ' ');
  for (Index n = 0; n < size; ++n) {
    std::size_t opened = 0, closed = 0;
    Index extent = 1;
    for (std::size_t d = shape.size(); d-- > 0;) {
      extent *= shape[d];
      opened += n % extent == 0;
      closed += (n + 1) % extent == 0;
    }
    const std::string token = std::string(opened, '{') + numbers[static_cast<std::size_t>(n)] +
                              std::string(closed, '}') + (n + 1 < size ? "," : "");
    if (n > 0 && (n % row == 0 || line.size() + 1 + token.size() > 99)) {
      text += line + "\n";
      line = indent;
    } else if (n > 0) {
      line += ' ';
    }
    line += token;
  }
  return text + line;
}

inline constexpr const char* introduction =
    R"(// A recurrent network in one header, written by glstm::export_header. It needs the standard
// library of C++17 alone, allocates nothing and throws nothing.
//
//     $summary
//     $numbers
//
//     $name_space::Model network;
//     const $scalar* y = network.step(x, t);  // x[$inputs] happens at time t, y[$outputs] is the answer
//
// A Model is the state of one stream; the weights are constants. First come the functions, then the
// weights, and at the end of the file the class Model.
#pragma once

#include <cmath>
#include <cstdint>
#include <cstring>

namespace $name_space {

// Inputs, states and answers; and weights as they are stored.
using Scalar = $scalar;
using Weight = $weight;

/// The logistic sigmoid, by way of tanh, which saturates where exp would overflow.
inline Scalar sigmoid(Scalar x) { return Scalar(0.5) + Scalar(0.5) * std::tanh(Scalar(0.5) * x); }

)";

inline constexpr const char* float16_decoder =
    R"(/// The number of IEEE half precision that has these bits.
inline Scalar from_float16(std::uint16_t bits) {
  const std::uint32_t magnitude = std::uint32_t(bits & 0x7fffu) << 13;
  float value;  // its exponent is too small by 127 - 15, the difference of the biases
  std::memcpy(&value, &magnitude, sizeof value);
  value *= 0x1p112f;
  return Scalar((bits & 0x8000u) != 0 ? -value : value);
}

)";

inline constexpr const char* dot_product =
    R"(/// The sum of weights[n] * values[n].
inline Scalar dot(const Weight* weights, const Scalar* values, int count) {
  Scalar sum = 0;
  for (int n = 0; n < count; ++n) sum += $load(weights[n]) * values[n];
  return sum;
}

)";

inline constexpr const char* listed_dot_product =
    R"(/// The sum of weights[n] * values[n] over the places n in a list.
inline Scalar dot_at(const int* places, int count, const Weight* weights, const Scalar* values) {
  Scalar sum = 0;
  for (int s = 0; s < count; ++s) sum += $load(weights[places[s]]) * values[places[s]];
  return sum;
}

)";

inline constexpr const char* gaussian_openness =
    R"(/// How far the time gate of neuron j is open at time t: exp(-((t - mu) / sigma)^2). 0 where it is
/// closed, which is below the threshold, and when t is not a number.
template <class Weights>
Scalar openness(int j, Scalar t) {
  const Scalar u = (t - Weights::mu[j]) / Weights::sigma[j];
  if (!(u * u < Weights::surely_closed)) return 0;  // mostly spares the exp
  const Scalar k = std::exp(-u * u);
  return k < Weights::threshold ? Scalar(0) : k;
}

)";

inline constexpr const char* phased_openness =
    R"(/// How far the time gate of neuron j is open at time t: a ramp up and down in the first r_on of
/// every period, a leak after it. 0 where it is closed, which is below the threshold, and when t
/// is not a number.
template <class Weights>
Scalar openness(int j, Scalar t) {
  const Scalar cycles = (t - Weights::shift[j]) / Weights::period[j];
  const Scalar phase = cycles - std::floor(cycles), r = Weights::r_on[j];
  Scalar k = Weights::leak * phase;
  if (phase < r / 2) {
    k = 2 * phase / r;
  } else if (phase < r) {
    k = 2 - 2 * phase / r;
  }
  return k >= Weights::threshold ? k : Scalar(0);
}

)";

inline constexpr const char* gated_layer =
    R"(/// A layer of neurons with time gates: the state, and a step. A closed neuron keeps its state and
/// is not computed.
template <class Weights>
class Layer {
 public:
  static constexpr int inputs = Weights::inputs, neurons = Weights::neurons;

  const Scalar* h() const { return h_; }          ///< the hidden state [neurons]
  const Scalar* c() const { return c_; }          ///< the cell state [neurons]
  int open_count() const { return open_count_; }  ///< neurons that were open in the last step

  void reset() {
    open_count_ = 0;
    for (int j = 0; j < neurons; ++j) {
      h_[j] = c_[j] = 0;
      is_open_[j] = false;
    }
  }

  /// The hidden state after x [inputs] has happened at time t, counted from the time origin.
  const Scalar* step(const Scalar* x, Scalar t) {
    if (list_open_neurons(t)) sum_what_is_fixed();
    for (int s = 0; s < open_count_; ++s) {
      const int j = open_[s];
      const Scalar i = sigmoid(sum(j, 0, x)), f = sigmoid(sum(j, 1, x));
      const Scalar g = std::tanh(sum(j, 2, x)), o = sigmoid(sum(j, 3, x));
      const Scalar c = f * c_[j] + i * g, h = o * std::tanh(c), k = openness_[s];
      c_[j] = k * c + (1 - k) * c_[j];
      next_h_[s] = k * h + (1 - k) * h_[j];  // the others still read the old one
    }
    for (int s = 0; s < open_count_; ++s) h_[open_[s]] = next_h_[s];
    return h_;
  }

 private:
  /// True when others are open at time t than in the step before.
  bool list_open_neurons(Scalar t) {
    bool changed = false;
    open_count_ = closed_count_ = 0;
    for (int j = 0; j < neurons; ++j) {
      const Scalar k = openness<Weights>(j, t);
      const bool is_open = k > 0;
      if (is_open != is_open_[j]) changed = true;
      is_open_[j] = is_open;
      if (is_open) {
        openness_[open_count_] = k;
        open_[open_count_++] = j;
      } else if (h_[j] != 0) {
        closed_[closed_count_++] = j;
      }
    }
    return changed;
  }

  /// The bias, and what closed neurons add to open ones, is the same until a gate opens or closes.
  void sum_what_is_fixed() {
    for (int s = 0; s < open_count_; ++s) {
      const int j = open_[s];
      for (int gate = 0; gate < 4; ++gate) {
        const Scalar closed = dot_at(closed_, closed_count_, Weights::w_h[j][gate], h_);
        fixed_[j][gate] = Weights::bias[j][gate] + $scale_hclosed;
      }
    }
  }

  /// What gate i, f, g or o (0, 1, 2, 3) of neuron j takes the sigmoid or tanh of.
  Scalar sum(int j, int gate, const Scalar* x) const {
    return fixed_[j][gate] + $scale_xdot(Weights::w_x[j][gate], x, inputs) +
           $scale_hdot_at(open_, open_count_, Weights::w_h[j][gate], h_);
  }

  Scalar h_[neurons] = {}, c_[neurons] = {}, next_h_[neurons] = {};
  Scalar openness_[neurons] = {}, fixed_[neurons][4] = {};
  int open_[neurons] = {}, closed_[neurons] = {};  // closed: those whose h is not 0
  int open_count_ = 0, closed_count_ = 0;
  bool is_open_[neurons] = {};
};

)";

inline constexpr const char* plain_layer =
    R"(/// A layer of LSTM neurons: the state, and a step.
template <class Weights>
class Layer {
 public:
  static constexpr int inputs = Weights::inputs, neurons = Weights::neurons;

  const Scalar* h() const { return h_; }  ///< the hidden state [neurons]
  const Scalar* c() const { return c_; }  ///< the cell state [neurons]

  void reset() {
    for (int j = 0; j < neurons; ++j) h_[j] = c_[j] = 0;
  }

  /// The hidden state after x [inputs] has happened.
  const Scalar* step(const Scalar* x) {
    for (int j = 0; j < neurons; ++j) {
      const Scalar i = sigmoid(sum(j, 0, x)), f = sigmoid(sum(j, 1, x));
      const Scalar g = std::tanh(sum(j, 2, x)), o = sigmoid(sum(j, 3, x));
      c_[j] = f * c_[j] + i * g;
      next_h_[j] = o * std::tanh(c_[j]);  // the others still read the old one
    }
    for (int j = 0; j < neurons; ++j) h_[j] = next_h_[j];
    return h_;
  }

 private:
  /// What gate i, f, g or o (0, 1, 2, 3) of neuron j takes the sigmoid or tanh of.
  Scalar sum(int j, int gate, const Scalar* x) const {
    return Weights::bias[j][gate] +
           $scale_xdot(Weights::w_x[j][gate], x, inputs) +
           $scale_hdot(Weights::w_h[j][gate], h_, neurons);
  }

  Scalar h_[neurons] = {}, c_[neurons] = {}, next_h_[neurons] = {};
};

)";

inline constexpr const char* model_class =
    R"(/// The network with the state of one stream, at first zero.
class Model {
 public:
  static constexpr int inputs = $inputs, outputs = $outputs, layers = $layers;
  static constexpr int neurons = $neurons;  // of all layers

  /// Back to the state before the first step.
  void reset() {
$reset  }

  /// $step_doc
  const Scalar* step(const Scalar* x, double$t) {
$steps    for (int n = 0; n < outputs; ++n) {
      y_[n] = Readout::bias[n] + $scaledot(Readout::w[n], h, Readout::inputs);
    }
    return y_;
  }

$accessors
 private:
$members  Scalar y_[outputs] = {};
};

)";

/// Puts the text of a network's header together.
template <TimeGate Gate>
class HeaderWriter {
 public:
  using Scalar = typename Gate::Scalar;

  HeaderWriter(const Network<Gate>& network, const HeaderOptions& options)
      : network_(network), storage_(options.storage) {
    const NetworkOptions<Gate>& sizes = network.options();
    text_ = fill(introduction, {{"$name_space", options.name_space},
                                {"$summary", summary()},
                                {"$numbers", numbers()},
                                {"$inputs", std::to_string(sizes.inputs)},
                                {"$outputs", std::to_string(sizes.outputs)},
                                {"$scalar", scalar_name},
                                {"$weight", weight_name()}});
    if (storage_ == WeightStorage::float16) text_ += float16_decoder;
    const std::string load = storage_ == WeightStorage::float16 ? "from_float16"
                             : storage_ == WeightStorage::int8  ? "Scalar"
                                                                : "";
    for (const char* product : {dot_product, gated ? listed_dot_product : ""}) {
      text_ += load.empty() ? fill(product, {{"$load(weights[n])", "weights[n]"},
                                             {"$load(weights[places[s]])", "weights[places[s]]"}})
                            : fill(product, {{"$load", load}});
    }
    if (gaussian) text_ += gaussian_openness;
    if (phased) text_ += phased_openness;
    text_ +=
        fill(gated ? gated_layer : plain_layer, {{"$scale_x", scale("Weights::w_x", "[j][gate]")},
                                                 {"$scale_h", scale("Weights::w_h", "[j][gate]")}});
    for (std::size_t l = 0; l < network.layers().size(); ++l) add_layer(l);
    add_readout();
    add_model();
    text_ += "}  // namespace " + options.name_space + "\n";
  }

  const std::string& text() const { return text_; }

 private:
  static constexpr bool gaussian = std::is_same_v<Gate, GaussianGate<Scalar>>;
  static constexpr bool phased = std::is_same_v<Gate, PhasedGate<Scalar>>;
  static constexpr bool gated = gaussian || phased;
  static constexpr const char* scalar_name = std::is_same_v<Scalar, float> ? "float" : "double";
  static_assert(std::is_same_v<Scalar, float> || std::is_same_v<Scalar, double>,
                "headers are for networks of float or double");
  static_assert(gated || std::is_same_v<Gate, AlwaysOpen<Scalar>>,
                "headers know the time gates AlwaysOpen, GaussianGate and PhasedGate");

  std::string summary() const {
    const NetworkOptions<Gate>& sizes = network_.options();
    std::string text = gaussian ? "Gaussian-gated LSTM" : phased ? "Phased LSTM" : "LSTM";
    text += text_of("; inputs: ", sizes.inputs, "; neurons of its layers:");
    for (std::size_t l = 0; l < sizes.hidden.size(); ++l) {
      text += text_of(l > 0 ? ", " : " ", sizes.hidden[l]);
    }
    return text + text_of("; outputs: ", sizes.outputs);
  }

  std::string numbers() const {
    const std::string scalars = text_of("numbers are ", scalar_name);
    switch (storage_) {
      case WeightStorage::float16:
        return scalars + ", weights are stored as float16";
      case WeightStorage::int8:
        return scalars + ", weights are stored as int8, each row of a matrix with a scale";
      default:
        return scalars;
    }
  }

  std::string weight_name() const {
    switch (storage_) {
      case WeightStorage::float16:
        return "std::uint16_t";
      case WeightStorage::int8:
        return "std::int8_t";
      default:
        return "Scalar";
    }
  }

  /// What a product with a row of the array is to be multiplied by, if anything.
  std::string scale(const std::string& array, const std::string& row) const {
    return storage_ == WeightStorage::int8 ? array + "_scale" + row + " * " : "";
  }

  void add_array(const std::string& type_and_name, const std::vector<Index>& shape,
                 const std::vector<std::string>& values) {
    text_ += "  static constexpr " + type_and_name + " =\n" + initializer(shape, values) + ";\n";
  }

  template <class Derived>
  static std::vector<std::string> literals(const Eigen::MatrixBase<Derived>& values) {
    std::vector<std::string> result;
    for (Index r = 0; r < values.rows(); ++r) {
      for (Index c = 0; c < values.cols(); ++c) result.push_back(literal(Scalar(values(r, c))));
    }
    return result;
  }

  /// The rows [R,C] of a weight matrix as an array of shape [..., C], as they are to be stored;
  /// `dimensions` is what stands between the brackets of the first ones.
  void add_weights(const std::string& name, const std::string& dimensions,
                   const std::vector<Index>& first_extents, const Matrix<Scalar>& rows) {
    std::vector<Index> shape = first_extents;
    shape.push_back(rows.cols());
    std::vector<std::string> values;
    const std::string last = name == "w_h" ? "[neurons]" : "[inputs]";
    if (storage_ == WeightStorage::full) {
      values = literals(rows);
    } else if (storage_ == WeightStorage::float16) {
      for (Index r = 0; r < rows.rows(); ++r) {
        for (Index c = 0; c < rows.cols(); ++c) {
          const Eigen::half rounded = to_float16(rows(r, c));
          values.push_back(std::to_string(Eigen::numext::bit_cast<std::uint16_t>(rounded)));
        }
      }
    } else {
      const Int8Rows<Scalar> stored = to_int8_rows<Scalar>(rows);
      for (Index r = 0; r < rows.rows(); ++r) {
        for (Index c = 0; c < rows.cols(); ++c) {
          values.push_back(std::to_string(stored.values(r, c)));
        }
      }
      add_array("Scalar " + name + "_scale" + dimensions, first_extents, literals(stored.scales));
    }
    add_array("Weight " + name + dimensions + last, shape, values);
  }

  /// The rows of a matrix [4H,C] with the four of a neuron next to each other.
  static Matrix<Scalar> by_neuron(const ConstMatrixRef<Scalar>& rows) {
    const Index H = rows.rows() / 4;
    Matrix<Scalar> result(rows.rows(), rows.cols());
    for (Index j = 0; j < H; ++j) {
      for (Index q = 0; q < 4; ++q) result.row(4 * j + q) = rows.row(q * H + j);
    }
    return result;
  }

  void add_layer(std::size_t l) {
    const Layer<Gate>& layer = network_.layers()[l];
    const Index H = layer.hidden();
    const LstmWeights<Scalar> weights = layer.weights(network_.parameters);
    text_ +=
        text_of("/// Layer ", l, ", its weights by neuron and gate, in the order i, f, g, o.\n",
                "struct Weights", l, " {\n", "  static constexpr int inputs = ", layer.inputs(),
                ", neurons = ", H, ";\n");
    add_weights("w_x", "[neurons][4]", {H, 4}, by_neuron(weights.Wx));
    add_weights("w_h", "[neurons][4]", {H, 4}, by_neuron(weights.Wh));
    add_array("Scalar bias[neurons][4]", {H, 4}, literals(by_neuron(weights.b)));
    if constexpr (gated) {
      const auto gates = layer.gate_parameters(network_.parameters);
      for (Index p = 0; p < gates.cols(); ++p) {
        const char* name = Gate::parameter_names[static_cast<std::size_t>(p)];
        add_array(text_of("Scalar ", name, "[neurons]"), {H}, literals(gates.col(p)));
      }
      const auto threshold = static_cast<Scalar>(layer.gate_options().threshold);
      add_constant("threshold", threshold);
      if constexpr (gaussian) {
        // exp(-u^2) is below the threshold by more than rounding.
        add_constant("surely_closed",
                     threshold > 0 ? 1 - std::log(threshold) : std::numeric_limits<Scalar>::max());
      } else {
        add_constant("leak", static_cast<Scalar>(layer.gate_options().leak));
      }
    }
    text_ += "};\n\n";
  }

  void add_constant(const std::string& name, Scalar value) {
    text_ += "  static constexpr Scalar " + name + " = " + literal(value) + ";\n";
  }

  void add_readout() {
    const auto W = network_.readout_weights();
    const auto b = network_.readout_bias();
    text_ += text_of("/// The linear readout of the last layer.\nstruct Readout {\n",
                     "  static constexpr int inputs = ", W.cols(), ", outputs = ", W.rows(), ";\n");
    add_weights("w", "[outputs]", {W.rows()}, W);
    add_array("Scalar bias[outputs]", {W.rows()}, literals(b));
    text_ += "};\n\n";
  }

  void add_model() {
    const NetworkOptions<Gate>& sizes = network_.options();
    const std::size_t depth = sizes.hidden.size();
    Index neurons = 0;
    std::string reset, steps, accessors, members;
    if (gated) {
      steps = text_of("    const Scalar time = static_cast<Scalar>(t - ",
                      literal(sizes.time_origin), ");\n");
    }
    for (std::size_t l = 0; l < depth; ++l) {
      neurons += sizes.hidden[l];
      const std::string layer = text_of("layer", l), type = text_of("Layer<Weights", l, ">");
      reset += "    " + layer + "_.reset();\n";
      steps += text_of("    ", l == 0 ? "const Scalar* h = " : "h = ", layer, "_.step(",
                       l == 0 ? "x" : "h", gated ? ", time" : "", ");\n");
      accessors += "  const " + type + "& " + layer + "() const { return " + layer + "_; }\n";
      members += "  " + type + " " + layer + "_;\n";
    }
    const std::string step_doc =
        gated ? "The answer [outputs] after x [inputs] has happened at time t, in the unit of the\n"
                "  /// timestamps; it is there until the next step. Times need not be ordered."
              : "The answer [outputs] after x [inputs] has happened, whenever; it is there until "
                "the\n"
                "  /// next step.";
    text_ += fill(model_class, {{"$inputs", std::to_string(sizes.inputs)},
                                {"$outputs", std::to_string(sizes.outputs)},
                                {"$layers", std::to_string(depth)},
                                {"$neurons", std::to_string(neurons)},
                                {"$reset", reset},
                                {"$step_doc", step_doc},
                                {"$steps", steps},
                                {"$accessors", accessors},
                                {"$members", members},
                                {"$t", gated ? " t" : " = 0"},
                                {"$scale", scale("Readout::w", "[n]")}});
  }

  const Network<Gate>& network_;
  WeightStorage storage_;
  std::string text_;
};

}  // namespace detail::header

template <TimeGate Gate>
std::string to_header(const Network<Gate>& network, const HeaderOptions& options) {
  using detail::require;
  require(
      !network.options().bidirectional,
      "a bidirectional network reads sequences from both ends and cannot run step by step, as a "
      "header does");
  detail::header::check_namespace(options.name_space);
  detail::check_exportable(network, "a header");
  return detail::header::HeaderWriter(network, options).text();
}

GLSTM_END_NAMESPACE
