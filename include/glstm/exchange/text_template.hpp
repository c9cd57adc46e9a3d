// Text templates: text with placeholders such as @name@.
#pragma once

#include <cstddef>
#include <map>
#include <set>
#include <string>
#include <string_view>

#include "glstm/core/error.hpp"

GLSTM_BEGIN_NAMESPACE
namespace detail {

/// Returns `text` with every `part` replaced, placeholders or not.
inline std::string replace_all(std::string text, std::string_view part, std::string_view by) {
  for (std::size_t at = 0; (at = text.find(part, at)) != text.npos; at += by.size()) {
    text.replace(at, part.size(), by);
  }
  return text;
}

/// Returns `text` with every placeholder @name@ replaced by the value of that name. Values are not
/// searched for placeholders. Throws Error unless every placeholder has a value and every value is
/// used.
inline std::string fill_template(std::string_view text,
                                 const std::map<std::string, std::string>& values) {
  std::string filled;
  std::set<std::string> used;
  for (;;) {
    const std::size_t begin = text.find('@');
    filled += text.substr(0, begin);
    if (begin == text.npos) break;
    const std::size_t end = text.find('@', begin + 1);
    require(end != text.npos, "text template: expected @ at the end of a placeholder, got none");
    const std::string name(text.substr(begin + 1, end - begin - 1));
    const auto value = values.find(name);
    require(value != values.end(), "text template: expected a value for @", name, "@, got none");
    filled += value->second;
    used.insert(name);
    text.remove_prefix(end + 1);
  }
  for (const auto& [name, value] : values) {
    require(used.contains(name), "text template: expected the placeholder @", name, "@, got none");
  }
  return filled;
}

}  // namespace detail
GLSTM_END_NAMESPACE
