// What a finished training should tell its user: a target that cost accuracy, too few steps, a
// training that was cut short.
#pragma once

#include <algorithm>
#include <string>
#include <vector>

#include "glstm/core/text.hpp"
#include "recorded_run.hpp"
#include "settings.hpp"

namespace sequence_tasks {

/// Whether a share of updates meets --target-share. A share that is at most 2 % of its value above
/// the target counts as met: the shares of batches vary more than that.
inline bool meets_target(const Settings& settings, double update_share) {
  return !settings.target_share || update_share <= 1.02 * *settings.target_share;
}

/// Returns a note if the report with the best validation accuracy missed --target-share and was
/// more than a percentage point better than the report at `kept_epoch`; otherwise "".
inline std::string better_above_target(const Table& log, const Settings& settings,
                                       double kept_epoch) {
  using glstm::detail::fixed_text, glstm::detail::percent_text;
  if (!settings.target_share || log.rows() == 0) return "";
  const auto accuracy = [&](std::size_t row) { return log.number("validation_accuracy", row); };
  const auto share = [&](std::size_t row) { return log.number("update_share", row); };
  double kept = 0;
  std::size_t best = 0;
  for (std::size_t row = 0; row < log.rows(); ++row) {
    if (log.number("epoch", row) == kept_epoch) kept = accuracy(row);
    if (accuracy(row) > accuracy(best)) best = row;
  }
  if (meets_target(settings, share(best)) || !(accuracy(best) > kept + 0.01)) return "";
  return glstm::detail::text_of(
      "The kept epoch ", kept_epoch, " has a validation accuracy of ", percent_text(kept, 1),
      ". Epoch ", log.text("epoch", best), " had ", percent_text(accuracy(best), 1), ", but used ",
      fixed_text(100 * share(best), 2), " % of the updates, above --target-share ",
      *settings.target_share, ": a longer training or a larger --budget-integral meets it earlier");
}

/// Returns a note if the last report is much better than those of the first four fifths of the
/// training: by more than a percentage point, or by 5 % of the loss where there are no labels.
inline std::string still_improving(const Table& log, bool has_labels) {
  if (log.rows() < 5) return "";
  const std::size_t last = log.rows() - 1;
  const char* column = has_labels ? "validation_accuracy" : "validation_loss";
  double before = log.number(column, 0);
  for (std::size_t row = 1; row < log.rows() * 4 / 5; ++row) {
    const double value = log.number(column, row);
    before = has_labels ? std::max(before, value) : std::min(before, value);
  }
  const double end = log.number(column, last);
  if (!(has_labels ? end > before + 0.01 : end < 0.95 * before)) return "";
  return std::string("The validation ") +
         (has_labels ? "accuracy was still rising" : "loss was still falling") +
         " at the end: more --epochs will probably help";
}

/// Returns a note if a training has fewer steps than most tasks need.
inline std::string few_steps(const Settings& settings) {
  if (settings.max_steps >= 200) return "";
  return glstm::detail::text_of("The training has only ", settings.max_steps,
                                " steps: more --epochs or a smaller --batch give it more");
}

/// Returns everything above that applies to a run whose best report is that of `kept_epoch`.
inline std::vector<std::string> training_notes(const Table& log, const Settings& settings,
                                               bool has_labels, double kept_epoch) {
  std::vector<std::string> notes;
  for (std::string note : {few_steps(settings), still_improving(log, has_labels),
                           better_above_target(log, settings, kept_epoch)}) {
    if (!note.empty()) notes.push_back(std::move(note));
  }
  return notes;
}

}  // namespace sequence_tasks
