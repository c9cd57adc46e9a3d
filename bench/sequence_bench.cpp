// Training step and inference over whole sequences: our always-open layer and every peer.
#include <benchmark/benchmark.h>

#include "glstm_sequence.hpp"
#include "suite.hpp"

namespace glstm::bench {
namespace {

const RegisterPeer registered({.name = "glstm",
                               .sequence =
                                   [](const Workload& workload) {
                                     return std::make_unique<GlstmSequence<AlwaysOpen<float>>>(
                                         workload, Matrix<float>(workload.shape.hidden, 0));
                                   },
                               .streaming = nullptr,
                               .describe = nullptr});

/// A peer is made anew for every repetition: all of them at once would need several GB.
void time(benchmark::State& state, const MakeSequence& make, const Shape& shape,
          void (SequencePeer::*run)(), double flops) {
  const FlushToZero flush;
  const std::unique_ptr<SequencePeer> peer = make(Workload(shape));
  if (!peer) return state.SkipWithError("not for this shape");
  ((*peer).*run)();  // allocates
  for (auto _ : state) ((*peer).*run)();
  state.counters["flops"] = flops;
}

}  // namespace

void add_sequence_benchmarks(const SuiteOptions& options) {
  for (Shape shape : sequence_shapes) {
    if (options.quick) shape.steps /= 20;
    for (const Peer& peer : peers()) {
      if (!peer.sequence || !peer.sequence(Workload({shape.inputs, shape.hidden, 1, 1}))) continue;
      const auto add = [&](const std::string& what, void (SequencePeer::*run)(), double flops) {
        benchmark::RegisterBenchmark(
            (what + '/' + shape.name() + '/' + peer.name).c_str(),
            [make = peer.sequence, shape, run, flops](benchmark::State& state) {
              time(state, make, shape, run, flops);
            })
            ->Unit(benchmark::kMillisecond)
            ->MeasureProcessCPUTime();
      };
      add("training step", &SequencePeer::train, shape.training_flops());
      add("inference", &SequencePeer::infer, shape.forward_flops());
    }
  }
}

}  // namespace glstm::bench
