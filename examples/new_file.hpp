// Whether a result can be saved where the user wants it: asked before the training, not after it.
#pragma once

#include <filesystem>

#include "glstm/core/error.hpp"
#include "glstm/io/atomic_file.hpp"

/// Throws Error when there is a file at `path` already, or none can be written there.
inline void expect_new_file(const std::filesystem::path& path) {
  if (std::filesystem::exists(path)) {
    throw glstm::Error(path.string() + ": expected no file of that name, found one");
  }
  glstm::write_file_atomically(path, "");
  std::filesystem::remove(path);
}
