// A million streaming steps in float beside the definition in double: rounding errors must not add
// up, however often neurons close and open and whatever follows the span of time.
#include <algorithm>
#include <cmath>
#include <iostream>
#include <string>
#include <vector>

#include "catch.hpp"
#include "glstm/lstm/cell.hpp"
#include "glstm/streaming/streaming_network.hpp"

using namespace glstm;

namespace {

constexpr Index inputs = 3, all_steps = 1'000'000;
// Hidden and cell states are of the order of 1, where a float is exact to 6e-8.
constexpr double bound = 5e-6;

struct Stream {
  std::string name;
  StreamSpan span;
  double last_window;   // centres lie between 0 and this
  double open_share;    // of last_window, of a window
  double always_share;  // of the neurons: open throughout last_window
};

GLstm<float> random_network(const Stream& stream, Rng& rng) {
  GLstm<float> network({.inputs = inputs, .hidden = {48, 37}, .outputs = 2});
  network.initialize({.gates = {.end = stream.last_window, .open_share = stream.open_share}}, rng);
  for (const Layer<GaussianGate<float>>& layer : network.layers()) {
    auto gates = layer.gate_parameters(network.parameters);
    for (Index j = 0; j < gates.rows(); ++j) {
      if (rng.uniform() < stream.always_share) {
        gates(j, 1) = static_cast<float>(stream.last_window * rng.uniform(0.6, 3));
      }
    }
  }
  return network;
}

// The network by its definition, in double: the dense cell, with nothing kept from one step to the
// next but the state. Which neurons are open is what the float gates say at the rounded time: a
// threshold that rounding crosses is another model, not an error that grows.
class Definition {
 public:
  Definition(const GLstm<float>& network, const StreamSpan& span)
      : span_(span),
        network_({.inputs = network.options().inputs,
                  .hidden = network.options().hidden,
                  .outputs = network.options().outputs}) {
    network_.parameters = network.parameters.cast<double>();
    state_ = network_.initial_state(1);
    for (std::size_t l = 0; l < state_.size(); ++l) {
      single_.push_back(network.layers()[l].gate(network.parameters));
      exact_.push_back(network_.layers()[l].gate(network_.parameters));
    }
  }

  Index step(const Matrix<double>& x, double t) {
    const bool past = span_.after == AfterSpan::always_open_only && t > span_.end;
    double seen = past ? span_.end : t;
    if (span_.after == AfterSpan::restart && t >= span_.end) {
      seen = span_.start + std::fmod(t - span_.start, span_.end - span_.start);
    }
    const float now = static_cast<float>(seen);
    Index open = 0;
    for (std::size_t l = 0; l < state_.size(); ++l) {
      Matrix<double> k(1, exact_[l].size());
      for (Index j = 0; j < k.size(); ++j) {
        const bool is_open = single_[l].is_open(j, now) && (!past || open_throughout(l, j));
        decided_otherwise_ += single_[l].is_open(j, now) != exact_[l].is_open(j, double(now));
        const double u = (double(now) - exact_[l].mu(j)) / exact_[l].sigma(j);
        k(j) = is_open ? std::exp(-u * u) : 0;
        open += is_open;
      }
      cell_forward<double>(network_.layers()[l].weights(network_.parameters),
                           l == 0 ? x : state_[l - 1].h, k, state_[l], unused_);
    }
    return open;
  }

  Matrix<double> output() const {
    return network_.readout_bias() + network_.readout_weights() * state_.back().h.transpose();
  }
  const NetworkState<double>& state() const { return state_; }
  Index decided_otherwise() const { return decided_otherwise_; }

 private:
  // A Gaussian has one window.
  bool open_throughout(std::size_t l, Index j) const {
    return single_[l].is_open(j, static_cast<float>(span_.start)) &&
           single_[l].is_open(j, static_cast<float>(span_.end));
  }

  StreamSpan span_;
  GLstm<double> network_;
  NetworkState<double> state_;
  std::vector<GaussianGate<float>> single_;
  std::vector<GaussianGate<double>> exact_;
  CellTape<double> unused_;
  Index decided_otherwise_ = 0;
};

}  // namespace

TEST_CASE("a million streaming steps do not drift") {
  const Stream stream =
      GENERATE(Stream{"hold: windows over nine tenths of the stream", {}, 0.9 * all_steps, 0.05, 0},
               Stream{"restart every 997.3", {0, 997.3, AfterSpan::restart}, 997.3, 0.08, 0.1},
               Stream{"always_open_only after 50000",
                      {0, 50'000, AfterSpan::always_open_only},
                      50'000,
                      0.08,
                      0.4});
  Rng rng(20);
  const GLstm<float> network = random_network(stream, rng);
  StreamingNetwork<GaussianGate<float>> fast(network, stream.span);
  Definition definition(network, stream.span);

  double t = 0, updates = 0, drift = 0, drift_of_tenth = 0, halves[2] = {0, 0};
  Index other_counts = 0;
  Matrix<float> x(1, inputs);
  std::cout << stream.name << '\n';
  for (Index n = 0; n < all_steps; ++n) {
    for (Index i = 0; i < inputs; ++i) x(i) = static_cast<float>(rng.uniform(-1, 1));
    t += rng.uniform(0, 2);
    fast.step(x.data(), t);
    const Index open = definition.step(x.cast<double>(), t);
    other_counts += fast.open_count() != open;
    updates += static_cast<double>(open);
    const auto compare = [&](const auto& a, const auto& b) {
      const double difference = largest_magnitude(a.template cast<double>() - b);
      drift_of_tenth = std::max(drift_of_tenth, difference);
    };
    for (Index l = 0; l < fast.layers(); ++l) {
      const State<double>& state = definition.state()[static_cast<std::size_t>(l)];
      compare(fast.hidden(l), state.h.transpose());
      compare(fast.cell(l), state.c.transpose());
    }
    compare(fast.output(), definition.output());
    if ((n + 1) % (all_steps / 10) == 0) {
      std::cout << "  steps to " << n + 1 << ": largest difference " << drift_of_tenth << '\n';
      drift = std::max(drift, drift_of_tenth);
      halves[n < all_steps / 2 ? 0 : 1] += drift_of_tenth / 5;
      drift_of_tenth = 0;
    }
  }
  std::cout << "  largest difference of a state or output " << drift << ", bound " << bound
            << "; in the second half " << halves[1] / halves[0] << " times that of the first\n"
            << "  neuron updates " << 100 * updates / (double(all_steps) * (48 + 37))
            << " %; thresholds that float and "
            << "double decide differently " << definition.decided_otherwise() << std::endl;
  CHECK(drift <= bound);
  CHECK(drift > 0);
  CHECK(halves[1] <= 1.25 * halves[0]);  // it does not grow
  CHECK(other_counts == 0);
}
