// What the fuzz targets share. A target defines LLVMFuzzerTestOneInput, which gives a reader the
// input: an Error is a right answer, any other exception, a broken promise or a crash a finding.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "glstm/core/error.hpp"
#include "temporary_folder.hpp"

namespace fuzz {

/// How many calls of accepts were true.
inline long accepted = 0;

/// Calls `read`; whether it went through without an Error.
template <class Read>
bool accepts(Read&& read) {
  try {
    read();
  } catch (const glstm::Error&) {
    return false;
  }
  ++accepted;
  return true;
}

/// Ends the run when a reader breaks a promise of its documentation.
inline void promise(bool kept, const char* what) {
  if (!kept) throw std::logic_error(std::string("broken promise: ") + what);
}

inline std::string_view text_of(const std::uint8_t* data, std::size_t size) {
  return {reinterpret_cast<const char*>(data), size};
}

/// A folder of this process, for readers that take a path.
inline const TemporaryFolder& folder() {
  static const TemporaryFolder folder;
  return folder;
}

/// The file `name` in that folder, which now holds these bytes.
inline std::filesystem::path file_of(std::string_view bytes, const char* name) {
  const std::filesystem::path path = folder() / name;
  std::filesystem::remove(path);  // ext4 waits for the disk where a file is truncated
  std::ofstream file(path, std::ios::binary);
  file.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  file.close();
  if (!file) throw std::runtime_error("cannot write " + path.string());
  return path;
}

/// An input that the target must accept, for files that are too long or change too often to be in
/// the corpus: made by the library's own writers whenever a target starts.
class ValidInput {
 public:
  explicit ValidInput(std::string (*make)()) { all().push_back(make); }

  static std::vector<std::string (*)()>& all() {
    static std::vector<std::string (*)()> makers;
    return makers;
  }
};

}  // namespace fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);
