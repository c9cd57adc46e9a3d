// What the formats of PyTorch, Keras and RTNeural have in common: plain LSTMs and their weights.
#pragma once

#include <concepts>
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
#include "glstm/io/strict_json.hpp"
#include "glstm/lstm/cell.hpp"
#include "glstm/lstm/layer.hpp"
#include "glstm/nn/loss.hpp"
#include "glstm/nn/network.hpp"

GLSTM_BEGIN_NAMESPACE

/// A network that other libraries have too: an LSTM without time gates.
template <class T>
concept PlainLstm = std::same_as<T, Lstm<float>> || std::same_as<T, Lstm<double>>;

namespace detail {

/// What a file of weights does not tell about its network.
struct Purpose {
  Readout readout;
  Loss loss;
};

template <class Gate>
constexpr void require_plain() {
  static_assert(std::is_same_v<Gate, AlwaysOpen<float>> || std::is_same_v<Gate, AlwaysOpen<double>>,
                "other libraries have no time gates: export a plain Lstm<float> or Lstm<double>, "
                "such as without_gates(network) after a temporal curriculum");
}

/// Throws Error if the network has what other libraries' layers do not have.
template <class Gate>
void require_no_extras(const Network<Gate>& network, bool readout_layers = false) {
  const auto& options = network.options();
  const bool layers = !options.readout_layers.empty() && !readout_layers;
  require(!options.input_skip && !options.learned_state && !layers,
          "expected LSTM layers and a linear readout alone, got a network with ",
          options.input_skip ? "an input skip"
          : layers           ? "readout layers"
                             : "learned initial states",
          ": export it as ONNX or as a header");
}

/// Stands for any extent of a shape but zero.
inline constexpr Index any_extent = -1;

/// The weights of one direction of a layer, gates in the order i, f, g, o.
template <class Scalar>
struct LstmDirection {
  Matrix<Scalar> w_ih, w_hh;  // [4H,I], [4H,H]
  Vector<Scalar> b;           // [4H]
};

/// The weights of a layer y = f(W x + b).
template <class Scalar>
struct DensePart {
  Matrix<Scalar> w;  // [O,I]
  Vector<Scalar> b;  // [O]
  Activation activation = Activation::linear;
};

/// The weights of a network in a file of another library; their shapes fit together.
template <class Scalar>
struct LstmParts {
  std::vector<LstmDirection<Scalar>> directions;  // in the order of Network::layers()
  bool bidirectional = false;
  /// What follows the LSTM layers. Where the last one has no activation it is the readout;
  /// otherwise, or if there is none, the network's outputs are what the last layer hands on.
  std::vector<DensePart<Scalar>> dense;

  std::size_t directions_per_layer() const { return bidirectional ? 2 : 1; }
  std::size_t layers() const { return directions.size() / directions_per_layer(); }

  /// The number of hidden states of the last layer read so far.
  Index states() const {
    if (directions.empty()) return any_extent;
    return static_cast<Index>(directions_per_layer()) * directions.back().w_hh.cols();
  }
  /// The number of outputs of what was read so far, which the next Dense layer sees.
  Index outputs() const { return dense.empty() ? states() : dense.back().w.rows(); }
  /// Whether the last Dense layer is the readout.
  bool has_readout() const {
    return !dense.empty() && dense.back().activation == Activation::linear;
  }
};

template <class Scalar>
NetworkOptions<AlwaysOpen<Scalar>> options_of(const LstmParts<Scalar>& parts, Purpose purpose) {
  NetworkOptions<AlwaysOpen<Scalar>> options;
  options.inputs = parts.directions.front().w_ih.cols();
  options.hidden.clear();
  for (std::size_t i = 0; i < parts.directions.size(); i += parts.directions_per_layer()) {
    options.hidden.push_back(parts.directions[i].w_hh.cols());
  }
  options.outputs = parts.outputs();
  for (std::size_t i = 0; i + (parts.has_readout() ? 1 : 0) < parts.dense.size(); ++i) {
    options.readout_layers.push_back({parts.dense[i].w.rows(), parts.dense[i].activation});
  }
  options.readout = purpose.readout;
  options.loss = purpose.loss;
  options.bidirectional = parts.bidirectional;
  return options;
}

/// Throws Error unless a matrix that no file holds is small enough to make. A file of a few
/// kilobytes could otherwise ask for gigabytes.
inline void require_product(const char* what, Index rows, Index cols) {
  require(rows <= 50'000'000 / std::max<Index>(cols, 1), "expected ", what,
          " with a matrix of at most 50,000,000 numbers, got ", rows, " times ", cols);
}

/// Makes the network with these weights. Throws Error if there are no layers or a sum of biases is
/// not finite.
template <class Scalar>
Lstm<Scalar> assemble(const LstmParts<Scalar>& parts, Purpose purpose) {
  require(!parts.directions.empty(), "expected at least one LSTM layer, got none");
  if (!parts.has_readout()) require_product("a readout", parts.outputs(), parts.outputs());
  Lstm<Scalar> network(options_of(parts, purpose));
  for (std::size_t i = 0; i < parts.directions.size(); ++i) {
    const LstmDirection<Scalar>& direction = parts.directions[i];
    require(direction.b.allFinite(), "expected biases whose sums are finite, got others in layer ",
            i / parts.directions_per_layer());
    LstmGradients<Scalar> blocks = network.layers()[i].gradients(network.parameters);  // views
    blocks.dWx = direction.w_ih;
    blocks.dWh = direction.w_hh;
    blocks.db = direction.b;
  }
  std::size_t next = 0;
  for_each_readout(network.options(), 0, [&](const std::string& prefix, Index, Index) {
    auto w = block_view(network.parameters, network.layout().find(prefix + "w"));
    auto b = block_view(network.parameters, network.layout().find(prefix + "b"));
    if (next < parts.dense.size()) {
      w = parts.dense[next].w;
      b = parts.dense[next++].b;
    } else {
      w.setIdentity();
      b.setZero();
    }
  });
  return network;
}

/// The network whose outputs get the input added, as the member `name` of the model `json` says:
/// not if it is 0 or not there, the first feature to all outputs if it is 1, and otherwise as many
/// features as there are outputs, one to each. Throws Error if it is anything else.
template <class Scalar>
Lstm<Scalar> with_skip(Lstm<Scalar> network, const Json& json, const char* name,
                       const std::string& source) {
  NetworkOptions<AlwaysOpen<Scalar>> options = network.options();
  Json skip = json.contains(name) ? json[name] : Json(0);
  if (skip.is_boolean()) skip = skip == true ? 1 : 0;
  if (skip == 0) return network;
  require(skip == 1 || skip == options.outputs, source, ": expected \"", name, "\" to be 0",
          options.outputs == 1 ? "" : ", 1", " or ", options.outputs,
          ", the number of outputs, got ", shown(skip));
  require(skip <= options.inputs, source, ": expected \"", name, "\" of at most ", options.inputs,
          ", the number of features, got ", skip);
  require_product("a skip", options.inputs, options.outputs);
  options.input_skip = true;
  Lstm<Scalar> result(options);
  result.parameters.head(network.parameters.size()) = network.parameters;
  auto X = block_view(result.parameters, result.layout().find("readout.x"));  // [O,I]
  for (Index o = 0; o < options.outputs; ++o) X(o, skip == 1 ? 0 : o) = 1;
  return result;
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

/// Reads the tensors of a file as matrices and vectors, and remembers which ones it has read.
template <class Scalar>
class TensorReader {
 public:
  /// Keeps a reference to `file`.
  explicit TensorReader(const Safetensors& file) : file_(file) {}

  bool has(const std::string& name) const { return file_.tensors.contains(name); }

  /// Whether there is a tensor of this name and shape.
  bool has(const std::string& name, const std::vector<Index>& shape) const {
    const auto found = file_.tensors.find(name);
    return found != file_.tensors.end() && found->second.shape == shape;
  }

  /// Returns the tensor `name` as a matrix [rows, cols].
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

  /// Returns the tensor `name` as a vector [size].
  Vector<Scalar> vector(const std::string& name, Index size) {
    const std::string where = tensor_called(name);
    const Tensor& tensor = take(name);
    require_shape(tensor, {size}, where);
    Vector<Scalar> vector(size);
    read_numbers(read_reals<Scalar>(tensor, where), where, vector.leftCols(1));
    return vector;
  }

  /// Returns the tensor `name` as a vector [size], or zeros if the file has none.
  Vector<Scalar> bias(const std::string& name, Index size) {
    if (!has(name)) return Vector<Scalar>::Zero(size);
    return vector(name, size);
  }

  /// Likewise, or the sum of its halves where it is [2 size].
  Vector<Scalar> bias_sum(const std::string& name, Index size) {
    if (!has(name) || file_.find(name).shape != std::vector<Index>{2 * size}) {
      return bias(name, size);
    }
    const Vector<Scalar> both = vector(name, 2 * size);
    return both.head(size) + both.tail(size);
  }

  /// Throws Error if a tensor for which belongs(name) is true has not been read. `expected`
  /// describes the tensors that may be there, `advice` what to do.
  template <class Belongs>
  void require_no_other(const std::string& expected, Belongs&& belongs,
                        const char* advice = "") const {
    for (const auto& [name, tensor] : file_.tensors) {
      require(!belongs(name) || taken_.contains(name), tensor_called(name),
              ": expected tensors of ", expected, " only, it is none of them", advice);
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

/// Adds a matrix or vector to `file` as a row-major tensor of `shape`.
template <class Derived>
void add_weight(Safetensors& file, const std::string& name,
                const Eigen::MatrixBase<Derived>& weight, std::vector<Index> shape) {
  file.tensors[name] = to_tensor(weight, std::move(shape), tensor_called(name));
}

/// Returns the number of neurons of a layer whose four gates have `extent` rows or columns.
inline Index quarter(Index extent, const std::string& where) {
  require(extent % 4 == 0, where, ": expected four gates of the same size, got ", extent,
          " numbers in all");
  return extent / 4;
}

}  // namespace detail
GLSTM_END_NAMESPACE
