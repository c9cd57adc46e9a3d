// Model files of RTNeural, a library of neural networks for real-time audio.
#pragma once

#include <cmath>
#include <cstddef>
#include <filesystem>
#include <string>
#include <string_view>
#include <utility>

#include "glstm/core/error.hpp"
#include "glstm/core/types.hpp"
#include "glstm/exchange/lstm_weights.hpp"
#include "glstm/io/atomic_file.hpp"
#include "glstm/io/source_file.hpp"
#include "glstm/io/strict_json.hpp"
#include "glstm/nn/fold_scaling.hpp"
#include "glstm/nn/losses.hpp"
#include "glstm/nn/network.hpp"

GLSTM_BEGIN_NAMESPACE

/// What an RTNeural model does not tell about its network. RTNeural computes outputs at every step.
struct RTNeuralOptions {
  Readout readout = Readout::every_step;
  Loss loss = mean_squared_error();
};

/// Writes a plain LSTM to the file `path`, all or nothing, as the model that to_rtneural returns.
/// Errors name the file.
template <TimeGate Gate>
void save_rtneural(const std::filesystem::path& path, const Network<Gate>& network);

/// Reads a model of at most 1 GiB, not compressed, from the file `path`, as in
/// load_rtneural<Lstm<float>>(path). Errors name the file.
template <PlainLstm Loaded>
Loaded load_rtneural(const std::filesystem::path& path, const RTNeuralOptions& options = {});

/// Returns a plain LSTM of one direction as an RTNeural model: JSON with "in_shape" and "layers".
/// Each layer has a "type", an "activation", a "shape" and "weights" in Keras' layout:
///
///     lstm   kernel [I,4H], recurrent kernel [H,4H], bias [4H], gates i, f, c, o
///     dense  kernel [H,O], bias [O]
///
/// Throws Error if the network is bidirectional or a parameter is not finite.
template <TimeGate Gate>
std::string to_rtneural(const Network<Gate>& network);

/// Returns the network of an RTNeural model. Its layers must be lstm layers, then any number of
/// dense layers, with the activations tanh, relu and sigmoid or none: all but the last become
/// NetworkOptions::readout_layers, and the last too if it has an activation. If there is no dense
/// layer, the network's outputs are the hidden states of the last layer. An "in_skip" of 1, by
/// which hosts add the input to the output, is applied: the network has an input_skip. Throws
/// Error, which names `source`, if the model has other layers or an "in_gain" or "out_gain" that is
/// not 0, if weights are missing or have a wrong shape, or if the text is not a JSON object of the
/// expected form, repeats a key or nests too deeply.
template <PlainLstm Loaded>
Loaded from_rtneural(std::string_view json, const std::string& source,
                     const RTNeuralOptions& options = {});

namespace detail {

template <class Derived>
Json json_vector(const Eigen::MatrixBase<Derived>& vector) {
  Json list = Json::array();
  for (Index i = 0; i < vector.size(); ++i) list.push_back(vector(i));
  return list;
}

template <class Derived>
Json json_matrix(const Eigen::MatrixBase<Derived>& matrix) {
  Json rows = Json::array();
  for (Index row = 0; row < matrix.rows(); ++row) rows.push_back(json_vector(matrix.row(row)));
  return rows;
}

/// Reads a list of vector.size() numbers into `vector`.
template <class Derived>
void read_json_vector(const Json& list, const std::string& where,
                      Eigen::MatrixBase<Derived>&& vector) {
  require(list.is_array() && static_cast<Index>(list.size()) == vector.size(), where,
          ": expected a list of ", vector.size(), " numbers, got ",
          list.is_array() ? text_of("a list of ", list.size()) : list.type_name());
  for (Index i = 0; i < vector.size(); ++i) {
    const Json& number = list[static_cast<std::size_t>(i)];
    require(number.is_number(), where, ": expected numbers, got ", number.type_name());
    vector(i) = number.get<typename Derived::Scalar>();
    require(std::isfinite(vector(i)), where, ": expected finite numbers, got ", number);
  }
}

/// Returns a list of lists as a matrix [rows, cols].
template <class Scalar>
Matrix<Scalar> read_json_matrix(const Json& list, Index rows, Index cols,
                                const std::string& where) {
  require(list.is_array() && !list.empty() && list[0].is_array() && !list[0].empty(), where,
          ": expected a list of lists of numbers, got ",
          list.is_array() ? "another list" : list.type_name());
  const auto actual_rows = static_cast<Index>(list.size());
  const auto actual_cols = static_cast<Index>(list[0].size());
  require(
      (rows == any_extent || rows == actual_rows) && (cols == any_extent || cols == actual_cols),
      where, ": expected shape [", extent_text(rows), ",", extent_text(cols), "], got [",
      actual_rows, ",", actual_cols, "]");
  for (const Json& row : list) {  // checked before the matrix is allocated
    require(row.is_array() && row.size() == list[0].size(), where, ": expected rows of ",
            actual_cols, " numbers, got another row");
  }
  Matrix<Scalar> matrix(actual_rows, actual_cols);
  for (Index row = 0; row < actual_rows; ++row) {
    read_json_vector(list[static_cast<std::size_t>(row)], where, matrix.row(row));
  }
  return matrix;
}

/// Throws Error unless the last extent of a "shape" is `size`; the other extents may be anything.
inline void require_last_extent(const Json& shape, Index size, const std::string& where) {
  require(!shape.empty() && shape.back() == size, where, ": expected a shape that ends with ", size,
          ", as the weights do, got ", shape);
}

/// Reads the weights of an lstm layer. `shape` is the layer's.
template <class Scalar>
void read_rtneural_lstm(const Json& weights, const Json& shape, const std::string& where,
                        LstmParts<Scalar>& parts) {
  require(weights.size() == 3, where, ": expected a kernel, a recurrent kernel and a bias, got ",
          weights.size(), " weights");
  LstmDirection<Scalar> layer;
  layer.w_ih = read_json_matrix<Scalar>(weights[0], parts.states(), any_extent, where + ", kernel")
                   .transpose();
  const Index gates = layer.w_ih.rows(), hidden = quarter(gates, where + ", kernel");
  layer.w_hh =
      read_json_matrix<Scalar>(weights[1], hidden, gates, where + ", recurrent kernel").transpose();
  layer.b.resize(gates);
  read_json_vector(weights[2], where + ", bias", layer.b.head(gates));
  require_last_extent(shape, hidden, where);
  parts.directions.push_back(std::move(layer));
}

/// Reads the weights of a dense layer. `shape` is the layer's.
template <class Scalar>
void read_rtneural_dense(const Json& weights, const Json& shape, Activation activation,
                         const std::string& where, LstmParts<Scalar>& parts) {
  require(weights.size() == 1 || weights.size() == 2, where, ": expected a kernel and a bias, got ",
          weights.size(), " weights");
  DensePart<Scalar> layer{
      read_json_matrix<Scalar>(weights[0], parts.outputs(), any_extent, where + ", kernel")
          .transpose(),
      {},
      activation};
  const Index outputs = layer.w.rows();
  layer.b.setZero(outputs);
  if (weights.size() == 2) read_json_vector(weights[1], where + ", bias", layer.b.head(outputs));
  require_last_extent(shape, outputs, where);
  parts.dense.push_back(std::move(layer));
}

/// Reads the next layer of a model into `parts`.
template <class Scalar>
void read_rtneural_layer(const Json& json, const std::string& where, LstmParts<Scalar>& parts) {
  JsonMembers layer(json, where);
  const std::string type = layer.text("type");
  const bool dense = type == "dense" || type == "time-distributed-dense";
  require(dense || type == "lstm", where, ": expected type lstm or dense, got \"", type,
          "\", which glstm does not have");
  require(dense || parts.dense.empty(), where,
          ": expected nothing but dense layers behind a dense layer, got another lstm layer");
  require(!dense || !parts.directions.empty(), where,
          ": expected lstm layers before the dense layer, got none");
  const std::string activation = json.contains("activation") ? layer.text("activation") : "";
  require(dense || activation.empty() || activation == "tanh", where,
          ": expected an lstm layer with the activation tanh, got \"", activation, "\"");
  const Json &weights = layer.list("weights"), &shape = layer.list("shape");
  if (dense) {
    read_rtneural_dense(weights, shape,
                        activation_of_name(activation.empty() ? "linear" : activation, where),
                        where, parts);
  } else {
    read_rtneural_lstm(weights, shape, where, parts);
  }
}

}  // namespace detail

template <TimeGate Gate>
std::string to_rtneural(const Network<Gate>& trained) {
  using detail::Json, detail::json_matrix, detail::json_vector;
  detail::require_plain<Gate>();
  trained.check_parameters();
  detail::require_no_extras(trained, /*readout_layers=*/true);
  const Network<Gate> network = fold_scaling(trained);
  detail::require(!network.options().bidirectional,
                  "expected a network of one direction, as RTNeural has, got a bidirectional one");
  Json layers = Json::array();
  const auto add = [&](const char* type, const char* activation, Index size, Json weights) {
    layers.push_back({{"type", type},
                      {"activation", activation},
                      {"shape", {nullptr, nullptr, size}},
                      {"weights", std::move(weights)}});
  };
  for (const Layer<Gate>& layer : network.layers()) {
    const auto weights = layer.weights(network.parameters);
    add("lstm", "tanh", layer.hidden(),
        {json_matrix(weights.Wx.transpose()), json_matrix(weights.Wh.transpose()),
         json_vector(weights.b)});
  }
  const auto& between = network.options().readout_layers;
  std::size_t next = 0;
  detail::for_each_readout(network.options(), 0, [&](const std::string& prefix, Index, Index size) {
    const auto w = block_view(network.parameters, network.layout().find(prefix + "w"));
    const auto b = block_view(network.parameters, network.layout().find(prefix + "b"));
    const Activation activation =
        next < between.size() ? between[next++].activation : Activation::linear;
    const std::string name(detail::activation_names[static_cast<std::size_t>(activation)]);
    add("dense", activation == Activation::linear ? "" : name.c_str(), size,
        {json_matrix(w.transpose()), json_vector(b.col(0))});
  });
  const Json model = {{"in_shape", {nullptr, nullptr, network.options().inputs}},
                      {"layers", std::move(layers)}};
  return model.dump();
}

template <PlainLstm Loaded>
Loaded from_rtneural(std::string_view json, const std::string& source,
                     const RTNeuralOptions& options) {
  using detail::Json, detail::require;
  // Levels: the model, its layers, a layer, its weights, a matrix, a row. A convolution has two
  // more; it is read so that the error can name it.
  const Json model = detail::parse_json_object(json, 8, "a model", source);
  detail::JsonMembers members(model, source);
  for (const char* name : {"in_gain", "out_gain"}) {  // of hosts for amplifier models
    require(!model.contains(name) || model[name] == 0, source, ": expected \"", name,
            "\" to be 0, which changes nothing, got ", model.contains(name) ? model[name] : Json());
  }
  detail::LstmParts<typename Loaded::Scalar> parts;
  const Json& layers = members.list("layers");
  for (std::size_t l = 0; l < layers.size(); ++l) {
    detail::read_rtneural_layer(layers[l], detail::text_of(source, ": layer ", l), parts);
  }
  require(!parts.directions.empty(), source, ": expected lstm layers, got none");
  detail::require_last_extent(members.list("in_shape"), parts.directions.front().w_ih.cols(),
                              source + ": in_shape");
  Loaded network = detail::naming_source(source, [&] {
    return detail::assemble(parts, {options.readout, options.loss});
  });
  return detail::with_skip(std::move(network), model, "in_skip", source);
}

template <TimeGate Gate>
void save_rtneural(const std::filesystem::path& path, const Network<Gate>& network) {
  write_file_atomically(path,
                        detail::naming_source(path.string(), [&] { return to_rtneural(network); }));
}

template <PlainLstm Loaded>
Loaded load_rtneural(const std::filesystem::path& path, const RTNeuralOptions& options) {
  return detail::parse_model_file(path, [&](const std::string& text, const std::string& name) {
    return from_rtneural<Loaded>(text, name, options);
  });
}

GLSTM_END_NAMESPACE
