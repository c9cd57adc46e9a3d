// Reading whole files, plain or gzip (needs zlib).
#pragma once

#include <zlib.h>

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "glstm/core/error.hpp"

GLSTM_BEGIN_NAMESPACE
namespace detail {

struct CloseGzFile {
  void operator()(gzFile_s* file) const { gzclose(file); }
};

/// Returns zlib's message about the last operation on `file`, without the path that zlib puts in
/// front; empty after a success.
inline std::string gz_failure(gzFile_s* file, const std::string& path) {
  int code = Z_OK;
  std::string reason = gzerror(file, &code);
  if (code == Z_OK) return {};
  if (reason.starts_with(path + ": ")) reason.erase(0, path.size() + 2);
  return reason.empty() ? text_of("zlib error ", code) : reason;
}

}  // namespace detail

/// Returns the bytes of the file `path`, unpacked if it is gzip. Throws Error, with the path and
/// the reason, when the file cannot be read, when the gzip stream is damaged or ends too early, and
/// when there are more than `max_bytes`: a few kilobytes of gzip can unpack to gigabytes.
inline std::vector<std::uint8_t> read_file_bytes(const std::filesystem::path& path,
                                                 std::size_t max_bytes = std::size_t{1} << 30) {
  using detail::require;
  const std::string name = path.string();
  errno = 0;  // gzopen does not set it when memory is short
  const std::unique_ptr<gzFile_s, detail::CloseGzFile> file(gzopen(name.c_str(), "rb"));
  require(file != nullptr, "cannot open ", name, ": ",
          errno != 0 ? std::strerror(errno) : "out of memory");

  constexpr unsigned chunk = 1u << 16;
  std::vector<std::uint8_t> bytes;
  for (;;) {
    const std::size_t used = bytes.size();
    bytes.resize(used + chunk);
    const int got = gzread(file.get(), bytes.data() + used, chunk);
    bytes.resize(used + static_cast<std::size_t>(got > 0 ? got : 0));
    require(bytes.size() <= max_bytes, "cannot read ", name, ": expected at most ", max_bytes,
            " bytes, found more");
    if (got <= 0) break;
  }
  // If a stream ends too early, gzread returns fewer bytes, not -1; only gzerror tells.
  const std::string failure = detail::gz_failure(file.get(), name);
  require(failure.empty(), "cannot read ", name, ": ", failure);
  return bytes;
}

GLSTM_END_NAMESPACE
