#include "glstm/data/image_sequences.hpp"

#include <algorithm>
#include <cstdint>
#include <numeric>
#include <string>
#include <utility>
#include <vector>

#include "catch.hpp"

namespace image_sequences_test {

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
  CHECK(batch.targets.labels(b) == label);
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
  CHECK(data.features() == 1);
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

TEMPLATE_TEST_CASE("the channels of a pixel are the features of its step", "", float, double) {
  // Pixel p of image i has the channels 60 i + 3 p + (0, 1, 2).
  IdxArray images{{4, 2, 3, 3}, {}, "the images"};
  for (int value = 0; value < 4 * 18; ++value) {
    images.values.push_back(static_cast<std::uint8_t>(value / 18 * 60 + value % 18));
  }
  const ImageSequences<TestType> data(images, {{4}, {3, 2, 1, 0}, "the labels"});
  CHECK(data.size() == 4);
  CHECK(data.rows() == 2);
  CHECK(data.cols() == 3);
  CHECK(data.steps() == 6);
  CHECK(data.features() == 3);

  LabelledBatch<TestType> batch;
  const auto check = [&](const std::vector<Index>& samples, const std::vector<Index>& order) {
    REQUIRE(batch.input.features == 3);
    REQUIRE(batch.input.steps() == 6);
    CHECK_NOTHROW(batch.input.check());
    for (std::size_t b = 0; b < samples.size(); ++b) {
      CHECK(batch.targets.labels(static_cast<Index>(b)) == 3 - samples[b]);
      for (Index n = 0; n < 6; ++n) {
        for (Index channel = 0; channel < 3; ++channel) {
          CAPTURE(b, n, channel);
          const Index value = 60 * samples[b] + 3 * order[static_cast<std::size_t>(n)] + channel;
          CHECK(batch.input.step(n)(static_cast<Index>(b), channel) ==
                static_cast<TestType>(value) / TestType(255));
        }
      }
    }
  };
  data.load(std::vector<Index>{3, 0}, batch);
  check({3, 0}, {0, 1, 2, 3, 4, 5});
  data.permuted({5, 0, 4, 1, 3, 2}).load(std::vector<Index>{1, 2, 1}, batch);
  check({1, 2, 1}, {5, 0, 4, 1, 3, 2});

  // A fourth dimension of 1 is the same as none.
  images = five_images();
  images.shape.push_back(1);
  CHECK(ImageSequences<TestType>(images, five_labels()).features() == 1);
}

TEST_CASE("a permuted copy reads the same pixels in its order and outlives the original") {
  const std::vector<Index> order = {3, 1, 5, 0, 2, 4};
  LabelledBatch<double> batch;
  const auto permuted = [&] {
    return ImageSequences<double>(five_images(), five_labels()).permuted(order);
  }();
  permuted.load(std::vector<Index>{1, 4}, batch);
  CHECK(listed(batch.targets.labels) == std::vector<int>{1, 9});
  for (std::size_t n = 0; n < order.size(); ++n) {
    CAPTURE(n);
    const auto step = batch.input.step(static_cast<Index>(n));
    CHECK(step(0, 0) == static_cast<double>(50 + order[n]) / 255);
    CHECK(step(1, 0) == static_cast<double>(200 + order[n]) / 255);
  }

  // An order is one of the image's pixels, not of the steps of the copy before.
  permuted.permuted({0, 1, 2, 3, 4, 5}).load(std::vector<Index>{1, 4}, batch);
  check_sample(batch, 0, 1, 1);
  check_sample(batch, 1, 4, 9);
}

TEST_CASE("shifted copies of an image move black in, the unshifted ones first") {
  // One image [2,3] of two channels; pixel p has the values 10 p + channel + 1.
  IdxArray images{{1, 2, 3, 2}, {}, "the images"};
  for (int p = 0; p < 6; ++p) {
    images.values.push_back(static_cast<std::uint8_t>(10 * p + 1));
    images.values.push_back(static_cast<std::uint8_t>(10 * p + 2));
  }
  const auto data = ImageSequences<double>(images, {{1}, {7}, "the labels"}).shifted(1);
  REQUIRE(data.size() == 9);
  std::vector<Index> all(9);
  std::iota(all.begin(), all.end(), Index(0));
  LabelledBatch<double> batch;
  data.load(all, batch);
  CHECK(listed(batch.targets.labels) == std::vector<int>(9, 7));
  std::vector<std::pair<int, int>> seen;
  for (Index b = 0; b < 9; ++b) {
    int matches = 0;
    for (int down = -1; down <= 1; ++down) {
      for (int right = -1; right <= 1; ++right) {
        bool same = true;
        for (int row = 0; row < 2; ++row) {
          for (int col = 0; col < 3; ++col) {
            const int r = row - down, c = col - right;
            const bool inside = r >= 0 && r < 2 && c >= 0 && c < 3;
            for (int channel = 0; channel < 2; ++channel) {
              const double expected = inside ? (10 * (3 * r + c) + channel + 1) / 255.0 : 0;
              same = same && batch.input.values(b, 2 * (3 * row + col) + channel) == expected;
            }
          }
        }
        if (!same) continue;
        ++matches;
        seen.emplace_back(down, right);
      }
    }
    CHECK(matches == 1);
  }
  REQUIRE(seen.size() == 9);
  CHECK(seen.front() == std::pair(0, 0));
  std::sort(seen.begin(), seen.end());
  CHECK(std::unique(seen.begin(), seen.end()) == seen.end());
  CHECK(ImageSequences<double>(images, {{1}, {7}, "the labels"}).shifted(0).size() == 1);
  for (const Index reach : {-1, 2}) {
    check_mentions(error_of([&] { data.shifted(reach); }),
                   {"the images", "0..1", std::to_string(reach)});
  }
}

TEST_CASE("mirrored images have left and right exchanged, and follow the others") {
  // Two images [2,3] of two channels; pixel p of image i has the values 100 i + 10 p + channel + 1.
  IdxArray images{{2, 2, 3, 2}, {}, "the images"};
  for (int value = 0; value < 24; ++value) {
    const int image = value / 12, pixel = value % 12 / 2, channel = value % 2;
    images.values.push_back(static_cast<std::uint8_t>(100 * image + 10 * pixel + channel + 1));
  }
  const auto data = ImageSequences<double>(images, {{2}, {7, 4}, "the labels"}).mirrored();
  REQUIRE(data.size() == 4);
  LabelledBatch<double> batch;
  data.load(std::vector<Index>{0, 1, 2, 3}, batch);
  CHECK(listed(batch.targets.labels) == std::vector<int>{7, 4, 7, 4});
  for (Index b = 0; b < 4; ++b) {
    for (Index step = 0; step < 6; ++step) {
      const Index col = step % 3, pixel = step - col + (b < 2 ? col : 2 - col);
      for (Index channel = 0; channel < 2; ++channel) {
        const double expected = static_cast<double>(100 * (b % 2) + 10 * pixel + channel + 1) / 255;
        CHECK(batch.input.values(b, 2 * step + channel) == expected);
      }
    }
  }
  // With shifts: every shift of an image, then every shift of its mirror image.
  const auto shifted = data.shifted(1);
  REQUIRE(shifted.size() == 36);
  LabelledBatch<double> one, other;
  for (Index shift = 0; shift < 9; ++shift) {
    shifted.load(std::vector<Index>{18 + 2 * shift}, one);
    IdxArray mirror{{1, 2, 3, 2}, {}, "the mirror image"};
    for (const int pixel : {2, 1, 0, 5, 4, 3}) {
      mirror.values.push_back(static_cast<std::uint8_t>(10 * pixel + 1));
      mirror.values.push_back(static_cast<std::uint8_t>(10 * pixel + 2));
    }
    const ImageSequences<double> drawn(mirror, {{1}, {7}, "its label"});
    drawn.shifted(1).load(std::vector<Index>{shift}, other);
    CHECK(one.input.values == other.input.values);
  }
}

TEST_CASE("an order that is no permutation of the pixels is an error") {
  const ImageSequences<float> data(five_images(), five_labels());
  const auto error = [&](const std::vector<Index>& order) {
    return error_of([&] { data.permuted(order); });
  };
  check_mentions(error({}), {"the images", "an order of 6 pixels", "got 0"});
  check_mentions(error({0, 1, 2, 3, 4}), {"the images", "an order of 6 pixels", "got 5"});
  check_mentions(error({0, 1, 2, 3, 4, 5, 6}), {"the images", "an order of 6 pixels", "got 7"});
  check_mentions(error({0, 1, 2, 3, 4, 6}), {"the images", "0..5", "got 6 at step 5"});
  check_mentions(error({0, -1, 2, 3, 4, 5}), {"the images", "0..5", "got -1 at step 1"});
  check_mentions(error({0, 1, 2, 1, 4, 5}), {"the images", "once", "got 1 again at step 3"});
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
  SECTION("images of too few or too many dimensions") {
    images.shape = {5, 6};
    check_mentions(error_for(images, labels), {"the images", "[N,rows,cols]", "[5,6]"});
    images.shape = {5, 1, 2, 3, 1};
    check_mentions(error_for(images, labels), {"[N,rows,cols,channels]", "[5,1,2,3,1]"});
    images.shape = {30};
    check_mentions(error_for(images, labels), {"[N,rows,cols]", "[30]"});
    check_mentions(error_for(labels, images), {"the labels", "[N,rows,cols]", "[5]"});
  }
  SECTION("labels that are not one-dimensional") {
    labels.shape = {5, 1};
    check_mentions(error_for(images, labels), {"the labels", "[N]", "[5,1]"});
  }
  SECTION("nothing in them") {
    for (const std::vector<Index>& shape :
         {std::vector<Index>{0, 2, 3}, std::vector<Index>{5, 0, 3}, std::vector<Index>{5, 2, 0},
          std::vector<Index>{5, 2, 3, 0}}) {
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

}  // namespace image_sequences_test
