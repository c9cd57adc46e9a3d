// Splits text into fields.
#pragma once

#include <cstddef>
#include <string_view>
#include <vector>

#include "glstm/core/abi.hpp"

GLSTM_BEGIN_NAMESPACE
namespace detail {

/// Sets `fields` to the parts of `text` between separators: one more than there are separators.
inline void split(std::string_view text, char separator, std::vector<std::string_view>& fields) {
  fields.clear();
  for (std::size_t begin = 0, end = 0; end != std::string_view::npos; begin = end + 1) {
    end = text.find(separator, begin);
    fields.push_back(text.substr(begin, end - begin));
  }
}

/// Returns these parts, which refer to the text.
inline std::vector<std::string_view> split(std::string_view text, char separator) {
  std::vector<std::string_view> fields;
  split(text, separator, fields);
  return fields;
}

}  // namespace detail
GLSTM_END_NAMESPACE
