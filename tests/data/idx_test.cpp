#include "glstm/data/idx.hpp"

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "catch.hpp"

namespace idx_test {

using glstm::Index;
using glstm::parse_idx;

using Bytes = std::vector<std::uint8_t>;

namespace {

std::string error_for(const Bytes& bytes) {
  return error_of([&] { parse_idx(bytes, "some/file"); });
}

// [2,1,3]
const Bytes good = {0, 0, 8, 3, 0, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0, 3, 10, 20, 30, 40, 50, 255};

}  // namespace

TEST_CASE("an IDX file gives its shape and bytes") {
  const glstm::IdxArray array = parse_idx(good, "some/file");
  CHECK(array.shape == std::vector<Index>{2, 1, 3});
  CHECK(array.values == Bytes{10, 20, 30, 40, 50, 255});
  CHECK(array.source == "some/file");

  SECTION("one dimension, all four bytes of the extent") {
    Bytes bytes = {0, 0, 8, 1, 0, 1, 2, 3};
    bytes.resize(8 + 0x010203, 7);
    CHECK(parse_idx(bytes, "x").shape == std::vector<Index>{0x010203});
  }
  SECTION("four dimensions") {
    const Bytes bytes = {0, 0, 8, 4, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0, 1, 5, 6};
    CHECK(parse_idx(bytes, "x").shape == std::vector<Index>{1, 2, 1, 1});
  }
  SECTION("an empty array") { CHECK(parse_idx(Bytes{0, 0, 8, 1, 0, 0, 0, 0}, "x").values.empty()); }
}

TEST_CASE("a damaged IDX file is an error that names it") {
  SECTION("every truncation") {
    for (std::size_t size = 0; size < good.size(); ++size) {
      CAPTURE(size);
      check_mentions(error_for(Bytes(good.begin(), good.begin() + static_cast<Index>(size))),
                     {"some/file", "expected", "found"});
    }
    check_mentions(error_for({0, 0, 8}), {"at least 4 bytes", "found 3"});
    check_mentions(error_for({0, 0, 8, 1, 0, 0}), {"header of 8 bytes", "found 6"});
    check_mentions(error_for(Bytes(good.begin(), good.end() - 1)),
                   {"expected 6 bytes", "[2,1,3]", "found 5"});
  }
  SECTION("surplus") {
    Bytes bytes = good;
    bytes.push_back(0);
    check_mentions(error_for(bytes), {"some/file", "expected 6 bytes", "[2,1,3]", "found 7"});
  }
  SECTION("magic") {
    Bytes bytes = good;
    bytes[1] = 77;
    check_mentions(error_for(bytes), {"some/file", "begins 0 0", "found 0 77"});
  }
  SECTION("type") {
    Bytes bytes = good;
    bytes[2] = 0x0d;  // float
    check_mentions(error_for(bytes), {"some/file", "unsigned byte", "found type 13"});
  }
  SECTION("number of dimensions") {
    for (const int dimensions : {0, 5, 255}) {
      Bytes bytes = good;
      bytes[3] = static_cast<std::uint8_t>(dimensions);
      check_mentions(error_for(bytes),
                     {"some/file", "1 to 4 dimensions", "found " + std::to_string(dimensions)});
    }
  }
  SECTION("an extent far beyond the bytes there are") {
    check_mentions(error_for({0, 0, 8, 1, 255, 255, 255, 255, 1}),
                   {"some/file", "expected 4294967295 bytes", "found 1"});
  }
  SECTION("extents whose product overflows") {
    Bytes bytes = {0, 0, 8, 4};
    bytes.resize(20, 255);
    check_mentions(error_for(bytes), {"some/file", "fits an Index", "[4294967295,4294967295"});
    // 2^16 * 2^16 * 2^16 * 2^16 is 0 modulo 2^64, which would match no data at all.
    check_mentions(error_for({0, 0, 8, 4, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0}),
                   {"some/file", "fits an Index", "[65536,65536,65536,65536]"});
  }
}

}  // namespace idx_test
