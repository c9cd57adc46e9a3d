#include "glstm/data/augmented_dataset.hpp"

#include <algorithm>
#include <memory>
#include <vector>

#include "catch.hpp"
#include "glstm/data/csv_sequences.hpp"
#include "glstm/data/subset.hpp"

namespace augmented_dataset_test {

using glstm::Augmentation;
using glstm::AugmentedDataset;
using glstm::Index;
using glstm::LabelledBatch;
using glstm::Matrix;

namespace {

std::shared_ptr<const glstm::Dataset<double>> data() {
  return std::make_shared<glstm::SequenceDataset<double>>(glstm::parse_csv_sequences(
      "sequence,label,a,b\ns,0,1,10\ns,0,2,20\ns,0,3,30\ns,0,4,40\nt,1,5,50\nt,1,6,60\n",
      "my.csv"));
}

Matrix<double> varied(const Augmentation& how, std::uint64_t seed,
                      std::vector<Index> samples = {0, 1}) {
  LabelledBatch<double> batch;
  AugmentedDataset<double>(data(), how).load_for_training(samples, seed, batch);
  CHECK(batch.targets.labels.rows() == static_cast<Index>(samples.size()));
  return batch.input.values;
}

}  // namespace

TEST_CASE("training samples are varied, others are not") {
  LabelledBatch<double> batch, original;
  const std::vector<Index> samples = {0, 1};
  data()->load(samples, original);
  const AugmentedDataset<double> noisy(data(), {.noise = 0.1});
  noisy.load(samples, batch);
  CHECK(batch.input.values == original.input.values);
  CHECK(noisy.size() == 2);
  CHECK(noisy.length_of(1) == 2);
  const Matrix<double> values = varied({.noise = 0.1}, 1);
  CHECK(values != original.input.values);
  CHECK((values - original.input.values).cwiseAbs().maxCoeff() < 1);
  CHECK(values.row(1).tail(4).isZero(0));  // past the end of the sequence
  CHECK(varied({}, 1) == original.input.values);
}

TEST_CASE("variations depend on the seed and the sample alone") {
  const Augmentation how{.roll = true, .shift = 0.2, .time_warp = 0.1, .scale = 0.1, .noise = 0.1};
  const Matrix<double> both = varied(how, 1);
  CHECK(varied(how, 1) == both);
  CHECK(varied(how, 2) != both);
  CHECK(varied(how, 1, {1, 0}).row(1) == both.row(0));
  CHECK(varied(how, 1, {1}) == both.row(1).head(4));
  // A subset hands the request on.
  const auto augmented = std::make_shared<AugmentedDataset<double>>(data(), how);
  LabelledBatch<double> batch;
  glstm::Subset<double>(augmented, {1}).load_for_training(std::vector<Index>{0}, 1, batch);
  CHECK(batch.input.values == both.row(1).head(4));
}

TEST_CASE("rolling rotates the rows of a sequence") {
  bool moved = false;
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    const Matrix<double> values = varied({.roll = true}, seed, {0});
    std::vector<double> a;
    for (Index n = 0; n < 4; ++n) {
      a.push_back(values(0, 2 * n));
      CHECK(values(0, 2 * n + 1) == 10 * a.back());
    }
    moved = moved || a.front() != 1;
    std::rotate(a.begin(), std::find(a.begin(), a.end(), 1.0), a.end());
    CHECK(a == std::vector<double>{1, 2, 3, 4});
  }
  CHECK(moved);
}

TEST_CASE("inverting changes the sign of some whole sequences") {
  const Matrix<double> original = varied({}, 0, {0});
  int inverted = 0;
  for (std::uint64_t seed = 0; seed < 40; ++seed) {
    const Matrix<double> values = varied({.invert = true}, seed, {0});
    CHECK((values == original || values == -original));
    inverted += values == -original ? 1 : 0;
  }
  CHECK(inverted > 10);
  CHECK(inverted < 30);
}

TEST_CASE("scaling multiplies each feature, moving in time interpolates between rows") {
  const Matrix<double> scaled = varied({.scale = 0.3}, 3, {0});
  CHECK(scaled(0, 2) == Approx(2 * scaled(0, 0)));
  CHECK(scaled(0, 3) == Approx(2 * scaled(0, 1)));
  CHECK(scaled(0, 0) != 1);
  CHECK(10 * scaled(0, 0) != Approx(scaled(0, 1)));
  for (const Augmentation& how : {Augmentation{.shift = 0.5}, Augmentation{.time_warp = 0.2}}) {
    const Matrix<double> moved = varied(how, 3, {0});
    CHECK(moved.minCoeff() >= 1);
    CHECK(moved.maxCoeff() <= 40);
    CHECK(moved != varied({}, 3, {0}));
    for (Index n = 0; n < 4; ++n) CHECK(moved(0, 2 * n + 1) == Approx(10 * moved(0, 2 * n)));
  }
}

TEST_CASE("augmentations out of range are an error") {
  const auto error = [](const Augmentation& how) {
    return error_of([&] { AugmentedDataset<double>(data(), how); });
  };
  check_mentions(error({.noise = -1}), {"not negative", "-1"});
  check_mentions(error({.scale = std::numeric_limits<double>::infinity()}), {"finite"});
  check_mentions(error_of([] { AugmentedDataset<double>(nullptr, {}); }), {"needs a data set"});
  check_mentions(error_of([] { AugmentedDataset<double>(data(), {}, 0); }), {"frames"});
  LabelledBatch<double> batch;
  check_mentions(
      error_of([&] {
        AugmentedDataset<double>(data(), {}, 3).load_for_training(std::vector<Index>{0}, 1, batch);
      }),
      {"frames of 3 rows", "2 features"});
}

TEST_CASE("values that move do not fit answers for every step") {
  const auto steps = std::make_shared<glstm::SequenceDataset<double>>(
      glstm::parse_csv_sequences("sequence,label,a\ns,0,1\ns,1,2\ns,0,3\n", "my.csv"));
  LabelledBatch<double> batch;
  for (const Augmentation& how :
       {Augmentation{.roll = true}, Augmentation{.shift = 0.1}, Augmentation{.time_warp = 0.1}}) {
    check_mentions(
        error_of([&] {
          AugmentedDataset<double>(steps, how).load_for_training(std::vector<Index>{0}, 1, batch);
        }),
        {"not its answers", "every step"});
  }
  AugmentedDataset<double>(steps, {.scale = 0.1, .noise = 0.1})
      .load_for_training(std::vector<Index>{0}, 1, batch);
  CHECK(listed(batch.targets.labels) == std::vector<int>{0, 1, 0});
}

}  // namespace augmented_dataset_test
