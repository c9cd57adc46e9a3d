// Compiled with -fno-exceptions and -fno-rtti, as the code of audio callbacks often is. A program
// of its own that needs nothing but the library: 0 if all is right, else the number of the first
// check that failed. With the argument "misuse" it ends by std::terminate.
#include <cmath>
#include <cstdlib>
#include <exception>
#include <limits>
#include <string>

#include "glstm/gates/always_open.hpp"
#include "glstm/gates/gaussian_gate.hpp"
#include "glstm/gates/phased_gate.hpp"
#include "glstm/streaming/streaming_cell.hpp"
#include "glstm/streaming/streaming_network.hpp"

#if defined(__cpp_exceptions) || defined(__cpp_rtti)
#error "this program is about code without exceptions and run-time type information"
#endif

using namespace glstm;

namespace {

bool near(double value, double expected) {
  return std::abs(value - expected) < 1e-12 * (1 + std::abs(expected));
}

double sigmoid(double x) { return 1 / (1 + std::exp(-x)); }

constexpr double reach = 2.145966026289347;  // sqrt(-ln 0.01), of windows with sigma = 1

// Three neurons that see the input alone, with the weights 1, 2, 3 for all gates, and have windows
// around 2, 10 and 18.
Network<GaussianGate<double>> small_network() {
  GLstm<double> network({.inputs = 1, .hidden = {3}, .outputs = 1, .time_origin = 1000});
  Rng rng(1);
  network.initialize({.gates = {.start = 0, .end = 1}}, rng);  // must compile
  network.parameters.setZero();
  const Layer<GaussianGate<double>>& layer = network.layers()[0];
  for (Index j = 0; j < 3; ++j) {
    for (Index q = 0; q < 4; ++q) {
      layer.gradients(network.parameters).dWx(3 * q + j, 0) = static_cast<double>(j + 1);
    }
    layer.gate_parameters(network.parameters).row(j) << static_cast<double>(2 + 8 * j), 1;
  }
  block_view(network.parameters, network.layout().find("readout.w")).setConstant(0.5);
  block_view(network.parameters, network.layout().find("readout.b")).setConstant(-1);
  return network;
}

// One step with input 1 of a neuron that is open at its window's centre, from a zero state.
double state_after_step(double weight) {
  return sigmoid(weight) * std::tanh(sigmoid(weight) * std::tanh(weight));
}

int check_cell(AfterSpan after) {
  const auto network = small_network();
  GLstmCell<double, 1, 3> cell(network.layers()[0], network.parameters, {1000, 1020, after});
  const double x = 1;
  NextEvent event = cell.next_event(1000);
  if (!event.open || !near(event.time, 1002 + reach)) return 1;
  cell.step(&x, 1005);
  if (cell.open_count() != 0 || !cell.hidden().isZero(0)) return 2;
  event = cell.next_event(1005);
  if (event.open || !near(event.time, 1010 - reach)) return 3;
  cell.step(&x, event.time);
  if (cell.open_count() != 1) return 4;
  cell.reset();
  cell.step(&x, 1010);
  if (!near(cell.hidden()(1), state_after_step(2)) || cell.hidden()(0) != 0) return 5;
  cell.step(&x, 1022);
  event = cell.next_event(1022);
  if (after == AfterSpan::restart) {
    if (cell.open_count() != 1 || !near(cell.hidden()(0), state_after_step(1))) return 6;
    if (!event.open || !near(event.time, 1022 + reach)) return 7;
  } else {
    if (cell.open_count() != 0 || cell.hidden()(0) != 0) return 8;
    if (event.open || event.time != std::numeric_limits<double>::infinity()) return 9;
  }
  return 0;
}

int check_network() {
  StreamingNetwork stream(small_network());
  if (!near(stream.output()(0), -1)) return 11;
  const double x = 1;
  for (double t : {1002.0, 1005.5, 1010.0, 1014.0, 1018.0}) stream.step(&x, t);
  double sum = -1;
  for (double weight : {1.0, 2.0, 3.0}) sum += state_after_step(weight) / 2;
  if (!near(stream.output()(0), sum)) return 12;
  const StreamingNetwork copy = stream;
  stream.reset();
  if (!near(stream.output()(0), -1) || !near(copy.output()(0), sum)) return 13;
  stream.set_state(copy.state());
  return near(stream.output()(0), sum) ? 0 : 14;
}

}  // namespace

int main(int count, char** arguments) {
  if (count > 1 && arguments[1] == std::string("misuse")) {
    std::set_terminate([] { std::_Exit(0); });
    StreamingNetwork(small_network()).set_state({});
    return 1;
  }
  for (AfterSpan after : {AfterSpan::hold, AfterSpan::restart, AfterSpan::always_open_only}) {
    if (const int failed = check_cell(after); failed != 0) return failed;
  }
  return check_network();
}
