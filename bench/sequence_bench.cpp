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

/// A training step, where the peer has one, and inference, as topics `prefix` + "training step" ...
void add(const std::string& prefix, const Peer& peer, const Shape& shape) {
  const auto add_one = [&](const std::string& what, void (SequencePeer::*run)(), double flops) {
    benchmark::RegisterBenchmark(
        (prefix + what + '/' + shape.name() + '/' + peer.name).c_str(),
        [make = peer.sequence, shape, run, flops](benchmark::State& state) {
          time(state, make, shape, run, flops);
        })
        ->Unit(benchmark::kMillisecond)
        ->MeasureProcessCPUTime();
  };
  if (peer.trains) add_one("training step", &SequencePeer::train, shape.training_flops());
  add_one("inference", &SequencePeer::infer, shape.forward_flops());
}

}  // namespace

void add_sequence_benchmarks(const SuiteOptions& options) {
  for (const Peer& peer : peers()) {
    const auto fits = [&](const Shape& shape) {
      return peer.sequence && peer.sequence(Workload({shape.inputs, shape.hidden, 1, 1}));
    };
    for (const Shape& shape : sequence_shapes) {
      if (fits(shape)) add("", peer, options.quick ? shape.shortened() : shape);
    }
    for (const Shape& shape : batch_shapes) {
      if (!fits(shape) || peer.pads) continue;
      for (const Index batch : batch_sizes) {
        if (options.quick && batch != 1 && batch != 4 && batch != 16) continue;
        const Shape of_batch{shape.inputs, shape.hidden, shape.steps, batch};
        add("batches ", peer, options.quick ? of_batch.shortened() : of_batch);
      }
    }
  }
}

}  // namespace glstm::bench
