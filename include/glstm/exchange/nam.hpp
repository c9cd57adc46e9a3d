// Model files of Neural Amp Modeler: amplifiers as LSTMs, in JSON.
#pragma once

#include <cmath>
#include <cstddef>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "glstm/core/error.hpp"
#include "glstm/core/types.hpp"
#include "glstm/exchange/lstm_weights.hpp"
#include "glstm/io/source_file.hpp"
#include "glstm/io/strict_json.hpp"
#include "glstm/nn/network.hpp"

GLSTM_BEGIN_NAMESPACE

/// Reads a model of at most 1 GiB, not compressed, from the file `path`, as in
/// load_nam<Lstm<float>>(path). Errors name the file.
template <PlainLstm Loaded>
Loaded load_nam(const std::filesystem::path& path);

/// Returns the network of a Neural Amp Modeler model (.nam) with the architecture LSTM, which
/// answers every step and has learned initial states. The list "weights" holds, for each layer, W
/// [4H, I + H] in row-major order for the input and the hidden state side by side, b [4H], h0 [H]
/// and c0 [H], gates in the order i, f, g, o; then the readout's w [1,H] and b [1]. What surrounds
/// the network in a plugin, such as its levels, is not a part of it.
///
/// Throws Error, which names `source`, if the model has another architecture, or other than so many
/// finite weights.
template <PlainLstm Loaded>
Loaded from_nam(std::string_view json, const std::string& source);

template <PlainLstm Loaded>
Loaded from_nam(std::string_view json, const std::string& source) {
  using detail::Json, detail::require;
  using Scalar = typename Loaded::Scalar;
  const Json model = detail::parse_json_object(json, 8, "a model", source);
  detail::JsonMembers members(model, source);
  const std::string architecture = members.text("architecture");
  require(architecture == "LSTM", source, ": expected the architecture LSTM, got \"", architecture,
          "\", which glstm does not have");
  detail::JsonMembers config(members.at("config"), source + ": config");
  const Index I = config.size("input_size"), H = config.size("hidden_size");
  const Index layers = config.size("num_layers");
  const Json& list = members.list("weights");

  // Checked before anything is allocated.
  constexpr Index most = 1 << 16;
  require(I <= most && H <= most && layers <= most, source, ": expected sizes of at most ", most,
          ", got ", I, ", ", H, " and ", layers);
  const Index first = 4 * H * (I + H) + 6 * H, other = 8 * H * H + 6 * H;
  const Index expected = first + (layers - 1) * other + H + 1;
  require(static_cast<Index>(list.size()) == expected, source, ": expected ", expected,
          " weights for ", layers, " layers of ", H, " neurons and ", I, " features, got ",
          list.size());
  std::size_t next = 0;
  const auto take = [&] {
    const Json& number = list[next++];
    require(number.is_number(), source, ": expected weights that are numbers, got ",
            number.type_name());
    const Scalar weight = number.get<Scalar>();
    require(std::isfinite(weight), source, ": expected finite weights, got ", number);
    return weight;
  };
  Loaded network({.inputs = I,
                  .hidden = std::vector<Index>(static_cast<std::size_t>(layers), H),
                  .outputs = 1,
                  .readout = Readout::every_step,
                  .learned_state = true});
  const auto fill = [&](const std::string& name) {
    auto block = block_view(network.parameters, network.layout().find(name));
    for (Scalar& weight : block.reshaped()) weight = take();
  };
  for (std::size_t l = 0; l < network.layers().size(); ++l) {
    const std::string layer = detail::layer_name(l, 0);
    auto w_ih = block_view(network.parameters, network.layout().find(layer + ".w_ih"));
    auto w_hh = block_view(network.parameters, network.layout().find(layer + ".w_hh"));
    for (Index row = 0; row < 4 * H; ++row) {
      for (Index i = 0; i < w_ih.cols(); ++i) w_ih(row, i) = take();
      for (Index j = 0; j < H; ++j) w_hh(row, j) = take();
    }
    for (const char* block : {".b", ".h0", ".c0"}) fill(layer + block);
  }
  fill("readout.w");  // [1,H]
  fill("readout.b");
  return network;
}

template <PlainLstm Loaded>
Loaded load_nam(const std::filesystem::path& path) {
  return detail::parse_model_file(path, [&](const std::string& text, const std::string& name) {
    return from_nam<Loaded>(text, name);
  });
}

GLSTM_END_NAMESPACE
