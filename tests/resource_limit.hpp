// A limit on what this process may use, while a test runs. GLSTM_TEST_LIMITS_MEMORY: it may be on
// memory too.
#pragma once

#if __has_include(<sys/resource.h>)
#include <sys/resource.h>
#include <unistd.h>

#include <fstream>

#include "sanitized.hpp"

/// Sets a limit of setrlimit, RLIMIT_AS for instance, and takes it back when it goes.
class ResourceLimit {
 public:
  ResourceLimit(decltype(RLIMIT_AS) resource, rlim_t value) : resource_(resource) {
    getrlimit(resource_, &before_);
    const rlimit limit{value, before_.rlim_max};
    setrlimit(resource_, &limit);
  }
  ~ResourceLimit() { setrlimit(resource_, &before_); }
  ResourceLimit(const ResourceLimit&) = delete;
  ResourceLimit& operator=(const ResourceLimit&) = delete;

 private:
  decltype(RLIMIT_AS) resource_;
  rlimit before_{};
};

#if defined(__linux__) && !defined(GLSTM_TEST_SANITIZED)
#define GLSTM_TEST_LIMITS_MEMORY

/// The bytes that this process has taken for itself.
inline rlim_t bytes_taken() {
  rlim_t pages = 0;
  std::ifstream("/proc/self/statm") >> pages;
  return pages * static_cast<rlim_t>(sysconf(_SC_PAGESIZE));
}
#endif
#endif
