// A row of a CSV file, as its fields.
#pragma once

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include "glstm/core/types.hpp"

GLSTM_BEGIN_NAMESPACE
namespace detail {

/// The separator that a header line has most of: a comma, a semicolon or a tab.
inline char csv_separator(std::string_view header) {
  const auto count = [&](char c) { return std::count(header.begin(), header.end(), c); };
  char best = ',';
  for (const char c : {';', '\t'}) {
    if (count(c) > count(best)) best = c;
  }
  return best;
}

/// Takes a field in quotes, in which a quote is doubled, from the front of `row`. Returns whether
/// it has an end.
inline bool take_quoted_field(std::string_view& row, std::string& field) {
  for (std::size_t at = 1; at < row.size(); ++at) {
    if (row[at] != '"') {
      field += row[at];
    } else if (at + 1 < row.size() && row[at + 1] == '"') {
      field += row[at++];
    } else {
      row.remove_prefix(at + 1);
      return true;
    }
  }
  return false;
}

/// Sets `fields` to those of a line without its end, without quotes and without the blanks around
/// them. Returns what was expected and found where the line is not a row, otherwise null.
inline const char* split_csv_row(std::string_view row, char separator,
                                 std::vector<std::string>& fields) {
  const std::string_view blanks = separator == '\t' ? " \r" : " \t\r";
  const auto skip_blanks = [&] {
    row.remove_prefix(std::min(row.size(), row.find_first_not_of(blanks)));
  };
  fields.clear();
  for (bool more = true; more;) {
    skip_blanks();
    std::string field;
    if (row.starts_with('"')) {
      if (!take_quoted_field(row, field)) {
        return "expected a quote at the end of a field, found none on the line";
      }
      skip_blanks();
      if (!row.empty() && row.front() != separator) {
        return "expected a separator after a field in quotes, found other text";
      }
    } else {
      field = row.substr(0, row.find(separator));
      row.remove_prefix(field.size());
      field.erase(field.find_last_not_of(blanks) + 1);
    }
    fields.push_back(std::move(field));
    more = !row.empty();
    if (more) row.remove_prefix(1);
  }
  return nullptr;
}

}  // namespace detail
GLSTM_END_NAMESPACE
