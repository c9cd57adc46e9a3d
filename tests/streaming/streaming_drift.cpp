// What users' optimised builds do to the sums of a streaming cell: a program of its own, because
// the other tests are compiled with little optimisation and share their functions.
#include "catch.hpp"
#include "glstm/streaming/streaming_cell.hpp"
#include "stream_problem.hpp"

using namespace glstm;
using namespace stream_problem;

// Neurons 5 to 8 do what 1 to 4 do, a little later, and neuron 0 sees them with opposite weights:
// once all have closed nothing, but for what rounding leaves of sums of thousands. Its c is just
// that: i = o = 1, f = 0.
TEST_CASE("what closed neurons contribute is taken away to the last bits") {
  using Gate = GaussianGate<float>;
  constexpr Index pairs = 4, H = 1 + 2 * pairs;
  Rng rng(8);
  ParameterLayout layout;
  const Layer<Gate> layer(layout, "", 2, H);
  Vector<float> parameters = Vector<float>::Zero(layout.size());
  LstmGradients<float> blocks = layer.gradients(parameters);  // writable views
  blocks.db(0) = blocks.db(3 * H) = 40;
  blocks.db(H) = -40;
  auto gates = layer.gate_parameters(parameters);
  gates.row(0) << 0, 1e6f;
  for (Index j = 1; j <= pairs; ++j) {
    for (Index q = 0; q < 4; ++q) {
      blocks.dWx.row(q * H + j) = random_matrix<float>(1, 2, rng);
      blocks.dWx.row(q * H + j + pairs) = blocks.dWx.row(q * H + j);
    }
    blocks.dWh(2 * H, j) = static_cast<float>(rng.uniform(1000, 2000));
    blocks.dWh(2 * H, j + pairs) = -blocks.dWh(2 * H, j);
    blocks.db(H + j) = blocks.db(H + j + pairs) = -40;
    gates.row(j) << static_cast<float>(j), 0.5f;
    gates.row(j + pairs) << static_cast<float>(j + 5), 0.5f;
  }
  StreamingCell<Gate> cell(layer, parameters, {0, 12, AfterSpan::restart});
  Matrix<float> x;
  for (int n = 0; n < 120'000; ++n) {
    if (n % 12 == 0) x = random_matrix<float>(1, 2, rng);
    cell.step(x.data(), n);
  }
  CHECK(cell.open_count() == 1);
  CHECK(cell.hidden().tail(2 * pairs).cwiseAbs().minCoeff() > 1e-3f);
  CHECK(largest_magnitude(cell.cell().head(1)) < 1e-7);
}
