// Trains a g-LSTM on the adding task: keep two marked numbers out of 500, answer their sum.
#include <glstm/glstm.hpp>
#include <iostream>

int main() {
  using namespace glstm;
  const Index steps = 500;
  const AddingTask<float> training(steps, 10'000, /*seed=*/1), test(steps, 1'000, /*seed=*/2);

  GLstm<float> network({.inputs = 2, .hidden = {64}, .outputs = 1});
  Rng rng(1);
  network.initialize({.gates = {.end = steps, .open_share = 0.08}}, rng);

  Adam<float> optimizer(network.layout(), {.learning_rate = 5e-3, .time_gate_learning_rate = 0.5});
  Trainer trainer(network, optimizer, {.batch = 100, .epochs = 15});
  ProgressBar<float> progress(std::cout, /*terminal=*/false);
  trainer.add_callback(progress).fit(training);

  const Evaluation result = evaluate(network, test, /*batch_size=*/500);
  std::cout << "test loss " << result.loss()
            << " (answering 0: " << AddingTask<float>::target_variance << "), neuron updates saved "
            << 100 * (1 - result.ops.update_share()) << " %\n";
}
