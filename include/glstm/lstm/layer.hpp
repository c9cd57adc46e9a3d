// A layer of time-gated LSTM neurons over a whole sequence.
#pragma once

#include <cmath>
#include <string>
#include <utility>

#include "glstm/core/error.hpp"
#include "glstm/core/parameters.hpp"
#include "glstm/core/timing.hpp"
#include "glstm/gates/time_gate.hpp"
#include "glstm/lstm/cell.hpp"
#include "glstm/lstm/reference.hpp"
#include "glstm/lstm/scheduled.hpp"

GLSTM_BEGIN_NAMESPACE

/// How a layer computes: only what is open (the default), or the dense and masked specification.
enum class Path { scheduled, reference };

using scheduled::Keep;

/// The record of one forward pass of a layer, to be given to its backward pass. Its memory, and
/// that of the backward pass, is reused by the next ones.
template <class Scalar>
struct LayerTape {
  Path path = Path::scheduled;
  scheduled::Tape<Scalar> scheduled;
  reference::Tape<Scalar> reference;
  scheduled::BackwardWorkspace<Scalar> backward_workspace;

  /// The batch and the steps of the forward pass.
  std::pair<Index, Index> shape() const {
    return path == Path::scheduled ? std::pair(scheduled.batch, scheduled.times.cols())
                                   : std::pair(reference.batch, reference.times.cols());
  }

  /// What the forward pass did.
  OpCounts ops() const {
    if (path == Path::scheduled) return scheduled.ops;
    OpCounts dense;
    dense.updates = dense.dense_updates = reference.dense_updates;
    dense.openness = reference.openness;
    return dense;
  }
};

namespace detail {

/// Calls visit(name, rows, cols, role) for every parameter block of a layer, in their order.
template <class Names, class Visit>
void for_each_layer_block(const std::string& prefix, Index inputs, Index hidden,
                          const Names& gate_parameters, Visit&& visit) {
  visit(prefix + "w_ih", 4 * hidden, inputs, ParameterRole::weight);
  visit(prefix + "w_hh", 4 * hidden, hidden, ParameterRole::weight);
  visit(prefix + "b", 4 * hidden, Index(1), ParameterRole::bias);
  for (const auto& name : gate_parameters) {
    visit(prefix + name, hidden, Index(1), ParameterRole::time_gate);
  }
}

}  // namespace detail

/// A recurrent layer with `inputs` features and `hidden` neurons. It holds its sizes and options
/// only; the parameters are blocks of a flat vector that the caller owns and passes to each call,
/// so a layer can be shared by threads that own their tapes.
///
/// Blocks: w_ih [4H,I], w_hh [4H,H], b [4H] with the gate order i, f, g, o, then one [H] block for
/// every parameter of the time gate.
template <TimeGate Gate_>
class Layer {
 public:
  using Gate = Gate_;
  using Scalar = typename Gate::Scalar;
  using GateOptions = typename Gate::Options;

  /// Adds the layer's blocks to `layout`, their names starting with `prefix`. Throws Error if a
  /// size is not positive or an option is out of range.
  Layer(ParameterLayout& layout, const std::string& prefix, Index inputs, Index hidden,
        const GateOptions& gate_options = {}, double time_origin = 0);

  Index inputs() const { return inputs_; }
  Index hidden() const { return hidden_; }
  const GateOptions& gate_options() const { return gate_options_; }
  double time_origin() const { return time_origin_; }

  /// Views of the layer's weights in the flat vector `parameters`.
  LstmWeights<Scalar> weights(const Vector<Scalar>& parameters) const {
    const Scalar* data = parameters.data();
    return {{data + wx_, 4 * hidden_, inputs_},
            {data + wh_, 4 * hidden_, hidden_},
            {data + b_, 4 * hidden_}};
  }
  /// Writable views of the layer's blocks in a vector of the same layout.
  LstmGradients<Scalar> gradients(Vector<Scalar>& gradient) const {
    Scalar* data = gradient.data();
    return {{data + wx_, 4 * hidden_, inputs_},
            {data + wh_, 4 * hidden_, hidden_},
            {data + b_, 4 * hidden_},
            {data + gate_, hidden_, gate_parameter_count()}};
  }

  /// Throws Error if `parameters` is too short to hold the layer's blocks.
  void check_parameters(const Vector<Scalar>& parameters) const {
    check_size(parameters, "parameters");
  }

  /// Throws Error unless `state`, called `what` in the message, is one of `batch` samples.
  void check_state(const State<Scalar>& state, Index batch, const char* what) const {
    detail::require(state.h.rows() == batch && state.h.cols() == hidden_ &&
                        state.c.rows() == batch && state.c.cols() == hidden_,
                    what, " must be [B,H] = [", batch, ",", hidden_, "], got h [", state.h.rows(),
                    ",", state.h.cols(), "] and c [", state.c.rows(), ",", state.c.cols(), "]");
  }

  /// The parameters of the time gates, [H,P].
  Eigen::Map<const Matrix<Scalar>> gate_parameters(const Vector<Scalar>& parameters) const {
    return {parameters.data() + gate_, hidden_, gate_parameter_count()};
  }
  Eigen::Map<Matrix<Scalar>> gate_parameters(Vector<Scalar>& parameters) const {
    return {parameters.data() + gate_, hidden_, gate_parameter_count()};
  }

  /// The time gates; their times are relative to the layer's time origin.
  Gate gate(const Vector<Scalar>& parameters) const {
    return Gate(gate_parameters(parameters), gate_options_);
  }

  /// Runs the layer over a batch.
  ///
  ///     x           [B, I*T]  step n is the columns n*I ... n*I + I - 1
  ///     initial     [B,H]     null: zero
  ///     final_state [B,H]     out
  ///     outputs     [B, H*T]  out, the hidden state after every step; null: not wanted
  ///     tape                  out; backward needs it written with Keep::tape
  ///
  /// Throws Error, before anything is written, if a shape does not fit or a time-gate parameter is
  /// unusable.
  void forward(const Vector<Scalar>& parameters, const ConstMatrixRef<Scalar>& x,
               const Timing& timing, const State<Scalar>* initial, State<Scalar>& final_state,
               Matrix<Scalar>* outputs, LayerTape<Scalar>& tape, Keep keep = Keep::tape,
               Path path = Path::scheduled) const;

  /// `forward` for callers that have checked the sizes and the timing. Throws Error if a time-gate
  /// parameter is unusable.
  void forward_unchecked(const Vector<Scalar>& parameters, const ConstMatrixRef<Scalar>& x,
                         const Timing& timing, const State<Scalar>* initial,
                         State<Scalar>& final_state, Matrix<Scalar>* outputs,
                         LayerTape<Scalar>& tape, Keep keep, Path path) const {
    GLSTM_ASSERT(x.rows() == timing.batch && x.cols() == inputs_ * timing.steps);
    const Gate time_gate = gate(parameters);
    tape.path = path;
    if (path == Path::scheduled) {
      if (initial != nullptr) final_state = *initial;
      scheduled::forward(weights(parameters), time_gate, time_origin_, x, timing,
                         initial == nullptr, final_state, outputs, keep, tape.scheduled);
    } else {
      final_state = initial != nullptr ? *initial : State<Scalar>::zeros(timing.batch, hidden_);
      reference::forward(weights(parameters), time_gate, time_origin_, x, timing, final_state,
                         outputs, tape.reference);
    }
  }

  /// The gradient of `forward` with the same parameters and timing.
  ///
  ///     tape                what forward wrote; only its working memory changes, so that backward
  ///                         can run again, but not in two threads at once
  ///     doutputs  [B, H*T]  gradient of the outputs; null: zero
  ///     dstate    [B,H]     in: gradient of the final state; out: of the initial state (without
  ///                         the other neurons' part in dh where forward had no initial state)
  ///     dx        [B, I*T]  out; null: not wanted
  ///     gradient            accumulates, laid out as the parameters
  ///
  /// `budget_gradient` is the gradient of the loss with respect to each openness that comes from
  /// the computational budget.
  void backward(const Vector<Scalar>& parameters, const Timing& timing, LayerTape<Scalar>& tape,
                const Matrix<Scalar>* doutputs, Scalar budget_gradient, State<Scalar>& dstate,
                Matrix<Scalar>* dx, Vector<Scalar>& gradient) const;

  /// `backward` for callers that have checked the sizes and the timing.
  void backward_unchecked(const Vector<Scalar>& parameters, const Timing& timing,
                          LayerTape<Scalar>& tape, const Matrix<Scalar>* doutputs,
                          Scalar budget_gradient, State<Scalar>& dstate, Matrix<Scalar>* dx,
                          Vector<Scalar>& gradient) const {
    GLSTM_ASSERT(tape.shape() == std::pair(timing.batch, timing.steps));
    LstmGradients<Scalar> blocks = gradients(gradient);
    if (tape.path == Path::scheduled) {
      scheduled::backward(weights(parameters), gate(parameters), timing, tape.scheduled, doutputs,
                          budget_gradient, dstate, dx, blocks, tape.backward_workspace);
    } else {
      reference::backward(weights(parameters), gate(parameters), timing, tape.reference, doutputs,
                          budget_gradient, dstate, dx, blocks);
    }
  }

  /// One step at time t for a batch: x is [B,I], `state` [B,H] is in and out.
  void step(const Vector<Scalar>& parameters, const ConstMatrixRef<Scalar>& x, double t,
            State<Scalar>& state) const;

  /// Mends time-gate parameters that an optimiser step from `before` has made unusable.
  void limit_gate_step(const Vector<Scalar>& before, Vector<Scalar>& parameters) const;

 private:
  static constexpr Index gate_parameter_count() {
    return static_cast<Index>(Gate::parameter_names.size());
  }

  void check_size(const Vector<Scalar>& flat, const char* what) const {
    const Index end = gate_ + hidden_ * gate_parameter_count();
    detail::require(flat.size() >= end, what, " must have at least ", end, " elements, got ",
                    flat.size());
  }

  void check_tape(const LayerTape<Scalar>& tape, const Timing& timing) const {
    const auto [batch, steps] = tape.shape();
    detail::require(batch == timing.batch && steps == timing.steps,
                    "the tape is of a forward pass with batch ", batch, " and ", steps,
                    " steps, backward got batch ", timing.batch, " and ", timing.steps, " steps");
    detail::require(tape.path == Path::reference ||
                        (tape.scheduled.inputs == inputs_ && tape.scheduled.hidden == hidden_),
                    "the tape is that of a layer with ", tape.scheduled.inputs, " inputs and ",
                    tape.scheduled.hidden, " neurons, not ", inputs_, " and ", hidden_);
  }

  Index inputs_, hidden_;
  GateOptions gate_options_;
  double time_origin_;
  Index wx_ = 0, wh_ = 0, b_ = 0, gate_ = 0;  // where the blocks start
};

template <TimeGate Gate_>
Layer<Gate_>::Layer(ParameterLayout& layout, const std::string& prefix, Index inputs, Index hidden,
                    const GateOptions& gate_options, double time_origin)
    : inputs_(inputs), hidden_(hidden), gate_options_(gate_options), time_origin_(time_origin) {
  detail::require(inputs >= 1 && hidden >= 1, "a layer needs at least one input and one neuron, ",
                  "got ", inputs, " inputs and ", hidden, " neurons");
  detail::require(std::isfinite(time_origin), "a time origin must be finite, got ", time_origin);
  Gate(Matrix<Scalar>::Ones(1, gate_parameter_count()), gate_options);  // checks the options
  wx_ = layout.size();
  wh_ = wx_ + 4 * hidden * inputs;
  b_ = wh_ + 4 * hidden * hidden;
  gate_ = b_ + 4 * hidden;
  detail::for_each_layer_block(prefix, inputs, hidden, Gate::parameter_names,
                               [&](const auto&... block) { layout.add(block...); });
}

template <TimeGate Gate_>
void Layer<Gate_>::forward(const Vector<Scalar>& parameters, const ConstMatrixRef<Scalar>& x,
                           const Timing& timing, const State<Scalar>* initial,
                           State<Scalar>& final_state, Matrix<Scalar>* outputs,
                           LayerTape<Scalar>& tape, Keep keep, Path path) const {
  check_size(parameters, "parameters");
  timing.check();
  detail::require(x.rows() == timing.batch && x.cols() == inputs_ * timing.steps,
                  "x must be [B, I*T] = [", timing.batch, ",", inputs_ * timing.steps, "], got [",
                  x.rows(), ",", x.cols(), "]");
  if (initial != nullptr) check_state(*initial, timing.batch, "an initial state");
  forward_unchecked(parameters, x, timing, initial, final_state, outputs, tape, keep, path);
}

template <TimeGate Gate_>
void Layer<Gate_>::backward(const Vector<Scalar>& parameters, const Timing& timing,
                            LayerTape<Scalar>& tape, const Matrix<Scalar>* doutputs,
                            Scalar budget_gradient, State<Scalar>& dstate, Matrix<Scalar>* dx,
                            Vector<Scalar>& gradient) const {
  check_size(parameters, "parameters");
  check_size(gradient, "a gradient");
  timing.check();
  check_state(dstate, timing.batch, "dstate");
  check_tape(tape, timing);
  if (doutputs != nullptr) {
    detail::require(doutputs->rows() == timing.batch && doutputs->cols() == hidden_ * timing.steps,
                    "doutputs must be [B, H*T] = [", timing.batch, ",", hidden_ * timing.steps,
                    "], got [", doutputs->rows(), ",", doutputs->cols(), "]");
  }
  backward_unchecked(parameters, timing, tape, doutputs, budget_gradient, dstate, dx, gradient);
}

template <TimeGate Gate_>
void Layer<Gate_>::step(const Vector<Scalar>& parameters, const ConstMatrixRef<Scalar>& x, double t,
                        State<Scalar>& state) const {
  check_size(parameters, "parameters");
  detail::require(x.cols() == inputs_, "x must be [B,I] with I ", inputs_, ", got [", x.rows(), ",",
                  x.cols(), "]");
  check_state(state, x.rows(), "a state");
  const Vector<Scalar> k = openness(gate(parameters), Scalar(t - time_origin_));
  CellTape<Scalar> unused;
  cell_forward<Scalar>(weights(parameters), x, k.transpose().replicate(x.rows(), 1), state, unused);
}

template <TimeGate Gate_>
void Layer<Gate_>::limit_gate_step(const Vector<Scalar>& before, Vector<Scalar>& parameters) const {
  Matrix<Scalar> after = gate_parameters(parameters);
  Gate::limit_step(gate_parameters(before), after, gate_options_);
  gate_parameters(parameters) = after;
}

GLSTM_END_NAMESPACE
