// A g-LSTM whose windows are spread evenly, as a benchmark.
#pragma once

#include <benchmark/benchmark.h>

#include <functional>
#include <string>

#include "glstm_sequence.hpp"

namespace glstm::bench {

using MakeTiming = std::function<Timing(const Shape&, double share)>;

inline Timing shared_clock(const Shape&, double) { return {}; }

/// Adds a training step and inference, as the topics "NAME training step" and "NAME inference", of
/// a layer with windows of `share` of the sequence. The counters are those of the forward pass.
inline void add_gated(const std::string& topic, const std::string& workload, const Shape& shape,
                      double share, const MakeTiming& timing = shared_clock) {
  using Gated = GlstmSequence<GaussianGate<float>>;
  const auto add_one = [&](const std::string& what, void (Gated::*run)()) {
    benchmark::RegisterBenchmark((topic + ' ' + what + '/' + workload).c_str(),
                                 [=](benchmark::State& state) {
                                   const FlushToZero flush;
                                   Gated layer(Workload(shape), even_gates(shape, share),
                                               timing(shape, share));
                                   (layer.*run)();  // allocates
                                   for (auto _ : state) (layer.*run)();
                                   const OpCounts ops = layer.ops();
                                   state.counters["macs"] = ops.macs;
                                   state.counters["updates"] = ops.updates;
                                   state.counters["share"] = ops.update_share();
                                 })
        ->Unit(benchmark::kMillisecond)
        ->MeasureProcessCPUTime();
  };
  add_one("training step", &Gated::train);
  add_one("inference", &Gated::infer);
}

}  // namespace glstm::bench
