// Numbers and tables as text.
#pragma once

#include <ostream>
#include <string>
#include <utility>
#include <vector>

#include "glstm/core/text.hpp"

namespace glstm::bench {

/// Returns `value` with about three significant digits.
inline std::string short_number(double value) {
  return detail::fixed_text(value, value < 1 ? 3 : value < 10 ? 2 : value < 100 ? 1 : 0);
}

inline std::string percent(double share) { return short_number(100 * share) + " %"; }

/// A Markdown table with padded columns, which is readable in a terminal too.
class Table {
 public:
  explicit Table(std::vector<std::string> header) : rows_{std::move(header)} {}

  void add(std::vector<std::string> row) { rows_.push_back(std::move(row)); }
  bool empty() const { return rows_.size() == 1; }

  void print(std::ostream& out) const {
    const std::vector<std::size_t> widths = detail::column_widths(rows_, 3);
    for (std::size_t r = 0; r < rows_.size(); ++r) {
      for (std::size_t i = 0; i < widths.size(); ++i) {
        out << "| " << detail::padded_cell(rows_[r][i], i, widths[i]) << ' ';
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
  detail::TableRows rows_;
};

}  // namespace glstm::bench
