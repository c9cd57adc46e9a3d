// How sequences are split into training, held-out and test sequences.
#pragma once

#include <optional>
#include <vector>

#include "glstm/core/error.hpp"
#include "glstm/data/sequences.hpp"
#include "settings.hpp"

namespace sequence_tasks {

/// Returns the number of sequences that the option `what` asks for, or `fallback`. Throws Error if
/// there are fewer than that.
inline Index count_of(const std::optional<Index>& wanted, Index fallback, Index available,
                      const char* what) {
  const Index count = wanted.value_or(fallback);
  glstm::detail::require(count >= 1 && count <= available, what, ": expected 1 to ", available,
                         " sequences, got ", count);
  return count;
}

/// The numbers of sequences in each part.
struct DataParts {
  std::vector<Index> training, held_out, test;
};

/// Splits the sequences as --split-by says; with a column, into parts of whole groups that are
/// about as large as asked for. Without `with_test` there are no test sequences.
DataParts split_sequences(const glstm::Sequences& data, const Settings& settings, bool with_test);

/// Throws Error if no sequence of a part of the data, which is for `what`, has a known answer.
void require_answers(const glstm::Sequences& data, const std::vector<Index>& part,
                     const char* what);

}  // namespace sequence_tasks
