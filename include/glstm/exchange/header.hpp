// Networks as one self-contained C++ header, for devices without a file system.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <iterator>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "glstm/core/error.hpp"
#include "glstm/core/text.hpp"
#include "glstm/core/types.hpp"
#include "glstm/exchange/exported_data.hpp"
#include "glstm/exchange/exported_gate.hpp"
#include "glstm/exchange/header_template.hpp"
#include "glstm/exchange/header_text.hpp"
#include "glstm/exchange/text_template.hpp"
#include "glstm/io/atomic_file.hpp"
#include "glstm/io/source_file.hpp"
#include "glstm/io/weight_storage.hpp"
#include "glstm/nn/fold_scaling.hpp"
#include "glstm/nn/network.hpp"

GLSTM_BEGIN_NAMESPACE

/// How a network becomes a header.
struct HeaderOptions {
  std::string name_space = "model";  ///< the namespace of the header; may be nested: "my::model"
  WeightStorage storage = WeightStorage::full;  ///< how the weight matrices are stored
};

/// Writes the network as a C++ header to the file `path`, all or nothing. Errors name the file.
/// Headers that one program includes need different namespaces.
template <TimeGate Gate>
void save_header(const std::filesystem::path& path, const Network<Gate>& network,
                 const HeaderOptions& options = {});

/// Returns the network as the text of a C++17 header that includes only `<cmath>`, `<cstdint>` and
/// `<cstring>`, and neither allocates nor throws:
///
///     model::Model network;
///     const float* y = network.step(x, t);  // x [I] is the input at time t; y [O] the output
///
/// The weights are constants. A Model holds the state of one stream, which starts at zero;
/// layer0().h() and layer0().c() read the state of the first layer, and so on. The output of a step
/// is, to rounding, what Network::predict returns for the steps so far, with either readout.
/// Closed neurons are not computed: a step costs 4 a (I + a) multiplications for the a open neurons
/// of a layer, and 4 a H when a gate has opened or closed since the last step.
///
/// The model takes and returns the numbers of the user's data, before scaling: see fold_scaling.
///
/// Throws Error if the network is bidirectional, a parameter is not finite, a time gate does not
/// accept its parameters, a weight is too large for float16, options.name_space is not an
/// identifier that a program may use, or weights are to be rounded whose features have scales that
/// differ by more than 16 times.
template <TimeGate Gate>
std::string to_header(const Network<Gate>& network, const HeaderOptions& options = {});

namespace detail::header {

/// Writes the text of a network's header.
template <TimeGate Gate>
class HeaderWriter {
 public:
  using Scalar = typename Gate::Scalar;

  HeaderWriter(const Network<Gate>& network, const HeaderOptions& options)
      : network_(network), storage_(options.storage) {
    add_introduction(options.name_space);
    add_functions();
    for (std::size_t l = 0; l < network.layers().size(); ++l) add_layer(l);
    add_readout();
    add_model();
    text_ += fill_template(ending, {{"name_space", options.name_space}});
  }

  const std::string& text() const { return text_; }

 private:
  using Exported = ExportedGate<Gate>;
  static constexpr bool gaussian = Exported::formula == GateFormula::gaussian;
  static constexpr bool gated = Exported::formula != GateFormula::none;
  static constexpr const char* scalar_name = std::is_same_v<Scalar, float> ? "float" : "double";

  void add_introduction(const std::string& name_space) {
    const NetworkOptions<Gate>& sizes = network_.options();
    text_ += fill_template(introduction, {{"name_space", name_space},
                                          {"summary", summary()},
                                          {"numbers", numbers() + data_text(network_.data)},
                                          {"inputs", std::to_string(sizes.inputs)},
                                          {"outputs", std::to_string(sizes.outputs)},
                                          {"scalar", scalar_name},
                                          {"weight_type", weight_type()}});
  }

  /// The functions and the class Layer, which are the same for all layers.
  void add_functions() {
    if (storage_ == WeightStorage::float16) text_ += float16_decoder;
    text_ += fill_template(dot_product, {{"weight", loaded("weights[n]")}});
    if (gated) {
      text_ += fill_template(listed_dot_product, {{"weight", loaded("weights[places[s]]")}});
      text_ += gaussian ? gaussian_openness : phased_openness;
    }
    text_ += fill_template(gated ? gated_layer : plain_layer,
                           {{"reset", learned() ? "      h_[j] = Weights::h0[j];\n"
                                                  "      c_[j] = Weights::c0[j];\n"
                                                : "      h_[j] = c_[j] = 0;\n"},
                            {"scale_x", scale("Weights::w_x", "[j][gate]")},
                            {"scale_h", scale("Weights::w_h", "[j][gate]")}});
  }

  bool learned() const { return network_.options().learned_state; }

  std::string summary() const {
    const NetworkOptions<Gate>& sizes = network_.options();
    std::string text =
        text_of(Exported::network_name, "; inputs: ", sizes.inputs, "; neurons of its layers:");
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

  std::string weight_type() const {
    switch (storage_) {
      case WeightStorage::float16:
        return "std::uint16_t";
      case WeightStorage::int8:
        return "std::int8_t";
      default:
        return "Scalar";
    }
  }

  /// Returns the stored weight `expression` converted to Scalar.
  std::string loaded(const std::string& expression) const {
    switch (storage_) {
      case WeightStorage::float16:
        return "from_float16(" + expression + ")";
      case WeightStorage::int8:
        return "Scalar(" + expression + ")";
      default:
        return expression;
    }
  }

  /// Returns the factor of a product with a row of `array`, if it has one.
  std::string scale(const std::string& array, const std::string& row) const {
    return storage_ == WeightStorage::int8 ? array + "_scale" + row + " * " : "";
  }

  void add_constant(const std::string& name, Scalar value) {
    text_ += "  static constexpr Scalar " + name + " = " + literal(value) + ";\n";
  }

  void add_array(const std::string& type_and_name, const std::vector<Index>& shape,
                 const std::vector<std::string>& values) {
    text_ += "  static constexpr " + type_and_name + " =\n" + initializer(shape, values) + ";\n";
  }

  /// Returns text_for(number) for the numbers of a matrix in row-major order.
  template <class Derived, class TextFor>
  static std::vector<std::string> texts_of(const Eigen::MatrixBase<Derived>& values,
                                           TextFor&& text_for) {
    std::vector<std::string> result;
    for (Index r = 0; r < values.rows(); ++r) {
      for (Index c = 0; c < values.cols(); ++c) result.push_back(text_for(values(r, c)));
    }
    return result;
  }

  template <class Derived>
  static std::vector<std::string> literals(const Eigen::MatrixBase<Derived>& values) {
    return texts_of(values, [](Scalar value) { return literal(value); });
  }

  /// Adds the rows [R,C] of a weight matrix as an array of shape [first_extents, C], stored as
  /// storage_ says. `dimensions` names the first extents, and `last` the last one, in C++.
  void add_weights(const std::string& name, const std::string& dimensions, const std::string& last,
                   const std::vector<Index>& first_extents, const Matrix<Scalar>& rows) {
    std::vector<std::string> values;
    if (storage_ == WeightStorage::full) {
      values = literals(rows);
    } else if (storage_ == WeightStorage::float16) {
      values = texts_of(rows, [](Scalar weight) {
        return std::to_string(Eigen::numext::bit_cast<std::uint16_t>(to_float16(weight)));
      });
    } else {
      const Int8Rows<Scalar> stored = to_int8_rows<Scalar>(rows);
      values = texts_of(stored.values, [](std::int8_t weight) { return std::to_string(weight); });
      add_array("Scalar " + name + "_scale" + dimensions, first_extents, literals(stored.scales));
    }
    std::vector<Index> shape = first_extents;
    shape.push_back(rows.cols());
    add_array("Weight " + name + dimensions + last, shape, values);
  }

  /// Returns the rows of a matrix [4H,C] with the four rows of each neuron next to each other.
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
        text_of("/// The weights of layer ", l,
                ", by neuron and gate, gates in the order i, f, g, o.\n", "struct Weights", l,
                " {\n  static constexpr int inputs = ", layer.inputs(), ", neurons = ", H, ";\n");
    add_weights("w_x", "[neurons][4]", "[inputs]", {H, 4}, by_neuron(weights.Wx));
    add_weights("w_h", "[neurons][4]", "[neurons]", {H, 4}, by_neuron(weights.Wh));
    add_array("Scalar bias[neurons][4]", {H, 4}, literals(by_neuron(weights.b)));
    if constexpr (gated) add_gates(layer);
    if (network_.options().learned_state) {
      const State<Scalar> initial = network_.initial_state(1)[l];
      add_array("Scalar h0[neurons]", {H}, literals(initial.h));
      add_array("Scalar c0[neurons]", {H}, literals(initial.c));
    }
    text_ += "};\n\n";
  }

  void add_gates(const Layer<Gate>& layer) {
    const auto parameters = layer.gate_parameters(network_.parameters);
    for (Index p = 0; p < parameters.cols(); ++p) {
      const char* name = Gate::parameter_names[static_cast<std::size_t>(p)];
      add_array(text_of("Scalar ", name, "[neurons]"), {layer.hidden()},
                literals(parameters.col(p)));
    }
    for (const auto& [name, value] : Exported::constants(layer.gate_options())) {
      add_constant(name, value);
    }
    if constexpr (gaussian) {
      add_constant("surely_closed", Exported::surely_closed(layer.gate_options()));
    }
  }

  void add_readout() {
    const auto& between = network_.options().readout_layers;
    const auto is_relu = [](const ReadoutLayer& l) { return l.activation == Activation::relu; };
    if (std::any_of(between.begin(), between.end(), is_relu)) {
      text_ += "inline Scalar relu(Scalar x) { return x < 0 ? Scalar(0) : x; }\n\n";
    }
    std::size_t next = 0;
    for_each_readout(network_.options(), 0, [&](const std::string& prefix, Index, Index) {
      const bool last = next == between.size();
      const auto W = block_view(network_.parameters, network_.layout().find(prefix + "w"));
      const auto b = block_view(network_.parameters, network_.layout().find(prefix + "b"));
      text_ += text_of(last ? "/// The linear readout.\nstruct Readout"
                            : text_of("/// A layer before the readout.\nstruct ReadoutLayer", next),
                       " {\n  static constexpr int inputs = ", W.cols(), ", outputs = ", W.rows(),
                       ";\n");
      add_weights("w", "[outputs]", "[inputs]", {W.rows()}, W);
      if (last && network_.options().input_skip) {
        const Matrix<Scalar> X = network_.skip_weights();
        text_ += text_of("  static constexpr int features = ", X.cols(), ";\n");
        add_weights("x", "[outputs]", "[features]", {X.rows()}, X);
      }
      add_array("Scalar bias[outputs]", {W.rows()}, literals(b.col(0)));
      text_ += "};\n\n";
      ++next;
    });
  }

  /// The code of a step's layers before the readout; adds what they need to `members`.
  std::string readout_layer_steps(std::string& members) const {
    constexpr std::array<const char*, 4> functions = {"", "std::tanh", "relu", "sigmoid"};
    std::string code;
    const auto& layers = network_.options().readout_layers;
    for (std::size_t i = 0; i < layers.size(); ++i) {
      const std::string type = text_of("ReadoutLayer", i), y = text_of("readout_layer", i, "_");
      members += "  Scalar " + y + "[" + type + "::outputs] = {};\n";
      code += "    for (int n = 0; n < " + type + "::outputs; ++n) {\n      " + y +
              "[n] = " + functions[static_cast<std::size_t>(layers[i].activation)] + "(" + type +
              "::bias[n] + " + scale(type + "::w", "[n]") + "dot(" + type + "::w[n], h, " + type +
              "::inputs));\n    }\n    h = " + y + ";\n";
    }
    return code;
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
    steps += readout_layer_steps(members);
    text_ +=
        fill_template(model_class, {{"inputs", std::to_string(sizes.inputs)},
                                    {"outputs", std::to_string(sizes.outputs)},
                                    {"layers", std::to_string(depth)},
                                    {"neurons", std::to_string(neurons)},
                                    {"reset", reset},
                                    {"initially", learned() ? "as it was learned" : "zero"},
                                    {"constructor", learned() ? "  Model() { reset(); }\n\n" : ""},
                                    {"skip", skip()},
                                    {"step_doc", gated ? gated_step_doc : plain_step_doc},
                                    {"steps", steps},
                                    {"accessors", accessors},
                                    {"members", members},
                                    {"t", gated ? " t" : " = 0"},
                                    {"scale", scale("Readout::w", "[n]")}});
  }

  /// What the input of a step adds to output n, if anything.
  std::string skip() const {
    if (!network_.options().input_skip) return "";
    return " +\n              " + scale("Readout::x", "[n]") +
           "dot(Readout::x[n], x, Readout::features)";
  }

  const Network<Gate>& network_;
  WeightStorage storage_;
  std::string text_;
};

}  // namespace detail::header

template <TimeGate Gate>
std::string to_header(const Network<Gate>& network, const HeaderOptions& options) {
  detail::require(!network.options().bidirectional,
                  "expected a network that runs step by step, got a bidirectional one, which reads "
                  "sequences from both ends");
  detail::header::check_namespace(options.name_space);
  network.check_parameters();
  detail::header::check_rounding(network.data, options.storage);
  const Network<Gate> folded = fold_scaling(network);
  return detail::header::HeaderWriter(folded, options).text();
}

template <TimeGate Gate>
void save_header(const std::filesystem::path& path, const Network<Gate>& network,
                 const HeaderOptions& options) {
  write_file_atomically(
      path, detail::naming_source(path.string(), [&] { return to_header(network, options); }));
}

GLSTM_END_NAMESPACE
