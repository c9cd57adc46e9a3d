// Lists with commas, on the command line and in the CSV files of runs.
#pragma once

#include <string>
#include <vector>

namespace sequence_tasks {

/// Returns the fields between the commas of `text`: one more than it has commas.
inline std::vector<std::string> split_at_commas(const std::string& text) {
  std::vector<std::string> fields(1);
  for (const char c : text) {
    if (c == ',') {
      fields.emplace_back();
    } else {
      fields.back() += c;
    }
  }
  return fields;
}

}  // namespace sequence_tasks
