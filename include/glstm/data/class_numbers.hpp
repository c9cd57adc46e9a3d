// Classes of any names, as numbers.
#pragma once

#include <algorithm>
#include <cmath>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "glstm/core/parse_number.hpp"

GLSTM_BEGIN_NAMESPACE
namespace detail {

/// Labels as numbers of classes, and the names of the classes.
struct ClassNumbers {
  std::vector<int> labels;  ///< -1 for an empty text
  std::vector<std::string> names;
};

/// Numbers the classes that occur among `texts`, in numeric order if all are numbers, else in that
/// of their text.
inline ClassNumbers number_classes(const std::vector<std::string>& texts) {
  ClassNumbers result;
  std::map<std::string, int> class_of;
  for (const std::string& text : texts) {
    if (!text.empty()) class_of.emplace(text, 0);
  }
  for (const auto& [name, unused] : class_of) result.names.push_back(name);
  const auto number_of = [](const std::string& text) {
    const auto number = parse_number<double>(text);
    return number && !std::isnan(*number) ? number : std::nullopt;  // NaN has no place in an order
  };
  const bool numbers =
      std::all_of(result.names.begin(), result.names.end(),
                  [&](const std::string& name) { return number_of(name).has_value(); });
  if (numbers) {
    std::stable_sort(
        result.names.begin(), result.names.end(),
        [&](const std::string& a, const std::string& b) { return *number_of(a) < *number_of(b); });
  }
  for (std::size_t c = 0; c < result.names.size(); ++c) {
    class_of[result.names[c]] = static_cast<int>(c);
  }
  for (const std::string& text : texts) {
    result.labels.push_back(text.empty() ? -1 : class_of.at(text));
  }
  return result;
}

}  // namespace detail
GLSTM_END_NAMESPACE
