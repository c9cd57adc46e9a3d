#include "glstm/exchange/guitarml.hpp"

#include "fuzz.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace glstm;
  fuzz::accepts([&] {
    const Lstm<float> network = from_guitarml<Lstm<float>>(fuzz::text_of(data, size), "input");
    fuzz::promise(network.parameters.allFinite(), "what is loaded is finite");
    fuzz::promise(network.options().readout == Readout::every_step, "every step is answered");
  });
  return 0;
}
