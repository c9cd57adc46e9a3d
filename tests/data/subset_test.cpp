#include "glstm/data/subset.hpp"

#include <limits>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "catch.hpp"
#include "glstm/data/adding_task.hpp"

namespace subset_test {

using glstm::AddingTask;
using glstm::Index;
using glstm::LabelledBatch;
using glstm::Subset;

namespace {

/// Ten samples; it knows how many data sets are alive.
class Counted final : public glstm::Dataset<double> {
 public:
  static inline int alive = 0;
  Counted() { ++alive; }
  ~Counted() override { --alive; }
  Counted(const Counted&) = delete;
  Counted& operator=(const Counted&) = delete;

  Index size() const override { return 10; }
  void load(std::span<const Index> samples, LabelledBatch<double>& batch) const override {
    batch.targets.labels.resize(static_cast<Index>(samples.size()), 1);
    std::copy(samples.begin(), samples.end(), batch.targets.labels.data());
  }
};

std::vector<int> loaded(const Subset<double>& subset, const std::vector<Index>& samples) {
  LabelledBatch<double> batch;
  subset.load(samples, batch);
  return listed(batch.targets.labels);
}

}  // namespace

TEST_CASE("a subset renumbers the samples of a data set") {
  const auto whole = std::make_shared<Counted>();
  SECTION("those given, in their order, also twice") {
    const Subset<double> subset(whole, {7, 0, 9, 7});
    CHECK(subset.size() == 4);
    CHECK(loaded(subset, {0, 1, 2, 3}) == std::vector<int>{7, 0, 9, 7});
    CHECK(loaded(subset, {2, 2, 0}) == std::vector<int>{9, 9, 7});
    CHECK(loaded(subset, {}).empty());
  }
  SECTION("a range") {
    const Subset<double> subset(whole, 6, 4);
    CHECK(subset.size() == 4);
    CHECK(loaded(subset, {3, 0, 1, 2}) == std::vector<int>{9, 6, 7, 8});
    CHECK(loaded(Subset<double>(whole, 0, 10), {0, 9}) == std::vector<int>{0, 9});
  }
  SECTION("a subset of a subset") {
    const auto middle = std::make_shared<Subset<double>>(whole, 3, 5);
    CHECK(loaded(Subset<double>(middle, {4, 1}), {0, 1}) == std::vector<int>{7, 4});
    CHECK(loaded(Subset<double>(middle, 2, 2), {0, 1}) == std::vector<int>{5, 6});
  }
}

TEST_CASE("a subset keeps its data set alive, and no longer than itself") {
  {
    const Subset<double> subset(std::make_shared<Counted>(), 2, 3);
    const Subset<double> copy = subset;
    REQUIRE(Counted::alive == 1);
    CHECK(loaded(copy, {0, 2}) == std::vector<int>{2, 4});
  }
  CHECK(Counted::alive == 0);
}

TEMPLATE_TEST_CASE("a subset gives the samples of the whole", "", float, double) {
  const auto task = std::make_shared<AddingTask<TestType>>(20, 50, 3);
  LabelledBatch<TestType> part, whole;
  Subset<TestType>(task, 10, 30).load(std::vector<Index>{29, 0}, part);
  task->load(std::vector<Index>{39, 10}, whole);
  CHECK(part.input.values == whole.input.values);
  CHECK(part.targets.values == whole.targets.values);
}

TEST_CASE("a subset of what is not there is an error") {
  const auto whole = std::make_shared<Counted>();
  for (const Index wrong : {Index{-1}, Index{10}, std::numeric_limits<Index>::max()}) {
    check_mentions(error_of([&] {
                     Subset<double>(whole, {0, wrong, 1});
                   }),
                   {"0..9", "got " + std::to_string(wrong)});
  }
  constexpr Index most = std::numeric_limits<Index>::max();
  for (const auto& [first, count] : std::vector<std::pair<Index, Index>>{
           {-1, 2}, {0, 11}, {1, 10}, {10, 1}, {0, 0}, {3, -1}, {most, 1}, {1, most}, {-1, most}}) {
    CAPTURE(first, count);
    check_mentions(
        error_of([&, f = first, c = count] { Subset<double>(whole, f, c); }),
        {"0..9", "got " + std::to_string(count) + " samples from " + std::to_string(first)});
  }
  check_mentions(error_of([&] { Subset<double>(whole, std::vector<Index>()); }),
                 {"at least 1 sample", "got 0"});
  check_mentions(error_of([] { Subset<double>(nullptr, {0}); }), {"a data set", "got none"});
  check_mentions(error_of([] { Subset<double>(nullptr, 0, 1); }), {"a data set", "got none"});
}

TEST_CASE("a sample that a subset does not have is an error and leaves the batch alone") {
  const Subset<double> subset(std::make_shared<Counted>(), 2, 3);
  LabelledBatch<double> batch;
  subset.load(std::vector<Index>{1}, batch);
  for (const Index wrong : {-1, 3}) {
    const std::vector<Index> samples = {0, wrong};
    check_mentions(error_of([&] { subset.load(samples, batch); }),
                   {"0..2", "got " + std::to_string(wrong)});
    CHECK(listed(batch.targets.labels) == std::vector<int>{3});
  }
}

}  // namespace subset_test
