// The adding task: predict the sum of two marked numbers in a long sequence.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>

#include "glstm/core/batch.hpp"
#include "glstm/core/error.hpp"
#include "glstm/core/random.hpp"
#include "glstm/core/types.hpp"
#include "glstm/data/dataset.hpp"

GLSTM_BEGIN_NAMESPACE

/// The adding task, a regression from T steps of two features to one number.
///
/// Feature 0 is a value from U(-0.5, 0.5); feature 1, the marker, is 1 at exactly two steps and 0
/// elsewhere. The target [B,1] is the sum of the two marked values. The early marker is uniform
/// over the first 10 % of the steps (0 ... max(1, T/10) - 1), the late one over the last 50 %
/// (T - T/2 ... T - 1), divisions rounded down.
///
/// The task is Hochreiter & Schmidhuber's (1997, experiment 4), in the variant of Neil et al.
/// (Phased LSTM, arXiv:1610.09513): fixed length, no -1 markers at the ends, target not rescaled.
///
/// Sample i depends on the seed and i alone. Use two tasks with different seeds for training and
/// test data.
template <class Scalar>
class AddingTask : public Dataset<Scalar> {
 public:
  static constexpr Index features = 2;

  /// The variance of the target, that of two independent values of variance 1/12 each. It is the
  /// mean squared error of always predicting 0 ("chance").
  static constexpr Scalar target_variance = Scalar(1) / Scalar(6);

  /// `size` samples of `steps` steps. Throws Error unless steps >= 2 and size >= 1.
  AddingTask(Index steps, Index size, std::uint64_t seed)
      : steps_(steps), size_(size), seed_(seed) {
    detail::require(steps >= 2, "the adding task needs at least 2 steps, got ", steps);
    detail::require(size >= 1, "the adding task needs at least 1 sample, got ", size);
  }

  Index size() const override { return size_; }
  Index steps() const { return steps_; }

  /// Throws Error when a sample is not in 0 ... size() - 1.
  void load(std::span<const Index> samples, LabelledBatch<Scalar>& batch) const override {
    detail::require_samples(samples, size_, "the adding task");
    const Index count = static_cast<Index>(samples.size());
    batch.resize(count, steps_, features);
    batch.input.values.setZero();
    batch.targets.values.resize(count, 1);
    for (Index b = 0; b < count; ++b) fill(b, samples[static_cast<std::size_t>(b)], batch);
  }

 private:
  void fill(Index b, Index sample, LabelledBatch<Scalar>& batch) const {
    Rng rng = detail::sample_rng(seed_, sample);
    const Index early = rng.below(std::max<Index>(1, steps_ / 10));
    const Index late = steps_ - steps_ / 2 + rng.below(steps_ / 2);
    Matrix<Scalar>& values = batch.input.values;
    for (Index n = 0; n < steps_; ++n) {
      values(b, features * n) = static_cast<Scalar>(rng.uniform(-0.5, 0.5));
    }
    values(b, features * early + 1) = Scalar(1);
    values(b, features * late + 1) = Scalar(1);
    batch.targets.values(b, 0) = values(b, features * early) + values(b, features * late);
  }

  Index steps_, size_;
  std::uint64_t seed_;
};

GLSTM_END_NAMESPACE
