// What a network must be before another program can run it.
#pragma once

#include "glstm/core/error.hpp"
#include "glstm/exchange/source_file.hpp"
#include "glstm/nn/network.hpp"

GLSTM_BEGIN_NAMESPACE
namespace detail {

/// Throws Error, which names `target`, where Network::check_parameters does.
template <TimeGate Gate>
void check_exportable(const Network<Gate>& network, const char* target) {
  naming_source(text_of("a network for ", target), [&] { network.check_parameters(); });
}

}  // namespace detail
GLSTM_END_NAMESPACE
