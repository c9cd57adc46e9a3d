// A stack of time-gated layers with a linear readout and a loss.
#pragma once

#include <cmath>
#include <optional>
#include <string>
#include <vector>

#include "glstm/core/parameters.hpp"
#include "glstm/core/random.hpp"
#include "glstm/data/batch.hpp"
#include "glstm/nn/dense.hpp"
#include "glstm/nn/initialize.hpp"
#include "glstm/nn/layer.hpp"
#include "glstm/nn/loss.hpp"

namespace glstm {

/// Which hidden states the readout sees: the one after each sample's last valid step, or all.
enum class Readout { last_step, every_step };

template <TimeGate Gate>
struct NetworkOptions {
  Index inputs = 1;
  std::vector<Index> hidden = {110};  ///< the sizes of the layers, from the input on
  Index outputs = 1;
  Readout readout = Readout::last_step;
  Loss loss = Loss::mean_squared_error;
  std::vector<typename Gate::Options> gates = {{}};  ///< one for all layers, or one for each
  double time_origin = 0;
};

/// The record of a forward pass of a network; its memory is reused by the next one.
template <class Scalar>
struct NetworkTape {
  std::vector<LayerTape<Scalar>> layers;
  std::vector<State<Scalar>> final_states;  ///< [B,H] per layer
  std::vector<Matrix<Scalar>> outputs;      ///< [B, H*T] of layers whose every step is used
  Matrix<Scalar> readout;                   ///< [B, O*N]: the network's answer
  Matrix<Scalar> dreadout, dhidden, dinput;

  Work work() const {
    Work sum;
    for (const LayerTape<Scalar>& layer : layers) sum += layer.work();
    return sum;
  }
};

/// What one evaluation of a batch found.
struct Evaluation {
  LossValue task;     ///< the task's loss and right answers
  double budget = 0;  ///< mean openness over neurons, samples and valid steps, in [0, 1]
  Work work;
};

/// What the means in a loss are over. The counts of a batch are the sums of those of its parts.
struct MeanCounts {
  Index answers = 0;      ///< of the task's loss
  Index valid_steps = 0;  ///< of the budget
};

/// Adds up evaluations of batches, or of the parts of one; the mean weighs every answer the same.
class EvaluationSum {
 public:
  void add(const Evaluation& batch) {
    const double count = static_cast<double>(batch.task.count);
    sum_.task.loss += count * batch.task.loss;
    sum_.task.right += batch.task.right;
    sum_.task.count += batch.task.count;
    sum_.work += batch.work;
  }
  Evaluation mean() const {
    Evaluation result = sum_;
    if (sum_.task.count > 0) result.task.loss /= static_cast<double>(sum_.task.count);
    if (sum_.work.dense_updates > 0) result.budget = sum_.work.openness / sum_.work.dense_updates;
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
  explicit Network(const Options& options) : options_(options) {
    detail::require(!options.hidden.empty(), "a network needs at least one layer");
    detail::require(options.gates.size() == 1 || options.gates.size() == options.hidden.size(),
                    "there must be gate options for one layer or for all ", options.hidden.size(),
                    ", got ", options.gates.size());
    Index inputs = options.inputs;
    for (std::size_t l = 0; l < options.hidden.size(); ++l) {
      layers_.emplace_back(layout_, detail::text_of("layer", l, "."), inputs, options.hidden[l],
                           options.gates[options.gates.size() == 1 ? 0 : l], options.time_origin);
      inputs = options.hidden[l];
    }
    readout_.emplace(layout_, "readout.", inputs, options.outputs);
    parameters.setZero(layout_.size());
    // A gate parameter of zero may be unusable; until initialize() they span [0, 1].
    Rng rng(0);
    initialize_gates({.start = 0, .end = 1}, rng);
  }

  const Options& options() const { return options_; }
  const ParameterLayout& layout() const { return layout_; }
  const std::vector<Layer<Gate>>& layers() const { return layers_; }

  /// Draws all parameters: input weights and readout by Glorot, recurrent weights orthogonal per
  /// gate, biases zero but for the forget gate's, time gates as the gate itself prescribes.
  /// Throws Error, and changes nothing, if the gates' span of time is empty, their share is out of
  /// range, or longest_memory is neither 0 nor at least 2.
  void initialize(const Initialization& initial, Rng& rng) {
    const Vector<Scalar> before = parameters;
    try {
      draw(initial, rng);
    } catch (...) {
      parameters = before;
      throw;
    }
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
    check_targets(options_.loss, options_.outputs, answers_per_sample(timing), timing,
                  batch.targets);
  }

  /// How many answers a sample gets: 1, or one for every step.
  Index answers_per_sample(const Timing& timing) const {
    return options_.readout == Readout::every_step ? timing.steps : 1;
  }

  MeanCounts mean_counts(const Timing& timing) const {
    return {count_answers(timing, answers_per_sample(timing)), timing.valid_steps()};
  }

  /// The network's answer to a batch: [B,O], or [B, O*T] when every step is read out. Valid until
  /// the tape is used again.
  const Matrix<Scalar>& predict(const SequenceBatch<Scalar>& input, Tape& tape,
                                Path path = Path::scheduled) const {
    forward(input, tape, Keep::nothing, path);
    return tape.readout;
  }

  /// The loss on a batch, without a gradient.
  Evaluation evaluate(const LabelledBatch<Scalar>& batch, Tape& tape,
                      Path path = Path::scheduled) const {
    forward(batch.input, tape, Keep::nothing, path);
    return evaluation(batch, mean_counts(batch.input.timing), tape);
  }

  /// Adds the gradient of  task loss + budget_weight * budget  to `gradient`, whose layout is that
  /// of the parameters. Only time-gate parameters feel the budget.
  ///
  /// Where `batch` is a part of a larger one, `whole` is that one's mean_counts: the gradients of
  /// all parts then add up to the gradient of the whole. The evaluation is that of the part;
  /// EvaluationSum puts them together.
  Evaluation add_gradient(const LabelledBatch<Scalar>& batch, double budget_weight, Tape& tape,
                          Vector<Scalar>& gradient, Path path = Path::scheduled,
                          const std::optional<MeanCounts>& whole = {}) const {
    layout_.check(gradient, "a gradient");
    forward(batch.input, tape, Keep::tape, path);
    const Timing& timing = batch.input.timing;
    const MeanCounts counts = whole ? *whole : mean_counts(timing);
    const Evaluation result = evaluation(batch, counts, tape);

    const double open_share_unit = static_cast<double>(counts.valid_steps * neurons());
    const Scalar budget_gradient =
        static_cast<Scalar>(open_share_unit > 0 ? budget_weight / open_share_unit : 0);
    readout_->backward(parameters, read_states(tape), tape.dreadout, tape.dhidden, gradient);

    // From the last layer down; dhidden is the gradient of what the layer handed on.
    for (std::size_t l = layers_.size(); l-- > 0;) {
      const Layer<Gate>& layer = layers_[l];
      State<Scalar> adjoint = State<Scalar>::zeros(timing.batch, layer.hidden());
      const bool every_step = hands_on_every_step(l);
      if (!every_step) adjoint.h = tape.dhidden;
      layer.backward(parameters, timing, tape.layers[l], every_step ? &tape.dhidden : nullptr,
                     budget_gradient, adjoint, l > 0 ? &tape.dinput : nullptr, gradient);
      if (l > 0) tape.dhidden.swap(tape.dinput);
    }
    return result;
  }

  /// Mends time-gate parameters that an optimiser step from `before` has made unusable: scales
  /// never reach zero or change sign. To be called after every step.
  void limit_gate_step(const Vector<Scalar>& before) {
    for (const Layer<Gate>& layer : layers_) layer.limit_gate_step(before, parameters);
  }

 private:
  void draw(const Initialization& initial, Rng& rng) {
    const double memory = initial.longest_memory;
    detail::require(memory == 0 || (memory >= 2 && std::isfinite(memory)),
                    "longest_memory must be 0 or at least 2 steps, got ", memory);
    for (const Layer<Gate>& layer : layers_) {
      const Index H = layer.hidden(), I = layer.inputs();
      LstmGradients<Scalar> blocks = layer.gradients(parameters);  // writable views
      fill_glorot(blocks.dWx, I, H, rng);
      for (Index g = 0; g < 4; ++g) fill_orthogonal(blocks.dWh.middleRows(g * H, H), rng);
      blocks.db.setZero();
      blocks.db.segment(H, H).setConstant(Scalar(initial.forget_bias));
      for (Index j = 0; memory > 0 && j < H; ++j) {
        blocks.db(H + j) = static_cast<Scalar>(std::log(rng.uniform(1, memory - 1)));
        blocks.db(j) = -blocks.db(H + j);
      }
    }
    auto w = block_view(parameters, layout_.find("readout.w"));
    fill_glorot(w, w.cols(), w.rows(), rng);
    block_view(parameters, layout_.find("readout.b")).setZero();
    initialize_gates(initial.gates, rng);
  }

  void initialize_gates(const GateSpread& spread, Rng& rng) {
    for (const Layer<Gate>& layer : layers_) {
      Matrix<Scalar> gates = layer.gate_parameters(parameters);
      Gate::initialize(spread, layer.gate_options(), rng, gates);
      layer.gate_parameters(parameters) = gates;
    }
  }

  Index neurons() const {
    Index sum = 0;
    for (const Layer<Gate>& layer : layers_) sum += layer.hidden();
    return sum;
  }

  bool hands_on_every_step(std::size_t l) const {
    return l + 1 < layers_.size() || options_.readout == Readout::every_step;
  }

  const Matrix<Scalar>& read_states(const Tape& tape) const {
    return options_.readout == Readout::every_step ? tape.outputs.back()
                                                   : tape.final_states.back().h;
  }

  void forward(const SequenceBatch<Scalar>& input, Tape& tape, Keep keep, Path path) const {
    check(input);
    tape.layers.resize(layers_.size());
    tape.final_states.resize(layers_.size());
    tape.outputs.resize(layers_.size());
    for (std::size_t l = 0; l < layers_.size(); ++l) {
      layers_[l].forward(parameters, l == 0 ? input.values : tape.outputs[l - 1], input.timing,
                         nullptr, tape.final_states[l],
                         hands_on_every_step(l) ? &tape.outputs[l] : nullptr, tape.layers[l], keep,
                         path);
    }
    readout_->forward(parameters, read_states(tape), tape.readout);
  }

  Evaluation evaluation(const LabelledBatch<Scalar>& batch, const MeanCounts& counts,
                        Tape& tape) const {
    Evaluation result;
    result.task = evaluate_loss(options_.loss, tape.readout, options_.outputs, batch.input.timing,
                                batch.targets, tape.dreadout, counts.answers);
    result.work = tape.work();
    if (result.work.dense_updates > 0) {
      result.budget = result.work.openness / result.work.dense_updates;
    }
    return result;
  }

  Options options_;
  ParameterLayout layout_;
  std::vector<Layer<Gate>> layers_;
  std::optional<Dense<Scalar>> readout_;  // made after the layers, whose sizes it needs
};

/// The plain LSTM with the weights of `network`: the same function where every gate is open with
/// k = 1 at all times, as at the end of a temporal curriculum.
template <TimeGate Gate>
Network<AlwaysOpen<typename Gate::Scalar>> without_gates(const Network<Gate>& network) {
  const NetworkOptions<Gate>& options = network.options();
  Network<AlwaysOpen<typename Gate::Scalar>> plain({.inputs = options.inputs,
                                                    .hidden = options.hidden,
                                                    .outputs = options.outputs,
                                                    .readout = options.readout,
                                                    .loss = options.loss,
                                                    .time_origin = options.time_origin});
  for (const ParameterBlock& block : plain.layout().blocks()) {
    block_view(plain.parameters, block) =
        block_view(network.parameters, network.layout().find(block.name));
  }
  return plain;
}

/// A plain LSTM, the Gaussian-gated LSTM (arXiv:1901.07334), and the Phased LSTM
/// (arXiv:1610.09513).
template <class Scalar>
using Lstm = Network<AlwaysOpen<Scalar>>;
template <class Scalar>
using GLstm = Network<GaussianGate<Scalar>>;
template <class Scalar>
using PhasedLstm = Network<PhasedGate<Scalar>>;

}  // namespace glstm
