// The parts of the performance suite, as main.cpp puts them together.
#pragma once

namespace glstm::bench {

/// `quick` shortens sequences so that the whole suite runs in seconds; figures are then rough.
struct SuiteOptions {
  bool quick = false;
};

/// Throws Error, naming peer and workload, where a peer's result is not ours.
void check_peers(const SuiteOptions& options);

void add_sequence_benchmarks(const SuiteOptions& options);
void add_share_benchmarks(const SuiteOptions& options);
void add_streaming_benchmarks(const SuiteOptions& options);
void add_thread_benchmarks(const SuiteOptions& options);
void add_limit_benchmarks();

/// Notes what the figures depend on (compiler, BLAS, ...) in the benchmark's JSON context.
void describe_machine();

/// Measures peak memory and notes it in the JSON context. To be called before anything else has
/// used much memory or started threads.
void measure_memory(const SuiteOptions& options);

}  // namespace glstm::bench
