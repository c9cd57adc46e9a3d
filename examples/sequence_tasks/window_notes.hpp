// Warnings about windows that do not fit the training sequences.
#pragma once

#include <algorithm>
#include <string>
#include <vector>

#include "glstm/nn/summary.hpp"
#include "tasks.hpp"

namespace sequence_tasks {

/// Returns the warnings of glstm::summary for up to 100 training sequences, the first few of them:
/// neurons that never open in any of the sequences, and times at which none is open.
template <glstm::TimeGate Gate>
std::vector<std::string> window_notes(const glstm::Network<Gate>& network, const Task& task) {
  if constexpr (Gate::parameter_names.empty()) return {};  // always open
  constexpr Index sequences = 100;
  constexpr std::size_t shown = 3;
  const Index size = task.training->size(), count = std::min(size, sequences);
  std::vector<Index> samples;
  for (Index i = 0; i < count; ++i) samples.push_back(i * size / count);
  glstm::LabelledBatch<float> batch;
  task.training->load(samples, batch);
  std::vector<std::string> notes;
  const auto warnings = glstm::summary(network, batch.input.timing).warnings;
  for (const glstm::SummaryWarning& warning : warnings) {
    if (warning.kind == glstm::SummaryWarning::Kind::never_closes) continue;
    notes.push_back("Before training: " + warning.text);
  }
  if (notes.size() > shown) {
    const std::size_t more = notes.size() - shown;
    notes.resize(shown);
    notes.push_back(glstm::detail::text_of("... and ", more, " more warnings about windows"));
  }
  return notes;
}

}  // namespace sequence_tasks
