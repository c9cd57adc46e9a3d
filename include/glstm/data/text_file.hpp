// Whole text files.
#pragma once

#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <system_error>

#include "glstm/core/error.hpp"

GLSTM_BEGIN_NAMESPACE
namespace detail {

/// Returns the bytes of a file. Throws Error, which names the file and says that `what` ("a CSV
/// file") was expected, when it cannot be read.
inline std::string read_text_file(const std::filesystem::path& path, const char* what) {
  std::error_code ignored;
  require(std::filesystem::is_regular_file(path, ignored), path.string(), ": expected ", what,
          ", found ", std::filesystem::exists(path, ignored) ? "no regular file" : "none");
  std::ifstream file(path, std::ios::binary);
  require(file.is_open(), path.string(), ": expected ", what, ", found one that cannot be opened");
  std::string text(std::istreambuf_iterator<char>(file), {});
  require(!file.bad(), path.string(), ": expected ", what, ", found one that cannot be read to ",
          "its end");
  return text;
}

}  // namespace detail
GLSTM_END_NAMESPACE
