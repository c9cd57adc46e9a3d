// Numbers and tables as text.
#pragma once

#include <algorithm>
#include <cstdio>
#include <ostream>
#include <string>
#include <utility>
#include <vector>

namespace glstm::bench {

/// Returns `value` with `digits` digits after the point.
inline std::string number(double value, int digits) {
  char text[64];
  std::snprintf(text, sizeof text, "%.*f", digits, value);
  return text;
}

/// Returns `value` with about three significant digits.
inline std::string short_number(double value) {
  return number(value, value < 1 ? 3 : value < 10 ? 2 : value < 100 ? 1 : 0);
}

inline std::string percent(double share) { return short_number(100 * share) + " %"; }

/// A Markdown table with padded columns, which is readable in a terminal too.
class Table {
 public:
  explicit Table(std::vector<std::string> header) : rows_{std::move(header)} {}

  void add(std::vector<std::string> row) { rows_.push_back(std::move(row)); }
  bool empty() const { return rows_.size() == 1; }

  void print(std::ostream& out) const {
    std::vector<std::size_t> widths(rows_[0].size(), 3);
    for (const auto& row : rows_) {
      for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], row[i].size());
    }
    for (std::size_t r = 0; r < rows_.size(); ++r) {
      for (std::size_t i = 0; i < widths.size(); ++i) {
        const std::string padding(widths[i] - rows_[r][i].size(), ' ');
        out << "| " << (i == 0 ? rows_[r][i] + padding : padding + rows_[r][i]) << ' ';
      }
      out << "|\n";
      if (r > 0) continue;
      for (std::size_t i = 0; i < widths.size(); ++i) {
        out << "|" << (i == 0 ? ':' : '-') << std::string(widths[i], '-') << (i == 0 ? '-' : ':');
      }
      out << "|\n";
    }
    out << "\n";
  }

 private:
  std::vector<std::vector<std::string>> rows_;
};

}  // namespace glstm::bench
