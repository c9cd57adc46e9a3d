// Sequences from a .ts file, the format of the UEA and UCR archives of time series.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <filesystem>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "glstm/core/error.hpp"
#include "glstm/core/parse_number.hpp"
#include "glstm/core/split.hpp"
#include "glstm/core/text.hpp"
#include "glstm/core/types.hpp"
#include "glstm/core/utf8.hpp"
#include "glstm/data/class_numbers.hpp"
#include "glstm/data/sequences.hpp"
#include "glstm/data/text_file.hpp"

GLSTM_BEGIN_NAMESPACE

/// Reads sequences from .ts text, which messages call `source`: lines that start with `#` are
/// comments, lines that start with `@` describe the data, up to `@data`; then each line is a
/// sequence, its dimensions and its class separated by colons:
///
///     1.5,2,3:0.1,0.2,0.3:walking
///
/// `@classlabel true` with the names of the classes, or `@targetlabel true` (numbers) say whether
/// the last part is a class, a number to predict or another dimension. Dimensions are features,
/// "dimension 0" and so on; all of a sequence have the same length, sequences may differ. A value
/// that is ? or NaN is missing: it is NaN where `allow_missing`, see fill_missing. Timestamps in
/// brackets, (time,value), are not supported.
///
/// Throws Error, naming source:line, what was expected and what was found.
Sequences parse_ts_sequences(std::string_view text, const std::string& source,
                             bool allow_missing = false);

/// Reads the sequences in the file `path`. Throws Error when the file cannot be read, or where
/// parse_ts_sequences does.
inline Sequences read_ts_sequences(const std::filesystem::path& path, bool allow_missing = false) {
  return parse_ts_sequences(detail::read_text_file(path, "a .ts file"), path.string(),
                            allow_missing);
}

namespace detail {

class TsReader {
 public:
  TsReader(const std::string& source, bool allow_missing) : allow_missing_(allow_missing) {
    result_.source = source;
  }

  Sequences read(std::string_view text) {
    if (text.starts_with("\xEF\xBB\xBF")) text.remove_prefix(3);
    bool data = false;
    for (line_ = 1; !text.empty(); ++line_) {
      std::string_view line = text.substr(0, text.find('\n'));
      text.remove_prefix(std::min(text.size(), line.size() + 1));
      line = trimmed(line);
      if (line.empty() || line.front() == '#') continue;
      if (first_not_utf8(line) != line.npos) fail("expected UTF-8 text, found another encoding");
      if (data) {
        read_sequence(line);
      } else if (line.front() == '@') {
        data = read_property(line.substr(1));
      } else {
        fail("expected a line that starts with # or @ before @data, found \"" +
             std::string(line.substr(0, 40)) + "\"");
      }
    }
    if (!data) fail("expected @data, found the end of the file");
    if (result_.size() == 0) fail("expected a sequence after @data, found none");
    finish_classes();
    return std::move(result_);
  }

 private:
  static std::string_view trimmed(std::string_view text) {
    const std::size_t first = std::min(text.size(), text.find_first_not_of(" \t\r"));
    return text.substr(first, text.find_last_not_of(" \t\r") - first + 1);
  }

  [[noreturn]] void fail(const std::string& problem) const {
    throw Error(text_of(result_.source, ":", line_, ": ", problem));
  }

  /// Reads a line that describes the data. Returns whether the sequences follow.
  bool read_property(std::string_view line) {
    std::vector<std::string> words;
    for (const std::string_view word : split(line, ' ')) {
      if (!trimmed(word).empty()) words.emplace_back(trimmed(word));
    }
    const std::string key = words.empty() ? "" : lower_case(words[0]);
    const bool truth = words.size() > 1 && lower_case(words[1]) == "true";
    if (key == "timestamps" && truth) {
      fail("expected values without timestamps in brackets, found @timeStamps true");
    }
    if (key == "classlabel") {
      has_labels_ = truth;
      if (truth) result_.description.class_names.assign(words.begin() + 2, words.end());
    }
    if (key == "targetlabel") has_targets_ = truth;
    if (has_labels_ && has_targets_) fail("expected @classLabel or @targetLabel, found both");
    return key == "data";
  }

  void read_sequence(std::string_view line) {
    std::vector<std::string_view> parts = split(line, ':');
    if (has_labels_ || has_targets_) {
      if (parts.size() < 2) fail("expected values, a colon and an answer, found no colon");
      const std::string_view answer = trimmed(parts.back());
      parts.pop_back();
      if (has_labels_) {
        if (answer.empty()) fail("expected a class behind the last colon, found nothing");
        labels_.emplace_back(answer);
      } else {
        result_.targets.push_back(number(answer));
      }
    }
    if (result_.size() == 0) {
      for (std::size_t d = 0; d < parts.size(); ++d) {
        result_.description.feature_names.push_back(text_of("dimension ", d));
      }
    }
    const std::size_t width = result_.description.feature_names.size();
    if (parts.size() != width) {
      fail(text_of("expected ", width, " dimensions, as in the sequences before, found ",
                   parts.size()));
    }
    add_values(parts);
    result_.names.push_back(std::to_string(result_.names.size()));
  }

  void add_values(const std::vector<std::string_view>& parts) {
    const std::size_t width = parts.size(), begin = result_.values.size();
    std::size_t steps = 0;
    for (std::size_t d = 0; d < width; ++d) {
      const std::vector<std::string_view> fields = split(parts[d], ',');
      if (d == 0) steps = fields.size();
      if (fields.size() != steps) {
        fail(text_of("expected ", steps, " values in every dimension, found ", fields.size(),
                     " in dimension ", d));
      }
      result_.values.resize(begin + steps * width);
      for (std::size_t n = 0; n < steps; ++n) {
        result_.values[begin + n * width + d] = number(trimmed(fields[n]));
      }
    }
    result_.starts.push_back(result_.starts.back() + static_cast<Index>(steps));
  }

  double number(std::string_view text) const {
    if (text.starts_with('(')) fail("expected values without timestamps in brackets, found \"(\"");
    const bool missing = text == "?" || lower_case(std::string(text)) == "nan" || text.empty();
    if (missing && allow_missing_) return std::numeric_limits<double>::quiet_NaN();
    const std::optional<double> value = parse_number<double>(text);
    if (!value || !std::isfinite(*value)) {
      fail("expected a finite number, found \"" + std::string(text.substr(0, 40)) + "\"" +
           (missing ? ": missing values can be filled in (--missing)" : ""));
    }
    return *value;
  }

  /// Numbers the classes in the order of @classLabel.
  void finish_classes() {
    if (has_targets_) result_.description.target_names = {"target"};
    if (!has_labels_) return;
    std::vector<std::string>& names = result_.description.class_names;
    if (names.empty()) {
      ClassNumbers classes = number_classes(labels_);
      names = std::move(classes.names);
      result_.labels = std::move(classes.labels);
      return;
    }
    for (const std::string& label : labels_) {
      const auto found = std::find(names.begin(), names.end(), label);
      if (found == names.end()) {
        throw Error(result_.source + ": expected a class that @classLabel names, found \"" + label +
                    "\"");
      }
      result_.labels.push_back(static_cast<int>(found - names.begin()));
    }
  }

  Sequences result_;
  Index line_ = 1;
  bool allow_missing_ = false, has_labels_ = false, has_targets_ = false;
  std::vector<std::string> labels_;
};

}  // namespace detail

inline Sequences parse_ts_sequences(std::string_view text, const std::string& source,
                                    bool allow_missing) {
  return detail::TsReader(source, allow_missing).read(text);
}

GLSTM_END_NAMESPACE
