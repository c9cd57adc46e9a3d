// Weights of PyTorch's nn.LSTM and nn.Linear.
#pragma once

#include <algorithm>
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

/// An nn.Linear before the last one, and what is applied to its outputs.
struct PyTorchLinear {
  std::string prefix;  ///< of its tensors
  Activation activation = Activation::relu;
};

/// Where the weights lie in a PyTorch model, and what its file does not tell about the network.
struct PyTorchOptions {
  /// Prefixes of the tensors of the nn.LSTM, or of several nn.LSTM or nn.LSTMCell in the order in
  /// which the model calls them, each on the states of the one before; {""}: it is the whole model.
  std::vector<std::string> lstm = std::vector<std::string>(1, "lstm.");  // g++ 12 fails at a list
  std::string linear = "fc.";  ///< prefix of the nn.Linear's tensors; empty: there is no nn.Linear
  /// For loading: the nn.Linear between the LSTM layers and `linear`, in the order in which the
  /// model calls them; files do not tell their activations.
  std::vector<PyTorchLinear> linears_before = {};
  Readout readout = Readout::last_step;  ///< for loading; files do not tell it
  Loss loss = mean_squared_error();      ///< for loading; files do not tell it
  /// For loading: leave out the tensors of other modules. Otherwise they are an error, because the
  /// network would be another function than the model.
  bool ignore_others = false;
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

/// Returns the network with the weights of nn.LSTM modules of any depth, with one or two
/// directions, or nn.LSTMCell, of an nn.Linear, and of those before it. If options.linear is empty,
/// the network's outputs are what the last layer hands on. Sizes follow from the shapes. The two
/// biases are added; a model with bias=False gets biases of zero. Floating-point numbers of other
/// types are converted. Where the names of all tensors begin with `module.` or `_orig_mod.`, as
/// nn.DataParallel and torch.compile write them, that is left out.
///
/// Throws Error if a tensor is missing, has a wrong shape or has numbers that are not finite, if
/// there are further tensors (see ignore_others), or if an nn.LSTM has projections (proj_size),
/// which glstm does not support.
template <PlainLstm Loaded>
Loaded from_pytorch(const Safetensors& file, const PyTorchOptions& options = {});

template <TimeGate Gate>
Safetensors to_pytorch(const Network<Gate>& trained, const PyTorchOptions& options) {
  using Scalar = typename Gate::Scalar;
  using detail::add_weight;
  detail::require_plain<Gate>();
  trained.check_parameters();
  detail::require_no_extras(trained);
  const Network<Gate> network = fold_scaling(trained);
  const std::vector<Index>& hidden = network.options().hidden;
  detail::require(options.lstm.size() == 1, "expected the prefix of one nn.LSTM to write, got ",
                  options.lstm.size());
  const std::string& lstm = options.lstm[0];
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
      add_weight(file, lstm + "weight_ih" + end, weights.Wx, {4 * H, layer.inputs()});
      add_weight(file, lstm + "weight_hh" + end, weights.Wh, {4 * H, H});
      add_weight(file, lstm + "bias_ih" + end, weights.b, {4 * H});
      add_weight(file, lstm + "bias_hh" + end, Vector<Scalar>::Zero(4 * H), {4 * H});
    }
  }
  if (!options.linear.empty()) {
    const auto w = network.readout_weights();
    add_weight(file, options.linear + "weight", w, {w.rows(), w.cols()});
    add_weight(file, options.linear + "bias", network.readout_bias(), {w.rows()});
  }
  return file;
}

namespace detail {

/// What wrappers of modules put before all names: any number of `module.` and `_orig_mod.`.
inline std::string wrapper_prefix(const Safetensors& file) {
  if (file.tensors.empty()) return "";
  // Names are sorted: what the first and the last begin with, all begin with.
  const std::string &first = file.tensors.begin()->first, &last = file.tensors.rbegin()->first;
  std::size_t size = 0;
  for (bool found = true; found;) {
    found = false;
    for (const std::string_view wrapper : {"module.", "_orig_mod."}) {
      if (first.compare(size, wrapper.size(), wrapper) == 0 &&
          last.compare(size, wrapper.size(), wrapper) == 0) {
        size += wrapper.size();
        found = true;
      }
    }
  }
  return first.substr(0, size);
}

/// The file without what wrappers put before the names, unless `prefix` asks for it.
inline Safetensors without_wrapper(const Safetensors& file, const std::string& prefix) {
  const std::string wrapper = wrapper_prefix(file);
  if (wrapper.empty() || prefix.starts_with(wrapper)) return file;
  Safetensors inner{file.metadata, {}};
  for (const auto& [name, tensor] : file.tensors) {
    inner.tensors.emplace(name.substr(wrapper.size()), tensor);
  }
  return inner;
}

/// Reads one layer of an nn.LSTM, whose names end with `end`, or an nn.LSTMCell (""). `gates` is 4H
/// where a layer before tells it.
template <class Scalar>
LstmDirection<Scalar> read_pytorch_layer(TensorReader<Scalar>& reader, const std::string& prefix,
                                         const std::string& end, Index inputs, Index gates) {
  const std::string weight_ih = prefix + "weight_ih" + end;
  LstmDirection<Scalar> layer;
  layer.w_ih = reader.matrix(weight_ih, gates, inputs);
  gates = layer.w_ih.rows();
  const std::string weight_hh = prefix + "weight_hh" + end;
  for (const auto& [kind, parts] : {std::pair("an nn.RNN", 1), std::pair("an nn.GRU", 3)}) {
    require(gates % parts != 0 || !reader.has(weight_hh, {gates, gates / parts}),
            tensor_called(weight_hh), ": expected an nn.LSTM, got ", kind,
            ", which glstm does not have");
  }
  layer.w_hh = reader.matrix(weight_hh, gates, quarter(gates, tensor_called(weight_ih)));
  const std::string bias_ih = prefix + "bias_ih" + end, bias_hh = prefix + "bias_hh" + end;
  layer.b.setZero(gates);
  if (reader.has(bias_ih) || reader.has(bias_hh)) {
    layer.b = reader.vector(bias_ih, gates) + reader.vector(bias_hh, gates);
  }
  return layer;
}

/// Reads an nn.LSTM or nn.LSTMCell into `parts`.
template <class Scalar>
void read_pytorch_module(TensorReader<Scalar>& reader, const std::string& prefix,
                         LstmParts<Scalar>& parts) {
  require(!reader.has(prefix + "weight_hr_l0"), "expected the nn.LSTM \"", prefix,
          "\" without projections, got one with projections (proj_size)");
  const bool first = parts.directions.empty();
  const bool reverse = reader.has(prefix + "weight_ih_l0_reverse");
  require(first || parts.bidirectional == reverse,
          "expected modules of the same directions, got \"", prefix,
          reverse ? "\" with two" : "\" with one");
  parts.bidirectional = reverse;
  if (reader.has(prefix + "weight_ih")) {
    parts.directions.push_back(read_pytorch_layer(reader, prefix, "", parts.states(), any_extent));
    return;
  }
  Index gates = any_extent;  // the same in all layers of a module
  for (Index l = 0; l == 0 || reader.has(text_of(prefix, "weight_ih_l", l)); ++l) {
    Index inputs = parts.states();
    for (const char* suffix : {"", "_reverse"}) {
      parts.directions.push_back(
          read_pytorch_layer(reader, prefix, text_of("_l", l, suffix), inputs, gates));
      inputs = parts.directions.back().w_ih.cols();
      gates = parts.directions.back().w_ih.rows();
      if (!parts.bidirectional) break;
    }
  }
}

}  // namespace detail

template <PlainLstm Loaded>
Loaded from_pytorch(const Safetensors& wrapped, const PyTorchOptions& options) {
  using Scalar = typename Loaded::Scalar;
  detail::require(!options.lstm.empty(), "expected the prefix of at least one nn.LSTM, got none");
  const Safetensors file = detail::without_wrapper(wrapped, options.lstm[0]);
  detail::TensorReader<Scalar> reader(file);
  detail::LstmParts<Scalar> parts;
  for (const std::string& prefix : options.lstm) {
    detail::read_pytorch_module(reader, prefix, parts);
  }
  const auto read_linear = [&](const std::string& prefix, Activation activation) {
    detail::DensePart<Scalar> layer{
        reader.matrix(prefix + "weight", detail::any_extent, parts.outputs()), {}, activation};
    layer.b = reader.bias(prefix + "bias", layer.w.rows());
    parts.dense.push_back(std::move(layer));
  };
  for (const PyTorchLinear& linear : options.linears_before) {
    read_linear(linear.prefix, linear.activation);
  }
  if (!options.linear.empty()) read_linear(options.linear, Activation::linear);
  reader.require_no_other(
      detail::text_of(parts.layers(), " LSTM layers without projections and an nn.Linear"),
      [&](const std::string& name) {
        const auto is_of = [&](const std::string& prefix) { return name.starts_with(prefix); };
        return !options.ignore_others ||
               std::any_of(options.lstm.begin(), options.lstm.end(), is_of) ||
               std::any_of(options.linears_before.begin(), options.linears_before.end(),
                           [&](const PyTorchLinear& linear) { return is_of(linear.prefix); }) ||
               (!options.linear.empty() && is_of(options.linear));
      },
      "; name all modules in PyTorchOptions, or set ignore_others");
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
