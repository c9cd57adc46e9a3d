// Reading uncompressed files, and errors that name the file.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <new>
#include <string>
#include <system_error>

#include "glstm/core/error.hpp"

GLSTM_BEGIN_NAMESPACE
namespace detail {

/// Returns the result of `callable`; prefixes the message of an Error with `source`.
template <class Callable>
auto naming_source(const std::string& source, Callable&& callable) {
  try {
    return callable();
  } catch (const Error& error) {
    throw Error(source + ": " + error.what());
  }
}

/// A file that is read from start to end. Its size is known before the first byte is read, so that
/// a reader can refuse a file without allocating memory. Throws Error, which names the file, when
/// the file cannot be read.
class SourceFile {
 public:
  explicit SourceFile(const std::filesystem::path& path) : name_(path.string()) {
    std::error_code error;
    size_ = std::filesystem::file_size(path, error);  // fails for folders, pipes, devices
    require(!error, name_, ": expected a readable file: ", error.message());
    stream_.open(path, std::ios::binary);
    require(stream_.is_open(), name_, ": expected a readable file, cannot open it");
  }

  const std::string& name() const { return name_; }
  std::uintmax_t size() const { return size_; }

  /// Reads the next `count` bytes.
  void read(char* to, std::size_t count) {
    stream_.read(to, static_cast<std::streamsize>(count));
    require(stream_.good(), name_, ": expected ", size_, " bytes, got fewer");
  }

 private:
  std::string name_;
  std::uintmax_t size_ = 0;
  std::ifstream stream_;
};

/// Reads all bytes of `file`. Throws Error when it has more than `max_bytes`.
inline std::string read_whole(SourceFile& file, std::uintmax_t max_bytes) {
  require(file.size() <= max_bytes, file.name(), ": expected at most ", max_bytes, " bytes, got ",
          file.size());
  try {
    std::string bytes(static_cast<std::size_t>(file.size()), '\0');
    if (!bytes.empty()) file.read(bytes.data(), bytes.size());
    return bytes;
  } catch (const std::bad_alloc&) {  // a sparse file can be larger than its space on the disk
    throw Error(file.name() + ": expected a file that memory can hold, got " +
                std::to_string(file.size()) + " bytes");
  }
}

/// Calls parse(text, name) with the text of the model in the file `path`, at most 1 GiB and not
/// compressed, and returns the result.
template <class Parse>
auto parse_model_file(const std::filesystem::path& path, Parse&& parse) {
  SourceFile file(path);
  return parse(read_whole(file, 1 << 30), file.name());
}

}  // namespace detail
GLSTM_END_NAMESPACE
