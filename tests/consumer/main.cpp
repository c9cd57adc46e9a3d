// Runs a small g-LSTM on a stream; once all its time gates have closed, its answer must stay.
#include <glstm/glstm.hpp>
#include <iostream>

int main() {
  using namespace glstm;
  GLstm<float> network({.inputs = 1, .hidden = {8}, .outputs = 1});
  Rng rng(1);
  network.initialize({.gates = {.end = 20, .open_share = 0.3}}, rng);

  StreamingNetwork stream(network);
  const float input = 1;
  for (int time = 0; time < 20; ++time) stream.step(&input, time);
  const float answer = stream.output()(0);
  stream.step(&input, 1000);

  std::cout << "glstm " << version_string << ": " << answer << '\n';
  return answer != 0 && stream.output()(0) == answer ? 0 : 1;
}
