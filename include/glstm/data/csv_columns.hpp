// What the columns of a CSV file of sequences mean.
#pragma once

#include <algorithm>
#include <cstddef>
#include <optional>
#include <ostream>
#include <string>
#include <vector>

#include "glstm/core/error.hpp"
#include "glstm/core/parse_number.hpp"
#include "glstm/core/text.hpp"
#include "glstm/core/types.hpp"

GLSTM_BEGIN_NAMESPACE

/// What the columns of a CSV file mean. Names are compared without regard to case.
struct CsvOptions {
  std::string sequence = "sequence", timestamp = "timestamp", label = "label";
  std::string target = "target";  ///< every column whose name starts with this, unless `targets`
  std::vector<std::string> targets = {};   ///< the columns of numbers to predict
  std::vector<std::string> features = {};  ///< none: every column without another meaning
  std::vector<std::string> ignored = {};   ///< columns that are left out
  std::string group = "";      ///< a column that tells what a split keeps together; "": none
  bool sort = false;           ///< sort the rows by sequence and time, instead of refusing disorder
  bool allow_missing = false;  ///< read missing features as NaN: see fill_missing
  bool one_sequence = false;   ///< all rows are one sequence where there is no column of sequences
  bool targets_are_features = false;  ///< the columns in `targets` are features too, as for a
                                      ///< forecast, unless `features` names others
  bool new_data =
      false;  ///< to predict: columns in `targets`, `ignored` and `group` may be missing
};

namespace detail {

/// Writes "file.csv:3: "; the text is made only when it is needed.
struct CsvPlace {
  const std::string& source;
  Index line;
  friend std::ostream& operator<<(std::ostream& out, const CsvPlace& place) {
    return out << place.source << ':' << place.line << ": ";
  }
};

/// The columns of a file, by its header line and the options.
class CsvColumns {
 public:
  /// Reads the header line, of these fields.
  CsvColumns(const CsvOptions& options, const std::vector<std::string>& fields,
             const CsvPlace& where)
      : options_(options), where_(where) {
    std::string found;
    for (const std::string& name : fields) {
      require(!name.empty(), where_, "expected a name for every column, found none for column ",
              names.size() + 1);
      require(!contains(names, lower_case(name)), where_, "expected every column once, found \"",
              name, "\" again (names are compared without regard to case)");
      found += (names.empty() ? "" : ", ") + name;
      names.push_back(name);
      give_meaning(names.size() - 1, lower_case(name));
    }
    require(!only_numbers(), where_, "expected a header line with the names of the columns, found ",
            found);
    require_named_columns(found);
    require(sequence || options_.one_sequence, where_, "expected a column \"", options_.sequence,
            "\", found ", found);
    require(!label || targets.empty(), where_, "expected a column \"", options_.label,
            "\" or columns \"", options_.target, "...\", not both, found ", found);
    require(!features.empty(), where_, "expected at least one column of a feature, found ", found);
  }

  std::vector<std::string> names;     ///< of all columns
  std::vector<std::string> left_out;  ///< what has no use, for people
  std::optional<std::size_t> sequence, time, label, group;
  std::vector<std::size_t> features, targets;

 private:
  static bool contains(const std::vector<std::string>& list, const std::string& lower) {
    return std::any_of(list.begin(), list.end(),
                       [&](const std::string& name) { return lower_case(name) == lower; });
  }

  /// Whether all columns are called by numbers that are no numbers of columns, 0, 1, 2 ... or
  /// from 1.
  bool only_numbers() const {
    bool counted = true;
    std::optional<double> last;
    for (const std::string& name : names) {
      const std::optional<double> number = parse_number<double>(name);
      if (!number) return false;
      counted = counted && (last ? *number == *last + 1 : *number == 0 || *number == 1);
      last = number;
    }
    return !counted;
  }

  /// The columns that options name are there, and what they are named to be.
  void require_named_columns(const std::string& found) const {
    for (const std::string& name : options_.features) {
      require_column(name, found);
      require_use(name, features, "a feature");
    }
    for (const std::string& name : options_.targets) {
      if (options_.new_data && !contains(names, lower_case(name))) continue;
      require_column(name, found);
      require_use(name, targets, "a target");
    }
    if (options_.new_data) return;
    for (const std::string& name : options_.ignored) require_column(name, found);
    if (options_.group.empty()) return;
    require_column(options_.group, found);
    require(group.has_value(), where_, "expected a column to split by, found \"", options_.group,
            "\", which is the time");
  }

  void require_use(const std::string& name, const std::vector<std::size_t>& columns,
                   const char* use) const {
    const auto is = [&](std::size_t column) {
      return lower_case(names[column]) == lower_case(name);
    };
    require(std::any_of(columns.begin(), columns.end(), is), where_, "expected column \"", name,
            "\" to be ", use, ", found that it has another use");
  }

  void require_column(const std::string& name, const std::string& found) const {
    require(contains(names, lower_case(name)), where_, "expected a column \"", name, "\", found ",
            found);
  }

  /// Where options.targets names the targets, what would be an answer without them.
  bool is_other_answer(const std::string& lower) const {
    return lower == lower_case(options_.label) || lower.starts_with(lower_case(options_.target));
  }

  void give_meaning(std::size_t column, const std::string& lower) {
    if (contains(options_.ignored, lower)) return;
    if (lower == lower_case(options_.sequence)) {
      sequence = column;
      if (lower == lower_case(options_.group)) group = column;
    } else if (lower == lower_case(options_.timestamp)) {
      time = column;
    } else if (!options_.group.empty() && lower == lower_case(options_.group)) {
      group = column;
    } else if (options_.targets.empty() && lower == lower_case(options_.label)) {
      label = column;
    } else if (options_.targets.empty() ? lower.starts_with(lower_case(options_.target))
                                        : contains(options_.targets, lower)) {
      targets.push_back(column);
      const bool wanted = options_.features.empty() || contains(options_.features, lower);
      if (options_.targets_are_features && !options_.targets.empty() && wanted) {
        features.push_back(column);
      }
    } else if (contains(options_.features, lower) ||
               (options_.features.empty() && !is_other_answer(lower))) {
      features.push_back(column);
    } else {
      left_out.push_back("column " + names[column]);
    }
  }

  const CsvOptions& options_;
  const CsvPlace where_;
};

}  // namespace detail
GLSTM_END_NAMESPACE
