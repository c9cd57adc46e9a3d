// When the steps of a batch happen and how long its samples are.
#pragma once

#include <algorithm>
#include <string>
#include <vector>

#include "glstm/core/error.hpp"
#include "glstm/core/finite.hpp"
#include "glstm/core/types.hpp"

GLSTM_BEGIN_NAMESPACE

/// When each step of a batch happens, and how many steps of each sample are valid.
struct Timing {
  Index batch = 0, steps = 0;

  /// Empty: step n happens at time n. [1,T]: the same times for all samples. [B,T]: one per
  /// sample and step. In the user's unit, finite, non-decreasing along a row; those past the
  /// lengths may be anything.
  Eigen::MatrixXd timestamps = {};

  /// Empty: every step is valid. Otherwise [B], each in 0..T; after them a sample's state is held.
  std::vector<Index> lengths = {};

  double time(Index sample, Index step) const {
    if (timestamps.size() == 0) return static_cast<double>(step);
    return timestamps(timestamps.rows() == 1 ? 0 : sample, step);
  }
  Index length(Index sample) const {
    return lengths.empty() ? steps : lengths[static_cast<std::size_t>(sample)];
  }
  /// The first of the samples that last longest.
  Index longest_sample() const {
    return lengths.empty() ? 0 : std::max_element(lengths.begin(), lengths.end()) - lengths.begin();
  }
  /// The steps of the longest sample.
  Index longest() const {
    return lengths.empty() ? steps : *std::max_element(lengths.begin(), lengths.end());
  }
  /// The number of valid (sample, step) pairs.
  Index valid_steps() const {
    if (lengths.empty()) return batch * steps;
    Index sum = 0;
    for (Index length : lengths) sum += length;
    return sum;
  }

  /// Whether all timestamps are finite, and none is before that of the step before. 0 times a
  /// number that is not finite is not a number: with -ffast-math this finds no mistake.
  bool timestamps_ascend() const {
    for (Index n = 0; n < timestamps.cols(); ++n) {
      const auto now = timestamps.col(n).array();
      if ((now * 0).sum() != 0) return false;
      if (n > 0 && (now - timestamps.col(n - 1).array()).minCoeff() < 0) return false;
    }
    return true;
  }

  /// Throws Error when a size is wrong, a timestamp is not finite or time runs backwards.
  void check() const {
    using detail::require;
    require(batch >= 1 && steps >= 0, "a batch needs at least one sample, got batch ", batch,
            " and steps ", steps);
    if (timestamps.size() != 0) {
      require((timestamps.rows() == 1 || timestamps.rows() == batch) && timestamps.cols() == steps,
              "timestamps must be [1,T] or [B,T] with B ", batch, " and T ", steps, ", got [",
              timestamps.rows(), ",", timestamps.cols(), "]");
    }
    if (!lengths.empty()) {
      require(static_cast<Index>(lengths.size()) == batch, "lengths must be [B] with B ", batch,
              ", got ", lengths.size());
      for (Index length : lengths) {
        require(length >= 0 && length <= steps, "a length must lie in 0..", steps, ", got ",
                length);
      }
    }
    const bool quickly = lengths.empty() && !detail::assumes_finite_numbers;
    if (quickly && timestamps_ascend()) return;  // what follows finds the mistake
    for (Index row = 0; row < timestamps.rows(); ++row) {
      const Index end = timestamps.rows() == 1 ? longest() : length(row);
      for (Index n = 0; n < end; ++n) {
        const double &now = timestamps(row, n),
                     &before = timestamps(row, std::max<Index>(n - 1, 0));
        const bool finite = detail::is_finite(now);
        if (finite && now >= before) continue;
        const std::string sample =
            timestamps.rows() == 1 ? "" : detail::text_of(" of sample ", row);
        require(finite, "the timestamp of step ", n, sample, " is not finite");
        detail::fail(detail::text_of("timestamps decrease at step ", n, sample, ": ", now,
                                     " after ", before));
      }
    }
  }
};

GLSTM_END_NAMESPACE
