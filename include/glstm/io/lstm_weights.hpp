// Plain LSTMs from and for other libraries: what their formats have in common.
#pragma once

#include <cstdint>
#include <string>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include "glstm/core/error.hpp"
#include "glstm/core/types.hpp"
#include "glstm/io/parameter_tensors.hpp"
#include "glstm/io/safetensors.hpp"
#include "glstm/nn/cell.hpp"
#include "glstm/nn/layer.hpp"
#include "glstm/nn/loss.hpp"
#include "glstm/nn/network.hpp"

namespace glstm {

/// What the weights of other libraries do not say of a network.
struct ImportOptions {
  Readout readout = Readout::last_step;
  Loss loss = Loss::mean_squared_error;
};

namespace detail {

template <class Gate>
constexpr void require_plain() {
  static_assert(std::is_same_v<Gate, AlwaysOpen<float>> || std::is_same_v<Gate, AlwaysOpen<double>>,
                "other libraries have no time gates: export a plain Lstm<float> or Lstm<double>, "
                "such as without_gates(network) after a temporal curriculum");
}

/// For an extent of a shape: whatever it is, but for zero.
inline constexpr Index any_extent = -1;

/// One direction of a layer, in the gate order i, f, g, o.
template <class Scalar>
struct LstmHalf {
  Matrix<Scalar> w_ih, w_hh;  // [4H,I], [4H,H]
  Vector<Scalar> b;           // [4H]
};

/// A network as another library's file gives it; the shapes fit together.
template <class Scalar>
struct LstmParts {
  std::vector<LstmHalf<Scalar>> halves;  // in the order of Network::layers()
  bool bidirectional = false;
  Matrix<Scalar> readout_w;  // [O, states of the last layer]; empty: there is no readout
  Vector<Scalar> readout_b;  // [O]

  /// The states of the last layer so far.
  Index states() const {
    if (halves.empty()) return any_extent;
    return (bidirectional ? 2 : 1) * halves.back().w_hh.cols();
  }
};

/// The network with these weights; without a readout it answers with the states of the last layer.
/// Throws Error if there are no layers or a sum of biases is not finite.
template <class Scalar>
Lstm<Scalar> assemble(const LstmParts<Scalar>& parts, const ImportOptions& import) {
  require(!parts.halves.empty(), "expected at least one LSTM layer, got none");
  const bool identity = parts.readout_w.size() == 0;
  NetworkOptions<AlwaysOpen<Scalar>> options;
  options.inputs = parts.halves.front().w_ih.cols();
  options.hidden.clear();
  for (std::size_t i = 0; i < parts.halves.size(); i += parts.bidirectional ? 2 : 1) {
    options.hidden.push_back(parts.halves[i].w_hh.cols());
  }
  options.outputs = identity ? parts.states() : parts.readout_w.rows();
  options.readout = import.readout;
  options.loss = import.loss;
  options.bidirectional = parts.bidirectional;

  Lstm<Scalar> network(options);
  for (std::size_t i = 0; i < parts.halves.size(); ++i) {
    const LstmHalf<Scalar>& half = parts.halves[i];
    require(half.b.allFinite(), "expected biases whose sums are finite, got others in layer ",
            i / (parts.bidirectional ? 2 : 1));
    LstmGradients<Scalar> blocks = network.layers()[i].gradients(network.parameters);  // views
    blocks.dWx = half.w_ih;
    blocks.dWh = half.w_hh;
    blocks.db = half.b;
  }
  auto w = block_view(network.parameters, network.layout().find("readout.w"));
  auto b = block_view(network.parameters, network.layout().find("readout.b"));
  if (identity) {
    w.setIdentity();
    b.setZero();
  } else {
    w = parts.readout_w;
    b = parts.readout_b;
  }
  return network;
}

inline std::string extent_text(Index extent) {
  return extent == any_extent ? "any" : std::to_string(extent);
}

template <class Scalar>
std::vector<Scalar> read_reals(const Tensor& tensor, const std::string& where) {
  const bool integers = std::holds_alternative<std::vector<std::int64_t>>(tensor.values) ||
                        std::holds_alternative<std::vector<std::int8_t>>(tensor.values) ||
                        std::holds_alternative<std::vector<std::uint8_t>>(tensor.values);
  require(!integers, where, ": expected floating-point numbers, got ", tensor.dtype());
  return tensor.as<Scalar>();
}

/// The tensor `name` as a matrix [rows, cols].
template <class Scalar>
Matrix<Scalar> read_matrix(const Safetensors& file, const std::string& name, Index rows,
                           Index cols) {
  const std::string where = "tensor \"" + name + "\"";
  const Tensor& tensor = file.find(name);
  const std::vector<Index>& shape = tensor.shape;
  require(shape.size() == 2 && (rows == any_extent ? shape[0] > 0 : shape[0] == rows) &&
              (cols == any_extent ? shape[1] > 0 : shape[1] == cols),
          where, ": expected shape [", extent_text(rows), ",", extent_text(cols), "], got ",
          Json(shape));
  Matrix<Scalar> matrix(shape[0], shape[1]);
  read_numbers(read_reals<Scalar>(tensor, where), where, matrix.leftCols(shape[1]));
  return matrix;
}

/// The tensor `name` as a vector [size].
template <class Scalar>
Vector<Scalar> read_vector(const Safetensors& file, const std::string& name, Index size) {
  const std::string where = "tensor \"" + name + "\"";
  const Tensor& tensor = file.find(name);
  require_shape(tensor, {size}, where);
  Vector<Scalar> vector(size);
  read_numbers(read_reals<Scalar>(tensor, where), where, vector.leftCols(1));
  return vector;
}

/// The neurons of a layer of which four times as many make `extent`.
inline Index quarter(Index extent, const std::string& where) {
  require(extent % 4 == 0, where, ": expected four gates of the same size, got ", extent,
          " numbers for all");
  return extent / 4;
}

}  // namespace detail
}  // namespace glstm
