#include "glstm/io/atomic_file.hpp"

#if defined(GLSTM_HAS_POSIX)
#error "expected no macro GLSTM_HAS_POSIX outside of the header"
#endif

#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

#if defined(__unix__) || defined(__APPLE__)
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#endif

#include "catch.hpp"
#include "resource_limit.hpp"
#include "temporary_folder.hpp"

namespace atomic_file_test {

namespace fs = std::filesystem;
using glstm::write_file_atomically;

namespace {

std::string content(const fs::path& path) {
  std::ifstream stream(path, std::ios::binary);
  REQUIRE(stream.is_open());
  return {std::istreambuf_iterator<char>(stream), {}};
}

const std::string old_bytes = "the old content";

}  // namespace

TEST_CASE("write_file_atomically creates and replaces a file") {
  const TemporaryFolder folder;
  const fs::path path = folder.path() / "file";
  std::string bytes(1 << 20, '\0');
  bytes[0] = '\n';
  bytes.back() = '\xff';
  for (const std::string& expected : {old_bytes, bytes, std::string()}) {
    write_file_atomically(path, expected);
    CHECK((content(path) == expected));
    CHECK(folder.files() == 1);
  }
}

TEST_CASE("write_file_atomically refuses what it cannot write and leaves all as it was") {
  const TemporaryFolder folder;
  const fs::path path = folder.path() / "file";
  write_file_atomically(path, old_bytes);
  const auto error_at = [](const fs::path& target) {
    return error_of([&] { write_file_atomically(target, "new"); });
  };

  SECTION("no such folder") {
    const fs::path target = folder.path() / "absent" / "file";
    check_mentions(error_at(target), {target.string(), "cannot be written", "No such file"});
  }
  SECTION("a folder instead of a file") {
    const fs::path target = folder.path() / "folder";
    fs::create_directory(target);
    check_mentions(error_at(target), {target.string(), "regular file"});
    CHECK(fs::is_empty(target));
    fs::remove(target);
  }
  SECTION("the rename fails") {
    // An empty path has its temporary file in the working folder, and nothing to rename it to.
    const fs::path before = fs::current_path();
    fs::current_path(folder.path());
    const std::string message = error_at("");
    fs::current_path(before);
    check_mentions(message, {"cannot be written"});
  }
  CHECK(content(path) == old_bytes);
  CHECK(folder.files() == 1);
}

#if defined(__unix__) || defined(__APPLE__)

TEST_CASE("write_file_atomically leaves the old file when the disk is full") {
  const TemporaryFolder folder;
  const fs::path path = folder.path() / "file";
  write_file_atomically(path, old_bytes);
  const std::string bytes(1 << 20, 'x');
  std::string message;
  {
    const auto handler = std::signal(SIGXFSZ, SIG_IGN);  // then a write fails with EFBIG
    const ResourceLimit limit(RLIMIT_FSIZE, 1000);       // a disk that fills up
    message = error_of([&] { write_file_atomically(path, bytes); });
    std::signal(SIGXFSZ, handler);
  }
  check_mentions(message, {path.string(), "cannot be written", "File too large"});
  CHECK(content(path) == old_bytes);
  CHECK(folder.files() == 1);
}

TEST_CASE("a crash while write_file_atomically writes leaves the old file") {
  const TemporaryFolder folder;
  const fs::path path = folder.path() / "file";
  write_file_atomically(path, old_bytes);
  const std::string bytes(1 << 20, 'x');
  const pid_t child = fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    const rlimit no_core{0, 0};
    setrlimit(RLIMIT_CORE, &no_core);
    std::signal(SIGXFSZ, SIG_DFL);                  // then a write ends the process
    const ResourceLimit limit(RLIMIT_FSIZE, 1000);  // a disk that fills up
    write_file_atomically(path, bytes);
    _exit(0);
  }
  int status = 0;
  REQUIRE(waitpid(child, &status, 0) == child);
  REQUIRE(WIFSIGNALED(status));
  CHECK(folder.files() == 2);  // it died halfway through the temporary file
  CHECK(content(path) == old_bytes);
}

TEST_CASE("a reader that has the old file open keeps it whole") {
  const TemporaryFolder folder;
  const fs::path path = folder.path() / "file";
  write_file_atomically(path, old_bytes);
  std::ifstream reader(path, std::ios::binary);
  write_file_atomically(path, "new");
  CHECK(std::string(std::istreambuf_iterator<char>(reader), {}) == old_bytes);
  CHECK(content(path) == "new");
}

TEST_CASE("write_file_atomically keeps permissions and follows links") {
  const TemporaryFolder folder;
  const fs::path path = folder.path() / "file", link = folder.path() / "link";
  write_file_atomically(path, old_bytes);
  const fs::perms owner_only = fs::perms::owner_read | fs::perms::owner_write;
  fs::permissions(path, owner_only);
  fs::create_symlink("file", link);
  write_file_atomically(link, "new");
  CHECK(content(path) == "new");
  CHECK(fs::is_symlink(link));
  CHECK((fs::status(path).permissions() == owner_only));
  CHECK(folder.files() == 2);
}

TEST_CASE("write_file_atomically respects protection and special files") {
  const TemporaryFolder folder;
  const fs::path path = folder.path() / "file";
  write_file_atomically(path, old_bytes);
  const auto error_at = [](const fs::path& target) {
    return error_of([&] { write_file_atomically(target, "new"); });
  };
  const fs::path pipe = folder.path() / "pipe";
  REQUIRE(mkfifo(pipe.c_str(), 0600) == 0);
  check_mentions(error_at(pipe), {pipe.string(), "regular file"});
  CHECK(fs::is_fifo(pipe));
  if (geteuid() != 0) {  // root may write anywhere
    fs::permissions(path, fs::perms::owner_read);
    check_mentions(error_at(path), {path.string(), "read-only"});
    fs::permissions(folder.path(), fs::perms::owner_read | fs::perms::owner_exec);
    const fs::path other = folder.path() / "other";
    check_mentions(error_at(other), {other.string(), "cannot be written", "Permission denied"});
    fs::permissions(folder.path(), fs::perms::owner_all);
  }
  CHECK(content(path) == old_bytes);
  CHECK(folder.files() == 2);
}

#endif

}  // namespace atomic_file_test
