// The IDX format, in which MNIST and its successors are distributed.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <sstream>
#include <string>
#include <vector>

#include "glstm/core/error.hpp"
#include "glstm/core/types.hpp"

GLSTM_BEGIN_NAMESPACE

/// An array of unsigned bytes, last dimension fastest. Messages call it `source`.
struct IdxArray {
  std::vector<Index> shape;
  std::vector<std::uint8_t> values;
  std::string source = "IDX array";
};

namespace detail {

/// "[60000,28,28]"
inline std::string shape_text(const std::vector<Index>& shape) {
  std::ostringstream text;
  text << "[";
  for (std::size_t i = 0; i < shape.size(); ++i) text << (i == 0 ? "" : ",") << shape[i];
  text << "]";
  return text.str();
}

/// The number of elements of an array of this shape. Throws Error when an Index cannot hold it.
inline Index element_count(const std::vector<Index>& shape, const std::string& source) {
  Index count = 1;
  for (Index extent : shape) {
    require(extent >= 0 && (extent == 0 || count <= std::numeric_limits<Index>::max() / extent),
            source, ": expected a shape whose element count fits an Index, found ",
            shape_text(shape));
    count *= extent;
  }
  return count;
}

}  // namespace detail

/// Reads an IDX file from memory: bytes 0 0, a type byte, the number of dimensions, one big-endian
/// 32-bit extent per dimension, then the elements. Format: "The IDX file format" on the MNIST page,
/// http://yann.lecun.com/exdb/mnist/.
///
/// It reads only unsigned bytes (type 0x08) in 1 to 4 dimensions. Throws Error, naming `source`,
/// what was expected and what was found, unless `bytes` is exactly one such file. It allocates
/// memory for the elements only after their number has been checked.
inline IdxArray parse_idx(std::span<const std::uint8_t> bytes, const std::string& source) {
  using detail::require;
  require(bytes.size() >= 4, source, ": expected an IDX header of at least 4 bytes, found ",
          bytes.size());
  require(bytes[0] == 0 && bytes[1] == 0, source,
          ": expected an IDX file, which begins 0 0; found ", int{bytes[0]}, " ", int{bytes[1]});
  require(bytes[2] == 0x08, source, ": expected IDX type 8 (unsigned byte), found type ",
          int{bytes[2]});
  require(bytes[3] >= 1 && bytes[3] <= 4, source, ": expected 1 to 4 dimensions, found ",
          int{bytes[3]});

  const std::size_t header = 4 + 4 * std::size_t{bytes[3]};
  require(bytes.size() >= header, source, ": expected a header of ", header, " bytes for ",
          int{bytes[3]}, " dimensions, found ", bytes.size(), " bytes in all");
  IdxArray array;
  array.source = source;
  for (std::size_t at = 4; at < header; at += 4) {
    const std::uint32_t extent = std::uint32_t{bytes[at]} << 24 |
                                 std::uint32_t{bytes[at + 1]} << 16 |
                                 std::uint32_t{bytes[at + 2]} << 8 | std::uint32_t{bytes[at + 3]};
    array.shape.push_back(static_cast<Index>(extent));
  }

  const Index expected = detail::element_count(array.shape, source);
  const std::span<const std::uint8_t> elements = bytes.subspan(header);
  require(static_cast<std::size_t>(expected) == elements.size(), source, ": expected ", expected,
          " bytes of data for shape ", detail::shape_text(array.shape), ", found ",
          elements.size());
  array.values.assign(elements.begin(), elements.end());
  return array;
}

GLSTM_END_NAMESPACE
