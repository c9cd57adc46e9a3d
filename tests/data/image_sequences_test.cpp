#include "glstm/data/image_sequences.hpp"

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "catch.hpp"

using glstm::IdxArray;
using glstm::ImageSequences;
using glstm::Index;
using glstm::LabelledBatch;

namespace {

/// Five images [2,3] with pixel p of image i = 50 i + p.
IdxArray five_images() {
  IdxArray images{{5, 2, 3}, {}, "the images"};
  for (int i = 0; i < 5; ++i) {
    for (int p = 0; p < 6; ++p) images.values.push_back(static_cast<std::uint8_t>(50 * i + p));
  }
  return images;
}
IdxArray five_labels() { return {{5}, {0, 1, 2, 3, 9}, "the labels"}; }

template <class Scalar>
void check_sample(const LabelledBatch<Scalar>& batch, Index b, int image, int label) {
  CAPTURE(b);
  for (int p = 0; p < 6; ++p) {
    CHECK(batch.input.step(p)(b, 0) == Scalar(50 * image + p) / Scalar(255));
  }
  CHECK(batch.targets.labels[static_cast<std::size_t>(b)] == label);
}

std::string error_for(const IdxArray& images, const IdxArray& labels, Index classes = 10) {
  return error_of([&] { ImageSequences<float>(images, labels, classes); });
}

}  // namespace

TEMPLATE_TEST_CASE("an image is a sequence of pixels / 255, row by row", "", float, double) {
  const ImageSequences<TestType> data(five_images(), five_labels());
  CHECK(data.size() == 5);
  CHECK(data.rows() == 2);
  CHECK(data.cols() == 3);
  CHECK(data.steps() == 6);
  CHECK(data.classes() == 10);

  LabelledBatch<TestType> batch;
  // What an earlier load left behind must not stay.
  batch.input.timing.timestamps.setOnes(1, 6);
  batch.input.timing.lengths.assign(9, 1);
  batch.targets.values.setOnes(9, 1);
  data.load(std::vector<Index>{4, 0, 4}, batch);
  CHECK(batch.input.features == 1);
  CHECK(batch.input.batch() == 3);
  CHECK(batch.input.steps() == 6);
  REQUIRE(batch.input.values.rows() == 3);
  REQUIRE(batch.input.values.cols() == 6);
  REQUIRE(batch.targets.labels.size() == 3);
  CHECK(batch.targets.values.size() == 0);
  CHECK(batch.input.timing.timestamps.size() == 0);
  CHECK(batch.input.timing.lengths.empty());
  check_sample(batch, 0, 4, 9);
  check_sample(batch, 1, 0, 0);
  check_sample(batch, 2, 4, 9);
}

TEST_CASE("a subset renumbers its samples and outlives the whole") {
  LabelledBatch<double> batch;
  const auto middle = [] {
    return ImageSequences<double>(five_images(), five_labels()).subset(1, 4);
  }();
  REQUIRE(middle.size() == 4);
  middle.load(std::vector<Index>{0, 3}, batch);
  check_sample(batch, 0, 1, 1);
  check_sample(batch, 1, 4, 9);

  const auto inner = middle.subset(2, 1);
  REQUIRE(inner.size() == 1);
  inner.load(std::vector<Index>{0}, batch);
  check_sample(batch, 0, 3, 3);

  check_mentions(error_of([&] { inner.load(std::vector<Index>{1}, batch); }),
                 {"the images", "0..0", "got 1"});
  for (const auto& [first, count] :
       std::vector<std::pair<Index, Index>>{{-1, 2}, {0, 5}, {1, 4}, {4, 1}, {0, 0}, {3, -1}}) {
    CAPTURE(first, count);
    check_mentions(error_of([&, f = first, c = count] { middle.subset(f, c); }),
                   {"the images", "0..3", "got " + std::to_string(count)});
  }
}

TEST_CASE("a sample that is not there is an error and leaves the batch alone") {
  const ImageSequences<float> data(five_images(), five_labels());
  LabelledBatch<float> batch;
  data.load(std::vector<Index>{2}, batch);
  for (const Index wrong : {-1, 5}) {
    check_mentions(error_of([&] {
                     data.load(std::vector<Index>{0, wrong}, batch);
                   }),
                   {"the images", "0..4", "got " + std::to_string(wrong)});
    REQUIRE(batch.input.batch() == 1);
    check_sample(batch, 0, 2, 2);
  }
}

TEST_CASE("images and labels that do not belong together are an error that names them") {
  IdxArray images = five_images();
  IdxArray labels = five_labels();

  SECTION("counts differ") {
    labels = {{4}, {0, 1, 2, 3}, "the labels"};
    check_mentions(error_for(images, labels), {"5 images in the images", "4 labels in the labels"});
  }
  SECTION("a label out of range") {
    check_mentions(error_for(images, labels, 9),
                   {"the labels", "0..8", "found 9", "at position 4"});
  }
  SECTION("images that are not three-dimensional") {
    images.shape = {5, 6};
    check_mentions(error_for(images, labels), {"the images", "[N,rows,cols]", "[5,6]"});
    check_mentions(error_for(labels, images), {"the labels", "[N,rows,cols]", "[5]"});
  }
  SECTION("labels that are not one-dimensional") {
    labels.shape = {5, 1};
    check_mentions(error_for(images, labels), {"the labels", "[N]", "[5,1]"});
  }
  SECTION("nothing in them") {
    for (const std::vector<Index>& shape :
         {std::vector<Index>{0, 2, 3}, std::vector<Index>{5, 0, 3}, std::vector<Index>{5, 2, 0}}) {
      images = {shape, {}, "the images"};
      check_mentions(error_for(images, labels), {"the images", "none of them 0"});
    }
  }
  SECTION("a shape that its values do not have") {
    images.values.pop_back();
    check_mentions(error_for(images, labels), {"the images", "[5,2,3]", "found 29"});
  }
  SECTION("no classes") { check_mentions(error_for(images, labels, 0), {"1 class", "got 0"}); }
}
