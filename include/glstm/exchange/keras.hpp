// The weights of Keras' LSTM and Dense layers.
#pragma once

#include <cstddef>
#include <filesystem>
#include <string>
#include <utility>

#include "glstm/core/error.hpp"
#include "glstm/core/types.hpp"
#include "glstm/exchange/lstm_weights.hpp"
#include "glstm/exchange/source_file.hpp"
#include "glstm/io/safetensors.hpp"
#include "glstm/nn/network.hpp"

GLSTM_BEGIN_NAMESPACE

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

/// The network with the weights in the file `path`, which read_safetensors reads; errors name it.
template <class Scalar>
Lstm<Scalar> load_keras(const std::filesystem::path& path, const ImportOptions& options = {});

template <TimeGate Gate>
Safetensors to_keras(const Network<Gate>& network) {
  using Scalar = typename Gate::Scalar;
  using detail::add_weight;
  detail::require_plain<Gate>();
  network.layout().check(network.parameters, "the parameters of a network");
  Safetensors file;
  for (std::size_t l = 0; l < network.options().hidden.size(); ++l) {
    for (Index direction = 0; direction < network.directions(); ++direction) {
      const Layer<Gate>& half = network.layer(l, direction);
      const Index H = half.hidden();
      const LstmWeights<Scalar> weights = half.weights(network.parameters);
      const std::string prefix = detail::text_of("layer", l, direction == 1 ? ".backward." : ".");
      add_weight(file, prefix + "kernel", weights.Wx.transpose(), {half.inputs(), 4 * H});
      add_weight(file, prefix + "recurrent_kernel", weights.Wh.transpose(), {H, 4 * H});
      add_weight(file, prefix + "bias", weights.b, {4 * H});
    }
  }
  const auto w = network.readout_weights();
  add_weight(file, "dense.kernel", w.transpose(), {w.cols(), w.rows()});
  add_weight(file, "dense.bias", network.readout_bias(), {w.rows()});
  return file;
}

template <class Scalar>
Lstm<Scalar> from_keras(const Safetensors& file, const ImportOptions& options) {
  using detail::any_extent;
  detail::TensorReader<Scalar> reader(file);
  detail::LstmParts<Scalar> parts;
  parts.bidirectional = reader.has("layer0.backward.kernel");
  Index inputs = any_extent;
  for (Index l = 0; l == 0 || reader.has(detail::text_of("layer", l, ".kernel")); ++l) {
    Index gates = any_extent;  // 4H, the same in both directions
    for (const char* direction : {".", ".backward."}) {
      const std::string prefix = detail::text_of("layer", l, direction);
      const std::string kernel = prefix + "kernel";
      detail::LstmHalf<Scalar> half;
      half.w_ih = reader.matrix(kernel, inputs, gates).transpose();
      inputs = half.w_ih.cols();
      gates = half.w_ih.rows();
      const Index hidden = detail::quarter(gates, detail::tensor_called(kernel));
      half.w_hh = reader.matrix(prefix + "recurrent_kernel", hidden, gates).transpose();
      half.b = reader.bias(prefix + "bias", gates);
      parts.halves.push_back(std::move(half));
      if (!parts.bidirectional) break;
    }
    inputs = parts.states();
  }
  if (reader.has("dense.kernel")) {
    parts.readout_w = reader.matrix("dense.kernel", parts.states(), any_extent).transpose();
    parts.readout_b = reader.bias("dense.bias", parts.readout_w.rows());
  }
  reader.require_no_other(detail::text_of(parts.layers(), " LSTM layers and a Dense layer"),
                          [](const std::string&) { return true; });
  return detail::assemble(parts, options);
}

template <class Scalar>
Lstm<Scalar> load_keras(const std::filesystem::path& path, const ImportOptions& options) {
  const Safetensors file = read_safetensors(path);
  return detail::naming_source(path.string(), [&] { return from_keras<Scalar>(file, options); });
}

GLSTM_END_NAMESPACE
