// Sequences of any lengths in memory, as readers of files and programs fill them.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "glstm/core/batch.hpp"
#include "glstm/core/data_description.hpp"
#include "glstm/core/error.hpp"
#include "glstm/core/finite.hpp"
#include "glstm/core/types.hpp"
#include "glstm/data/dataset.hpp"

GLSTM_BEGIN_NAMESPACE

/// Sequences of any lengths, with a class, numbers to predict, or nothing to predict, for each
/// sequence or for each of its steps. The rows of all sequences follow one another: sequence s has
/// the rows starts[s] ... starts[s + 1] - 1, one for each step.
///
/// I is the number of features of a row, frames included (see DataDescription), R the number of
/// rows, S the number of sequences, O the number of targets, and N = R if every_step, else S.
/// Fill the members, then call check(); a SequenceDataset does.
struct Sequences {
  std::string source = "sequences";  ///< what messages call the data: the name of a file
  std::string left_out;              ///< what a reader left out, in a line for people; or ""
  DataDescription description;       ///< names of features, classes, targets; scaling and clock
  bool every_step = false;           ///< whether there is something to predict at every step

  std::vector<std::string> names;   ///< [S] of the sequences, or none
  std::vector<std::string> groups;  ///< [S] what a split keeps together, or none
  std::vector<Index> starts = {0};  ///< [S + 1] the first row of every sequence, then R
  std::vector<double> values;       ///< [R, I] row by row
  std::vector<double> times;        ///< [R], not decreasing within a sequence; none: 0, 1, 2, ...
  std::vector<int> labels;          ///< [N] numbers of class names, -1: not known; or none
  std::vector<double> targets;      ///< [N, O], NaN: not known; or none

  Index size() const { return static_cast<Index>(starts.size()) - 1; }
  Index rows() const { return starts.back(); }
  Index features() const {
    return static_cast<Index>(description.feature_names.size()) * description.frame;
  }
  Index classes() const { return static_cast<Index>(description.class_names.size()); }
  Index outputs() const { return static_cast<Index>(description.target_names.size()); }
  bool has_labels() const { return !labels.empty(); }
  bool has_targets() const { return !targets.empty(); }
  bool has_times() const { return !times.empty(); }

  Index start(Index sequence) const { return starts[static_cast<std::size_t>(sequence)]; }
  /// The number of steps of a sequence, which must be in 0 ... size() - 1.
  Index length(Index sequence) const { return start(sequence + 1) - start(sequence); }
  Index longest() const {
    Index result = 0;
    for (Index s = 0; s < size(); ++s) result = std::max(result, length(s));
    return result;
  }

  /// The time of step n of a sequence, of its first step, and of its last.
  double time(Index sequence, Index n) const {
    return has_times() ? times[static_cast<std::size_t>(start(sequence) + n)]
                       : static_cast<double>(n);
  }
  double begin_of(Index sequence) const { return time(sequence, 0); }
  double end_of(Index sequence) const { return time(sequence, length(sequence) - 1); }
  /// The earliest and the latest time of all steps.
  double first_time() const {
    return has_times() ? *std::min_element(times.begin(), times.end()) : 0;
  }
  double last_time() const {
    return has_times() ? *std::max_element(times.begin(), times.end())
                       : static_cast<double>(longest() - 1);
  }

  /// The label or the first target of entry n = 0 ... N - 1 is known.
  bool is_known(Index n) const {
    if (has_labels()) return labels[static_cast<std::size_t>(n)] >= 0;
    return has_targets() && !std::isnan(targets[static_cast<std::size_t>(n * outputs())]);
  }

  /// Throws Error, which names the source and the sequence, unless the sizes fit together, every
  /// sequence has a step, labels name a class, values are finite, and times are finite and do not
  /// decrease within a sequence. All targets of an entry are finite, or all are NaN.
  void check() const;

 private:
  void check_sizes() const;
  void check_answers() const;
  /// "file.csv: step 7 of sequence 17 (walk): " for a row.
  std::string place(Index row) const {
    const auto after = std::upper_bound(starts.begin(), starts.end(), row);
    const Index sequence = static_cast<Index>(after - starts.begin()) - 1;
    const std::string name =
        names.empty() ? "" : " (" + names[static_cast<std::size_t>(sequence)] + ")";
    return detail::text_of(source, ": step ", row - start(sequence), " of sequence ", sequence,
                           name, ": ");
  }
};

/// Sequences as a data set for training and evaluation.
template <class Scalar>
class SequenceDataset final : public Dataset<Scalar> {
 public:
  /// `class_weights` [classes] says how much a prediction of each class counts in the loss; none:
  /// all count 1. Throws Error where Sequences::check does, unless numbers fit a Scalar, or unless
  /// there is a positive weight for each class or none.
  explicit SequenceDataset(Sequences sequences, std::vector<double> class_weights = {});

  const Sequences& sequences() const { return sequences_; }
  Index size() const override { return sequences_.size(); }
  Index length_of(Index sample) const override { return sequences_.length(sample); }

  /// The batch is as long as its longest sample. When others are shorter, zeros follow them and
  /// timing.lengths are set. Throws Error when a sample is not in 0 ... size() - 1.
  void load(std::span<const Index> samples, LabelledBatch<Scalar>& batch) const override;

 private:
  void load_targets(std::span<const Index> samples, Index steps,
                    LabelledBatch<Scalar>& batch) const;

  Sequences sequences_;
  std::vector<double> class_weights_;
  bool weighted_ = false;  // not every prediction counts 1
};

inline void Sequences::check_sizes() const {
  using detail::require;
  const auto size_of = [](const auto& list) { return static_cast<Index>(list.size()); };
  require(!starts.empty() && starts.front() == 0, source,
          ": the first sequence must start in row 0");
  for (Index s = 0; s < size(); ++s) {
    require(length(s) >= 1, source, ": sequence ", s, " has no step");
  }
  const auto check_size = [&](const auto& list, Index count, const char* what) {
    require(list.empty() || size_of(list) == count, source, ": expected ", count, " ", what,
            " or none, got ", list.size());
  };
  const Index entries = every_step ? rows() : size();
  require(features() >= 1, source, ": expected at least one feature, got none");
  require(size_of(values) == rows() * features(), source, ": expected ", rows() * features(),
          " values, got ", values.size());
  check_size(names, size(), "names of sequences");
  check_size(groups, size(), "groups of sequences");
  check_size(times, rows(), "times");
  check_size(labels, entries, "labels");
  check_size(targets, entries * outputs(), "targets");
  require(labels.empty() || targets.empty(), source, ": expected labels or targets, got both");
}

inline void Sequences::check_answers() const {
  using detail::require;
  for (std::size_t n = 0; n < labels.size(); ++n) {
    require(labels[n] >= -1 && labels[n] < classes(), source, ": expected labels 0..",
            classes() - 1, ", or -1 for unknown ones, got ", labels[n], " for ",
            every_step ? "row " : "sequence ", n);
  }
  for (std::size_t n = 0; n < targets.size(); ++n) {
    const Index entry = static_cast<Index>(n) / outputs();
    require(std::isfinite(targets[n]) || std::isnan(targets[n]), source, ": a target of ",
            every_step ? "row " : "sequence ", entry, " is infinite");
    require(std::isnan(targets[n]) != is_known(entry), source,
            ": expected all targets of an entry, or none, got some for ",
            every_step ? "row " : "sequence ", entry);
  }
}

inline void Sequences::check() const {
  using detail::require;
  check_sizes();
  for (Index row = 0; row < rows(); ++row) {
    for (Index i = 0; i < features(); ++i) {
      const double& value = values[static_cast<std::size_t>(row * features() + i)];
      if (detail::is_finite(value)) continue;
      const std::size_t name = static_cast<std::size_t>(i) % description.feature_names.size();
      detail::fail(detail::text_of(place(row), "feature ", i, " (", description.feature_names[name],
                                   ") is ", detail::is_nan(value) ? "not a number" : "infinite"));
    }
    if (!has_times()) continue;
    const double& now = times[static_cast<std::size_t>(row)];
    if (!detail::is_finite(now)) detail::fail(place(row) + "its time is not a finite number");
    if (row == 0 || now >= times[static_cast<std::size_t>(row - 1)]) continue;
    require(std::binary_search(starts.begin(), starts.end(), row), source, ": row ", row,
            ": its time ", now, " is before that of the step before, ",
            times[static_cast<std::size_t>(row - 1)]);
  }
  check_answers();
}

template <class Scalar>
SequenceDataset<Scalar>::SequenceDataset(Sequences sequences, std::vector<double> class_weights)
    : sequences_(std::move(sequences)), class_weights_(std::move(class_weights)) {
  using detail::require;
  sequences_.check();
  const double largest = static_cast<double>(std::numeric_limits<Scalar>::max());
  for (const auto* numbers : {&sequences_.values, &sequences_.targets}) {
    for (const double number : *numbers) {
      require(!(std::abs(number) > largest), sequences_.source, ": expected numbers up to ",
              largest, ", found ", number);
    }
  }
  const Index weights = static_cast<Index>(class_weights_.size());
  require(weights == 0 || weights == sequences_.classes(), sequences_.source, ": expected ",
          sequences_.classes(), " weights of classes or none, got ", weights);
  for (const double weight : class_weights_) {
    require(weight > 0 && std::isfinite(weight), sequences_.source,
            ": expected positive weights of classes, got ", weight);
  }
  weighted_ = weights > 0;
  const bool answers = sequences_.has_labels() || sequences_.has_targets();
  const Index entries = sequences_.every_step ? sequences_.rows() : sequences_.size();
  for (Index n = 0; answers && n < entries && !weighted_; ++n) weighted_ = !sequences_.is_known(n);
}

template <class Scalar>
void SequenceDataset<Scalar>::load(std::span<const Index> samples,
                                   LabelledBatch<Scalar>& batch) const {
  detail::require_samples(samples, size(), sequences_.source);
  const Index count = static_cast<Index>(samples.size()), I = sequences_.features();
  Index steps = 0;
  for (Index sample : samples) steps = std::max(steps, sequences_.length(sample));
  batch.resize(count, steps, I);
  SequenceBatch<Scalar>& input = batch.input;
  Timing& timing = input.timing;
  input.values.setZero();
  if (sequences_.has_times()) timing.timestamps.setZero(count, steps);
  for (Index b = 0; b < count; ++b) {
    const Index sample = samples[static_cast<std::size_t>(b)];
    const Index first = sequences_.start(sample), T = sequences_.length(sample);
    timing.lengths.push_back(T);
    for (Index column = 0; column < I * T; ++column) {
      input.values(b, column) =
          static_cast<Scalar>(sequences_.values[static_cast<std::size_t>(first * I + column)]);
    }
    for (Index n = 0; sequences_.has_times() && n < T; ++n) {
      timing.timestamps(b, n) = sequences_.time(sample, n);
    }
  }
  load_targets(samples, steps, batch);
  // Layers are faster without lengths.
  if (timing.valid_steps() == count * steps) timing.lengths.clear();
}

template <class Scalar>
void SequenceDataset<Scalar>::load_targets(std::span<const Index> samples, Index steps,
                                           LabelledBatch<Scalar>& batch) const {
  const Index count = static_cast<Index>(samples.size()), O = sequences_.outputs();
  const bool every_step = sequences_.every_step;
  const Index predictions = every_step ? steps : 1;
  const bool labels = sequences_.has_labels(), targets = sequences_.has_targets();
  if (targets) batch.targets.values.setZero(count, O * predictions);
  if (labels) batch.targets.labels.setZero(count, predictions);
  if (weighted_) batch.targets.weights.setZero(count, predictions);
  for (Index b = 0; b < count; ++b) {
    const Index sample = samples[static_cast<std::size_t>(b)];
    const Index first = every_step ? sequences_.start(sample) : sample;
    for (Index n = 0; n < (every_step ? sequences_.length(sample) : 1); ++n) {
      if (!sequences_.is_known(first + n)) continue;
      for (Index o = 0; targets && o < O; ++o) {
        batch.targets.values(b, n * O + o) =
            static_cast<Scalar>(sequences_.targets[static_cast<std::size_t>((first + n) * O + o)]);
      }
      double weight = 1;
      if (labels) {
        const int label = sequences_.labels[static_cast<std::size_t>(first + n)];
        batch.targets.labels(b, n) = label;
        if (!class_weights_.empty()) weight = class_weights_[static_cast<std::size_t>(label)];
      }
      if (weighted_) batch.targets.weights(b, n) = static_cast<Scalar>(weight);
    }
  }
}

GLSTM_END_NAMESPACE
