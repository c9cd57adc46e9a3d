// One step of one sequence at a time: ns per step of our streaming cell and every peer.
#include <benchmark/benchmark.h>

#include "glstm_sequence.hpp"
#include "suite.hpp"

namespace glstm::bench {
namespace {

constexpr Index steps = 784;  // of a sequence

template <TimeGate Gate, int Inputs, int Hidden>
class GlstmStreaming final : public StreamingPeer {
 public:
  GlstmStreaming(const Workload& workload, const Matrix<float>& gates)
      : layer_(layout_, "", Inputs, Hidden),
        parameters_(with_gates(workload, gates)),
        cell_(layer_, parameters_) {}

  /// A whole sequence: time starts at 0.
  void run(const float* x, Index count) override {
    cell_.reset();
    for (Index n = 0; n < count; ++n) cell_.step(x + n * Inputs, static_cast<double>(n));
  }

  Vector<float> hidden() override { return cell_.hidden(); }

 private:
  Vector<float> with_gates(const Workload& workload, const Matrix<float>& gates) const {
    Vector<float> parameters(layout_.size());
    parameters.head(workload.parameters.size()) = workload.parameters;
    layer_.gate_parameters(parameters) = gates;
    return parameters;
  }

  ParameterLayout layout_;
  Layer<Gate> layer_;
  Vector<float> parameters_;
  StreamingCell<Gate, Inputs, Hidden> cell_;
};

const RegisterPeer registered(
    {.name = "glstm",
     .sequence = nullptr,
     .streaming =
         [](const Workload& workload) {
           return make_for_size(
               []<int Inputs, int Hidden>(const Workload& of) -> std::unique_ptr<StreamingPeer> {
                 return std::make_unique<GlstmStreaming<AlwaysOpen<float>, Inputs, Hidden>>(
                     of, Matrix<float>(Hidden, 0));
               },
               workload);
         },
     .describe = nullptr});

void time(benchmark::State& state, const LayerSize& size, const MakeStreaming& make) {
  const FlushToZero flush;
  const Workload workload({size.inputs, size.hidden, steps, 1});
  const std::vector<float> x = workload.time_major();
  const std::unique_ptr<StreamingPeer> peer = make(workload);
  peer->run(x.data(), steps);  // warms the caches
  // Iterations count steps, so times are per step.
  while (state.KeepRunningBatch(steps)) peer->run(x.data(), steps);
}

void add(const std::string& name, const LayerSize& size, const MakeStreaming& make) {
  const std::string sizes = std::to_string(size.inputs) + ',' + std::to_string(size.hidden);
  benchmark::RegisterBenchmark(("streaming/" + sizes + '/' + name).c_str(),
                               [make, size](benchmark::State& state) { time(state, size, make); })
      ->MeasureProcessCPUTime();
}

}  // namespace

void add_streaming_benchmarks(const SuiteOptions& options) {
  for (const LayerSize& size : streaming_sizes) {
    if (options.quick && size.inputs != 1) continue;
    for (const Peer& peer : peers()) {
      if (peer.streaming && peer.streaming(Workload({size.inputs, size.hidden, 1, 1}))) {
        add(peer.name, size, peer.streaming);
      }
    }
  }
  add("glstm, 10 % windows", {1, 110}, [](const Workload& workload) {
    return std::make_unique<GlstmStreaming<GaussianGate<float>, 1, 110>>(
        workload, even_gates(workload.shape, 0.1));
  });
}

}  // namespace glstm::bench
