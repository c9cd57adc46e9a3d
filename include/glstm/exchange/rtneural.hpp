// The model files of RTNeural, a library of neural networks for real-time audio.
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
#include "glstm/exchange/source_file.hpp"
#include "glstm/io/atomic_file.hpp"
#include "glstm/io/strict_json.hpp"
#include "glstm/nn/network.hpp"

GLSTM_BEGIN_NAMESPACE

/// A plain LSTM of one direction as an RTNeural model: JSON with "in_shape" and the "layers", each
/// with its "type", "activation", "shape" and "weights" in Keras' layout:
///
///     lstm   kernel [I,4H], recurrent kernel [H,4H], bias [4H], gates i, f, c, o
///     dense  kernel [H,O], bias [O]
///
/// RTNeural answers after every step. Throws Error if the network is bidirectional or a number is
/// not finite.
template <TimeGate Gate>
std::string to_rtneural(const Network<Gate>& network);

/// Writes that to a file, all or nothing.
template <TimeGate Gate>
void save_rtneural(const std::filesystem::path& path, const Network<Gate>& network);

/// The network of an RTNeural model, which must be lstm layers and at most one dense layer without
/// activation after them; without one, the network answers with the hidden states of the last
/// layer. Throws Error, which names `source`, if it is anything else, weights are missing or of a
/// wrong shape, or the text is not the JSON object it should be, repeats a key or nests too deeply.
template <class Scalar>
Lstm<Scalar> from_rtneural(std::string_view json, const std::string& source,
                           const ImportOptions& options = {.readout = Readout::every_step});

/// The network of the model in the file `path`, of up to a gibibyte and not compressed.
template <class Scalar>
Lstm<Scalar> load_rtneural(const std::filesystem::path& path,
                           const ImportOptions& options = {.readout = Readout::every_step});

namespace detail {

template <class Derived>
Json json_vector(const Eigen::MatrixBase<Derived>& vector, const std::string& where) {
  Json list = Json::array();
  for (Index i = 0; i < vector.size(); ++i) {
    require(std::isfinite(vector(i)), where, ": expected finite numbers, got ", vector(i));
    list.push_back(vector(i));
  }
  return list;
}

template <class Derived>
Json json_matrix(const Eigen::MatrixBase<Derived>& matrix, const std::string& where) {
  Json rows = Json::array();
  for (Index row = 0; row < matrix.rows(); ++row) {
    rows.push_back(json_vector(matrix.row(row), where));
  }
  return rows;
}

/// Reads a list of numbers into `vector`, which is of as many.
template <class Derived>
void read_json_vector(const Json& list, const std::string& where,
                      Eigen::MatrixBase<Derived>&& vector) {
  require(list.is_array() && static_cast<Index>(list.size()) == vector.size(), where,
          ": expected a list of ", vector.size(), " numbers, got ",
          list.is_array() ? text_of("one of ", list.size()) : list.type_name());
  for (Index i = 0; i < vector.size(); ++i) {
    const Json& number = list[static_cast<std::size_t>(i)];
    require(number.is_number(), where, ": expected numbers, got ", number.type_name());
    vector(i) = number.get<typename Derived::Scalar>();
    require(std::isfinite(vector(i)), where, ": expected finite numbers, got ", number);
  }
}

/// The matrix [rows, cols] that a list of lists is.
template <class Scalar>
Matrix<Scalar> read_json_matrix(const Json& list, Index rows, Index cols,
                                const std::string& where) {
  require(list.is_array() && !list.empty() && list[0].is_array() && !list[0].empty(), where,
          ": expected a list of lists of numbers, got ",
          list.is_array() ? "another one" : list.type_name());
  const auto actual_rows = static_cast<Index>(list.size());
  const auto actual_cols = static_cast<Index>(list[0].size());
  require(
      (rows == any_extent || rows == actual_rows) && (cols == any_extent || cols == actual_cols),
      where, ": expected shape [", extent_text(rows), ",", extent_text(cols), "], got [",
      actual_rows, ",", actual_cols, "]");
  for (const Json& row : list) {  // before anything of their size is allocated
    require(row.is_array() && row.size() == list[0].size(), where, ": expected rows of ",
            actual_cols, " numbers, got another one");
  }
  Matrix<Scalar> matrix(actual_rows, actual_cols);
  for (Index row = 0; row < actual_rows; ++row) {
    read_json_vector(list[static_cast<std::size_t>(row)], where, matrix.row(row));
  }
  return matrix;
}

/// Throws Error unless a "shape", whose first extents may be anything, ends with `size`.
inline void require_last_extent(const Json& shape, Index size, const std::string& where) {
  require(!shape.empty() && shape.back() == size, where, ": expected a shape that ends with ", size,
          ", as the weights do, got ", shape);
}

}  // namespace detail

template <TimeGate Gate>
std::string to_rtneural(const Network<Gate>& network) {
  using detail::Json, detail::json_matrix, detail::json_vector;
  detail::require_plain<Gate>();
  network.layout().check(network.parameters, "the parameters of a network");
  detail::require(!network.options().bidirectional,
                  "RTNeural's layers run in one direction, got a bidirectional network");
  Json layers = Json::array();
  const auto add = [&](const char* type, const char* activation, Index size, Json weights) {
    layers.push_back({{"type", type},
                      {"activation", activation},
                      {"shape", {nullptr, nullptr, size}},
                      {"weights", std::move(weights)}});
  };
  for (std::size_t l = 0; l < network.layers().size(); ++l) {
    const Layer<Gate>& layer = network.layers()[l];
    const auto weights = layer.weights(network.parameters);
    const std::string where = detail::text_of("layer ", l);
    add("lstm", "tanh", layer.hidden(),
        {json_matrix(weights.Wx.transpose(), where), json_matrix(weights.Wh.transpose(), where),
         json_vector(weights.b, where)});
  }
  add("dense", "", network.options().outputs,
      {json_matrix(network.readout_weights().transpose(), "the readout"),
       json_vector(network.readout_bias(), "the readout")});
  const Json model = {{"in_shape", {nullptr, nullptr, network.options().inputs}},
                      {"layers", std::move(layers)}};
  return model.dump();
}

template <TimeGate Gate>
void save_rtneural(const std::filesystem::path& path, const Network<Gate>& network) {
  write_file_atomically(path, to_rtneural(network));
}

template <class Scalar>
Lstm<Scalar> from_rtneural(std::string_view json, const std::string& source,
                           const ImportOptions& options) {
  using detail::any_extent, detail::Json, detail::JsonMembers, detail::require;
  // The model, its layers, a layer, its weights and a matrix of rows; a convolution has two more.
  const Json model = detail::parse_json_object(json, 8, "a model", source);
  JsonMembers members(model, source);
  detail::LstmParts<Scalar> parts;
  const Json& layers = members.list("layers");
  for (std::size_t l = 0; l < layers.size(); ++l) {
    const std::string where = detail::text_of(source, ": layer ", l);
    JsonMembers layer(layers[l], where);
    const std::string type = layer.text("type");
    const bool dense = type == "dense" || type == "time-distributed-dense";
    require(dense || type == "lstm", where, ": expected type lstm or dense, got \"", type,
            "\", which glstm does not have");
    require(parts.readout_w.size() == 0, where,
            ": expected the dense layer to be the last, got one more");
    require(!dense || !parts.halves.empty(), where,
            ": expected a dense layer behind lstm layers only, got one before them");
    const std::string activation = layers[l].contains("activation") ? layer.text("activation") : "";
    require(activation.empty() || (!dense && activation == "tanh"), where, ": expected ",
            dense ? "a dense layer without activation" : "an lstm with the activation tanh",
            ", got \"", activation, "\"");
    const Json& weights = layer.list("weights");
    if (dense) {
      require(weights.size() == 1 || weights.size() == 2, where,
              ": expected a kernel and a bias, got ", weights.size(), " weights");
      parts.readout_w = detail::read_json_matrix<Scalar>(weights[0], parts.states(), any_extent,
                                                         where + ", kernel")
                            .transpose();
      const Index outputs = parts.readout_w.rows();
      parts.readout_b.setZero(outputs);
      if (weights.size() == 2) {
        detail::read_json_vector(weights[1], where + ", bias", parts.readout_b.head(outputs));
      }
      detail::require_last_extent(layer.list("shape"), outputs, where);
      continue;
    }
    require(weights.size() == 3, where, ": expected a kernel, a recurrent kernel and a bias, got ",
            weights.size(), " weights");
    detail::LstmHalf<Scalar> half;
    half.w_ih =
        detail::read_json_matrix<Scalar>(weights[0], parts.states(), any_extent, where + ", kernel")
            .transpose();
    const Index gates = half.w_ih.rows(), hidden = detail::quarter(gates, where + ", kernel");
    half.w_hh =
        detail::read_json_matrix<Scalar>(weights[1], hidden, gates, where + ", recurrent kernel")
            .transpose();
    half.b.resize(gates);
    detail::read_json_vector(weights[2], where + ", bias", half.b.head(gates));
    detail::require_last_extent(layer.list("shape"), hidden, where);
    if (l == 0) {
      detail::require_last_extent(members.list("in_shape"), half.w_ih.cols(),
                                  source + ": in_shape");
    }
    parts.halves.push_back(std::move(half));
  }
  require(!parts.halves.empty(), source, ": expected lstm layers, got none");
  return detail::naming_source(source, [&] { return detail::assemble(parts, options); });
}

template <class Scalar>
Lstm<Scalar> load_rtneural(const std::filesystem::path& path, const ImportOptions& options) {
  detail::SourceFile file(path);
  return from_rtneural<Scalar>(detail::read_whole(file, 1 << 30), file.name(), options);
}

GLSTM_END_NAMESPACE
