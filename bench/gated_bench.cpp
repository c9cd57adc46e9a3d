// g-LSTMs beyond the share of updates: clocks that samples share or not, and wide layers.
#include <benchmark/benchmark.h>

#include <functional>

#include "glstm_sequence.hpp"
#include "suite.hpp"

namespace glstm::bench {
namespace {

using Gated = GlstmSequence<GaussianGate<float>>;
using MakeTiming = std::function<Timing(const Shape&, double share)>;

/// A training step and inference of windows of `share` of the sequence, spread evenly.
void add(const std::string& topic, const std::string& name, const Shape& shape, double share,
         const MakeTiming& timing) {
  const auto add_one = [&](const std::string& what, void (Gated::*run)()) {
    benchmark::RegisterBenchmark((topic + ' ' + what + '/' + name).c_str(),
                                 [=](benchmark::State& state) {
                                   const FlushToZero flush;
                                   Gated layer(Workload(shape), even_gates(shape, share),
                                               timing(shape, share));
                                   (layer.*run)();  // allocates
                                   for (auto _ : state) (layer.*run)();
                                   state.counters["macs"] = layer.ops().macs;
                                   state.counters["updates"] = layer.ops().updates;
                                 })
        ->Unit(benchmark::kMillisecond)
        ->MeasureProcessCPUTime();
  };
  add_one("training step", &Gated::train);
  add_one("inference", &Gated::infer);
}

Timing one_clock(const Shape&, double) { return {}; }

Timing all_lengths(const Shape& shape, double) {
  Timing timing;
  timing.lengths.assign(static_cast<std::size_t>(shape.batch), shape.steps);
  return timing;
}

Timing ragged(const Shape& shape, double) {
  Timing timing;
  for (Index b = 0; b < shape.batch; ++b) {
    timing.lengths.push_back(shape.steps / 2 + b * (shape.steps - shape.steps / 2) / shape.batch);
  }
  return timing;
}

/// Timestamps of every sample, moved by up to `jitter` windows either way.
Timing own_times(const Shape& shape, double share, double jitter) {
  Timing timing;
  Rng rng(2);
  timing.timestamps.resize(shape.batch, shape.steps);
  const double reach = jitter * share * static_cast<double>(shape.steps);
  for (Index b = 0; b < shape.batch; ++b) {
    const double moved = rng.uniform(-reach, reach);
    for (Index n = 0; n < shape.steps; ++n) {
      timing.timestamps(b, n) = static_cast<double>(n) + moved;
    }
  }
  return timing;
}

}  // namespace

void add_clock_benchmarks(const SuiteOptions& options) {
  const Shape shape = options.quick ? sequence_shapes[0].shortened() : sequence_shapes[0];
  for (const int percent : {10, 2}) {
    const double share = percent / 100.0;
    const auto add_clock = [&](const std::string& name, const MakeTiming& timing,
                               double windows = 1) {
      add("clocks", std::to_string(percent) + " %, " + name, shape, windows * share, timing);
    };
    add_clock("one clock", one_clock);
    add_clock("one clock, windows a fifth longer", one_clock, 1.2);
    add_clock("lengths, all T", all_lengths);
    add_clock("equal times of their own",
              [](const Shape& of, double of_share) { return own_times(of, of_share, 0); });
    add_clock("times moved by up to a tenth of a window",
              [](const Shape& of, double of_share) { return own_times(of, of_share, 0.1); });
    add_clock("lengths from half of T to T", ragged);
  }
}

void add_wide_benchmarks(const SuiteOptions& options) {
  for (const Index hidden : {512, 1024, 2048}) {
    for (const int percent : {5, 2, 1}) {
      for (const Index batch : {1, 32}) {
        if (batch > 1 && (hidden != 1024 || percent != 2)) continue;
        if (options.quick && hidden > 512) continue;
        const Shape shape{1, hidden, 784, batch};
        add("wide", std::to_string(percent) + " %, " + shape.name(),
            options.quick ? shape.shortened() : shape, percent / 100.0, one_clock);
      }
    }
  }
}

}  // namespace glstm::bench
