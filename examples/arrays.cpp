// Learns classes from arrays of the user's own, and answers to new ones: docs/first-program.md.
#include <glstm/glstm.hpp>
#include <iostream>
#include <vector>

using namespace glstm;

int main() {
  // 500 sequences of 100 steps of 3 features: noise, and a bump in one feature, which is the class.
  Rng rng(1);
  std::vector<float> x(500 * 100 * 3);
  std::vector<int> labels(500);
  for (float& value : x) value = static_cast<float>(rng.normal());
  for (std::size_t s = 0; s < labels.size(); ++s) {
    labels[s] = static_cast<int>(rng.below(3));
    for (std::size_t n = 40; n < 50; ++n)
      x[(s * 100 + n) * 3 + static_cast<std::size_t>(labels[s])] += 2;
  }

  const ArrayDataset<float> data(x, labels, {.features = 3});  // x [N,T,I], labels [N]
  const auto [training, test] = split(data, 0.8, rng);
  GLstm<float> network({.inputs = 3, .hidden = {64}, .outputs = 3, .loss = cross_entropy});
  network.initialize({.gates = {.end = data.last_time(), .open_share = 0.1}}, rng);
  fit(network, training, {.epochs = 20, .progress = std::cout});
  std::cout << "accuracy " << evaluate(network, test).accuracy() << "\n";

  const ArrayDataset<float> fresh(std::vector<float>(x.begin(), x.begin() + 600),
                                  {.features = 3, .steps = 100});
  const std::vector<int> classes = predict_classes(network, fresh);
  std::cout << "classes of the first two: " << classes[0] << ", " << classes[1]
            << " (right: " << labels[0] << ", " << labels[1] << ")\n";
}
