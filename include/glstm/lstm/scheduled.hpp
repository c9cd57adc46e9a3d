// The scheduled path: a whole sequence, computing open neurons only.
//
// Between two events (a neuron opens or closes) the open set A is constant: a segment, which is a
// small dense LSTM. All other neurons are frozen, so what they add to the pre-activations of A is
// constant too; it is kept in `frozen`, per open neuron, and changes at events only:
//
//     neuron i opens     frozen_i  = sum over frozen j of Wh[i,j] h_j
//     neuron j closes    frozen_i += Wh[i,j] h_j    for every i that stays open
//     neuron j opens     frozen_i -= Wh[i,j] h_j    for every i that stays open
//
// Now and then (sums_anew) the sum is taken anew for every open neuron.
//
// Backward is the mirror image, with `sum_dz`, per open neuron, in the place of `frozen`. Neurons
// that have not opened yet and start from zero take no part.
//
// scheduled_tape.hpp has the schedule and the record of a run, scheduled_forward.hpp and
// scheduled_backward.hpp the two passes. They compute with packets of samples. A batch of few
// samples would leave most of a packet empty: block_layout.hpp, block_forward.hpp and
// block_backward.hpp have the same method with packets of neurons, where every neuron that is not
// open is part of `frozen`, and `sum_dz` is kept for all.
#pragma once

#include "glstm/core/error.hpp"
#include "glstm/lstm/block_backward.hpp"
#include "glstm/lstm/block_forward.hpp"
#include "glstm/lstm/scheduled_backward.hpp"
#include "glstm/lstm/scheduled_forward.hpp"

GLSTM_BEGIN_NAMESPACE
namespace scheduled {

/// Runs a layer over x [B, I*T]. `state` [B,H] is the final state on return, and on entry the
/// initial state unless `zero_initial_state`. `outputs`, when not null, gets the hidden state
/// after every step, [B, H*T].
template <TimeGate Gate, class Scalar = typename Gate::Scalar>
void forward(const LstmWeights<Scalar>& weights, const Gate& gate, double time_origin,
             const ConstMatrixRef<Scalar>& x, const Timing& timing, bool zero_initial_state,
             State<Scalar>& state, Matrix<Scalar>* outputs, Keep keep, Tape<Scalar>& tape) {
  schedule(gate, weights.inputs(), time_origin, timing, zero_initial_state, tape);
  if (tape.in_blocks) {
    BlockForwardPass<Scalar>(weights, x, timing, state, outputs, keep, tape).run(gate);
  } else {
    ForwardPass<Scalar>(weights, x, timing, state, outputs, keep, tape).run(gate);
  }
}

/// The gradient of `forward` with the same weights. `dstate` is the gradient of the final state on
/// entry, that of the initial state on return; `doutputs` [B, H*T] and `dx` [B, I*T] may be null.
/// `budget_gradient` is added to the gradient of every open neuron's openness. Weight and gate
/// gradients ([H,P]) accumulate. `workspace` is working memory.
template <TimeGate Gate, class Scalar = typename Gate::Scalar>
void backward(const LstmWeights<Scalar>& weights, const Gate& gate, const Timing& timing,
              const Tape<Scalar>& tape, const Matrix<Scalar>* doutputs, Scalar budget_gradient,
              State<Scalar>& dstate, Matrix<Scalar>* dx, LstmGradients<Scalar>& gradients,
              BackwardWorkspace<Scalar>& workspace) {
  detail::require(tape.keep == Keep::tape, "backward needs a forward pass that kept its tape");
  if (tape.in_blocks) {
    BlockBackwardPass<Scalar>(weights, timing, tape, doutputs, dstate, dx, gradients, workspace)
        .run(gate, budget_gradient);
  } else {
    BackwardPass<Scalar>(weights, timing, tape, doutputs, dstate, dx, gradients, workspace)
        .run(gate, budget_gradient);
  }
}

}  // namespace scheduled
GLSTM_END_NAMESPACE
