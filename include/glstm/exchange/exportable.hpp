// What a network must be before another program can run it.
#pragma once

#include "glstm/core/error.hpp"
#include "glstm/core/parameters.hpp"
#include "glstm/nn/network.hpp"

GLSTM_BEGIN_NAMESPACE
namespace detail {

/// Throws Error, which names `target`, unless the parameters are as many as the layout says, finite
/// and, those of the time gates, usable.
template <TimeGate Gate>
void check_exportable(const Network<Gate>& network, const char* target) {
  network.layout().check(network.parameters, "the parameters of a network");
  for (const ParameterBlock& block : network.layout().blocks()) {
    require(block_view(network.parameters, block).allFinite(), "a network for ", target,
            " must have finite parameters, \"", block.name, "\" has not");
  }
  for (const Layer<Gate>& layer : network.layers()) layer.gate(network.parameters);  // checks them
}

}  // namespace detail
GLSTM_END_NAMESPACE
