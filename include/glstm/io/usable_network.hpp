// What a network must be before it is written to a file or handed to another program.
#pragma once

#include <cmath>

#include "glstm/core/error.hpp"
#include "glstm/core/parameters.hpp"
#include "glstm/nn/network.hpp"

GLSTM_BEGIN_NAMESPACE
namespace detail {

/// Throws Error unless the network has as many parameters as its layout, all of them are finite,
/// and every time gate accepts its own.
template <TimeGate Gate>
void check_usable(const Network<Gate>& network) {
  network.layout().check(network.parameters, "the parameters of a network");
  for (const ParameterBlock& block : network.layout().blocks()) {
    for (const auto parameter : block_view(network.parameters, block).reshaped()) {
      require(std::isfinite(parameter), "parameter block \"", block.name,
              "\": expected finite numbers, got ", parameter);
    }
  }
  for (const Layer<Gate>& layer : network.layers()) layer.gate(network.parameters);
}

}  // namespace detail
GLSTM_END_NAMESPACE
