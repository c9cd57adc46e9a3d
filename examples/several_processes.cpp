// Several processes train one network together, on one machine or many: each does its part of every
// batch, and all take the same step. Needs MPI (Debian: libopenmpi-dev).
//
//     mpirun -n 2 several_processes                     the network goes to the temporary folder
//     mpirun -n 2 several_processes net.safetensors     to that new file
//
// The result is the same to the bit for 1, 2 and 4 processes.
#include <exception>
#include <filesystem>
#include <iostream>

#include "glstm/distributed/mpi_group.hpp"
#include "glstm/glstm.hpp"
#include "glstm/io/network_file.hpp"
#include "new_file.hpp"

namespace {

using namespace glstm;

/// Runs in every process. Returns whether the task was learned.
bool run(const std::filesystem::path& file, MpiGroup& group) {
  const bool first = group.rank() == 0;  // the one that prints and saves
  const Index steps = 200;
  const AddingTask<float> training(steps, 10'000, /*seed=*/1), test(steps, 1'000, /*seed=*/2);

  // The same in all of them.
  GLstm<float> network({.inputs = 2, .hidden = {64}, .outputs = 1});
  Rng rng(1);
  network.initialize({.gates = {.end = steps, .open_share = 0.08}}, rng);
  Adam<float> optimizer(network.layout(), {.learning_rate = 5e-3, .time_gate_learning_rate = 0.1});

  // 4 shards of 32 sequences in a batch: up to 4 processes can share it.
  Trainer trainer(network, optimizer, {.batch = 128, .epochs = 12, .shards = 4}, &group);
  ProgressBar<float> progress(std::cout, /*terminal=*/false);
  if (first) trainer.add_callback(progress);
  trainer.fit(training);

  const Evaluation result = evaluate(network, test, /*batch_size=*/125, /*threads=*/1, &group);
  const bool learned = result.task.loss < 0.01;
  if (first) {
    save_network(file, network);
    std::cout << group.size() << " processes: test loss " << result.task.loss
              << " (answering 0: " << AddingTask<float>::target_variance << "), "
              << 100 * result.ops.update_share() << " % of the updates, saved as " << file.string()
              << "\n";
    if (!learned) std::cerr << "test loss " << result.task.loss << ", expected below 0.01\n";
  }
  return learned;
}

}  // namespace

int main(int argc, char** argv) {
  const MpiSession session(argc, argv);
  MpiGroup group;
  try {
    if (argc > 2) throw Error("expected a file for the network, or nothing");
    namespace fs = std::filesystem;
    fs::path file = fs::temp_directory_path() / "several_processes.safetensors";
    if (argc == 2) {
      file = argv[1];
      if (group.rank() == 0) expect_new_file(file);
    }
    return run(file, group) ? 0 : 1;
  } catch (const std::exception& error) {
    // The others may wait for this process: an error ends them all.
    std::cerr << "several_processes, process " << group.rank() << ": " << error.what() << "\n";
    MpiSession::abort(2);
  }
}
