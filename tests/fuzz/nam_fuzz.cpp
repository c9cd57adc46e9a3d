#include "glstm/exchange/nam.hpp"

#include "fuzz.hpp"

namespace nam_fuzz {

FUZZ_TARGET(nam) {
  using namespace glstm;
  fuzz::accepts([&] {
    const Lstm<float> network = from_nam<Lstm<float>>(fuzz::text_of(data, size), "input");
    fuzz::promise(network.parameters.allFinite(), "what is loaded is finite");
    fuzz::promise(network.options().readout == Readout::every_step, "every step is answered");
  });
  return 0;
}

}  // namespace nam_fuzz
