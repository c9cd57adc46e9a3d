// The same layers in float and in double.
#include <benchmark/benchmark.h>

#include "glstm_sequence.hpp"
#include "suite.hpp"

namespace glstm::bench {
namespace {

template <TimeGate Gate>
void add(const std::string& layer, const std::string& scalar, const Shape& shape,
         const Matrix<float>& gates) {
  using Ours = GlstmSequence<Gate>;
  const auto add_one = [&](const std::string& what, void (Ours::*run)()) {
    benchmark::RegisterBenchmark(("double/" + what + ", " + layer + '/' + scalar).c_str(),
                                 [=](benchmark::State& state) {
                                   const FlushToZero flush;
                                   Ours sequence(Workload(shape), gates);
                                   (sequence.*run)();  // allocates
                                   for (auto _ : state) (sequence.*run)();
                                 })
        ->Unit(benchmark::kMillisecond)
        ->MeasureProcessCPUTime();
  };
  add_one("training step", &Ours::train);
  add_one("inference", &Ours::infer);
}

}  // namespace

void add_double_benchmarks(const SuiteOptions& options) {
  const Shape shape = options.quick ? sequence_shapes[0].shortened() : sequence_shapes[0];
  const Matrix<float> none(shape.hidden, 0), gates = even_gates(shape, 0.1);
  add<AlwaysOpen<float>>("always open", "float", shape, none);
  add<AlwaysOpen<double>>("always open", "double", shape, none);
  add<GaussianGate<float>>("10 % windows", "float", shape, gates);
  add<GaussianGate<double>>("10 % windows", "double", shape, gates);
}

}  // namespace glstm::bench
