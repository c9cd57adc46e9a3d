// The weights of PyTorch's nn.LSTM and nn.Linear.
#pragma once

#include <cstddef>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "glstm/core/error.hpp"
#include "glstm/core/types.hpp"
#include "glstm/exchange/lstm_weights.hpp"
#include "glstm/exchange/source_file.hpp"
#include "glstm/io/safetensors.hpp"
#include "glstm/nn/network.hpp"

GLSTM_BEGIN_NAMESPACE

/// What is in front of the names of tensors: the modules' names in a PyTorch model, with a dot.
struct PyTorchNames {
  std::string lstm = "lstm.";   ///< of the nn.LSTM; empty: it is the model
  std::string readout = "fc.";  ///< of the nn.Linear; empty: there is none
};

/// The weights of a plain LSTM as a PyTorch model has them in its state_dict(), to be written with
/// write_safetensors. For layer k of the nn.LSTM, of D directions; that of the reversed direction
/// ends in _reverse:
///
///     weight_ih_lk [4H,I]    weight_hh_lk [4H,H]    bias_ih_lk [4H]    bias_hh_lk [4H], zero
///     and of the nn.Linear: weight [O,D*H], bias [O]
///
/// The same function in PyTorch, where output, (h_n, c_n) = lstm(x): a readout of every step is
/// fc(output); of the last step fc(h_n[-1]), or fc(torch.cat((h_n[-2], h_n[-1]), 1)) where D is 2.
///
/// Without a name for the nn.Linear the readout is left out. Throws Error if layers are of
/// different sizes, which an nn.LSTM cannot have, or a number is not finite.
template <TimeGate Gate>
Safetensors to_pytorch(const Network<Gate>& network, const PyTorchNames& names = {});

/// The network with the weights of an nn.LSTM of any depth and of one or two directions, and of an
/// nn.Linear; without a name for that it answers with the hidden states of the last layer. Sizes
/// follow from the shapes; both biases are added; a model with bias=False has biases of zero. Its
/// floating-point numbers may be of another type. Tensors of other modules are left alone.
///
/// Throws Error if a tensor is missing, of a wrong shape or not finite, if the modules have others
/// than these, or the nn.LSTM has projections (proj_size), which glstm has not.
template <class Scalar>
Lstm<Scalar> from_pytorch(const Safetensors& file, const PyTorchNames& names = {},
                          const ImportOptions& options = {});

/// The network with the weights in the file `path`, which read_safetensors reads; errors name it.
template <class Scalar>
Lstm<Scalar> load_pytorch(const std::filesystem::path& path, const PyTorchNames& names = {},
                          const ImportOptions& options = {});

template <TimeGate Gate>
Safetensors to_pytorch(const Network<Gate>& network, const PyTorchNames& names) {
  using Scalar = typename Gate::Scalar;
  using detail::add_weight;
  detail::require_plain<Gate>();
  network.layout().check(network.parameters, "the parameters of a network");
  const std::vector<Index>& hidden = network.options().hidden;
  for (const Index size : hidden) {
    detail::require(size == hidden[0], "an nn.LSTM has layers of one size, got ", hidden[0],
                    " and ", size);
  }
  Safetensors file;
  file.metadata = {{"format", "pt"}};
  for (std::size_t l = 0; l < hidden.size(); ++l) {
    for (Index direction = 0; direction < network.directions(); ++direction) {
      const Layer<Gate>& half = network.layer(l, direction);
      const Index H = half.hidden();
      const LstmWeights<Scalar> weights = half.weights(network.parameters);
      const std::string end = detail::text_of("_l", l, direction == 1 ? "_reverse" : "");
      add_weight(file, names.lstm + "weight_ih" + end, weights.Wx, {4 * H, half.inputs()});
      add_weight(file, names.lstm + "weight_hh" + end, weights.Wh, {4 * H, H});
      add_weight(file, names.lstm + "bias_ih" + end, weights.b, {4 * H});
      add_weight(file, names.lstm + "bias_hh" + end, Vector<Scalar>::Zero(4 * H), {4 * H});
    }
  }
  if (!names.readout.empty()) {
    const auto w = network.readout_weights();
    add_weight(file, names.readout + "weight", w, {w.rows(), w.cols()});
    add_weight(file, names.readout + "bias", network.readout_bias(), {w.rows()});
  }
  return file;
}

template <class Scalar>
Lstm<Scalar> from_pytorch(const Safetensors& file, const PyTorchNames& names,
                          const ImportOptions& options) {
  using detail::any_extent;
  detail::TensorReader<Scalar> reader(file);
  detail::require(!reader.has(names.lstm + "weight_hr_l0"), "the nn.LSTM \"", names.lstm,
                  "\" has projections (proj_size), which a layer of glstm has not");
  detail::LstmParts<Scalar> parts;
  parts.bidirectional = reader.has(names.lstm + "weight_ih_l0_reverse");
  Index inputs = any_extent, gates = any_extent;  // gates: 4H
  for (Index l = 0; l == 0 || reader.has(detail::text_of(names.lstm, "weight_ih_l", l)); ++l) {
    for (const char* direction : {"", "_reverse"}) {
      const std::string end = detail::text_of("_l", l, direction);
      const std::string weight_ih = names.lstm + "weight_ih" + end;
      detail::LstmHalf<Scalar> half;
      half.w_ih = reader.matrix(weight_ih, gates, inputs);
      inputs = half.w_ih.cols();
      gates = half.w_ih.rows();
      half.w_hh = reader.matrix(names.lstm + "weight_hh" + end, gates,
                                detail::quarter(gates, detail::tensor_called(weight_ih)));
      const std::string bias_ih = names.lstm + "bias_ih" + end;
      const std::string bias_hh = names.lstm + "bias_hh" + end;
      half.b.setZero(gates);
      if (reader.has(bias_ih) || reader.has(bias_hh)) {
        half.b = reader.vector(bias_ih, gates) + reader.vector(bias_hh, gates);
      }
      parts.halves.push_back(std::move(half));
      if (!parts.bidirectional) break;
    }
    inputs = parts.states();
  }
  if (!names.readout.empty()) {
    parts.readout_w = reader.matrix(names.readout + "weight", any_extent, parts.states());
    parts.readout_b = reader.bias(names.readout + "bias", parts.readout_w.rows());
  }
  reader.require_no_other(detail::text_of("an nn.LSTM of ", parts.layers(),
                                          " layers without projections and of an nn.Linear"),
                          [&](const std::string& name) {
                            return name.starts_with(names.lstm) ||
                                   (!names.readout.empty() && name.starts_with(names.readout));
                          });
  return detail::assemble(parts, options);
}

template <class Scalar>
Lstm<Scalar> load_pytorch(const std::filesystem::path& path, const PyTorchNames& names,
                          const ImportOptions& options) {
  const Safetensors file = read_safetensors(path);
  return detail::naming_source(path.string(),
                               [&] { return from_pytorch<Scalar>(file, names, options); });
}

GLSTM_END_NAMESPACE
