// What skipping saves: our g-LSTM with fewer and fewer updates, on the first sequence workload;
// windows spread evenly, and windows as training left them.
#include <benchmark/benchmark.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "glstm_sequence.hpp"
#include "suite.hpp"

namespace glstm::bench {
namespace {

using Gated = GlstmSequence<GaussianGate<float>>;

void time(benchmark::State& state, const Shape& shape, const Matrix<float>& gates,
          void (Gated::*run)()) {
  const FlushToZero flush;
  Gated layer(Workload(shape), gates);
  (layer.*run)();  // allocates
  for (auto _ : state) (layer.*run)();
  const OpCounts ops = layer.ops();
  state.counters["updates"] = ops.update_share();
  state.counters["macs"] = ops.macs / ops.dense_macs;
  if (run == &Gated::train) state.counters["tape"] = ops.tape_bytes / ops.dense_tape_bytes;
}

void add(const std::string& name, const Shape& shape, const Matrix<float>& gates) {
  const auto add_one = [&](const std::string& what, void (Gated::*run)()) {
    benchmark::RegisterBenchmark((what + '/' + name).c_str(),
                                 [=](benchmark::State& state) { time(state, shape, gates, run); })
        ->Unit(benchmark::kMillisecond)
        ->MeasureProcessCPUTime();
  };
  add_one("shares training step", &Gated::train);
  add_one("shares inference", &Gated::infer);
}

/// Reads columns mu, sigma; lines that start with # are comments.
Matrix<float> read_windows(const std::filesystem::path& file) {
  std::ifstream in(file);
  std::vector<float> values;
  for (std::string line; std::getline(in, line);) {
    if (line.empty() || line[0] == '#' || line[0] == 'm') continue;
    std::istringstream row(line);
    float mu = 0, sigma = 0;
    char comma = 0;
    if (!(row >> mu >> comma >> sigma)) throw Error("no windows in " + file.string() + ": " + line);
    values.insert(values.end(), {mu, sigma});
  }
  if (values.empty()) throw Error("cannot read windows from " + file.string());
  const Index rows = static_cast<Index>(values.size() / 2);
  return Eigen::Map<Matrix<float>>(values.data(), 2, rows).transpose();
}

}  // namespace

void add_share_benchmarks(const SuiteOptions& options) {
  Shape shape = sequence_shapes[0];
  const Shape full = shape;
  if (options.quick) shape = shape.shortened();
  for (const int percent : {100, 50, 20, 10, 5, 2, 1}) {
    add("even " + std::to_string(percent) + " %", shape, even_gates(shape, percent / 100.0));
  }
  std::vector<std::filesystem::path> files;
  for (const auto& entry : std::filesystem::directory_iterator(GLSTM_BENCH_WINDOWS)) {
    if (entry.path().extension() == ".csv") files.push_back(entry.path());
  }
  std::sort(files.begin(), files.end());
  for (const std::filesystem::path& file : files) {
    Matrix<float> gates = read_windows(file);
    if (gates.rows() != full.hidden) {
      throw Error(file.string() + " must have " + std::to_string(full.hidden) + " rows");
    }
    gates *= static_cast<float>(shape.steps) / static_cast<float>(full.steps);
    add("trained " + file.stem().string(), shape, gates);
  }
}

}  // namespace glstm::bench
