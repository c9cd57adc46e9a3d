// MNIST and other folders of four IDX files (needs zlib).
#pragma once

#include <zlib.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "glstm/core/error.hpp"
#include "glstm/data/idx.hpp"
#include "glstm/data/image_sequences.hpp"
#include "glstm/io/file_bytes.hpp"

GLSTM_BEGIN_NAMESPACE

/// The part of a data set.
enum class Split { train, test };

namespace detail {

/// Returns the path of `stem` + "-idx" + `rank` + "-ubyte" in `folder`. The name may have a dot in
/// place of the first dash, as in some archives, and may end in ".gz". Throws Error if no such file
/// exists.
inline std::filesystem::path find_idx_file(const std::filesystem::path& folder,
                                           const std::string& stem, int rank) {
  const std::string ending = text_of("idx", rank, "-ubyte");
  std::string tried;
  for (const char* separator : {"-", "."}) {
    for (const char* compression : {"", ".gz"}) {
      const std::string name = stem + separator + ending + compression;
      std::error_code ignored;
      if (std::filesystem::is_regular_file(folder / name, ignored)) return folder / name;
      tried += (tried.empty() ? "" : ", ") + name;
    }
  }
  throw Error("expected an IDX file in the folder " + folder.string() + ", found none of " + tried);
}

inline std::filesystem::path find_images(const std::filesystem::path& folder, Split split) {
  return find_idx_file(folder, split == Split::train ? "train-images" : "t10k-images", 3);
}
inline std::filesystem::path find_labels(const std::filesystem::path& folder, Split split) {
  return find_idx_file(folder, split == Split::train ? "train-labels" : "t10k-labels", 1);
}

inline IdxArray read_idx(const std::filesystem::path& path) {
  return parse_idx(read_file_bytes(path), path.string());
}

}  // namespace detail

/// Reads the training or test part of the image data set in `folder`: the files
/// train-images-idx3-ubyte and train-labels-idx1-ubyte, or t10k-..., plain or gzip. Throws Error,
/// which names the file, when a file is missing, damaged or of another kind.
template <class Scalar>
ImageSequences<Scalar> load_image_sequences(const std::filesystem::path& folder, Split split,
                                            Index classes = 10) {
  IdxArray images = detail::read_idx(detail::find_images(folder, split));
  IdxArray labels = detail::read_idx(detail::find_labels(folder, split));
  return ImageSequences<Scalar>(std::move(images), std::move(labels), classes);
}

/// Returns the name of the data set in `folder`: "MNIST", "Fashion-MNIST" or "unknown IDX images".
/// It compares the content of all four files, because data sets with altered images often keep
/// MNIST's labels. Throws Error when a file is missing or cannot be read.
inline std::string image_dataset_name(const std::filesystem::path& folder) {
  struct Known {
    const char* name;
    std::array<std::uint32_t, 4>
        checksums;  // CRC-32 of the uncompressed files, in order of `files`
  };
  constexpr std::array<Known, 2> known = {{
      {"MNIST", {0x4ab9eff9, 0xe0cb4ad2, 0x91373bdf, 0xe9f4d8b3}},
      {"Fashion-MNIST", {0x80142c1f, 0x741a4657, 0x678fe0b1, 0xb4f29f28}},
  }};
  const std::array<std::filesystem::path, 4> files = {
      detail::find_labels(folder, Split::test), detail::find_labels(folder, Split::train),
      detail::find_images(folder, Split::test), detail::find_images(folder, Split::train)};

  std::array<std::uint32_t, 4> checksums;
  for (std::size_t i = 0; i < files.size(); ++i) {
    const std::vector<std::uint8_t> bytes = read_file_bytes(files[i]);
    checksums[i] = static_cast<std::uint32_t>(crc32_z(0, bytes.data(), bytes.size()));
  }
  for (const Known& dataset : known) {
    if (dataset.checksums == checksums) return dataset.name;
  }
  return "unknown IDX images";
}

GLSTM_END_NAMESPACE
