// Saves a network; load.cpp, which includes the same headers, must read back what it was.
#include <filesystem>
#include <iostream>

#include "all_headers.hpp"

glstm::Vector<float> parameters_in(const std::filesystem::path& path);

int main() {
  using namespace glstm;
  GLstm<float> network({.inputs = 1, .hidden = {4}, .outputs = 1});
  Rng rng(1);
  network.initialize({.gates = {.end = 20}}, rng);
  save_network("saved.safetensors", network);
  try {  // what reads images is linked to zlib and libpng
    load_cifar10<float>("absent", Split::test);
    return 1;
  } catch (const Error&) {
  }
  const bool same = parameters_in("saved.safetensors") == network.parameters;
  std::cout << "glstm " << version_string << (same ? ": loaded as saved" : ": not as saved")
            << '\n';
  return same ? 0 : 1;
}
