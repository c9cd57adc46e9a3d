// Sequences of the user's, from a CSV file.
#pragma once

#include <filesystem>
#include <optional>

#include "settings.hpp"
#include "tasks.hpp"

namespace sequence_tasks {

/// Reads the file and describes it in `task`: its clock and the time over which windows are spread
/// follow from the data unless the settings say otherwise. Throws glstm::Error, naming the file, if
/// it is damaged or has too few sequences.
void use_csv(const std::filesystem::path& file, const Settings& settings, Task& task);

/// Returns the number of sequences that the option `what` asks for, or `fallback`. Throws Error if
/// there are fewer than that.
inline Index count_of(const std::optional<Index>& wanted, Index fallback, Index available,
                      const char* what) {
  const Index count = wanted.value_or(fallback);
  glstm::detail::require(count >= 1 && count <= available, what, ": expected 1 to ", available,
                         " sequences, got ", count);
  return count;
}

}  // namespace sequence_tasks
