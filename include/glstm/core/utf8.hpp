// Checks that text is UTF-8.
#pragma once

#include <cstddef>
#include <string_view>

#include "glstm/core/abi.hpp"

GLSTM_BEGIN_NAMESPACE
namespace detail {

/// The place of the first byte that is not part of a character in UTF-8 (RFC 3629);
/// std::string_view::npos if there is none.
inline std::size_t first_not_utf8(std::string_view text) {
  const auto byte = [&](std::size_t at) { return static_cast<unsigned char>(text[at]); };
  for (std::size_t at = 0; at < text.size();) {
    const unsigned char first = byte(at);
    const std::size_t length = first < 0x80                    ? 1
                               : first >= 0xC2 && first < 0xE0 ? 2
                               : first >= 0xE0 && first < 0xF0 ? 3
                               : first >= 0xF0 && first < 0xF5 ? 4
                                                               : 0;
    if (length == 0 || at + length > text.size()) return at;
    for (std::size_t n = 1; n < length; ++n) {
      if ((byte(at + n) & 0xC0) != 0x80) return at;
    }
    // Overlong forms, surrogates, and numbers beyond the last character.
    const unsigned char second = length > 1 ? byte(at + 1) : 0;
    const bool forbidden = (first == 0xE0 && second < 0xA0) || (first == 0xED && second > 0x9F) ||
                           (first == 0xF0 && second < 0x90) || (first == 0xF4 && second > 0x8F);
    if (forbidden) return at;
    at += length;
  }
  return std::string_view::npos;
}

}  // namespace detail
GLSTM_END_NAMESPACE
