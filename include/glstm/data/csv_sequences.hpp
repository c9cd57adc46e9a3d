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
#include "glstm/data/csv_columns.hpp"
#include "glstm/data/csv_fields.hpp"
#include "glstm/data/sequences.hpp"
#include "glstm/data/text_file.hpp"

GLSTM_BEGIN_NAMESPACE

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
  CsvPlace where() const { return {result_.source, line_}; }

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
    const std::size_t columns = header ? 1 : columns_->names.size();
    while (fields_.size() > columns && fields_.back().empty()) fields_.pop_back();
  }

  void read_header() {
    columns_.emplace(options_, fields_, where());
    for (const std::string& what : columns_->left_out) leave_out(what);
    for (const std::size_t column : columns_->features) {
      result_.description.feature_names.push_back(columns_->names[column]);
    }
    for (const std::size_t column : columns_->targets) {
      result_.description.target_names.push_back(columns_->names[column]);
    }
  }

  void leave_out(const std::string& what) {
    result_.left_out += (result_.left_out.empty() ? "" : ", ") + what;
  }

  void read_row() {
    require(fields_.size() == columns_->names.size(), where(), "expected ", columns_->names.size(),
            " fields, as in the header, found ", fields_.size());
    const bool starts = add_to_sequence();
    if (columns_->time) add_time(starts);
    for (const std::size_t column : columns_->features) {
      result_.values.push_back(number(column, options_.allow_missing, true));
    }
    if (columns_->label) {
      const std::string& label = fields_[*columns_->label];
      labels_.push_back(is_missing(label) ? "" : label);
    }
    if (columns_->group && starts) result_.groups.push_back(fields_[*columns_->group]);
    if (columns_->group) {
      const auto& group = result_.groups[static_cast<std::size_t>(sequence_of_row_.back())];
      require(group == fields_[*columns_->group], where(), "expected one value of column \"",
              columns_->names[*columns_->group], "\" in a sequence, found ",
              fields_[*columns_->group], " after ", group);
    }
    for (const std::size_t column : columns_->targets) {
      result_.targets.push_back(number(column, true, false));
    }
    for (std::size_t o = 1; o < columns_->targets.size(); ++o) {
      const auto last = result_.targets.end() - 1;
      require(std::isnan(*last) == std::isnan(*(last - static_cast<Index>(o))), where(),
              "expected all targets of a row or none, found some");
    }
  }

  /// Finds the sequence of the row. Returns whether it is the first row of one.
  bool add_to_sequence() {
    const std::string id = columns_->sequence ? fields_[*columns_->sequence] : "";
    require(!columns_->sequence || !id.empty(), where(), "expected a sequence in column \"",
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
    const std::optional<double> date = parse_date_time(fields_[*columns_->time]);
    const double time = date ? *date : number(*columns_->time, false, false);
    require(options_.sort || starts || time >= result_.times.back(), where(),
            "expected a time that does not decrease within a sequence, found ",
            fields_[*columns_->time], " after ", starts ? time : result_.times.back(),
            ": sort the file by \"", options_.sequence, "\" and \"",
            columns_->names[*columns_->time],
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
            "expected a finite number in column \"", columns_->names[column], "\", found \"",
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
    if (columns_->label) {
      ClassNumbers classes = number_classes(labels_);
      if (!classes.names.empty()) result_.labels = std::move(classes.labels);
      result_.description.class_names = std::move(classes.names);
    }
    const std::size_t outputs = columns_->targets.size();
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
    const std::size_t outputs = columns_->targets.size();
    const auto targets = result_.targets.begin();
    return std::equal(targets + static_cast<Index>(row_a * outputs),
                      targets + static_cast<Index>((row_a + 1) * outputs),
                      targets + static_cast<Index>(row_b * outputs));
  }

  const CsvOptions& options_;
  Sequences result_;
  Index line_ = 1;
  char separator_ = ',';
  bool has_index_ = false;                        // a first column without a name
  Index comments_ = 0;                            // behind the header
  std::vector<std::string> fields_;               // of the current row
  std::optional<CsvColumns> columns_;             // from the header on
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
