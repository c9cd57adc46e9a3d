// The weights of Keras' LSTM and Dense layers.
#pragma once

#include <cstddef>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "glstm/core/error.hpp"
#include "glstm/core/types.hpp"
#include "glstm/io/lstm_weights.hpp"
#include "glstm/io/parameter_tensors.hpp"
#include "glstm/io/safetensors.hpp"
#include "glstm/nn/network.hpp"

namespace glstm {

/// The weights of a plain LSTM in Keras' layout, to be written with write_safetensors. The gates
/// are i, f, c, o, which is glstm's order too; matrices are transposed. For layer k:
///
///     layerk.kernel [I,4H]    layerk.recurrent_kernel [H,4H]    layerk.bias [4H]
///     layerk.backward.kernel, ... likewise, of a Bidirectional layer
///     dense.kernel [D*H,O], dense.bias [O], D directions
///
/// The arrays of a layer, in this order, are what its set_weights() takes and its get_weights()
/// gives: kernel, recurrent_kernel, bias, and of a Bidirectional layer those of backward after
/// them. The same function in Keras is a stack of LSTM layers, or Bidirectional with merge_mode
/// "concat", with return_sequences everywhere but in the last one of a network that reads out the
/// last step, and a Dense layer. Throws Error if a number is not finite.
template <TimeGate Gate>
Safetensors to_keras(const Network<Gate>& network);

/// The network with weights in that layout. Sizes follow from the shapes; a layer with
/// use_bias=False has no bias in the file. A file without dense.kernel is that of a network that
/// answers with the hidden states of the last layer. Throws Error if a tensor is missing, of a
/// wrong shape or not finite, or has another name.
template <class Scalar>
Lstm<Scalar> from_keras(const Safetensors& file, const ImportOptions& options = {});

template <TimeGate Gate>
Safetensors to_keras(const Network<Gate>& network) {
  using Scalar = typename Gate::Scalar;
  detail::require_plain<Gate>();
  network.layout().check(network.parameters, "the parameters of a network");
  Safetensors file;
  const auto add = [&](const std::string& name, const auto& matrix, std::vector<Index> shape) {
    file.tensors[name] =
        detail::to_tensor(matrix, std::move(shape), "the weight that becomes \"" + name + "\"");
  };
  const auto directions = static_cast<std::size_t>(network.directions());
  for (std::size_t i = 0; i < network.layers().size(); ++i) {
    const Layer<Gate>& layer = network.layers()[i];
    const Index H = layer.hidden();
    const LstmWeights<Scalar> weights = layer.weights(network.parameters);
    const std::string prefix =
        detail::text_of("layer", i / directions, i % directions == 1 ? ".backward." : ".");
    add(prefix + "kernel", weights.Wx.transpose(), {layer.inputs(), 4 * H});
    add(prefix + "recurrent_kernel", weights.Wh.transpose(), {H, 4 * H});
    add(prefix + "bias", weights.b, {4 * H});
  }
  const auto w = block_view(network.parameters, network.layout().find("readout.w"));
  const auto b = block_view(network.parameters, network.layout().find("readout.b"));
  add("dense.kernel", w.transpose(), {w.cols(), w.rows()});
  add("dense.bias", b, {b.rows()});
  return file;
}

template <class Scalar>
Lstm<Scalar> from_keras(const Safetensors& file, const ImportOptions& options) {
  using detail::any_extent;
  std::set<std::string> known;
  const auto has = [&](const std::string& name) { return file.tensors.contains(name); };
  const auto matrix = [&](const std::string& name, Index rows, Index cols) {
    known.insert(name);
    return detail::read_matrix<Scalar>(file, name, rows, cols);
  };
  const auto bias = [&](const std::string& name, Index size) -> Vector<Scalar> {
    known.insert(name);
    if (!has(name)) return Vector<Scalar>::Zero(size);
    return detail::read_vector<Scalar>(file, name, size);
  };

  detail::LstmParts<Scalar> parts;
  parts.bidirectional = has("layer0.backward.kernel");
  Index inputs = any_extent;
  for (Index l = 0; l == 0 || has(detail::text_of("layer", l, ".kernel")); ++l) {
    Index gates = any_extent;  // 4H, the same in both directions
    for (const char* direction : {".", ".backward."}) {
      const std::string prefix = detail::text_of("layer", l, direction);
      const std::string kernel = prefix + "kernel";
      detail::LstmHalf<Scalar> half;
      half.w_ih = matrix(kernel, inputs, gates).transpose();
      inputs = half.w_ih.cols();
      gates = half.w_ih.rows();
      const Index hidden = detail::quarter(gates, "tensor \"" + kernel + "\"");
      half.w_hh = matrix(prefix + "recurrent_kernel", hidden, gates).transpose();
      half.b = bias(prefix + "bias", gates);
      parts.halves.push_back(std::move(half));
      if (!parts.bidirectional) break;
    }
    inputs = parts.states();
  }
  if (has("dense.kernel")) {
    parts.readout_w = matrix("dense.kernel", parts.states(), any_extent).transpose();
    parts.readout_b = bias("dense.bias", parts.readout_w.rows());
  }
  for (const auto& [name, tensor] : file.tensors) {
    detail::require(known.contains(name), "tensor \"", name, "\": expected those of ",
                    parts.halves.size() / (parts.bidirectional ? 2 : 1),
                    " LSTM layers and a Dense layer only, it is none of them");
  }
  return detail::assemble(parts, options);
}

}  // namespace glstm
