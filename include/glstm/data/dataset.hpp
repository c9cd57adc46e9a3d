// Where training and test batches come from.
#pragma once

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
