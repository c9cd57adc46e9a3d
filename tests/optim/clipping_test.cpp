#include "glstm/optim/clipping.hpp"

#include <cmath>
#include <limits>

#include "catch.hpp"

namespace clipping_test {

using namespace glstm;

TEMPLATE_TEST_CASE("a long gradient is scaled to the maximal norm", "[clipping]", float, double) {
  Vector<TestType> gradient(3);
  gradient << TestType(3), TestType(0), TestType(-4);
  CHECK(clip_by_global_norm(gradient, 2.5) == Approx(5));
  CHECK(static_cast<double>(gradient[0]) == Approx(1.5));
  CHECK(gradient[1] == TestType(0));
  CHECK(static_cast<double>(gradient[2]) == Approx(-2));
}

TEMPLATE_TEST_CASE("a gradient within the maximal norm stays as it is", "[clipping]", float,
                   double) {
  Vector<TestType> gradient(2);
  gradient << TestType(3), TestType(-4);
  const Vector<TestType> before = gradient;
  CHECK(clip_by_global_norm(gradient, 5) == Approx(5));
  CHECK(gradient == before);
  CHECK(clip_by_global_norm(gradient, std::numeric_limits<double>::infinity()) == Approx(5));
  CHECK(gradient == before);

  Vector<TestType> zero = Vector<TestType>::Zero(4);
  CHECK(clip_by_global_norm(zero, 1) == 0);
  CHECK(zero.isZero(0));

  Vector<TestType> empty;
  CHECK(clip_by_global_norm(empty, 1) == 0);
}

// Near the largest number of the scalar the squares overflow, and max_norm / norm underflows.
TEMPLATE_TEST_CASE("a huge gradient is clipped, not lost", "[clipping]", float, double) {
  const TestType huge = std::numeric_limits<TestType>::max() / TestType(8);
  Vector<TestType> gradient = Vector<TestType>::Constant(9, -huge);
  CHECK(clip_by_global_norm(gradient, 3e-6) / static_cast<double>(huge) == Approx(3));
  for (TestType value : gradient) CHECK(static_cast<double>(value) == Approx(-1e-6));
}

// A sum of a million squares in float would be off in the fourth digit.
TEMPLATE_TEST_CASE("the norm of a long vector is exact", "[clipping]", float, double) {
  const TestType value = TestType(0.1);
  Vector<TestType> gradient = Vector<TestType>::Constant(1000000, value);
  CHECK(clip_by_global_norm(gradient, 1000) ==
        Approx(1000 * static_cast<double>(value)).epsilon(1e-9));
}

TEMPLATE_TEST_CASE("a gradient that is not finite is left untouched", "[clipping]", float, double) {
  const TestType nan = std::numeric_limits<TestType>::quiet_NaN();
  const TestType infinity = std::numeric_limits<TestType>::infinity();

  Vector<TestType> gradient = Vector<TestType>::Constant(20, TestType(2));
  gradient[17] = -infinity;
  const Vector<TestType> before = gradient;
  CHECK(std::isinf(clip_by_global_norm(gradient, 1)));
  CHECK(gradient == before);

  gradient[3] = nan;
  CHECK(std::isnan(clip_by_global_norm(gradient, 1)));
  CHECK(std::isnan(gradient[3]));
  CHECK(gradient[17] == -infinity);
  CHECK(gradient[4] == TestType(2));
}

TEMPLATE_TEST_CASE("a maximal norm must be positive", "[clipping]", float, double) {
  Vector<TestType> gradient = Vector<TestType>::Constant(2, TestType(2));
  check_mentions(error_of([&] { clip_by_global_norm(gradient, 0); }), {"max_norm", "0"});
  check_mentions(error_of([&] { clip_by_global_norm(gradient, -1.5); }), {"max_norm", "-1.5"});
  check_mentions(error_of([&] { clip_by_global_norm(gradient, std::nan("")); }),
                 {"max_norm", "nan"});
  CHECK(gradient == Vector<TestType>::Constant(2, TestType(2)));
}

}  // namespace clipping_test
