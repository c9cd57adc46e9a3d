// The median of repetitions.
#pragma once

#include <algorithm>
#include <vector>

namespace glstm::bench {

/// Returns the median of `values`, at least one. Of an even number it is the mean of the two in the
/// middle.
inline double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  const std::size_t middle = values.size() / 2;
  return values.size() % 2 == 1 ? values[middle] : (values[middle - 1] + values[middle]) / 2;
}

}  // namespace glstm::bench
