// Sequences from a CSV file.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <filesystem>
#include <limits>
#include <map>
#include <numeric>
#include <optional>
#include <ostream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "glstm/core/error.hpp"
#include "glstm/core/parse_date_time.hpp"
#include "glstm/core/parse_number.hpp"
#include "glstm/core/text.hpp"
#include "glstm/core/types.hpp"
#include "glstm/core/utf8.hpp"
#include "glstm/data/class_numbers.hpp"
#include "glstm/data/csv_fields.hpp"
#include "glstm/data/sequences.hpp"
#include "glstm/data/text_file.hpp"

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

/// Reads sequences of any lengths from CSV text, which messages call `source`. Its first line is a
/// header that names the columns, in any order:
///
///     sequence   the sequence that a row belongs to, any text; the rows of a sequence are
///                contiguous, unless options.sort
///     timestamp  optional: the time of the row, not decreasing within a sequence: a number in the
///                user's unit, or a date and time (see parse_date_time), read as seconds since
///                1970; without the column, step n happens at time n
///     label      the class: any text. The classes are in numeric order if all are numbers, else in
///                that of their text; ?, NA, NaN and null are not known
///     target...  instead of a label: each such column holds a number to predict
///     others     features, in the order of the columns
///
/// Where the label or the targets are the same in all rows of each sequence, they are those of the
/// sequence; else there is one answer for every step. An empty field is not known. Without such a
/// column there is nothing to learn.
///
/// A first column without a name, as of row numbers, and empty fields at the end of lines are left
/// out, as are lines that start with `#`. Commas, semicolons or tabs separate fields, whichever the
/// header has; blanks around a field are ignored. A field may be in double quotes, on one line.
/// Lines end in LF, CRLF or CR; a byte-order mark is ignored. Numbers have a decimal point in every
/// locale, or a decimal comma between semicolons.
///
/// Throws Error, naming source:line, what was expected and what was found, unless the text is as
/// above with at least one row. Blank lines are allowed at the end only.
Sequences parse_csv_sequences(std::string_view text, const std::string& source,
                              const CsvOptions& options = {});

/// Reads the sequences in the file `path`. Throws Error when the file cannot be read, or where
/// parse_csv_sequences does.
inline Sequences read_csv_sequences(const std::filesystem::path& path,
                                    const CsvOptions& options = {}) {
  return parse_csv_sequences(detail::read_text_file(path, "a CSV file"), path.string(), options);
}

namespace detail {

/// Reads one CSV text.
class CsvReader {
 public:
  CsvReader(const std::string& source, const CsvOptions& options) : options_(options) {
    result_.source = source;
  }

  Sequences read(std::string_view text) {
    constexpr std::string_view byte_order_mark = "\xEF\xBB\xBF";  // some spreadsheets write it
    if (text.starts_with(byte_order_mark)) text.remove_prefix(byte_order_mark.size());
    require(!text.starts_with("\xFF\xFE") && !text.starts_with("\xFE\xFF"), result_.source,
            ": expected UTF-8 text, found UTF-16: save the file as UTF-8");
    while (!text.empty()) {  // blank lines at the end
      const std::size_t end = text.find_last_not_of("\r\n") + 1;
      const std::size_t begin = end > 0 ? text.find_last_of("\r\n", end - 1) + 1 : 0;
      text = text.substr(0, end);
      if (text.find_first_not_of(" \t", begin) != text.npos) break;
      text = text.substr(0, begin);
    }
    const char end_of_line = text.find('\n') == text.npos ? '\r' : '\n';
    bool header = true;
    for (line_ = 1; !text.empty(); ++line_) {
      const std::string_view row = text.substr(0, text.find(end_of_line));
      text.remove_prefix(std::min(text.size(), row.size() + 1));
      if (row.starts_with('#')) {
        comments_ += header ? 0 : 1;
        continue;
      }
      read_fields(row, header);
      header ? read_header() : read_row();
      header = false;
    }
    require(!header, result_.source, ":1: expected a header line, found nothing");
    require(rows() > 0, result_.source, ":", line_, ": expected a row of a sequence, found only ",
            "a header");
    if (comments_ > 0) leave_out(text_of("lines that start with # (", comments_, ")"));
    if (options_.sort) sort_rows();
    finish_sequences();
    finish_answers();
    return std::move(result_);
  }

 private:
  /// Writes "file.csv:3: "; the text is made only when it is needed.
  struct Place {
    const std::string& source;
    Index line;
    friend std::ostream& operator<<(std::ostream& out, const Place& place) {
      return out << place.source << ':' << place.line << ": ";
    }
  };
  Place where() const { return {result_.source, line_}; }

  Index rows() const { return static_cast<Index>(sequence_of_row_.size()); }

  /// Sets fields_ to those of `row`, without a first column that has no name and without empty
  /// fields behind the last column.
  void read_fields(std::string_view row, bool header) {
    require(row.find_first_not_of(" \t\r") != std::string_view::npos, where(),
            "expected fields, found a blank line");
    require(first_not_utf8(row) == row.npos, where(),
            "expected UTF-8 text, found another encoding: save the file as UTF-8");
    if (header) separator_ = csv_separator(row);
    const char* problem = split_csv_row(row, separator_, fields_);
    require(problem == nullptr, where(), problem != nullptr ? problem : "");
    if (header) {
      has_index_ = fields_.size() > 1 && fields_[0].empty();
      if (has_index_) leave_out("the first column, which has no name");
    }
    if (has_index_) fields_.erase(fields_.begin());
    const std::size_t columns = header ? 1 : names_.size();
    while (fields_.size() > columns && fields_.back().empty()) fields_.pop_back();
  }

  static bool contains(const std::vector<std::string>& names, const std::string& lower) {
    return std::any_of(names.begin(), names.end(),
                       [&](const std::string& name) { return lower_case(name) == lower; });
  }

  void read_header() {
    std::string found;
    for (const std::string& name : fields_) {
      require(!name.empty(), where(), "expected a name for every column, found none for column ",
              names_.size() + 1);
      require(!contains(names_, lower_case(name)), where(), "expected every column once, found \"",
              name, "\" again (names are compared without regard to case)");
      found += (names_.empty() ? "" : ", ") + name;
      give_meaning(names_.size(), lower_case(name));
      names_.push_back(name);
    }
    require(!only_numbers(), where(),
            "expected a header line with the names of the columns, found ", found);
    require_named_columns(found);
    require(sequence_column_ || options_.one_sequence, where(), "expected a column \"",
            options_.sequence, "\", found ", found);
    require(!label_column_ || target_columns_.empty(), where(), "expected a column \"",
            options_.label, "\" or columns \"", options_.target, "...\", not both, found ", found);
    require(!feature_columns_.empty(), where(), "expected at least one column of a feature, found ",
            found);
    for (const std::size_t column : feature_columns_) {
      result_.description.feature_names.push_back(names_[column]);
    }
    for (const std::size_t column : target_columns_) {
      result_.description.target_names.push_back(names_[column]);
    }
  }

  /// Whether all columns are called by numbers that are no numbers of columns, 0, 1, 2 ... or
  /// from 1.
  bool only_numbers() const {
    bool counted = true;
    std::optional<double> last;
    for (const std::string& name : names_) {
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
      require_use(name, feature_columns_, "a feature");
    }
    for (const std::string& name : options_.targets) {
      if (options_.new_data && !contains(names_, lower_case(name))) continue;
      require_column(name, found);
      require_use(name, target_columns_, "a target");
    }
    if (options_.new_data) return;
    for (const std::string& name : options_.ignored) require_column(name, found);
    if (options_.group.empty()) return;
    require_column(options_.group, found);
    require(group_column_.has_value(), where(), "expected a column to split by, found \"",
            options_.group, "\", which is the time");
  }

  void require_use(const std::string& name, const std::vector<std::size_t>& columns,
                   const char* use) const {
    const auto is = [&](std::size_t column) {
      return lower_case(names_[column]) == lower_case(name);
    };
    require(std::any_of(columns.begin(), columns.end(), is), where(), "expected column \"", name,
            "\" to be ", use, ", found that it has another use");
  }

  void leave_out(const std::string& what) {
    result_.left_out += (result_.left_out.empty() ? "" : ", ") + what;
  }

  void require_column(const std::string& name, const std::string& found) const {
    require(contains(names_, lower_case(name)), where(), "expected a column \"", name, "\", found ",
            found);
  }

  /// Where options.targets names the targets, what would be an answer without them.
  bool is_other_answer(const std::string& lower) const {
    return lower == lower_case(options_.label) || lower.starts_with(lower_case(options_.target));
  }

  void give_meaning(std::size_t column, const std::string& lower) {
    if (contains(options_.ignored, lower)) return;
    if (lower == lower_case(options_.sequence)) {
      sequence_column_ = column;
      if (lower == lower_case(options_.group)) group_column_ = column;
    } else if (lower == lower_case(options_.timestamp)) {
      time_column_ = column;
    } else if (!options_.group.empty() && lower == lower_case(options_.group)) {
      group_column_ = column;
    } else if (options_.targets.empty() && lower == lower_case(options_.label)) {
      label_column_ = column;
    } else if (options_.targets.empty() ? lower.starts_with(lower_case(options_.target))
                                        : contains(options_.targets, lower)) {
      target_columns_.push_back(column);
      const bool wanted = options_.features.empty() || contains(options_.features, lower);
      if (options_.targets_are_features && !options_.targets.empty() && wanted) {
        feature_columns_.push_back(column);
      }
    } else if (contains(options_.features, lower) ||
               (options_.features.empty() && !is_other_answer(lower))) {
      feature_columns_.push_back(column);
    } else {
      leave_out("column " + fields_[column]);
    }
  }

  void read_row() {
    require(fields_.size() == names_.size(), where(), "expected ", names_.size(),
            " fields, as in the header, found ", fields_.size());
    const bool starts = add_to_sequence();
    if (time_column_) add_time(starts);
    for (const std::size_t column : feature_columns_) {
      result_.values.push_back(number(column, options_.allow_missing, true));
    }
    if (label_column_) {
      const std::string& label = fields_[*label_column_];
      labels_.push_back(is_missing(label) ? "" : label);
    }
    if (group_column_ && starts) result_.groups.push_back(fields_[*group_column_]);
    if (group_column_) {
      const auto& group = result_.groups[static_cast<std::size_t>(sequence_of_row_.back())];
      require(group == fields_[*group_column_], where(), "expected one value of column \"",
              names_[*group_column_], "\" in a sequence, found ", fields_[*group_column_],
              " after ", group);
    }
    for (const std::size_t column : target_columns_) {
      result_.targets.push_back(number(column, true, false));
    }
    for (std::size_t o = 1; o < target_columns_.size(); ++o) {
      const auto last = result_.targets.end() - 1;
      require(std::isnan(*last) == std::isnan(*(last - static_cast<Index>(o))), where(),
              "expected all targets of a row or none, found some");
    }
  }

  /// Finds the sequence of the row. Returns whether it is the first row of one.
  bool add_to_sequence() {
    const std::string id = sequence_column_ ? fields_[*sequence_column_] : "";
    require(!sequence_column_ || !id.empty(), where(), "expected a sequence in column \"",
            options_.sequence, "\", found an empty field");
    const auto [found, starts] = number_of_.emplace(id, result_.names.size());
    if (starts) result_.names.push_back(id);
    const Index sequence = static_cast<Index>(found->second);
    require(options_.sort || starts || sequence == sequence_of_row_.back(), where(),
            "expected the rows of a sequence one after the other, found sequence \"", id,
            "\" again: sort the file by \"", options_.sequence,
            "\" and time, or let the reader do ", "it (CsvOptions::sort, --sort)");
    sequence_of_row_.push_back(sequence);
    return starts;
  }

  void add_time(bool starts) {
    const std::optional<double> date = parse_date_time(fields_[*time_column_]);
    const double time = date ? *date : number(*time_column_, false, false);
    require(options_.sort || starts || time >= result_.times.back(), where(),
            "expected a time that does not decrease within a sequence, found ",
            fields_[*time_column_], " after ", starts ? time : result_.times.back(),
            ": sort the file by \"", options_.sequence, "\" and \"", names_[*time_column_],
            "\", or let the reader do it (CsvOptions::sort, --sort)");
    result_.times.push_back(time);
  }

  /// The number in a column of this row; NaN for a missing one where that is allowed. An error says
  /// how to allow it if `advise`.
  double number(std::size_t column, bool allow_missing, bool advise) const {
    if (allow_missing && is_missing(fields_[column])) {
      return std::numeric_limits<double>::quiet_NaN();
    }
    std::string text = fields_[column];
    if (text.size() > 1 && text[0] == '+' && text[1] != '-') text.erase(0, 1);
    if (separator_ == ';' && text.find('.') == std::string::npos) {  // a decimal comma
      std::replace(text.begin(), text.end(), ',', '.');
    }
    const std::optional<double> value = parse_number<double>(text);
    // A NaN is not <= the largest number either.
    require(value && std::abs(*value) <= std::numeric_limits<double>::max(), where(),
            "expected a finite number in column \"", names_[column], "\", found \"",
            fields_[column], "\"",
            advise && is_missing(fields_[column])
                ? ": fill in missing values, leave out the row, or let the reader do it "
                  "(CsvOptions::allow_missing, --missing)"
                : "");
    return *value;
  }

  static bool is_missing(const std::string& field) {
    const std::string lower = lower_case(field);
    return lower.empty() || lower == "nan" || lower == "na" || lower == "null" || lower == "?";
  }

  /// Sorts the rows by sequence, in the order of their first rows, and by time.
  void sort_rows() {
    std::vector<std::size_t> order(sequence_of_row_.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
      if (sequence_of_row_[a] != sequence_of_row_[b]) {
        return sequence_of_row_[a] < sequence_of_row_[b];
      }
      return result_.has_times() && result_.times[a] < result_.times[b];
    });
    const auto apply = [&](auto& list) {
      const std::size_t width = list.size() / order.size();
      auto sorted = list;
      for (std::size_t row = 0; row < order.size(); ++row) {
        for (std::size_t i = 0; i < width; ++i) {
          sorted[row * width + i] = list[order[row] * width + i];
        }
      }
      list = std::move(sorted);
    };
    apply(sequence_of_row_);
    apply(result_.times);
    apply(result_.values);
    apply(labels_);
    apply(result_.targets);
  }

  void finish_sequences() {
    result_.starts.clear();
    for (Index row = 0; row < rows(); ++row) {
      const auto r = static_cast<std::size_t>(row);
      if (row == 0 || sequence_of_row_[r] != sequence_of_row_[r - 1]) {
        result_.starts.push_back(row);
      }
    }
    result_.starts.push_back(rows());
  }

  /// Turns labels and targets of rows into those of sequences where they do not change.
  void finish_answers() {
    if (label_column_) {
      ClassNumbers classes = number_classes(labels_);
      if (!classes.names.empty()) result_.labels = std::move(classes.labels);
      result_.description.class_names = std::move(classes.names);
    }
    const std::size_t outputs = target_columns_.size();
    const bool known = std::any_of(result_.targets.begin(), result_.targets.end(),
                                   [](double target) { return !std::isnan(target); });
    if (!known) {
      result_.targets.clear();
      result_.description.target_names.clear();
    }
    result_.every_step = true;
    std::vector<int> labels;
    std::vector<double> targets;
    for (Index s = 0; s < result_.size(); ++s) {
      Index answer = result_.start(s);  // the first row whose answer is known, if any is
      for (Index row = result_.start(s); row < result_.start(s + 1); ++row) {
        if (!result_.is_known(row)) continue;
        if (!result_.is_known(answer)) answer = row;
        if (!same_answer(answer, row)) return;  // one answer for every step
      }
      const auto a = static_cast<std::size_t>(answer);
      if (result_.has_labels()) labels.push_back(result_.labels[a]);
      for (std::size_t o = 0; result_.has_targets() && o < outputs; ++o) {
        targets.push_back(result_.targets[a * outputs + o]);
      }
    }
    result_.every_step = false;
    result_.labels = std::move(labels);
    result_.targets = std::move(targets);
  }

  bool same_answer(Index a, Index b) const {
    const auto row_a = static_cast<std::size_t>(a), row_b = static_cast<std::size_t>(b);
    if (result_.has_labels()) return result_.labels[row_a] == result_.labels[row_b];
    const std::size_t outputs = target_columns_.size();
    const auto targets = result_.targets.begin();
    return std::equal(targets + static_cast<Index>(row_a * outputs),
                      targets + static_cast<Index>((row_a + 1) * outputs),
                      targets + static_cast<Index>(row_b * outputs));
  }

  const CsvOptions& options_;
  Sequences result_;
  Index line_ = 1;
  char separator_ = ',';
  bool has_index_ = false;           // a first column without a name
  Index comments_ = 0;               // behind the header
  std::vector<std::string> fields_;  // of the current row
  std::vector<std::string> names_;   // of the columns
  std::optional<std::size_t> sequence_column_, time_column_, label_column_, group_column_;
  std::vector<std::size_t> feature_columns_, target_columns_;
  std::map<std::string, std::size_t> number_of_;  // of a sequence, by its name
  std::vector<Index> sequence_of_row_;
  std::vector<std::string> labels_;  // of the rows
};

}  // namespace detail

inline Sequences parse_csv_sequences(std::string_view text, const std::string& source,
                                     const CsvOptions& options) {
  return detail::CsvReader(source, options).read(text);
}

GLSTM_END_NAMESPACE
