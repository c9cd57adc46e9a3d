// g-LSTMs whose samples share a clock, or have lengths and times of their own.
#include "gated_bench.hpp"
#include "suite.hpp"

namespace glstm::bench {
namespace {

Timing equal_lengths(const Shape& shape, double) {
  Timing timing;
  timing.lengths.assign(static_cast<std::size_t>(shape.batch), shape.steps);
  return timing;
}

/// Lengths from half of the steps to all of them.
Timing different_lengths(const Shape& shape, double) {
  Timing timing;
  const Index shortest = shape.steps / 2;
  const Index last = std::max<Index>(shape.batch - 1, 1);
  for (Index b = 0; b < shape.batch; ++b) {
    timing.lengths.push_back(shortest + b * (shape.steps - shortest) / last);
  }
  return timing;
}

/// A row of timestamps for each sample, moved by up to `jitter` windows either way.
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

Timing equal_times(const Shape& shape, double share) { return own_times(shape, share, 0); }

Timing jittered_times(const Shape& shape, double share) { return own_times(shape, share, 0.1); }

}  // namespace

void add_clock_benchmarks(const SuiteOptions& options) {
  const Shape shape = options.quick ? sequence_shapes[0].shortened() : sequence_shapes[0];
  for (const int percent : {10, 2}) {
    const auto add = [&](const std::string& name, const MakeTiming& timing, double windows = 1) {
      add_gated("clocks", std::to_string(percent) + " %, " + name, shape, windows * percent / 100,
                timing);
    };
    add("shared clock", shared_clock);
    // Opens as many (step, neuron) pairs as the jittered times do for at least one sample.
    add("shared clock, windows a fifth longer", shared_clock, 1.2);
    add("lengths, all T", equal_lengths);
    add("timestamps [B,T], equal rows", equal_times);
    add("timestamps jittered by a tenth of a window", jittered_times);
    add("lengths of half to all steps", different_lengths);
  }
}

}  // namespace glstm::bench
