#include "glstm/gates/always_open.hpp"
#include "glstm/gates/gaussian_gate.hpp"
#include "glstm/gates/phased_gate.hpp"
#include "glstm/gates/time_gate.hpp"

#include <cmath>
#include <limits>
#include <type_traits>
#include <vector>

#include "catch.hpp"
#include "glstm/testing/gradient_check.hpp"

namespace time_gates_test {

using namespace glstm;

namespace {

template <class Scalar>
constexpr double tolerance = std::is_same_v<Scalar, float> ? 2e-6 : 1e-14;

template <class Gate>
Gate make_gate(std::initializer_list<double> parameters,
               const typename Gate::Options& options = {}) {
  Matrix<typename Gate::Scalar> row(1, static_cast<Index>(parameters.size()));
  Index p = 0;
  for (double value : parameters) row(0, p++) = static_cast<typename Gate::Scalar>(value);
  return Gate(row, options);
}

template <class Gate>
double openness_of(const Gate& gate, double t) {
  return static_cast<double>(gate.openness(0, static_cast<typename Gate::Scalar>(t)));
}

// Usable parameters of all signs and sizes: magnitudes from 0.01 to 100, zero-crossing allowed
// only where a parameter may be zero.
template <class Gate>
Matrix<typename Gate::Scalar> random_parameters(Index count, Rng& rng) {
  using Scalar = typename Gate::Scalar;
  const auto scale = [&](double low, double high) {
    const double sign = rng.uniform() < 0.3 ? -1 : 1;
    return sign * low * std::pow(high / low, rng.uniform());
  };
  constexpr Index P = static_cast<Index>(Gate::parameter_names.size());
  Matrix<Scalar> parameters(count, P);
  for (Index j = 0; j < count; ++j) {
    if constexpr (P == 2) parameters.row(j) << Scalar(rng.uniform(-5, 25)), Scalar(scale(0.05, 20));
    if constexpr (P == 3) {
      parameters.row(j) << Scalar(scale(0.3, 40)), Scalar(rng.uniform(-20, 20)),
          Scalar(scale(0.02, 3));
    }
  }
  return parameters;
}

// next_window walks through exactly the stretches of a dense time grid that is_open finds open.
// At the edges of a window the two may differ by rounding.
template <class Gate>
void check_windows(const Gate& gate) {
  using Real = typename Gate::Real;
  const Real margin = std::is_same_v<Real, float> ? Real(2e-4) : Real(1e-10);
  const Index count = 8000;
  const auto time = [](Index n) { return Real(-30) + Real(n) * Real(0.01); };
  for (Index j = 0; j < gate.size(); ++j) {
    Index n = 0, checked = 0;
    while (n < count) {
      const Window<Real> window = gate.next_window(j, time(n));
      INFO("neuron " << j << ", from time " << time(n) << ": window " << window.open << " to "
                     << window.close);
      bool agrees = window.empty() || window.close >= time(n);
      CHECK(agrees);
      Index at = n;
      for (; at < count; ++at) {
        const Real t = time(at);
        if (!window.empty() && t > window.close + margin) break;
        const bool sure_inside = t > window.open + margin && t < window.close - margin;
        const bool sure_outside = window.empty() || t < window.open - margin;
        if (sure_inside) agrees &= gate.is_open(j, t);
        if (sure_outside) agrees &= !gate.is_open(j, t);
        ++checked;
      }
      CHECK(agrees);
      if (at == n) break;  // cannot happen while the window closes at or after time(n)
      n = at;
    }
    CHECK(checked == count);
  }
}

}  // namespace

TEMPLATE_TEST_CASE("the Gaussian gate's openness is its formula", "", float, double) {
  using Gate = GaussianGate<TestType>;
  const Gate gate = make_gate<Gate>({3, 2}, {.threshold = 0});
  const double eps = tolerance<TestType>;
  CHECK(openness_of(gate, 3) == 1);
  CHECK(openness_of(gate, 5) == Approx(std::exp(-1.0)).epsilon(eps));
  CHECK(openness_of(gate, 1) == Approx(std::exp(-1.0)).epsilon(eps));
  CHECK(openness_of(gate, 6) == Approx(std::exp(-2.25)).epsilon(eps));
  CHECK(gate.mu(0) == 3);
  CHECK(gate.sigma(0) == 2);
  const auto gradient = gate.openness_gradient(0, TestType(5));  // k 2 u / sigma {1, u}, u = 1
  CHECK(static_cast<double>(gradient[0]) == Approx(std::exp(-1.0)).epsilon(eps));
  CHECK(static_cast<double>(gradient[1]) == Approx(std::exp(-1.0)).epsilon(eps));

  SECTION("a negative width is the same window") {
    const Gate mirrored = make_gate<Gate>({3, -2}, {.threshold = 0});
    for (double t : {-1.0, 2.0, 3.5, 9.0}) CHECK(openness_of(mirrored, t) == openness_of(gate, t));
    CHECK(static_cast<double>(mirrored.openness_gradient(0, TestType(5))[1]) ==
          Approx(-std::exp(-1.0)).epsilon(eps));
  }
}

TEMPLATE_TEST_CASE("the phased gate's openness is its formula", "", float, double) {
  using Gate = PhasedGate<TestType>;
  const Gate gate = make_gate<Gate>({8, 1, 0.5}, {.threshold = 0, .leak = 0.1});
  const double eps = tolerance<TestType>;
  CHECK(openness_of(gate, 1) == 0);
  CHECK(openness_of(gate, 2) == Approx(0.5).epsilon(eps));    // phi 1/8
  CHECK(openness_of(gate, 3) == Approx(1).epsilon(eps));      // phi 1/4, the peak
  CHECK(openness_of(gate, 4) == Approx(0.5).epsilon(eps));    // phi 3/8
  CHECK(openness_of(gate, 5) == Approx(0.05).epsilon(eps));   // phi 1/2, the leak
  CHECK(openness_of(gate, 7) == Approx(0.075).epsilon(eps));  // phi 3/4
  CHECK(openness_of(gate, 10) == Approx(0.5).epsilon(eps));   // the next cycle
  CHECK(openness_of(gate, -6) == Approx(0.5).epsilon(eps));   // the one before
  CHECK(gate.period(0) == 8);
  CHECK(gate.shift(0) == 1);
  CHECK(gate.r_on(0) == TestType(0.5));

  SECTION("with a negative period time runs through a cycle backwards") {
    const Gate backwards = make_gate<Gate>({-8, 1, 0.5}, {.threshold = 0, .leak = 0.1});
    CHECK(openness_of(backwards, 0) == Approx(0.5).epsilon(eps));
    CHECK(openness_of(backwards, 3) == Approx(0.075).epsilon(eps));
  }
  SECTION("r_on above 1 cuts the cycle off") {
    const Gate wide = make_gate<Gate>({8, 0, 2}, {.threshold = 0});
    CHECK(openness_of(wide, 4) == Approx(0.5).epsilon(eps));
    CHECK(openness_of(wide, 7) == Approx(0.875).epsilon(eps));
    CHECK(openness_of(wide, 8) == 0);
  }
}

TEMPLATE_TEST_CASE("no gate is always open", "", float, double) {
  const AlwaysOpen<TestType> gate(Matrix<TestType>(3, 0));
  CHECK(gate.size() == 3);
  CHECK(gate.is_open(2, TestType(-1e9)));
  CHECK(gate.openness(2, TestType(-1e9)) == 1);
  CHECK(gate.next_window(1, TestType(5)).close == std::numeric_limits<TestType>::infinity());
}

TEST_CASE("gate gradients agree with central differences") {
  const double threshold = GENERATE(0.0, 0.01, 0.3);
  const double leak = GENERATE(0.0, 0.05, 0.5);
  CAPTURE(threshold, leak);
  Rng rng(5);
  std::vector<double> times;
  for (int n = 0; n < 400; ++n) times.push_back(rng.uniform(-30, 50));

  const auto gaussian = random_parameters<GaussianGate<double>>(20, rng);
  CHECK(testing::check_gate<GaussianGate<double>>(gaussian, {.threshold = threshold}, times) <
        1e-6);
  const auto phased = random_parameters<PhasedGate<double>>(20, rng);
  CHECK(testing::check_gate<PhasedGate<double>>(phased, {.threshold = threshold, .leak = leak},
                                                times) < 1e-6);
  CHECK(testing::check_gate<AlwaysOpen<double>>(Matrix<double>(4, 0), {}, times) == 0);
}

namespace {

// A gate as a user may get it wrong: the width's gradient lacks a factor.
struct WrongGate : GaussianGate<double> {
  using GaussianGate::GaussianGate;
  std::array<double, 2> openness_gradient(Index j, double t) const {
    std::array<double, 2> gradient = GaussianGate::openness_gradient(j, t);
    gradient[1] *= 1.01;
    return gradient;
  }
};

}  // namespace

TEST_CASE("the gradient check finds wrong gradients, and says when it cannot check") {
  const Matrix<double> parameters = Matrix<double>::Constant(1, 2, 2);
  CHECK(testing::check_gate<WrongGate>(parameters, {}, {0.5, 1, 3}) > 5e-3);
  CHECK(testing::check_gate<GaussianGate<double>>(parameters, {}, {0.5, 1, 3}) < 1e-7);

  const Matrix<double> phased = (Matrix<double>(1, 3) << 8, 0, 0.5).finished();
  const std::vector<double> only_the_peak = {2};
  check_mentions(
      error_of([&] { testing::check_gate<PhasedGate<double>>(phased, {}, only_the_peak); }),
      {"kink", "period", "neuron 0"});

  const auto f = [](const Vector<double>& p) { return p(0) * p(0) * p(1); };
  const Vector<double> gradient =
      testing::numeric_gradient(f, Vector<double>::Constant(2, 3), 1e-5);
  CHECK(gradient(0) == Approx(18));
  CHECK(gradient(1) == Approx(9));
  check_mentions(error_of([&] { testing::numeric_gradient(f, Vector<double>::Ones(2), 0); }),
                 {"step", "positive"});
}

TEMPLATE_TEST_CASE("a gate is closed exactly below its threshold, in value and gradient", "", float,
                   double) {
  Rng rng(6);
  const auto check = [&](const auto& gate, const auto& never_closes, double threshold) {
    for (Index j = 0; j < gate.size(); ++j) {
      for (int n = 0; n < 500; ++n) {
        const TestType t = static_cast<TestType>(rng.uniform(-30, 50));
        const TestType k = never_closes.openness(j, t);
        const bool open = !(k < static_cast<TestType>(threshold));
        INFO("neuron " << j << ", time " << t << ", openness " << k);
        REQUIRE(gate.is_open(j, t) == open);
        REQUIRE(gate.openness(j, t) == (open ? k : TestType(0)));
        const auto gradient = gate.openness_gradient(j, t);
        const auto unthresholded = never_closes.openness_gradient(j, t);
        for (std::size_t p = 0; p < gradient.size(); ++p) {
          REQUIRE(gradient[p] == (open ? unthresholded[p] : TestType(0)));
        }
        REQUIRE(never_closes.is_open(j, t));
      }
    }
  };
  for (double threshold : {0.01, 0.5, 1.0}) {
    CAPTURE(threshold);
    using Gaussian = GaussianGate<TestType>;
    const auto gaussian = random_parameters<Gaussian>(10, rng);
    check(Gaussian(gaussian, {.threshold = threshold}), Gaussian(gaussian, {.threshold = 0}),
          threshold);
    using Phased = PhasedGate<TestType>;
    const auto phased = random_parameters<Phased>(10, rng);
    for (double leak : {0.0, 0.4}) {
      check(Phased(phased, {.threshold = threshold, .leak = leak}),
            Phased(phased, {.threshold = 0, .leak = leak}), threshold);
    }
  }
}

TEMPLATE_TEST_CASE("next_window agrees with is_open", "", float, double) {
  const double threshold = GENERATE(0.0, 0.01, 0.2, 1.0);
  Rng rng(7);
  CAPTURE(threshold);
  check_windows(GaussianGate<TestType>(random_parameters<GaussianGate<TestType>>(15, rng),
                                       {.threshold = threshold}));
  check_windows(AlwaysOpen<TestType>(Matrix<TestType>(1, 0)));
  for (double leak : {0.0, 0.1, 0.3, 0.9}) {  // below and above the threshold
    CAPTURE(leak);
    check_windows(PhasedGate<TestType>(random_parameters<PhasedGate<TestType>>(30, rng),
                                       {.threshold = threshold, .leak = leak}));
  }
}

TEMPLATE_TEST_CASE("openness and open_mask list the neurons", "", float, double) {
  Rng rng(8);
  const GaussianGate<TestType> gate(random_parameters<GaussianGate<TestType>>(12, rng));
  for (TestType t : {TestType(-3), TestType(4.5), TestType(20)}) {
    const Vector<TestType> k = openness(gate, t);
    const Eigen::Array<bool, Eigen::Dynamic, 1> open = open_mask(gate, t);
    REQUIRE(k.size() == 12);
    REQUIRE(open.size() == 12);
    for (Index j = 0; j < 12; ++j) {
      CHECK(k(j) == gate.openness(j, t));
      CHECK(open(j) == gate.is_open(j, t));
    }
  }
}

namespace {

// The share of the span [start, end] that neuron j is open, counted on a fine grid.
template <class Gate>
double open_share(const Gate& gate, Index j, double start, double end) {
  using Scalar = typename Gate::Scalar;
  const int count = 20000;
  int open = 0;
  for (int n = 0; n < count; ++n) {
    const double t = start + (end - start) * (n + 0.5) / count;
    open += gate.is_open(j, static_cast<Scalar>(t)) ? 1 : 0;
  }
  return static_cast<double>(open) / count;
}

}  // namespace

TEST_CASE("gates are spread in proportion to how many sequences still run") {
  // Three sequences until 2, one of them until 10: 6 of the 14 units of time lie before 2.
  GateSpread spread{.start = 0, .end = 10, .ends = {2, 10, 2}};
  Rng rng(1);
  const Index count = 1400;
  for (Index j = 0; j < count; ++j) {
    const double part = (static_cast<double>(j) + 0.5) / static_cast<double>(count);
    const double time = 14 * part < 6 ? 14 * part / 3 : 2 + 14 * part - 6;
    REQUIRE(10 * spread.place(j, count, rng) == Approx(time));
  }
  // Sequences are cut to the span; if all last as long, or none is known, windows are spread
  // evenly.
  spread.ends = {12, 10, 30};
  CHECK(spread.place(3, 10, rng) == Approx(0.35));
  spread.ends = {};
  CHECK(spread.place(3, 10, rng) == Approx(0.35));
  spread.ends = {0, -1};
  check_mentions(error_of([&] { spread.check(); }), {"end after 0"});
}

TEMPLATE_TEST_CASE("gates start spread over the span and open for the wanted share", "", float,
                   double) {
  const double share = GENERATE(0.03, 0.1, 0.4);
  const double threshold = GENERATE(0.01, 0.3);
  const bool even = GENERATE(true, false);
  CAPTURE(share, threshold, even);
  const GateSpread spread{
      .start = 100,
      .end = 300,
      .open_share = share,
      .placement = even ? GateSpread::Placement::even : GateSpread::Placement::random};
  const Index count = 20;

  SECTION("Gaussian") {
    using Gate = GaussianGate<TestType>;
    Rng rng(9);
    Matrix<TestType> parameters(count, 2);
    Gate::initialize(spread, {.threshold = threshold}, rng, parameters);
    const Gate gate(parameters, {.threshold = threshold});
    for (Index j = 0; j < count; ++j) {
      const double mu = static_cast<double>(gate.mu(j));
      CHECK(mu >= 100);
      CHECK(mu <= 300);
      if (even) CHECK(mu == Approx(100 + 200 * (static_cast<double>(j) + 0.5) / 20).epsilon(1e-6));
      const auto window = gate.next_window(j, TestType(0));
      if (window.open < 100 || window.close > 300) continue;  // cut off by the span
      CHECK(open_share(gate, j, 100, 300) == Approx(share).margin(2e-4));
    }
  }
  SECTION("phased: whole periods are open for the share, less what the threshold takes") {
    using Gate = PhasedGate<TestType>;
    Rng rng(9);
    Matrix<TestType> parameters(count, 3);
    Gate::initialize(spread, {.threshold = threshold}, rng, parameters);
    const Gate gate(parameters, {.threshold = threshold});
    for (Index j = 0; j < count; ++j) {
      const double period = static_cast<double>(gate.period(j));
      const double shift = static_cast<double>(gate.shift(j));
      CHECK(period >= 20 * 0.999999);
      CHECK(period <= 200);
      CHECK(shift >= 100);
      CHECK(shift <= 100 + period);
      CHECK(open_share(gate, j, shift, shift + 3 * period) ==
            Approx(share * (1 - threshold)).margin(2e-4));
    }
  }
  SECTION("the same seed gives the same gates") {
    Matrix<TestType> one(count, 3), two(count, 3);
    Rng first(10), second(10);
    PhasedGate<TestType>::initialize(spread, {}, first, one);
    PhasedGate<TestType>::initialize(spread, {}, second, two);
    CHECK(one == two);
  }
}

TEMPLATE_TEST_CASE("Gaussian gates start usable at the extremes of the threshold", "", float,
                   double) {
  const double threshold = GENERATE(0.0, 1.0);
  const typename GaussianGate<TestType>::Options options{.threshold = threshold};
  Matrix<TestType> parameters(5, 2);
  Rng rng(1);
  GaussianGate<TestType>::initialize({.end = 9}, options, rng, parameters);
  CHECK((parameters.col(1).array() > 0).all());
  CHECK_NOTHROW(GaussianGate<TestType>(parameters, options));
}

TEST_CASE("a spread that is out of range is an error") {
  Rng rng(1);
  Matrix<double> parameters(2, 2);
  const auto message = [&](const GateSpread& spread) {
    return error_of([&] { GaussianGate<double>::initialize(spread, {}, rng, parameters); });
  };
  const double nan = std::numeric_limits<double>::quiet_NaN();
  check_mentions(message({.start = 2, .end = 2}), {"span", "2 to 2"});
  check_mentions(message({.start = nan}), {"span", "nan"});
  check_mentions(message({}), {"span", "0 to 0"});  // nobody knows the user's unit of time
  check_mentions(message({.end = 9, .open_share = 0}), {"open_share", "(0, 1]", "got 0"});
  check_mentions(message({.end = 9, .open_share = 1.5}), {"open_share", "1.5"});
  check_mentions(message({.end = 9, .open_share = nan}), {"open_share", "nan"});
}

TEMPLATE_TEST_CASE("a step changes no sign and at most halves a width", "", float, double) {
  using Gate = GaussianGate<TestType>;
  const auto limited = [](double before, double after) {
    Matrix<TestType> a(1, 2), b(1, 2);
    a << TestType(5), static_cast<TestType>(before);
    b << TestType(-7), static_cast<TestType>(after);
    Gate::limit_step(a, b, {.min_width = 0.125});
    CHECK(b(0, 0) == -7);  // centres go where they like
    return static_cast<double>(b(0, 1));
  };
  CHECK(limited(4, 3) == 3);
  CHECK(limited(4, 9) == 9);
  CHECK(limited(4, 1) == 2);
  CHECK(limited(4, -9) == 2);
  CHECK(limited(-4, -3) == -3);
  CHECK(limited(-4, -1) == -2);
  CHECK(limited(-4, 5) == -2);
  CHECK(limited(0.1875, -1) == 0.125);   // half would be below min_width
  CHECK(limited(0.0625, -1) == 0.0625);  // the user's width is below it already: kept
  CHECK(limited(0.0625, 0.05) == 0.0625);
  CHECK(limited(-0.0625, 1) == -0.0625);
  CHECK(limited(0.0625, 1) == 1);  // and may grow

  double width = 1;
  for (int n = 0; n < 100; ++n) width = limited(width, -1000);
  CHECK(width == 0.125);
}

TEMPLATE_TEST_CASE("a step changes no sign and at most halves a period and r_on", "", float,
                   double) {
  Matrix<TestType> before(2, 3), after(2, 3), expected(2, 3);
  before << 8, 3, TestType(0.5), -8, -3, TestType(1.5);
  after << 1, -3, -1, 8, 3, 2;
  expected << 4, -3, TestType(0.25), -4, 3, 2;
  PhasedGate<TestType>::limit_step(before, after, {});
  CHECK(after == expected);
  after << -1, 0, 0, -9, 0, 1;
  expected << TestType(7), 0, TestType(0.375), -9, 0, TestType(1);
  PhasedGate<TestType>::limit_step(before, after, {.min_period = 7, .min_r_on = 0.375});
  CHECK(after == expected);
}

TEST_CASE("unusable gate parameters and options are errors that name them") {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const double infinity = std::numeric_limits<double>::infinity();
  const auto gaussian = [](double mu, double sigma, double threshold = 0.01) {
    Matrix<double> parameters = Matrix<double>::Ones(3, 2);
    parameters.row(1) << mu, sigma;
    return error_of([&] { GaussianGate<double>(parameters, {.threshold = threshold}); });
  };
  check_mentions(gaussian(nan, 1), {"mu", "neuron 1", "not finite"});
  check_mentions(gaussian(0, infinity), {"sigma", "neuron 1", "not finite"});
  check_mentions(gaussian(0, 0), {"sigma", "neuron 1", "zero"});
  check_mentions(gaussian(0, -0.0), {"sigma", "neuron 1", "zero"});
  check_mentions(gaussian(0, 1, -0.1), {"threshold", "[0, 1]", "-0.1"});
  check_mentions(gaussian(0, 1, 1.5), {"threshold", "1.5"});
  check_mentions(gaussian(0, 1, nan), {"threshold", "nan"});
  check_mentions(error_of([] { GaussianGate<double>(Matrix<double>::Ones(3, 3)); }),
                 {"[H,2]", "[3,3]"});
  check_mentions(error_of([] { AlwaysOpen<double>(Matrix<double>::Ones(3, 1)); }),
                 {"[H,0]", "[3,1]"});

  const auto phased = [](double period, double shift, double r_on,
                         const PhasedGate<double>::Options& options = {}) {
    Matrix<double> parameters(1, 3);
    parameters << period, shift, r_on;
    return error_of([&] { PhasedGate<double>(parameters, options); });
  };
  check_mentions(phased(0, 1, 1), {"period", "neuron 0", "zero"});
  check_mentions(phased(1, nan, 1), {"shift", "not finite"});
  check_mentions(phased(1, 1, 0), {"r_on", "zero"});
  check_mentions(phased(1, 1, 1, {.threshold = 2}), {"threshold", "2"});
  check_mentions(phased(1, 1, 1, {.leak = -0.5}), {"leak", "-0.5"});
  check_mentions(phased(1, 1, 1, {.leak = nan}), {"leak", "nan"});
  check_mentions(phased(1, 1, 1, {.leak = infinity}), {"leak", "inf"});
  check_mentions(error_of([] { PhasedGate<double>(Matrix<double>::Ones(2, 2)); }),
                 {"[H,3]", "[2,2]"});
}

}  // namespace time_gates_test
