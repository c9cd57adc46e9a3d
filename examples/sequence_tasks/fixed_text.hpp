// Numbers as text with a fixed number of digits.
#pragma once

#include <iomanip>
#include <sstream>
#include <string>

namespace sequence_tasks {

/// Returns `value` with `digits` digits after the point.
inline std::string fixed(double value, int digits) {
  std::ostringstream text;
  text << std::fixed << std::setprecision(digits) << value;
  return text.str();
}

}  // namespace sequence_tasks
