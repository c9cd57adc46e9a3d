// Networks as ONNX models, for the runtimes of other languages and devices.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <limits>
#include <string>
#include <type_traits>
#include <vector>

#include "glstm/core/error.hpp"
#include "glstm/core/types.hpp"
#include "glstm/exchange/exported_gate.hpp"
#include "glstm/exchange/onnx_graph.hpp"
#include "glstm/exchange/onnx_openness.hpp"
#include "glstm/exchange/onnx_scan.hpp"
#include "glstm/io/atomic_file.hpp"
#include "glstm/io/data_description_json.hpp"
#include "glstm/io/source_file.hpp"
#include "glstm/nn/fold_scaling.hpp"
#include "glstm/nn/network.hpp"

GLSTM_BEGIN_NAMESPACE

/// How a network becomes an ONNX model.
struct OnnxOptions {
  bool ragged = false;     ///< adds the input `lengths`, the number of valid steps of each sample
  bool own_times = false;  ///< `t` is [B,T]: each sample has timestamps of its own
  bool states = false;     ///< adds the states before the first and after the last step
};

/// Writes the network as an ONNX model to the file `path`, all or nothing. Errors name the file.
template <TimeGate Gate>
void save_onnx(const std::filesystem::path& path, const Network<Gate>& network,
               const OnnxOptions& options = {});

/// Returns the network as the bytes of an ONNX model with the operators of opset 14:
///
///     x        [T,B,I]  in, of the type Scalar; finite, also past a sample's length
///     t        [T]      in, double, only with time gates: the timestamp of each step, without
///                       the time origin subtracted; [B,T] with options.own_times
///     lengths  [B]      in, int32, only with options.ragged: the valid steps of a sample, 0..T
///     layer0.h0, layer0.c0, layer1.h0, ...  [B,H]  in, of the type Scalar, and
///     layer0.h1, layer0.c1, layer1.h1, ...  [B,H]  out, only with options.states: the states
///                       before the first and after the last valid step, for sequences in parts
///     y        [B,O]    out, of the type Scalar; [T,B,O] with Readout::every_step, where values
///                       past a sample's length are unspecified
///
/// Its metadata "glstm.data" are the description of the data, network.data, as JSON, if there is
/// one. The model accepts any T >= 1 and any B. Initial states are zero, or those that the network
/// has learned. It takes and returns the numbers of the user's data: see fold_scaling.
///
/// Layers of a float network without time gates become LSTM operators. All other layers become a
/// Scan over the steps, because ONNX has no time gates and onnxruntime has the LSTM operator in
/// float only. A runtime computes closed neurons too.
///
/// Throws Error if a parameter is not finite, a time gate does not accept its parameters, a
/// bidirectional network has options.own_times or options.states, or the model exceeds the 2 GiB
/// that the format allows.
template <TimeGate Gate>
std::string to_onnx(const Network<Gate>& network, const OnnxOptions& options = {});

namespace detail::onnx {

/// Builds the graph of a network. The values of a layer are named like its parameter blocks:
/// "layer0.", "layer0.reverse.".
template <TimeGate Gate>
class NetworkGraph {
 public:
  using Scalar = typename Gate::Scalar;

  NetworkGraph(const Network<Gate>& network, const OnnxOptions& options)
      : network_(network), options_(options) {
    const NetworkOptions<Gate>& sizes = network.options();
    const bool every_step = sizes.readout == Readout::every_step;
    add_inputs();
    std::string sequence = "x";  // [T,B,F], the input of the next layer
    std::string final_state;     // [B,F], the final hidden state of the last layer
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
    if (!network_.data.empty()) {
      Message description;
      description.text(StringEntryField::key, data_key);
      description.text(StringEntryField::value, to_json_text(network_.data));
      model.message(ModelField::metadata_props, description);
    }
    return model;
  }

 private:
  static constexpr int scalar_type = data_type<Scalar>();
  using Exported = ExportedGate<Gate>;
  static constexpr bool phased = Exported::formula == GateFormula::phased;
  static constexpr bool gated = Exported::formula != GateFormula::none;
  static constexpr bool uses_lstm_operator = !gated && std::is_same_v<Scalar, float>;

  void add_inputs() {
    const NetworkOptions<Gate>& sizes = network_.options();
    graph_.input("x", scalar_type, {"T", "B", std::to_string(sizes.inputs)}, "the sequences");
    if (gated) {
      graph_.input("t", data_type<double>(), options_.own_times ? Names{"B", "T"} : Names{"T"},
                   "when each step happens");
    }
    if (options_.ragged) {
      graph_.input("lengths", data_type<std::int32_t>(), {"B"}, "how many steps are valid");
      if (uses_lstm_operator && has_states()) {
        graph_.compute("is_empty.flat", "Equal",
                       {"lengths", graph_.number("none", std::int32_t{0})});
        graph_.compute("is_empty", "Unsqueeze",
                       {"is_empty.flat", graph_.indices("is_empty.axis", {1})});
      }
    }
    const bool last_inputs = sizes.input_skip && sizes.readout == Readout::last_step;
    if (!uses_lstm_operator || (sizes.learned_state && !options_.states) ||
        (last_inputs && options_.ragged)) {
      graph_.compute("x.shape", "Shape", {"x"});
      graph_.compute("batch", "Gather", {"x.shape", graph_.indices("batch.axis", {1})});
    }
    if (options_.ragged && (!uses_lstm_operator || last_inputs)) add_valid_steps();
    if (last_inputs) add_last_inputs();
    if (uses_lstm_operator) return;

    if (gated || options_.ragged || !has_states()) graph_.number("zero", Scalar(0));
    if (gated || options_.ragged) graph_.number("one", Scalar(1));
    if (phased) graph_.number("two", Scalar(2));
    if (gated) add_clocks();
  }

  /// Adds "valid" [T,B,1]: which steps are within a sample's length.
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

  /// Adds "x.last" [B,I], the input of each sample's last valid step; 0 where there is none.
  void add_last_inputs() {
    if (!options_.ragged) {
      graph_.compute("x.last", "Gather", {"x", graph_.number("x.end", std::int64_t{-1})});
      return;
    }
    graph_.compute("lengths.before", "Sub", {"lengths.wide", "steps.stride"});
    graph_.compute("is_last.flat", "Equal", {"steps.column", "lengths.before"});
    graph_.compute("is_last.number", "Cast", {"is_last.flat"}, {attribute("to", scalar_type)});
    graph_.compute("is_last", "Unsqueeze", {"is_last.number", "valid.axis"});
    graph_.compute("x.chosen", "Mul", {"x", "is_last"});
    graph_.compute("x.last", "ReduceSum", {"x.chosen", graph_.indices("x.steps", {0})},
                   {attribute("keepdims", Index{0})});
  }

  bool has_states() const { return options_.states || network_.options().learned_state; }

  /// Adds the initial states "NAME.h0" and "NAME.c0" of a layer, [B,H]. Returns their names; none
  /// where they are zero.
  std::array<std::string, 2> initial_states(std::size_t l, const std::string& name) {
    if (!has_states()) return {};
    const Index H = network_.options().hidden[l];
    if (options_.states) {
      for (const char* state : {".h0", ".c0"}) {
        graph_.input(name + state, scalar_type, {"B", std::to_string(H)}, "an initial state");
      }
      return {name + ".h0", name + ".c0"};
    }
    const NetworkState<Scalar> states = network_.initial_state(1);
    graph_.compute(name + ".state.shape", "Concat", {"batch", graph_.indices(name + ".size", {H})},
                   {attribute("axis", Index{0})});
    const std::array<std::string, 2> names{name + ".h0", name + ".c0"};
    graph_.tensor(names[0] + ".learned", {H}, states[l].h.data());
    graph_.tensor(names[1] + ".learned", {H}, states[l].c.data());
    for (const std::string& state : names) {
      graph_.compute(state, "Expand", {state + ".learned", name + ".state.shape"});
    }
    return names;
  }

  /// Adds "time" [T,1,1], or [T,B,1] for own times, relative to the time origin, and
  /// "reverse.time", the times of the reversed sequence in the order of the forward steps: [T,1,1],
  /// or [T,B,1] for ragged samples.
  void add_clocks() {
    graph_.number("time.origin", network_.options().time_origin);
    graph_.indices("time.axis", {2});
    if (options_.own_times) {
      graph_.compute("t.column", "Transpose", {"t"});  // [T,B]
    } else {
      graph_.compute("t.column", "Reshape", {"t", graph_.indices("t.shape", {-1, 1})});
    }
    add_relative_time("time", "t.column");
    if (!network_.options().bidirectional) return;

    // t'(n) = t(0) + t(L - 1) - t(L - 1 - n), in double
    graph_.compute("t.first", "Gather", {"t", graph_.number("t.begin", std::int64_t{0})});
    if (options_.ragged) {
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

  /// Adds a layer, in one or both directions, as an LSTM operator. Returns the name of its hidden
  /// states [T,B,D*H] if `hands_on`, else of the final ones [B,D*H]; D directions.
  std::string lstm_operator(std::size_t l, const std::string& name, const std::string& sequence,
                            bool hands_on) {
    using Rows = Eigen::Matrix<Scalar, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
    const Index D = network_.directions(), H = network_.layer(l, 0).hidden(),
                I = network_.layer(l, 0).inputs();
    constexpr std::array<Index, 4> order{0, 3, 1, 2};  // ONNX's gates are i, o, f, g
    Rows W(4 * H * D, I), R(4 * H * D, H), B(D, 8 * H);
    B.setZero();  // the second 4H numbers are ONNX's bias of the recurrent part
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
    if (options_.ragged) inputs.push_back("lengths");
    if (has_states()) {
      if (!options_.ragged) inputs.push_back("");
      graph_.indices(name + ".direction", {0});
      for (const std::string& state : initial_states(l, name)) {  // [1,B,H]
        inputs.push_back(
            graph_.compute(state + ".wide", "Unsqueeze", {state, name + ".direction"}));
      }
    }
    Names outputs = hands_on ? Names{result} : Names{"", result};
    if (options_.states) {  // [1,B,H]
      const Names last{name + ".last.h", name + ".last.c"};
      outputs = {result, last[0], last[1]};
      if (!hands_on) outputs = {"", result, last[1]};
      for (std::size_t state = 0; state < 2; ++state) {
        const std::string final = name + (state == 0 ? ".h1" : ".c1");
        graph_.compute(final + ".run", "Squeeze", {outputs[state + 1], name + ".direction"});
        unless_empty(final, final + ".run", name + (state == 0 ? ".h0" : ".c0"));
      }
    }
    graph_.node("LSTM", inputs, outputs,
                {attribute("hidden_size", H),
                 attribute("direction", D == 2 ? "bidirectional" : "forward")});
    // Move the directions behind the samples: [T,D,B,H] to [T,B,D,H], or [D,B,H] to [B,D,H].
    const std::vector<Index> behind =
        hands_on ? std::vector<Index>{0, 2, 1, 3} : std::vector<Index>{1, 0, 2};
    graph_.compute(result + ".behind", "Transpose", {result}, {attribute("perm", behind)});
    const std::string shape =
        hands_on ? graph_.indices(result + ".shape", {0, 0, D * H})  // 0: unchanged
                 : graph_.indices(result + ".shape", {0, D * H});
    graph_.compute(name + ".h.run", "Reshape", {result + ".behind", shape});
    return unless_empty(name + ".h", name + ".h.run",
                        has_states() && !hands_on ? name + ".h0" : "");
  }

  /// Adds the state `result` [B,H]: `after` a run, but `before` it for samples without any step,
  /// for which the LSTM operator answers 0. Returns its name.
  std::string unless_empty(const std::string& result, const std::string& after,
                           const std::string& before) {
    if (!options_.ragged || before.empty()) return graph_.compute(result, "Identity", {after});
    return graph_.compute(result, "Where", {"is_empty", before, after});
  }

  /// Adds a layer as a Scan for each direction. Returns what lstm_operator returns.
  std::string scans(std::size_t l, const std::string& name, const std::string& sequence,
                    bool hands_on) {
    const std::string forward =
        scan(network_.layer(l, 0), name + ".", sequence, hands_on, false, initial_states(l, name));
    if (options_.states) {
      graph_.compute(name + ".h1", "Identity", {name + ".h.last"});
      graph_.compute(name + ".c1", "Identity", {name + ".c.last"});
    }
    if (!network_.options().bidirectional) return forward;
    const std::string reverse =
        scan(network_.layer(l, 1), name + ".reverse.", sequence, hands_on, true, {});
    return graph_.compute(name + ".both", "Concat", {forward, reverse},
                          {attribute("axis", hands_on ? 2 : 1)});
  }

  std::string scan(const Layer<Gate>& layer, const std::string& prefix, const std::string& sequence,
                   bool hands_on, bool reverse, const std::array<std::string, 2>& initial) {
    const Index H = layer.hidden(), I = layer.inputs();
    const LstmWeights<Scalar> weights = layer.weights(network_.parameters);
    // A column-major matrix is its transpose in row-major order.
    graph_.tensor(prefix + "Wx", {I, 4 * H}, weights.Wx.data());
    graph_.tensor(prefix + "Wh", {H, 4 * H}, weights.Wh.data());
    graph_.tensor(prefix + "b", {4 * H}, weights.b.data());
    graph_.compute(prefix + "x", "MatMul", {sequence, prefix + "Wx"});
    graph_.compute(prefix + "zx", "Add", {prefix + "x", prefix + "b"});

    Names inputs = {initial[1], initial[0], prefix + "zx"};
    if (initial[0].empty()) {
      graph_.compute(prefix + "state.shape", "Concat",
                     {"batch", graph_.indices(prefix + "size", {H})},
                     {attribute("axis", Index{0})});
      graph_.compute(prefix + "state", "Expand", {"zero", prefix + "state.shape"});
      inputs[0] = inputs[1] = prefix + "state";
    }
    std::string k;
    if constexpr (gated) {
      k = add_openness(layer, network_.parameters, prefix, reverse ? "reverse.time" : "time",
                       graph_);
    }
    if (options_.ragged) {
      k = graph_.compute(prefix + "k.valid", "Where", {"valid", k.empty() ? "one" : k, "zero"});
    }
    if (!k.empty()) inputs.push_back(k);
    const Index scanned = k.empty() ? 1 : 2;
    graph_.node("Scan", inputs, {prefix + "c.last", prefix + "h.last", prefix + "h"},
                {attribute("body", scan_body(prefix, !k.empty(), scalar_type)),
                 attribute("num_scan_inputs", scanned),
                 attribute("scan_input_directions",
                           std::vector<Index>(static_cast<std::size_t>(scanned), reverse ? 1 : 0)),
                 attribute("scan_output_directions", std::vector<Index>{reverse ? 1 : 0})});
    return prefix + (hands_on ? "h" : "h.last");
  }

  /// Adds the layers before the readout; returns the name of what they hand on.
  std::string add_readout_layers(std::string states) {
    const auto& layers = network_.options().readout_layers;
    for (std::size_t i = 0; i < layers.size(); ++i) {
      const std::string prefix = text_of("readout_layer", i, ".");
      const Matrix<Scalar> W =
          block_view(network_.parameters, network_.layout().find(prefix + "w"));
      const Vector<Scalar> b =
          block_view(network_.parameters, network_.layout().find(prefix + "b"));
      graph_.tensor(prefix + "W", {W.cols(), W.rows()}, W.data());
      graph_.tensor(prefix + "b", {b.rows()}, b.data());
      graph_.compute(prefix + "product", "MatMul", {states, prefix + "W"});
      states = graph_.compute(prefix + "sum", "Add", {prefix + "product", prefix + "b"});
      if (layers[i].activation == Activation::linear) continue;
      constexpr std::array<const char*, 4> operators = {"", "Tanh", "Relu", "Sigmoid"};
      states = graph_.compute(prefix + "y",
                              operators[static_cast<std::size_t>(layers[i].activation)], {states});
    }
    return states;
  }

  void add_readout(const std::string& hidden, bool every_step) {
    const std::string states = add_readout_layers(hidden);
    const auto W = network_.readout_weights();
    const auto b = network_.readout_bias();
    graph_.tensor("readout.W", {W.cols(), W.rows()}, W.data());
    graph_.tensor("readout.b", {b.rows()}, b.data());
    graph_.compute("readout.product", "MatMul", {states, "readout.W"});
    std::string biases = "readout.b";
    if (network_.options().input_skip) {
      const Matrix<Scalar> X = network_.skip_weights();  // column-major: its transpose in row-major
      graph_.tensor("readout.X", {X.cols(), X.rows()}, X.data());
      graph_.compute("readout.skip", "MatMul", {every_step ? "x" : "x.last", "readout.X"});
      biases = graph_.compute("readout.from_input", "Add", {"readout.skip", "readout.b"});
    }
    graph_.compute("y", "Add", {"readout.product", biases});
    const std::string outputs = std::to_string(W.rows());
    graph_.output("y", scalar_type, every_step ? Names{"T", "B", outputs} : Names{"B", outputs},
                  "the answers");
    for (std::size_t l = 0; l < network_.options().hidden.size() && options_.states; ++l) {
      for (const char* state : {".h1", ".c1"}) {
        graph_.output(text_of("layer", l, state), scalar_type,
                      {"B", std::to_string(network_.options().hidden[l])}, "a final state");
      }
    }
  }

  const Network<Gate>& network_;
  OnnxOptions options_;
  Graph graph_{"glstm"};
};

}  // namespace detail::onnx

template <TimeGate Gate>
std::string to_onnx(const Network<Gate>& network, const OnnxOptions& options) {
  network.check_parameters();
  detail::require(!network.options().bidirectional || !(options.own_times || options.states),
                  "expected a network of one direction for own_times or states, got a "
                  "bidirectional one");
  const Network<Gate> folded = fold_scaling(network);
  const std::string bytes = detail::onnx::NetworkGraph(folded, options).model().bytes();
  detail::require(bytes.size() <= std::numeric_limits<std::int32_t>::max(),
                  "expected an ONNX model of at most 2147483647 bytes, got ", bytes.size());
  return bytes;
}

template <TimeGate Gate>
void save_onnx(const std::filesystem::path& path, const Network<Gate>& network,
               const OnnxOptions& options) {
  write_file_atomically(
      path, detail::naming_source(path.string(), [&] { return to_onnx(network, options); }));
}

GLSTM_END_NAMESPACE
