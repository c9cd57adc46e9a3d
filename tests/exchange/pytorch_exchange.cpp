// pytorch_exchange CASE FOLDER: answers as the PyTorch model of CASE does, and writes its weights
// back into FOLDER in all formats. pytorch_check.py calls it.
#include <algorithm>
#include <filesystem>
#include <iostream>

#include "exchange/pytorch_case.hpp"
#include "exchange/run_program.hpp"
#include "glstm/compiled.hpp"
#include "glstm/exchange/pytorch.hpp"
#include "glstm/io/network_file.hpp"

namespace {

constexpr double tolerance = 1e-6;

int exchange(const std::filesystem::path& path, const std::filesystem::path& folder) {
  using namespace glstm;
  const Safetensors file = load_safetensors(path);
  const PyTorchCase<float> known(file);
  double largest = 0;
  for (const Readout readout : {Readout::last_step, Readout::every_step}) {
    const Lstm<float> network = known.network(readout);
    for (const Path computed : {Path::scheduled, Path::reference}) {
      largest = std::max(largest, known.difference(network, computed));
    }
  }
  std::cout << largest << '\n';

  const Lstm<float> network = known.network(Readout::last_step);
  save_pytorch(folder / "pytorch.safetensors", network);
  save_network(folder / "full.safetensors", network);
  save_network(folder / "float16.safetensors", network, {.storage = WeightStorage::float16});
  save_network(folder / "int8.safetensors", network, {.storage = WeightStorage::int8});
  return largest <= tolerance ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  return run_program(argc, argv, "pytorch_exchange CASE FOLDER",
                     [](char** arguments) { return exchange(arguments[0], arguments[1]); });
}
