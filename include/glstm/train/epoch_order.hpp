// The order in which training takes samples.
#pragma once

#include <algorithm>
#include <cstddef>
#include <span>
#include <vector>

#include "glstm/core/random.hpp"
#include "glstm/core/types.hpp"
#include "glstm/data/dataset.hpp"

GLSTM_BEGIN_NAMESPACE
namespace detail {

/// All samples in random order. Where the data set tells the numbers of their steps, batches of
/// `batch` consecutive samples have similar ones, since a batch is as long as its longest sample:
/// samples are sorted within groups of 16 batches, and the batches shuffled.
template <class Scalar>
std::vector<Index> epoch_order(const Dataset<Scalar>& data, Index batch, Rng& rng) {
  std::vector<Index> order = rng.permutation(data.size());
  const Index first = data.length_of(0);
  const bool ragged = std::any_of(order.begin(), order.end(),
                                  [&](Index sample) { return data.length_of(sample) != first; });
  if (!ragged) return order;
  const Index size = data.size(), full = size / batch;
  for (Index begin = 0; begin < size; begin += 16 * batch) {
    sort_by_length(
        data, std::span(order.begin() + begin, order.begin() + std::min(size, begin + 16 * batch)));
  }
  std::vector<Index> shuffled;
  for (const Index b : rng.permutation(full)) {
    shuffled.insert(shuffled.end(), order.begin() + b * batch, order.begin() + (b + 1) * batch);
  }
  shuffled.insert(shuffled.end(), order.begin() + full * batch, order.end());
  return shuffled;
}

}  // namespace detail
GLSTM_END_NAMESPACE
