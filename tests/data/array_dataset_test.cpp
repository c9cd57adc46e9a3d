#include "glstm/data/array_dataset.hpp"

#include <limits>
#include <set>
#include <vector>

#include "catch.hpp"

namespace array_dataset_test {

using namespace glstm;

namespace {

/// 0, 1, 2, ...
std::vector<double> numbers(Index count) {
  std::vector<double> result;
  for (Index i = 0; i < count; ++i) result.push_back(static_cast<double>(i));
  return result;
}

LabelledBatch<double> load(const Dataset<double>& data, const std::vector<Index>& samples) {
  LabelledBatch<double> batch;
  data.load(samples, batch);
  CHECK_NOTHROW(batch.input.check());
  return batch;
}

}  // namespace

TEST_CASE("arrays are read in row-major order") {
  const std::vector<int> labels = {7, 8};
  const ArrayDataset<double> data(numbers(12), labels, {.features = 2});  // [2,3,2]
  CHECK(data.size() == 2);
  CHECK(data.steps() == 3);
  CHECK(data.length_of(1) == 3);
  CHECK(data.last_time() == 2);
  CHECK(ArrayDataset<double>(numbers(4), labels, {.timestamps = {-8, -7}}).last_time() == -7);
  const auto batch = load(data, {1, 0});
  CHECK(batch.input.values ==
        (Matrix<double>(2, 6) << 6, 7, 8, 9, 10, 11, 0, 1, 2, 3, 4, 5).finished());
  CHECK(listed(batch.targets.labels) == std::vector<int>{8, 7});
  CHECK(batch.targets.values.size() == 0);
  CHECK(batch.input.timing.lengths.empty());
  CHECK(batch.input.timing.timestamps.size() == 0);
  check_mentions(error_of([&] { load(data, {2}); }), {"samples 0..1", "got 2"});
}

TEST_CASE("arrays have targets for every step, lengths, times and weights") {
  const std::vector<double> x = numbers(6), values = numbers(12);  // [2,3,1], [2,3,2]
  const ArrayDataset<double> data(x, values,
                                  {.steps = 3,
                                   .every_step = true,
                                   .outputs = 2,
                                   .lengths = {3, 2},
                                   .timestamps = {0, 1, 5, 2, 4, 0},
                                   .weights = {1, 0, 2, 1, 1, 0}});
  CHECK(data.last_time() == 5);
  auto batch = load(data, {0, 1});
  CHECK(batch.targets.values ==
        (Matrix<double>(2, 6) << 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 0, 0).finished());
  CHECK(batch.targets.weights == (Matrix<double>(2, 3) << 1, 0, 2, 1, 1, 0).finished());
  CHECK(batch.input.timing.lengths == std::vector<Index>{3, 2});
  CHECK(batch.input.timing.time(1, 1) == 4);
  batch = load(data, {1});  // as long as the longest
  CHECK(batch.input.steps() == 2);
  CHECK(batch.input.timing.lengths.empty());
  CHECK(batch.targets.values == (Matrix<double>(1, 4) << 6, 7, 8, 9).finished());

  const std::vector<int> labels = {0, 1, 2, 0, 1, -1};  // the last one is behind the end
  const ArrayDataset<double> labelled(
      x, labels, {.steps = 3, .every_step = true, .lengths = {3, 2}, .timestamps = {0, 0.5, 2}});
  batch = load(labelled, {1, 0});
  CHECK(batch.targets.labels == (Matrix<int>(2, 3) << 0, 1, 0, 0, 1, 2).finished());
  CHECK(batch.input.timing.timestamps == (Matrix<double>(1, 3) << 0, 0.5, 2).finished());
  const ArrayDataset<double> unlabelled(x, {.steps = 2});
  CHECK(unlabelled.size() == 3);
  CHECK(load(unlabelled, {2}).targets.labels.size() == 0);
}

TEST_CASE("a data set is split into two") {
  const std::vector<int> labels(10, 1);
  Rng rng(1);
  const auto [first, second] = split(ArrayDataset<double>(numbers(20), labels), 0.7, rng);
  CHECK(first.size() == 7);
  CHECK(second.size() == 3);
  std::set<double> seen;
  for (const auto* part : {&first, &second}) {
    for (Index i = 0; i < part->size(); ++i) seen.insert(load(*part, {i}).input.values(0, 0));
  }
  CHECK(seen.size() == 10);
  for (const double part : {0.0, 1.0, 0.01, -1.0}) {
    check_mentions(error_of([&] { split(ArrayDataset<double>(numbers(20), labels), part, rng); }),
                   {"10 samples"});
  }
}

TEST_CASE("arrays that do not fit are errors") {
  const std::vector<double> x = numbers(12);
  const std::vector<int> labels = {0, 1};
  const auto message = [&](const ArrayOptions& options) {
    return error_of([&] { ArrayDataset<double>(x, labels, options); });
  };
  check_mentions(message({.features = 5}), {"5 features", "12 numbers"});
  check_mentions(message({.features = 0}), {"at least one feature"});
  check_mentions(message({.features = 4}), {"3 steps", "got 2"});
  check_mentions(message({.steps = 4}), {"3 targets", "3 sequences", "got 2"});
  check_mentions(message({.steps = 5}), {"sequences of 5 steps", "12 steps"});
  check_mentions(message({.every_step = true}), {"ArrayOptions::steps", "every step"});
  const std::vector<int> for_steps(12, 0);  // without every_step: which of the two is meant?
  check_mentions(error_of([&] { ArrayDataset<double>(x, for_steps); }),
                 {"ArrayOptions::steps", "12 of each", "every_step"});
  CHECK(ArrayDataset<double>(x, for_steps, {.steps = 1}).size() == 12);
  check_mentions(message({.lengths = {7, 1}}), {"0 to 6", "got 7"});
  check_mentions(message({.lengths = {1}}), {"2 lengths", "got 1"});
  check_mentions(message({.timestamps = {1}}), {"6 timestamps, 12", "got 1"});
  check_mentions(message({.timestamps = {0, 1, 2, 3, 2, 5}}), {"time of step 4", "got 2"});
  check_mentions(message({.weights = {1}}), {"2 weights", "got 1"});
  check_mentions(message({.weights = {1, -1}}), {"weight of sample 1", "-1"});
  check_mentions(error_of([&] { ArrayDataset<double>(x, ArrayOptions{}); }),
                 {"ArrayOptions::steps", "no targets"});
  check_mentions(error_of([&] { ArrayDataset<double>(x, x, {.steps = 4, .outputs = 5}); }),
                 {"targets of 5 numbers", "12"});
  const std::vector<int> negative = {0, -1};
  check_mentions(error_of([&] { ArrayDataset<double>(x, negative); }), {"sample 1", "got -1"});
  CHECK_NOTHROW(ArrayDataset<double>(x, negative, {.weights = {1, 0}}));
  CHECK_NOTHROW(ArrayDataset<double>(x, negative, {.lengths = {6, 0}}));
  const std::vector<int> step_labels = {0, 0, -1, 0};
  check_mentions(error_of([&] {
                   ArrayDataset<double>(numbers(4), step_labels, {.steps = 2, .every_step = true});
                 }),
                 {"step 0 of sample 1", "masks"});
  const std::vector<float> two_numbers = {1, 2};
  const std::vector<int> one_label = {0};
  for (const double weight : {1e300, 1e-50}) {  // no float
    check_mentions(
        error_of([&] { ArrayDataset<float>(two_numbers, one_label, {.weights = {weight}}); }),
        {"weight of sample 0", "float"});
  }
  std::vector<double> bad = x;
  bad[8] = std::numeric_limits<double>::quiet_NaN();
  check_mentions(error_of([&] { ArrayDataset<double>(bad, labels, {.features = 2}); }),
                 {"feature 0 of step 1 of sample 1"});
  CHECK_NOTHROW(ArrayDataset<double>(bad, labels, {.features = 2, .lengths = {3, 1}}));
}

}  // namespace array_dataset_test
