// Saves a network and loads it; io_second.cpp includes the same headers.
#include <iostream>
#include <string>

#include "all_headers.hpp"

std::string version_elsewhere();

int main() {
  using namespace glstm;
  GLstm<float> network({.inputs = 1, .hidden = {4}, .outputs = 1});
  Rng rng(1);
  network.initialize({.gates = {.end = 20}}, rng);
  save_network("saved.safetensors", network);
  const auto loaded = load_network<GLstm<float>>("saved.safetensors");

  try {  // what reads images is linked to zlib and libpng
    load_cifar10<float>("absent", Split::test);
    return 1;
  } catch (const Error&) {
  }

  std::cout << "glstm " << version_elsewhere() << ": loaded " << loaded.parameters.size()
            << " numbers\n";
  return loaded.parameters == network.parameters ? 0 : 1;
}
