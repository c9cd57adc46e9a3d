// Notes what the figures depend on.
#include <benchmark/benchmark.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "peer.hpp"
#include "suite.hpp"

#ifdef __linux__
#include <dlfcn.h>
#endif

namespace glstm::bench {
namespace {

std::string cpu_model() {
  std::ifstream in("/proc/cpuinfo");
  for (std::string line; std::getline(in, line);) {
    if (line.rfind("model name", 0) == 0) return line.substr(line.find(':') + 2);
  }
  return "unknown";
}

std::string compiler() {
#ifdef __clang__
  return "clang++ " __clang_version__;
#elif defined(__GNUC__)
  return "g++ " __VERSION__;
#else
  return "unknown";
#endif
}

/// The BLAS that peers of this process call: the library that has sgemm_, and what it says of
/// itself if it is OpenBLAS.
std::string blas() {
#ifdef __linux__
  void* sgemm = dlsym(RTLD_DEFAULT, "sgemm_");
  Dl_info info{};
  if (sgemm == nullptr || dladdr(sgemm, &info) == 0) return "none";
  const std::filesystem::path file(info.dli_fname);
  std::string name = (file.parent_path().filename() / file.filename()).string();
  if (void* config = dlsym(RTLD_DEFAULT, "openblas_get_config")) {
    name += std::string(" (") + reinterpret_cast<const char* (*)()>(config)() + ')';
  }
  return name;
#else
  return "unknown";
#endif
}

}  // namespace

void describe_machine() {
  benchmark::AddCustomContext("cpu", cpu_model());
  benchmark::AddCustomContext("compiler", compiler());
  benchmark::AddCustomContext("flags", GLSTM_BENCH_FLAGS);
  benchmark::AddCustomContext("eigen", std::to_string(EIGEN_WORLD_VERSION) + '.' +
                                           std::to_string(EIGEN_MAJOR_VERSION) + '.' +
                                           std::to_string(EIGEN_MINOR_VERSION) + ", " +
                                           Eigen::SimdInstructionSetsInUse());
  std::string names;
  for (const Peer& peer : peers()) {
    if (peer.describe) names += (names.empty() ? "" : ", ") + peer.describe();
  }
  benchmark::AddCustomContext("peers", names.empty() ? "none" : names);
  benchmark::AddCustomContext("blas", blas());
}

}  // namespace glstm::bench
