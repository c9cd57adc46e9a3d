// What an exported header says about the data of its network, and which scaling it can contain.
#pragma once

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "glstm/core/data_description.hpp"
#include "glstm/core/error.hpp"
#include "glstm/io/weight_storage.hpp"

GLSTM_BEGIN_NAMESPACE
namespace detail::header {

/// Throws Error if rounding would spoil weights that contain the scaling of the features: a row of
/// int8 weights has one scale for all of them, and float16 has a small range.
inline void check_rounding(const DataDescription& data, WeightStorage storage) {
  if (storage == WeightStorage::full || data.feature_scaling.empty()) return;
  const auto [least, greatest] = std::minmax_element(
      data.feature_scaling.begin(), data.feature_scaling.end(),
      [](const auto& a, const auto& b) { return std::abs(a.scale) < std::abs(b.scale); });
  require(std::abs(greatest->scale) <= 16 * std::abs(least->scale),
          "expected features of similar scale where weights are rounded, got standard deviations ",
          least->scale, " to ", greatest->scale, ": store the weights in full");
}

/// Returns names as a part of a comment, which they cannot end.
inline std::string comment_list(const std::vector<std::string>& names) {
  std::string text;
  for (const std::string& name : names) text += (text.empty() ? "" : ", ") + name;
  for (char& c : text) {
    const bool harmless = c != '\\' && c != '*' && static_cast<unsigned char>(c) >= ' ';
    c = harmless ? c : '_';
  }
  return text;
}

/// Returns lines of a comment that say what the numbers of a network mean; "" where that is not
/// known.
inline std::string data_text(const DataDescription& data) {
  const std::string line = "\n//     ";
  std::string text;
  if (!data.feature_names.empty()) {
    text += line + "x: " + comment_list(data.feature_names);
    if (data.frame > 1) {
      text += text_of("; ", data.frame, " samples, one after the other, each with all of them");
    }
  }
  if (!data.class_names.empty()) {
    text += line + "y: the greatest is the answer: " + comment_list(data.class_names);
  }
  if (!data.target_names.empty()) text += line + "y: " + comment_list(data.target_names);
  if (data.clock == ClockKind::own) text += line + "t: since the first step of the sequence";
  if (data.clock == ClockKind::relative) {
    text += line + "t: the fraction of the sequence's duration, 0 at its first step, 1 at its last";
  }
  return text;
}

}  // namespace detail::header
GLSTM_END_NAMESPACE
