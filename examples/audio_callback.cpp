// A recurrent network in an audio callback: buffers of 64 frames at 48 kHz, so 1.33 ms for each,
// on a thread of its own. A step allocates nothing, takes no lock and makes no system call.
//
// Takes no arguments; measures an LSTM and a g-LSTM for a second each.
#define EIGEN_RUNTIME_NO_MALLOC  // where assertions are on, Eigen ends the program if it allocates
#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <exception>
#include <iostream>
#include <numbers>
#include <span>
#include <thread>
#include <vector>

#include "glstm/core/flush_to_zero.hpp"
#include "glstm/nn/network.hpp"
#include "glstm/streaming/streaming_cell.hpp"

namespace {

using namespace glstm;
using Clock = std::chrono::steady_clock;
using Milliseconds = std::chrono::duration<double, std::milli>;

constexpr double rate = 48'000;
constexpr Index frames = 64, buffers = 750;
constexpr Milliseconds budget(1000 * frames / rate);
constexpr double bar = 0.5;  // s, of the music: the windows of the g-LSTM start again with each

/// One channel, one layer with sizes known at compile time, one output.
template <class Cell>
class Effect {
 public:
  /// Allocates here, before the sound starts.
  template <class Gate>
  Effect(const Network<Gate>& network, const StreamSpan& span)
      : cell_(network.layers()[0], network.parameters, span),
        weights_(network.readout_weights().transpose()),
        bias_(network.readout_bias()(0)) {}

  /// The callback: replaces the buffer by the network's answers.
  void process(std::span<float> buffer) noexcept {
    const FlushToZero flush;  // a decaying sound becomes denormal, which is slow
    for (float& sample : buffer) {
      cell_.step(&sample, static_cast<double>(frame_++) / rate);
      sample = weights_.dot(cell_.hidden()) + bias_;
    }
  }

 private:
  Cell cell_;
  typename Cell::StateVector weights_;
  float bias_;
  std::int64_t frame_ = 0;
};

struct Times {
  Milliseconds sum{0}, worst{0};
  Index late = 0;
};

/// What a sound card does: gives out a buffer every 1.33 ms, and wants it back when the next is
/// due.
template <class Cell>
Times play(Effect<Cell>& effect, std::span<float> sound) {
  const Clock::time_point begin = Clock::now();
  const auto due = [begin](Index b) {
    return begin + std::chrono::duration_cast<Clock::duration>(static_cast<double>(b) * budget);
  };
  Times times;
  Eigen::internal::set_is_malloc_allowed(false);
  for (Index b = 0; b < buffers; ++b) {
    std::this_thread::sleep_until(due(b));
    const Clock::time_point start = Clock::now();
    effect.process(sound.subspan(static_cast<std::size_t>(b * frames), frames));
    const Clock::time_point end = Clock::now();
    times.sum += end - start;
    times.worst = std::max<Milliseconds>(times.worst, end - start);
    if (end > due(b + 1)) ++times.late;
  }
  Eigen::internal::set_is_malloc_allowed(true);
  return times;
}

/// Returns whether a buffer takes less than half of its time, in the mean, and sound comes out.
/// That buffers are late is no failure here: an ordinary thread on a busy machine is woken up when
/// it is too late already. One for sound asks the system for real-time priority.
template <class Cell>
bool measure(const char* name, const StreamSpan& span) {
  using Gate = typename Cell::Gate;
  // Weights of a training would come from load_network (glstm/io/network_file.hpp).
  Network<Gate> network({.inputs = 1, .hidden = {32}, .outputs = 1});
  Rng rng(1);
  network.initialize({.gates = {.end = bar, .open_share = 0.1}}, rng);

  std::vector<float> sound;
  for (Index n = 0; n < buffers * frames; ++n) {
    const double t = static_cast<double>(n) / rate;
    sound.push_back(static_cast<float>(0.5 * std::sin(2 * std::numbers::pi * 220 * t)));
  }
  Effect<Cell> effect(network, span);
  Times times;
  std::thread([&] { times = play(effect, sound); }).join();
  const Milliseconds mean = times.sum / static_cast<double>(buffers);
  std::cout << name << ": " << mean.count() << " ms of computing per buffer, worst "
            << times.worst.count() << " ms, of " << budget.count() << " ms; " << times.late
            << " of " << buffers << " came late\n";

  bool good = true;
  if (mean >= budget / 2) {
    std::cerr << name << ": " << mean.count() << " ms per buffer, expected less than "
              << budget.count() / 2 << " ms\n";
    good = false;
  }
  const auto finite = [](float sample) { return std::isfinite(sample); };
  const auto [lowest, highest] = std::minmax_element(sound.begin(), sound.end());
  if (!std::all_of(sound.begin(), sound.end(), finite) || *lowest == *highest) {
    std::cerr << name << ": expected finite samples that change\n";
    good = false;
  }
  return good;
}

}  // namespace

int main() {
  try {
    const bool lstm = measure<LstmCell<float, 1, 32>>("LSTM  ", {});
    const bool gated = measure<GLstmCell<float, 1, 32>>("g-LSTM", {0, bar, AfterSpan::restart});
    return lstm && gated ? 0 : 1;
  } catch (const std::exception& error) {
    std::cerr << "audio_callback: " << error.what() << "\n";
    return 2;
  }
}
