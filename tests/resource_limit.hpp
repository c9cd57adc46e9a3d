// A limit on what this process may use, while a test runs.
#pragma once

#include <sys/resource.h>

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
