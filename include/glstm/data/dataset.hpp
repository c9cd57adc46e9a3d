// Where training and test batches come from.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

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

  /// The number of steps of a sample, always the same; 0, for all samples, where it is not known.
  /// Training, evaluation and prediction use it to put samples of similar length into a batch.
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

}  // namespace detail

GLSTM_END_NAMESPACE
