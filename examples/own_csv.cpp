// Trains on sequences of your own, from a CSV file, and tests on a part of them that was held out.
//
//     own_csv                              an example, which it writes to the temporary folder
//     own_csv mine.csv net.safetensors     yours; the new file that the network goes to
//
// A file has a header line, and a row for every step: the columns `sequence` (rows with the same
// text there are one sequence), `label` (its class, 0, 1, ...), `timestamp` if you have one, and
// features, on a scale of about 1. For numbers to predict instead of a label, see
// docs/your-own-data.md.
#include <cmath>
#include <exception>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <memory>
#include <numbers>
#include <utility>
#include <vector>

#include "glstm/data/csv_sequences.hpp"
#include "glstm/data/prepare_sequences.hpp"
#include "glstm/glstm.hpp"
#include "glstm/io/network_file.hpp"
#include "new_file.hpp"

namespace {

using namespace glstm;

/// 400 machines that start, each measured 60 to 120 times at uneven intervals. Those of class 1
/// vibrate faster from 4 s on.
void write_example(const std::filesystem::path& path) {
  std::ofstream file(path);
  file.precision(9);
  file << "sequence,timestamp,vibration,temperature,label\n";
  Rng rng(1);
  for (int machine = 0; machine < 400; ++machine) {
    const int label = machine % 2;
    const Index measurements = 60 + rng.below(61);
    double phase = rng.uniform(0, 2 * std::numbers::pi), time = rng.uniform(0, 86'400);  // s
    const double start = time;
    for (Index n = 0; n < measurements; ++n) {
      const double pause = rng.uniform(0.08, 0.12);
      phase += pause * (label == 1 && time > start + 4 ? 8 : 6);
      file << "machine-" << machine << ',' << time << ',' << std::sin(phase) + 0.1 * rng.normal()
           << ',' << 0.1 * (time - start) + 0.1 * rng.normal() << ',' << label << '\n';
      time += pause;
    }
  }
  if (!file.flush()) throw Error("cannot write " + path.string());
}

/// Trains on four fifths of the file, tests on the rest and saves the network. Returns the share of
/// right answers in the test.
double run(const std::filesystem::path& csv, const std::filesystem::path& saved) {
  Sequences data = read_csv_sequences(csv);
  use_clock(data, ClockKind::own);  // but not if what matters happens at a time of day, say
  const double first_time = data.first_time(), duration = data.last_time() - first_time;
  std::cout << csv.string() << ": " << data.size() << " sequences of up to " << data.longest()
            << " steps, in " << duration << " units of time, " << data.features() << " features, "
            << data.classes() << " classes\n";
  if (data.size() < 5 || !(duration > 0) || data.classes() < 2 || data.classes() > data.size()) {
    throw Error(csv.string() + ": expected 5 sequences or more, steps at different times, and " +
                "labels of 2 classes or more, but not of more classes than sequences");
  }

  Rng rng(1);
  const std::vector<Index> order = rng.permutation(data.size());
  const auto border = order.begin() + data.size() / 5;
  scale_sequences(data, fit_scaling(data, {border, order.end()}, ScalingKind::standard));

  GLstm<float> network({.inputs = data.features(),
                        .hidden = {48},
                        .outputs = data.classes(),
                        .loss = cross_entropy,
                        .time_origin = first_time});
  network.data = data.description;  // the scaling and the names of the classes, saved with it
  const auto all = std::make_shared<SequenceDataset<float>>(std::move(data));
  const Subset<float> test(all, {order.begin(), border}), training(all, {border, order.end()});
  // Windows are spread over the whole time. Theirs counts from the time origin, so that they are
  // small numbers even where the file's are seconds since 1970.
  network.initialize({.gates = {.end = duration, .open_share = 0.2}}, rng);
  Adam<float> optimizer(network.layout(),
                        {.learning_rate = 1e-2, .time_gate_learning_rate = duration / 4000});
  ProgressBar<float> progress(std::cout, /*terminal=*/false);
  Trainer trainer(network, optimizer, {.batch = 20, .epochs = 15});
  trainer.after_step(WindowsWithin<float>(network, 0, duration))
      .add_callback(progress)
      .fit(training);

  const Evaluation result = evaluate(network, test, /*batch_size=*/100);
  const double right = result.accuracy();
  std::cout << "held out: " << 100 * right << " % of " << test.size() << " right, with "
            << 100 * result.ops.update_share() << " % of the updates\n";

  save_network(saved, network);
  // Without LoadedScaling::apart, the network takes the numbers of the file, before scaling.
  const auto again = load_network<GLstm<float>>(saved, LoadedScaling::apart);
  if (again.parameters != network.parameters) throw Error("the file holds another network");
  std::cout << "saved as " << saved.string() << "\n";
  return right;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    if (argc == 3) {
      expect_new_file(argv[2]);
      run(argv[1], argv[2]);
      return 0;
    }
    if (argc != 1) throw Error("expected a CSV file and a file for the network, or nothing");
    const std::filesystem::path folder = std::filesystem::temp_directory_path();
    write_example(folder / "own_csv.csv");
    const double right = run(folder / "own_csv.csv", folder / "own_csv.safetensors");
    if (right > 0.9) return 0;
    std::cerr << 100 * right << " % right, expected more than 90 %\n";
    return 1;
  } catch (const std::exception& error) {
    std::cerr << "own_csv: " << error.what() << "\n";
    return 2;
  }
}
