// Catch2 for the tests, version 2 or 3. Both then offer TEST_CASE, TEMPLATE_TEST_CASE, SECTION,
// GENERATE, INFO, CAPTURE, REQUIRE, CHECK and the name Approx without a namespace. Matchers differ
// between the two, so an error message is tested with error_of and check_mentions instead.
#pragma once

#if __has_include(<catch2/catch_test_macros.hpp>)
#include <catch2/catch_approx.hpp>
#include <catch2/catch_message.hpp>
#include <catch2/catch_template_test_macros.hpp>
#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <catch2/generators/catch_generators_range.hpp>
using Catch::Approx;
#else
#include <catch2/catch.hpp>
#endif

#include <algorithm>
#include <initializer_list>
#include <limits>
#include <string>
#include <vector>

#include "glstm/core/error.hpp"
#include "glstm/core/random.hpp"
#include "glstm/core/types.hpp"

/// The largest magnitude in a matrix; infinity where a value is not finite, which maxCoeff
/// overlooks.
template <class Matrix>
double largest_magnitude(const Matrix& values) {
  if (!values.allFinite()) return std::numeric_limits<double>::infinity();
  return values.size() == 0 ? 0 : static_cast<double>(values.cwiseAbs().maxCoeff());
}

/// Labels [B,1] of B samples.
inline glstm::Matrix<int> labels_of(std::initializer_list<int> labels) {
  glstm::Matrix<int> matrix(static_cast<glstm::Index>(labels.size()), 1);
  std::copy(labels.begin(), labels.end(), matrix.data());
  return matrix;
}
/// Labels [B,N] one after the other, those of all samples for the first prediction first.
inline std::vector<int> listed(const glstm::Matrix<int>& labels) {
  return {labels.data(), labels.data() + labels.size()};
}
/// Random labels [rows, columns] of `classes` classes.
inline glstm::Matrix<int> random_labels(glstm::Index rows, glstm::Index columns,
                                        glstm::Index classes, glstm::Rng& rng) {
  glstm::Matrix<int> labels(rows, columns);
  for (int& label : labels.reshaped()) label = static_cast<int>(rng.below(classes));
  return labels;
}

/// The message of the glstm::Error that `callable` throws; the test fails when it throws none.
template <class Callable>
std::string error_of(Callable&& callable) {
  try {
    callable();
  } catch (const glstm::Error& error) {
    return error.what();
  }
  FAIL("a glstm::Error was expected, nothing was thrown");
  return {};
}

/// Checks that every one of `parts` occurs in `message`.
inline void check_mentions(const std::string& message, std::initializer_list<std::string> parts) {
  for (const std::string& part : parts) {
    INFO("looked for \"" << part << "\" in \"" << message << "\"");
    const bool mentioned = message.find(part) != std::string::npos;
    CHECK(mentioned);
  }
}

/// Checks that `message` begins with the name of the file it is about and has it nowhere else.
inline void check_names_once(const std::string& message, const std::string& file) {
  INFO("looked for \"" << file << "\" once in \"" << message << "\"");
  const bool first = message.find(file) == 0;
  CHECK(first);
  const bool once = message.find(file, 1) == std::string::npos;
  CHECK(once);
}
