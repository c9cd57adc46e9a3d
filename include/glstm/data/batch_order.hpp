// The order in which training and evaluation take samples, in batches of similar length.
#pragma once

#include <algorithm>
#include <cstddef>
#include <functional>
#include <numeric>
#include <span>
#include <utility>
#include <vector>

#include "glstm/core/batch.hpp"
#include "glstm/core/error.hpp"
#include "glstm/core/random.hpp"
#include "glstm/core/types.hpp"
#include "glstm/data/dataset.hpp"

GLSTM_BEGIN_NAMESPACE
namespace detail {

/// Where the data set tells that samples differ in length, sorts them by length within groups of
/// `group` samples, a multiple of `batch`, and shuffles the batches of `batch` consecutive samples.
/// A batch is as long as its longest sample; and with relative clocks, samples of similar length
/// have similar times, so that a batch shares more of its open windows.
template <class Scalar>
std::vector<Index> similar_lengths_together(const Dataset<Scalar>& data, std::vector<Index> order,
                                            Index batch, Index group, Rng& rng) {
  std::vector<Index> lengths;  // each is asked for once: a data set may have to look them up
  for (Index sample = 0; sample < data.size(); ++sample) lengths.push_back(data.length_of(sample));
  if (std::adjacent_find(lengths.begin(), lengths.end(), std::not_equal_to<>()) == lengths.end()) {
    return order;
  }
  const Index size = data.size(), full = size / batch;
  const auto length = [&](Index sample) { return lengths[static_cast<std::size_t>(sample)]; };
  for (Index begin = 0; begin < size; begin += group) {
    std::stable_sort(order.begin() + begin, order.begin() + std::min(size, begin + group),
                     [&](Index a, Index b) { return length(a) < length(b); });
  }
  std::vector<Index> shuffled;
  for (const Index b : rng.permutation(full)) {
    shuffled.insert(shuffled.end(), order.begin() + b * batch, order.begin() + (b + 1) * batch);
  }
  shuffled.insert(shuffled.end(), order.begin() + full * batch, order.end());
  return shuffled;
}

/// All samples in random order, in batches of `batch` samples of similar length.
template <class Scalar>
std::vector<Index> epoch_order(const Dataset<Scalar>& data, Index batch, Rng& rng) {
  return similar_lengths_together(data, rng.permutation(data.size()), batch, 16 * batch, rng);
}

/// All samples in batches of `batch` samples of similar length, always the same ones. The batches
/// are shuffled, so that each of several processes has short ones and long ones.
template <class Scalar>
std::vector<Index> evaluation_order(const Dataset<Scalar>& data, Index batch) {
  std::vector<Index> order(static_cast<std::size_t>(data.size()));
  std::iota(order.begin(), order.end(), Index(0));
  const Index batches = data.size() / batch + 1;
  Rng rng(0);
  return similar_lengths_together(data, std::move(order), batch, batch * batches, rng);
}

/// Loads samples. Throws Error if the data set gives another number of them.
template <class Scalar>
void load_batch(const Dataset<Scalar>& data, std::span<const Index> samples,
                LabelledBatch<Scalar>& batch) {
  data.load(samples, batch);
  require(batch.input.batch() == static_cast<Index>(samples.size()), "expected a batch of ",
          samples.size(), " samples from a data set, got ", batch.input.batch());
}

/// Calls use(samples, batch) for all samples of a data set, in batches of `batch_size` samples of
/// similar length, the last one with what is left. samples [B] are their numbers.
template <class Scalar, class Use>
void for_each_batch(const Dataset<Scalar>& data, Index batch_size, Use&& use) {
  LabelledBatch<Scalar> batch;
  const std::vector<Index> order = evaluation_order(data, batch_size);
  std::span<const Index> left(order);
  while (!left.empty()) {
    const auto samples = left.first(std::min(static_cast<std::size_t>(batch_size), left.size()));
    load_batch(data, samples, batch);
    use(samples, std::as_const(batch));
    left = left.subspan(samples.size());
  }
}

}  // namespace detail
GLSTM_END_NAMESPACE
