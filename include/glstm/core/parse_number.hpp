// Numbers from text, the same in every locale.
#pragma once

#include <charconv>
#include <optional>
#include <string_view>
#include <system_error>

#include "glstm/core/abi.hpp"

GLSTM_BEGIN_NAMESPACE
namespace detail {

/// The number that `text` is from its first to its last character, with a decimal point; nothing
/// where it is anything else, or out of Number's range.
template <class Number>
std::optional<Number> parse_number(std::string_view text) {
  Number value{};
  const char* const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, value);
  if (error != std::errc() || stop != end) return std::nullopt;
  return value;
}

}  // namespace detail
GLSTM_END_NAMESPACE
