// What the fuzz targets share. A target gives a reader the input: an Error is a right answer, any
// other exception, a broken promise or a crash a finding.
//
//     FUZZ_TARGET(name) {  // of NAME_fuzz.cpp, in a namespace of that name
//       ... data, size ...
//       return 0;
//     }
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <map>
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

/// An input that a target must accept, for files that are too long or change too often to be in
/// the corpus: made by the library's own writers whenever the target starts.
class ValidInput {
 public:
  using Maker = std::string (*)();

  ValidInput(const char* target, Maker make) { all()[target].push_back(make); }

  static std::map<std::string, std::vector<Maker>>& all() {
    static std::map<std::string, std::vector<Maker>> makers;
    return makers;
  }
};

/// All targets of a program, which libFuzzer allows one of.
using Target = int (*)(const std::uint8_t*, std::size_t);
inline std::map<std::string, Target>& targets() {
  static std::map<std::string, Target> targets;
  return targets;
}

}  // namespace fuzz

#define FUZZ_TARGET(name)                                                                        \
  static int run_target(const std::uint8_t* data, std::size_t size);                             \
  [[maybe_unused]] static const bool added = fuzz::targets().emplace(#name, &run_target).second; \
  static int run_target(const std::uint8_t* data, std::size_t size)
