#include "glstm/data/adding_task.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <vector>

#include "catch.hpp"
#include "load_samples.hpp"

namespace adding_task_test {

using glstm::AddingTask;
using glstm::Index;
using glstm::LabelledBatch;
using glstm::Matrix;

namespace {

/// The steps at which sample b is marked.
template <class Scalar>
std::vector<Index> marked_steps(const LabelledBatch<Scalar>& batch, Index b) {
  std::vector<Index> steps;
  for (Index n = 0; n < batch.input.steps(); ++n) {
    const Scalar marker = batch.input.step(n)(b, 1);
    CHECK((marker == Scalar(0) || marker == Scalar(1)));
    if (marker == Scalar(1)) steps.push_back(n);
  }
  return steps;
}

}  // namespace

TEMPLATE_TEST_CASE("the adding task marks two values and asks for their sum", "", float, double) {
  // 2 and 3 are the degenerate lengths; 19 and 20 lie on both sides of a second early step.
  for (const Index steps : {2, 3, 19, 20, 101}) {
    CAPTURE(steps);
    const AddingTask<TestType> task(steps, 64, 7);
    const auto batch = load(task, first_samples(64));
    REQUIRE(batch.input.features == 2);
    REQUIRE(batch.input.steps() == steps);
    REQUIRE(batch.input.values.rows() == 64);
    REQUIRE(batch.input.values.cols() == 2 * steps);
    REQUIRE(batch.targets.values.rows() == 64);
    REQUIRE(batch.targets.values.cols() == 1);
    CHECK(batch.targets.labels.size() == 0);
    CHECK_NOTHROW(batch.input.timing.check());

    for (Index b = 0; b < 64; ++b) {
      CAPTURE(b);
      const std::vector<Index> marked = marked_steps(batch, b);
      REQUIRE(marked.size() == 2);
      CHECK(marked[0] < std::max<Index>(1, steps / 10));
      CHECK(2 * marked[1] >= steps);
      CHECK(batch.targets.values(b, 0) ==
            batch.input.step(marked[0])(b, 0) + batch.input.step(marked[1])(b, 0));
      for (Index n = 0; n < steps; ++n) CHECK(std::abs(batch.input.step(n)(b, 0)) <= 0.5);
    }
  }
}

TEST_CASE("the markers of the adding task reach every step of their range") {
  const Index steps = 40;
  const auto batch = load(AddingTask<double>(steps, 2000, 3), first_samples(2000));
  std::vector<int> hits(static_cast<std::size_t>(steps), 0);
  for (Index b = 0; b < 2000; ++b) {
    for (Index n : marked_steps(batch, b)) ++hits[static_cast<std::size_t>(n)];
  }
  for (Index n = 0; n < steps; ++n) {
    CAPTURE(n);
    const int count = hits[static_cast<std::size_t>(n)];
    if (n < 4) {
      CHECK(std::abs(count - 500) < 100);  // five standard deviations
    } else if (n >= 20) {
      CHECK(std::abs(count - 100) < 50);
    } else {
      CHECK(count == 0);
    }
  }
}

TEST_CASE("the target of the adding task has mean 0 and the stated variance") {
  const Index size = 20000;
  const auto batch = load(AddingTask<double>(10, size, 5), first_samples(size));
  const Matrix<double>& targets = batch.targets.values;
  CHECK(std::abs(targets.mean()) < 0.015);
  CHECK(targets.array().square().mean() ==
        Approx(AddingTask<double>::target_variance).epsilon(0.03));
  CHECK(AddingTask<double>::target_variance == Approx(1.0 / 6.0));
}

TEMPLATE_TEST_CASE("a sample of the adding task depends on the seed and its number alone", "",
                   float, double) {
  const AddingTask<TestType> task(30, 100, 11);
  const auto all = load(task, first_samples(100));

  SECTION("not on the order of loading, nor on what the batch held before") {
    LabelledBatch<TestType> batch = load(AddingTask<TestType>(50, 200, 12), first_samples(150));
    batch.input.timing.timestamps.setOnes(150, 50);
    batch.input.timing.lengths.assign(150, 50);
    batch.targets.labels.setConstant(150, 1, 1);
    const std::vector<Index> samples = {99, 0, 42, 42};
    task.load(samples, batch);
    REQUIRE(batch.input.batch() == 4);
    CHECK(batch.input.timing.timestamps.size() == 0);
    CHECK(batch.input.timing.lengths.empty());
    CHECK(batch.targets.labels.size() == 0);
    REQUIRE(batch.input.values.cols() == 60);
    for (Index b = 0; b < 4; ++b) {
      const Index sample = samples[static_cast<std::size_t>(b)];
      CHECK(batch.input.values.row(b) == all.input.values.row(sample));
      CHECK(batch.targets.values(b, 0) == all.targets.values(sample, 0));
    }
  }
  SECTION("not on the size of the data set") {
    const auto more = load(AddingTask<TestType>(30, 1000, 11), first_samples(100));
    CHECK(more.input.values == all.input.values);
  }
  SECTION("other samples and other seeds differ, also shifted ones") {
    const auto next = load(AddingTask<TestType>(30, 100, 12), first_samples(100));
    for (Index b = 1; b < 100; ++b) {
      CHECK(all.input.values.row(b) != all.input.values.row(b - 1));
      CHECK(all.input.values.row(b) != next.input.values.row(b));
      CHECK(all.input.values.row(b) != next.input.values.row(b - 1));
    }
  }
}

TEST_CASE("the adding task gives the same numbers on every platform") {
  const auto batch = load(AddingTask<double>(100, 2, 1), {1});
  CHECK(batch.targets.values(0, 0) == 0x1.ab8367908b997p-1);
  CHECK(marked_steps(batch, 0) == std::vector<Index>{1, 87});
}

TEST_CASE("the adding task refuses what it cannot be") {
  check_mentions(error_of([] { AddingTask<float>(1, 10, 0); }), {"at least 2 steps", "got 1"});
  check_mentions(error_of([] { AddingTask<float>(10, 0, 0); }), {"at least 1 sample", "got 0"});

  const AddingTask<float> task(10, 5, 0);
  auto batch = load(task, {0, 1});
  const Matrix<float> before = batch.input.values;
  for (const Index wrong : {-1, 5}) {
    const std::vector<Index> samples = {0, wrong, 1};
    check_mentions(error_of([&] { task.load(samples, batch); }),
                   {"0..4", "got " + std::to_string(wrong)});
    CHECK(batch.input.values == before);
  }
}

}  // namespace adding_task_test
