#include "fuzz.hpp"
#include "glstm/core/random.hpp"
#include "glstm/io/file_bytes.hpp"
#include "glstm/io/network_file.hpp"

namespace network_file_fuzz {

namespace {

using namespace glstm;

template <class Gate>
std::string file_with(WeightStorage storage, bool bidirectional) {
  Network<Gate> network(
      {.inputs = 2, .hidden = {2, 1}, .outputs = 1, .bidirectional = bidirectional});
  Rng rng(1);
  network.initialize({.gates = {.start = 0, .end = 9}}, rng);
  const auto path = fuzz::folder() / "whole.safetensors";
  save_network(path, network, {.storage = storage, .metadata = {{"made", "here"}}});
  const auto bytes = read_file_bytes(path);
  return std::string(bytes.begin(), bytes.end());
}

const fuzz::ValidInput full("network_file", [] {
  return file_with<GaussianGate<float>>(WeightStorage::full, false);
});
const fuzz::ValidInput float16("network_file", [] {
  return file_with<PhasedGate<double>>(WeightStorage::float16, false);
});
const fuzz::ValidInput int8("network_file",
                            [] { return file_with<AlwaysOpen<float>>(WeightStorage::int8, true); });

template <class Gate>
bool loads(const std::filesystem::path& path) {
  return fuzz::accepts([&] {
    const Network<Gate> network = load_network<Network<Gate>>(path);
    fuzz::promise(network.parameters.allFinite(), "what is loaded is finite");
    fuzz::promise(network.parameters.size() == inspect_network(path).parameters,
                  "a network has the parameters that its file says");
  });
}

}  // namespace

FUZZ_TARGET(network_file) {
  const auto path = fuzz::file_of(fuzz::text_of(data, size), "input.safetensors");
  const bool described = fuzz::accepts([&] { inspect_network(path); });
  const int kinds = loads<GaussianGate<float>>(path) + loads<PhasedGate<double>>(path) +
                    loads<AlwaysOpen<float>>(path);
  fuzz::promise(kinds <= 1, "a file holds a network of one kind");
  fuzz::promise(described || kinds == 0, "what is loaded can be inspected");
  return 0;
}

}  // namespace network_file_fuzz
