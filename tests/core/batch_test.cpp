#include "glstm/core/batch.hpp"

#include <cmath>
#include <limits>
#include <vector>

#include "catch.hpp"

namespace batch_test {

using namespace glstm;

namespace {

// Four samples of three steps with two features, in which every number is different.
LabelledBatch<double> numbered_batch() {
  LabelledBatch<double> batch;
  batch.input = SequenceBatch<double>::zeros(4, 3, 2);
  for (Index i = 0; i < 24; ++i) batch.input.values(i % 4, i / 4) = static_cast<double>(i);
  return batch;
}

}  // namespace

TEST_CASE("samples are copied with what belongs to them") {
  LabelledBatch<double> batch = numbered_batch(), out;
  SECTION("alone") {
    copy_samples(batch, 1, 2, out);
    CHECK(out.input.features == 2);
    CHECK(out.input.batch() == 2);
    CHECK(out.input.steps() == 3);
    CHECK(out.input.values == batch.input.values.middleRows(1, 2));
    CHECK(out.input.timing.timestamps.size() == 0);
    CHECK(out.input.timing.lengths.empty());
    CHECK(out.targets.values.size() == 0);
    CHECK(out.targets.labels.size() == 0);
  }
  SECTION("lengths and timestamps of each sample") {
    batch.input.timing.lengths = {3, 0, 1, 2};
    batch.input.timing.timestamps = numbered_batch().input.values.leftCols(3);
    copy_samples(batch, 2, 2, out);
    CHECK(out.input.timing.lengths == std::vector<Index>{1, 2});
    CHECK(out.input.timing.timestamps == batch.input.timing.timestamps.bottomRows(2));
  }
  SECTION("shared timestamps") {
    batch.input.timing.timestamps = numbered_batch().input.values.topLeftCorner(1, 3);
    copy_samples(batch, 3, 1, out);
    CHECK(out.input.timing.timestamps == batch.input.timing.timestamps);
  }
  SECTION("target values and labels, one and three for each sample") {
    for (const Index answers : {1, 3}) {
      batch.targets.values = numbered_batch().input.values.leftCols(2 * answers);
      batch.targets.labels.resize(4, answers);
      for (int i = 0; i < 4 * answers; ++i) batch.targets.labels(i) = i;
      copy_samples(batch, 1, 2, out);
      CHECK(out.targets.values == batch.targets.values.middleRows(1, 2));
      CHECK(listed(out.targets.labels) ==
            (answers == 1 ? std::vector<int>{1, 2} : std::vector<int>{1, 2, 5, 6, 9, 10}));
    }
  }
  SECTION("and nothing stays of what was there before") {
    batch.input.timing.lengths = {3, 0, 1, 2};
    batch.input.timing.timestamps = numbered_batch().input.values.leftCols(3);
    batch.targets.values = numbered_batch().input.values;
    batch.targets.labels = labels_of({1, 2, 3, 4});
    copy_samples(batch, 0, 3, out);
    copy_samples(numbered_batch(), 0, 2, out);
    CHECK(out.input.values == batch.input.values.topRows(2));
    CHECK(out.input.timing.timestamps.size() == 0);
    CHECK(out.input.timing.lengths.empty());
    CHECK(out.targets.values.size() == 0);
    CHECK(out.targets.labels.size() == 0);
  }
}

TEST_CASE("samples that are not there cannot be copied") {
  LabelledBatch<double> batch = numbered_batch(), out;
  const auto message = [&](Index first, Index count) {
    return error_of([&] { copy_samples(batch, first, count, out); });
  };
  check_mentions(message(2, 3), {"no 3 samples from 2 on", "batch of 4"});
  check_mentions(message(-1, 1), {"from -1"});
  check_mentions(message(0, 0), {"no 0 samples"});
  batch.targets.values.setZero(3, 1);
  check_mentions(message(0, 1), {"targets", "4 rows", "got 3"});
  batch.targets = {.values = {}, .labels = labels_of({1, 2, 3, 4, 5})};
  check_mentions(message(0, 1), {"targets", "4 rows", "got 5"});
  const LabelledBatch<double> empty;
  check_mentions(error_of([&] { copy_samples(empty, 0, 1, out); }), {"batch of 0"});
}

TEST_CASE("a batch whose parts do not fit each other is an error") {
  SequenceBatch<double> input = numbered_batch().input;
  CHECK_NOTHROW(input.check());
  input.timing.steps = 4;
  check_mentions(error_of([&] { input.check(); }), {"[B, I*T] = [4,8]", "got [4,6]"});
  input = numbered_batch().input;
  input.timing.timestamps.setConstant(1, 3, std::nan(""));
  check_mentions(error_of([&] { input.check(); }), {"timestamp of step 0"});
}

TEST_CASE("the first number of a batch that is not finite is named") {
  using detail::first_number_not_finite;
  constexpr double nan = std::numeric_limits<double>::quiet_NaN();
  LabelledBatch<double> batch;
  batch.resize(2, 3, 2);
  batch.input.values.setZero();
  batch.input.timing.lengths = {3, 2};
  batch.targets.values.setZero(2, 6);
  CHECK(first_number_not_finite(batch, 3) == "");
  batch.input.values(1, 5) = batch.targets.values(1, 4) = nan;  // padding may be anything
  CHECK(first_number_not_finite(batch, 3) == "");
  CHECK(first_number_not_finite(batch, 1) == "target 4 of sample 1 is not a number");
  batch.targets.values(1, 3) = std::numeric_limits<double>::infinity();
  CHECK(first_number_not_finite(batch, 3) == "target 1 of step 1 of sample 1 is infinite");
  CHECK(first_number_not_finite(batch, 3, std::vector<Index>{4, 9}) ==
        "target 1 of step 1 of sample 9 is infinite");
  batch.input.values(0, 4) = nan;
  CHECK(first_number_not_finite(batch, 3) == "feature 0 of step 2 of sample 0 is not a number");
}

}  // namespace batch_test
