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

  /// The number of steps of a sample, by which training puts samples of similar length into a
  /// batch; 0, for all samples, where it is not known.
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

/// Calls use(first, batch) for all samples of a data set in order, in batches of up to `batch_size`
/// samples, of which `first` is the number of the first one.
template <class Scalar, class Use>
void for_each_batch(const Dataset<Scalar>& data, Index batch_size, Use&& use) {
  LabelledBatch<Scalar> batch;
  std::vector<Index> samples;
  for (Index first = 0; first < data.size(); first += batch_size) {
    samples.resize(static_cast<std::size_t>(std::min(batch_size, data.size() - first)));
    std::iota(samples.begin(), samples.end(), first);
    data.load(samples, batch);
    use(first, std::as_const(batch));
  }
}

}  // namespace detail

GLSTM_END_NAMESPACE
