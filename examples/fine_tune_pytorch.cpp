// Takes a plain LSTM that was trained in PyTorch, gives it time gates, and trains on until 5 % of
// its neuron updates are left.
//
//     fine_tune_pytorch                                 trains such an LSTM itself first
//     fine_tune_pytorch lstm.safetensors out.safetensors
//
// A file of yours is the state_dict() of a model with an nn.LSTM `lstm` and an nn.Linear `fc`, see
// docs/weights.md. Put your data where the adding task is: two features, one answer at the end.
#include <cstdint>
#include <exception>
#include <filesystem>
#include <iostream>

#include "glstm/data/adding_task.hpp"
#include "glstm/io/network_file.hpp"
#include "glstm/io/pytorch.hpp"
#include "glstm/train/trainer.hpp"
#include "glstm/train/windows_within.hpp"

namespace {

using namespace glstm;
namespace fs = std::filesystem;

constexpr Index steps = 200, samples = 10'000, batch = 50;
constexpr double target_share = 0.05;

/// What PyTorch would do: a plain LSTM for the adding task, as a file.
void write_lstm(const fs::path& path, const Dataset<float>& training, std::uint64_t seed) {
  Lstm<float> network({.inputs = 2, .hidden = {40}, .outputs = 1});
  Rng rng(seed);
  network.initialize({.longest_memory = steps, .gates = {}}, rng);
  Adam<float> optimizer(network.layout(), {.learning_rate = 1e-2});
  constexpr Index epochs = 4, total = epochs * samples / batch;
  Trainer trainer(network, optimizer,
                  {.batch = batch,
                   .epochs = epochs,
                   .schedule = warmup_cosine(total, total / 20, /*final_factor=*/0.05)});
  const EpochReport last = trainer.fit(training);
  write_safetensors(path, to_pytorch(network));
  std::cout << "trained an LSTM in " << last.seconds << " s: " << path.string() << "\n";
}

void print(const char* name, const Evaluation& result) {
  std::cout << name << ": error " << result.task.loss << ", " << 100 * result.work.update_share()
            << " % of the updates, " << result.work.macs / static_cast<double>(result.task.count)
            << " MACs per sequence\n";
}

/// Returns whether the target was met and the error stayed near: at most twice the LSTM's.
bool fine_tune(const fs::path& from, const fs::path& to, const Dataset<float>& training,
               const Dataset<float>& test) {
  const Lstm<float> lstm = load_pytorch<float>(from);
  const Evaluation before = evaluate(lstm, test, 500);
  print("LSTM", before);

  // All gates open, with k of 0.9 and more: nearly the same function.
  GLstm<float> network = add_time_gates(lstm, 0, steps, {}, /*least_openness=*/0.9);
  print("with gates", evaluate(network, test, 500));

  // Widths have a long way, from 3 sequences to a hundredth of one; then centres settle.
  Adam<float> optimizer(network.layout(),
                        {.learning_rate = 5e-3, .time_gate_learning_rate = steps / 50.0});
  constexpr Index epochs = 120, total = epochs * samples / batch;
  BudgetController controller({.target_share = target_share});
  Trainer trainer(
      network, optimizer,
      {.batch = batch, .epochs = epochs, .schedule = exponential_decay(total, /*decay=*/0.01)});
  trainer.control(controller).after_step(WindowsWithin<float>(network, 0, steps));
  const EpochReport last = trainer.fit(training);

  const Evaluation after = evaluate(network, test, 500);
  print("fine-tuned", after);
  save_network(to, network);
  std::cout << "in " << last.seconds << " s: " << to.string() << "\n";
  return after.work.update_share() <= target_share && after.task.loss <= 2 * before.task.loss;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    const std::uint64_t seed = 1;
    const AddingTask<float> training(steps, samples, seed), test(steps, 1'000, seed + 100);
    if (argc == 3) return fine_tune(argv[1], argv[2], training, test) ? 0 : 1;
    const fs::path folder = fs::temp_directory_path();
    write_lstm(folder / "pytorch_lstm.safetensors", training, seed);
    return fine_tune(folder / "pytorch_lstm.safetensors", folder / "fine_tuned.safetensors",
                     training, test)
               ? 0
               : 1;
  } catch (const std::exception& error) {
    std::cerr << "fine_tune_pytorch: " << error.what() << "\n";
    return 2;
  }
}
