// Batches of sequences with their targets, and where batches come from.
#pragma once

#include <span>
#include <vector>

#include "glstm/core/timing.hpp"
#include "glstm/core/types.hpp"

namespace glstm {

/// A batch of sequences: values is [B, I*T], step n the columns n*I ... n*I + I - 1.
template <class Scalar>
struct SequenceBatch {
  Index features = 0;
  Matrix<Scalar> values;
  Timing timing;

  /// An all-zero batch of T steps at times 0, 1, 2, ...
  static SequenceBatch zeros(Index batch, Index steps, Index features) {
    SequenceBatch result;
    result.features = features;
    result.values.setZero(batch, features * steps);
    result.timing.batch = batch;
    result.timing.steps = steps;
    return result;
  }

  Index batch() const { return timing.batch; }
  Index steps() const { return timing.steps; }
  auto step(Index n) const { return values.middleCols(n * features, features); }
  auto step(Index n) { return values.middleCols(n * features, features); }
};

/// What a network should answer: `labels` for classification, `values` for regression. One row
/// or label per sample when the last step is read out; [B, O*T] or [B*T] labels (sample
/// fastest) when every step is.
template <class Scalar>
struct Targets {
  Matrix<Scalar> values;
  std::vector<int> labels;
};

template <class Scalar>
struct LabelledBatch {
  SequenceBatch<Scalar> input;
  Targets<Scalar> targets;
};

/// Where training and test batches come from: a numbered collection of samples.
template <class Scalar>
class Dataset {
 public:
  virtual ~Dataset() = default;

  virtual Index size() const = 0;

  /// Writes the named samples into `batch`, reusing its memory; row b holds samples[b].
  virtual void load(std::span<const Index> samples, LabelledBatch<Scalar>& batch) const = 0;
};

}  // namespace glstm
