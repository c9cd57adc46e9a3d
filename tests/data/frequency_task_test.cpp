#include "glstm/data/frequency_task.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <numeric>
#include <string>
#include <vector>

#include "catch.hpp"
#include "load_samples.hpp"

namespace frequency_task_test {

using glstm::FrequencyTask;
using glstm::Index;
using glstm::LabelledBatch;
using glstm::Sampling;
using glstm::Timing;

namespace {

/// A sine wave: sin(omega (t - start)) cosine + cos(omega (t - start)) sine.
struct Wave {
  double omega = 0, start = 0, cosine = 0, sine = 0;

  double period() const { return 2 * std::numbers::pi / omega; }
  double at(double time) const {
    return std::sin(omega * (time - start)) * cosine + std::cos(omega * (time - start)) * sine;
  }
};

/// The wave that sample b of a finely sampled batch shows: equidistant samples of any sine obey
/// y[n+1] + y[n-1] = 2 cos(omega h) y[n].
Wave wave_of(const LabelledBatch<double>& fine, Index b) {
  const auto y = [&](Index n) { return fine.input.step(n)(b, 0); };
  double numerator = 0, denominator = 0;
  for (Index n = 1; n + 1 < fine.input.timing.length(b); ++n) {
    numerator += (y(n + 1) + y(n - 1)) * y(n);
    denominator += 2 * y(n) * y(n);
  }
  Wave wave;
  wave.start = fine.input.timing.time(b, 0);
  wave.omega = std::acos(numerator / denominator) / 0.1;
  wave.sine = y(0);
  wave.cosine = (y(1) - y(0) * std::cos(0.1 * wave.omega)) / std::sin(0.1 * wave.omega);
  return wave;
}

}  // namespace

TEMPLATE_TEST_CASE("a batch of the frequency task fits together", "", float, double) {
  const Sampling sampling = GENERATE(Sampling::regular, Sampling::fine, Sampling::asynchronous);
  CAPTURE(static_cast<int>(sampling));
  const FrequencyTask<TestType> task(sampling, 200, 7);
  CHECK(task.size() == 200);
  CHECK(task.sampling() == sampling);
  CHECK(task.longest() == (sampling == Sampling::fine ? 1250 : 125));
  const auto batch = load(task, first_samples(200));
  const Timing& timing = batch.input.timing;
  REQUIRE(batch.input.features == 2);
  REQUIRE_NOTHROW(batch.input.check());
  REQUIRE(timing.timestamps.rows() == 200);
  REQUIRE(timing.lengths.size() == 200);
  REQUIRE(batch.targets.labels.size() == 200);
  CHECK(batch.targets.values.size() == 0);
  CHECK(timing.steps == timing.longest());
  CHECK(timing.steps <= task.longest());

  const Index per_ms = sampling == Sampling::fine ? 10 : 1;
  for (Index b = 0; b < 200; ++b) {
    CAPTURE(b);
    const Index length = timing.length(b);
    CHECK(length >= 15 * per_ms);
    CHECK(length == task.length_of(b));
    const int label = batch.targets.labels(b);
    CHECK((label == 0 || label == 1));
    for (Index n = 0; n < length; ++n) {
      const double time = timing.time(b, n);
      if (time < 0 || time > 125) FAIL("step " << n << " is at " << time << " ms");
      if (sampling != Sampling::asynchronous) {
        const double steps = static_cast<double>(n) / static_cast<double>(per_ms);
        CHECK(time == Approx(timing.time(b, 0) + steps).margin(1e-12));
      }
      CHECK(std::abs(batch.input.step(n)(b, 0)) <= 1);
      CHECK(batch.input.step(n)(b, 1) == static_cast<TestType>(time / 125));
    }
    for (Index n = length; n < timing.steps; ++n) CHECK(batch.input.step(n).row(b).isZero(0));
  }
}

TEST_CASE("the label of a wave says whether its period is 5 to 6 ms") {
  const Index size = 2000;
  const auto batch = load(FrequencyTask<double>(Sampling::fine, size, 3), first_samples(size));
  int ones = 0, fast = 0, slow = 0;
  double longest = 0, last = 0, shortest = 1e9, sum_of_lengths = 0;
  double sum_of_starts = 0, starts = 0;  // as shares of the time that is free
  for (Index b = 0; b < size; ++b) {
    CAPTURE(b);
    const double period = wave_of(batch, b).period();
    const int label = batch.targets.labels(b);
    CAPTURE(period, label);
    CHECK(label == (period > 5 && period < 6));
    CHECK(period > 1 - 1e-6);
    CHECK(period < 100 + 1e-2);
    ones += label;
    fast += period < 5;
    slow += period > 6;
    shortest = std::min(shortest, period);
    longest = std::max(longest, period);
    const Index length = batch.input.timing.length(b);
    last = std::max(last, batch.input.timing.time(b, length - 1));
    sum_of_lengths += static_cast<double>(length);
    const double free = 125 - static_cast<double>(length) / 10;
    if (free > 5) {
      sum_of_starts += batch.input.timing.time(b, 0) / free;
      ++starts;
    }
  }
  // Five standard deviations: of 2000 fair draws 112, of 1000 uniform durations 0.1 of 70 ms.
  CHECK(std::abs(ones - 1000) < 112);
  CHECK(std::abs(fast - 500) < 97);
  CHECK(std::abs(slow - 500) < 97);
  CHECK(shortest < 1.1);
  CHECK(longest > 98);
  CHECK(last > 124);
  CHECK(sum_of_lengths / static_cast<double>(size) == Approx(700).margin(36));
  CHECK(sum_of_starts / starts == Approx(0.5).margin(0.04));
}

TEST_CASE("each kind of sampling shows the same waves") {
  const std::vector<Index> samples = first_samples(100);
  const auto fine = load(FrequencyTask<double>(Sampling::fine, 100, 5), samples);
  const auto regular = load(FrequencyTask<double>(Sampling::regular, 100, 5), samples);
  const auto random = load(FrequencyTask<double>(Sampling::asynchronous, 100, 5), samples);
  CHECK(regular.targets.labels == fine.targets.labels);
  CHECK(random.targets.labels == fine.targets.labels);
  CHECK(random.input.timing.lengths == regular.input.timing.lengths);
  double early = 0, late = 0, steps = 0;
  for (Index b = 0; b < 100; ++b) {
    CAPTURE(b);
    const Wave wave = wave_of(fine, b);
    const Timing& times = random.input.timing;
    const Index length = times.length(b), ticks = fine.input.timing.length(b);
    const double duration = static_cast<double>(ticks) / 10;
    CHECK(length == static_cast<Index>(std::ceil(duration)));
    CHECK(regular.input.timing.time(b, 0) == wave.start);
    CHECK(times.time(b, 0) >= wave.start);
    CHECK(times.time(b, length - 1) < wave.start + duration);
    for (const auto* batch : {&regular, &random}) {
      for (Index n = 0; n < length; ++n) {
        const double expected = wave.at(batch->input.timing.time(b, n));
        CHECK(batch->input.step(n)(b, 0) == Approx(expected).margin(1e-5));
      }
    }
    for (Index n = 0; n < length; ++n) {
      early += times.time(b, n) < wave.start + duration / 4;
      late += times.time(b, n) > wave.start + duration * 3 / 4;
      ++steps;
    }
  }
  // Uniform over the duration: a quarter in each quarter.
  CHECK(early / steps == Approx(0.25).margin(0.03));
  CHECK(late / steps == Approx(0.25).margin(0.03));
}

TEMPLATE_TEST_CASE("a sample of the frequency task depends on the seed and its number alone", "",
                   float, double) {
  const FrequencyTask<TestType> task(Sampling::asynchronous, 50, 11);
  const auto all = load(task, first_samples(50));
  const auto same = [&](const LabelledBatch<TestType>& batch, Index b, Index sample) {
    const Index T = all.input.timing.length(sample);
    return batch.input.timing.length(b) == T &&
           batch.targets.labels(b) == all.targets.labels(sample) &&
           batch.input.timing.timestamps.row(b).head(T) ==
               all.input.timing.timestamps.row(sample).head(T) &&
           batch.input.values.row(b).head(2 * T) == all.input.values.row(sample).head(2 * T);
  };

  SECTION("not on the order of loading, nor on what the batch held before") {
    auto batch = load(FrequencyTask<TestType>(Sampling::fine, 9, 12), first_samples(9));
    batch.targets.values.setOnes(9, 3);
    const std::vector<Index> samples = {49, 0, 42, 42};
    task.load(samples, batch);
    CHECK_NOTHROW(batch.input.check());
    REQUIRE(batch.input.batch() == 4);
    REQUIRE(batch.targets.labels.size() == 4);
    CHECK(batch.targets.values.size() == 0);
    CHECK(batch.input.steps() == batch.input.timing.longest());
    for (Index b = 0; b < 4; ++b) CHECK(same(batch, b, samples[static_cast<std::size_t>(b)]));
  }
  SECTION("not on the size of the data set") {
    const auto more =
        load(FrequencyTask<TestType>(Sampling::asynchronous, 1000, 11), first_samples(50));
    for (Index b = 0; b < 50; ++b) CHECK(same(more, b, b));
  }
  SECTION("other samples and other seeds differ, also shifted ones") {
    const auto next =
        load(FrequencyTask<TestType>(Sampling::asynchronous, 50, 12), first_samples(50));
    for (Index b = 1; b < 50; ++b) {
      CHECK_FALSE(same(all, b, b - 1));
      CHECK_FALSE(same(next, b, b));
      CHECK_FALSE(same(next, b - 1, b));
      CHECK_FALSE(same(next, b, b - 1));
    }
  }
}

TEST_CASE("the frequency task gives the same numbers on every platform") {
  const auto batch = load(FrequencyTask<double>(Sampling::asynchronous, 3, 1), {1, 2});
  CHECK(listed(batch.targets.labels) == std::vector<int>{1, 0});
  CHECK(batch.input.timing.lengths == std::vector<Index>{109, 84});
  CHECK(batch.input.timing.time(0, 3) == Approx(0x1.06810e15808bbp+4).epsilon(1e-12));
  CHECK(batch.input.step(3)(0, 0) == Approx(-0.97788060197420534).margin(1e-12));
}

TEST_CASE("the frequency task refuses what it cannot be") {
  check_mentions(error_of([] { FrequencyTask<float>(Sampling::regular, 0, 0); }),
                 {"at least 1 sample", "got 0"});
  const FrequencyTask<float> task(Sampling::regular, 5, 0);
  auto batch = load(task, {0, 1});
  const auto before = batch.input.values;
  for (const Index wrong : {-1, 5}) {
    const std::vector<Index> samples = {0, wrong, 1};
    check_mentions(error_of([&] { task.load(samples, batch); }),
                   {"0..4", "got " + std::to_string(wrong)});
    CHECK(batch.input.values == before);
  }
}

}  // namespace frequency_task_test
