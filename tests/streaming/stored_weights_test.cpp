// Streaming cells whose weights are stored in 8 or 16 bits.
#include "glstm/streaming/stored_weights.hpp"

#include <cmath>
#include <limits>
#include <type_traits>

#include "catch.hpp"
#include "glstm/streaming/streaming_network.hpp"
#include "stream_problem.hpp"

namespace stored_weights_test {

using namespace glstm;
using namespace stream_problem;

namespace {

constexpr Index packet = kernels::packet_size<float>;

struct SameOrder {
  Index neuron(Index slot) const { return slot; }
};

// The products of integer panels, [4H], from no sums.
template <class Integer>
Vector<float> products(detail::IntegerPanels<Integer>& panels, Index neurons) {
  Vector<float> result(4 * neurons);
  alignas(64) float sums[4 * packet];
  for (Index block = 0; block * packet < neurons; ++block) {
    auto z = detail::GateSums<float>::zero();
    panels.add_products(block, z);
    Eigen::internal::pstore(sums, z.i);
    Eigen::internal::pstore(sums + packet, z.f);
    Eigen::internal::pstore(sums + 2 * packet, z.g);
    Eigen::internal::pstore(sums + 3 * packet, z.o);
    for (Index lane = 0; lane < std::min(packet, neurons - block * packet); ++lane) {
      for (Index q = 0; q < 4; ++q) {
        result(q * neurons + block * packet + lane) = sums[q * packet + lane];
      }
    }
  }
  return result;
}

template <class Integer>
void check_products(const Matrix<float>& weights, const Vector<float>& numbers, double unit) {
  const Index neurons = weights.rows() / 4, columns = weights.cols();
  detail::IntegerPanels<Integer> panels;
  panels.pack(
      neurons, columns, [&](Index row, Index k) { return weights(row, k); }, SameOrder{});
  panels.set_numbers(numbers.data());
  const Eigen::VectorXd expected = weights.cast<double>() * numbers.cast<double>();
  const double largest = numbers.cwiseAbs().maxCoeff();
  // Half a unit of every weight, and as much again for the rounding of the numbers.
  const Eigen::VectorXd allowed = 2 * unit * static_cast<double>(columns) * largest *
                                  weights.cwiseAbs().rowwise().maxCoeff().cast<double>();
  const Eigen::VectorXd error =
      (products(panels, neurons).template cast<double>() - expected).cwiseAbs();
  CHECK((error.array() <= allowed.array() + 1e-30).all());
  CHECK((error.sum() > 0 || allowed.sum() == 0 || unit > 1));  // it does round

  // Some of the columns: as with all others 0.
  std::vector<Index> some;
  Vector<float> others = numbers, of_some(columns);
  for (Index k = 0; k < columns; ++k) {
    if (k % 3 == 1) {
      of_some(static_cast<Index>(some.size())) = numbers(k);
      some.push_back(k);
    } else {
      others(k) = 0;
    }
  }
  panels.set_numbers(of_some.data(), some.data(), static_cast<Index>(some.size()));
  const Vector<float> listed = products(panels, neurons);
  panels.set_numbers(others.data());
  CHECK(listed == products(panels, neurons));
}

}  // namespace

TEST_CASE("Products of stored weights are those of the weights to the last bit stored") {
  for (std::uint64_t seed = 0; seed < 60; ++seed) {
    Rng rng(seed);
    const Index neurons = 1 + rng.below(40), columns = 1 + rng.below(90);
    CAPTURE(seed, neurons, columns);
    Matrix<float> weights = random_matrix<float>(4 * neurons, columns, rng);
    weights.row(0) *= 1000.0f;
    weights.row(1).setZero();
    const Vector<float> numbers = random_matrix<float>(columns, 1, rng) * 30.0f;
    check_products<std::int16_t>(weights, numbers, 1.0 / 4000);
    check_products<std::int8_t>(weights, numbers, 1.0 / 127);
  }
}

TEST_CASE("The largest sums of stored weights do not overflow") {
  for (const Index columns : {1, 2, 110, 257, 2048}) {
    CAPTURE(columns);
    const Matrix<float> weights = Matrix<float>::Constant(4 * packet, columns, 0.7f);
    const Vector<float> numbers = Vector<float>::Constant(columns, -3.0f);
    check_products<std::int16_t>(weights, numbers, 1.0 / 200);
    check_products<std::int8_t>(weights, numbers, 1.0 / 127);
  }
}

TEMPLATE_TEST_CASE("Cells with stored weights stay near those with full ones", "",
                   AlwaysOpen<float>, GaussianGate<float>, PhasedGate<float>) {
  for (std::uint64_t seed = 0; seed < 12; ++seed) {
    Rng rng(seed);
    Network<TestType> network({.inputs = 1 + rng.below(4),
                               .hidden = {1 + rng.below(50), 1 + rng.below(20)},
                               .outputs = 2,
                               .loss = mean_squared_error});
    network.initialize({.gates = {.start = 0, .end = 60, .open_share = 0.3}}, rng);
    CAPTURE(seed);
    StreamingNetwork<TestType> full(network), int16(network, {}, StoredWeights::int16),
        int8(network, {}, StoredWeights::int8);
    double error16 = 0, error8 = 0;
    for (int n = 0; n < 60; ++n) {
      const Vector<float> x = random_matrix<float>(network.options().inputs, 1, rng);
      for (auto* stream : {&full, &int16, &int8}) stream->step(x.data(), n);
      error16 = std::max<double>(error16, (int16.output() - full.output()).cwiseAbs().maxCoeff());
      error8 = std::max<double>(error8, (int8.output() - full.output()).cwiseAbs().maxCoeff());
    }
    CHECK(error16 < 2e-3);
    CHECK(error8 < 0.06);
    CHECK(error8 > 0);
  }
}

TEST_CASE("Stored weights do not hide numbers that are not finite, nor tiny ones") {
  Rng rng(1);
  Network<AlwaysOpen<float>> network(
      {.inputs = 2, .hidden = {9}, .outputs = 1, .loss = mean_squared_error});
  network.initialize({}, rng);
  for (const float x :
       {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity()}) {
    StreamingNetwork<AlwaysOpen<float>> stream(network, {}, StoredWeights::int8);
    const float input[] = {0.5f, x};
    stream.step(input, 0);
    CHECK_FALSE(std::isfinite(stream.output()(0)));
  }
  StreamingNetwork<AlwaysOpen<float>> stream(network, {}, StoredWeights::int8);
  const float tiny[] = {1e-42f, -1e-38f};
  stream.step(tiny, 0);
  CHECK(stream.output().allFinite());
}

TEST_CASE("A weight that is not a number shows in every stored form") {
  Rng rng(1);
  Network<AlwaysOpen<float>> network(
      {.inputs = 2, .hidden = {9}, .outputs = 1, .loss = mean_squared_error});
  network.initialize({}, rng);
  for (const char* block : {"layer0.w_ih", "layer0.w_hh"}) {
    Network<AlwaysOpen<float>> spoilt = network;
    spoilt.parameters(spoilt.layout().find(block).offset + 1) =
        std::numeric_limits<float>::quiet_NaN();
    for (const StoredWeights stored : {StoredWeights::int16, StoredWeights::int8}) {
      StreamingNetwork<AlwaysOpen<float>> stream(spoilt, {}, stored);
      const float input[] = {0.5f, 0.25f};
      stream.step(input, 0);
      stream.step(input, 1);
      CHECK_FALSE(std::isfinite(stream.output()(0)));
    }
  }
}

TEST_CASE("More bits are more exact, with few columns and with hundreds") {
  for (const Index inputs : {2, 3, 110, 500}) {
    Rng rng(2);
    Network<AlwaysOpen<float>> network(
        {.inputs = inputs, .hidden = {16}, .outputs = 3, .loss = mean_squared_error});
    network.initialize({}, rng);
    Vector<float> x(inputs);
    double errors[2] = {0, 0};
    for (int sample = 0; sample < 20; ++sample) {
      for (float& value : x) value = static_cast<float>(rng.normal() * std::exp(rng.normal()));
      const auto output = [&](StoredWeights stored) {
        StreamingNetwork<AlwaysOpen<float>> stream(network, {}, stored);
        stream.step(x.data(), 0);
        return Vector<float>(stream.output());
      };
      const Vector<float> exact = output(StoredWeights::full);
      errors[0] += (output(StoredWeights::int16) - exact).norm();
      errors[1] += (output(StoredWeights::int8) - exact).norm();
    }
    CAPTURE(inputs, errors[0], errors[1]);
    CHECK(errors[0] < errors[1] / 2);
  }
}

TEST_CASE("Only float has stored weights of fewer bits") {
  Rng rng(1);
  Network<AlwaysOpen<double>> network(
      {.inputs = 1, .hidden = {3}, .outputs = 1, .loss = mean_squared_error});
  network.initialize({}, rng);
  using Stream = StreamingNetwork<AlwaysOpen<double>>;
  CHECK_NOTHROW(Stream(network));
  CHECK_THROWS_AS(Stream(network, {}, StoredWeights::int8), Error);
}

}  // namespace stored_weights_test
