#include "sequence_tasks/gradient_norms.hpp"

#include <cmath>
#include <map>
#include <sstream>
#include <string>
#include <vector>

#include "catch.hpp"

namespace gradient_norms_test {

using namespace glstm;

namespace {

/// The norms by step.
template <TimeGate Gate>
std::map<Index, double> norms(const Network<Gate>& network, const LabelledBatch<float>& batch,
                              Index chunk) {
  std::ostringstream csv;
  sequence_tasks::append_gradient_norms(network, batch, "now", chunk, csv);
  std::istringstream rows(csv.str());
  std::map<Index, double> result;
  std::string row;
  while (std::getline(rows, row)) {
    REQUIRE(row.starts_with("now,"));
    const std::size_t comma = row.find(',', 4);
    result[std::stol(row.substr(4, comma - 4))] = std::stod(row.substr(comma + 1));
  }
  return result;
}

}  // namespace

TEMPLATE_TEST_CASE("gradient norms do not depend on how the sequence is cut", "", AlwaysOpen<float>,
                   GaussianGate<float>) {
  Network<TestType> network({.inputs = 2, .hidden = {7, 5}, .outputs = 1});
  Rng rng(3);
  network.initialize({.gates = {.end = 20, .open_share = 0.4}}, rng);
  LabelledBatch<float> batch;
  AddingTask<float>(20, 6, 1).load(std::vector<Index>{0, 1, 2, 3, 4, 5}, batch);
  batch.input.timing.lengths = {20, 20, 13, 20, 7, 20};

  const auto fine = norms(network, batch, 1);
  REQUIRE(fine.size() == 21);
  for (const Index chunk : {3, 10, 20, 30}) {
    CAPTURE(chunk);
    for (const auto& [step, norm] : norms(network, batch, chunk)) {
      CAPTURE(step);
      CHECK(norm == Approx(fine.at(step)).epsilon(1e-4));
    }
  }
}

TEST_CASE("the last gradient norm is the readout's, and one step back is the layer's own") {
  Lstm<float> network({.inputs = 2, .hidden = {6}, .outputs = 1});
  Rng rng(5);
  network.initialize({}, rng);
  LabelledBatch<float> batch;
  AddingTask<float>(9, 1, 1).load(std::vector<Index>{0}, batch);
  const auto found = norms(network, batch, 9);
  REQUIRE(found.size() == 2);

  // Squared error of one sample: dy = 2 (y - target), dh = w^T dy.
  NetworkTape<float> tape;
  const float y = network.predict(batch.input, tape)(0, 0);
  const auto w = block_view(network.parameters, network.layout().find("readout.w"));
  const float dy = 2 * (y - batch.targets.values(0, 0));
  CHECK(found.at(9) == Approx(std::abs(dy) * w.norm()).epsilon(1e-5));

  // Central differences of the loss over the initial state.
  const Layer<AlwaysOpen<float>>& layer = network.layers().front();
  const auto bias = block_view(network.parameters, network.layout().find("readout.b"));
  const auto loss = [&](const State<float>& initial) {
    State<float> state;
    LayerTape<float> layer_tape;
    layer.forward(network.parameters, batch.input.values, batch.input.timing, &initial, state,
                  nullptr, layer_tape, Keep::nothing, Path::reference);
    const double error = static_cast<double>((state.h * w.transpose())(0, 0) + bias(0, 0) -
                                             batch.targets.values(0, 0));
    return error * error;
  };
  double sum = 0;
  for (int part = 0; part < 2; ++part) {
    for (Index j = 0; j < 6; ++j) {
      State<float> more = State<float>::zeros(1, 6), less = more;
      (part == 0 ? more.h : more.c)(0, j) = 0.01f;
      (part == 0 ? less.h : less.c)(0, j) = -0.01f;
      const double slope = (loss(more) - loss(less)) / 0.02;
      sum += slope * slope;
    }
  }
  CHECK(found.at(0) == Approx(std::sqrt(sum)).epsilon(0.01));
}

}  // namespace gradient_norms_test
