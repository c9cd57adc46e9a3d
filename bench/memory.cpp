// Peak memory of a training step, each in a process of its own.
#include <benchmark/benchmark.h>

#include <functional>

#include "glstm_sequence.hpp"
#include "markdown.hpp"
#include "suite.hpp"

#ifdef __linux__
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>
#endif

namespace glstm::bench {

#ifdef __linux__
namespace {

/// Runs `work` in a forked process and records its peak resident memory.
void measure(const std::string& name, const std::function<void()>& work) {
  const pid_t child = fork();
  if (child == 0) {
    try {
      work();
    } catch (...) {
      _exit(1);
    }
    _exit(0);
  }
  int status = 0;
  rusage usage{};
  if (child < 0 || wait4(child, &status, 0, &usage) != child || status != 0) {
    throw Error("cannot measure the memory of " + name);
  }
  benchmark::AddCustomContext(
      "memory/" + name, glstm::detail::fixed_text(static_cast<double>(usage.ru_maxrss) / 1024, 1));
}

}  // namespace

void measure_memory(const SuiteOptions& options) {
  Shape shape = sequence_shapes[0];
  if (options.quick) shape = shape.shortened();
  const auto train = [](SequencePeer& peer) {
    const FlushToZero flush;
    for (int step = 0; step < 2; ++step) peer.train();
  };
  measure("nothing", [&] { const Workload workload(shape); });
  for (const Peer& peer : peers()) {
    if (!peer.sequence || !peer.trains) continue;
    measure(peer.name, [&] { train(*peer.sequence(Workload(shape))); });
  }
  measure("glstm, 10 % windows", [&] {
    GlstmSequence<GaussianGate<float>> peer(Workload(shape), even_gates(shape, 0.1));
    train(peer);
  });
}
#else
void measure_memory(const SuiteOptions&) {}  // where there is no fork, the report has no memory
#endif

}  // namespace glstm::bench
