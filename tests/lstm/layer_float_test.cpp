// A layer in float against the reference path in double.
#include "catch.hpp"
#include "glstm/lstm/layer.hpp"
#include "layer_problem.hpp"

namespace layer_float_test {

using namespace glstm;
using namespace layer_problem;

TEST_CASE("the scheduled path in float agrees with the reference in double") {
  for (std::uint64_t seed = 500; seed < 530; ++seed) {
    Rng rng(seed);
    Shape shape = random_shape(rng);
    shape.origin = 0;
    INFO("seed " << seed << ": " << shape);
    Problem<GaussianGate<double>> exact(shape, rng);
    // Everything a float can hold, so that both see the same gates.
    const auto round = [](auto& values) {
      values = values.template cast<float>().template cast<double>().eval();
    };
    round(exact.parameters);
    round(exact.timing.timestamps);
    Problem<GaussianGate<float>> rounded(shape, rng);
    rounded.parameters = exact.parameters.cast<float>();
    rounded.timing = exact.timing;
    rounded.x = exact.x.cast<float>();
    if (exact.initial) {
      rounded.initial =
          State<float>{exact.initial->h.cast<float>(), exact.initial->c.cast<float>()};
    }
    rounded.doutputs = exact.doutputs.cast<float>();
    rounded.dfinal = {exact.dfinal.h.cast<float>(), exact.dfinal.c.cast<float>()};
    rounded.budget_gradient = static_cast<float>(exact.budget_gradient);
    const Result<float> result = run(rounded);
    check_close_results(exact.layout, result, run(exact, Path::reference), 1e-3,
                        shape.initial_state);
    check_counts(rounded, result.ops);
  }
}

}  // namespace layer_float_test
