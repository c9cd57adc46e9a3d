// One sample: a whole sequence at once, and step by step.
#include <benchmark/benchmark.h>

#include <functional>
#include <memory>
#include <type_traits>
#include <utility>

#include "glstm_sequence.hpp"
#include "suite.hpp"

namespace glstm::bench {
namespace {

void add(const std::string& workload, const std::string& way,
         const std::function<std::function<void()>()>& make) {
  benchmark::RegisterBenchmark(("one sample/" + workload + '/' + way).c_str(),
                               [make](benchmark::State& state) {
                                 const FlushToZero flush;
                                 const std::function<void()> run = make();
                                 run();  // allocates
                                 for (auto _ : state) run();
                               })
      ->Unit(benchmark::kMillisecond)
      ->MeasureProcessCPUTime();
}

/// A network of one layer with the workload's weights, and what it reads.
template <TimeGate Gate>
struct OneLayer {
  Workload workload;
  Network<Gate> network;
  std::vector<float> x;

  OneLayer(const Shape& shape, const Matrix<float>& gates)
      : workload(shape),
        network({.inputs = shape.inputs,
                 .hidden = {shape.hidden},
                 .outputs = 1,
                 .loss = mean_squared_error}),
        x(workload.time_major()) {
    network.parameters.setZero();
    network.parameters.head(workload.parameters.size()) = workload.parameters;
    network.layers()[0].gate_parameters(network.parameters) = gates;
  }

  /// All steps of the sequence through a stream, from its start.
  template <class Stream>
  std::function<void()> through(Stream stream) {
    return [stream = std::make_shared<Stream>(std::move(stream)), x = x, shape = workload.shape]() {
      stream->reset();
      for (Index n = 0; n < shape.steps; ++n) {
        stream->step(x.data() + n * shape.inputs, static_cast<double>(n));
      }
    };
  }
};

template <TimeGate Gate, int Inputs, int Hidden>
void add_all(const std::string& name, Index steps, const Matrix<float>& gates) {
  const Shape shape{Inputs, Hidden, steps, 1};
  const auto cell = [=](auto form, StoredWeights stored) {
    using Cell = typename decltype(form)::type;
    return [=] {
      OneLayer<Gate> layer(shape, gates);
      return layer.through(Cell(layer.network.layers()[0], layer.network.parameters, {}, stored));
    };
  };
  using Fixed = std::type_identity<StreamingCell<Gate, Inputs, Hidden>>;
  const std::string workload = shape.name() + ' ' + name;
  add(workload, "streaming cell", cell(Fixed{}, StoredWeights::full));
  add(workload, "the whole sequence", [=]() -> std::function<void()> {
    return
        [layer = std::make_shared<GlstmSequence<Gate>>(Workload(shape), gates)] { layer->infer(); };
  });
  add(workload, "streaming cell, sizes at run time",
      cell(std::type_identity<StreamingCell<Gate>>{}, StoredWeights::full));
  add(workload, "streaming network", [=] {
    OneLayer<Gate> layer(shape, gates);
    return layer.through(StreamingNetwork<Gate>(layer.network));
  });
  add(workload, "streaming cell, 16-bit weights", cell(Fixed{}, StoredWeights::int16));
  add(workload, "streaming cell, 8-bit weights", cell(Fixed{}, StoredWeights::int8));
}

}  // namespace

void add_one_sample_benchmarks(const SuiteOptions& options) {
  const Index steps = options.quick ? 39 : 784;
  add_all<AlwaysOpen<float>, 1, 110>("LSTM", steps, Matrix<float>(110, 0));
  add_all<AlwaysOpen<float>, 64, 256>("LSTM", options.quick ? 10 : 200, Matrix<float>(256, 0));
  for (const int percent : {10, 5, 2}) {
    add_all<GaussianGate<float>, 1, 110>(std::to_string(percent) + " % windows", steps,
                                         even_gates({1, 110, steps, 1}, percent / 100.0));
  }
}

}  // namespace glstm::bench
