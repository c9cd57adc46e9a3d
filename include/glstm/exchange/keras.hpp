// Weights of Keras' LSTM and Dense layers.
#pragma once

#include <cstddef>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "glstm/core/error.hpp"
#include "glstm/core/types.hpp"
#include "glstm/exchange/lstm_weights.hpp"
#include "glstm/io/safetensors.hpp"
#include "glstm/io/source_file.hpp"
#include "glstm/nn/fold_scaling.hpp"
#include "glstm/nn/losses.hpp"
#include "glstm/nn/network.hpp"

GLSTM_BEGIN_NAMESPACE

/// What a file of Keras' weights does not tell about its network.
struct KerasOptions {
  Readout readout = Readout::last_step;
  Loss loss = mean_squared_error();
  /// Of the Dense layers dense0, dense1, ... before the readout, for models that have them.
  std::vector<Activation> activations = {};
};

/// Writes the weights of a plain LSTM to the file `path`, all or nothing, as safetensors in the
/// layout of to_keras. Errors name the file.
template <TimeGate Gate>
void save_keras(const std::filesystem::path& path, const Network<Gate>& network);

/// Reads a safetensors file with weights in the layout of to_keras, as in
/// load_keras<Lstm<float>>(path). Errors name the file.
template <PlainLstm Loaded>
Loaded load_keras(const std::filesystem::path& path, const KerasOptions& options = {});

/// Returns the weights of a plain LSTM in Keras' layout. Gates are in the order i, f, c, o, which
/// is glstm's order too; matrices are transposed. Layer k has the tensors
///
///     layerk.kernel [I,4H]    layerk.recurrent_kernel [H,4H]    layerk.bias [4H]
///     layerk.backward.kernel, ... the same of the backward direction of a Bidirectional layer
///
/// and the readout has dense.kernel [D*H,O] and dense.bias [O], for D directions. Keras'
/// get_weights() and set_weights() have the arrays of a layer in the order of this list.
///
/// The same function in Keras is a stack of LSTM layers, or of Bidirectional layers with
/// merge_mode="concat", and a Dense layer. All recurrent layers have return_sequences=True, except
/// the last one of a network with Readout::last_step. Throws Error if a parameter is not finite.
template <TimeGate Gate>
Safetensors to_keras(const Network<Gate>& network);

/// Returns the network with weights in the layout of to_keras. Sizes follow from the shapes. A
/// layer with use_bias=False has no bias in the file, one of CuDNNLSTM has two of [4H] one after
/// the other, which are added. Dense layers before the last one have the tensors dense0.kernel,
/// dense0.bias, dense1.kernel, ...; options.activations says what they apply. If the file has no
/// dense.kernel, the network's outputs are what the last layer hands on. Throws Error if a tensor
/// is missing, has a wrong shape, has numbers that are not finite, or has a name that the layout
/// does not have.
template <PlainLstm Loaded>
Loaded from_keras(const Safetensors& file, const KerasOptions& options = {});

template <TimeGate Gate>
Safetensors to_keras(const Network<Gate>& trained) {
  using Scalar = typename Gate::Scalar;
  using detail::add_weight;
  detail::require_plain<Gate>();
  trained.check_parameters();
  detail::require_no_extras(trained);
  const Network<Gate> network = fold_scaling(trained);
  Safetensors file;
  for (std::size_t l = 0; l < network.options().hidden.size(); ++l) {
    for (Index direction = 0; direction < network.directions(); ++direction) {
      const Layer<Gate>& layer = network.layer(l, direction);
      const Index H = layer.hidden();
      const LstmWeights<Scalar> weights = layer.weights(network.parameters);
      const std::string prefix = detail::text_of("layer", l, direction == 1 ? ".backward." : ".");
      add_weight(file, prefix + "kernel", weights.Wx.transpose(), {layer.inputs(), 4 * H});
      add_weight(file, prefix + "recurrent_kernel", weights.Wh.transpose(), {H, 4 * H});
      add_weight(file, prefix + "bias", weights.b, {4 * H});
    }
  }
  const auto w = network.readout_weights();
  add_weight(file, "dense.kernel", w.transpose(), {w.cols(), w.rows()});
  add_weight(file, "dense.bias", network.readout_bias(), {w.rows()});
  return file;
}

template <PlainLstm Loaded>
Loaded from_keras(const Safetensors& file, const KerasOptions& options) {
  using Scalar = typename Loaded::Scalar;
  using detail::any_extent;
  detail::TensorReader<Scalar> reader(file);
  detail::LstmParts<Scalar> parts;
  parts.bidirectional = reader.has("layer0.backward.kernel");
  Index inputs = any_extent;
  for (Index l = 0; l == 0 || reader.has(detail::text_of("layer", l, ".kernel")); ++l) {
    Index gates = any_extent;  // 4H, the same in both directions
    for (const char* separator : {".", ".backward."}) {
      const std::string prefix = detail::text_of("layer", l, separator);
      const std::string kernel = prefix + "kernel";
      detail::LstmDirection<Scalar> direction;
      direction.w_ih = reader.matrix(kernel, inputs, gates).transpose();
      inputs = direction.w_ih.cols();
      gates = direction.w_ih.rows();
      const Index hidden = detail::quarter(gates, detail::tensor_called(kernel));
      direction.w_hh = reader.matrix(prefix + "recurrent_kernel", hidden, gates).transpose();
      direction.b = reader.bias_sum(prefix + "bias", gates);
      parts.directions.push_back(std::move(direction));
      if (!parts.bidirectional) break;
    }
    inputs = parts.states();
  }
  const auto read_dense = [&](const std::string& prefix, Activation activation) {
    detail::DensePart<Scalar> layer{
        reader.matrix(prefix + "kernel", parts.outputs(), any_extent).transpose(), {}, activation};
    layer.b = reader.bias(prefix + "bias", layer.w.rows());
    parts.dense.push_back(std::move(layer));
  };
  for (std::size_t i = 0; i < options.activations.size(); ++i) {
    read_dense(detail::text_of("dense", i, "."), options.activations[i]);
  }
  if (reader.has("dense.kernel")) read_dense("dense.", Activation::linear);
  reader.require_no_other(detail::text_of(parts.layers(), " LSTM layers and ", parts.dense.size(),
                                          " Dense layers (KerasOptions::activations)"),
                          [](const std::string&) { return true; });
  return detail::assemble(parts, {options.readout, options.loss});
}

template <TimeGate Gate>
void save_keras(const std::filesystem::path& path, const Network<Gate>& network) {
  save_safetensors(path, detail::naming_source(path.string(), [&] { return to_keras(network); }));
}

template <PlainLstm Loaded>
Loaded load_keras(const std::filesystem::path& path, const KerasOptions& options) {
  const Safetensors file = load_safetensors(path);
  return detail::naming_source(path.string(), [&] { return from_keras<Loaded>(file, options); });
}

GLSTM_END_NAMESPACE
