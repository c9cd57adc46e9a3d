// A part of a data set, as a data set of its own.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <numeric>
#include <span>
#include <utility>
#include <vector>

#include "glstm/core/batch.hpp"
#include "glstm/core/error.hpp"
#include "glstm/core/types.hpp"
#include "glstm/data/dataset.hpp"

GLSTM_BEGIN_NAMESPACE

/// Some samples of another data set, in any order and any number of times, for instance to hold out
/// a part of the training data. It shares ownership of the other data set.
template <class Scalar>
class Subset final : public Dataset<Scalar> {
 public:
  /// Sample i is sample samples[i] of `whole`. Throws Error unless there is at least one sample and
  /// `whole` has all of them.
  Subset(std::shared_ptr<const Dataset<Scalar>> whole, std::vector<Index> samples)
      : whole_(std::move(whole)), samples_(std::move(samples)) {
    detail::require(whole_ != nullptr, "a subset needs a data set, got none");
    detail::require(!samples_.empty(), "a subset needs at least 1 sample, got 0");
    detail::require_samples(samples_, whole_->size(), "a subset");
  }

  /// Takes samples first ... first + count - 1 of `whole`. Throws Error unless count >= 1 and
  /// `whole` has them.
  Subset(std::shared_ptr<const Dataset<Scalar>> whole, Index first, Index count)
      : whole_(std::move(whole)) {
    detail::require(whole_ != nullptr, "a subset needs a data set, got none");
    detail::require(first >= 0 && count >= 1 && first <= whole_->size() - count,
                    "expected a subset of samples 0..", whole_->size() - 1, ", got ", count,
                    " samples from ", first);
    samples_.resize(static_cast<std::size_t>(count));
    std::iota(samples_.begin(), samples_.end(), first);
  }

  Index size() const override { return static_cast<Index>(samples_.size()); }

  /// Throws Error when a sample is not in 0 ... size() - 1.
  void load(std::span<const Index> samples, LabelledBatch<Scalar>& batch) const override {
    whole_->load(in_whole(samples), batch);
  }
  void load_for_training(std::span<const Index> samples, std::uint64_t seed,
                         LabelledBatch<Scalar>& batch) const override {
    whole_->load_for_training(in_whole(samples), seed, batch);
  }
  Index length_of(Index sample) const override {
    return whole_->length_of(samples_[static_cast<std::size_t>(sample)]);
  }

 private:
  /// The numbers of samples of the subset in the whole.
  std::vector<Index> in_whole(std::span<const Index> samples) const {
    detail::require_samples(samples, size(), "a subset");
    std::vector<Index> result;
    result.reserve(samples.size());
    for (Index sample : samples) result.push_back(samples_[static_cast<std::size_t>(sample)]);
    return result;
  }

  std::shared_ptr<const Dataset<Scalar>> whole_;
  std::vector<Index> samples_;
};

GLSTM_END_NAMESPACE
