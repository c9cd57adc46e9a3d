// The weights of PyTorch's nn.LSTM and nn.Linear.
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

template <TimeGate Gate>
Safetensors to_pytorch(const Network<Gate>& network, const PyTorchNames& names) {
  using Scalar = typename Gate::Scalar;
  detail::require_plain<Gate>();
  network.layout().check(network.parameters, "the parameters of a network");
  const std::vector<Index>& hidden = network.options().hidden;
  for (const Index size : hidden) {
    detail::require(size == hidden[0], "an nn.LSTM has layers of one size, got ", hidden[0],
                    " and ", size);
  }
  Safetensors file;
  file.metadata = {{"format", "pt"}};
  const auto add = [&](const std::string& name, const auto& matrix, std::vector<Index> shape) {
    file.tensors[name] =
        detail::to_tensor(matrix, std::move(shape), "the weight that becomes \"" + name + "\"");
  };
  const auto directions = static_cast<std::size_t>(network.directions());
  for (std::size_t i = 0; i < network.layers().size(); ++i) {
    const Layer<Gate>& layer = network.layers()[i];
    const Index H = layer.hidden();
    const LstmWeights<Scalar> weights = layer.weights(network.parameters);
    const std::string end =
        detail::text_of("_l", i / directions, i % directions == 1 ? "_reverse" : "");
    add(names.lstm + "weight_ih" + end, weights.Wx, {4 * H, layer.inputs()});
    add(names.lstm + "weight_hh" + end, weights.Wh, {4 * H, H});
    add(names.lstm + "bias_ih" + end, weights.b, {4 * H});
    add(names.lstm + "bias_hh" + end, Vector<Scalar>::Zero(4 * H), {4 * H});
  }
  if (!names.readout.empty()) {
    const auto w = block_view(network.parameters, network.layout().find("readout.w"));
    const auto b = block_view(network.parameters, network.layout().find("readout.b"));
    add(names.readout + "weight", w, {w.rows(), w.cols()});
    add(names.readout + "bias", b, {b.rows()});
  }
  return file;
}

template <class Scalar>
Lstm<Scalar> from_pytorch(const Safetensors& file, const PyTorchNames& names,
                          const ImportOptions& options) {
  using detail::any_extent, detail::require;
  std::set<std::string> known;
  const auto has = [&](const std::string& name) { return file.tensors.contains(name); };
  const auto matrix = [&](const std::string& name, Index rows, Index cols) {
    known.insert(name);
    return detail::read_matrix<Scalar>(file, name, rows, cols);
  };
  const auto vector = [&](const std::string& name, Index size) {
    known.insert(name);
    return detail::read_vector<Scalar>(file, name, size);
  };

  require(!has(names.lstm + "weight_hr_l0"), "the nn.LSTM \"", names.lstm,
          "\" has projections (proj_size), which a layer of glstm has not");
  detail::LstmParts<Scalar> parts;
  parts.bidirectional = has(names.lstm + "weight_ih_l0_reverse");
  Index inputs = any_extent, gates = any_extent;  // gates: 4H
  for (Index l = 0; l == 0 || has(detail::text_of(names.lstm, "weight_ih_l", l)); ++l) {
    for (const char* direction : {"", "_reverse"}) {
      const std::string end = detail::text_of("_l", l, direction);
      const std::string weight_ih = names.lstm + "weight_ih" + end;
      detail::LstmHalf<Scalar> half;
      half.w_ih = matrix(weight_ih, gates, inputs);
      inputs = half.w_ih.cols();
      gates = half.w_ih.rows();
      half.w_hh = matrix(names.lstm + "weight_hh" + end, gates,
                         detail::quarter(gates, "tensor \"" + weight_ih + "\""));
      const std::string bias_ih = names.lstm + "bias_ih" + end;
      const std::string bias_hh = names.lstm + "bias_hh" + end;
      half.b.setZero(gates);
      if (has(bias_ih) || has(bias_hh)) half.b = vector(bias_ih, gates) + vector(bias_hh, gates);
      parts.halves.push_back(std::move(half));
      if (!parts.bidirectional) break;
    }
    inputs = parts.states();
  }
  if (!names.readout.empty()) {
    parts.readout_w = matrix(names.readout + "weight", any_extent, parts.states());
    const Index outputs = parts.readout_w.rows();
    parts.readout_b.setZero(outputs);
    const std::string bias = names.readout + "bias";
    if (has(bias)) parts.readout_b = vector(bias, outputs);
  }
  for (const auto& [name, tensor] : file.tensors) {
    const bool ours =
        name.starts_with(names.lstm) || (!names.readout.empty() && name.starts_with(names.readout));
    require(!ours || known.contains(name), "tensor \"", name,
            "\": expected those of an nn.LSTM of ",
            parts.halves.size() / (parts.bidirectional ? 2 : 1),
            " layers without projections and of an nn.Linear only, it is none of them");
  }
  return detail::assemble(parts, options);
}

}  // namespace glstm
