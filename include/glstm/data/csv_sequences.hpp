// Sequences from a CSV file.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <limits>
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
#include "glstm/core/parse_number.hpp"
#include "glstm/core/split.hpp"
#include "glstm/core/types.hpp"
#include "glstm/data/dataset.hpp"

GLSTM_BEGIN_NAMESPACE

/// The names of the columns with a meaning of their own; all others are features.
struct CsvColumns {
  std::string sequence = "sequence", timestamp = "timestamp", label = "label";
  std::string target = "target";  ///< every column whose name starts with this
};

/// Sequences of any lengths, each with a class or with numbers to predict, from CSV text. Its first
/// line is a header that names the columns (CsvColumns), in any order:
///
///     sequence   the sequence that a row belongs to, any text; the rows of a sequence are
///                contiguous
///     timestamp  optional: the time of the row, in the user's unit, not decreasing within a
///                sequence; without it, step n happens at time n
///     label      the class, 0, 1, 2, ..., the same in all rows of a sequence
///     target...  instead of a label: each such column holds a number to predict, the same in all
///                rows of a sequence
///     others     features, in the order of the columns
///
/// Commas separate fields; blanks around a field are ignored. Fields cannot be quoted. Lines end in
/// LF or CRLF. Numbers have a decimal point in every locale and must fit a Scalar.
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
    text = text.substr(0, text.find_last_not_of(" \t\r\n") + 1);
    std::vector<std::string_view> fields;
    std::unordered_set<std::string_view> ids;
    std::string_view id;
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
      const std::string_view row_id = fields[sequence_column_];
      require(!row_id.empty(), where(), "expected a sequence in column \"",
              names_[sequence_column_], "\", found an empty field");
      const bool starts = starts_.empty() || row_id != id;
      if (starts) {
        require(ids.insert(row_id).second, where(),
                "expected the rows of a sequence one after the other, found sequence \"", row_id,
                "\" again");
        id = row_id;
        starts_.push_back(rows_);
      }
      read_row(fields, starts);
    }
    require(line_ > 1, source_, ":1: expected a header line, found nothing");
    require(rows_ > 0, source_, ":2: expected a row of a sequence, found only a header");
    starts_.push_back(rows_);
  }

  Index size() const override { return static_cast<Index>(starts_.size()) - 1; }
  Index features() const { return static_cast<Index>(feature_columns_.size()); }
  std::vector<std::string> feature_names() const {
    std::vector<std::string> result;
    for (std::size_t column : feature_columns_) result.push_back(names_[column]);
    return result;
  }
  /// The largest label + 1; 0 when there are targets instead.
  Index classes() const { return classes_; }
  /// The number of targets of a sequence; 0 when there are labels.
  Index targets() const { return static_cast<Index>(target_columns_.size()); }
  bool has_timestamps() const { return time_column_.has_value(); }

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
      if (classes_ > 0) batch.targets.labels.push_back(labels_[static_cast<std::size_t>(sample)]);
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

  /// Sets `fields` to those of `row`, without the blanks around them.
  void read_fields(std::string_view row, std::vector<std::string_view>& fields) const {
    using detail::require;
    constexpr std::string_view blanks = " \t\r";
    require(row.find_first_not_of(blanks) != std::string_view::npos, where(),
            "expected fields, found a blank line");
    require(row.find('"') == std::string_view::npos, where(),
            "expected fields without quotes, found a quote");
    detail::split(row, ',', fields);
    for (std::string_view& field : fields) {
      field.remove_prefix(std::min(field.size(), field.find_first_not_of(blanks)));
      field = field.substr(0, field.find_last_not_of(blanks) + 1);
    }
  }

  void read_header(const std::vector<std::string_view>& fields, const CsvColumns& columns) {
    using detail::require;
    std::optional<std::size_t> sequence;
    for (std::size_t column = 0; column < fields.size(); ++column) {
      const std::string name(fields[column]);
      require(!name.empty(), where(), "expected a name for every column, found none for column ",
              column + 1);
      require(std::find(names_.begin(), names_.end(), name) == names_.end(), where(),
              "expected every column once, found \"", name, "\" again");
      names_.push_back(name);
      if (name == columns.sequence) {
        sequence = column;
      } else if (name == columns.timestamp) {
        time_column_ = column;
      } else if (name == columns.label) {
        label_column_ = column;
      } else if (name.starts_with(columns.target)) {
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
  void read_row(const std::vector<std::string_view>& fields, bool starts) {
    using detail::require;
    if (time_column_) {
      const double time = number(fields, *time_column_, std::numeric_limits<double>::max());
      require(starts || time >= times_.back(), where(),
              "expected a time that does not decrease within a sequence, found ",
              fields[*time_column_], " after ", starts ? time : times_.back());
      times_.push_back(time);
    }
    const double largest = static_cast<double>(std::numeric_limits<Scalar>::max());
    for (std::size_t column : feature_columns_) {
      values_.push_back(static_cast<Scalar>(number(fields, column, largest)));
    }
    if (label_column_) {
      const int found = label(fields);
      if (starts) labels_.push_back(found);
      require(found == labels_.back(), where(), "expected label ", labels_.back(),
              ", as in the rows of this sequence before, found ", found);
      classes_ = std::max(classes_, Index{found} + 1);
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

  double number(const std::vector<std::string_view>& fields, std::size_t column,
                double largest) const {
    const std::optional<double> value = detail::parse_number<double>(fields[column]);
    // A NaN is not <= largest either.
    detail::require(value && std::abs(*value) <= largest, where(),
                    "expected a finite number in column \"", names_[column], "\", found \"",
                    fields[column], "\"");
    return *value;
  }

  int label(const std::vector<std::string_view>& fields) const {
    const std::optional<int> value = detail::parse_number<int>(fields[*label_column_]);
    detail::require(value && *value >= 0, where(), "expected a class 0, 1, 2, ... in column \"",
                    names_[*label_column_], "\", found \"", fields[*label_column_], "\"");
    return *value;
  }

  Index start(Index sequence) const { return starts_[static_cast<std::size_t>(sequence)]; }

  std::string source_;
  Index line_ = 1;  // while reading
  std::vector<std::string> names_;
  std::size_t sequence_column_ = 0;
  std::optional<std::size_t> time_column_, label_column_;
  std::vector<std::size_t> feature_columns_, target_columns_;
  Index rows_ = 0, classes_ = 0;
  std::vector<Index> starts_;    // the first row of every sequence, then rows_
  std::vector<Scalar> values_;   // row by row
  std::vector<double> times_;    // one per row, or none
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
