// Weights of PyTorch's nn.LSTM and nn.Linear.
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

/// Where the weights lie in a PyTorch model, and what its file does not tell about the network.
struct PyTorchOptions {
  std::string lstm = "lstm.";  ///< prefix of the nn.LSTM's tensors; empty: it is the whole model
  std::string linear = "fc.";  ///< prefix of the nn.Linear's tensors; empty: there is no nn.Linear
  Readout readout = Readout::last_step;  ///< for loading; files do not tell it
  Loss loss = mean_squared_error;  ///< for loading; files do not tell it
};

/// Writes the weights of a plain LSTM to the file `path`, all or nothing, as safetensors in the
/// layout of to_pytorch. Errors name the file.
template <TimeGate Gate>
void save_pytorch(const std::filesystem::path& path, const Network<Gate>& network,
                  const PyTorchOptions& options = {});

/// Reads the state_dict() of a PyTorch model from a safetensors file, as in
/// load_pytorch<Lstm<float>>(path). Errors name the file.
template <PlainLstm Loaded>
Loaded load_pytorch(const std::filesystem::path& path, const PyTorchOptions& options = {});

/// Returns the weights of a plain LSTM as the state_dict() of a PyTorch model. Layer k of the
/// nn.LSTM has the tensors
///
///     weight_ih_lk [4H,I]    weight_hh_lk [4H,H]    bias_ih_lk [4H]    bias_hh_lk [4H], zero
///
/// and the same names with _reverse at the end for the reverse direction. The nn.Linear has
/// weight [O,D*H] and bias [O], for D directions.
///
/// The same function in PyTorch, where output, (h_n, c_n) = lstm(x): for Readout::every_step
/// fc(output); for Readout::last_step fc(h_n[-1]), or fc(torch.cat((h_n[-2], h_n[-1]), 1)) if D is
/// 2.
///
/// If options.linear is empty, the readout is left out. Throws Error if layers have different
/// sizes, which an nn.LSTM cannot have, or a parameter is not finite.
template <TimeGate Gate>
Safetensors to_pytorch(const Network<Gate>& network, const PyTorchOptions& options = {});

/// Returns the network with the weights of an nn.LSTM of any depth, with one or two directions, and
/// of an nn.Linear. If options.linear is empty, the network's outputs are the hidden states of the
/// last layer. Sizes follow from the shapes. The two biases are added; a model with bias=False gets
/// biases of zero. Floating-point numbers of other types are converted. Tensors of other modules
/// are ignored.
///
/// Throws Error if a tensor is missing, has a wrong shape or has numbers that are not finite, if
/// the two modules have further tensors, or if the nn.LSTM has projections (proj_size), which glstm
/// does not support.
template <PlainLstm Loaded>
Loaded from_pytorch(const Safetensors& file, const PyTorchOptions& options = {});

template <TimeGate Gate>
Safetensors to_pytorch(const Network<Gate>& trained, const PyTorchOptions& options) {
  using Scalar = typename Gate::Scalar;
  using detail::add_weight;
  detail::require_plain<Gate>();
  trained.check_parameters();
  const Network<Gate> network = fold_scaling(trained);
  const std::vector<Index>& hidden = network.options().hidden;
  for (const Index size : hidden) {
    detail::require(size == hidden[0], "an nn.LSTM has layers of one size, got ", hidden[0],
                    " and ", size);
  }
  Safetensors file;
  file.metadata = {{"format", "pt"}};
  for (std::size_t l = 0; l < hidden.size(); ++l) {
    for (Index direction = 0; direction < network.directions(); ++direction) {
      const Layer<Gate>& layer = network.layer(l, direction);
      const Index H = layer.hidden();
      const LstmWeights<Scalar> weights = layer.weights(network.parameters);
      const std::string end = detail::text_of("_l", l, direction == 1 ? "_reverse" : "");
      add_weight(file, options.lstm + "weight_ih" + end, weights.Wx, {4 * H, layer.inputs()});
      add_weight(file, options.lstm + "weight_hh" + end, weights.Wh, {4 * H, H});
      add_weight(file, options.lstm + "bias_ih" + end, weights.b, {4 * H});
      add_weight(file, options.lstm + "bias_hh" + end, Vector<Scalar>::Zero(4 * H), {4 * H});
    }
  }
  if (!options.linear.empty()) {
    const auto w = network.readout_weights();
    add_weight(file, options.linear + "weight", w, {w.rows(), w.cols()});
    add_weight(file, options.linear + "bias", network.readout_bias(), {w.rows()});
  }
  return file;
}

template <PlainLstm Loaded>
Loaded from_pytorch(const Safetensors& file, const PyTorchOptions& options) {
  using Scalar = typename Loaded::Scalar;
  using detail::any_extent;
  detail::TensorReader<Scalar> reader(file);
  detail::require(!reader.has(options.lstm + "weight_hr_l0"), "expected the nn.LSTM \"",
                  options.lstm, "\" without projections, got one with projections (proj_size)");
  detail::LstmParts<Scalar> parts;
  parts.bidirectional = reader.has(options.lstm + "weight_ih_l0_reverse");
  Index inputs = any_extent, gates = any_extent;  // gates: 4H
  for (Index l = 0; l == 0 || reader.has(detail::text_of(options.lstm, "weight_ih_l", l)); ++l) {
    for (const char* suffix : {"", "_reverse"}) {
      const std::string end = detail::text_of("_l", l, suffix);
      const std::string weight_ih = options.lstm + "weight_ih" + end;
      detail::LstmDirection<Scalar> direction;
      direction.w_ih = reader.matrix(weight_ih, gates, inputs);
      inputs = direction.w_ih.cols();
      gates = direction.w_ih.rows();
      direction.w_hh = reader.matrix(options.lstm + "weight_hh" + end, gates,
                                     detail::quarter(gates, detail::tensor_called(weight_ih)));
      const std::string bias_ih = options.lstm + "bias_ih" + end;
      const std::string bias_hh = options.lstm + "bias_hh" + end;
      direction.b.setZero(gates);
      if (reader.has(bias_ih) || reader.has(bias_hh)) {
        direction.b = reader.vector(bias_ih, gates) + reader.vector(bias_hh, gates);
      }
      parts.directions.push_back(std::move(direction));
      if (!parts.bidirectional) break;
    }
    inputs = parts.states();
  }
  if (!options.linear.empty()) {
    parts.readout_w = reader.matrix(options.linear + "weight", any_extent, parts.states());
    parts.readout_b = reader.bias(options.linear + "bias", parts.readout_w.rows());
  }
  reader.require_no_other(detail::text_of("an nn.LSTM of ", parts.layers(),
                                          " layers without projections and of an nn.Linear"),
                          [&](const std::string& name) {
                            return name.starts_with(options.lstm) ||
                                   (!options.linear.empty() && name.starts_with(options.linear));
                          });
  return detail::assemble(parts, {options.readout, options.loss});
}

template <TimeGate Gate>
void save_pytorch(const std::filesystem::path& path, const Network<Gate>& network,
                  const PyTorchOptions& options) {
  save_safetensors(
      path, detail::naming_source(path.string(), [&] { return to_pytorch(network, options); }));
}

template <PlainLstm Loaded>
Loaded load_pytorch(const std::filesystem::path& path, const PyTorchOptions& options) {
  const Safetensors file = load_safetensors(path);
  return detail::naming_source(path.string(), [&] { return from_pytorch<Loaded>(file, options); });
}

GLSTM_END_NAMESPACE
