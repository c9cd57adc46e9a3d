// Where training and test batches come from.
#pragma once

#include <span>

#include "glstm/core/batch.hpp"
#include "glstm/core/types.hpp"

GLSTM_BEGIN_NAMESPACE

/// Where training and test batches come from: a numbered collection of samples.
template <class Scalar>
class Dataset {
 public:
  virtual ~Dataset() = default;

  virtual Index size() const = 0;

  /// Writes the named samples into `batch`, reusing its memory; row b holds samples[b]. Threads
  /// take turns: the library never makes two calls at once.
  virtual void load(std::span<const Index> samples, LabelledBatch<Scalar>& batch) const = 0;
};

GLSTM_END_NAMESPACE
