// Dates and times of the kind 2024-11-28T20:30:00Z.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <optional>
#include <string_view>

#include "glstm/core/types.hpp"

GLSTM_BEGIN_NAMESPACE
namespace detail {

/// Takes parts of a text from its front.
struct TextReader {
  std::string_view text;

  bool take(std::string_view any_of) {
    const bool found = !text.empty() && any_of.find(text.front()) != std::string_view::npos;
    if (found) text.remove_prefix(1);
    return found;
  }
  /// A number of exactly `count` digits, at most `largest`; -1 if there is none.
  int digits(std::size_t count, int largest) {
    int value = 0;
    for (std::size_t i = 0; i < count; ++i) {
      if (i >= text.size() || text[i] < '0' || text[i] > '9') return -1;
      value = 10 * value + (text[i] - '0');
    }
    text.remove_prefix(count);
    return value <= largest ? value : -1;
  }
};

/// The seconds of hh:mm, hh:mm:ss or hh:mm:ss.fraction; -1 if the text is none.
inline double take_time_of_day(TextReader& reader) {
  const int hour = reader.digits(2, 24);
  if (hour < 0 || !reader.take(":")) return -1;
  const int minute = reader.digits(2, 59);
  if (minute < 0) return -1;
  double seconds = 3600.0 * hour + 60.0 * minute;
  if (!reader.take(":")) return seconds;
  const int second = reader.digits(2, 60);
  if (second < 0) return -1;
  seconds += second;
  if (!reader.take(".,")) return seconds;
  double unit = 0.1;
  int digit = reader.digits(1, 9);
  if (digit < 0) return -1;
  for (; digit >= 0; digit = reader.digits(1, 9), unit /= 10) seconds += unit * digit;
  return seconds;
}

/// Takes the seconds by which a time is ahead of UTC: none or Z, +hh:mm, +hhmm or +hh. Returns
/// nothing if the text does not end there.
inline std::optional<double> take_offset(TextReader& reader) {
  if (reader.text.empty() || reader.text == "Z" || reader.text == "z") return 0;
  const double sign = reader.text.front() == '-' ? -1 : 1;
  if (!reader.take("+-")) return {};
  const int hours = reader.digits(2, 23);
  if (hours < 0) return {};
  if (reader.text.empty()) return sign * 3600.0 * hours;
  reader.take(":");
  const int minutes = reader.digits(2, 59);
  if (minutes < 0 || !reader.text.empty()) return {};
  return sign * (3600.0 * hours + 60.0 * minutes);
}

/// Reads an ISO 8601 date, or date and time, as seconds since 1970-01-01T00:00:00Z:
///
///     2024-11-28
///     2024-11-28T20:30        a blank may stand for the T
///     2024-11-28T20:30:00.25
///
/// A time is followed by nothing, which means UTC, or by Z, +hh:mm, +hhmm or +hh. Returns nothing
/// if the text is anything else, or no day of the calendar.
inline std::optional<double> parse_date_time(std::string_view text) {
  TextReader reader{text};
  const int year = reader.digits(4, 9999);
  if (year < 0 || !reader.take("-")) return {};
  const int month = reader.digits(2, 12);
  if (month < 0 || !reader.take("-")) return {};
  const int day = reader.digits(2, 31);
  const std::chrono::year_month_day date{std::chrono::year(year),
                                         std::chrono::month(static_cast<unsigned>(month)),
                                         std::chrono::day(static_cast<unsigned>(std::max(0, day)))};
  if (!date.ok()) return {};
  const double seconds =
      86'400.0 * static_cast<double>(std::chrono::sys_days(date).time_since_epoch().count());
  if (reader.text.empty()) return seconds;
  if (!reader.take("Tt ")) return {};
  const double time_of_day = take_time_of_day(reader);
  const std::optional<double> offset = take_offset(reader);
  if (time_of_day < 0 || !offset) return {};
  return seconds + time_of_day - *offset;
}

}  // namespace detail
GLSTM_END_NAMESPACE
