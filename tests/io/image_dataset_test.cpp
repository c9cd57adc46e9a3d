#include "glstm/io/image_dataset.hpp"

#include <zlib.h>

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "catch.hpp"
#include "glstm/core/random.hpp"
#include "glstm/io/file_bytes.hpp"
#include "temporary_folder.hpp"

namespace image_dataset_test {

namespace fs = std::filesystem;
using glstm::Index;
using glstm::Split;

using Bytes = std::vector<std::uint8_t>;

namespace {

void write(const fs::path& path, const Bytes& bytes) {
  std::ofstream file(path, std::ios::binary);
  file.write(reinterpret_cast<const char*>(bytes.data()),
             static_cast<std::streamsize>(bytes.size()));
  REQUIRE(file.good());
}

void write_gzip(const fs::path& path, const Bytes& bytes) {
  const gzFile file = gzopen(path.string().c_str(), "wb");
  REQUIRE(file != nullptr);
  REQUIRE(gzwrite(file, bytes.data(), static_cast<unsigned>(bytes.size())) ==
          static_cast<int>(bytes.size()));
  REQUIRE(gzclose(file) == Z_OK);
}

Bytes raw_bytes(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  return Bytes(std::istreambuf_iterator<char>(file), {});
}

Bytes random_bytes(std::size_t size) {
  glstm::Rng rng(1);
  Bytes bytes(size);
  for (std::uint8_t& byte : bytes) byte = static_cast<std::uint8_t>(rng.below(256));
  return bytes;
}

/// `count` images [2,2], pixel p of image i = 10 i + p, and their labels 0, 1, ...
Bytes image_file(int count) {
  Bytes bytes = {0, 0, 8, 3, 0, 0, 0, static_cast<std::uint8_t>(count), 0, 0, 0, 2, 0, 0, 0, 2};
  for (int i = 0; i < count; ++i) {
    for (int p = 0; p < 4; ++p) bytes.push_back(static_cast<std::uint8_t>(10 * i + p));
  }
  return bytes;
}
Bytes label_file(int count) {
  Bytes bytes = {0, 0, 8, 1, 0, 0, 0, static_cast<std::uint8_t>(count)};
  for (int i = 0; i < count; ++i) bytes.push_back(static_cast<std::uint8_t>(i));
  return bytes;
}

std::string error_for(const fs::path& folder, Split split) {
  return error_of([&] { glstm::load_image_sequences<float>(folder, split); });
}

}  // namespace

TEST_CASE("a file is read whole, plain or gzip") {
  const TemporaryFolder folder;
  // Empty, tiny, and longer than the piece that is read at a time.
  for (const std::size_t size : {0u, 1u, 1000u, (1u << 20), (1u << 20) + 17}) {
    CAPTURE(size);
    const Bytes bytes = random_bytes(size);
    write(folder / "plain", bytes);
    write_gzip(folder / "packed", bytes);
    CHECK((glstm::read_file_bytes(folder / "plain") == bytes));
    CHECK((glstm::read_file_bytes(folder / "packed") == bytes));
  }
}

TEST_CASE("a file that cannot be read whole is an error with its path and the reason") {
  const TemporaryFolder folder;
  const fs::path path = folder / "packed.gz";
  const auto error = [&](const fs::path& file) {
    return error_of([&] { glstm::read_file_bytes(file); });
  };

  SECTION("absent") {
    check_mentions(error(folder / "absent"), {(folder / "absent").string(), "No such file"});
  }
  SECTION("a folder") { check_mentions(error(folder.path()), {folder.path().string()}); }
  SECTION("gzip cut anywhere after its magic") {
    write_gzip(path, random_bytes(3000));
    const Bytes whole = raw_bytes(path);
    for (std::size_t size = 2; size < whole.size(); size += size < 64 || size > 2900 ? 1 : 97) {
      CAPTURE(size);
      write(path, Bytes(whole.begin(), whole.begin() + static_cast<Index>(size)));
      check_mentions(error(path), {path.string(), "unexpected end of file"});
    }
  }
  SECTION("gzip with a flipped byte") {
    write_gzip(path, random_bytes(3000));
    const Bytes whole = raw_bytes(path);
    // In the data, in the checksum, in the length.
    for (const std::size_t at : {whole.size() / 2, whole.size() - 8, whole.size() - 1}) {
      CAPTURE(at);
      Bytes damaged = whole;
      damaged[at] ^= 0xff;
      write(path, damaged);
      check_mentions(error(path), {path.string(), "incorrect"});
    }
  }
  SECTION("more bytes than allowed, plain or packed small") {
    const Bytes zeros(5u << 20, 0);
    write_gzip(path, zeros);
    CHECK(fs::file_size(path) < 10000);
    write(folder / "plain", zeros);
    for (const fs::path& file : {path, folder / "plain"}) {
      CHECK(glstm::read_file_bytes(file, zeros.size()).size() == zeros.size());
      check_mentions(error_of([&] { glstm::read_file_bytes(file, zeros.size() - 1); }),
                     {file.string(), "at most 5242879 bytes"});
    }
  }
}

TEMPLATE_TEST_CASE("a folder of IDX files gives its training and test part", "", float, double) {
  const TemporaryFolder folder;
  const auto loads = [&] {
    const auto train = glstm::load_image_sequences<TestType>(folder.path(), Split::train);
    const auto test = glstm::load_image_sequences<TestType>(folder.path(), Split::test);
    CHECK(train.size() == 3);
    CHECK(test.size() == 2);
    CHECK(train.steps() == 4);
    glstm::LabelledBatch<TestType> batch;
    train.load(std::vector<Index>{2}, batch);
    CHECK(listed(batch.targets.labels) == std::vector<int>{2});
    CHECK(batch.input.step(3)(0, 0) == TestType(23) / TestType(255));
  };

  SECTION("plain") {
    write(folder / "train-images-idx3-ubyte", image_file(3));
    write(folder / "train-labels-idx1-ubyte", label_file(3));
    write(folder / "t10k-images-idx3-ubyte", image_file(2));
    write(folder / "t10k-labels-idx1-ubyte", label_file(2));
    loads();
    CHECK(glstm::image_dataset_name(folder.path()) == "unknown IDX images");
  }
  SECTION("gzip and names with a dot") {
    write_gzip(folder / "train-images-idx3-ubyte.gz", image_file(3));
    write_gzip(folder / "train-labels.idx1-ubyte.gz", label_file(3));
    write(folder / "t10k-images.idx3-ubyte", image_file(2));
    write_gzip(folder / "t10k-labels-idx1-ubyte.gz", label_file(2));
    loads();
    CHECK(glstm::image_dataset_name(folder.path()) == "unknown IDX images");
  }
}

TEST_CASE("a folder that is not a data set is an error that names it") {
  const TemporaryFolder folder;
  const fs::path images = folder / "train-images-idx3-ubyte";
  const fs::path labels = folder / "train-labels-idx1-ubyte";

  SECTION("an absent file") {
    check_mentions(error_for(folder.path(), Split::test),
                   {folder.path().string(), "t10k-images-idx3-ubyte", "t10k-images-idx3-ubyte.gz",
                    "t10k-images.idx3-ubyte", "t10k-images.idx3-ubyte.gz"});
    write(images, image_file(1));
    check_mentions(error_for(folder.path(), Split::train),
                   {folder.path().string(), "train-labels-idx1-ubyte"});
    check_mentions(error_of([&] { glstm::image_dataset_name(folder.path()); }),
                   {folder.path().string(), "t10k-labels-idx1-ubyte"});
  }
  SECTION("an absent folder") {
    check_mentions(error_for(folder / "absent", Split::train), {(folder / "absent").string()});
  }
  SECTION("a truncated file") {
    Bytes bytes = image_file(3);
    bytes.pop_back();
    write(images, bytes);
    write(labels, label_file(3));
    check_mentions(error_for(folder.path(), Split::train),
                   {images.string(), "expected 12 bytes", "found 11"});
  }
  SECTION("a truncated gzip file") {
    write(images, image_file(3));
    const fs::path packed = folder / "train-labels-idx1-ubyte.gz";
    write_gzip(packed, label_file(3));
    Bytes bytes = raw_bytes(packed);
    bytes.pop_back();
    write(packed, bytes);
    check_mentions(error_for(folder.path(), Split::train),
                   {packed.string(), "unexpected end of file"});
  }
  SECTION("images and labels exchanged") {
    write(images, label_file(3));
    write(labels, image_file(3));
    check_mentions(error_for(folder.path(), Split::train), {images.string(), "[N,rows,cols]"});
  }
  SECTION("counts that differ") {
    write(images, image_file(3));
    write(labels, label_file(2));
    check_mentions(error_for(folder.path(), Split::train),
                   {"3 images in " + images.string(), "2 labels in " + labels.string()});
  }
  SECTION("a label out of range") {
    write(images, image_file(11));
    write(labels, label_file(11));
    check_mentions(error_for(folder.path(), Split::train),
                   {labels.string(), "0..9", "found 10", "position 10"});
    CHECK(glstm::load_image_sequences<float>(folder.path(), Split::train, 11).size() == 11);
  }
}

}  // namespace image_dataset_test
