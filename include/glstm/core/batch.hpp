// Batches of sequences with their targets.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include "glstm/core/error.hpp"
#include "glstm/core/timing.hpp"
#include "glstm/core/types.hpp"

GLSTM_BEGIN_NAMESPACE

/// A batch of sequences: values is [B, I*T], step n the columns n*I ... n*I + I - 1.
template <class Scalar>
struct SequenceBatch {
  Index features = 0;
  Matrix<Scalar> values;
  Timing timing;

  /// An all-zero batch of T steps at times 0, 1, 2, ...
  static SequenceBatch zeros(Index batch, Index steps, Index features) {
    SequenceBatch result;
    result.resize(batch, steps, features);
    result.values.setZero();
    return result;
  }

  /// Makes this a batch of these sizes, without timestamps and lengths, and reuses its memory. The
  /// values are unspecified.
  void resize(Index batch, Index steps, Index number_of_features) {
    features = number_of_features;
    values.resize(batch, features * steps);
    timing.batch = batch;
    timing.steps = steps;
    timing.timestamps.resize(0, 0);
    timing.lengths.clear();
  }

  Index batch() const { return timing.batch; }
  Index steps() const { return timing.steps; }
  auto step(Index n) const { return values.middleCols(n * features, features); }
  auto step(Index n) { return values.middleCols(n * features, features); }

  /// Throws Error if values or timing have a wrong size, or the timing is unusable.
  void check() const {
    timing.check();
    detail::require(values.rows() == batch() && values.cols() == features * steps(),
                    "the values of a batch must be [B, I*T] = [", batch(), ",", features * steps(),
                    "], got [", values.rows(), ",", values.cols(), "]");
  }
};

/// What a network should predict: `labels` where it chooses a class, `values` where it answers
/// numbers. There are N predictions for each sample: N = 1 when the network reads out the last
/// step, else T, one for each step. Rows are samples and columns are steps in all three.
template <class Scalar>
struct Targets {
  Matrix<Scalar> values = {};  ///< [B, O*N]  O numbers for each prediction
  Matrix<int> labels = {};     ///< [B,N]     in 0 ... O-1
  /// How much each prediction counts in the loss, [B,N]; empty: all count 1. A prediction with a
  /// weight of 0 has no target, and does not count in the accuracy either.
  Matrix<Scalar> weights = {};

  /// The weight of prediction n of a sample.
  double weight(Index sample, Index n) const {
    return weights.size() == 0 ? 1 : static_cast<double>(weights(sample, n));
  }
};

/// A batch and its targets.
template <class Scalar>
struct LabelledBatch {
  SequenceBatch<Scalar> input;
  Targets<Scalar> targets;

  /// SequenceBatch::resize; there are no targets afterwards.
  void resize(Index batch, Index steps, Index features) {
    input.resize(batch, steps, features);
    targets.values.resize(0, 0);
    targets.labels.resize(0, 0);
    targets.weights.resize(0, 0);
  }
};

/// Copies `count` samples of a batch, from sample `first` on, into `out`, reusing its memory.
/// Throws Error if there are no such samples. The batch must fit together: SequenceBatch::check.
template <class Scalar>
void copy_samples(const SequenceBatch<Scalar>& batch, Index first, Index count,
                  SequenceBatch<Scalar>& out) {
  detail::require(first >= 0 && count >= 1 && first + count <= batch.batch(), "there are no ",
                  count, " samples from ", first, " on in a batch of ", batch.batch());
  out.features = batch.features;
  out.values = batch.values.middleRows(first, count);
  const Timing& timing = batch.timing;
  out.timing.batch = count;
  out.timing.steps = timing.steps;
  if (timing.timestamps.rows() > 1) {
    out.timing.timestamps = timing.timestamps.middleRows(first, count);
  } else {
    out.timing.timestamps = timing.timestamps;
  }
  out.timing.lengths.clear();
  if (!timing.lengths.empty()) {
    const auto begin = timing.lengths.begin() + first;
    out.timing.lengths.assign(begin, begin + count);
  }
}

/// Copies samples with their targets. Throws Error if there are no such samples, or targets that do
/// not fit the batch.
template <class Scalar>
void copy_samples(const LabelledBatch<Scalar>& batch, Index first, Index count,
                  LabelledBatch<Scalar>& out) {
  const Index B = batch.input.batch();
  const auto& [values, labels, weights] = batch.targets;
  for (const Index rows :
       {values.size() > 0 ? values.rows() : B, labels.size() > 0 ? labels.rows() : B,
        weights.size() > 0 ? weights.rows() : B}) {
    detail::require(rows == B, "targets must have ", B, " rows, got ", rows);
  }
  copy_samples(batch.input, first, count, out.input);
  const auto copy_rows = [&]<class Rows>(const Rows& from, Rows& to) {
    if (from.size() == 0) {
      to.resize(0, 0);
    } else {
      to = from.middleRows(first, count);
    }
  };
  copy_rows(values, out.targets.values);
  copy_rows(labels, out.targets.labels);
  copy_rows(weights, out.targets.weights);
}

/// Copies `count` steps of a batch, from step `first` on, into `out`, reusing its memory. `out`
/// always gets timestamps, so that its steps keep their times. Throws Error if there are no such
/// steps. The batch must fit together: SequenceBatch::check.
template <class Scalar>
void copy_steps(const SequenceBatch<Scalar>& batch, Index first, Index count,
                SequenceBatch<Scalar>& out) {
  detail::require(first >= 0 && count >= 1 && first + count <= batch.steps(), "there are no ",
                  count, " steps from ", first, " on in a batch of ", batch.steps());
  const Timing& timing = batch.timing;
  out.features = batch.features;
  out.values = batch.values.middleCols(first * batch.features, count * batch.features);
  out.timing.batch = timing.batch;
  out.timing.steps = count;
  if (timing.timestamps.size() != 0) {
    out.timing.timestamps = timing.timestamps.middleCols(first, count);
  } else {
    out.timing.timestamps.resize(1, count);
    for (Index n = 0; n < count; ++n) out.timing.timestamps(0, n) = static_cast<double>(first + n);
  }
  out.timing.lengths.clear();
  for (Index length : timing.lengths) {
    out.timing.lengths.push_back(std::clamp<Index>(length - first, 0, count));
  }
}

/// Copies steps with their targets. Throws Error if there are no such steps, or no target for every
/// step.
template <class Scalar>
void copy_steps(const LabelledBatch<Scalar>& batch, Index first, Index count,
                LabelledBatch<Scalar>& out) {
  const Index B = batch.input.batch(), T = batch.input.steps();
  const auto& [values, labels, weights] = batch.targets;
  const auto fits = [&](const auto& rows) {  // [B,T] or none
    return rows.size() == 0 || (rows.rows() == B && rows.cols() == T);
  };
  detail::require(fits(weights), "weights of targets must be [", B, ",", T, "] or none, got [",
                  weights.rows(), ",", weights.cols(), "]");
  detail::require(T > 0 && (values.size() == 0 || (values.rows() == B && values.cols() % T == 0)) &&
                      fits(labels) && (values.size() > 0 || labels.size() > 0),
                  "there must be a target for every step, [B, O*T] values or [B,T] labels with B ",
                  B, " and T ", T, ", got [", values.rows(), ",", values.cols(), "] and [",
                  labels.rows(), ",", labels.cols(), "]");
  copy_steps(batch.input, first, count, out.input);
  const auto copy_columns = [&]<class Rows>(const Rows& from, Rows& to) {
    const Index width = from.cols() / T;
    if (from.size() == 0) {
      to.resize(0, 0);
    } else {
      to = from.middleCols(first * width, count * width);
    }
  };
  copy_columns(values, out.targets.values);
  copy_columns(labels, out.targets.labels);
  copy_columns(weights, out.targets.weights);
}

namespace detail {

/// Names the first number in the valid steps of a batch, or in its targets, that is not finite:
/// "feature 1 of step 7 of sample 17 is not a number". Returns "" when all are finite.
/// `predictions` is 1 where the last step is read out, else T. Sample b of the batch is sample
/// samples[b] of the user's data; none: b.
template <class Scalar>
std::string first_number_not_finite(const LabelledBatch<Scalar>& batch, Index predictions,
                                    std::span<const Index> samples = {}) {
  std::string found;
  const auto look = [&](const char* what, const Matrix<Scalar>& values, Index width, bool by_step) {
    const Timing& timing = batch.input.timing;
    for (Index b = 0; b < values.rows() && found.empty(); ++b) {
      const Index valid = by_step ? width * timing.length(b) : width;
      for (Index column = 0; column < valid && found.empty(); ++column) {
        const Scalar number = values(b, column);
        if (std::isfinite(number)) continue;
        const Index sample = samples.empty() ? b : samples[static_cast<std::size_t>(b)];
        const std::string step = by_step ? text_of(" of step ", column / width) : "";
        found = text_of(what, ' ', column % width, step, " of sample ", sample, " is ",
                        std::isnan(number) ? "not a number" : "infinite");
      }
    }
  };
  look("feature", batch.input.values, batch.input.features, true);
  const Index steps = std::max<Index>(1, predictions);
  look("target", batch.targets.values, batch.targets.values.cols() / steps, predictions > 1);
  return found;
}

}  // namespace detail
GLSTM_END_NAMESPACE
