#include "glstm/io/weight_storage.hpp"

#include <cmath>
#include <cstdint>
#include <limits>

#include "catch.hpp"
#include "glstm/core/random.hpp"

namespace weight_storage_test {

using glstm::Index;
using glstm::Matrix;
using glstm::detail::Int8Rows;
using glstm::detail::to_float16;
using glstm::detail::to_int8_rows;

TEMPLATE_TEST_CASE("weights as int8 are off by at most half a step of their row", "", float,
                   double) {
  using Scalar = TestType;
  glstm::Rng rng(1);
  Matrix<Scalar> weights(5, 7);
  for (Scalar& weight : weights.reshaped()) weight = static_cast<Scalar>(rng.normal());
  weights.row(1) *= Scalar(1e-6);
  weights.row(2).setZero();
  weights.row(3) *= std::numeric_limits<Scalar>::denorm_min();
  const Int8Rows<Scalar> rows = to_int8_rows<Scalar>(weights);
  const Matrix<Scalar> restored = rows.restored();
  for (Index r = 0; r < weights.rows(); ++r) {
    const Scalar largest = weights.row(r).cwiseAbs().maxCoeff();
    CAPTURE(r, largest);
    CHECK(rows.scales(r) == largest / 127);
    CHECK(rows.values.row(r).template cast<int>().cwiseAbs().maxCoeff() ==
          (rows.scales(r) > 0 ? 127 : 0));
    if (r == 3) continue;  // denormal numbers have few digits
    CHECK(largest_magnitude(restored.row(r) - weights.row(r)) <= 0.5001 * rows.scales(r));
  }
  CHECK(to_int8_rows<Scalar>(Matrix<Scalar>(2, 0)).values.cols() == 0);
}

TEST_CASE("weights as float16 are rounded to the nearest, and not to infinity") {
  CHECK(static_cast<float>(to_float16(1.0f)) == 1.0f);
  CHECK(static_cast<float>(to_float16(1 + 0x1p-11 + 0x1p-12)) == 1 + 0x1p-10f);
  CHECK(static_cast<float>(to_float16(-0x1.8p-24)) == -0x1p-23f);  // denormal, to even
  CHECK(static_cast<float>(to_float16(65504.0)) == 65504.0f);
  check_mentions(error_of([] { to_float16(-1e5f); }), {"float16", "65504", "-100000"});
  check_mentions(error_of([] { to_float16(std::nan("")); }), {"float16", "nan"});
}

}  // namespace weight_storage_test
