// A network's training step and prediction on one thread and on two.
#include <benchmark/benchmark.h>

#include "glstm_sequence.hpp"
#include "suite.hpp"

namespace glstm::bench {
namespace {

/// The network of sequential MNIST, ten classes, on random data.
template <TimeGate Gate>
struct Classifier {
  Network<Gate> network;
  LabelledBatch<float> batch;
  Vector<float> gradient;
  Matrix<float> answers;

  Classifier(const Shape& shape, const Matrix<float>& gates)
      : network({.inputs = shape.inputs,
                 .hidden = {shape.hidden},
                 .outputs = 10,
                 .loss = cross_entropy}) {
    Rng rng(1);
    network.initialize({.gates = {.start = 0, .end = static_cast<double>(shape.steps)}}, rng);
    network.layers()[0].gate_parameters(network.parameters) = gates;
    batch.input = SequenceBatch<float>::zeros(shape.batch, shape.steps, shape.inputs);
    for (float& value : batch.input.values.reshaped()) value = static_cast<float>(rng.normal());
    batch.targets.labels.resize(shape.batch, 1);
    for (Index b = 0; b < shape.batch; ++b) batch.targets.labels(b, 0) = static_cast<int>(b % 10);
    gradient.setZero(network.layout().size());
  }
};

template <TimeGate Gate>
void train(benchmark::State& state, const Shape& shape, const Matrix<float>& gates, Index threads) {
  const FlushToZero flush;
  Classifier<Gate> classifier(shape, gates);
  BatchWorkers<Gate> workers(threads);
  const auto step = [&] {
    classifier.gradient.setZero();
    workers.add_gradient(classifier.network, classifier.batch, 0, classifier.gradient);
  };
  step();  // allocates
  for (auto _ : state) step();
}

template <TimeGate Gate>
void predict(benchmark::State& state, const Shape& shape, const Matrix<float>& gates,
             Index threads) {
  const FlushToZero flush;
  Classifier<Gate> classifier(shape, gates);
  BatchWorkers<Gate> workers(threads);
  const auto step = [&] {
    workers.predict(classifier.network, classifier.batch.input, classifier.answers);
  };
  step();  // allocates
  for (auto _ : state) step();
}

template <TimeGate Gate>
void add(const std::string& name, const Shape& shape, const Matrix<float>& gates) {
  for (const Index threads : {1, 2}) {
    const auto add_one = [&](const std::string& what, auto run) {
      benchmark::RegisterBenchmark(
          ("threads/" + what + ", " + name + '/' + std::to_string(threads)).c_str(),
          [=](benchmark::State& state) { run(state, shape, gates, threads); })
          ->Unit(benchmark::kMillisecond)
          ->UseRealTime();
    };
    add_one("training step", train<Gate>);
    add_one("inference", predict<Gate>);
  }
}

}  // namespace

void add_thread_benchmarks(const SuiteOptions& options) {
  for (const Index batch : {128, 100}) {
    Shape shape = sequence_shapes[0];
    shape.batch = batch;
    if (options.quick) shape = shape.shortened();
    const std::string samples = ", batch " + std::to_string(batch);
    add<AlwaysOpen<float>>("always open" + samples, shape, Matrix<float>(shape.hidden, 0));
    add<GaussianGate<float>>("10 % windows" + samples, shape, even_gates(shape, 0.1));
    add<GaussianGate<float>>("2 % windows" + samples, shape, even_gates(shape, 0.02));
  }
}

}  // namespace glstm::bench
