// What this machine can do at most: multiply-adds, reading, matrix products, activations.
#include <benchmark/benchmark.h>

#include <algorithm>
#include <array>

#include "glstm/glstm.hpp"
#include "suite.hpp"

namespace glstm::bench {
namespace {

using Packet = Eigen::internal::packet_traits<float>::type;
constexpr Index packet_size = Eigen::internal::packet_traits<float>::size;

// So many chains of dependent operations hide their latency, and with two constants they fit into
// 16 registers.
constexpr std::size_t chains = 12;

void fma_peak(benchmark::State& state) {
  const Packet factor = Eigen::internal::pset1<Packet>(0.999f);
  const Packet term = Eigen::internal::pset1<Packet>(0.001f);
  Packet sums[chains];
  std::fill_n(sums, chains, term);
  constexpr int rounds = 10'000;
  for (auto _ : state) {
    Packet local[chains];  // in registers
    std::copy_n(sums, chains, local);
    for (int round = 0; round < rounds; ++round) {
#pragma GCC unroll 12
      for (std::size_t i = 0; i < chains; ++i) {
        local[i] = Eigen::internal::pmadd(local[i], factor, term);
      }
    }
    std::copy_n(local, chains, sums);
    benchmark::DoNotOptimize(sums);
  }
  state.counters["flops"] = 2.0 * rounds * chains * packet_size;
}

void read_bandwidth(benchmark::State& state, Index bytes) {
  const Index block = static_cast<Index>(chains) * packet_size;
  const Index count = std::max<Index>(1, bytes / 4 / block) * block;
  const Vector<float> values = Vector<float>::Ones(count);
  for (auto _ : state) {
    Packet sums[chains];
    std::fill_n(sums, chains, Eigen::internal::pset1<Packet>(0.0f));
    for (const float *from = values.data(), *end = from + count; from < end; from += block) {
#pragma GCC unroll 12
      for (std::size_t i = 0; i < chains; ++i) {
        const float* here = from + static_cast<Index>(i) * packet_size;
        sums[i] = Eigen::internal::padd(sums[i], Eigen::internal::pload<Packet>(here));
      }
    }
    benchmark::DoNotOptimize(sums);
  }
  state.counters["bytes"] = 4.0 * static_cast<double>(count);
}

/// c = a b with a [m,k] and b [k,n].
void gemm(benchmark::State& state, Index m, Index k, Index n) {
  const Matrix<float> a = Matrix<float>::Random(m, k), b = Matrix<float>::Random(k, n);
  Matrix<float> c(m, n);
  for (auto _ : state) {
    c.noalias() = a * b;
    benchmark::DoNotOptimize(c.data());
  }
  state.counters["flops"] = 2.0 * static_cast<double>(m * k * n);
}

template <class Function>
void activation(benchmark::State& state, const Function& function) {
  const Eigen::ArrayXf x = 4 * Eigen::ArrayXf::Random(2048);  // both arrays fit into L1
  Eigen::ArrayXf y(x.size());
  for (auto _ : state) {
    y = function(x);
    benchmark::DoNotOptimize(y.data());
  }
  state.counters["floats"] = static_cast<double>(x.size());
}

Index cache_size(int level) {
  for (const auto& cache : benchmark::CPUInfo::Get().caches) {
    if (cache.level == level && cache.type != "Instruction") return cache.size;
  }
  return 0;
}

template <class Run>
void add(const std::string& name, const Run& run) {
  benchmark::RegisterBenchmark(("limits/" + name).c_str(), [run](benchmark::State& state) {
    const FlushToZero flush;
    run(state);
  })->MeasureProcessCPUTime();
}

}  // namespace

void add_limit_benchmarks() {
  add("FMA peak", fma_peak);
  for (int level = 1; level <= 3; ++level) {
    Index bytes = cache_size(level) / 2;
    if (bytes == 0) continue;
    // A large last-level cache is shared with others; a few times the L2 is enough to leave that.
    if (level == 3) bytes = std::min(bytes, 6 * cache_size(2));
    add("reading from L" + std::to_string(level) + ", " + std::to_string(bytes / 1024) + " KiB",
        [bytes](benchmark::State& state) { read_bandwidth(state, bytes); });
  }
  using Sizes = std::array<Index, 3>;
  for (const auto& [m, k, n] :
       {Sizes{440, 110, 128}, Sizes{440, 110, 64}, Sizes{1024, 256, 32}, Sizes{2048, 512, 32}}) {
    add("Eigen GEMM " + std::to_string(m) + 'x' + std::to_string(k) + 'x' + std::to_string(n),
        [m = m, k = k, n = n](benchmark::State& state) { gemm(state, m, k, n); });
  }
  add("Eigen tanh",
      [](benchmark::State& state) { activation(state, [](const auto& x) { return x.tanh(); }); });
  add("Eigen logistic", [](benchmark::State& state) {
    activation(state, [](const auto& x) { return x.logistic(); });
  });
}

}  // namespace glstm::bench
