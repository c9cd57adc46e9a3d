// A layer of a network in one direction or in both, and sequences read in reverse.
#pragma once

#include <algorithm>
#include <cstddef>
#include <span>

#include "glstm/core/error.hpp"
#include "glstm/core/timing.hpp"
#include "glstm/core/types.hpp"
#include "glstm/lstm/layer.hpp"

GLSTM_BEGIN_NAMESPACE
namespace detail {

/// Writes the valid steps of every sample in reverse order, from its last one to its first. Steps
/// past a sample's length stay in their place. The function is its own inverse.
///
///     values    [B, F*T]  F = features
///     reversed  [B, F*T]  out, no view of values
template <class Scalar>
void reverse_steps(const ConstMatrixRef<Scalar>& values, Index features, const Timing& timing,
                   Matrix<Scalar>& reversed) {
  reversed.resize(values.rows(), values.cols());
  for (Index n = 0; n < timing.steps; ++n) {
    auto out = reversed.middleCols(n * features, features);
    if (timing.lengths.empty()) {
      out = values.middleCols((timing.steps - 1 - n) * features, features);
      continue;
    }
    for (Index b = 0; b < timing.batch; ++b) {
      const Index source = n < timing.length(b) ? timing.length(b) - 1 - n : n;
      out.row(b) = values.row(b).segment(source * features, features);
    }
  }
}

/// The timestamps of the reversed steps. They start at a sample's first timestamp and advance by
/// the original differences, taken backwards from the sample's last valid step,
///
///     t'(n) = t(0) + t(L - 1) - t(L - 1 - n)   for a sample of length L
///
/// so that windows of both directions lie in the same span of time. Step indices stay step indices.
inline Timing reverse_timing(const Timing& timing) {
  Timing reversed{timing.batch, timing.steps, {}, timing.lengths};
  if (timing.timestamps.size() == 0) return reversed;
  const bool shared = timing.timestamps.rows() == 1 && timing.lengths.empty();
  reversed.timestamps.setZero(shared ? 1 : timing.batch, timing.steps);
  for (Index b = 0; b < reversed.timestamps.rows(); ++b) {
    const Index length = timing.length(b);
    for (Index n = 0; n < length; ++n) {
      reversed.timestamps(b, n) =
          timing.time(b, 0) + (timing.time(b, length - 1) - timing.time(b, length - 1 - n));
    }
  }
  return reversed;
}

/// Puts the hidden states [B, H*T] of two directions side by side in every step: [B, 2H*T].
template <class Scalar>
void join_directions(const Matrix<Scalar>& forward, const Matrix<Scalar>& reverse, Index steps,
                     Matrix<Scalar>& joined) {
  const Index H = steps > 0 ? forward.cols() / steps : 0;
  joined.resize(forward.rows(), 2 * forward.cols());
  for (Index n = 0; n < steps; ++n) {
    joined.middleCols(2 * n * H, H) = forward.middleCols(n * H, H);
    joined.middleCols((2 * n + 1) * H, H) = reverse.middleCols(n * H, H);
  }
}

/// Takes direction 0 or 1 out of every step of `joined` [B, 2H*T].
template <class Scalar>
void take_direction(const Matrix<Scalar>& joined, Index steps, Index direction,
                    Matrix<Scalar>& taken) {
  const Index H = steps > 0 ? joined.cols() / (2 * steps) : 0;
  taken.resize(joined.rows(), H * steps);
  for (Index n = 0; n < steps; ++n) {
    taken.middleCols(n * H, H) = joined.middleCols((2 * n + direction) * H, H);
  }
}

/// Working memory of layers that read in both directions; the layers of a network share one.
template <class Scalar>
struct DirectionMemory {
  Timing reversed_timing;  ///< forward writes it, backward reads it
  Matrix<Scalar> reversed, directions[2];
};

/// A layer of a network in D = 1 direction or in D = 2: forward, then in reverse, from a sample's
/// last valid step to its first, on the clock of reverse_timing. Every direction is a Layer with
/// windows of its own. The object is a view of these layers, as the tape is of their tapes.
///
/// The outputs are the hidden states of every step, N = T, or only the final ones, N = 1: those
/// after the last step that each direction reads.
template <TimeGate Gate>
class DirectionalLayer {
 public:
  using Scalar = typename Gate::Scalar;

  /// What forward writes for backward.
  struct Tape {
    std::span<LayerTape<Scalar>> layers;    // [D]
    std::span<State<Scalar>> final_states;  // [D]
    DirectionMemory<Scalar>& memory;
  };

  explicit DirectionalLayer(std::span<const Layer<Gate>> directions) : directions_(directions) {}

  /// Runs the layer over a batch.
  ///
  ///     x        [B, I*T]
  ///     initial  [B,H]       null: zero; must be null with two directions
  ///     outputs  [B, D*H*N]  out, the hidden states of a step side by side; N = T if every_step
  ///     tape                 out; backward needs it written with Keep::tape
  void forward(const Vector<Scalar>& parameters, const ConstMatrixRef<Scalar>& x,
               const Timing& timing, const State<Scalar>* initial, bool every_step,
               Matrix<Scalar>& outputs, const Tape& tape, Keep keep, Path path) const;

  /// The gradient of `forward` with the same parameters and timing.
  ///
  ///     doutputs  [B, D*H*N]
  ///     dx        [B, I*T]    out; null: not wanted
  ///     dinitial  [B,H]       out, the gradient of forward's initial state; null: not wanted, as
  ///     it
  ///                           must be with two directions
  ///     gradient              accumulates, laid out as the parameters
  void backward(const Vector<Scalar>& parameters, const Timing& timing, bool every_step,
                const Matrix<Scalar>& doutputs, const Tape& tape, Scalar budget_gradient,
                Matrix<Scalar>* dx, State<Scalar>* dinitial, Vector<Scalar>& gradient) const;

 private:
  Index hidden() const { return directions_[0].hidden(); }

  // The only places where a network runs its layers. The network has checked what it was given.

  void run(std::size_t direction, const Vector<Scalar>& parameters, const ConstMatrixRef<Scalar>& x,
           const Timing& timing, const State<Scalar>* initial, Matrix<Scalar>* outputs,
           const Tape& tape, Keep keep, Path path) const {
    directions_[direction].forward_unchecked(parameters, x, timing, initial,
                                             tape.final_states[direction], outputs,
                                             tape.layers[direction], keep, path);
  }

  /// `doutputs` [B, H*N] and dx are in the order in which the direction reads.
  void run_back(std::size_t direction, const Vector<Scalar>& parameters, const Timing& timing,
                bool every_step, const Matrix<Scalar>& doutputs, const Tape& tape,
                Scalar budget_gradient, Matrix<Scalar>* dx, State<Scalar>* dinitial,
                Vector<Scalar>& gradient) const;

  std::span<const Layer<Gate>> directions_;
};

template <TimeGate Gate>
void DirectionalLayer<Gate>::forward(const Vector<Scalar>& parameters,
                                     const ConstMatrixRef<Scalar>& x, const Timing& timing,
                                     const State<Scalar>* initial, bool every_step,
                                     Matrix<Scalar>& outputs, const Tape& tape, Keep keep,
                                     Path path) const {
  if (directions_.size() == 1) {
    run(0, parameters, x, timing, initial, every_step ? &outputs : nullptr, tape, keep, path);
    if (!every_step) outputs = tape.final_states[0].h;
    return;
  }
  GLSTM_ASSERT(initial == nullptr);
  DirectionMemory<Scalar>& memory = tape.memory;
  memory.reversed_timing = reverse_timing(timing);
  reverse_steps<Scalar>(x, directions_[1].inputs(), timing, memory.reversed);
  run(0, parameters, x, timing, nullptr, every_step ? &memory.directions[0] : nullptr, tape, keep,
      path);
  run(1, parameters, memory.reversed, memory.reversed_timing, nullptr,
      every_step ? &memory.directions[1] : nullptr, tape, keep, path);
  if (every_step) {
    reverse_steps<Scalar>(memory.directions[1], hidden(), timing, memory.reversed);
    join_directions(memory.directions[0], memory.reversed, timing.steps, outputs);
  } else {
    join_directions(tape.final_states[0].h, tape.final_states[1].h, 1, outputs);
  }
}

template <TimeGate Gate>
void DirectionalLayer<Gate>::backward(const Vector<Scalar>& parameters, const Timing& timing,
                                      bool every_step, const Matrix<Scalar>& doutputs,
                                      const Tape& tape, Scalar budget_gradient, Matrix<Scalar>* dx,
                                      State<Scalar>* dinitial, Vector<Scalar>& gradient) const {
  DirectionMemory<Scalar>& memory = tape.memory;
  if (directions_.size() == 1) {
    run_back(0, parameters, timing, every_step, doutputs, tape, budget_gradient, dx, dinitial,
             gradient);
    return;
  }
  Matrix<Scalar>& own = memory.directions[0];  // the gradient of one direction's outputs
  if (every_step) {
    take_direction(doutputs, timing.steps, 1, memory.reversed);
    reverse_steps<Scalar>(memory.reversed, hidden(), timing, own);
  } else {
    take_direction(doutputs, 1, 1, own);
  }
  run_back(1, parameters, memory.reversed_timing, every_step, own, tape, budget_gradient,
           dx != nullptr ? &memory.reversed : nullptr, nullptr, gradient);
  if (dx != nullptr) {
    reverse_steps<Scalar>(memory.reversed, directions_[1].inputs(), timing, *dx);
  }
  take_direction(doutputs, every_step ? timing.steps : 1, 0, own);
  run_back(0, parameters, timing, every_step, own, tape, budget_gradient,
           dx != nullptr ? &memory.directions[1] : nullptr, nullptr, gradient);
  if (dx != nullptr) *dx += memory.directions[1];
}

template <TimeGate Gate>
void DirectionalLayer<Gate>::run_back(std::size_t direction, const Vector<Scalar>& parameters,
                                      const Timing& timing, bool every_step,
                                      const Matrix<Scalar>& doutputs, const Tape& tape,
                                      Scalar budget_gradient, Matrix<Scalar>* dx,
                                      State<Scalar>* dinitial, Vector<Scalar>& gradient) const {
  State<Scalar> dstate = State<Scalar>::zeros(timing.batch, hidden());
  if (!every_step) dstate.h = doutputs;
  directions_[direction].backward_unchecked(parameters, timing, tape.layers[direction],
                                            every_step ? &doutputs : nullptr, budget_gradient,
                                            dstate, dx, gradient);
  if (dinitial != nullptr) *dinitial = std::move(dstate);
}

}  // namespace detail
GLSTM_END_NAMESPACE
