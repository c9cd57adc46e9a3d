// Endless streams: what follows the span of the windows, and when something happens next.
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>
#include <type_traits>
#include <vector>

#include "catch.hpp"
#include "expected_stream.hpp"
#include "glstm/streaming/streaming_cell.hpp"

namespace streaming_span_test {

using namespace glstm;
using namespace stream_problem;

namespace {

constexpr double endless = std::numeric_limits<double>::infinity();
constexpr double epoch = 1.7e9;  // seconds since 1970
constexpr AfterSpan policies[] = {AfterSpan::hold, AfterSpan::restart, AfterSpan::always_open_only};

std::string name_of(const StreamSpan& span) {
  const char* names[] = {"hold", "restart", "always open only"};
  return detail::text_of(names[static_cast<int>(span.after)], " ", span.start, " to ", span.end);
}

Shape small_stream(Rng& rng) {
  Shape shape = random_stream(rng);
  shape.hidden = 1 + rng.below(12);
  shape.origin = 0;
  return shape;
}

// A random layer, where it is in time and what follows its span.
template <class Gate>
struct Stream {
  using Scalar = typename Gate::Scalar;

  Stream(std::uint64_t seed, const Shape& shape, AfterSpan after, double time_origin, Rng& rng)
      : T(static_cast<double>(std::max<Index>(shape.steps, 8))),
        origin(time_origin),
        problem(random_problem<Gate>(shape, rng)),
        layer(moved_layer(problem, time_origin)),
        span(random_span(after, T, time_origin, rng)),
        expected(layer, problem.parameters, span),
        cell(layer, problem.parameters, span),
        text(detail::text_of("seed ", seed, ": ", shape, "; ", name_of(span))) {}

  double T, origin;
  Problem<Gate> problem;
  Layer<Gate> layer;
  StreamSpan span;
  ExpectedStream<Gate> expected;
  StreamingCell<Gate> cell;
  std::string text;
};

// Calls `check(stream, rng)` for random streams of every kind, here and long after 1970.
template <class Gate, class Check>
void for_streams(std::uint64_t seeds, const Check& check) {
  for (std::uint64_t seed = 0; seed < seeds; ++seed) {
    for (AfterSpan after : policies) {
      for (double origin : {0.0, epoch}) {
        Rng rng(seed);
        const Shape shape = small_stream(rng);
        Stream<Gate> stream(seed, shape, after, origin, rng);
        INFO(stream.text);
        check(stream, rng);
      }
    }
  }
}

bool same(const Mask& a, const Mask& b) { return (a == b).all(); }

GLstmCell<double> one_neuron(double mu, double sigma, const StreamSpan& span) {
  ParameterLayout layout;
  const Layer<GaussianGate<double>> layer(layout, "", 1, 1);
  Vector<double> parameters = Vector<double>::Ones(layout.size());
  layer.gate_parameters(parameters).row(0) << mu, sigma;
  return {layer, parameters, span};
}

}  // namespace

TEMPLATE_TEST_CASE("a stream after its span", "", STREAMED, SquareGate, CountingGate) {
  using Scalar = typename TestType::Scalar;
  Index open_past = 0, closed_past = 0;
  for_streams<TestType>(30, [&](Stream<TestType>& stream, Rng& rng) {
    const auto& [start_time, end, after] = stream.span;
    std::vector<double> times = up_and_down(4 * stream.T, 120, rng);
    for (double& t : times) t += stream.origin;
    times.insert(times.begin() + 20, {end, start_time, end + 3 * (end - start_time), end,
                                      std::nextafter(end, endless), std::nextafter(end, 0)});
    State<Scalar> state = initial_state(stream.problem);
    start(stream.cell, stream.problem);
    for (std::size_t n = 0; n < times.size(); ++n) {
      const Matrix<Scalar> x = random_matrix<Scalar>(1, stream.layer.inputs(), rng);
      const Vector<Scalar> h_before = stream.cell.hidden(), c_before = stream.cell.cell();
      stream.expected.step(x, times[n], state);
      stream.cell.step(x.data(), times[n]);

      const Mask open = stream.expected.open(times[n]);
      const double scale = std::max(1.0, static_cast<double>(state.c.cwiseAbs().maxCoeff()));
      INFO("step " << n << " at " << times[n]);
      REQUIRE(largest_magnitude(stream.cell.hidden().transpose() - state.h) <=
              tolerance_of<Scalar>);
      REQUIRE(largest_magnitude(stream.cell.cell().transpose() - state.c) <=
              tolerance_of<Scalar> * scale);
      REQUIRE(stream.cell.open_count() == open.count());
      bool kept = true;
      for (Index j = 0; j < open.size(); ++j) {
        kept = kept && (open(j) || (stream.cell.hidden()(j) == h_before(j) &&
                                    stream.cell.cell()(j) == c_before(j)));
      }
      REQUIRE(kept);
      if (after != AfterSpan::always_open_only || times[n] <= end) continue;
      open_past += open.count();
      closed_past += open.size() - open.count();
    }
  });
  CHECK(open_past > 100);
  if (!std::is_same_v<TestType, AlwaysOpen<Scalar>>) CHECK(closed_past > 100);
}

TEST_CASE("no step past the span asks a gate") {
  for_streams<CountingGate>(10, [](Stream<CountingGate>& stream, Rng& rng) {
    if (stream.span.after != AfterSpan::always_open_only) return;
    const Vector<double> x = Vector<double>::Ones(stream.layer.inputs());
    for (int n = 0; n < 3; ++n) {  // the first step past the span, and back
      Index before = CountingGate::questions;
      const double past = stream.span.end + rng.uniform(0.1, stream.T);
      stream.cell.step(x.data(), past);
      CHECK(stream.cell.next_event(past).time == endless);
      CHECK(CountingGate::questions == before);
      CHECK(stream.cell.open_count() == stream.expected.open(past).count());

      before = CountingGate::questions;
      stream.cell.step(x.data(), stream.span.start);
      CHECK(CountingGate::questions == before + stream.layer.hidden());
    }
  });
}

TEST_CASE("a span that a stream cannot follow") {
  constexpr double nan = std::numeric_limits<double>::quiet_NaN();
  for (AfterSpan after : policies) {
    if (after == AfterSpan::hold) continue;
    for (double end : {endless, -endless, nan, 3.0, 2.5}) {
      const std::string message = error_of([&] { one_neuron(1, 1, {3, end, after}); });
      check_mentions(message, {"finite span", "3 to "});
    }
    for (double begin : {endless, -endless, nan}) {
      check_mentions(error_of([&] { one_neuron(1, 1, {begin, 4, after}); }), {"finite", "to 4"});
    }
    check_mentions(error_of([&] { one_neuron(1, 1, {-1.5e308, 1.5e308, after}); }), {"finite"});
    CHECK_NOTHROW(one_neuron(1, 1, {3, 4e300, after}));
    ParameterLayout layout;
    const Layer<GaussianGate<float>> layer(layout, "", 1, 1);
    const Vector<float> parameters = Vector<float>::Ones(layout.size());
    check_mentions(error_of([&] {
                     GLstmCell<float>(layer, parameters, {3, 4e300, after});
                   }),
                   {"finite", "3 to 4e+300"});
  }
  CHECK_NOTHROW(one_neuron(1, 1, {nan, -1, AfterSpan::hold}));
  CHECK(one_neuron(1, 1, {5, -1, AfterSpan::hold}).next_event(-9).time ==
        one_neuron(1, 1, {}).next_event(-9).time);
}

TEST_CASE("an infinite time is no time where time restarts") {
  GLstmCell<double> cell = one_neuron(1, 1, {0, 10, AfterSpan::restart});
  const double x = 1;
  cell.step(&x, 1);
  const double h = cell.hidden()(0);
  cell.step(&x, endless);
  CHECK(cell.hidden()(0) == h);
  cell.step(&x, 11);
  CHECK(cell.hidden()(0) != h);
}

TEST_CASE("the next event of one neuron") {
  const double reach = 2 * std::sqrt(-std::log(0.01));  // of the window 5 +- reach
  const auto check_event = [](const NextEvent& event, double time, bool open) {
    CHECK(event.time == Approx(time).epsilon(1e-12));
    CHECK(event.open == open);
  };
  SECTION("hold") {
    const GLstmCell<double> cell = one_neuron(5, 2, {});
    check_event(cell.next_event(0), 5 - reach, false);
    check_event(cell.next_event(5), 5 + reach, true);
    check_event(cell.next_event(cell.next_event(0).time), 5 + reach, true);
    CHECK(cell.next_event(10).time == endless);
    CHECK_FALSE(cell.next_event(10).open);
    CHECK(cell.next_event(cell.next_event(5).time).time == endless);
  }
  SECTION("restart") {
    const GLstmCell<double> cell = one_neuron(5, 2, {0, 10, AfterSpan::restart});
    check_event(cell.next_event(-3), 5 - reach, false);
    check_event(cell.next_event(9.5), 15 - reach, false);
    check_event(cell.next_event(10), 15 - reach, false);
    check_event(cell.next_event(15), 15 + reach, true);
    check_event(cell.next_event(19.5), 25 - reach, false);
    check_event(cell.next_event(2e6 + 5), 2e6 + 5 + reach, true);
  }
  SECTION("restart within the window") {
    const GLstmCell<double> cell = one_neuron(5, 2, {4, 14, AfterSpan::restart});
    CHECK(cell.next_event(10).time == 14);
    check_event(cell.next_event(14), 15 + reach, true);
    check_event(cell.next_event(20), 24, false);
  }
  SECTION("always open only") {
    const GLstmCell<double> closes = one_neuron(5, 2, {4, 7, AfterSpan::always_open_only});
    check_event(closes.next_event(0), 5 - reach, false);
    CHECK(closes.next_event(5).time == endless);
    CHECK(closes.next_event(500).time == endless);
    CHECK(closes.next_event(500).open);
    const GLstmCell<double> late = one_neuron(5, 2, {0, 7, AfterSpan::always_open_only});
    CHECK(late.next_event(5).time == std::nextafter(7, 8));
    CHECK_FALSE(late.next_event(8).open);
    CHECK(late.next_event(8).time == endless);
  }
  SECTION("open at all times") {
    for (AfterSpan after : policies) {
      const GLstmCell<double> cell = one_neuron(5, 2000, {0, 10, after});
      for (double t : {-3.0, 0.0, 5.0, 10.0, 11.0, 128.5}) {
        if (after != AfterSpan::hold) CHECK(cell.next_event(t).time == endless);
        CHECK(cell.next_event(t).open);
      }
    }
    ParameterLayout layout;
    const Layer<AlwaysOpen<float>> layer(layout, "", 1, 3);
    const LstmCell<float> plain(layer, Vector<float>::Ones(layout.size()));
    CHECK(plain.next_event(1).time == endless);
    CHECK(plain.next_event(1).open);
  }
  SECTION("no time") {
    for (AfterSpan after : policies) {
      const GLstmCell<double> cell = one_neuron(5, 2, {0, 10, after});
      for (double t : {endless, -endless, std::numeric_limits<double>::quiet_NaN()}) {
        CHECK(cell.next_event(t).time == endless);
        CHECK_FALSE(cell.next_event(t).open);
      }
    }
  }
  SECTION("a clock too coarse for the cycle") {
    const GLstmCell<double> cell = one_neuron(5e-9, 1e-9, {0, 1e-8, AfterSpan::restart});
    CHECK(cell.next_event(epoch).time == std::nextafter(epoch, endless));
  }
}

// Thresholds of small_stream are ordinary ones. With those of rounding's size below, a window may
// be no longer than rounding.
TEMPLATE_TEST_CASE("nothing opens or closes before the next event", "", STREAMED, SquareGate,
                   CountingGate) {
  int events = 0, last_ones = 0;
  for_streams<TestType>(25, [&](Stream<TestType>& stream, Rng& rng) {
    const double T = stream.T;
    std::vector<double> times = {stream.origin, stream.span.start, stream.span.end};
    for (int n = 0; n < 12; ++n) times.push_back(stream.origin + rng.uniform(-0.5 * T, 3 * T));
    for (std::size_t n = 0; n < times.size(); ++n) {
      const double t = times[n];
      const NextEvent event = stream.cell.next_event(t);
      const Mask open = stream.expected.open(t);
      INFO("t " << t - stream.origin << ", event " << event.time - stream.origin);
      REQUIRE(event.open == open.any());
      REQUIRE(event.time > t);
      int changes = !same(stream.expected.open(std::nextafter(event.time, t)), open);
      for (int m = 0; m < 30; ++m) {
        const double u = rng.uniform(t, std::min(event.time, t + 3 * T));
        changes += u < event.time && !same(stream.expected.open(u), open);
      }
      if (event.time == endless) {
        REQUIRE(changes == 0);
        ++last_ones;
        continue;
      }
      REQUIRE(changes == 0);
      REQUIRE_FALSE(same(stream.expected.open(event.time), open));
      ++events;
      if (times.size() < 40) times.push_back(event.time);
      if (times.size() < 40) times.push_back(std::nextafter(event.time, t));
    }
  });
  const bool gated = !std::is_same_v<TestType, AlwaysOpen<typename TestType::Scalar>>;
  CHECK((events > 1000) == gated);
  if (!std::is_same_v<TestType, SquareGate>) CHECK(last_ones > 100);
}

TEMPLATE_TEST_CASE("from event to event every edge of a window is found", "", STREAMED,
                   SquareGate) {
  for_streams<TestType>(10, [&](Stream<TestType>& stream, Rng&) {
    const double begin = stream.origin - 0.25 * stream.T, end = stream.origin + 2.5 * stream.T;
    std::vector<double> events;
    for (double t = begin; t < end;) {
      t = stream.cell.next_event(t).time;
      if (t < end) events.push_back(t);
      REQUIRE(events.size() < 30000);
    }
    CHECK(std::is_sorted(events.begin(), events.end()));
    // Between two times of a grid there is an event wherever the open set has changed.
    Index missed = 0;
    Mask open = stream.expected.open(begin);
    for (double t = begin; t < end;) {
      const double next = t + stream.T / 512;
      const Mask then = stream.expected.open(next);
      if (!same(open, then)) {
        const auto event = std::upper_bound(events.begin(), events.end(), t);
        missed += next < end && (event == events.end() || *event > next);
      }
      open = then;
      t = next;
    }
    CHECK(missed == 0);
    // And at an event it does change.
    Index needless = 0;
    for (double event : events) {
      needless +=
          same(stream.expected.open(std::nextafter(event, begin)), stream.expected.open(event));
    }
    CHECK(needless == 0);
  });
}

TEMPLATE_TEST_CASE("events at the edges of windows of every threshold", "", GaussianGate<float>,
                   GaussianGate<double>, PhasedGate<float>, PhasedGate<double>) {
  using Scalar = typename TestType::Scalar;
  for (double threshold : {0.0, 1e-42, 1e-4, 0.01, 0.5, 0.99, 0.9999, 1 - 1e-7, 1.0}) {
    for (double leak : {0.0, 0.3}) {
      INFO("threshold " << threshold << ", leak " << leak);
      Rng rng(11);
      const Shape shape{.hidden = 9, .steps = 40, .batch = 1, .threshold = threshold, .leak = leak};
      const auto problem = random_problem<TestType>(shape, rng);
      const TestType gate = problem.layer.gate(problem.parameters);
      const StreamingCell<TestType> cell(problem.layer, problem.parameters);
      StreamingCell<TestType> stepped = cell;
      const Vector<Scalar> x = Vector<Scalar>::Ones(shape.inputs);
      Index late = 0, stuck = 0, different = 0;
      for (Index j = 0; j < shape.hidden; ++j) {
        const auto window = gate.next_window(j, Scalar(rng.uniform(0, 10)));
        for (Scalar edge : {window.open, window.close}) {
          if (!std::isfinite(edge)) continue;
          const double width = 1e-3 * (1 + std::abs(static_cast<double>(edge)));
          for (int n = 0; n < 100; ++n) {
            const double reach = width * std::pow(10, -rng.uniform(0, 12));
            const double t = static_cast<double>(edge) + rng.uniform(-reach, reach);
            const double u = t + rng.uniform(0, reach);
            const double event = cell.next_event(t).time;
            stuck += !(event > t);
            stepped.step(x.data(), n % 2 == 0 ? t : u);
            different += stepped.next_event(t).time != event;
            late +=
                u > t && u < event && !same(open_mask(gate, Scalar(u)), open_mask(gate, Scalar(t)));
          }
        }
      }
      CHECK(stuck == 0);
      CHECK(late == 0);
      CHECK(different == 0);
    }
  }
}

TEMPLATE_TEST_CASE("a host that sleeps misses nothing", "", STREAMED, SquareGate) {
  using Scalar = typename TestType::Scalar;
  Index taken = 0, offered = 0;
  for_streams<TestType>(15, [&](Stream<TestType>& stream, Rng& rng) {
    StreamingCell<TestType> awake = stream.cell;
    StreamingCell<TestType>& sleeper = stream.cell;
    double t = stream.origin - 0.1 * stream.T;
    NextEvent event = sleeper.next_event(t);
    for (int n = 0; n < 300; ++n) {
      const Matrix<Scalar> x = random_matrix<Scalar>(1, stream.layer.inputs(), rng);
      awake.step(x.data(), t);
      ++offered;
      if (t >= event.time) event = sleeper.next_event(t);
      if (event.open) {
        sleeper.step(x.data(), t);
        ++taken;
      }
      // The same steps, but sums over closed neurons in another order.
      REQUIRE(largest_magnitude(sleeper.hidden() - awake.hidden()) <= tolerance_of<Scalar>);
      REQUIRE(largest_magnitude(sleeper.cell() - awake.cell()) <= tolerance_of<Scalar>);
      t += rng.uniform() < 0.1 ? rng.uniform(0, 0.2 * stream.T) : rng.uniform(0, 0.01 * stream.T);
    }
  });
  if (std::is_same_v<TestType, GaussianGate<Scalar>>) CHECK(taken < offered * 9 / 10);
  CHECK(taken > offered / 20);
}

TEMPLATE_TEST_CASE("events do not depend on what was stepped", "", GaussianGate<float>,
                   PhasedGate<double>, SquareGate) {
  using Scalar = typename TestType::Scalar;
  for_streams<TestType>(5, [&](Stream<TestType>& stream, Rng& rng) {
    const StreamingCell<TestType> fresh = stream.cell;
    const Vector<Scalar> x = Vector<Scalar>::Ones(stream.layer.inputs());
    for (int n = 0; n < 100; ++n) {
      const double t = stream.origin + rng.uniform(-stream.T, 3 * stream.T);
      const bool same_time = rng.uniform() < 0.3;
      stream.cell.step(x.data(),
                       same_time ? t : t + rng.normal() * std::pow(10, rng.uniform(-6, 2)));
      const NextEvent event = stream.cell.next_event(t), other = fresh.next_event(t);
      REQUIRE(event.time == other.time);
      REQUIRE(event.open == other.open);
    }
  });
}

}  // namespace streaming_span_test
