// Data sets of the user's own arrays.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "glstm/core/batch.hpp"
#include "glstm/core/error.hpp"
#include "glstm/core/finite.hpp"
#include "glstm/core/random.hpp"
#include "glstm/core/text.hpp"
#include "glstm/core/types.hpp"
#include "glstm/data/dataset.hpp"
#include "glstm/data/subset.hpp"

GLSTM_BEGIN_NAMESPACE

/// What the arrays of an ArrayDataset hold: N sequences of T steps.
struct ArrayOptions {
  Index features = 1;       ///< numbers in a step
  Index steps = 0;          ///< T; 0: it follows from the number of targets, and is not 1
  bool every_step = false;  ///< targets for every step, for Readout::every_step; needs `steps`
  Index outputs = 1;        ///< numbers in a target
  /// [N] the steps of each sequence that count, at most T; none: all.
  std::vector<Index> lengths = {};
  /// [T] the times of the steps of all sequences, or [N,T]; none: 0, 1, 2, ...
  std::vector<double> timestamps = {};
  /// [N], or [N,T] with every_step: how much each target counts, 0: there is none; none: all 1.
  std::vector<double> weights = {};
};

/// A data set of arrays in row-major order, the last index fastest; it copies them. For instance
/// 100 sequences of 50 steps of 3 features, with a class for each:
///
///     ArrayDataset<float> data(x, labels, {.features = 3});  // 15,000 numbers and 100 labels
template <class Scalar>
class ArrayDataset final : public Dataset<Scalar> {
 public:
  /// Sequences with the labels 0, 1, ... of their classes:
  ///
  ///     x       [N,T,I]
  ///     labels  [N], or [N,T] with options.every_step
  ///
  /// This and the other constructors throw Error if sizes do not fit together, there is no
  /// sequence, or a number that counts is not finite.
  ArrayDataset(std::span<const Scalar> x, std::span<const int> labels,
               const ArrayOptions& options = {})
      : ArrayDataset(x, labels, {}, options) {}

  /// Sequences with numbers to predict: values [N,O], or [N,T,O] with options.every_step.
  ArrayDataset(std::span<const Scalar> x, std::span<const Scalar> values,
               const ArrayOptions& options = {})
      : ArrayDataset(x, {}, values, options) {}

  /// Sequences without targets, to predict; options.steps says how long they are.
  ArrayDataset(std::span<const Scalar> x, const ArrayOptions& options)
      : ArrayDataset(x, {}, {}, options) {}

  Index size() const override { return size_; }
  Index steps() const { return steps_; }
  Index features() const { return options_.features; }
  Index length_of(Index sample) const override {
    return options_.lengths.empty() ? steps_ : options_.lengths[static_cast<std::size_t>(sample)];
  }
  /// The time of the last step of any sequence, for GateSpread::end; 0 if all are empty.
  double last_time() const {
    double last = -std::numeric_limits<double>::infinity();
    for (Index sample = 0; sample < size_; ++sample) {
      if (length_of(sample) > 0) last = std::max(last, time(sample, length_of(sample) - 1));
    }
    return std::isfinite(last) ? last : 0;
  }

  /// Throws Error when a sample is not in 0 ... size() - 1.
  void load(std::span<const Index> samples, LabelledBatch<Scalar>& batch) const override;

 private:
  ArrayDataset(std::span<const Scalar> x, std::span<const int> labels,
               std::span<const Scalar> values, const ArrayOptions& options);

  void set_sizes();
  void check_numbers() const;

  bool own_times() const { return static_cast<Index>(options_.timestamps.size()) > steps_; }
  double time(Index sample, Index n) const {
    if (options_.timestamps.empty()) return static_cast<double>(n);
    return options_.timestamps[static_cast<std::size_t>((own_times() ? sample * steps_ : 0) + n)];
  }
  Index predictions() const { return options_.every_step ? steps_ : 1; }
  std::string place(Index sample, Index n) const {
    return detail::text_of(options_.every_step ? detail::text_of("step ", n, " of ") : "",
                           "sample ", sample);
  }

  std::vector<Scalar> x_, values_;
  std::vector<int> labels_;
  ArrayOptions options_;
  Index size_ = 0, steps_ = 0;
};

/// Splits a data set at random: the first data set has that part of the samples, the second one the
/// rest; both share a copy of it. Throws Error unless both have a sample.
template <class Scalar, template <class> class Data>
std::pair<Subset<Scalar>, Subset<Scalar>> split(Data<Scalar> data, double part, Rng& rng) {
  const Index size = data.size();
  const Index first = static_cast<Index>(std::llround(part * static_cast<double>(size)));
  detail::require(part > 0 && part < 1 && first >= 1 && first < size, "expected a part of ", size,
                  " samples that leaves some on both sides, got ", part);
  const std::vector<Index> order = rng.permutation(size);
  const auto whole = std::make_shared<Data<Scalar>>(std::move(data));
  return {Subset<Scalar>(whole, {order.begin(), order.begin() + first}),
          Subset<Scalar>(whole, {order.begin() + first, order.end()})};
}

template <class Scalar>
ArrayDataset<Scalar>::ArrayDataset(std::span<const Scalar> x, std::span<const int> labels,
                                   std::span<const Scalar> values, const ArrayOptions& options)
    : x_(x.begin(), x.end()),
      values_(values.begin(), values.end()),
      labels_(labels.begin(), labels.end()),
      options_(options) {
  set_sizes();
  check_numbers();
}

template <class Scalar>
void ArrayDataset<Scalar>::set_sizes() {
  using detail::require;
  const auto count = [](const auto& list) { return static_cast<Index>(list.size()); };
  const Index I = options_.features, O = options_.outputs;
  require(I >= 1 && O >= 1 && options_.steps >= 0,
          "expected at least one feature and output and no negative steps, got ", I, ", ", O,
          " and ", options_.steps);
  const Index rows = count(x_) / I;
  require(rows >= 1 && rows * I == count(x_), "expected steps of ", I, " features, got ", count(x_),
          " numbers");
  const Index targets = labels_.empty() ? count(values_) / O : count(labels_);
  require(labels_.empty() ? targets * O == count(values_) : true, "expected targets of ", O,
          " numbers, got ", count(values_), " numbers");
  steps_ = options_.steps;
  if (steps_ == 0) {
    require(targets > 0 && !options_.every_step,
            "expected ArrayOptions::steps, the steps of a sequence, where ",
            options_.every_step ? "every step has" : "there are no", " targets");
    require(rows % targets == 0, "expected a target for each sequence, so many that ", rows,
            " steps are sequences of the same length, got ", targets);
    require(rows > targets,
            "expected ArrayOptions::steps where there are as many targets as steps, ", "got ",
            targets, " of each: one for every step needs every_step as well");
    steps_ = rows / targets;
  }
  size_ = rows / steps_;
  require(size_ >= 1 && size_ * steps_ == rows, "expected sequences of ", steps_, " steps, got ",
          rows, " steps");
  require(targets == 0 || targets == size_ * predictions(), "expected ", size_ * predictions(),
          " targets for ", size_, " sequences, got ", targets);
  for (const Index length : options_.lengths) {
    require(length >= 0 && length <= steps_, "expected lengths of 0 to ", steps_, " steps, got ",
            length);
  }
  require(options_.lengths.empty() || count(options_.lengths) == size_, "expected ", size_,
          " lengths or none, got ", count(options_.lengths));
  const Index times = count(options_.timestamps), weights = count(options_.weights);
  require(times == 0 || times == steps_ || times == size_ * steps_, "expected ", steps_,
          " timestamps, ", size_ * steps_, " or none, got ", times);
  require(weights == 0 || weights == size_ * predictions(), "expected ", size_ * predictions(),
          " weights or none, got ", weights);
}

template <class Scalar>
void ArrayDataset<Scalar>::check_numbers() const {
  using detail::require;
  const Index I = options_.features, O = options_.outputs, P = predictions();
  for (Index sample = 0; sample < size_; ++sample) {
    for (Index n = 0; n < length_of(sample); ++n) {
      for (Index i = 0; i < I; ++i) {
        require(detail::is_finite(x_[static_cast<std::size_t>((sample * steps_ + n) * I + i)]),
                "feature ", i, " of step ", n, " of sample ", sample, " is not a finite number");
      }
      require(
          detail::is_finite(time(sample, n)) && (n == 0 || time(sample, n) >= time(sample, n - 1)),
          "the time of step ", n, " of sample ", sample, ": expected a finite time, not before ",
          "that of the step before, got ", time(sample, n));
    }
    for (Index n = 0; n < P; ++n) {
      const auto at = static_cast<std::size_t>(sample * P + n);
      const double weight = options_.weights.empty() ? 1 : options_.weights[at];
      require(weight == 0 || (weight >= std::numeric_limits<Scalar>::min() &&
                              weight <= std::numeric_limits<Scalar>::max()),
              "the weight of ", place(sample, n), ": expected 0 or a positive number of type ",
              sizeof(Scalar) == 4 ? "float" : "double", ", got ", weight);
      if (weight == 0 || n >= length_of(sample)) continue;
      require(labels_.empty() || labels_[at] >= 0, "the label of ", place(sample, n),
              ": expected 0, 1, 2, ... (a weight of 0 masks it), got ",
              labels_.empty() ? 0 : labels_[at]);
      for (Index o = 0; o < O && !values_.empty(); ++o) {
        require(
            std::isfinite(values_[at * static_cast<std::size_t>(O) + static_cast<std::size_t>(o)]),
            "a target of ", place(sample, n), " is not a finite number");
      }
    }
  }
}

template <class Scalar>
void ArrayDataset<Scalar>::load(std::span<const Index> samples,
                                LabelledBatch<Scalar>& batch) const {
  detail::require_samples(samples, size_, "an ArrayDataset");
  const Index count = static_cast<Index>(samples.size()), I = options_.features;
  Index T = 0;
  for (const Index sample : samples) T = std::max(T, length_of(sample));
  batch.resize(count, T, I);
  Timing& timing = batch.input.timing;
  batch.input.values.setZero();
  if (!options_.timestamps.empty()) timing.timestamps.setZero(own_times() ? count : 1, T);
  for (Index n = 0; n < T && !options_.timestamps.empty() && !own_times(); ++n) {
    timing.timestamps(0, n) = time(0, n);
  }
  const Index P = options_.every_step ? T : 1, O = options_.outputs;
  if (!labels_.empty()) batch.targets.labels.setZero(count, P);
  if (!values_.empty()) batch.targets.values.setZero(count, O * P);
  if (!options_.weights.empty()) batch.targets.weights.setZero(count, P);
  for (Index b = 0; b < count; ++b) {
    const Index sample = samples[static_cast<std::size_t>(b)], length = length_of(sample);
    if (!options_.lengths.empty()) timing.lengths.push_back(length);
    for (Index i = 0; i < I * length; ++i) {
      batch.input.values(b, i) = x_[static_cast<std::size_t>(sample * steps_ * I + i)];
    }
    for (Index n = 0; n < length && own_times(); ++n) timing.timestamps(b, n) = time(sample, n);
    for (Index n = 0; n < (options_.every_step ? length : 1); ++n) {
      const auto at = static_cast<std::size_t>(sample * predictions() + n);
      if (!labels_.empty()) batch.targets.labels(b, n) = labels_[at];
      for (Index o = 0; o < O && !values_.empty(); ++o) {
        batch.targets.values(b, n * O + o) =
            values_[at * static_cast<std::size_t>(O) + static_cast<std::size_t>(o)];
      }
      if (!options_.weights.empty()) {
        batch.targets.weights(b, n) = static_cast<Scalar>(options_.weights[at]);
      }
    }
  }
  // Layers are faster without lengths.
  if (timing.valid_steps() == count * T) timing.lengths.clear();
}

GLSTM_END_NAMESPACE
