// The frequency discrimination task: is the period of a sampled sine wave 5 to 6 ms?
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <numbers>
#include <span>
#include <vector>

#include "glstm/core/batch.hpp"
#include "glstm/core/error.hpp"
#include "glstm/core/random.hpp"
#include "glstm/core/types.hpp"
#include "glstm/data/dataset.hpp"

GLSTM_BEGIN_NAMESPACE

/// How a FrequencyTask samples its waves: every 1 ms, every 0.1 ms, or at as many random times as
/// `regular` has.
enum class Sampling { regular, fine, asynchronous };

/// The frequency discrimination task, a classification of sine waves of amplitude 1 by their
/// period.
///
/// Feature 0 is the wave at the time of the step. Feature 1 is that time divided by time_span, for
/// networks without time gates. Timestamps [B,T] are in ms, from 0 to time_span. Lengths differ;
/// values and timestamps past them are 0. The label is 1 when the period lies in 5 ... 6 ms, else
/// 0.
///
/// From Neil, Pfeiffer & Liu, Phased LSTM, arXiv:1610.09513, "Frequency discrimination task":
/// periods from U(5,6) ms for class 1 and from U(1,5) or U(6,100) ms for class 0, both classes
/// about equally often; any phase; a duration from U(15,125) ms; a start from U(0,125 - duration)
/// ms; the three kinds of sampling, and equally many steps with `regular` and `asynchronous`.
///
/// Our reading of the paper: U(1,5) and U(6,100) are equally likely; each sample draws its class
/// independently; the first regular step is at the start of the wave, which gives
/// ceil(duration / interval) steps; random times are uniform over the duration. The authors'
/// program differs. It draws the period of class 0 log-uniformly from 1 ... 100 ms, and the number
/// of random times from U(15,125), independent of the duration. It gives the time undivided, and to
/// the plain LSTM only.
///
/// Sample i depends on the seed and i alone, and is the same wave with each kind of sampling. Use
/// two tasks with different seeds for training and test data.
template <class Scalar>
class FrequencyTask final : public Dataset<Scalar> {
 public:
  static constexpr Index features = 2, classes = 2;
  static constexpr double time_span = 125;  ///< ms

  /// `size` waves. Throws Error unless size >= 1.
  FrequencyTask(Sampling sampling, Index size, std::uint64_t seed)
      : sampling_(sampling), size_(size), seed_(seed) {
    detail::require(size >= 1, "the frequency task needs at least 1 sample, got ", size);
  }

  Index size() const override { return size_; }
  Index length_of(Index sample) const override {
    Rng rng = detail::sample_rng(seed_, sample);
    return steps_of(draw_wave(rng));
  }
  Sampling sampling() const { return sampling_; }
  /// The most steps that a sample can have.
  Index longest() const { return sampling_ == Sampling::fine ? 1250 : 125; }

  /// The batch is as long as its longest sample. Throws Error when a sample is not in
  /// 0 ... size() - 1.
  void load(std::span<const Index> samples, LabelledBatch<Scalar>& batch) const override {
    detail::require_samples(samples, size_, "the frequency task");
    std::vector<Wave> waves;
    waves.reserve(samples.size());
    Index steps = 0;
    for (Index sample : samples) {
      waves.push_back(draw(sample));
      steps = std::max(steps, steps_of(waves.back()));
    }
    const Index count = static_cast<Index>(samples.size());
    batch.resize(count, steps, features);
    batch.targets.labels.resize(count, 1);
    SequenceBatch<Scalar>& input = batch.input;
    input.values.setZero();
    input.timing.timestamps.setZero(count, steps);
    for (Index b = 0; b < count; ++b) {
      const Wave& wave = waves[static_cast<std::size_t>(b)];
      const Index length = steps_of(wave);
      for (Index n = 0; n < length; ++n) {
        const double time = wave.times[static_cast<std::size_t>(n)];
        input.timing.timestamps(b, n) = time;
        input.values(b, features * n) = static_cast<Scalar>(wave.at(time));
        input.values(b, features * n + 1) = static_cast<Scalar>(time / time_span);
      }
      input.timing.lengths.push_back(length);
      batch.targets.labels(b, 0) = wave.label;
    }
  }

 private:
  struct Wave {
    int label = 0;
    double period = 0;  // ms
    double phase = 0;
    double duration = 0, start = 0;  // ms
    std::vector<double> times;       // ms

    double at(double time) const { return std::sin(2 * std::numbers::pi * time / period + phase); }
  };

  double steps_per_ms() const { return sampling_ == Sampling::fine ? 10 : 1; }
  Index steps_of(const Wave& wave) const {
    return static_cast<Index>(std::ceil(steps_per_ms() * wave.duration));
  }

  /// A wave without its times.
  static Wave draw_wave(Rng& rng) {
    Wave wave;
    wave.label = static_cast<int>(rng.below(2));
    if (wave.label == 1) {
      wave.period = rng.uniform(5, 6);
    } else {
      wave.period = rng.below(2) == 0 ? rng.uniform(1, 5) : rng.uniform(6, 100);
    }
    wave.phase = rng.uniform(0, 2 * std::numbers::pi);
    wave.duration = rng.uniform(15, 125);
    wave.start = rng.uniform(0, time_span - wave.duration);
    return wave;
  }

  /// The wave is drawn before its times, so that every kind of sampling gets the same wave.
  Wave draw(Index sample) const {
    Rng rng = detail::sample_rng(seed_, sample);
    Wave wave = draw_wave(rng);
    wave.times.resize(static_cast<std::size_t>(steps_of(wave)));
    for (std::size_t n = 0; n < wave.times.size(); ++n) {
      wave.times[n] = wave.start + (sampling_ == Sampling::asynchronous
                                        ? rng.uniform(0, wave.duration)
                                        : static_cast<double>(n) / steps_per_ms());
    }
    std::sort(wave.times.begin(), wave.times.end());
    return wave;
  }

  Sampling sampling_;
  Index size_;
  std::uint64_t seed_;
};

GLSTM_END_NAMESPACE
