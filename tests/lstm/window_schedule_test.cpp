#include "glstm/lstm/window_schedule.hpp"

#include <algorithm>
#include <cmath>
#include <vector>

#include "catch.hpp"
#include "glstm/core/random.hpp"
#include "glstm/gates/always_open.hpp"
#include "glstm/gates/gaussian_gate.hpp"
#include "glstm/gates/phased_gate.hpp"

namespace window_schedule_test {

using namespace glstm;

namespace {

using Mask = Eigen::Array<bool, Eigen::Dynamic, Eigen::Dynamic>;

// Who is open when, [H,T], by asking is_open for every neuron, step and sample.
template <class Gate>
Mask brute_force(const Gate& gate, const Timing& timing, double origin) {
  Mask open = Mask::Constant(gate.size(), timing.steps, false);
  for (Index j = 0; j < gate.size(); ++j) {
    for (Index n = 0; n < timing.steps; ++n) {
      for (Index b = 0; b < timing.batch; ++b) {
        const auto t = static_cast<typename Gate::Scalar>(timing.time(b, n) - origin);
        open(j, n) = open(j, n) || (n < timing.length(b) && gate.is_open(j, t));
      }
    }
  }
  return open;
}

// The open steps and segments of a gate against brute force: everything in them is open, everything
// else is not; they are in order, not empty, and as long as they can be. Where samples have times
// of their own, steps at which no sample is open may be among them, but not most.
template <class Gate>
void check_schedule(const Gate& gate, const Timing& timing, double origin = 0) {
  timing.check();
  const Mask expected = brute_force(gate, timing, origin);
  const auto times = relative_times<typename Gate::Real>(timing, origin);
  const std::vector<OpenSteps> stretches = open_steps(gate, times, timing);

  Mask found = Mask::Constant(gate.size(), timing.steps, false);
  for (std::size_t i = 0; i < stretches.size(); ++i) {
    const OpenSteps& stretch = stretches[i];
    INFO("neuron " << stretch.neuron << " open from step " << stretch.begin << " to "
                   << stretch.end);
    REQUIRE(stretch.begin >= 0);
    REQUIRE(stretch.begin < stretch.end);
    REQUIRE(stretch.end <= timing.steps);
    if (i > 0) {
      const OpenSteps& last = stretches[i - 1];
      const bool in_order = last.neuron < stretch.neuron ||
                            (last.neuron == stretch.neuron && last.end < stretch.begin);
      REQUIRE(in_order);  // and with a closed step between
    }
    found.row(stretch.neuron).segment(stretch.begin, stretch.end - stretch.begin) = true;
  }
  const bool exact =
      times.rows() == 1 || !timing.lengths.empty() || !GateTraits<Gate>::single_window;
  if (exact) {
    REQUIRE((found == expected).all());
  } else {
    REQUIRE((found || !expected).all());
    REQUIRE(2 * found.count() <= 3 * expected.count() + 2 * gate.size());
  }
  const Mask in_stretches = found;

  found.setConstant(false);
  const std::vector<Segment> segments = segments_of(stretches);
  for (std::size_t s = 0; s < segments.size(); ++s) {
    const Segment& segment = segments[s];
    INFO("segment from step " << segment.begin << " to " << segment.end);
    REQUIRE(segment.steps() >= 1);
    REQUIRE(segment.open() >= 1);
    REQUIRE(std::is_sorted(segment.neurons.begin(), segment.neurons.end()));
    if (s > 0) {
      REQUIRE(segment.begin >= segments[s - 1].end);
      const bool differs =
          segment.begin > segments[s - 1].end || segment.neurons != segments[s - 1].neurons;
      REQUIRE(differs);
    }
    for (Index j : segment.neurons) found.row(j).segment(segment.begin, segment.steps()) = true;
  }
  REQUIRE((found == in_stretches).all());
}

Matrix<double> gaussian_parameters(Index count, double start, double end, Rng& rng) {
  Matrix<double> parameters(count, 2);
  for (Index j = 0; j < count; ++j) {
    const double sign = rng.uniform() < 0.2 ? -1 : 1;
    parameters.row(j) << rng.uniform(start - 5, end + 5),
        sign * (end - start + 1) * std::pow(10, rng.uniform(-2.5, 0));
  }
  return parameters;
}

Matrix<double> phased_parameters(Index count, double start, double end, Rng& rng) {
  Matrix<double> parameters(count, 3);
  for (Index j = 0; j < count; ++j) {
    const double sign = rng.uniform() < 0.3 ? -1 : 1;
    parameters.row(j) << sign * (end - start + 1) * std::pow(10, rng.uniform(-1.5, 0.5)),
        rng.uniform(start - 5, end + 5), rng.uniform() < 0.1 ? -0.3 : rng.uniform(0.02, 1.6);
  }
  return parameters;
}

enum class Clock { steps, shared, per_sample };

// Irregular times in [0, 30]; about every third equals the one before.
Timing random_timing(Index batch, Index steps, Clock clock, bool ragged, Rng& rng) {
  Timing timing;
  timing.batch = batch;
  timing.steps = steps;
  if (clock != Clock::steps) {
    timing.timestamps.resize(clock == Clock::shared ? 1 : batch, steps);
    for (Index row = 0; row < timing.timestamps.rows(); ++row) {
      std::vector<double> times;
      while (static_cast<Index>(times.size()) < steps) {
        const bool again = !times.empty() && rng.uniform() < 0.3;
        times.push_back(again ? times.back() : rng.uniform(0, 30));
      }
      std::sort(times.begin(), times.end());
      for (Index n = 0; n < steps; ++n) {
        timing.timestamps(row, n) = times[static_cast<std::size_t>(n)];
      }
    }
  }
  if (ragged) {
    for (Index b = 0; b < batch; ++b) timing.lengths.push_back(rng.below(steps + 1));
  }
  return timing;
}

Timing regular(Index batch, Index steps) {
  Timing timing;
  timing.batch = batch;
  timing.steps = steps;
  return timing;
}

GaussianGate<double> gaussian(const std::vector<std::pair<double, double>>& windows,
                              double threshold = 0.01) {
  Matrix<double> parameters(static_cast<Index>(windows.size()), 2);
  for (std::size_t j = 0; j < windows.size(); ++j) {
    parameters.row(static_cast<Index>(j)) << windows[j].first, windows[j].second;
  }
  return GaussianGate<double>(parameters, {.threshold = threshold});
}

}  // namespace

TEST_CASE("schedules of random gates agree with asking every gate at every step") {
  for (std::uint64_t seed = 0; seed < 150; ++seed) {
    Rng rng(seed);
    const Index batch = 1 + rng.below(5), steps = rng.below(60), count = 1 + rng.below(12);
    const Clock clock = static_cast<Clock>(rng.below(3));
    const bool ragged = rng.uniform() < 0.5;
    const double origin = rng.uniform() < 0.3 ? rng.uniform(-3, 3) : 0;
    const double thresholds[] = {0, 1e-4, 0.01, 0.3, 1};
    const double threshold = thresholds[rng.below(5)];
    const double leak = rng.uniform() < 0.5 ? 0 : rng.uniform(0, 1);
    CAPTURE(seed, batch, steps, count, static_cast<int>(clock), ragged, origin, threshold, leak);
    const Timing timing = random_timing(batch, steps, clock, ragged, rng);
    const double end = clock == Clock::steps ? static_cast<double>(steps) : 30;

    const Matrix<double> g = gaussian_parameters(count, 0, end, rng);
    check_schedule(GaussianGate<double>(g, {.threshold = threshold}), timing, origin);
    check_schedule(GaussianGate<float>(g.cast<float>(), {.threshold = threshold}), timing, origin);
    const Matrix<double> p = phased_parameters(count, 0, end, rng);
    check_schedule(PhasedGate<double>(p, {.threshold = threshold, .leak = leak}), timing, origin);
    check_schedule(PhasedGate<float>(p.cast<float>(), {.threshold = threshold, .leak = leak}),
                   timing, origin);
    check_schedule(AlwaysOpen<double>(Matrix<double>(count, 0)), timing, origin);
  }
}

TEST_CASE("neurons that open and close at the same time share segments") {
  const double threshold = std::nextafter(std::exp(-1.0), 0.0);  // windows are mu +- sigma
  const auto gate = gaussian({{5, 3}, {5, 3}, {11, 3}, {8, 6}}, threshold);
  check_schedule(gate, regular(2, 20));
  const std::vector<Segment> segments =
      segments_of(open_steps(gate, relative_times<double>(regular(2, 20), 0), regular(2, 20)));
  REQUIRE(segments.size() == 3);
  CHECK(segments[0].begin == 2);
  CHECK(segments[0].end == 8);
  CHECK(segments[0].neurons == std::vector<Index>{0, 1, 3});
  CHECK(segments[1].begin == 8);
  CHECK(segments[1].end == 9);
  CHECK(segments[1].neurons == std::vector<Index>{0, 1, 2, 3});
  CHECK(segments[2].end == 15);
  CHECK(segments[2].neurons == std::vector<Index>{2, 3});
}

TEST_CASE("when all gates are closed there is no segment") {
  const auto gate = gaussian({{-100, 1}, {500, 1}, {3.5, 0.01}});  // before, after, between steps
  check_schedule(gate, regular(3, 20));
  CHECK(open_steps(gate, relative_times<double>(regular(3, 20), 0), regular(3, 20)).empty());
}

TEST_CASE("when all gates are open there is one segment") {
  for (double threshold : {0.0, 0.01}) {
    const auto gate = gaussian({{10, 1e6}, {10, -1e6}}, threshold);
    check_schedule(gate, regular(3, 20));
    const std::vector<Segment> segments =
        segments_of(open_steps(gate, relative_times<double>(regular(3, 20), 0), regular(3, 20)));
    REQUIRE(segments.size() == 1);
    CHECK(segments[0].steps() == 20);
    CHECK(segments[0].open() == 2);
  }
}

TEST_CASE("a window that the sequence cuts off is open up to its end") {
  const auto gate = gaussian({{-1, 1}, {20, 1}});
  const std::vector<OpenSteps> stretches =
      open_steps(gate, relative_times<double>(regular(1, 20), 0), regular(1, 20));
  REQUIRE(stretches.size() == 2);
  CHECK(stretches[0].begin == 0);
  CHECK(stretches[0].end == 2);
  CHECK(stretches[1].begin == 18);
  CHECK(stretches[1].end == 20);
}

TEST_CASE("sequences of no step and of one step") {
  for (Index steps : {Index(0), Index(1)}) {
    check_schedule(gaussian({{0, 1}, {5, 1}}), regular(2, steps));
    check_schedule(AlwaysOpen<double>(Matrix<double>(2, 0)), regular(2, steps));
    Timing per_sample = regular(2, steps);
    per_sample.timestamps.setConstant(2, steps, 5);
    check_schedule(gaussian({{0, 1}, {5, 1}}), per_sample);
  }
}

TEST_CASE("steps at equal times are open together") {
  Timing timing = regular(2, 6);
  timing.timestamps.resize(1, 6);
  timing.timestamps << 1, 1, 1, 4, 4, 4;
  check_schedule(gaussian({{1, 0.001}, {4, 0.001}, {2, 0.4}, {2.5, 1}}), timing);
  timing.timestamps.setConstant(1);
  check_schedule(gaussian({{1, 0.001}, {4, 0.001}}), timing);
}

TEST_CASE("a sample past its length opens nothing") {
  Timing timing = regular(2, 10);
  timing.lengths = {3, 6};
  const auto gate = gaussian({{5, 1e-3}, {6, 1e-3}, {8, 1e-3}});
  check_schedule(gate, timing);
  const std::vector<OpenSteps> stretches =
      open_steps(gate, relative_times<double>(timing, 0), timing);
  REQUIRE(stretches.size() == 1);
  CHECK(stretches[0].neuron == 0);
  timing.lengths = {0, 0};
  check_schedule(gate, timing);
}

TEST_CASE("times are taken relative to the origin in double and rounded once") {
  Timing timing = regular(1, 3);
  timing.timestamps.resize(1, 3);
  timing.timestamps << 1.7e9, 1.7e9 + 0.25, 1.7e9 + 1000.125;
  const Matrix<float> times = relative_times<float>(timing, 1.7e9);
  CHECK(times(0, 0) == 0.0f);
  CHECK(times(0, 1) == 0.25f);
  CHECK(times(0, 2) == 1000.125f);
}

TEST_CASE("timings that do not fit are errors") {
  Timing timing = regular(2, 3);
  timing.timestamps = Eigen::MatrixXd::Zero(3, 3);
  check_mentions(error_of([&] { timing.check(); }), {"timestamps", "[1,T] or [B,T]", "[3,3]"});
  timing.timestamps.resize(1, 3);
  timing.timestamps << 0, 2, 1;
  check_mentions(error_of([&] { timing.check(); }), {"timestamps", "step 2"});
  timing.timestamps << 0, std::nan(""), 1;
  check_mentions(error_of([&] { timing.check(); }), {"timestamp", "not finite"});
  timing.timestamps.resize(2, 3);
  timing.timestamps << 0, 1, 2, 0, 4, 3;
  check_mentions(error_of([&] { timing.check(); }), {"step 2 of sample 1", "3 after 4"});
  timing.timestamps.resize(0, 0);
  timing.lengths = {1};
  check_mentions(error_of([&] { timing.check(); }), {"lengths", "got 1"});
  timing.lengths = {1, 4};
  check_mentions(error_of([&] { timing.check(); }), {"length", "0..3", "got 4"});
  timing.lengths = {-1, 2};
  check_mentions(error_of([&] { timing.check(); }), {"length", "got -1"});
  timing = regular(0, 3);
  check_mentions(error_of([&] { timing.check(); }), {"batch 0"});
}

TEST_CASE("a step that is open by rounding alone, beyond its window, is found") {
  // exp(-u^2) rounds to 1 for small u, so that with threshold 1 a gate is open beside its centre,
  // where its window, a single point, has passed.
  Matrix<float> parameters(1, 2);
  parameters << 499.5f, 5000.0f;
  const GaussianGate<float> gate(parameters, {.threshold = 1});
  Matrix<float> times(1, 3);
  times << 500.0f, 501.0f, 5000.0f;
  Timing timing;
  timing.batch = 1;
  timing.steps = 3;
  REQUIRE(gate.is_open(0, 500.0f));
  REQUIRE(gate.next_window(0, 500.0f).empty());
  const std::vector<OpenSteps> steps = open_steps(gate, times, timing);
  REQUIRE(steps.size() == 1);
  CHECK(steps[0].begin == 0);
  CHECK(!gate.is_open(0, times(0, steps[0].end)));
}

}  // namespace window_schedule_test
