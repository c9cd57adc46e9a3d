#include "glstm/exchange/guitarml.hpp"

#include "fuzz.hpp"

namespace guitarml_fuzz {

FUZZ_TARGET(guitarml) {
  using namespace glstm;
  fuzz::accepts([&] {
    const Lstm<float> network = from_guitarml<Lstm<float>>(fuzz::text_of(data, size), "input");
    fuzz::promise(network.parameters.allFinite(), "what is loaded is finite");
    fuzz::promise(network.options().readout == Readout::every_step, "every step is answered");
  });
  return 0;
}

}  // namespace guitarml_fuzz
