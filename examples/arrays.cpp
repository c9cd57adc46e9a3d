// Learns classes from arrays, and predicts those of new sequences.
#include <cmath>
#include <glstm/glstm.hpp>
#include <iostream>
#include <vector>

using namespace glstm;

/// Appends a wave of 100 steps of 2 features, the second of which is noise.
void append_wave(double frequency, Rng& rng, std::vector<float>& x) {
  const double phase = rng.uniform(0, 6.28);
  for (int n = 0; n < 100; ++n) {
    x.push_back(static_cast<float>(std::sin(frequency * n + phase)));
    x.push_back(static_cast<float>(rng.normal()));
  }
}

int main() {
  Rng rng(1);
  std::vector<float> x, x_new;  // [N,T,I]: 600 and 2 sequences, 100 steps, 2 features
  std::vector<int> labels;      // [N]: 0, 1 or 2
  for (int s = 0; s < 600; ++s) {
    labels.push_back(s % 3);
    append_wave(0.3 + 0.1 * labels.back(), rng, x);
  }
  append_wave(0.3, rng, x_new);
  append_wave(0.5, rng, x_new);

  const ArrayDataset<float> data(x, labels, {.features = 2});
  const auto [training, test] = split(data, 0.8, rng);
  GLstm<float> network({.inputs = 2, .hidden = {64}, .outputs = 3, .loss = cross_entropy});
  network.initialize({.gates = {.end = data.last_time(), .open_share = 0.1}}, rng);
  fit(network, training, {.epochs = 20, .progress = std::cout});
  const Evaluation result = evaluate(network, test);
  std::cout << "accuracy " << result.accuracy() << ", updates " << result.ops.update_share()
            << "\n";

  const ArrayDataset<float> fresh(x_new, {.features = 2, .steps = 100});
  for (const int label : predict_classes(network, fresh)) std::cout << "class " << label << "\n";
}
