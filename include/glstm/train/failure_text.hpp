// Why a training stopped, for people.
#pragma once

#include <cmath>
#include <string>
#include <vector>

#include "glstm/core/batch.hpp"
#include "glstm/core/error.hpp"
#include "glstm/core/types.hpp"
#include "glstm/nn/network.hpp"

GLSTM_BEGIN_NAMESPACE
namespace detail {

/// The message for a training step at which `what` became infinite or not a number. Names the
/// number in the user's data, if there is one; otherwise the first parameter block of `values` [P],
/// and what helps against divergence. `samples` are those in the batch, see
/// first_number_not_finite.
template <TimeGate Gate, class Scalar = typename Gate::Scalar>
std::string failure_text(Index step, const char* what, const Network<Gate>& network,
                         const Vector<Scalar>& values, const LabelledBatch<Scalar>& batch,
                         const std::vector<Index>& samples) {
  const std::string stopped = text_of("training stopped at step ", step, ": ");
  const std::string kept = "; the network keeps its last good parameters";
  const std::string culprit =
      first_number_not_finite(batch, network.predictions_per_sample(batch.input.timing), samples);
  if (!culprit.empty()) return stopped + "in the training data, " + culprit + kept;
  std::string block;
  for (Index i = 0; i < values.size() && block.empty(); ++i) {
    if (std::isfinite(values(i))) continue;
    block = text_of(", first in parameter block ", network.layout().block_of(i).name);
  }
  return text_of(stopped, "the ", what, " became infinite or not a number", block, kept,
                 ". A smaller learning rate helps, and so do features and targets on a scale of ",
                 "about 1");
}

}  // namespace detail
GLSTM_END_NAMESPACE
