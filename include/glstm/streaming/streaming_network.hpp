// A network for programs that must answer in real time: one sample, one step at a time.
#pragma once

#include <algorithm>
#include <cstddef>
#include <limits>
#include <span>
#include <string>
#include <vector>

#include "glstm/core/error.hpp"
#include "glstm/core/parameters.hpp"
#include "glstm/core/types.hpp"
#include "glstm/gates/time_gate.hpp"
#include "glstm/nn/fold_scaling.hpp"
#include "glstm/nn/network.hpp"
#include "glstm/streaming/streaming_cell.hpp"

GLSTM_BEGIN_NAMESPACE

/// A stack of streaming cells and a linear readout, with the state inside. After every step its
/// output is the network's answer to all steps so far: what Network::predict gives, to rounding. It
/// owns a packed copy of the parameters; copies are independent of each other and of the network.
/// It takes and returns the numbers of the user's data, before scaling: see fold_scaling.
///
/// A step costs what the open neurons of each layer cost, and the readout only where a neuron of
/// the last layer is open.
template <TimeGate Gate_>
class StreamingNetwork {
 public:
  using Gate = Gate_;
  using Cell = StreamingCell<Gate>;
  using Scalar = typename Gate::Scalar;
  using StateView = typename Cell::StateView;
  using OutputView = Eigen::Map<const Vector<Scalar>>;

  /// Starts from a zero state. All layers follow `span`. Throws Error if the network is
  /// bidirectional, its parameters do not fit its layout or are unusable, or StreamingCell refuses
  /// the span.
  /// `stored` is for the weights of all layers.
  explicit StreamingNetwork(const Network<Gate_>& network, const StreamSpan& span = {},
                            StoredWeights stored = StoredWeights::full);

  Index inputs() const noexcept { return cells_.front().inputs(); }
  Index outputs() const noexcept { return output_.size(); }
  Index layers() const noexcept { return static_cast<Index>(cells_.size()); }

  /// One step at time t, see StreamingCell::step; x is [I] and no view of this network.
  void step(const Scalar* x, double t) noexcept;
  /// Likewise. Throws Error unless x is [I].
  void step(std::span<const Scalar> x, double t = 0) {
    detail::require(static_cast<Index>(x.size()) == inputs(), "the network takes ", inputs(),
                    " features per step, got ", x.size());
    step(x.data(), t);
  }

  /// The readout of the last layer's hidden state, [O], and of the last input where the network has
  /// an input skip. Like the views of the state it stays where it is from step to step, until the
  /// network is moved from or assigned to.
  OutputView output() const noexcept { return {output_.data(), output_.size()}; }

  /// The state of layer l, counted from the input on, [H].
  StateView hidden(Index l) const noexcept { return layer_at(l).hidden(); }
  StateView cell(Index l) const noexcept { return layer_at(l).cell(); }

  /// The number of neurons, in all layers, that were open in the last step.
  Index open_count() const noexcept {
    Index sum = 0;
    for (const Cell& layer : cells_) sum += layer.open_count();
    return sum;
  }

  /// StreamingCell::next_event for the neurons of all layers.
  NextEvent next_event(double t) const noexcept;

  /// The state of one sample, as Network::predict takes and gives it; allocates.
  NetworkState<Scalar> state() const;

  /// Replaces the state by that of one sample. Throws Error, before anything changes, if it does
  /// not fit.
  void set_state(const NetworkState<Scalar>& state);

  /// Back to the state before the first step: zero, or that of a network that has learned one.
  void reset() noexcept;

 private:
  static Eigen::Map<const Vector<Scalar>> vector_of(const Matrix<Scalar>& row) {
    return {row.data(), row.size()};
  }

  const Cell& layer_at(Index l) const { return cells_[static_cast<std::size_t>(l)]; }

  void read_out();

  // One layer of the readout, y = f(weights x + bias).
  struct ReadoutStep {
    Eigen::Matrix<Scalar, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor> weights;
    Vector<Scalar> bias, y;
    Activation activation;
  };

  std::vector<Cell> cells_;
  std::vector<ReadoutStep> readout_;  // the last one answers
  Vector<Scalar> output_;             // [O]: that answer, and what the input adds
  Matrix<Scalar> skip_;               // [O,I], or empty
  NetworkState<Scalar> initial_;      // of one sample, where it is learned
};

template <TimeGate Gate_>
StreamingNetwork<Gate_>::StreamingNetwork(const Network<Gate_>& network, const StreamSpan& span,
                                          StoredWeights stored) {
  detail::require(!network.options().bidirectional,
                  "a bidirectional network reads sequences from both ends and cannot answer "
                  "before their end");
  network.layout().check(network.parameters, "parameters");
  const Network<Gate> folded = fold_scaling(network);
  detail::for_each_readout(folded.options(), 0, [&](const std::string& prefix, Index, Index) {
    const auto& layers = folded.options().readout_layers;
    const std::size_t i = readout_.size();
    const Activation activation = i < layers.size() ? layers[i].activation : Activation::linear;
    const Vector<Scalar> bias = block_view(folded.parameters, folded.layout().find(prefix + "b"));
    readout_.push_back({block_view(folded.parameters, folded.layout().find(prefix + "w")), bias,
                        bias, activation});
  });
  skip_ = folded.skip_weights();
  cells_.reserve(folded.layers().size());
  for (const Layer<Gate>& layer : folded.layers()) {
    cells_.emplace_back(layer, folded.parameters, span, stored);
  }
  if (folded.options().learned_state) initial_ = folded.initial_state(1);
  reset();
}

template <TimeGate Gate_>
void StreamingNetwork<Gate_>::step(const Scalar* x, double t) noexcept {
  const Scalar* input = x;
  for (Cell& layer : cells_) {
    layer.step(x, t);
    x = layer.hidden().data();
  }
  if (cells_.back().open_count() > 0) read_out();
  if (skip_.size() == 0) return;
  output_ = readout_.back().y;
  output_.noalias() += skip_ * Eigen::Map<const Vector<Scalar>>(input, inputs());
}

template <TimeGate Gate_>
NextEvent StreamingNetwork<Gate_>::next_event(double t) const noexcept {
  NextEvent next{std::numeric_limits<double>::infinity(), false};
  for (const Cell& layer : cells_) {
    const NextEvent event = layer.next_event(t);
    next.time = std::min(next.time, event.time);
    next.open = next.open || event.open;
  }
  return next;
}

template <TimeGate Gate_>
NetworkState<typename Gate_::Scalar> StreamingNetwork<Gate_>::state() const {
  NetworkState<Scalar> state;
  for (const Cell& layer : cells_) {
    state.push_back({layer.hidden().transpose(), layer.cell().transpose()});
  }
  return state;
}

template <TimeGate Gate_>
void StreamingNetwork<Gate_>::set_state(const NetworkState<Scalar>& state) {
  detail::require(state.size() == cells_.size(), "the state of a network must have ", cells_.size(),
                  " layers, got ", state.size());
  for (std::size_t l = 0; l < cells_.size(); ++l) {
    const Matrix<Scalar>&h = state[l].h, &c = state[l].c;
    const Index H = cells_[l].neurons();
    detail::require(h.rows() == 1 && h.cols() == H && c.rows() == 1 && c.cols() == H,
                    "the state of layer ", l, " must be [1,H] = [1,", H, "], got h [", h.rows(),
                    ",", h.cols(), "] and c [", c.rows(), ",", c.cols(), "]");
  }
  for (std::size_t l = 0; l < cells_.size(); ++l) {
    cells_[l].set_state(vector_of(state[l].h), vector_of(state[l].c));
  }
  read_out();
}

template <TimeGate Gate_>
void StreamingNetwork<Gate_>::reset() noexcept {
  for (Cell& layer : cells_) layer.reset();
  for (std::size_t l = 0; l < initial_.size(); ++l) {
    cells_[l].set_state(vector_of(initial_[l].h), vector_of(initial_[l].c));
  }
  read_out();
}

template <TimeGate Gate_>
void StreamingNetwork<Gate_>::read_out() {
  const Scalar* x = cells_.back().hidden().data();
  for (ReadoutStep& layer : readout_) {
    layer.y = layer.bias;
    layer.y.noalias() += layer.weights * Eigen::Map<const Vector<Scalar>>(x, layer.weights.cols());
    detail::activate(layer.activation, layer.y.data(), layer.y.size());
    x = layer.y.data();
  }
  output_ = readout_.back().y;
}

GLSTM_END_NAMESPACE
