// Random variations of training samples, which keep a network from learning few samples by heart.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <numbers>
#include <span>
#include <utility>
#include <vector>

#include "glstm/core/batch.hpp"
#include "glstm/core/error.hpp"
#include "glstm/core/random.hpp"
#include "glstm/core/types.hpp"
#include "glstm/data/dataset.hpp"

GLSTM_BEGIN_NAMESPACE

/// How samples are varied; 0 or false: not at all. Variations are applied in this order.
struct Augmentation {
  bool roll = false;    ///< rotate a sequence by a random number of rows: for periodic signals
  bool invert = false;  ///< change the sign of all values, with probability 1/2: for sound
  double shift = 0;     ///< move it in time by up to this part of its length; its ends are repeated
  double time_warp = 0;  ///< play it faster and slower: move rows by up to this part of its length
  double scale = 0;      ///< multiply each feature by exp(s), s normal with this standard deviation
  double noise = 0;      ///< add normal noise of this standard deviation to every value

  /// Whether values move to other steps, so that answers for single steps no longer fit.
  bool moves() const { return roll || shift > 0 || time_warp > 0; }
};

/// Another data set, whose training samples are varied at random and whose targets stay. Each epoch
/// has other variations, which depend on the seed, the epoch and the sample alone. Times stay where
/// they are. Use it after scaling, since `noise` is in the unit of the values; and only where there
/// is one answer for a sequence if values move.
template <class Scalar>
class AugmentedDataset final : public Dataset<Scalar> {
 public:
  /// `frame` is the number of rows of the data in a step, see make_frames. Throws Error unless
  /// there is a data set, frame >= 1, and no strength is negative or not finite.
  AugmentedDataset(std::shared_ptr<const Dataset<Scalar>> original, const Augmentation& how,
                   Index frame = 1)
      : original_(std::move(original)), how_(how), frame_(frame) {
    detail::require(original_ != nullptr, "an augmented data set needs a data set, got none");
    detail::require(frame >= 1, "expected frames of at least one row, got ", frame);
    for (const double strength : {how.shift, how.time_warp, how.scale, how.noise}) {
      detail::require(std::isfinite(strength) && strength >= 0,
                      "the strength of an augmentation must be finite and not negative, got ",
                      strength);
    }
  }

  Index size() const override { return original_->size(); }
  Index length_of(Index sample) const override { return original_->length_of(sample); }
  void load(std::span<const Index> samples, LabelledBatch<Scalar>& batch) const override {
    original_->load(samples, batch);
  }

  /// Throws Error for frames that do not fill the features, or if values move and there are labels
  /// or weights for single steps.
  void load_for_training(std::span<const Index> samples, std::uint64_t seed,
                         LabelledBatch<Scalar>& batch) const override {
    original_->load_for_training(samples, seed, batch);
    detail::require(
        !how_.moves() || (batch.targets.labels.cols() <= 1 && batch.targets.weights.cols() <= 1),
        "roll, shift and time_warp move the values of a sequence but not its answers; "
        "expected one answer for a sequence, got one for every step");
    const Index width = batch.input.features / frame_;
    detail::require(width * frame_ == batch.input.features, "expected frames of ", frame_,
                    " rows that fill ", batch.input.features, " features");
    for (Index b = 0; b < batch.input.batch(); ++b) {
      Rng rng = detail::sample_rng(seed, samples[static_cast<std::size_t>(b)]);
      const Index values = batch.input.timing.length(b) * batch.input.features;
      std::vector<Scalar> sequence(static_cast<std::size_t>(values));
      for (Index i = 0; i < values; ++i) {
        sequence[static_cast<std::size_t>(i)] = batch.input.values(b, i);
      }
      vary(width, rng, sequence);
      for (Index i = 0; i < values; ++i) {
        batch.input.values(b, i) = sequence[static_cast<std::size_t>(i)];
      }
    }
  }

 private:
  /// Varies the values of one sequence, row by row.
  void vary(Index width, Rng& rng, std::vector<Scalar>& values) const {
    const Index rows = static_cast<Index>(values.size()) / width;
    if (rows == 0) return;
    if (how_.roll)
      std::rotate(values.begin(), values.begin() + width * rng.below(rows), values.end());
    if (how_.invert && rng.below(2) == 1) {
      for (Scalar& value : values) value = -value;
    }
    if (how_.shift > 0 || how_.time_warp > 0) move_in_time(width, rows, rng, values);
    if (how_.scale > 0) {
      for (Index f = 0; f < width; ++f) {
        const Scalar factor = static_cast<Scalar>(std::exp(how_.scale * rng.normal()));
        for (Index n = 0; n < rows; ++n) values[static_cast<std::size_t>(n * width + f)] *= factor;
      }
    }
    if (how_.noise > 0) {
      for (Scalar& value : values) value += static_cast<Scalar>(how_.noise * rng.normal());
    }
  }

  /// Reads the sequence at other places, between whose rows it is linear: moved by a constant, and
  /// by one wave of a sine, which warps time.
  void move_in_time(Index width, Index rows, Rng& rng, std::vector<Scalar>& values) const {
    const double length = static_cast<double>(rows);
    const double shift = how_.shift * rng.uniform(-1, 1) * length;
    const double warp = how_.time_warp * rng.uniform(-1, 1) * length;
    const double phase = rng.uniform(0, 2 * std::numbers::pi);
    const std::vector<Scalar> original = values;
    for (Index n = 0; n < rows; ++n) {
      const double wave = std::sin(2 * std::numbers::pi * static_cast<double>(n) / length + phase) -
                          std::sin(phase);
      const double place =
          std::clamp(static_cast<double>(n) + shift + warp * wave, 0.0, length - 1);
      const Index before = static_cast<Index>(place), after = std::min(before + 1, rows - 1);
      const Scalar part = static_cast<Scalar>(place - static_cast<double>(before));
      for (Index f = 0; f < width; ++f) {
        const Scalar a = original[static_cast<std::size_t>(before * width + f)];
        const Scalar b = original[static_cast<std::size_t>(after * width + f)];
        values[static_cast<std::size_t>(n * width + f)] = a + part * (b - a);
      }
    }
  }

  std::shared_ptr<const Dataset<Scalar>> original_;
  Augmentation how_;
  Index frame_;
};

GLSTM_END_NAMESPACE
