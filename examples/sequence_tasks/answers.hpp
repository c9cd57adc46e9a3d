// What a network answers to sequences, and how good the answers are.
#pragma once

#include <cmath>
#include <cstddef>
#include <iosfwd>
#include <nlohmann/json.hpp>
#include <span>
#include <string>
#include <vector>

#include "glstm/core/batch.hpp"
#include "glstm/core/data_description.hpp"
#include "glstm/data/sequences.hpp"
#include "glstm/nn/loss.hpp"
#include "settings.hpp"

namespace sequence_tasks {

/// The answers of a network to sequences or their steps, N in all, in the user's unit and the order
/// in which they were added.
struct Answers {
  bool has_classes = false;
  std::vector<std::string> names;   ///< [O] of the classes or the targets
  std::vector<double> values;       ///< [N,O] the probabilities of the classes, or numbers
  std::vector<int> labels;          ///< [N] the right classes, -1: not known; or none
  std::vector<double> targets;      ///< [N,O] the right numbers, NaN: not known; or none
  std::vector<Index> first_answer;  ///< [S] the index of the first answer to each sequence

  /// For a network with `outputs` outputs. Names that the description does not have are numbers.
  Answers(const glstm::DataDescription& description, const glstm::Loss& loss, Index outputs);

  Index outputs() const { return static_cast<Index>(names.size()); }
  Index size() const { return static_cast<Index>(values.size()) / outputs(); }
  /// The most probable class of answer n.
  Index predicted(Index n) const;

  /// Adds the answers to a batch of the sequences `samples` [B], `readout` [B, O*P] with P
  /// predictions for each of them.
  template <class Scalar>
  void add(std::span<const Index> samples, const glstm::LabelledBatch<Scalar>& batch,
           const glstm::Matrix<Scalar>& readout) {
    const Index predictions = readout.cols() / outputs();
    std::vector<double> found(names.size()), right(names.size());
    for (Index b = 0; b < readout.rows(); ++b) {
      const glstm::Timing& timing = batch.input.timing;
      begin_sequence(samples[static_cast<std::size_t>(b)]);
      for (Index n = 0; n < std::min(predictions, timing.length(b)); ++n) {
        const bool known = batch.targets.weight(b, n) > 0;
        for (Index o = 0; o < outputs(); ++o) {
          const auto at = static_cast<std::size_t>(o);
          found[at] = static_cast<double>(readout(b, n * outputs() + o));
          if (batch.targets.values.size() == 0) continue;
          right[at] = known ? static_cast<double>(batch.targets.values(b, n * outputs() + o))
                            : std::nan("");
        }
        add_values(found);
        if (batch.targets.labels.size() > 0) {
          labels.push_back(known ? batch.targets.labels(b, n) : -1);
        }
        if (batch.targets.values.size() > 0) add_targets(right);
      }
    }
  }

 private:
  void begin_sequence(Index sequence);
  void add_values(const std::vector<double>& outputs);
  void add_targets(const std::vector<double>& scaled);

  glstm::Loss loss_;
  std::vector<glstm::Scaling> scaling_;  ///< of the targets
};

/// Returns how good the answers are whose right ones are known. For classes: "confusion" (rows: the
/// right class, columns: the answer), "balanced_accuracy", and for each class precision, recall and
/// F1, null where there are none. For numbers: "rmse", "mae" and "r2" for each target, and "rmse"
/// over all.
Json scores(const Answers& answers);

/// Writes a CSV file with a row for each answer: the sequence, the step where there is one answer
/// for every step, the class or the numbers, and with `probabilities` those of all classes.
void write_answers(const Answers& answers, const glstm::Sequences& data, bool every_step,
                   bool probabilities, std::ostream& out);

/// Writes a CSV file with the right number and the answer of each target, of up to 2,000 answers
/// that are spread over all.
void write_targets_and_answers(const Answers& answers, std::ostream& out);

/// A field of a CSV file, in quotes where it needs them.
std::string csv_field(const std::string& text);

}  // namespace sequence_tasks
