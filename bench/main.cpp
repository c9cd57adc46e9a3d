// The performance suite: checks that all peers compute the same, then measures everything in one
// run with repetitions in random order, so that a slow phase of the machine hits all alike.
//
//   glstm_bench [--quick] [--memory] [options of Google Benchmark]
#include <benchmark/benchmark.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <string>
#include <vector>

#include "suite.hpp"

#ifdef __linux__
#include <dlfcn.h>
#include <unistd.h>
#endif

namespace {

/// What OpenBLAS is to be told of the processor, empty: nothing. On one newer than itself it falls
/// back to kernels without AVX, which would halve the speed of a peer for no reason of the peer's.
std::string openblas_core() {
#if defined(__linux__) && defined(__x86_64__)
  void* core_name = dlsym(RTLD_DEFAULT, "openblas_get_corename");
  if (core_name == nullptr || std::getenv("OPENBLAS_CORETYPE") != nullptr) return "";
  const char* core = reinterpret_cast<const char* (*)()>(core_name)();
  if (std::strcmp(core, "Prescott") != 0) return "";
  if (__builtin_cpu_supports("avx512f")) return "SkylakeX";
  if (__builtin_cpu_supports("avx2")) return "Haswell";
#endif
  return "";
}

/// BLAS and OpenMP libraries read the environment when they are loaded, so the program sets it and
/// starts again.
void restart_with_environment([[maybe_unused]] char** argv) {
#ifdef __linux__
  bool changed = false;
  const auto set = [&](const char* name, const std::string& value) {
    const char* before = std::getenv(name);
    if (before != nullptr && value == before) return;
    setenv(name, value.c_str(), 1);
    changed = true;
  };
  for (const char* name : {"OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"}) {
    set(name, "1");
  }
  const std::string core = openblas_core();
  if (!core.empty()) set("OPENBLAS_CORETYPE", core);
  if (changed) execv("/proc/self/exe", argv);
#endif
}

/// Removes `name` from the arguments and tells whether it was there.
bool take_flag(std::vector<std::string>& arguments, const char* name) {
  return std::erase(arguments, name) > 0;
}

}  // namespace

int main(int argc, char** argv) {
  restart_with_environment(argv);
  try {
    std::vector<std::string> arguments(argv + 1, argv + argc);
    const glstm::bench::SuiteOptions options{.quick = take_flag(arguments, "--quick")};
    const bool memory = take_flag(arguments, "--memory");
    const std::vector<std::string> defaults = {
        argv[0], options.quick ? "--benchmark_repetitions=1" : "--benchmark_repetitions=5",
        options.quick ? "--benchmark_min_time=0.01" : "--benchmark_min_time=0.1",
        "--benchmark_enable_random_interleaving=true", "--benchmark_display_aggregates_only=true"};
    arguments.insert(arguments.begin(), defaults.begin(), defaults.end());
    std::vector<char*> pointers;
    for (std::string& argument : arguments) pointers.push_back(argument.data());
    int count = static_cast<int>(pointers.size());
    pointers.push_back(nullptr);
    benchmark::Initialize(&count, pointers.data());
    if (benchmark::ReportUnrecognizedArguments(count, pointers.data())) return 1;

    if (memory) glstm::bench::measure_memory(options);
    glstm::bench::describe_machine();
    glstm::bench::check_peers(options);
    glstm::bench::add_limit_benchmarks();
    glstm::bench::add_sequence_benchmarks(options);
    glstm::bench::add_share_benchmarks(options);
    glstm::bench::add_clock_benchmarks(options);
    glstm::bench::add_wide_benchmarks(options);
    glstm::bench::add_one_sample_benchmarks(options);
    glstm::bench::add_double_benchmarks(options);
    glstm::bench::add_streaming_benchmarks(options);
    glstm::bench::add_thread_benchmarks(options);
    return benchmark::RunSpecifiedBenchmarks() > 0 ? 0 : 1;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "glstm_bench: %s\n", error.what());
    return 1;
  }
}
