// Files whose bytes are read as they are, and errors that name the file they are about.
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

/// What `callable` returns; `source` comes first in the message of an Error.
template <class Callable>
auto naming_source(const std::string& source, Callable&& callable) {
  try {
    return callable();
  } catch (const Error& error) {
    throw Error(source + ": " + error.what());
  }
}

/// A file that is read from its beginning on. Its size is known before, so that a reader can refuse
/// it without taking memory. Throws Error, which names the file, when it cannot be read.
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

/// All bytes of a file of up to `max_bytes`.
inline std::string read_whole(SourceFile& file, std::uintmax_t max_bytes) {
  require(file.size() <= max_bytes, file.name(), ": expected at most ", max_bytes, " bytes, got ",
          file.size());
  try {
    std::string bytes(static_cast<std::size_t>(file.size()), '\0');
    if (!bytes.empty()) file.read(bytes.data(), bytes.size());
    return bytes;
  } catch (const std::bad_alloc&) {  // a sparse file is larger than what it takes on the disk
    throw Error(file.name() + ": expected a file that memory can hold, got " +
                std::to_string(file.size()) + " bytes");
  }
}

}  // namespace detail
GLSTM_END_NAMESPACE
