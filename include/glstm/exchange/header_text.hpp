// Names, literals and arrays as text of C++.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <iterator>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "glstm/core/error.hpp"
#include "glstm/core/text.hpp"
#include "glstm/core/types.hpp"
#include "glstm/exchange/header_options.hpp"

GLSTM_BEGIN_NAMESPACE
namespace detail::header {

/// Returns whether `name` is an identifier that a program may use: no keyword, not `std`, and none
/// that is reserved for the compiler.
inline bool is_free_identifier(std::string_view name) {
  constexpr std::string_view keywords[] = {
      "alignas",     "alignof",   "and",       "and_eq",   "asm",      "auto",
      "bitand",      "bitor",     "bool",      "break",    "case",     "catch",
      "char",        "char16_t",  "char32_t",  "char8_t",  "class",    "co_await",
      "co_return",   "co_yield",  "compl",     "concept",  "const",    "const_cast",
      "consteval",   "constexpr", "constinit", "continue", "decltype", "default",
      "delete",      "do",        "double",    "else",     "enum",     "dynamic_cast",
      "explicit",    "export",    "extern",    "false",    "float",    "for",
      "friend",      "goto",      "if",        "inline",   "int",      "long",
      "mutable",     "namespace", "new",       "noexcept", "not",      "not_eq",
      "nullptr",     "operator",  "or",        "or_eq",    "private",  "protected",
      "public",      "register",  "requires",  "return",   "short",    "reinterpret_cast",
      "signed",      "sizeof",    "static",    "std",      "struct",   "static_assert",
      "static_cast", "switch",    "template",  "this",     "throw",    "thread_local",
      "true",        "try",       "typedef",   "typeid",   "typename", "union",
      "unsigned",    "using",     "virtual",   "void",     "volatile", "wchar_t",
      "while",       "xor",       "xor_eq"};
  constexpr std::string_view letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_";
  const auto is_identifier_character = [&](char c) {
    return letters.find(c) != letters.npos || (c >= '0' && c <= '9');
  };
  return !name.empty() && letters.find(name.front()) != letters.npos &&
         std::all_of(name.begin(), name.end(), is_identifier_character) &&
         // Names with two underscores, or with one at the front, are reserved for the compiler.
         name.front() != '_' && name.find("__") == name.npos &&
         std::find(std::begin(keywords), std::end(keywords), name) == std::end(keywords);
}

/// Throws Error unless `name` is a free identifier, or several joined by ::.
inline void check_namespace(const std::string& name) {
  std::string_view rest = name;
  for (;;) {
    const std::size_t end = rest.find("::");
    require(is_free_identifier(rest.substr(0, end)),
            "expected a namespace that is an identifier which a program may use, got \"", name,
            "\"");
    if (end == rest.npos) return;
    rest.remove_prefix(end + 2);
  }
}

/// Throws Error unless `name` can be the namespace of a header in C++, or begin its names in C.
inline void check_name(const std::string& name, HeaderLanguage language) {
  if (language == HeaderLanguage::cpp) return check_namespace(name);
  require(is_free_identifier(name),
          "expected an identifier that a program may use, with which the "
          "names of a header in C begin, got \"",
          name, "\"");
}

/// Returns the shortest literal of type Scalar that is read back as the same number.
template <class Scalar>
std::string literal(Scalar value) {
  require(std::isfinite(value), "expected finite numbers, also as the inverse of a width, got ",
          value);
  std::string text = number_text(value);
  if (text.find_first_of(".e") == text.npos) text += ".0";
  return std::is_same_v<Scalar, float> ? text + "f" : text;
}

/// Returns numbers in row-major order as the initialiser of an array of `shape`. Each entry of the
/// first dimension starts a line.
inline std::string initializer(const std::vector<Index>& shape,
                               const std::vector<std::string>& numbers) {
  const auto size = static_cast<Index>(numbers.size());
  const Index row = shape.size() > 1 ? size / shape.front() : size;
  const std::string indent(7, ' ');
  std::string text, line(6, ' ');
  for (Index n = 0; n < size; ++n) {
    std::size_t opened = 0, closed = 0;
    Index extent = 1;
    for (std::size_t d = shape.size(); d-- > 0;) {
      extent *= shape[d];
      opened += n % extent == 0;
      closed += (n + 1) % extent == 0;
    }
    const std::string token = std::string(opened, '{') + numbers[static_cast<std::size_t>(n)] +
                              std::string(closed, '}') + (n + 1 < size ? "," : "");
    if (n > 0 && (n % row == 0 || line.size() + 1 + token.size() > 99)) {
      text += line + "\n";
      line = indent;
    } else if (n > 0) {
      line += ' ';
    }
    line += token;
  }
  return text + line;
}

}  // namespace detail::header
GLSTM_END_NAMESPACE
