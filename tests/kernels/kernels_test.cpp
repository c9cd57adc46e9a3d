#include "glstm/kernels/products.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <type_traits>
#include <vector>

#include "catch.hpp"
#include "glstm/core/random.hpp"

namespace kernels_test {

using namespace glstm;
using kernels::packet_size;

namespace {

template <class Scalar>
constexpr double tolerance = std::is_same_v<Scalar, float> ? 1e-5 : 1e-13;

// tanh_packet of any number of values.
template <class Scalar>
std::vector<Scalar> tanh_of(const std::vector<Scalar>& values) {
  using namespace kernels::detail;
  using P = kernels::Packet<Scalar>;
  constexpr std::size_t size = static_cast<std::size_t>(packet_size<Scalar>);
  alignas(64) Scalar lanes[size];
  std::vector<Scalar> result(values.size());
  for (std::size_t first = 0; first < values.size(); first += size) {
    const std::size_t count = std::min(size, values.size() - first);
    std::fill(lanes, lanes + size, Scalar(0));
    std::copy_n(values.begin() + static_cast<std::ptrdiff_t>(first), count, lanes);
    pstore(lanes, P(tanh_packet(pload<P>(lanes))));
    std::copy_n(lanes, count, result.begin() + static_cast<std::ptrdiff_t>(first));
  }
  return result;
}

template <class Scalar>
Matrix<Scalar> random_matrix(Index rows, Index cols, Rng& rng) {
  Matrix<Scalar> values(rows, cols);
  for (Index i = 0; i < values.size(); ++i) {
    values.data()[i] = static_cast<Scalar>(rng.uniform(-1, 1));
  }
  return values;
}

// Column numbers below `limit`, in any order and with repetitions.
std::vector<Index> random_columns(Index count, Index limit, Rng& rng) {
  std::vector<Index> columns;
  for (Index k = 0; k < count; ++k) columns.push_back(rng.below(limit));
  return columns;
}

}  // namespace

TEMPLATE_TEST_CASE("packets compute tanh", "", float, double) {
  std::vector<TestType> values = {0};
  for (int n = -200'000; n <= 200'000; ++n) values.push_back(static_cast<TestType>(n * 1e-4));
  for (double large : {7.9, 7.91, 8.0, 9.0, 50.0, 1e4, 1e30}) {
    values.push_back(static_cast<TestType>(large));
  }
  values.push_back(std::numeric_limits<TestType>::max());
  values.push_back(std::numeric_limits<TestType>::infinity());
  values.push_back(std::numeric_limits<TestType>::min());
  values.push_back(std::numeric_limits<TestType>::denorm_min());
  for (double small = 1; small > 1e-37; small /= 3) values.push_back(static_cast<TestType>(small));
  const std::vector<TestType> results = tanh_of(values);

  double worst = 0, worst_relative = 0, at = 0;
  for (std::size_t n = 0; n < values.size(); ++n) {
    const double exact = std::tanh(static_cast<double>(values[n]));
    const double error = std::abs(static_cast<double>(results[n]) - exact);
    if (!(error <= worst)) worst = error, at = static_cast<double>(values[n]);
    if (std::abs(exact) > 1e-30) {  // below, the polynomials' products are denormal
      worst_relative = std::max(worst_relative, error / std::abs(exact));
    }
  }
  INFO("worst at " << at);
  CHECK(worst < (std::is_same_v<TestType, float> ? 5e-7 : 1e-15));
  CHECK(worst_relative < (std::is_same_v<TestType, float> ? 1e-6 : 1e-15));
  CHECK(results[0] == 0);

  SECTION("an odd function, in [-1, 1]") {
    std::vector<TestType> mirrored = values;
    for (TestType& value : mirrored) value = -value;
    const std::vector<TestType> results_of_mirrored = tanh_of(mirrored);
    bool odd = true, bounded = true;
    for (std::size_t n = 0; n < values.size(); ++n) {
      odd = odd && results_of_mirrored[n] == -results[n];
      bounded = bounded && std::abs(results[n]) <= 1;
    }
    CHECK(odd);
    CHECK(bounded);
  }
  SECTION("what is not a number stays so, in its lane only") {
    std::vector<TestType> lanes(static_cast<std::size_t>(packet_size<TestType>) + 1, TestType(0.5));
    lanes.back() = std::numeric_limits<TestType>::quiet_NaN();
    const std::vector<TestType> out = tanh_of(lanes);
    CHECK(std::isnan(out.back()));
    CHECK(static_cast<double>(out.front()) == Approx(std::tanh(0.5)).epsilon(1e-6));
  }
}

TEST_CASE("tanh and sigmoid of double are within 2 ulp") {
  using namespace kernels::detail;
  using P = kernels::Packet<double>;
  if (std::numeric_limits<long double>::digits <= 60) return;  // nothing better to compare with
  constexpr std::size_t size = static_cast<std::size_t>(packet_size<double>);
  const auto distance = [](double got, long double exact) {
    const double near = std::abs(static_cast<double>(exact));
    const double ulp = std::nextafter(near, std::numeric_limits<double>::infinity()) - near;
    return static_cast<double>(std::abs(got - exact)) / ulp;
  };
  Rng rng(5);
  double worst_tanh = 0, worst_sigmoid = 0;
  for (int n = 0; n < 40'000; ++n) {
    alignas(64) double x[size], tanh_x[size], sigmoid_x[size];
    for (double& value : x) {  // of all sizes, and near the bends
      value = n % 2 == 0 ? rng.uniform(-25, 25)
                         : std::ldexp(rng.uniform(-2, 2), static_cast<int>(rng.below(28)) - 20);
    }
    pstore(tanh_x, tanh_packet(pload<P>(x)));
    pstore(sigmoid_x, kernels::detail::sigmoid_packet<double>(pload<P>(x)));
    for (std::size_t lane = 0; lane < size; ++lane) {
      const long double exact = x[lane];
      worst_tanh = std::max(worst_tanh, distance(tanh_x[lane], std::tanh(exact)));
      worst_sigmoid =
          std::max(worst_sigmoid, distance(sigmoid_x[lane], 1 / (1 + std::exp(-exact))));
    }
  }
  CAPTURE(worst_tanh, worst_sigmoid);
  CHECK(worst_tanh < 2);
  CHECK(worst_sigmoid < 2);
  CHECK(worst_tanh > 0.4);  // the comparison sees something
}

TEMPLATE_TEST_CASE("packets compute the sigmoid", "", float, double) {
  using P = kernels::Packet<TestType>;
  for (double x = -40; x <= 40; x += 0.05) {
    alignas(64) TestType lanes[static_cast<std::size_t>(packet_size<TestType>)];
    const P packet = kernels::detail::pset1<P>(static_cast<TestType>(x));
    kernels::detail::pstore(lanes, P(kernels::detail::sigmoid_packet<TestType>(packet)));
    CHECK(static_cast<double>(lanes[0]) ==
          Approx(1 / (1 + std::exp(-x))).margin(tolerance<TestType> / 10));
  }
}

TEMPLATE_TEST_CASE("packets compute the gates' activations together", "", float, double) {
  using namespace kernels::detail;
  using P = kernels::Packet<TestType>;
  const auto first = [](const P& packet) {
    alignas(64) TestType lanes[static_cast<std::size_t>(packet_size<TestType>)];
    pstore(lanes, packet);
    return static_cast<double>(lanes[0]);
  };
  const auto sigmoid = [](double x) { return 1 / (1 + std::exp(-x)); };
  const auto is_close = [](double found, double exact) {
    return std::abs(found - exact) <= (std::is_same_v<TestType, float> ? 5e-7 : 1e-15);
  };
  std::vector<double> values = {-1e30, -100, 100, 1e30};
  for (int n = -200; n <= 200; ++n) values.push_back(0.1 * n);
  for (double x : values) {
    for (double y : {-30.0, -3.0, -0.01, 0.0, 0.7, 8.0, 1e20}) {
      const P px = pset1<P>(static_cast<TestType>(x)), py = pset1<P>(static_cast<TestType>(y));
      const double x0 = first(px), y0 = first(py);  // as they are in this type
      P i = px, f = py, g = py, o = px;
      activate<TestType>(i, f, g, o);
      CAPTURE(x, y, first(i), first(f), first(g), first(o));
      const bool close =
          is_close(first(i), sigmoid(x0)) && is_close(first(f), sigmoid(y0)) &&
          is_close(first(g), std::tanh(y0)) && is_close(first(o), sigmoid(x0)) &&
          is_close(first(sigmoid_times_tanh<TestType>(px, py)), sigmoid(x0) * std::tanh(y0));
      CHECK(close);
    }
  }
}

TEMPLATE_TEST_CASE("lanes are whole packets and strides an odd number of lines", "", float,
                   double) {
  for (Index batch = 1; batch <= 300; ++batch) {
    const Index lanes = kernels::lanes_for<TestType>(batch);
    const Index stride = kernels::stride_for<TestType>(lanes);
    CAPTURE(batch, lanes, stride);
    REQUIRE(lanes >= batch);
    REQUIRE(lanes < batch + packet_size<TestType>);
    REQUIRE(lanes % packet_size<TestType> == 0);
    REQUIRE(stride >= lanes);
    const Index bytes = stride * static_cast<Index>(sizeof(TestType));
    REQUIRE(bytes % 64 == 0);
    REQUIRE(bytes / 64 % 2 == 1);
    REQUIRE(bytes < lanes * static_cast<Index>(sizeof(TestType)) + 2 * 64);
  }
}

TEMPLATE_TEST_CASE("ColumnProduct agrees with Eigen", "", float, double) {
  for (std::uint64_t seed = 0; seed < 240; ++seed) {
    Rng rng(seed);
    const Index lanes = packet_size<TestType> * (1 + static_cast<Index>(seed % 11));
    const Index stride = kernels::stride_for<TestType>(lanes);
    const Index out_stride = stride + packet_size<TestType> * rng.below(3);
    const Index neurons = 1 + rng.below(seed % 8 == 0 ? 40 : 5), available = 1 + rng.below(9);
    const Index count = seed % 10 == 0 ? 120 + rng.below(200) : rng.below(10);
    const bool listed = seed % 2 == 0, by_packet = seed % 5 == 0;
    const bool weights_of_rows = seed % 3 == 0, weights_of_panel = seed % 3 == 1;
    CAPTURE(seed, lanes, neurons, count, listed, by_packet, weights_of_rows, weights_of_panel);
    const auto block = random_matrix<TestType>(stride, std::max(available, count), rng);
    const auto weights = random_matrix<TestType>(4 * neurons, count, rng);
    const Matrix<TestType> rows = weights.transpose();
    const std::vector<Index> columns = random_columns(count, available, rng);
    auto out = random_matrix<TestType>(out_stride, 4 * neurons + 1, rng);

    Matrix<TestType> expected = out;
    for (Index k = 0; k < count; ++k) {
      const Index source = listed ? columns[static_cast<std::size_t>(k)] : k;
      expected.topLeftCorner(lanes, 4 * neurons) +=
          block.col(source).head(lanes) * weights.col(k).transpose();
    }
    kernels::PackedWeights<TestType> packed{
        .data = weights.data(), .neuron = 4, .next = 4 * neurons};
    if (weights_of_rows) {
      packed = {.data = rows.data(), .neuron = 4 * count, .next = 1, .gate = count};
    }
    const kernels::WeightPanel layout{neurons, count};
    Vector<TestType> panel(std::max<Index>(layout.size(), 1));
    if (weights_of_panel) {
      for (Index q = 0; q < neurons; ++q) {
        for (Index k = 0; k < count; ++k) {
          panel.segment(layout.place(q, k), 4) = weights.col(k).segment(4 * q, 4);
        }
      }
      packed = layout.weights(panel.data());
    }
    // The columns of a block lie one after the other, or packet by packet.
    constexpr Index packet = packet_size<TestType>;
    const Index next = packet * block.cols();
    Vector<TestType> packets(block.size());
    for (Index k = 0; by_packet && k < block.cols(); ++k) {
      for (Index b = 0; b < lanes; ++b) {
        packets[b / packet * next + k * packet + b % packet] = block(b, k);
      }
    }
    const auto run = [&](auto where) {
      kernels::ColumnProduct<TestType, decltype(where)>{
          .lanes = lanes,
          .stride = by_packet ? packet : stride,
          .block = by_packet ? packets.data() : block.data(),
          .columns = where,
          .count = count,
          .weights = packed,
          .neurons = neurons,
          .out = out.data(),
          .out_stride = out_stride,
          .next = by_packet ? next : packet,
      }
          .run();
    };
    if (listed) {
      run(kernels::ListedColumns(columns.data()));
    } else {
      run(kernels::AdjacentColumns{});
    }
    const double error = largest_magnitude(out - expected);
    CHECK(error < 20 * tolerance<TestType>);
    CHECK(out.bottomRows(out_stride - lanes) == expected.bottomRows(out_stride - lanes));
    CHECK(out.col(4 * neurons) == expected.col(4 * neurons));  // untouched
  }
}

TEMPLATE_TEST_CASE("GateDots agrees with Eigen", "", float, double) {
  for (std::uint64_t seed = 0; seed < 120; ++seed) {
    Rng rng(seed);
    const Index lanes = packet_size<TestType> * (1 + static_cast<Index>(seed % 5));
    const Index stride = kernels::stride_for<TestType>(lanes);
    const Index left_stride = stride + packet_size<TestType> * rng.below(3);
    const Index available = 1 + rng.below(9), count = rng.below(11);
    const bool listed = seed % 2 == 0, by_gate = seed % 3 == 0;
    CAPTURE(seed, lanes, count, listed, by_gate);
    const auto block = random_matrix<TestType>(stride, std::max(available, count), rng);
    const auto left = random_matrix<TestType>(left_stride, 4, rng);
    const std::vector<Index> columns = random_columns(count, available, rng);
    auto out = by_gate ? random_matrix<TestType>(count + 1, 4, rng)
                       : random_matrix<TestType>(4, count + 1, rng);

    Matrix<TestType> expected = out;
    for (Index k = 0; k < count; ++k) {
      const Index source = listed ? columns[static_cast<std::size_t>(k)] : k;
      const Vector<TestType> dots = left.topRows(lanes).transpose() * block.col(source).head(lanes);
      if (by_gate) {
        expected.row(k) += dots.transpose();
      } else {
        expected.col(k) += dots;
      }
    }
    const auto run = [&](auto where) {
      kernels::GateDots<TestType, decltype(where)>{
          .lanes = lanes,
          .left = left.data(),
          .left_stride = left_stride,
          .block = block.data(),
          .stride = stride,
          .columns = where,
          .count = count,
          .out = out.data(),
          .next = by_gate ? 1 : 4,
          .gate = by_gate ? out.rows() : 1,
      }
          .run();
    };
    if (listed) {
      run(kernels::ListedColumns(columns.data()));
    } else {
      run(kernels::AdjacentColumns{});
    }
    // What is beyond the last column is part of the comparison: it must stay untouched.
    CHECK(largest_magnitude(out - expected) < 20 * tolerance<TestType>);
    CHECK(
        (by_gate ? out.row(count) == expected.row(count) : out.col(count) == expected.col(count)));
  }
}

TEMPLATE_TEST_CASE("transpose makes packets of rows of columns", "", float, double) {
  constexpr Index packet = packet_size<TestType>;
  for (Index count = 1; count <= 2 * packet + 1; ++count) {
    Rng rng(static_cast<std::uint64_t>(count));
    const Index lanes = packet * (1 + count % 3), stride = kernels::stride_for<TestType>(lanes);
    const Index padded = kernels::lanes_for<TestType>(count), next = packet * (lanes + 1);
    CAPTURE(count, lanes);
    const auto block = random_matrix<TestType>(stride, count, rng);
    // One column per packet of columns of the block.
    Matrix<TestType> out = Matrix<TestType>::Constant(next, padded / packet, TestType(7));
    kernels::transpose(block.data(), stride, lanes, count, out.data(), next);
    bool same = true;
    for (Index k = 0; k < padded; ++k) {
      for (Index lane = 0; lane < lanes; ++lane) {
        same &= out(lane * packet + k % packet, k / packet) ==
                (k < count ? block(lane, k) : TestType(0));
      }
    }
    CHECK(same);
    CHECK((out.bottomRows(packet).array() == TestType(7)).all());  // untouched
  }
}

}  // namespace kernels_test
