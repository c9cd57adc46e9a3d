// Numbers that are not finite are found; the variant fast_math compiles this with -ffast-math.
#include "glstm/core/finite.hpp"

#include <limits>
#include <vector>

#include "catch.hpp"
#include "glstm/core/timing.hpp"
#include "glstm/data/array_dataset.hpp"
#include "glstm/data/sequences.hpp"
#include "glstm/gates/gaussian_gate.hpp"
#include "glstm/lstm/layer.hpp"
#include "glstm/streaming/streaming_cell.hpp"

namespace finite_test {

using namespace glstm;

namespace {

constexpr double nan = std::numeric_limits<double>::quiet_NaN();
constexpr double infinity = std::numeric_limits<double>::infinity();

}  // namespace

TEMPLATE_TEST_CASE("finite numbers, infinities and NaN are told apart by their bits", "", float,
                   double) {
  using Limits = std::numeric_limits<TestType>;
  const std::vector<TestType> finite = {
      0, -1, Limits::max(), Limits::lowest(), Limits::min(), Limits::denorm_min()};
  const std::vector<TestType> infinite = {Limits::infinity(), -Limits::infinity()};
  const std::vector<TestType> none = {Limits::quiet_NaN(), -Limits::quiet_NaN(),
                                      Limits::signaling_NaN()};
  Matrix<TestType> matrix = Matrix<TestType>::Ones(2, 3);
  for (const TestType& number : finite) {
    CHECK(detail::is_finite(number));
    CHECK(!detail::is_nan(number));
    matrix(1, 1) = number;
    CHECK(detail::all_finite(matrix));
  }
  for (const TestType& number : infinite) {
    CHECK(!detail::is_finite(number));
    CHECK(!detail::is_nan(number));
    matrix(1, 1) = number;
    CHECK(!detail::all_finite(matrix));
  }
  for (const TestType& number : none) {
    CHECK(!detail::is_finite(number));
    CHECK(detail::is_nan(number));
    matrix(1, 1) = number;
    CHECK(!detail::all_finite(matrix));
  }
}

TEST_CASE("a timestamp that is not finite is refused") {
  for (const double& bad : {nan, infinity, -infinity}) {
    for (const Index rows : {1, 2}) {
      for (const Index step : {0, 1, 2}) {
        CAPTURE(rows, step);
        Timing timing{.batch = 2, .steps = 3, .timestamps = Eigen::MatrixXd::Zero(rows, 3)};
        timing.timestamps(rows - 1, step) = bad;
        check_mentions(error_of([&] { timing.check(); }),
                       {"timestamp of step " + std::to_string(step), "is not finite"});
        timing.lengths = {3, 3};
        check_mentions(error_of([&] { timing.check(); }), {"is not finite"});
        timing.lengths = {step, step};  // past the lengths it may be anything
        timing.check();
      }
    }
    Sequences sequences;
    sequences.description.feature_names = {"x"};
    sequences.starts = {0, 2};
    sequences.values = {1, 2};
    sequences.times = {0, bad};
    check_mentions(error_of([&] { sequences.check(); }), {"time is not a finite number"});
    sequences.times = {0, 1};
    sequences.values = {1, bad};
    check_mentions(error_of([&] { sequences.check(); }), {"feature 0 (x) is "});
    const std::vector<float> x = {1, 2};
    const ArrayOptions options{.steps = 2, .timestamps = {0, bad}};
    check_mentions(error_of([&] { ArrayDataset<float>(x, options); }), {"the time of step 1"});
  }
}

TEST_CASE("a stream changes nothing at a time that is not a number") {
  ParameterLayout layout;
  const Layer<GaussianGate<float>> layer(layout, "", 1, 2);
  Vector<float> parameters = Vector<float>::Ones(layout.size());
  StreamingCell<GaussianGate<float>> cell(layer, parameters);
  const float x = 1;
  cell.step(&x, 1);
  const Vector<float> before = cell.hidden();
  REQUIRE(before.norm() > 0);
  cell.step(&x, nan);
  CHECK(cell.hidden() == before);
  cell.step(&x, 1);
  CHECK(cell.hidden() != before);
}

}  // namespace finite_test
