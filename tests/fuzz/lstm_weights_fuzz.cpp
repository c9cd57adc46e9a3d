// PyTorch's and Keras' weights, which are safetensors files with names and shapes of their own.
#include "fuzz.hpp"
#include "glstm/core/random.hpp"
#include "glstm/exchange/keras.hpp"
#include "glstm/exchange/pytorch.hpp"

namespace lstm_weights_fuzz {

namespace {

using namespace glstm;

Lstm<float> small_network(bool bidirectional) {
  Lstm<float> network(
      {.inputs = 2, .hidden = {2, 2}, .outputs = 1, .bidirectional = bidirectional});
  Rng rng(1);
  network.initialize({}, rng);
  return network;
}

const fuzz::ValidInput pytorch("lstm_weights",
                               [] { return format_safetensors(to_pytorch(small_network(true))); });
const fuzz::ValidInput keras("lstm_weights",
                             [] { return format_safetensors(to_keras(small_network(false))); });

void check(const Lstm<float>& network, std::size_t size) {
  fuzz::promise(network.parameters.allFinite(), "what is loaded is finite");
  fuzz::promise(static_cast<std::size_t>(network.parameters.size()) <= 16 * size,
                "a network is no larger than its file justifies");
}

}  // namespace

FUZZ_TARGET(lstm_weights) {
  Safetensors file;
  if (!fuzz::accepts([&] { file = parse_safetensors(fuzz::text_of(data, size), "input"); })) {
    return 0;
  }
  fuzz::accepts([&] { check(from_pytorch<Lstm<float>>(file), size); });
  fuzz::accepts([&] { check(from_pytorch<Lstm<float>>(file, {.linear = ""}), size); });
  fuzz::accepts([&] { check(from_keras<Lstm<float>>(file), size); });
  return 0;
}

}  // namespace lstm_weights_fuzz
