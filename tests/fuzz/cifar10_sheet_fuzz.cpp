// Sheets of CIFAR-10, which are PNG images: as they come, and with the checksums of all chunks
// made right, which hides nothing of what libpng would otherwise refuse first.
#include <zlib.h>

#include <algorithm>

#include "fuzz.hpp"
#include "glstm/io/cifar10.hpp"

namespace cifar10_sheet_fuzz {

namespace {

std::size_t number_at(const std::string& bytes, std::size_t at) {
  std::size_t number = 0;
  for (std::size_t i = 0; i < 4; ++i) {
    number = number << 8 | static_cast<std::uint8_t>(bytes[at + i]);
  }
  return number;
}

/// PNG: 8 bytes, then chunks of a length, a type, so many bytes and the CRC-32 of the last two.
void repair_checksums(std::string& bytes) {
  for (std::size_t at = 8; at + 12 <= bytes.size();) {
    const std::size_t length = number_at(bytes, at);
    if (length > bytes.size() - at - 12) break;
    const auto* chunk = reinterpret_cast<const Bytef*>(bytes.data() + at + 4);
    const uLong checksum = crc32_z(0, chunk, length + 4);
    at += 8 + length;
    for (std::size_t i = 0; i < 4; ++i) bytes[at++] = static_cast<char>(checksum >> (24 - 8 * i));
  }
}

void read(const std::string& bytes) {
  const auto path = fuzz::file_of(bytes, "test_batch.png");
  std::vector<std::uint8_t> pixels;
  const bool accepted = fuzz::accepts([&] { glstm::detail::read_cifar10_sheet(path, 2, pixels); });
  fuzz::promise(!accepted || pixels.size() == 2 * 3072, "all pixels");
}

}  // namespace

FUZZ_TARGET(cifar10_sheet) {
  const std::string given(fuzz::text_of(data, size));
  std::string repaired = given;
  repair_checksums(repaired);
  read(given);
  if (repaired != given) read(repaired);
  return 0;
}

}  // namespace cifar10_sheet_fuzz
