#include "glstm/exchange/lstm_weights.hpp"

#include <filesystem>

#include "catch.hpp"
#include "glstm/exchange/keras.hpp"
#include "glstm/exchange/pytorch.hpp"
#include "glstm/exchange/rtneural.hpp"
#include "glstm/io/network_file.hpp"
#include "glstm/nn/convert.hpp"
#include "io/random_network.hpp"
#include "io/same_network.hpp"
#include "temporary_folder.hpp"

namespace lstm_weights_test {

using namespace glstm;

TEMPLATE_TEST_CASE("the plain LSTM of a finished curriculum goes out through all formats", "",
                   GaussianGate<float>, GaussianGate<double>, PhasedGate<float>,
                   PhasedGate<double>) {
  using Gate = TestType;
  using Scalar = typename Gate::Scalar;
  const TemporaryFolder folder;
  for (const bool bidirectional : {false, true}) {
    CAPTURE(bidirectional);
    const Network<Gate> network = random_network<Gate>(
        {.inputs = 2, .hidden = {4, 4}, .outputs = 3, .bidirectional = bidirectional}, 4);
    const Lstm<Scalar> plain = without_gates(network);
    const auto check = [&](const Lstm<Scalar>& back) {
      check_same_shape(back, plain);
      CHECK(same_bits(back.parameters, plain.parameters));
      CHECK(difference(back, plain) == 0);
    };
    save_network(folder / "network", plain);
    check(load_network<Lstm<Scalar>>(folder / "network"));
    save_pytorch(folder / "pytorch", plain);
    check(load_pytorch<Lstm<Scalar>>(folder / "pytorch"));
    save_keras(folder / "keras", plain);
    check(load_keras<Lstm<Scalar>>(folder / "keras"));
    if (bidirectional) continue;
    save_rtneural(folder / "rtneural", plain);
    check(load_rtneural<Lstm<Scalar>>(folder / "rtneural", {.readout = Readout::last_step}));
  }
}

TEST_CASE("an imported LSTM becomes a g-LSTM that is nearly the same function") {
  const auto network = random_network<AlwaysOpen<float>>({.inputs = 2, .hidden = {4, 4}}, 4);
  const Lstm<float> imported = from_pytorch<Lstm<float>>(to_pytorch(network));
  const GLstm<float> gated = add_time_gates(imported, 0, 2 * time_span, {}, 0.999);
  CHECK(difference(imported, gated) < 1e-2);
  CHECK(difference(imported, gated) > 0);
}

}  // namespace lstm_weights_test
