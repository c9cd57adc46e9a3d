// The names and shapes of a network's parameter blocks.
#pragma once

#include <cstddef>
#include <string>

#include "glstm/core/error.hpp"
#include "glstm/core/types.hpp"
#include "glstm/lstm/layer.hpp"
#include "glstm/nn/dense.hpp"

GLSTM_BEGIN_NAMESPACE
namespace detail {

/// The name of direction 0 or 1 of layer l: "layer0", "layer0.reverse".
inline std::string layer_name(std::size_t l, Index direction) {
  return text_of("layer", l, direction == 1 ? ".reverse" : "");
}

inline constexpr const char* readout_prefix = "readout.";

/// Calls visit(l, name, inputs, hidden) for every layer, from the input on, and each of its
/// directions, forward first. Returns the number of the readout's inputs. `sizes` has the members
/// inputs, hidden and bidirectional, as NetworkOptions has.
template <class Sizes, class Visit>
Index for_each_layer(const Sizes& sizes, Visit&& visit) {
  const Index directions = sizes.bidirectional ? 2 : 1;
  Index inputs = sizes.inputs;
  for (std::size_t l = 0; l < sizes.hidden.size(); ++l) {
    for (Index direction = 0; direction < directions; ++direction) {
      visit(l, layer_name(l, direction), inputs, sizes.hidden[l]);
    }
    inputs = directions * sizes.hidden[l];
  }
  return inputs;
}

/// Calls visit(prefix, inputs, outputs) for every layer before the readout, which sees `inputs`
/// hidden states, and for the readout. `sizes` has the members readout_layers and outputs too.
template <class Sizes, class Visit>
void for_each_readout(const Sizes& sizes, Index inputs, Visit&& visit) {
  for (std::size_t i = 0; i < sizes.readout_layers.size(); ++i) {
    visit(text_of("readout_layer", i, "."), inputs, sizes.readout_layers[i].size);
    inputs = sizes.readout_layers[i].size;
  }
  visit(std::string(readout_prefix), inputs, sizes.outputs);
}

/// Calls visit(name, rows, cols, role) for the blocks behind those of layers and readout. `sizes`
/// has the members input_skip and learned_state too.
template <class Sizes, class Visit>
void for_each_extra_block(const Sizes& sizes, Visit&& visit) {
  if (sizes.input_skip) {
    visit(std::string(readout_prefix) + "x", sizes.outputs, sizes.inputs, ParameterRole::weight);
  }
  for (std::size_t l = 0; l < sizes.hidden.size() && sizes.learned_state; ++l) {
    for (const char* state : {".h0", ".c0"}) {
      visit(layer_name(l, 0) + state, sizes.hidden[l], Index(1), ParameterRole::bias);
    }
  }
}

/// Calls visit(name, rows, cols, role) for every parameter block that a network of these sizes has,
/// in their order. No network is made, so that a reader can compare a file with them before it
/// allocates anything.
template <class Sizes, class Names, class Visit>
void for_each_network_block(const Sizes& sizes, const Names& gate_parameters, Visit&& visit) {
  const Index inputs = for_each_layer(
      sizes, [&](std::size_t, const std::string& name, Index layer_inputs, Index hidden) {
        for_each_layer_block(name + ".", layer_inputs, hidden, gate_parameters, visit);
      });
  for_each_readout(sizes, inputs, [&](const std::string& prefix, Index first, Index last) {
    for_each_dense_block(prefix, first, last, visit);
  });
  for_each_extra_block(sizes, visit);
}

}  // namespace detail
GLSTM_END_NAMESPACE
