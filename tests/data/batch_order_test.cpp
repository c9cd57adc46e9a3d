#include "glstm/data/batch_order.hpp"

#include <algorithm>
#include <span>
#include <vector>

#include "catch.hpp"

namespace batch_order_test {

using glstm::Index;

namespace {

/// A data set that knows nothing but the numbers of its steps.
class Lengths final : public glstm::Dataset<float> {
 public:
  explicit Lengths(std::vector<Index> lengths) : lengths_(std::move(lengths)) {}
  Index size() const override { return static_cast<Index>(lengths_.size()); }
  void load(std::span<const Index> samples, glstm::LabelledBatch<float>& batch) const override {
    batch.resize(static_cast<Index>(samples.size()), 1, 1);
  }
  Index length_of(Index sample) const override {
    return lengths_[static_cast<std::size_t>(sample)];
  }

 private:
  std::vector<Index> lengths_;
};

std::vector<Index> order_of(const Lengths& data, Index batch, std::uint64_t seed) {
  glstm::Rng rng(seed);
  return glstm::detail::epoch_order<float>(data, batch, rng);
}

}  // namespace

TEST_CASE("batches have samples of similar length, in random order") {
  std::vector<Index> lengths;
  for (Index s = 0; s < 1003; ++s) lengths.push_back(1 + s * 37 % 500);
  const Lengths data(lengths);
  const Index batch = 10;
  const std::vector<Index> order = order_of(data, batch, 1);
  CHECK(order == order_of(data, batch, 1));
  CHECK(order != order_of(data, batch, 2));
  std::vector<Index> sorted = order;
  std::sort(sorted.begin(), sorted.end());
  for (Index s = 0; s < data.size(); ++s) CHECK(sorted[static_cast<std::size_t>(s)] == s);
  double padded = 0, steps = 0;
  bool ascending = true;
  for (Index b = 0; b < 100; ++b) {
    Index longest = 0,
          before = b == 0 ? 0 : data.length_of(order[static_cast<std::size_t>(10 * b - 1)]);
    for (Index i = 10 * b; i < 10 * b + 10; ++i) {
      longest = std::max(longest, data.length_of(order[static_cast<std::size_t>(i)]));
      steps += static_cast<double>(data.length_of(order[static_cast<std::size_t>(i)]));
    }
    padded += 10.0 * static_cast<double>(longest);
    ascending = ascending && longest >= before;
  }
  CHECK(padded < 1.1 * steps);  // 1.8 in the order of the samples
  CHECK_FALSE(ascending);       // batches are shuffled
}

TEST_CASE("samples of one length have the order of the seed") {
  const Lengths data(std::vector<Index>(25, 7));
  glstm::Rng rng(3);
  CHECK(order_of(data, 10, 3) == rng.permutation(25));
}

TEST_CASE("batches of an evaluation have samples of similar length, and are always the same") {
  std::vector<Index> lengths;
  for (Index s = 0; s < 103; ++s) lengths.push_back(1 + s * 37 % 50);
  const Lengths data(lengths);
  std::vector<Index> order, longest;
  glstm::detail::for_each_batch(data, 10, [&](std::span<const Index> samples, const auto&) {
    REQUIRE(samples.size() == (longest.size() < 10 ? 10 : 3));
    for (std::size_t b = 1; b < samples.size(); ++b) {
      const Index before = data.length_of(samples[b - 1]), length = data.length_of(samples[b]);
      CHECK((before < length || (before == length && samples[b - 1] < samples[b])));
      CHECK(length - data.length_of(samples[0]) <= 5);
    }
    order.insert(order.end(), samples.begin(), samples.end());
    longest.push_back(data.length_of(samples.back()));
  });
  CHECK(longest.size() == 11);
  CHECK(longest.back() == 50);
  CHECK_FALSE(std::is_sorted(longest.begin(), longest.end()));  // short and long ones mixed
  CHECK(order == glstm::detail::evaluation_order(data, 10));
  std::sort(order.begin(), order.end());
  for (Index s = 0; s < data.size(); ++s) CHECK(order[static_cast<std::size_t>(s)] == s);

  const Lengths alike(std::vector<Index>(25, 7));
  const std::vector<Index> in_order = glstm::detail::evaluation_order(alike, 10);
  CHECK(std::is_sorted(in_order.begin(), in_order.end()));
}

TEST_CASE("a data set that gives another number of samples is an error") {
  struct Fewer final : glstm::Dataset<float> {
    Index size() const override { return 5; }
    void load(std::span<const Index>, glstm::LabelledBatch<float>& batch) const override {
      batch.resize(4, 3, 1);
    }
  };
  check_mentions(
      error_of([] { glstm::detail::for_each_batch(Fewer(), 100, [](auto, const auto&) {}); }),
      {"expected a batch of 5 samples", "got 4"});
}

}  // namespace batch_order_test
