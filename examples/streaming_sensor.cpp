// A sensor that is read one sample at a time. In every cycle of a machine something happens around
// a known time, and the time gates of the network are open then. A program that asks next_event
// sleeps until they are; beside it, one that wakes up for every sample. Both give the same answers.
//
// Takes no arguments. The sensor's clock runs 30 times as fast as ours.
#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <ctime>
#include <exception>
#include <iostream>
#include <numbers>
#include <span>
#include <thread>
#include <vector>

#include "glstm/glstm.hpp"

namespace {

using namespace glstm;
using Clock = std::chrono::steady_clock;
using Seconds = std::chrono::duration<double>;

constexpr double pause = 0.01, speed = 30;  // s of the sensor between samples; its s in one of ours
constexpr Index cycle = 500;                // samples: 5 s
constexpr double duration = pause * static_cast<double>(cycle);

/// The pressure in a machine during one cycle. What counts is the pulse of 0.2 s that starts 3.0 to
/// 3.4 s after the beginning; the rest is noise.
struct MachineCycle {
  explicit MachineCycle(std::uint64_t seed) {
    Rng rng(seed);
    height = static_cast<float>(rng.uniform());
    const double start = rng.uniform(3.0, 3.4);
    for (Index n = 0; n < cycle; ++n) {
      const double since = (pause * static_cast<double>(n) - start) / 0.2;
      const double pulse = since > 0 && since < 1 ? std::sin(std::numbers::pi * since) : 0;
      pressure.push_back(static_cast<float>(height * pulse + 0.02 * rng.normal()));
    }
  }
  float height;
  std::vector<float> pressure;
};

/// Cycles to train on: the answer, after the last sample, is the height of the pulse.
class Cycles final : public Dataset<float> {
 public:
  Index size() const override { return 1000; }

  void load(std::span<const Index> samples, LabelledBatch<float>& batch) const override {
    const Index B = static_cast<Index>(samples.size());
    batch.input = SequenceBatch<float>::zeros(B, cycle, /*features=*/1);
    batch.input.timing.timestamps.resize(1, cycle);  // the same for all
    for (Index n = 0; n < cycle; ++n) {
      batch.input.timing.timestamps(0, n) = pause * static_cast<double>(n);
    }
    batch.targets.values.resize(B, 1);
    for (Index b = 0; b < B; ++b) {
      const Index sample = samples[static_cast<std::size_t>(b)];
      const MachineCycle one(static_cast<std::uint64_t>(sample));
      batch.input.values.row(b) = Eigen::RowVectorXf::Map(one.pressure.data(), cycle);
      batch.targets.values(b, 0) = one.height;
    }
  }
};

GLstm<float> train() {
  GLstm<float> network({.inputs = 1, .hidden = {24}, .outputs = 1});
  Rng rng(1);
  network.initialize({.gates = {.start = 3.0, .end = 3.6, .open_share = 0.4}}, rng);
  Adam<float> optimizer(network.layout(), {.learning_rate = 1e-2, .time_gate_learning_rate = 1e-4});
  Trainer(network, optimizer, {.batch = 50, .epochs = 20}).fit(Cycles());
  return network;
}

struct Run {
  Index wakes = 0;             ///< one for every step
  double cpu = 0;              ///< s of our clock
  std::vector<float> answers;  ///< one for every cycle
};

/// The first sample at time t or later, of so many.
Index first_sample(double t, Index samples) {
  if (!(t < pause * static_cast<double>(samples))) return samples;  // it may be infinite
  Index n = static_cast<Index>(t / pause);
  while (pause * static_cast<double>(n) < t) ++n;
  return n;
}

/// Reads the sensor during `cycles`, as they happen. Every sample, or those that matter.
Run follow(const GLstm<float>& network, const std::vector<MachineCycle>& cycles, bool every) {
  // Time starts again with every cycle.
  StreamingNetwork stream(network, {0, duration, AfterSpan::restart});
  Run run;
  const std::clock_t cpu_begin = std::clock();
  const Clock::time_point begin = Clock::now();
  const Index samples = cycle * static_cast<Index>(cycles.size());
  for (Index n = 0; n < samples;) {
    const double t = pause * static_cast<double>(n);
    std::this_thread::sleep_until(begin +
                                  std::chrono::duration_cast<Clock::duration>(Seconds(t / speed)));
    ++run.wakes;

    const float& x =
        cycles[static_cast<std::size_t>(n / cycle)].pressure[static_cast<std::size_t>(n % cycle)];
    stream.step(&x, t);

    Index next = n + 1;
    if (!every) {
      const NextEvent event = stream.next_event(t);
      if (!event.open) next = std::max(next, first_sample(event.time, samples));
    }
    // The cycles that end before the next sample have their answers. Training began each of them
    // with a state of zero.
    for (Index c = n / cycle; c < next / cycle; ++c) {
      run.answers.push_back(stream.output()(0));
      stream.reset();
    }
    n = next;
  }
  run.cpu = static_cast<double>(std::clock() - cpu_begin) / CLOCKS_PER_SEC;
  return run;
}

void print(const char* name, const Run& run) {
  std::cout << name << ": woke up " << run.wakes << " times, CPU time " << 1000 * run.cpu
            << " ms\n";
}

}  // namespace

int main() {
  try {
    const GLstm<float> network = train();
    std::vector<MachineCycle> cycles;
    for (std::uint64_t seed = 1'000'000; cycles.size() < 6; ++seed) cycles.emplace_back(seed);

    const Run every = follow(network, cycles, /*every=*/true);
    const Run woken = follow(network, cycles, /*every=*/false);
    print("every sample ", every);
    print("next_event   ", woken);
    double largest = 0;
    for (std::size_t i = 0; i < cycles.size(); ++i) {
      std::cout << "cycle " << i << ": height " << cycles[i].height << ", answers "
                << every.answers[i] << " and " << woken.answers[i] << "\n";
      largest = std::max(largest, std::abs(double{cycles[i].height} - double{woken.answers[i]}));
    }

    int status = 0;
    if (woken.answers != every.answers) {
      std::cerr << "other answers, expected the same of both\n";
      status = 1;
    }
    if (!(largest < 0.1)) {
      std::cerr << "answers off by up to " << largest << ", expected less than 0.1\n";
      status = 1;
    }
    if (4 * woken.wakes >= every.wakes) {
      std::cerr << "woke up " << woken.wakes << " times, expected less than a quarter of "
                << every.wakes << "\n";
      status = 1;
    }
    return status;
  } catch (const std::exception& error) {
    std::cerr << "streaming_sensor: " << error.what() << "\n";
    return 2;
  }
}
