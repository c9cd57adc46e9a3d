// The reference path: a whole sequence, dense and masked. Slow, short, and what the tests trust.
#pragma once

#include <vector>

#include "glstm/core/timing.hpp"
#include "glstm/gates/time_gate.hpp"
#include "glstm/lstm/cell.hpp"
#include "glstm/lstm/window_schedule.hpp"

GLSTM_BEGIN_NAMESPACE
namespace reference {

/// What a forward pass leaves for its backward pass.
template <class Scalar>
struct Tape {
  Index batch = 0;
  double openness = 0, dense_updates = 0;  ///< sum of k, and how many there are at valid steps
  Matrix<typename Eigen::NumTraits<Scalar>::Real> times;  ///< [1,T] or [B,T]
  std::vector<CellTape<Scalar>> cells;                    ///< [T]
};

/// The openness of every sample and neuron at step n, [B,H]; 0 past a sample's length.
template <TimeGate Gate>
Matrix<typename Gate::Scalar> openness_at(const Gate& gate,
                                          const Matrix<typename Gate::Real>& times,
                                          const Timing& timing, Index n) {
  using Scalar = typename Gate::Scalar;
  Matrix<Scalar> k(timing.batch, gate.size());
  for (Index j = 0; j < gate.size(); ++j) {
    for (Index b = 0; b < timing.batch; ++b) {
      k(b, j) = n < timing.length(b) ? gate.openness(j, Scalar(times(times.rows() == 1 ? 0 : b, n)))
                                     : Scalar(0);
    }
  }
  return k;
}

/// Runs a layer over x [B, I*T]. `state` is the initial state on entry, the final one on return;
/// `outputs`, when not null, gets the hidden state after every step, [B, H*T].
template <TimeGate Gate, class Scalar = typename Gate::Scalar>
void forward(const LstmWeights<Scalar>& weights, const Gate& gate, double time_origin,
             const ConstMatrixRef<Scalar>& x, const Timing& timing, State<Scalar>& state,
             Matrix<Scalar>* outputs, Tape<Scalar>& tape) {
  const Index I = weights.inputs(), H = weights.hidden(), T = timing.steps;
  tape.batch = timing.batch;
  tape.openness = 0;
  tape.dense_updates = static_cast<double>(timing.valid_steps() * H);
  tape.times = relative_times<typename Gate::Real>(timing, time_origin);
  tape.cells.resize(static_cast<std::size_t>(T));
  if (outputs != nullptr) outputs->resize(timing.batch, H * T);
  for (Index n = 0; n < T; ++n) {
    const Matrix<Scalar> k = openness_at(gate, tape.times, timing, n);
    tape.openness += static_cast<double>(Eigen::numext::real(k.sum()));
    Matrix<Scalar> x_n = x.middleCols(n * I, I);
    for (Index b = 0; b < timing.batch; ++b) {
      if (n >= timing.length(b)) x_n.row(b).setZero();  // padding may hold anything, even NaN
    }
    cell_forward<Scalar>(weights, x_n, k, state, tape.cells[static_cast<std::size_t>(n)]);
    if (outputs != nullptr) outputs->middleCols(n * H, H) = state.h;
  }
}

/// The gradient of `forward`. `dstate` is d final state on entry, d initial state on return;
/// `doutputs` [B, H*T] and `dx` [B, I*T] may be null. `budget_gradient` is added to the gradient of
/// every open neuron's openness. Weight and gate gradients ([H,P]) accumulate.
template <TimeGate Gate, class Scalar = typename Gate::Scalar>
void backward(const LstmWeights<Scalar>& weights, const Gate& gate, const Timing& timing,
              const Tape<Scalar>& tape, const Matrix<Scalar>* doutputs, Scalar budget_gradient,
              State<Scalar>& dstate, Matrix<Scalar>* dx, LstmGradients<Scalar>& gradients) {
  const Index I = weights.inputs(), H = weights.hidden(), T = timing.steps;
  if (dx != nullptr) dx->resize(timing.batch, I * T);
  Matrix<Scalar> dk;
  for (Index n = T; n-- > 0;) {
    if (doutputs != nullptr) dstate.h += doutputs->middleCols(n * H, H);
    const CellTape<Scalar>& cell = tape.cells[static_cast<std::size_t>(n)];
    if (dx != nullptr) {
      MatrixRef<Scalar> dx_n = dx->middleCols(n * I, I);
      cell_backward<Scalar>(weights, cell, dstate, dk, &dx_n, gradients);
    } else {
      cell_backward<Scalar>(weights, cell, dstate, dk, nullptr, gradients);
    }
    for (Index j = 0; j < H; ++j) {
      for (Index b = 0; b < timing.batch; ++b) {
        if (n >= timing.length(b)) continue;
        const Scalar t(tape.times(tape.times.rows() == 1 ? 0 : b, n));
        const auto dk_dparameter = gate.openness_gradient(j, t);
        for (Index p = 0; p < gradients.dgate.cols(); ++p) {
          gradients.dgate(j, p) +=
              (dk(b, j) + budget_gradient) * dk_dparameter[static_cast<std::size_t>(p)];
        }
      }
    }
  }
}

}  // namespace reference
GLSTM_END_NAMESPACE
