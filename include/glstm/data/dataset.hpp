// Where training and test batches come from.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <numeric>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "glstm/core/batch.hpp"
#include "glstm/core/error.hpp"
#include "glstm/core/types.hpp"

GLSTM_BEGIN_NAMESPACE

/// A numbered collection of samples, which training and evaluation load in batches.
template <class Scalar>
class Dataset {
 public:
  virtual ~Dataset() = default;

  virtual Index size() const = 0;  ///< the number of samples

  /// Writes `samples`, each in 0 ... size() - 1, into `batch`, reusing its memory; row b holds
  /// samples[b]. The library never makes two calls at once.
  virtual void load(std::span<const Index> samples, LabelledBatch<Scalar>& batch) const = 0;

  /// load for a training step, where a data set may vary its samples at random. What it draws for a
  /// sample must depend on `seed`, which differs from epoch to epoch, and the sample alone. By
  /// default: load.
  virtual void load_for_training(std::span<const Index> samples, std::uint64_t seed,
                                 LabelledBatch<Scalar>& batch) const {
    static_cast<void>(seed);
    load(samples, batch);
  }

  /// The number of steps of a sample, by which samples of similar length are put into a batch; 0,
  /// for all samples, where it is not known.
  virtual Index length_of(Index sample) const {
    static_cast<void>(sample);
    return 0;
  }
};

namespace detail {

/// Throws Error, which names `source`, unless all samples are in 0 ... size - 1.
inline void require_samples(std::span<const Index> samples, Index size, std::string_view source) {
  for (Index sample : samples) {
    require(sample >= 0 && sample < size, source, ": expected samples 0..", size - 1, ", got ",
            sample);
  }
}

/// Sorts samples by the numbers of their steps, where the data set tells them; those of one length
/// keep their order. A batch is as long as its longest sample, and where times are fractions of a
/// duration, samples of similar length have similar times, so that fewer neurons are open for some
/// samples of a batch only.
template <class Scalar>
void sort_by_length(const Dataset<Scalar>& data, std::span<Index> samples) {
  std::stable_sort(samples.begin(), samples.end(),
                   [&](Index a, Index b) { return data.length_of(a) < data.length_of(b); });
}

/// All samples of a data set, sorted by length.
template <class Scalar>
std::vector<Index> samples_by_length(const Dataset<Scalar>& data) {
  std::vector<Index> samples(static_cast<std::size_t>(data.size()));
  std::iota(samples.begin(), samples.end(), Index(0));
  sort_by_length(data, samples);
  return samples;
}

/// Calls use(samples, batch) for all samples of a data set, sorted by length, in batches of up to
/// `batch_size`; samples [B] are their numbers.
template <class Scalar, class Use>
void for_each_batch(const Dataset<Scalar>& data, Index batch_size, Use&& use) {
  LabelledBatch<Scalar> batch;
  const std::vector<Index> order = samples_by_length(data);
  std::span<const Index> left(order);
  while (!left.empty()) {
    const auto samples = left.first(std::min(static_cast<std::size_t>(batch_size), left.size()));
    data.load(samples, batch);
    use(samples, std::as_const(batch));
    left = left.subspan(samples.size());
  }
}

}  // namespace detail

GLSTM_END_NAMESPACE
