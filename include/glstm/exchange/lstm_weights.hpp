// Plain LSTMs from and for other libraries: what their formats have in common.
#pragma once

#include <cstddef>
#include <cstdint>
#include <set>
#include <string>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include "glstm/core/error.hpp"
#include "glstm/core/types.hpp"
#include "glstm/io/parameter_tensors.hpp"
#include "glstm/io/safetensors.hpp"
#include "glstm/lstm/cell.hpp"
#include "glstm/lstm/layer.hpp"
#include "glstm/nn/loss.hpp"
#include "glstm/nn/network.hpp"

GLSTM_BEGIN_NAMESPACE

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

  std::size_t directions() const { return bidirectional ? 2 : 1; }
  std::size_t layers() const { return halves.size() / directions(); }

  /// The states of the last layer so far.
  Index states() const {
    if (halves.empty()) return any_extent;
    return static_cast<Index>(directions()) * halves.back().w_hh.cols();
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
  for (std::size_t i = 0; i < parts.halves.size(); i += parts.directions()) {
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
            i / parts.directions());
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

/// Takes the tensors of a file as matrices and vectors, and knows which it has taken.
template <class Scalar>
class TensorReader {
 public:
  /// Keeps a reference to `file`.
  explicit TensorReader(const Safetensors& file) : file_(file) {}

  bool has(const std::string& name) const { return file_.tensors.contains(name); }

  /// The tensor `name` as a matrix [rows, cols].
  Matrix<Scalar> matrix(const std::string& name, Index rows, Index cols) {
    const std::string where = tensor_called(name);
    const Tensor& tensor = take(name);
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
  Vector<Scalar> vector(const std::string& name, Index size) {
    const std::string where = tensor_called(name);
    const Tensor& tensor = take(name);
    require_shape(tensor, {size}, where);
    Vector<Scalar> vector(size);
    read_numbers(read_reals<Scalar>(tensor, where), where, vector.leftCols(1));
    return vector;
  }

  /// Likewise, but zero where the file has none.
  Vector<Scalar> bias(const std::string& name, Index size) {
    if (!has(name)) return Vector<Scalar>::Zero(size);
    return vector(name, size);
  }

  /// Throws Error, which says that `expected` was, if a tensor has not been taken whose name
  /// ours(name) holds for.
  template <class Ours>
  void require_no_other(const std::string& expected, Ours&& ours) const {
    for (const auto& [name, tensor] : file_.tensors) {
      require(!ours(name) || taken_.contains(name), tensor_called(name), ": expected those of ",
              expected, " only, it is none of them");
    }
  }

 private:
  const Tensor& take(const std::string& name) {
    taken_.insert(name);
    return file_.find(name);
  }

  const Safetensors& file_;
  std::set<std::string> taken_;
};

/// Adds a matrix or vector to `file`, of `shape` in row-major order.
template <class Derived>
void add_weight(Safetensors& file, const std::string& name,
                const Eigen::MatrixBase<Derived>& weight, std::vector<Index> shape) {
  file.tensors[name] =
      to_tensor(weight, std::move(shape), "the weight that becomes \"" + name + "\"");
}

/// The neurons of a layer of which four times as many make `extent`.
inline Index quarter(Index extent, const std::string& where) {
  require(extent % 4 == 0, where, ": expected four gates of the same size, got ", extent,
          " numbers for all");
  return extent / 4;
}

}  // namespace detail
GLSTM_END_NAMESPACE
