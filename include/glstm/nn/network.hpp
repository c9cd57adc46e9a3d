// A stack of time-gated layers with a linear readout and a loss.
#pragma once

#include <algorithm>
#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "glstm/core/batch.hpp"
#include "glstm/core/data_description.hpp"
#include "glstm/core/parameters.hpp"
#include "glstm/core/random.hpp"
#include "glstm/gates/always_open.hpp"
#include "glstm/gates/gaussian_gate.hpp"
#include "glstm/gates/phased_gate.hpp"
#include "glstm/lstm/layer.hpp"
#include "glstm/nn/bidirectional.hpp"
#include "glstm/nn/dropout.hpp"
#include "glstm/nn/evaluation.hpp"
#include "glstm/nn/initialize.hpp"
#include "glstm/nn/input_skip.hpp"
#include "glstm/nn/loss.hpp"
#include "glstm/nn/network_blocks.hpp"
#include "glstm/nn/network_options.hpp"
#include "glstm/nn/network_tape.hpp"
#include "glstm/nn/readout.hpp"

GLSTM_BEGIN_NAMESPACE

/// A recurrent network: layers of one kind of time gate, then a linear readout. Its parameters are
/// one flat vector; a gradient has the same layout. Public functions check their arguments once;
/// those called ..._unchecked leave that to the caller.
template <TimeGate Gate_>
class Network {
 public:
  using Gate = Gate_;
  using Scalar = typename Gate::Scalar;
  using Options = NetworkOptions<Gate>;
  using Tape = NetworkTape<Scalar>;

  Vector<Scalar> parameters;  ///< laid out as layout() says; zero until initialize()

  /// The data that the network is for. The functions of this class compute in scaled numbers, as
  /// training does. Files, exports and StreamingNetwork know the scaling: there the network takes
  /// and returns the user's numbers (fold_scaling).
  DataDescription data;

  /// Throws Error if a size is not positive or an option is out of range.
  explicit Network(const Options& options);

  const Options& options() const { return options_; }
  /// Replaces the loss, for instance one of your own that a file could only name.
  void set_loss(Loss loss) {
    loss->check_outputs(options_.outputs);
    options_.loss = std::move(loss);
  }
  const ParameterLayout& layout() const { return layout_; }
  /// The layers, from the input on. A bidirectional network has two for each of its layers: the
  /// forward direction, then the reverse one.
  const std::vector<Layer<Gate>>& layers() const { return layers_; }
  /// The number of directions of a layer: 2 when the network is bidirectional, else 1.
  Index directions() const { return options_.bidirectional ? 2 : 1; }
  /// The direction, 0 forward or 1 reverse, of layer l, counted from the input on.
  const Layer<Gate>& layer(std::size_t l, Index direction) const {
    return layers_[first_of(l) + static_cast<std::size_t>(direction)];
  }

  /// The readout's matrix [O,D*H], for H neurons in the last layer and D directions, or [O,N]
  /// behind N neurons of the last of options.readout_layers, and its bias [O]: views of
  /// `parameters`, which must have the size of layout().
  Eigen::Map<const Matrix<Scalar>> readout_weights() const {
    return block_view(parameters, layout_.find("readout.w"));
  }
  Eigen::Map<const Vector<Scalar>> readout_bias() const {
    return {parameters.data() + layout_.find("readout.b").offset, options_.outputs};
  }

  /// Draws all parameters. Input weights and readout are Glorot, recurrent weights are orthogonal
  /// for each gate, biases are zero except where `initial` says otherwise, and Gate::initialize
  /// draws the time gates. Throws Error, and changes nothing, if the gates' span of time is empty,
  /// their share is out of range, or longest_memory is neither 0 nor at least 2.
  void initialize(const Initialization& initial, Rng& rng) {
    check_size();
    Vector<Scalar> drawn = parameters;
    draw(initial, rng, drawn);
    parameters = drawn;  // in place: views stay valid
  }

  /// Whether any weight is not zero. All weights of a new network are zero until initialize(), or
  /// until the caller fills in `parameters`. Training cannot make neurons differ that start equal.
  bool initialized() const {
    check_size();
    const auto& blocks = layout_.blocks();
    return std::any_of(blocks.begin(), blocks.end(), [&](const ParameterBlock& block) {
      return block.role == ParameterRole::weight && !block_view(parameters, block).isZero(0);
    });
  }

  /// Throws Error unless `parameters` has the size of layout(), all parameters are finite, and
  /// those of the time gates are usable.
  void check_parameters() const {
    check_size();
    for (const ParameterBlock& block : layout_.blocks()) {
      for (const auto parameter : block_view(parameters, block).reshaped()) {
        detail::require(std::isfinite(parameter), "parameter block \"", block.name,
                        "\": expected finite numbers, got ", parameter);
      }
    }
    for (const Layer<Gate>& layer : layers_) layer.gate(parameters);  // its constructor checks
  }

  /// Throws Error if a batch does not fit the network, or if `parameters` does not have the size of
  /// layout().
  void check(const SequenceBatch<Scalar>& input) const {
    check_size();
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

  /// Throws Error if `state` is not a state of `batch` samples, or if the network is bidirectional
  /// and therefore cannot start from a state.
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

  /// The state of `batch` samples before their first step: zero, or with options.learned_state that
  /// of the parameters. Throws Error where check_state does.
  NetworkState<Scalar> initial_state(Index batch) const {
    NetworkState<Scalar> state;
    for (const Layer<Gate>& layer : layers_) {
      state.push_back(State<Scalar>::zeros(batch, layer.hidden()));
    }
    check_state(state, batch);
    for (std::size_t l = 0; l < state.size() && options_.learned_state; ++l) {
      state[l].h.rowwise() = state_block(l, ".h0").transpose();
      state[l].c.rowwise() = state_block(l, ".c0").transpose();
    }
    return state;
  }

  /// With options.input_skip, the matrix X [O,I] of the readout; else empty.
  Matrix<Scalar> skip_weights() const {
    if (!options_.input_skip) return {};
    return block_view(parameters, layout_.find("readout.x"));
  }

  /// The number of predictions for a sample: 1, or one for every step.
  Index predictions_per_sample(const Timing& timing) const {
    return options_.readout == Readout::every_step ? timing.steps : 1;
  }

  /// The denominators of the means in the loss on a batch.
  MeanCounts mean_counts(const LabelledBatch<Scalar>& batch) const {
    const Timing& timing = batch.input.timing;
    return {
        weight_of_predictions(options_.loss, timing, predictions_per_sample(timing), batch.targets),
        timing.valid_steps()};
  }

  /// The predictions for a batch: [B,O], or [B, O*T] when every step is read out. For a
  /// classification they are logits, which softmax turns into probabilities. The reference is valid
  /// until the tape is used again. `initial` is the state before the first step, null: zero; the
  /// state after the last step is tape.final_states. A bidirectional network starts from zero only.
  /// This function and the next two throw Error when check or check_state does, or if a time gate
  /// is unusable.
  const Matrix<Scalar>& predict(const SequenceBatch<Scalar>& input, Tape& tape,
                                Path path = Path::scheduled,
                                const NetworkState<Scalar>* initial = nullptr) const {
    check(input);
    if (initial != nullptr) check_state(*initial, input.batch());
    return predict_unchecked(input, tape, path, initial);
  }

  /// The loss on a batch, without a gradient.
  Evaluation evaluate(const LabelledBatch<Scalar>& batch, Tape& tape, Path path = Path::scheduled,
                      const NetworkState<Scalar>* initial = nullptr) const;

  /// Adds the gradient of  task loss + budget_weight * budget  to `gradient`, whose layout is that
  /// of the parameters. The budget acts on time-gate parameters only.
  ///
  /// Where `batch` is a part of a larger batch, `whole` is the mean_counts of the larger one: the
  /// gradients of all parts then add up to the gradient of the whole. The function returns the
  /// evaluation of the part; EvaluationSum adds these up.
  ///
  /// `initial` is a constant: no gradient flows into the steps before (truncated backpropagation).
  /// `dropout` is what is left out; null: nothing.
  Evaluation add_gradient(const LabelledBatch<Scalar>& batch, double budget_weight, Tape& tape,
                          Vector<Scalar>& gradient, Path path = Path::scheduled,
                          const std::optional<MeanCounts>& whole = {},
                          const NetworkState<Scalar>* initial = nullptr,
                          const Dropout* dropout = nullptr) const;

  /// Like predict, but checks only the time gates. The caller has checked the batch, or the larger
  /// batch that it is a part of.
  const Matrix<Scalar>& predict_unchecked(const SequenceBatch<Scalar>& input, Tape& tape, Path path,
                                          const NetworkState<Scalar>* initial) const {
    forward(input, tape, Keep::nothing, path, initial, nullptr);
    return tape.readout;
  }

  /// Like add_gradient, but checks only the time gates, as predict_unchecked does.
  Evaluation add_gradient_unchecked(const LabelledBatch<Scalar>& batch, double budget_weight,
                                    Tape& tape, Vector<Scalar>& gradient, Path path,
                                    const MeanCounts& whole, const NetworkState<Scalar>* initial,
                                    const Dropout* dropout) const {
    GLSTM_ASSERT(gradient.size() == layout_.size());
    forward(batch.input, tape, Keep::tape, path, initial, dropout);
    const Evaluation result = evaluation(batch, whole, tape);
    backward(batch.input, whole, budget_weight, initial == nullptr, tape, gradient);
    return result;
  }

  /// Repairs time-gate parameters that an optimiser step from `before` has made unusable: scales
  /// never reach zero or change sign. Call it after every step.
  void limit_gate_step(const Vector<Scalar>& before) {
    check_size();
    layout_.check(before, "parameters before a step");
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

  bool hands_on_every_step(std::size_t l) const {
    return l + 1 < depth() || options_.readout == Readout::every_step;
  }

  void check_size() const { layout_.check(parameters, "the parameters of a network"); }

  // Layer l in all its directions, and its part of a tape.
  detail::DirectionalLayer<Gate> directional(std::size_t l) const {
    return detail::DirectionalLayer<Gate>(std::span(layers_).subspan(first_of(l), width()));
  }
  typename detail::DirectionalLayer<Gate>::Tape part_of(Tape& tape, std::size_t l) const {
    return {std::span(tape.layers).subspan(first_of(l), width()),
            std::span(tape.final_states).subspan(first_of(l), width()), tape.directions};
  }
  std::size_t width() const { return static_cast<std::size_t>(directions()); }
  std::size_t first_of(std::size_t l) const { return width() * l; }

  void forward(const SequenceBatch<Scalar>& input, Tape& tape, Keep keep, Path path,
               const NetworkState<Scalar>* initial, const Dropout* dropout) const;

  Eigen::Map<const Vector<Scalar>> state_block(std::size_t l, const char* state) const {
    const ParameterBlock& block = layout_.find(detail::layer_name(l, 0) + state);
    return {parameters.data() + block.offset, block.size()};
  }

  /// From the readout down; dhidden is the gradient of what the layer handed on.
  void backward(const SequenceBatch<Scalar>& input, const MeanCounts& counts, double budget_weight,
                bool from_start, Tape& tape, Vector<Scalar>& gradient) const {
    const Timing& timing = input.timing;
    const bool learn_state = options_.learned_state && from_start;
    State<Scalar> dinitial;
    const double open_share_unit = static_cast<double>(counts.valid_steps * neurons());
    const Scalar budget_gradient =
        static_cast<Scalar>(open_share_unit > 0 ? budget_weight / open_share_unit : 0);
    if (skip_) skip_->backward(input, tape.dreadout, gradient);
    readout_->backward(parameters, tape.outputs.back(), tape.readout_layers, tape.dreadout,
                       tape.dhidden, gradient);
    for (std::size_t l = depth(); l-- > 0;) {
      if (!tape.dropout.empty()) detail::apply_dropout(tape.dropout[l], tape.dhidden);
      directional(l).backward(parameters, timing, hands_on_every_step(l), tape.dhidden,
                              part_of(tape, l), budget_gradient, l > 0 ? &tape.dinput : nullptr,
                              learn_state ? &dinitial : nullptr, gradient);
      if (learn_state) {
        const std::string name = detail::layer_name(l, 0);
        block_view(gradient, layout_.find(name + ".h0")) += dinitial.h.colwise().sum().transpose();
        block_view(gradient, layout_.find(name + ".c0")) += dinitial.c.colwise().sum().transpose();
      }
      if (l > 0) tape.dhidden.swap(tape.dinput);
    }
  }

  Evaluation evaluation(const LabelledBatch<Scalar>& batch, const MeanCounts& counts,
                        Tape& tape) const {
    Evaluation result;
    result.task = detail::evaluate_checked_loss(options_.loss, tape.readout, options_.outputs,
                                                batch.input.timing, batch.targets, tape.dreadout,
                                                counts.predictions);
    result.ops = tape.ops();
    if (result.ops.dense_updates > 0) {
      result.budget = result.ops.openness / result.ops.dense_updates;
    }
    return result;
  }

  Options options_;
  ParameterLayout layout_;
  std::vector<Layer<Gate>> layers_;
  std::optional<ReadoutStack<Scalar>> readout_;  // made after the layers, whose sizes it needs
  std::optional<InputSkip<Scalar>> skip_;
};

template <TimeGate Gate_>
Network<Gate_>::Network(const Options& options) : options_(options) {
  options_.loss->check_outputs(options_.outputs);
  detail::require(!options.hidden.empty(), "a network needs at least one layer");
  detail::require(options.gates.size() == 1 || options.gates.size() == options.hidden.size(),
                  "there must be gate options for one layer or for all ", options.hidden.size(),
                  ", got ", options.gates.size());
  const Index states = detail::for_each_layer(
      options, [&](std::size_t l, const std::string& name, Index inputs, Index hidden) {
        const auto& gate = options.gates[options.gates.size() == 1 ? 0 : l];
        layers_.emplace_back(layout_, name + ".", inputs, hidden, gate, options.time_origin);
      });
  readout_.emplace(layout_, options, states);
  detail::require(!options.learned_state || !options.bidirectional,
                  "a bidirectional network starts from zero: it cannot learn its initial state");
  detail::for_each_extra_block(options, [&](const auto&... block) { layout_.add(block...); });
  if (options.input_skip) {
    skip_.emplace(layout_, "readout.x", options.readout == Readout::every_step);
  }
  parameters.setZero(layout_.size());
  // A gate parameter of zero may be unusable; until initialize() they span [0, 1].
  Rng rng(0);
  initialize_gates({.start = 0, .end = 1}, rng, parameters);
}

template <TimeGate Gate_>
Evaluation Network<Gate_>::evaluate(const LabelledBatch<Scalar>& batch, Tape& tape, Path path,
                                    const NetworkState<Scalar>* initial) const {
  check(batch);
  if (initial != nullptr) check_state(*initial, batch.input.batch());
  forward(batch.input, tape, Keep::nothing, path, initial, nullptr);
  return evaluation(batch, mean_counts(batch), tape);
}

template <TimeGate Gate_>
Evaluation Network<Gate_>::add_gradient(const LabelledBatch<Scalar>& batch, double budget_weight,
                                        Tape& tape, Vector<Scalar>& gradient, Path path,
                                        const std::optional<MeanCounts>& whole,
                                        const NetworkState<Scalar>* initial,
                                        const Dropout* dropout) const {
  layout_.check(gradient, "a gradient");
  check(batch);
  if (initial != nullptr) check_state(*initial, batch.input.batch());
  if (dropout != nullptr) dropout->check();
  return add_gradient_unchecked(batch, budget_weight, tape, gradient, path,
                                whole ? *whole : mean_counts(batch), initial, dropout);
}

template <TimeGate Gate_>
void Network<Gate_>::draw(const Initialization& initial, Rng& rng, Vector<Scalar>& drawn) const {
  initial.check();
  for (const Layer<Gate>& layer : layers_) detail::draw_weights(layer, initial, rng, drawn);
  readout_->draw(layout_, rng, drawn);
  detail::for_each_extra_block(options_, [&](const std::string& name, auto...) {
    block_view(drawn, layout_.find(name)).setZero();
  });
  initialize_gates(initial.gates, rng, drawn);
}

template <TimeGate Gate_>
void Network<Gate_>::forward(const SequenceBatch<Scalar>& input, Tape& tape, Keep keep, Path path,
                             const NetworkState<Scalar>* initial, const Dropout* dropout) const {
  GLSTM_ASSERT(parameters.size() == layout_.size() && input.features == options_.inputs);
  GLSTM_ASSERT(initial == nullptr || initial->size() == layers_.size());
  tape.layers.resize(layers_.size());
  tape.final_states.resize(layers_.size());
  tape.outputs.resize(depth());
  if (initial == nullptr && options_.learned_state) {
    tape.initial_states = initial_state(input.batch());
    initial = &tape.initial_states;
  }
  const bool drops = dropout != nullptr && dropout->rate > 0;
  tape.dropout.resize(drops ? depth() : 0);
  for (std::size_t l = 0; l < depth(); ++l) {
    const Matrix<Scalar>& x = l == 0 ? input.values : tape.outputs[l - 1];
    directional(l).forward(parameters, x, input.timing,
                           initial != nullptr ? &(*initial)[l] : nullptr, hands_on_every_step(l),
                           tape.outputs[l], part_of(tape, l), keep, path);
    if (!drops) continue;
    dropout->draw(static_cast<Index>(l), input.batch(), directions() * options_.hidden[l],
                  tape.dropout[l]);
    detail::apply_dropout(tape.dropout[l], tape.outputs[l]);
  }
  readout_->forward(parameters, tape.outputs.back(), tape.readout_layers, tape.readout);
  if (skip_) skip_->forward(parameters, input, tape.readout);
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
