// What a header says that computes in floating point.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#include "glstm/core/text.hpp"
#include "glstm/core/types.hpp"
#include "glstm/exchange/exact_window.hpp"
#include "glstm/exchange/exported_data.hpp"
#include "glstm/exchange/header_content.hpp"
#include "glstm/exchange/header_float_template.hpp"
#include "glstm/exchange/header_template.hpp"
#include "glstm/exchange/header_text.hpp"
#include "glstm/exchange/text_template.hpp"
#include "glstm/io/weight_storage.hpp"
#include "glstm/nn/network.hpp"

GLSTM_BEGIN_NAMESPACE
namespace detail::header {

template <TimeGate Gate>
class FloatContent {
 public:
  using Scalar = typename Gate::Scalar;

  FloatContent(const Network<Gate>& network, WeightStorage storage)
      : network_(network), storage_(storage), content_(content_of(network)) {
    content_.types = {scalar_name, scalar_name, scalar_name, weight_type(), scalar_name};
    content_.numbers = numbers() + data_text(network.data);
    content_.functions = is_float ? float_functions : double_functions;
    content_.functions += activations;
    content_.functions += storage == WeightStorage::full   ? load_full
                          : storage == WeightStorage::int8 ? load_int8
                                                           : load_float16;
    if (gaussian) content_.neuron = gaussian_openness;
    content_.neuron +=
        replace_all(std::string(float_neuron), "@scale@", int8() ? scale_int8 : scale_one);
    content_.sums = float_sums;
    if (gated) content_.sums += float_listed_sums;
    content_.fully_open = "1";
    for (std::size_t l = 0; l < content_.depth(); ++l) add_layer(l);
    add_readouts();
    content_.output = output_statements();
    if (gated) set_times();
  }

  const Content& content() const { return content_; }

 private:
  using Exported = ExportedGate<Gate>;
  static constexpr bool gaussian = Exported::formula == GateFormula::gaussian;
  static constexpr bool gated = Exported::formula != GateFormula::none;
  static constexpr bool is_float = std::is_same_v<Scalar, float>;
  static constexpr const char* scalar_name = is_float ? "float" : "double";

  bool int8() const { return storage_ == WeightStorage::int8; }

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

  const char* weight_type() const {
    switch (storage_) {
      case WeightStorage::float16:
        return "uint16_t";
      case WeightStorage::int8:
        return "int8_t";
      default:
        return scalar_name;
    }
  }

  template <class Derived>
  static std::vector<std::string> literals(const Eigen::MatrixBase<Derived>& values) {
    return texts_of(values, [](Scalar value) { return literal(value); });
  }

  /// The texts of the weights [R,C] as they are stored; `scales` gets those of the rows.
  std::vector<std::string> stored(const ConstMatrixRef<Scalar>& weights,
                                  Vector<Scalar>& scales) const {
    if (storage_ == WeightStorage::full) return literals(weights);
    if (storage_ == WeightStorage::float16) {
      return texts_of(weights, [](Scalar weight) {
        return std::to_string(Eigen::numext::bit_cast<std::uint16_t>(to_float16(weight)));
      });
    }
    const Int8Rows<Scalar> rows = to_int8_rows<Scalar>(weights);
    scales = rows.scales;
    return texts_of(rows.values, [](std::int8_t weight) { return std::to_string(weight); });
  }

  void add_layer(std::size_t l) {
    const Layer<Gate>& source = network_.layers()[l];
    const Index H = source.hidden(), I = source.inputs();
    const LstmWeights<Scalar> weights = source.weights(network_.parameters);
    LayerContent layer{I, H, {}, {}};
    Vector<Scalar> scale_h, scale_x;
    const std::vector<std::string> w_h = stored(weights.Wh, scale_h);  // [4H,H]
    const std::vector<std::string> w_x = stored(weights.Wx, scale_x);  // [4H,I]
    std::vector<std::string> w;
    for (Index j = 0; j < H; ++j) {
      for (Index k = 0; k < H + I; ++k) {
        for (Index g = 0; g < 4; ++g) {
          const Index row = g * H + j;
          w.push_back(k < H ? w_h[static_cast<std::size_t>(row * H + k)]
                            : w_x[static_cast<std::size_t>(row * I + k - H)]);
        }
      }
    }
    layer.tables.push_back(weight_table(std::move(w)));
    layer.tables.push_back({"number", "bias",
                            literals(Eigen::Map<const Matrix<Scalar>>(weights.b.data(), H, 4)),
                            "[neurons][4]"});
    if (int8()) {
      Matrix<Scalar> scale(H, 8);
      scale << scale_h.reshaped(H, 4), scale_x.reshaped(H, 4);
      layer.tables.push_back(
          {"number", "scale", literals(scale), "[neurons][2][4] of the weights"});
    }
    if constexpr (gated) add_gates(source, layer);
    if (content_.learned_state) {
      const State<Scalar> initial = network_.initial_state(1)[l];
      layer.tables.push_back({"number", "h0", literals(initial.h), "[neurons] the initial state"});
      layer.tables.push_back({"number", "c0", literals(initial.c), "[neurons]"});
    }
    content_.layers.push_back(std::move(layer));
  }

  void add_gates(const Layer<Gate>& source, LayerContent& layer) {
    const Matrix<Scalar> parameters = source.gate_parameters(network_.parameters);
    const auto add = [&](const char* name, const Vector<Scalar>& values, const char* comment) {
      layer.tables.push_back({"number", name, literals(values), comment});
    };
    if constexpr (gaussian) {
      const Gate gate(parameters, source.gate_options());
      Vector<Scalar> opens(gate.size()), closes(gate.size());
      for (Index j = 0; j < gate.size(); ++j) {
        std::tie(opens(j), closes(j)) = exact_window(gate, j);
      }
      add("mu", parameters.col(0), "[neurons] the centres of the windows");
      add("inverse_sigma", parameters.col(1).cwiseInverse(), "[neurons]");
      layer.tables.push_back({"moment", "opens", literals(opens), opens_comment});
      layer.tables.push_back({"moment", "closes", literals(closes), "[neurons]"});
      layer.tables.push_back({"uint16_t", "order", opening_order(opens), order_comment});
    } else {
      add("shift", parameters.col(1), "[neurons]");
      add("inverse_period", parameters.col(0).cwiseInverse(), "[neurons]");
      add("r_on", parameters.col(2), "[neurons]");
      for (const auto& constant : Exported::constants(source.gate_options())) {
        layer.constants.push_back({"number", constant.name, literal(constant.value)});
      }
    }
  }

  /// Adds the weights of a readout.
  void add_rows(const std::string& name, const ConstMatrixRef<Scalar>& weights) {
    Vector<Scalar> scales;
    content_.readout.push_back({"weight", name, stored(weights, scales)});
    if (int8()) content_.readout.push_back({"number", name + "_scale", literals(scales)});
  }

  void add_readouts() {
    std::size_t next = 0;
    for_each_readout(network_.options(), 0, [&](const std::string& prefix, Index, Index) {
      const std::string name = readout_name(next++);
      add_rows(name + "w", block_view(network_.parameters, network_.layout().find(prefix + "w")));
      const auto bias = block_view(network_.parameters, network_.layout().find(prefix + "b"));
      content_.readout.push_back({"number", name + "bias", literals(bias)});
    });
    if (content_.input_skip) add_rows("readout_x", network_.skip_weights());
  }

  std::string readout_name(std::size_t number) const {
    return number == network_.options().readout_layers.size() ? "readout_"
                                                              : text_of("readout", number, "_");
  }

  /// The product of row n of a table of weights with `values`.
  std::string product(const std::string& table, const std::string& values, Index count) const {
    return (int8() ? "@p@" + table + "_scale[n] * " : "") +
           text_of("@p@dot(@p@", table, " + n * ", count, ", ", values, ", ", count, ")");
  }

  /// y[n] becomes its activation.
  static std::string activated(const std::string& y, Activation activation) {
    constexpr std::array<const char*, 4> functions = {"", "tanh", "relu", "sigmoid"};
    if (activation == Activation::linear) return "";
    if (activation == Activation::relu) return text_of("    if (", y, " < 0) ", y, " = 0;\n");
    return text_of("    ", y, " = @p@", functions[static_cast<std::size_t>(activation)], "(", y,
                   ");\n");
  }

  std::string output_statements() const {
    const NetworkOptions<Gate>& sizes = network_.options();
    const auto& between = sizes.readout_layers;
    std::string text, h = text_of("stream->h + ", content_.first(content_.depth() - 1));
    Index width = sizes.hidden.back();
    for (std::size_t i = 0; i <= between.size(); ++i) {
      const bool last = i == between.size();
      const Index rows = last ? sizes.outputs : between[i].size;
      const std::string name = readout_name(i), y = last ? "y" : text_of("y", i);
      if (!last) text += text_of("  @p@number ", y, "[", rows, "];\n");
      text += text_of("  for (int n = 0; n < ", rows, "; ++n) {\n    ", y, "[n] = @p@", name,
                      "bias[n] + ", product(name + "w", h, width));
      if (last && content_.input_skip) {
        text += " +\n           " + product("readout_x", "stream->x", sizes.inputs);
      }
      text += ";\n" + (last ? "" : activated(y + "[n]", between[i].activation)) + "  }\n";
      h = y;
      width = rows;
    }
    return text;
  }

  void set_times() {
    const double origin = network_.options().time_origin;
    content_.time = "double";
    content_.take_time = replace_all(std::string(finite_time), "@closed@",
                                     gaussian ? closed_gaussian : closed_phased);
    content_.take_time = replace_all(std::move(content_.take_time), "@t@",
                                     origin == 0 ? "t" : "t - " + literal(origin));
    const std::string after = origin == 0 ? "" : " + " + literal(origin);
    content_.never = literal(std::numeric_limits<Scalar>::max());
    if (!gaussian) return;
    content_.state = "  double last; /* the time of the last step, as it was given */\n";
    content_.take_time += "  stream->last = t;\n";
    content_.last_time = "stream->last";
    content_.next_time = "(double)(next)" + after;
    if (origin == 0) return;
    content_.correct_time =
        fill_template(corrected_time, {{"p", "@p@"}, {"origin", literal(origin)}});
  }

  const Network<Gate>& network_;
  WeightStorage storage_;
  Content content_;
};

}  // namespace detail::header
GLSTM_END_NAMESPACE
