#include "fuzz.hpp"
#include "glstm/core/random.hpp"
#include "glstm/exchange/rtneural.hpp"

namespace rtneural_fuzz {

namespace {

using namespace glstm;

const fuzz::ValidInput model("rtneural", [] {
  Lstm<float> network({.inputs = 2, .hidden = {2, 1}, .outputs = 1});
  Rng rng(1);
  network.initialize({}, rng);
  return to_rtneural(network);
});

}  // namespace

FUZZ_TARGET(rtneural) {
  fuzz::accepts([&] {
    const Lstm<float> network = from_rtneural<Lstm<float>>(fuzz::text_of(data, size), "input");
    fuzz::promise(network.parameters.allFinite(), "what is loaded is finite");
    if (network.options().input_skip) return;  // which is not written
    // What is written comes back the same.
    const Lstm<float> again = from_rtneural<Lstm<float>>(to_rtneural(network), "what was written");
    fuzz::promise(again.parameters == network.parameters, "what is written comes back");
  });
  return 0;
}

}  // namespace rtneural_fuzz
