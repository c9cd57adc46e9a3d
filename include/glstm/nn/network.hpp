// A stack of time-gated layers with a linear readout and a loss.
#pragma once

#include <algorithm>
#include <cmath>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "glstm/core/batch.hpp"
#include "glstm/core/parameters.hpp"
#include "glstm/core/random.hpp"
#include "glstm/gates/always_open.hpp"
#include "glstm/gates/gaussian_gate.hpp"
#include "glstm/gates/phased_gate.hpp"
#include "glstm/lstm/layer.hpp"
#include "glstm/nn/bidirectional.hpp"
#include "glstm/nn/dense.hpp"
#include "glstm/nn/initialize.hpp"
#include "glstm/nn/loss.hpp"

GLSTM_BEGIN_NAMESPACE

/// Which hidden states the readout sees: the one after each sample's last valid step, or all.
enum class Readout { last_step, every_step };

/// The sizes of a network, what it answers, and its time gates.
template <TimeGate Gate>
struct NetworkOptions {
  Index inputs = 1;
  std::vector<Index> hidden = {110};  ///< the sizes of the layers, from the input on
  Index outputs = 1;
  Readout readout = Readout::last_step;
  Loss loss = Loss::mean_squared_error;
  std::vector<typename Gate::Options> gates = {{}};  ///< one for all layers, or one for each
  double time_origin = 0;
  /// Every layer has a second half, with windows of its own, that reads a sample from its last
  /// valid step to its first; its clock is that of detail::reverse_timing. The next layer and the
  /// readout of every step see both hidden states of a step, forward first; the readout of the last
  /// step sees the states in which both halves end.
  bool bidirectional = false;
};

/// The state of a network: that of each of its layers, [B,H].
template <class Scalar>
using NetworkState = std::vector<State<Scalar>>;

/// The record of a forward pass of a network; its memory is reused by the next one.
template <class Scalar>
struct NetworkTape {
  std::vector<LayerTape<Scalar>> layers;
  NetworkState<Scalar> final_states;    ///< in the order of Network::layers()
  std::vector<Matrix<Scalar>> outputs;  ///< [B, H*T] of layers whose every step is used; H is both
                                        ///< halves of a bidirectional layer
  Matrix<Scalar> readout;               ///< [B, O*N]: the network's answer
  Matrix<Scalar> dreadout, dhidden, dinput;

  // Of bidirectional layers.
  Timing reversed_timing;
  Matrix<Scalar> reversed, halves[2], final_hidden;

  OpCounts ops() const {
    OpCounts sum;
    for (const LayerTape<Scalar>& layer : layers) sum += layer.ops();
    return sum;
  }
};

/// What one evaluation of a batch found.
struct Evaluation {
  LossValue task;     ///< the task's loss and right answers
  double budget = 0;  ///< mean openness over neurons, samples and valid steps, in [0, 1]
  OpCounts ops;
};

/// What the means in a loss are over. The counts of a batch are the sums of those of its parts.
struct MeanCounts {
  Index predictions = 0;  ///< of the task's loss
  Index valid_steps = 0;  ///< of the budget
};

/// Adds up evaluations of batches, or of the parts of one; the mean weighs every answer the same.
class EvaluationSum {
 public:
  /// Adds the evaluation of a batch or a part of one.
  void add(const Evaluation& batch) {
    const double count = static_cast<double>(batch.task.count);
    sum_.task.loss += count * batch.task.loss;
    sum_.task.correct += batch.task.correct;
    sum_.task.count += batch.task.count;
    sum_.ops += batch.ops;
  }
  /// The evaluation of everything that was added.
  Evaluation mean() const {
    Evaluation result = sum_;
    if (sum_.task.count > 0) result.task.loss /= static_cast<double>(sum_.task.count);
    if (sum_.ops.dense_updates > 0) result.budget = sum_.ops.openness / sum_.ops.dense_updates;
    return result;
  }

 private:
  Evaluation sum_;
};

/// How the starting values of a network are drawn.
struct Initialization {
  double forget_bias = 1;  ///< large values remember long from the start
  /// 0: none. Otherwise biases by chrono initialisation (Tallec & Ollivier, arXiv:1804.11188) for
  /// memories of up to so many steps: b_f = log U(1, memory - 1), b_i = -b_f; forget_bias is
  /// unused.
  double longest_memory = 0;
  GateSpread gates;  ///< where the time gates start out
};

/// A recurrent network: layers of one kind of time gate, then a linear readout. Its parameters are
/// one flat vector; a gradient has the same layout.
template <TimeGate Gate_>
class Network {
 public:
  using Gate = Gate_;
  using Scalar = typename Gate::Scalar;
  using Options = NetworkOptions<Gate>;
  using Tape = NetworkTape<Scalar>;

  Vector<Scalar> parameters;  ///< laid out as layout() says; zero until initialize()

  /// Throws Error if a size is not positive or an option is out of range.
  explicit Network(const Options& options);

  const Options& options() const { return options_; }
  const ParameterLayout& layout() const { return layout_; }
  /// From the input on; of a bidirectional network each layer's forward half, then its reverse.
  const std::vector<Layer<Gate>>& layers() const { return layers_; }
  /// Halves of a layer: 2 when the network is bidirectional.
  Index directions() const { return options_.bidirectional ? 2 : 1; }
  /// The half of layer l, counted from the input on, that reads forward (direction 0) or back (1).
  const Layer<Gate>& layer(std::size_t l, Index direction) const {
    return layers_[place(l, static_cast<std::size_t>(direction))];
  }

  /// The readout's matrix [O,D*H], for H neurons in the last layer and D directions, and its bias
  /// [O]: views of the parameters, which must be as many as layout() says.
  Eigen::Map<const Matrix<Scalar>> readout_weights() const {
    return block_view(parameters, layout_.find("readout.w"));
  }
  Eigen::Map<const Vector<Scalar>> readout_bias() const {
    return {parameters.data() + layout_.find("readout.b").offset, options_.outputs};
  }

  /// Draws all parameters: input weights and readout by Glorot, recurrent weights orthogonal per
  /// gate, biases zero but for the forget gate's, time gates as the gate itself prescribes.
  /// Throws Error, and changes nothing, if the gates' span of time is empty, their share is out of
  /// range, or longest_memory is neither 0 nor at least 2.
  void initialize(const Initialization& initial, Rng& rng) {
    Vector<Scalar> drawn = parameters;
    draw(initial, rng, drawn);
    parameters = drawn;  // where it is, for those who hold views
  }

  /// Throws Error if a batch does not fit the network.
  void check(const SequenceBatch<Scalar>& input) const {
    detail::require(input.features == options_.inputs, "the network takes ", options_.inputs,
                    " features per step, got ", input.features);
    input.check();
  }
  void check(const LabelledBatch<Scalar>& batch) const {
    check(batch.input);
    const Timing& timing = batch.input.timing;
    check_targets(options_.loss, options_.outputs, predictions_per_sample(timing), timing,
                  batch.targets);
  }

  /// Throws Error if `state` is not one of `batch` samples, or the network cannot start from one.
  void check_state(const NetworkState<Scalar>& state, Index batch) const {
    detail::require(!options_.bidirectional,
                    "a bidirectional network reads sequences from both ends and cannot go on from "
                    "a state");
    detail::require(state.size() == layers_.size(), "the state of a network must have ",
                    layers_.size(), " layers, got ", state.size());
    for (std::size_t l = 0; l < layers_.size(); ++l) {
      layers_[l].check_state(state[l], batch, "the state of a layer");
    }
  }

  /// The state of `batch` samples before their first step. Throws Error where check_state does.
  NetworkState<Scalar> zero_state(Index batch) const {
    NetworkState<Scalar> state;
    for (const Layer<Gate>& layer : layers_) {
      state.push_back(State<Scalar>::zeros(batch, layer.hidden()));
    }
    check_state(state, batch);
    return state;
  }

  /// How many answers a sample gets: 1, or one for every step.
  Index predictions_per_sample(const Timing& timing) const {
    return options_.readout == Readout::every_step ? timing.steps : 1;
  }

  /// What the means in the loss on a batch with this timing are over.
  MeanCounts mean_counts(const Timing& timing) const {
    return {count_predictions(timing, predictions_per_sample(timing)), timing.valid_steps()};
  }

  /// The network's answer to a batch: [B,O], or [B, O*T] when every step is read out. Valid until
  /// the tape is used again. `initial` is the state before the first step, null: zero; the state
  /// after the last is tape.final_states. A bidirectional network starts from zero only.
  const Matrix<Scalar>& predict(const SequenceBatch<Scalar>& input, Tape& tape,
                                Path path = Path::scheduled,
                                const NetworkState<Scalar>* initial = nullptr) const {
    forward(input, tape, Keep::nothing, path, initial);
    return tape.readout;
  }

  /// The loss on a batch, without a gradient.
  Evaluation evaluate(const LabelledBatch<Scalar>& batch, Tape& tape, Path path = Path::scheduled,
                      const NetworkState<Scalar>* initial = nullptr) const;

  /// Adds the gradient of  task loss + budget_weight * budget  to `gradient`, whose layout is that
  /// of the parameters. Only time-gate parameters feel the budget.
  ///
  /// Where `batch` is a part of a larger one, `whole` is that one's mean_counts: the gradients of
  /// all parts then add up to the gradient of the whole. The evaluation is that of the part;
  /// EvaluationSum puts them together.
  ///
  /// `initial` is a constant: no gradient flows into the steps before (truncated backpropagation).
  Evaluation add_gradient(const LabelledBatch<Scalar>& batch, double budget_weight, Tape& tape,
                          Vector<Scalar>& gradient, Path path = Path::scheduled,
                          const std::optional<MeanCounts>& whole = {},
                          const NetworkState<Scalar>* initial = nullptr) const;

  /// Mends time-gate parameters that an optimiser step from `before` has made unusable: scales
  /// never reach zero or change sign. To be called after every step.
  void limit_gate_step(const Vector<Scalar>& before) {
    for (const Layer<Gate>& layer : layers_) layer.limit_gate_step(before, parameters);
  }

 private:
  void draw(const Initialization& initial, Rng& rng, Vector<Scalar>& drawn) const;

  void initialize_gates(const GateSpread& spread, Rng& rng, Vector<Scalar>& drawn) const {
    for (const Layer<Gate>& layer : layers_) {
      Matrix<Scalar> gates = layer.gate_parameters(drawn);
      Gate::initialize(spread, layer.gate_options(), rng, gates);
      layer.gate_parameters(drawn) = gates;
    }
  }

  Index neurons() const {
    Index sum = 0;
    for (const Layer<Gate>& layer : layers_) sum += layer.hidden();
    return sum;
  }

  std::size_t depth() const { return options_.hidden.size(); }

  /// The place in layers() of a half of layer l.
  std::size_t place(std::size_t l, std::size_t direction) const {
    return static_cast<std::size_t>(directions()) * l + direction;
  }

  bool hands_on_every_step(std::size_t l) const {
    return l + 1 < depth() || options_.readout == Readout::every_step;
  }

  const Matrix<Scalar>& read_states(const Tape& tape) const {
    if (options_.readout == Readout::every_step) return tape.outputs.back();
    return options_.bidirectional ? tape.final_hidden : tape.final_states.back().h;
  }

  void forward(const SequenceBatch<Scalar>& input, Tape& tape, Keep keep, Path path,
               const NetworkState<Scalar>* initial) const;

  void forward_both_ways(std::size_t l, const Matrix<Scalar>& x, const Timing& timing, Tape& tape,
                         Keep keep, Path path) const {
    const bool every_step = hands_on_every_step(l);
    for (const std::size_t direction : {0u, 1u}) {
      const std::size_t here = place(l, direction);
      const Layer<Gate>& layer = layers_[here];
      if (direction == 1) detail::reverse_steps<Scalar>(x, layer.inputs(), timing, tape.reversed);
      layer.forward(parameters, direction == 0 ? x : tape.reversed,
                    direction == 0 ? timing : tape.reversed_timing, nullptr,
                    tape.final_states[here], every_step ? &tape.halves[direction] : nullptr,
                    tape.layers[here], keep, path);
    }
    if (!every_step) return;
    detail::reverse_steps<Scalar>(tape.halves[1], options_.hidden[l], timing, tape.reversed);
    detail::join_halves(tape.halves[0], tape.reversed, timing.steps, tape.outputs[l]);
  }

  /// The gradient of a layer, from tape.dhidden; tape.dinput is written where there is a layer
  /// below.
  void layer_backward(std::size_t l, const Timing& timing, Scalar budget_gradient, Tape& tape,
                      Vector<Scalar>& gradient) const {
    const bool every_step = hands_on_every_step(l);
    const Index H = options_.hidden[l];
    if (!options_.bidirectional) {
      State<Scalar> adjoint = State<Scalar>::zeros(timing.batch, H);
      if (!every_step) adjoint.h = tape.dhidden;
      layers_[l].backward(parameters, timing, tape.layers[l], every_step ? &tape.dhidden : nullptr,
                          budget_gradient, adjoint, l > 0 ? &tape.dinput : nullptr, gradient);
      return;
    }
    for (const std::size_t direction : {1u, 0u}) {
      const std::size_t here = place(l, direction);
      const Layer<Gate>& layer = layers_[here];
      State<Scalar> adjoint = State<Scalar>::zeros(timing.batch, H);
      Matrix<Scalar>& doutputs = tape.halves[0];
      if (!every_step) {
        adjoint.h = tape.dhidden.middleCols(static_cast<Index>(direction) * H, H);
      } else if (direction == 0) {
        detail::take_half(tape.dhidden, timing.steps, 0, doutputs);
      } else {
        detail::take_half(tape.dhidden, timing.steps, 1, tape.reversed);
        detail::reverse_steps<Scalar>(tape.reversed, H, timing, doutputs);
      }
      Matrix<Scalar>& dx = direction == 0 ? tape.halves[1] : tape.reversed;
      layer.backward(parameters, direction == 0 ? timing : tape.reversed_timing, tape.layers[here],
                     every_step ? &doutputs : nullptr, budget_gradient, adjoint,
                     l > 0 ? &dx : nullptr, gradient);
      if (l == 0) continue;
      if (direction == 1) {
        detail::reverse_steps<Scalar>(dx, layer.inputs(), timing, tape.dinput);
      } else {
        tape.dinput += dx;
      }
    }
  }

  Evaluation evaluation(const LabelledBatch<Scalar>& batch, const MeanCounts& counts,
                        Tape& tape) const {
    Evaluation result;
    result.task = evaluate_loss(options_.loss, tape.readout, options_.outputs, batch.input.timing,
                                batch.targets, tape.dreadout, counts.predictions);
    result.ops = tape.ops();
    if (result.ops.dense_updates > 0) {
      result.budget = result.ops.openness / result.ops.dense_updates;
    }
    return result;
  }

  Options options_;
  ParameterLayout layout_;
  std::vector<Layer<Gate>> layers_;
  std::optional<Dense<Scalar>> readout_;  // made after the layers, whose sizes it needs
};

template <TimeGate Gate_>
Network<Gate_>::Network(const Options& options) : options_(options) {
  detail::require(!options.hidden.empty(), "a network needs at least one layer");
  detail::require(options.gates.size() == 1 || options.gates.size() == options.hidden.size(),
                  "there must be gate options for one layer or for all ", options.hidden.size(),
                  ", got ", options.gates.size());
  Index inputs = options.inputs;
  for (std::size_t l = 0; l < options.hidden.size(); ++l) {
    const auto& gate = options.gates[options.gates.size() == 1 ? 0 : l];
    for (const char* half : {".", ".reverse."}) {
      layers_.emplace_back(layout_, detail::text_of("layer", l, half), inputs, options.hidden[l],
                           gate, options.time_origin);
      if (!options.bidirectional) break;
    }
    inputs = directions() * options.hidden[l];
  }
  readout_.emplace(layout_, "readout.", inputs, options.outputs);
  parameters.setZero(layout_.size());
  // A gate parameter of zero may be unusable; until initialize() they span [0, 1].
  Rng rng(0);
  initialize_gates({.start = 0, .end = 1}, rng, parameters);
}

template <TimeGate Gate_>
Evaluation Network<Gate_>::evaluate(const LabelledBatch<Scalar>& batch, Tape& tape, Path path,
                                    const NetworkState<Scalar>* initial) const {
  forward(batch.input, tape, Keep::nothing, path, initial);
  return evaluation(batch, mean_counts(batch.input.timing), tape);
}

template <TimeGate Gate_>
Evaluation Network<Gate_>::add_gradient(const LabelledBatch<Scalar>& batch, double budget_weight,
                                        Tape& tape, Vector<Scalar>& gradient, Path path,
                                        const std::optional<MeanCounts>& whole,
                                        const NetworkState<Scalar>* initial) const {
  layout_.check(gradient, "a gradient");
  forward(batch.input, tape, Keep::tape, path, initial);
  const Timing& timing = batch.input.timing;
  const MeanCounts counts = whole ? *whole : mean_counts(timing);
  const Evaluation result = evaluation(batch, counts, tape);

  const double open_share_unit = static_cast<double>(counts.valid_steps * neurons());
  const Scalar budget_gradient =
      static_cast<Scalar>(open_share_unit > 0 ? budget_weight / open_share_unit : 0);
  readout_->backward(parameters, read_states(tape), tape.dreadout, tape.dhidden, gradient);

  // From the last layer down; dhidden is the gradient of what the layer handed on.
  for (std::size_t l = depth(); l-- > 0;) {
    layer_backward(l, timing, budget_gradient, tape, gradient);
    if (l > 0) tape.dhidden.swap(tape.dinput);
  }
  return result;
}

template <TimeGate Gate_>
void Network<Gate_>::draw(const Initialization& initial, Rng& rng, Vector<Scalar>& drawn) const {
  const double memory = initial.longest_memory;
  detail::require(memory == 0 || (memory >= 2 && std::isfinite(memory)),
                  "longest_memory must be 0 or at least 2 steps, got ", memory);
  for (const Layer<Gate>& layer : layers_) {
    const Index H = layer.hidden(), I = layer.inputs();
    LstmGradients<Scalar> blocks = layer.gradients(drawn);  // writable views
    fill_glorot(blocks.dWx, I, H, rng);
    for (Index g = 0; g < 4; ++g) fill_orthogonal(blocks.dWh.middleRows(g * H, H), rng);
    blocks.db.setZero();
    blocks.db.segment(H, H).setConstant(Scalar(initial.forget_bias));
    for (Index j = 0; memory > 0 && j < H; ++j) {
      blocks.db(H + j) = static_cast<Scalar>(std::log(rng.uniform(1, memory - 1)));
      blocks.db(j) = -blocks.db(H + j);
    }
  }
  auto w = block_view(drawn, layout_.find("readout.w"));
  fill_glorot(w, w.cols(), w.rows(), rng);
  block_view(drawn, layout_.find("readout.b")).setZero();
  initialize_gates(initial.gates, rng, drawn);
}

template <TimeGate Gate_>
void Network<Gate_>::forward(const SequenceBatch<Scalar>& input, Tape& tape, Keep keep, Path path,
                             const NetworkState<Scalar>* initial) const {
  check(input);
  if (initial != nullptr) check_state(*initial, input.batch());
  tape.layers.resize(layers_.size());
  tape.final_states.resize(layers_.size());
  tape.outputs.resize(depth());
  if (options_.bidirectional) tape.reversed_timing = detail::reverse_timing(input.timing);
  for (std::size_t l = 0; l < depth(); ++l) {
    const Matrix<Scalar>& x = l == 0 ? input.values : tape.outputs[l - 1];
    if (options_.bidirectional) {
      forward_both_ways(l, x, input.timing, tape, keep, path);
      continue;
    }
    layers_[l].forward(parameters, x, input.timing, initial != nullptr ? &(*initial)[l] : nullptr,
                       tape.final_states[l], hands_on_every_step(l) ? &tape.outputs[l] : nullptr,
                       tape.layers[l], keep, path);
  }
  if (options_.bidirectional && options_.readout == Readout::last_step) {
    const Index H = options_.hidden.back();
    tape.final_hidden.resize(input.batch(), 2 * H);
    tape.final_hidden << tape.final_states[place(depth() - 1, 0)].h,
        tape.final_states[place(depth() - 1, 1)].h;
  }
  readout_->forward(parameters, read_states(tape), tape.readout);
}

namespace detail {

/// The options of `network` for another kind of gate.
template <TimeGate To, TimeGate From>
NetworkOptions<To> with_gate_options(const Network<From>& network,
                                     std::vector<typename To::Options> gates) {
  const NetworkOptions<From>& options = network.options();
  return {.inputs = options.inputs,
          .hidden = options.hidden,
          .outputs = options.outputs,
          .readout = options.readout,
          .loss = options.loss,
          .gates = std::move(gates),
          .time_origin = options.time_origin,
          .bidirectional = options.bidirectional};
}

/// Copies the blocks that both networks have.
template <TimeGate From, TimeGate To>
void copy_weights(const Network<From>& from, Network<To>& to) {
  for (const ParameterBlock& block : to.layout().blocks()) {
    if (block.role == ParameterRole::time_gate) continue;
    block_view(to.parameters, block) = block_view(from.parameters, from.layout().find(block.name));
  }
}

}  // namespace detail

/// The plain LSTM with the weights of `network`: the same function where every gate is open with
/// k = 1 at all times, as at the end of a temporal curriculum.
template <TimeGate Gate>
Network<AlwaysOpen<typename Gate::Scalar>> without_gates(const Network<Gate>& network) {
  using Plain = AlwaysOpen<typename Gate::Scalar>;
  Network<Plain> plain(detail::with_gate_options<Plain>(network, {{}}));
  detail::copy_weights(network, plain);
  return plain;
}

/// The g-LSTM with the weights of a plain LSTM and gates that are open at all times from `first` to
/// `last`, with an openness of at least `least_openness`: nearly the same function, to be trained
/// towards a budget. Centres are spread evenly. The nearer least_openness is to 1, the nearer the
/// function is to the LSTM's, and the longer the way that the widths have to go.
///
/// `first` and `last` are in the unit of the timestamps, relative to the time origin. Throws Error
/// unless first < last and 0 < least_openness < 1.
template <class Scalar>
Network<GaussianGate<Scalar>> add_time_gates(
    const Network<AlwaysOpen<Scalar>>& network, double first, double last,
    const typename GaussianGate<Scalar>::Options& options = {}, double least_openness = 0.99) {
  using Gate = GaussianGate<Scalar>;
  GateSpread{.start = first, .end = last}.check();
  detail::require(least_openness > 0 && least_openness < 1 && least_openness >= options.threshold,
                  "least_openness must lie between the closing threshold and 1, got ",
                  least_openness);
  Network<Gate> gated(detail::with_gate_options<Gate>(network, {options}));
  detail::copy_weights(network, gated);
  const double reach = std::sqrt(-std::log(least_openness));
  for (const Layer<Gate>& layer : gated.layers()) {
    auto gates = layer.gate_parameters(gated.parameters);  // [H,2]: mu, sigma
    for (Index j = 0; j < layer.hidden(); ++j) {
      const double mu = first + (last - first) * (static_cast<double>(j) + 0.5) /
                                    static_cast<double>(layer.hidden());
      gates(j, 0) = static_cast<Scalar>(mu);
      gates(j, 1) = static_cast<Scalar>(std::max(mu - first, last - mu) / reach);
    }
  }
  return gated;
}

/// A plain LSTM.
template <class Scalar>
using Lstm = Network<AlwaysOpen<Scalar>>;
/// The Gaussian-gated LSTM (arXiv:1901.07334).
template <class Scalar>
using GLstm = Network<GaussianGate<Scalar>>;
/// The Phased LSTM (arXiv:1610.09513).
template <class Scalar>
using PhasedLstm = Network<PhasedGate<Scalar>>;

GLSTM_END_NAMESPACE
