// Replacing a file in one step: a crash leaves the old file or the new one, never a part of one.
#pragma once

#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <random>
#include <string>
#include <string_view>
#include <system_error>

#if defined(__unix__) || defined(__APPLE__)
#include <fcntl.h>
#include <unistd.h>
#define GLSTM_HAS_POSIX 1
#else
#define GLSTM_HAS_POSIX 0
#endif

#include "glstm/core/error.hpp"

GLSTM_BEGIN_NAMESPACE
namespace detail {

/// Returns why the last call of the C library failed: EIO if the call has not set errno.
inline std::error_code last_system_error() {
  return {errno != 0 ? errno : EIO, std::generic_category()};
}

/// Writes `bytes`, waits until they are on the disk and, also after an error, closes `file`.
/// Returns the first error.
inline std::error_code write_and_close(std::FILE* file, std::string_view bytes) {
  std::error_code error;
  const auto attempt = [&error](bool done) {
    if (!done && !error) error = last_system_error();
  };
  attempt(std::fwrite(bytes.data(), 1, bytes.size(), file) == bytes.size());
  attempt(std::fflush(file) == 0);
#if GLSTM_HAS_POSIX
  attempt(::fsync(::fileno(file)) == 0);
#endif
  attempt(std::fclose(file) == 0);
  return error;
}

/// Makes a rename inside `folder` survive a power cut. Ignores failures: some file systems do not
/// support it, and the new file is in place already.
inline void flush_folder([[maybe_unused]] const std::filesystem::path& folder) {
#if GLSTM_HAS_POSIX
  const int descriptor = ::open(folder.empty() ? "." : folder.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) return;
  ::fsync(descriptor);
  ::close(descriptor);
#endif
}

}  // namespace detail

/// Makes `bytes` the content of the file `path`, all or nothing. It writes a temporary file in the
/// same folder, waits until that is on the disk, and renames it to `path`. The new file gets the
/// old file's permissions; symbolic links are followed. Throws Error when `path` is not a regular
/// file, is read-only or cannot be written. The old file then stays as it was, and no temporary
/// file is left.
inline void write_file_atomically(const std::filesystem::path& path, std::string_view bytes) {
  namespace fs = std::filesystem;
  using detail::require;
  const std::string name = path.string();

  fs::path target = path;
  std::error_code error;
  const fs::file_status old = fs::status(path, error);
  if (fs::exists(old)) {
    require(fs::is_regular_file(old), name,
            ": expected a regular file to replace, got another kind");
#if GLSTM_HAS_POSIX
    // A rename needs permissions for the folder only and would replace a protected file.
    require(::access(path.c_str(), W_OK) == 0, name, ": cannot be written: the file is read-only");
#endif
    target = fs::canonical(path, error);
    require(!error, name, ": cannot be written: ", error.message());
  }

  std::random_device random;
  fs::path temporary = target;
  temporary += "." + std::to_string(random()) + std::to_string(random()) + ".tmp";
  std::FILE* file = std::fopen(temporary.string().c_str(), "wbx");  // x: fail if the file exists
  if (file == nullptr) error = detail::last_system_error();
  require(file != nullptr, name, ": cannot be written: ", error.message());

  std::error_code permission_error;
  if (fs::exists(old)) fs::permissions(temporary, old.permissions(), permission_error);
  error = detail::write_and_close(file, bytes);
  if (!error) error = permission_error;
  if (!error) fs::rename(temporary, target, error);
  if (error) {
    std::error_code ignored;
    fs::remove(temporary, ignored);
    throw Error(name + ": cannot be written: " + error.message());
  }
  detail::flush_folder(target.parent_path());
}

GLSTM_END_NAMESPACE

#undef GLSTM_HAS_POSIX
