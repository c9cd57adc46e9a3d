#include "glstm/io/cifar10.hpp"

#include <png.h>
#include <zlib.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "catch.hpp"
#include "temporary_folder.hpp"

namespace cifar10_test {

namespace fs = std::filesystem;
using glstm::ImageSequences;
using glstm::Index;
using glstm::Split;
using glstm::detail::load_cifar10_batches;

using Bytes = std::vector<std::uint8_t>;

namespace {

constexpr Index batch_size = 3;  // images in a file of the tests
const std::vector<std::string> train_stems = {"data_batch_1", "data_batch_2", "data_batch_3",
                                              "data_batch_4", "data_batch_5"};

/// A channel of a pixel of image i of a data set: no two neighbours are the same in any direction.
std::uint8_t value_of(Index image, Index pixel, Index channel) {
  return static_cast<std::uint8_t>(41 * image + 3 * pixel + 101 * channel + pixel / 32);
}
int label_of(Index image) { return static_cast<int>((7 * image + 2) % 10); }

void write(const fs::path& path, const Bytes& bytes) {
  std::ofstream file(path, std::ios::binary);
  file.write(reinterpret_cast<const char*>(bytes.data()),
             static_cast<std::streamsize>(bytes.size()));
  REQUIRE(file.good());
}
void write(const fs::path& path, const std::string& text) {
  write(path, Bytes(text.begin(), text.end()));
}

Bytes bytes_of(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  return Bytes(std::istreambuf_iterator<char>(file), {});
}

/// Records of the images from `first` on: all red, then all green, then all blue.
Bytes records(Index first, Index count = batch_size) {
  Bytes bytes;
  for (Index image = first; image < first + count; ++image) {
    bytes.push_back(static_cast<std::uint8_t>(label_of(image)));
    for (Index channel = 0; channel < 3; ++channel) {
      for (Index pixel = 0; pixel < 1024; ++pixel) {
        bytes.push_back(value_of(image, pixel, channel));
      }
    }
  }
  return bytes;
}

/// A PNG file of `count` rows, each an image from `first` on, in a format of libpng.
void write_sheet(const fs::path& path, Index first, Index count = batch_size, Index width = 1024,
                 png_uint_32 format = PNG_FORMAT_RGB) {
  png_image png;
  std::memset(&png, 0, sizeof png);
  png.version = PNG_IMAGE_VERSION;
  png.width = static_cast<png_uint_32>(width);
  png.height = static_cast<png_uint_32>(count);
  png.format = format;
  const Index channels = static_cast<Index>(PNG_IMAGE_SAMPLE_CHANNELS(format));
  Bytes pixels;
  for (Index image = first; image < first + count; ++image) {
    for (Index pixel = 0; pixel < width; ++pixel) {
      for (Index channel = 0; channel < channels; ++channel) {
        pixels.push_back(value_of(image, pixel, channel));
      }
    }
  }
  REQUIRE(png_image_write_to_file(&png, path.string().c_str(), 0, pixels.data(), 0, nullptr) != 0);
}

std::string labels(Index count) {
  std::string text;
  for (Index image = 0; image < count; ++image) {
    text += (image == 0 ? "[" : ",") + std::to_string(label_of(image));
  }
  return text + "]";
}

void write_binary_version(const TemporaryFolder& folder) {
  for (std::size_t i = 0; i < 5; ++i) {
    write(folder / (train_stems[i] + ".bin"), records(batch_size * static_cast<Index>(i)));
  }
  write(folder / "test_batch.bin", records(0));
}
void write_sheets(const TemporaryFolder& folder) {
  for (std::size_t i = 0; i < 5; ++i) {
    write_sheet(folder / (train_stems[i] + ".png"), batch_size * static_cast<Index>(i));
  }
  write_sheet(folder / "test_batch.png", 0);
  write(folder / "train_lables.json", labels(5 * batch_size));
  write(folder / "test_lables.json", labels(batch_size));
}

template <class Scalar>
void check_images(const ImageSequences<Scalar>& images, Index count) {
  REQUIRE(images.size() == count);
  CHECK(images.rows() == 32);
  CHECK(images.cols() == 32);
  CHECK(images.features() == 3);
  CHECK(images.classes() == 10);
  glstm::LabelledBatch<Scalar> batch;
  for (Index image = 0; image < count; ++image) {
    CAPTURE(image);
    images.load(std::vector<Index>{image}, batch);
    CHECK(batch.targets.labels(0) == label_of(image));
    bool same = true;
    for (Index pixel = 0; pixel < 1024; ++pixel) {
      for (Index channel = 0; channel < 3; ++channel) {
        same = same && batch.input.step(pixel)(0, channel) ==
                           Scalar(value_of(image, pixel, channel)) / Scalar(255);
      }
    }
    CHECK(same);
  }
}

std::string error_for(const TemporaryFolder& folder, Split split) {
  return error_of([&] { load_cifar10_batches<float>(folder.path(), split, batch_size); });
}

}  // namespace

TEMPLATE_TEST_CASE("CIFAR-10 is read from binary batches and from sheets", "", float, double) {
  const TemporaryFolder folder;
  SECTION("binary batches") { write_binary_version(folder); }
  SECTION("sheets") { write_sheets(folder); }
  SECTION("binary batches beside damaged sheets") {
    write_sheets(folder);
    write_binary_version(folder);
    write(folder / "data_batch_1.png", Bytes(100));
    write(folder / "test_batch.png", Bytes(100));
  }
  SECTION("sheets beside some binary batches") {
    write_sheets(folder);
    write(folder / "data_batch_1.bin", Bytes(100));
  }
  check_images(load_cifar10_batches<TestType>(folder.path(), Split::train, batch_size), 15);
  check_images(load_cifar10_batches<TestType>(folder.path(), Split::test, batch_size), 3);
}

TEST_CASE("the two parts of CIFAR-10 are looked for by themselves") {
  const TemporaryFolder folder;
  check_mentions(error_for(folder, Split::train),
                 {folder.path().string(), "data_batch_1.bin", "data_batch_1.png"});
  check_mentions(error_of([&] { glstm::load_cifar10<float>(folder / "absent", Split::test); }),
                 {(folder / "absent").string(), "test_batch.bin", "test_batch.png"});
  write(folder / "test_batch.bin", records(0));
  check_images(load_cifar10_batches<float>(folder.path(), Split::test, batch_size), 3);
  write_sheets(folder);
  fs::remove(folder / "data_batch_4.png");
  check_mentions(error_for(folder, Split::train), {"data_batch_1.bin", "data_batch_4.png"});
  write_sheets(folder);
  fs::remove(folder / "train_lables.json");
  check_mentions(error_for(folder, Split::train), {"data_batch_1.bin", "train_lables.json"});
}

TEST_CASE("a batch of CIFAR-10 holds 10000 images") {
  const TemporaryFolder folder;
  const auto error = [&] {
    return error_of([&] { glstm::load_cifar10<float>(folder.path(), Split::test); });
  };
  write(folder / "test_batch.bin", records(0));
  check_mentions(error(), {(folder / "test_batch.bin").string(), "10000 records", "found 9219"});
  fs::remove(folder / "test_batch.bin");
  write_sheet(folder / "test_batch.png", 0);
  write(folder / "test_lables.json", labels(batch_size));
  check_mentions(error(), {(folder / "test_batch.png").string(), "1024 x 10000", "found 1024 x 3"});
}

TEST_CASE("a damaged binary batch of CIFAR-10 is an error that names it") {
  const TemporaryFolder folder;
  write_binary_version(folder);
  const fs::path path = folder / "data_batch_3.bin";
  Bytes bytes = records(6);
  SECTION("too short") {
    for (const std::size_t size : {std::size_t{0}, std::size_t{3073}, bytes.size() - 1}) {
      write(path, Bytes(bytes.begin(), bytes.begin() + static_cast<Index>(size)));
      check_mentions(error_for(folder, Split::train),
                     {path.string(), "3 records of 3073 bytes", "found " + std::to_string(size)});
    }
  }
  SECTION("too long") {
    bytes.push_back(0);
    write(path, bytes);
    check_mentions(error_for(folder, Split::train), {path.string(), "9219 bytes", "found more"});
  }
  SECTION("a label out of range") {
    bytes[2 * 3073] = 10;
    write(path, bytes);
    check_mentions(error_for(folder, Split::train),
                   {path.string(), "0..9", "found 10 in record 2"});
  }
}

TEST_CASE("a damaged sheet of CIFAR-10 is an error that names it") {
  const TemporaryFolder folder;
  write_sheets(folder);
  const fs::path path = folder / "test_batch.png";
  const auto mentions = [&](const std::string& expected, const std::string& found) {
    check_mentions(error_for(folder, Split::test), {path.string(), expected, found});
  };
  SECTION("cut anywhere") {
    const Bytes whole = bytes_of(path);
    for (std::size_t size = 0; size < whole.size();
         size += size < 100 || size + 20 > whole.size() ? 1 : 37) {
      CAPTURE(size);
      write(path, Bytes(whole.begin(), whole.begin() + static_cast<Index>(size)));
      mentions("a PNG image", "found");
    }
  }
  SECTION("a flipped byte") {
    const Bytes whole = bytes_of(path);
    for (const std::size_t at : {std::size_t{0}, std::size_t{17}, std::size_t{25}, std::size_t{60},
                                 whole.size() / 2, whole.size() - 20}) {
      CAPTURE(at);
      Bytes damaged = whole;
      damaged[at] ^= 0x55;
      write(path, damaged);
      mentions("a PNG image", "found");
    }
  }
  SECTION("no PNG") {
    write(path, std::string("GIF89a"));
    mentions("a PNG image", "found");
  }
  SECTION("another size, however large") {
    write_sheet(path, 0, batch_size + 1);
    mentions("1024 x 3", "found 1024 x 4");
    write_sheet(path, 0, batch_size, 1023);
    mentions("1024 x 3", "found 1023 x 3");
    write_sheet(path, 0, 1024, batch_size);
    mentions("1024 x 3", "found 3 x 1024");
    // A header that promises a terabyte, with the checksum that goes with it.
    Bytes bytes = bytes_of(path);
    for (const std::size_t at : {16u, 20u}) {
      const Bytes extent = {0, 0x0f, 0x42, 0x40};
      std::copy(extent.begin(), extent.end(), bytes.begin() + static_cast<Index>(at));
    }
    const auto checksum = static_cast<std::uint32_t>(crc32(0, bytes.data() + 12, 17));
    for (int i = 0; i < 4; ++i) {
      bytes[static_cast<std::size_t>(29 + i)] = static_cast<std::uint8_t>(checksum >> (24 - 8 * i));
    }
    write(path, bytes);
    mentions("1024 x 3", "found 1000000 x 1000000");
  }
  SECTION("a chunk of which libpng would believe any size") {
    const Bytes whole = bytes_of(path);
    for (const char* kind : {"zTXt", "iCCP", "IDAT", "abCd"}) {
      CAPTURE(kind);
      Bytes chunk = {0x7f, 0xff, 0xff, 0xf0};
      chunk.insert(chunk.end(), kind, kind + 4);
      Bytes bytes = whole;
      bytes.insert(bytes.begin() + 33, chunk.begin(), chunk.end());  // behind the header
      write(path, bytes);
      mentions("a PNG image", "a chunk of 2147483632 bytes where");
    }
  }
  SECTION("a file too small for its pixels, however well they are packed") {
    const Index images = 10'000;
    Bytes bytes = bytes_of(path);
    const Bytes extent = {0, 0, 0x27, 0x10};
    std::copy(extent.begin(), extent.end(), bytes.begin() + 20);
    const auto checksum = static_cast<std::uint32_t>(crc32(0, bytes.data() + 12, 17));
    for (int i = 0; i < 4; ++i) {
      bytes[static_cast<std::size_t>(29 + i)] = static_cast<std::uint8_t>(checksum >> (24 - 8 * i));
    }
    write(path, bytes);
    Bytes pixels = {7};
    check_mentions(
        error_of([&] { glstm::detail::read_cifar10_sheet(path, images, pixels); }),
        {path.string(), "at least 29767 bytes", "found " + std::to_string(bytes.size())});
    CHECK(pixels == Bytes{7});
    CHECK(pixels.capacity() < 100);
  }
  SECTION("another pixel format") {
    for (const auto format :
         std::vector<png_uint_32>{PNG_FORMAT_GRAY, PNG_FORMAT_RGBA, PNG_FORMAT_GA}) {
      CAPTURE(format);
      write_sheet(path, 0, batch_size, 1024, format);
      mentions("8 bits of red, green and blue", "another pixel format");
    }
  }
  SECTION("a folder") {
    fs::remove(path);
    fs::create_directory(path);
    check_mentions(error_for(folder, Split::test), {folder.path().string(), "test_batch.png"});
  }
}

TEST_CASE("what a sheet of CIFAR-10 holds beside its pixels does not count") {
  const TemporaryFolder folder;
  const fs::path path = folder / "sheet.png";
  write_sheet(path, 0);
  Bytes bytes = bytes_of(path), expected, pixels;
  glstm::detail::read_cifar10_sheet(path, batch_size, expected);
  REQUIRE(expected.size() == 3 * 3072);
  CHECK(expected[3072 + 3 * 5 + 2] == value_of(1, 5, 2));
  const std::string gamma("\0\0\0\4gAMA\0\0\0\1", 12), text("\0\0\0\3tEXta\0b", 11);
  for (std::string chunk : {gamma, text}) {
    chunk += "!!!!";  // a checksum that is none
    bytes.insert(bytes.begin() + 33, chunk.begin(), chunk.end());
  }
  bytes.push_back('x');  // behind the end
  write(path, bytes);
  glstm::detail::read_cifar10_sheet(path, batch_size, pixels);
  CHECK((pixels == expected));
}

TEST_CASE("wrong labels of the sheets of CIFAR-10 are an error that names their file") {
  const TemporaryFolder folder;
  write_sheets(folder);
  const fs::path path = folder / "test_lables.json";
  const auto check = [&](const std::string& text, const std::string& expected,
                         const std::string& found) {
    CAPTURE(text);
    write(path, text);
    check_mentions(error_for(folder, Split::test), {path.string(), expected, found});
  };
  check("", "a JSON array", "no JSON");
  check("[1,2,3", "a JSON array", "no JSON");
  check("[1,2,3]]", "a JSON array", "no JSON");
  check("{\"labels\":[1,2,3]}", "a JSON array", "found object");
  check("[]", "3 labels", "found 0");
  check("[1,2]", "3 labels", "found 2");
  check("[1,2,3,4]", "3 labels", "found 4");
  check("[1,2,10]", "0..9", "found 10 at position 2");
  check("[1,-1,2]", "0..9", "found -1 at position 1");
  check("[1.5,1,2]", "0..9", "found 1.5 at position 0");
  check("[\"1\",1,2]", "0..9", "found \"1\" at position 0");
  check("[[1],1,2]", "0..9", "found array at position 0");
  check("[{},1,2]", "0..9", "found object at position 0");
  check("[1,2,18446744073709551616]", "0..9", "found 1.8446744073709552e+19 at position 2");
  // As a signed number it would be less than 10.
  check("[1,2,11218446001767012131]", "0..9", "found 11218446001767012131 at position 2");
  check(std::string("[1,2,3]\0]", 9), "a JSON array", "a NUL byte");
  check("[1,2,1e400]", "a JSON array", "no JSON");
  check("[1,null,2]", "0..9", "found null at position 1");
  check(std::string(5000, ' ') + "[1,2,3]", "at most 1072 bytes", "found more");
  const std::string whole = labels(batch_size);
  for (std::size_t size = 0; size < whole.size(); ++size) {
    check(whole.substr(0, size), "a JSON array", "no JSON");
  }
}

TEST_CASE("labels of CIFAR-10 may be nested as deep as their file lets them") {
  // Printing them would need a stack as deep.
  const TemporaryFolder folder;
  const std::size_t count = 50'000, depth = 300'000;
  std::string text = "[";
  for (std::size_t i = 1; i < count; ++i) text += "1,";
  text += std::string(depth, '[') + std::string(depth, ']') + "]";
  write(folder / "labels.json", text);
  Bytes read(count);
  check_mentions(
      error_of([&] { glstm::detail::read_cifar10_labels(folder / "labels.json", read); }),
      {"found array at position 49999"});
}

}  // namespace cifar10_test
