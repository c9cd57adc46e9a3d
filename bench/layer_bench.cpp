// What skipping saves: one layer, 1 input, 110 neurons, 784 steps, batch 128, one thread, float.
// The opponent is our own dense LSTM: the same code with gates that are always open. Percentages
// are window lengths; the ends of the sequence cut some windows, see the counter `updates`.
#include <benchmark/benchmark.h>

#include <map>
#include <string>

#include "glstm/glstm.hpp"

namespace {

using namespace glstm;

constexpr Index inputs = 1, hidden = 110, steps = 784, batch = 128;

template <TimeGate Gate>
struct Setup {
  ParameterLayout layout;
  Layer<Gate> layer{layout, "", inputs, hidden};
  Vector<float> parameters, gradient;
  SequenceBatch<float> input = SequenceBatch<float>::zeros(batch, steps, inputs);
  LayerTape<float> tape;
  State<float> final_state;

  explicit Setup(double open_share) : parameters(layout.size()), gradient(layout.size()) {
    Rng rng(1);
    for (float& value : parameters) value = static_cast<float>(0.1 * rng.normal());
    for (float& value : input.values.reshaped()) value = static_cast<float>(rng.normal());
    Matrix<float> gates = layer.gate_parameters(parameters);
    Gate::initialize({.start = 0, .end = steps, .open_share = open_share}, layer.gate_options(),
                     rng, gates);
    layer.gate_parameters(parameters) = gates;
  }

  void forward(Keep keep) {
    layer.forward(parameters, input.values, input.timing, nullptr, final_state, nullptr, tape,
                  keep);
    benchmark::DoNotOptimize(final_state.h.data());
  }

  void backward() {
    gradient.setZero();
    State<float> adjoint = final_state;  // the gradient of |h|^2 / 2
    adjoint.c.setZero();
    layer.backward(parameters, input.timing, tape, nullptr, 0.0f, adjoint, nullptr, gradient);
    benchmark::DoNotOptimize(gradient.data());
  }
};

template <TimeGate Gate>
void inference(benchmark::State& state, double open_share) {
  const FlushToZero flush;
  Setup<Gate> setup(open_share);
  setup.forward(Keep::nothing);  // allocates
  for (auto _ : state) setup.forward(Keep::nothing);
  const Work work = setup.tape.work();
  state.counters["updates"] = work.update_share();
  state.counters["macs"] = work.macs / work.dense_macs;
}

template <TimeGate Gate>
void training_step(benchmark::State& state, double open_share) {
  const FlushToZero flush;
  Setup<Gate> setup(open_share);
  setup.forward(Keep::tape);  // allocates
  for (auto _ : state) {
    setup.forward(Keep::tape);
    setup.backward();
  }
  const Work work = setup.tape.work();
  state.counters["updates"] = work.update_share();
  state.counters["macs"] = work.macs / work.dense_macs;
  state.counters["tape"] = work.tape_bytes / work.dense_tape_bytes;
}

/// Prints as usual, and remembers the medians for the table of ratios.
class Medians : public benchmark::ConsoleReporter {
 public:
  void ReportRuns(const std::vector<Run>& runs) override {
    benchmark::ConsoleReporter::ReportRuns(runs);
    for (const Run& run : runs) {
      if (run.aggregate_name == "median") {
        milliseconds_[run.run_name.function_name] = run.GetAdjustedRealTime();
      }
    }
  }

  void print_ratios() const {
    std::printf("\nTimes faster than the dense LSTM (medians):\n");
    for (const char* what : {"inference", "training_step"}) {
      const auto dense = milliseconds_.find(std::string(what) + "/lstm");
      for (const auto& [name, time] : milliseconds_) {
        if (dense == milliseconds_.end() || name.rfind(what, 0) != 0) continue;
        std::printf("  %-24s %8.2f ms  %6.1f x\n", name.c_str(), time, dense->second / time);
      }
    }
  }

 private:
  std::map<std::string, double> milliseconds_;
};

void add(const std::string& name, void (*run)(benchmark::State&, double), double open_share) {
  benchmark::RegisterBenchmark(name.c_str(), run, open_share)
      ->Unit(benchmark::kMillisecond)
      ->Repetitions(5)
      ->ReportAggregatesOnly(true);
}

}  // namespace

int main(int argc, char** argv) {
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 1;
  add("inference/lstm", inference<AlwaysOpen<float>>, 1);
  add("training_step/lstm", training_step<AlwaysOpen<float>>, 1);
  for (const int percent : {50, 20, 10, 5, 2, 1}) {
    const std::string name =
        "/glstm " + std::string(percent < 10 ? " " : "") + std::to_string(percent) + " %";
    add("inference" + name, inference<GaussianGate<float>>, percent / 100.0);
    add("training_step" + name, training_step<GaussianGate<float>>, percent / 100.0);
  }
  Medians medians;
  benchmark::RunSpecifiedBenchmarks(&medians);
  medians.print_ratios();
}
