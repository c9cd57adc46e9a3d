// Samples of a data set, for the tests of data sets.
#pragma once

#include <cstddef>
#include <numeric>
#include <vector>

#include "glstm/core/batch.hpp"
#include "glstm/data/dataset.hpp"

template <class Scalar>
glstm::LabelledBatch<Scalar> load(const glstm::Dataset<Scalar>& data,
                                  const std::vector<glstm::Index>& samples) {
  glstm::LabelledBatch<Scalar> batch;
  data.load(samples, batch);
  return batch;
}

inline std::vector<glstm::Index> first_samples(glstm::Index count) {
  std::vector<glstm::Index> samples(static_cast<std::size_t>(count));
  std::iota(samples.begin(), samples.end(), glstm::Index{0});
  return samples;
}
