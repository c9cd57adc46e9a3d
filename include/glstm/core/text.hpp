// Numbers, times, lists and tables as people read them.
#pragma once

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <concepts>
#include <cstddef>
#include <iomanip>
#include <sstream>
#include <string>
#include <vector>

#include "glstm/core/error.hpp"
#include "glstm/core/types.hpp"

GLSTM_BEGIN_NAMESPACE
namespace detail {

/// "3.14": `value` with that many digits after the point.
inline std::string fixed_text(double value, int digits) {
  std::ostringstream text;
  text << std::fixed << std::setprecision(digits) << value;
  return text.str();
}

/// "0.1": the fewest digits that parse_number reads as `value`.
template <std::floating_point Real>
std::string number_text(Real value) {
  std::array<char, 32> text;
  return {text.data(), std::to_chars(text.data(), text.data() + text.size(), value).ptr};
}

/// `text` with its letters A to Z in lower case; all other bytes stay.
inline std::string lower_case(std::string text) {
  for (char& c : text) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  return text;
}

/// "38.3 M": three digits, and a prefix from a thousand on.
inline std::string short_text(double value, const char* unit = "") {
  constexpr std::array<const char*, 6> prefixes = {"", "k", "M", "G", "T", "P"};
  std::size_t prefix = 0;
  for (; value >= 999.5 && prefix + 1 < prefixes.size(); ++prefix) value /= 1000;
  const bool whole = prefix == 0 && value == std::floor(value);
  const int digits = whole ? 0 : value < 9.995 ? 2 : value < 99.95 ? 1 : 0;
  const std::string ending = std::string(prefixes[prefix]) + unit;
  return fixed_text(value, digits) + (ending.empty() ? "" : " " + ending);
}

/// "4.9 %"; "-" where `whole` is not positive.
inline std::string percent_text(double part, double whole) {
  if (!(whole > 0)) return "-";
  return fixed_text(100 * part / whole, 1) + " %";
}

/// "3, 4, 5", or the first ten and "...".
inline std::string list_text(const std::vector<Index>& numbers) {
  std::string text;
  for (std::size_t i = 0; i < numbers.size(); ++i) {
    if (i == 10) return text + ", ...";
    text += text_of(i == 0 ? "" : ", ", numbers[i]);
  }
  return text;
}

/// Writes times of a span of time, with as many digits as tell its parts apart.
class TimeText {
 public:
  TimeText(double first, double last) {
    const double largest = std::max(std::abs(first), std::abs(last)), span = last - first;
    if (!(largest > 0 && span > 0)) return;
    const double before_point = std::floor(std::log10(largest)) + 1;
    const double to_tell_apart = 4 + std::ceil(std::log10(largest / span));
    digits_ = static_cast<int>(std::clamp(std::max(before_point, to_tell_apart), 4.0, 15.0));
  }

  std::string operator()(double time) const {
    std::ostringstream text;
    text << std::setprecision(digits_) << time;
    return text.str();
  }
  /// "from 0 to 99", or "at 7".
  std::string operator()(double first, double last) const {
    if (first == last) return "at " + (*this)(first);
    return "from " + (*this)(first) + " to " + (*this)(last);
  }

 private:
  int digits_ = 10;
};

/// The rows of a table, of cells.
using TableRows = std::vector<std::vector<std::string>>;

/// The width of every column: that of its widest cell, and at least `least`.
inline std::vector<std::size_t> column_widths(const TableRows& rows, std::size_t least = 0) {
  std::vector<std::size_t> widths;
  for (const auto& row : rows) {
    widths.resize(std::max(widths.size(), row.size()), least);
    for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], row[i].size());
  }
  return widths;
}

/// Cell i of a row with blanks up to `width`: the first to the left, the others to the right.
inline std::string padded_cell(const std::string& cell, std::size_t i, std::size_t width) {
  const std::string blanks(width - cell.size(), ' ');
  return i == 0 ? cell + blanks : blanks + cell;
}

/// A table in plain text, a line for each row and two blanks between columns.
inline std::string table_text(const TableRows& rows) {
  const std::vector<std::size_t> widths = column_widths(rows);
  std::string text;
  for (const auto& row : rows) {
    std::string line;
    for (std::size_t i = 0; i < row.size(); ++i) {
      line += (i == 0 ? "" : "  ") + padded_cell(row[i], i, widths[i]);
    }
    text += line.substr(0, line.find_last_not_of(' ') + 1) + "\n";
  }
  return text;
}

}  // namespace detail
GLSTM_END_NAMESPACE
