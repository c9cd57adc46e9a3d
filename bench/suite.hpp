// The parts of the performance suite.
#pragma once

namespace glstm::bench {

/// `quick` shortens sequences so that the whole suite runs in seconds; its results are rough.
struct SuiteOptions {
  bool quick = false;
};

/// Throws Error, naming the peer and the workload, if a peer computes another result than glstm.
void check_peers(const SuiteOptions& options);

void add_sequence_benchmarks(const SuiteOptions& options);
void add_share_benchmarks(const SuiteOptions& options);
void add_clock_benchmarks(const SuiteOptions& options);
void add_wide_benchmarks(const SuiteOptions& options);
void add_one_sample_benchmarks(const SuiteOptions& options);
void add_double_benchmarks(const SuiteOptions& options);
void add_streaming_benchmarks(const SuiteOptions& options);
void add_thread_benchmarks(const SuiteOptions& options);
void add_limit_benchmarks();

/// Records what the results depend on (compiler, BLAS, ...) in the JSON context of the benchmark.
void describe_machine();

/// Measures peak memory and records it in the JSON context. Call it before anything else has used
/// much memory or started threads.
void measure_memory(const SuiteOptions& options);

}  // namespace glstm::bench
