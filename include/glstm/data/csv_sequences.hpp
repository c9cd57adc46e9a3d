// Sequences from a CSV file.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <limits>
#include <map>
#include <optional>
#include <ostream>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <unordered_set>
#include <utility>
#include <vector>

#include "glstm/core/batch.hpp"
#include "glstm/core/error.hpp"
#include "glstm/core/parse_date_time.hpp"
#include "glstm/core/parse_number.hpp"
#include "glstm/core/types.hpp"
#include "glstm/data/csv_fields.hpp"
#include "glstm/data/dataset.hpp"

GLSTM_BEGIN_NAMESPACE

/// The names of the columns with a meaning of their own; all others are features.
struct CsvColumns {
  std::string sequence = "sequence", timestamp = "timestamp", label = "label";
  std::string target = "target";  ///< every column whose name starts with this
};

/// Sequences of any lengths, each with a class or with numbers to predict, from CSV text. Its first
/// line is a header that names the columns (CsvColumns), in any order and in upper or lower case:
///
///     sequence   the sequence that a row belongs to, any text; the rows of a sequence are
///                contiguous
///     timestamp  optional: the time of the row, not decreasing within a sequence: a number in the
///                user's unit, or a date and time (see parse_date_time), read as seconds since
///                1970; without the column, step n happens at time n
///     label      the class, the same in all rows of a sequence: any text. The classes are in
///                numeric order if all are numbers, else in that of their text
///     target...  instead of a label: each such column holds a number to predict, the same in all
///                rows of a sequence
///     others     features, in the order of the columns
///
/// A first column without a name, as of row numbers, is left out. Commas, semicolons or tabs
/// separate fields, whichever the header has; blanks around a field are ignored. A field may be in
/// double quotes, on one line. Lines end in LF or CRLF; a byte-order mark is ignored. Numbers have
/// a decimal point in every locale, or a decimal comma between semicolons, and must fit a Scalar.
template <class Scalar>
class CsvSequences final : public Dataset<Scalar> {
 public:
  /// Reads `text`, which messages call `source`. Throws Error, naming source:line, what was
  /// expected and what was found, unless the text is as above with at least one row. Blank lines
  /// are allowed at the end only.
  CsvSequences(std::string_view text, const std::string& source, const CsvColumns& columns = {})
      : source_(source) {
    using detail::require;
    constexpr std::string_view byte_order_mark = "\xEF\xBB\xBF";  // some spreadsheets write it
    if (text.starts_with(byte_order_mark)) text.remove_prefix(byte_order_mark.size());
    require(!text.starts_with("\xFF\xFE") && !text.starts_with("\xFE\xFF"), source,
            ": expected UTF-8 text, found UTF-16: save the file as UTF-8");
    text = text.substr(0, text.find_last_not_of(" \t\r\n") + 1);
    std::vector<std::string> fields;
    std::unordered_set<std::string> ids;
    std::string id;
    for (line_ = 1; !text.empty(); ++line_) {
      const std::string_view row = text.substr(0, text.find('\n'));
      text.remove_prefix(std::min(text.size(), row.size() + 1));
      read_fields(row, fields);
      if (line_ == 1) {
        read_header(fields, columns);
        continue;
      }
      require(fields.size() == names_.size(), where(), "expected ", names_.size(),
              " fields, as in the header, found ", fields.size());
      const std::string& row_id = fields[sequence_column_];
      require(!row_id.empty(), where(), "expected a sequence in column \"",
              names_[sequence_column_], "\", found an empty field");
      const bool starts = starts_.empty() || row_id != id;
      if (starts) {
        require(ids.insert(row_id).second, where(),
                "expected the rows of a sequence one after the other, found sequence \"", row_id,
                "\" again: sort the file by \"", names_[sequence_column_], "\" and time");
        id = row_id;
        starts_.push_back(rows_);
      }
      read_row(fields, starts);
    }
    require(line_ > 1, source_, ":1: expected a header line, found nothing");
    require(rows_ > 0, source_, ":2: expected a row of a sequence, found only a header");
    starts_.push_back(rows_);
    number_classes();
  }

  Index size() const override { return static_cast<Index>(starts_.size()) - 1; }
  Index features() const { return static_cast<Index>(feature_columns_.size()); }
  std::vector<std::string> feature_names() const {
    std::vector<std::string> result;
    for (std::size_t column : feature_columns_) result.push_back(names_[column]);
    return result;
  }
  /// The names of the classes 0, 1, ..., as the column of labels has them; none when there are
  /// targets instead.
  const std::vector<std::string>& class_names() const { return class_names_; }
  Index classes() const { return static_cast<Index>(class_names_.size()); }
  /// The number of targets of a sequence; 0 when there are labels.
  Index targets() const { return static_cast<Index>(target_columns_.size()); }
  bool has_timestamps() const { return !times_.empty(); }

  /// The number of steps of a sequence, which must be in 0 ... size() - 1.
  Index length(Index sequence) const { return start(sequence + 1) - start(sequence); }
  /// The number of steps of the longest sequence.
  Index longest() const {
    Index result = 0;
    for (Index s = 0; s < size(); ++s) result = std::max(result, length(s));
    return result;
  }
  /// The earliest and the latest time of all steps.
  double first_time() const {
    return has_timestamps() ? *std::min_element(times_.begin(), times_.end()) : 0;
  }
  double last_time() const {
    return has_timestamps() ? *std::max_element(times_.begin(), times_.end())
                            : static_cast<double>(longest() - 1);
  }

  /// Makes the time of every sequence count from its first step. Use it for sequences that happened
  /// on different days with timestamps of one clock, such as seconds since 1970. Throws Error, and
  /// changes nothing, when a sequence lasts longer than a double can tell.
  void count_time_from_first_steps() {
    for (Index s = 0; has_timestamps() && s < size(); ++s) {
      const double begin = times_[static_cast<std::size_t>(start(s))];
      const double end = times_[static_cast<std::size_t>(start(s + 1) - 1)];
      detail::require(std::isfinite(end - begin), source_,
                      ": expected sequences whose duration is a finite number, found times ", begin,
                      " to ", end, " in sequence ", s);
    }
    for (Index s = 0; has_timestamps() && s < size(); ++s) {
      const double begin = times_[static_cast<std::size_t>(start(s))];
      for (Index row = start(s); row < start(s + 1); ++row) {
        times_[static_cast<std::size_t>(row)] -= begin;
      }
    }
  }

  /// Makes time the fraction of each sequence's own duration: 0 at its first step and 1 at its
  /// last; fractions of its steps where there are no timestamps. Use it when the answer is to a
  /// whole sequence, and sequences differ in length.
  void count_time_as_fractions() {
    if (!has_timestamps()) {
      for (Index s = 0; s < size(); ++s) {
        for (Index n = 0; n < length(s); ++n) times_.push_back(static_cast<double>(n));
      }
    }
    count_time_from_first_steps();
    for (Index s = 0; s < size(); ++s) {
      const double duration = times_[static_cast<std::size_t>(start(s + 1) - 1)];
      for (Index row = start(s); duration > 0 && row < start(s + 1); ++row) {
        times_[static_cast<std::size_t>(row)] /= duration;
      }
    }
  }

  /// The time of the first and of the last step of a sequence, which must be in 0 ... size() - 1.
  double begin_of(Index sequence) const {
    return has_timestamps() ? times_[static_cast<std::size_t>(start(sequence))] : 0;
  }
  double end_of(Index sequence) const {
    return has_timestamps() ? times_[static_cast<std::size_t>(start(sequence + 1) - 1)]
                            : static_cast<double>(length(sequence) - 1);
  }

  /// The batch is as long as its longest sample. When others are shorter, zeros follow them and
  /// timing.lengths are set. Throws Error when a sample is not in 0 ... size() - 1.
  void load(std::span<const Index> samples, LabelledBatch<Scalar>& batch) const override {
    detail::require_samples(samples, size(), source_);
    const Index count = static_cast<Index>(samples.size()), I = features();
    Index steps = 0;
    for (Index sample : samples) steps = std::max(steps, length(sample));
    batch.resize(count, steps, I);
    SequenceBatch<Scalar>& input = batch.input;
    Timing& timing = input.timing;
    input.values.setZero();
    if (has_timestamps()) timing.timestamps.setZero(count, steps);
    if (targets() > 0) batch.targets.values.resize(count, targets());
    for (Index b = 0; b < count; ++b) {
      const Index sample = samples[static_cast<std::size_t>(b)];
      const Index first = start(sample), T = length(sample);
      timing.lengths.push_back(T);
      for (Index column = 0; column < I * T; ++column) {
        input.values(b, column) = values_[static_cast<std::size_t>(first * I + column)];
      }
      for (Index n = 0; has_timestamps() && n < T; ++n) {
        timing.timestamps(b, n) = times_[static_cast<std::size_t>(first + n)];
      }
      for (Index o = 0; o < targets(); ++o) {
        batch.targets.values(b, o) =
            static_cast<Scalar>(targets_[static_cast<std::size_t>(sample * targets() + o)]);
      }
      if (classes() > 0) batch.targets.labels.push_back(labels_[static_cast<std::size_t>(sample)]);
    }
    // Layers are faster without lengths.
    if (timing.valid_steps() == count * steps) timing.lengths.clear();
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
  Place where() const { return {source_, line_}; }

  /// Sets `fields` to those of `row`, without a first column that has no name.
  void read_fields(std::string_view row, std::vector<std::string>& fields) {
    using detail::require;
    require(row.find_first_not_of(" \t\r") != std::string_view::npos, where(),
            "expected fields, found a blank line");
    if (line_ == 1) separator_ = detail::csv_separator(row);
    const char* problem = detail::split_csv_row(row, separator_, fields);
    require(problem == nullptr, where(), problem != nullptr ? problem : "");
    if (line_ == 1) has_index_ = fields.size() > 1 && fields[0].empty();
    if (has_index_) fields.erase(fields.begin());
  }

  static std::string lower_case(std::string text) {
    for (char& c : text) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    return text;
  }

  void read_header(const std::vector<std::string>& fields, const CsvColumns& columns) {
    using detail::require;
    std::optional<std::size_t> sequence;
    for (std::size_t column = 0; column < fields.size(); ++column) {
      const std::string& name = fields[column];
      require(!name.empty(), where(), "expected a name for every column, found none for column ",
              column + 1);
      require(std::find(names_.begin(), names_.end(), name) == names_.end(), where(),
              "expected every column once, found \"", name, "\" again");
      names_.push_back(name);
      const std::string lower = lower_case(name);
      if (lower == lower_case(columns.sequence)) {
        sequence = column;
      } else if (lower == lower_case(columns.timestamp)) {
        time_column_ = column;
      } else if (lower == lower_case(columns.label)) {
        label_column_ = column;
      } else if (lower.starts_with(lower_case(columns.target))) {
        target_columns_.push_back(column);
      } else {
        feature_columns_.push_back(column);
      }
    }
    std::string found;
    for (const std::string& name : names_) found += (found.empty() ? "" : ", ") + name;
    require(sequence.has_value(), where(), "expected a column \"", columns.sequence, "\", found ",
            found);
    require(label_column_.has_value() || !target_columns_.empty(), where(), "expected a column \"",
            columns.label, "\", or columns whose names start with \"", columns.target, "\", found ",
            found);
    require(!label_column_ || target_columns_.empty(), where(), "expected a column \"",
            columns.label, "\" or columns \"", columns.target, "...\", not both, found ", found);
    require(!feature_columns_.empty(), where(), "expected at least one column of a feature, found ",
            found);
    sequence_column_ = *sequence;
  }

  /// Adds a row to the last sequence; with `starts`, it is the first row.
  void read_row(const std::vector<std::string>& fields, bool starts) {
    using detail::require;
    if (time_column_) {
      const std::optional<double> date = detail::parse_date_time(fields[*time_column_]);
      const double time =
          date ? *date : number(fields, *time_column_, std::numeric_limits<double>::max());
      require(starts || time >= times_.back(), where(),
              "expected a time that does not decrease within a sequence, found ",
              fields[*time_column_], " after ", starts ? time : times_.back(),
              ": sort the file by \"", names_[sequence_column_], "\" and \"", names_[*time_column_],
              "\"");
      times_.push_back(time);
    }
    const double largest = static_cast<double>(std::numeric_limits<Scalar>::max());
    for (std::size_t column : feature_columns_) {
      values_.push_back(static_cast<Scalar>(number(fields, column, largest)));
    }
    if (label_column_) {
      const std::string& found = fields[*label_column_];
      require(!found.empty(), where(), "expected a class in column \"", names_[*label_column_],
              "\", found an empty field");
      if (starts) label_texts_.push_back(found);
      require(found == label_texts_.back(), where(), "expected label ", label_texts_.back(),
              ", as in the rows of this sequence before, found ", found);
    }
    for (std::size_t o = 0; o < target_columns_.size(); ++o) {
      const double found = number(fields, target_columns_[o], largest);
      if (starts) targets_.push_back(found);
      const double first = targets_[targets_.size() - (starts ? 1 : target_columns_.size() - o)];
      require(found == first, where(), "expected ", first, " in column \"",
              names_[target_columns_[o]], "\", as in the rows of this sequence before, found ",
              fields[target_columns_[o]]);
    }
    ++rows_;
  }

  double number(const std::vector<std::string>& fields, std::size_t column, double largest) const {
    std::string text = fields[column];
    if (text.size() > 1 && text[0] == '+' && text[1] != '-') text.erase(0, 1);
    if (separator_ == ';' && text.find('.') == std::string::npos) {  // a decimal comma
      std::replace(text.begin(), text.end(), ',', '.');
    }
    const std::optional<double> value = detail::parse_number<double>(text);
    // A NaN is not <= largest either.
    detail::require(
        value && std::abs(*value) <= largest, where(), "expected a finite number in column \"",
        names_[column], "\", found \"", fields[column], "\"",
        is_missing(fields[column]) ? ": fill in missing values, or leave out the row" : "");
    return *value;
  }

  static bool is_missing(const std::string& field) {
    const std::string lower = lower_case(field);
    return lower.empty() || lower == "nan" || lower == "na" || lower == "null" || lower == "?";
  }

  /// Turns the texts of the labels into classes 0, 1, ... and their names.
  void number_classes() {
    class_names_ = label_texts_;
    const auto number_of = [](const std::string& text) {
      return detail::parse_number<double>(text);
    };
    const bool numbers =
        std::all_of(class_names_.begin(), class_names_.end(),
                    [&](const std::string& name) { return number_of(name).has_value(); });
    std::sort(class_names_.begin(), class_names_.end(),
              [&](const std::string& a, const std::string& b) {
                if (numbers && *number_of(a) != *number_of(b)) return *number_of(a) < *number_of(b);
                return a < b;
              });
    class_names_.erase(std::unique(class_names_.begin(), class_names_.end()), class_names_.end());
    std::map<std::string, int> class_of;
    for (const std::string& name : class_names_) {
      class_of.emplace(name, static_cast<int>(class_of.size()));
    }
    for (const std::string& text : label_texts_) labels_.push_back(class_of.at(text));
  }

  Index start(Index sequence) const { return starts_[static_cast<std::size_t>(sequence)]; }

  std::string source_;
  Index line_ = 1;  // while reading
  char separator_ = ',';
  bool has_index_ = false;  // a first column without a name
  std::vector<std::string> names_;
  std::size_t sequence_column_ = 0;
  std::optional<std::size_t> time_column_, label_column_;
  std::vector<std::size_t> feature_columns_, target_columns_;
  Index rows_ = 0;
  std::vector<Index> starts_;   // the first row of every sequence, then rows_
  std::vector<Scalar> values_;  // row by row
  std::vector<double> times_;   // one per row, or none
  std::vector<std::string> label_texts_, class_names_;
  std::vector<int> labels_;      // one per sequence, or none
  std::vector<double> targets_;  // sequence by sequence
};

/// Reads the sequences in the file `path`. Throws Error when the file cannot be read, or where
/// CsvSequences does.
template <class Scalar>
CsvSequences<Scalar> read_csv_sequences(const std::filesystem::path& path,
                                        const CsvColumns& columns = {}) {
  std::error_code ignored;
  detail::require(std::filesystem::is_regular_file(path, ignored), path.string(),
                  ": expected a CSV file, found ",
                  std::filesystem::exists(path, ignored) ? "no regular file" : "none");
  std::ifstream file(path, std::ios::binary);
  detail::require(file.is_open(), path.string(),
                  ": expected a CSV file, found one that cannot be opened");
  const std::string text(std::istreambuf_iterator<char>(file), {});
  detail::require(!file.bad(), path.string(), ": expected a CSV file, found one that cannot be ",
                  "read to its end");
  return CsvSequences<Scalar>(text, path.string(), columns);
}

GLSTM_END_NAMESPACE
