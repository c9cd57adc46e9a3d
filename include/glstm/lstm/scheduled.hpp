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
// scheduled_backward.hpp the two passes.
#pragma once

#include "glstm/lstm/scheduled_backward.hpp"
#include "glstm/lstm/scheduled_forward.hpp"
