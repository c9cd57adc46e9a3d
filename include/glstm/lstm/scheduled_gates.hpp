// What the scheduled path asks of a time gate: who is open when, how far, and the gradient of that.
// Nothing else in the scheduled path depends on the kind of gate.
#pragma once

#include <algorithm>
#include <utility>
#include <vector>

#include "glstm/core/timing.hpp"
#include "glstm/gates/time_gate.hpp"
#include "glstm/lstm/scheduled_tape.hpp"
#include "glstm/lstm/window_schedule.hpp"

GLSTM_BEGIN_NAMESPACE
namespace scheduled {

/// Builds the schedule of a run: who is open when.
template <TimeGate Gate, class Scalar = typename Gate::Scalar>
void schedule(const Gate& gate, Index inputs, double time_origin, const Timing& timing,
              bool zero_initial_state, Tape<Scalar>& tape) {
  tape.keep = Keep::nothing;  // until all has gone well
  auto times = relative_times<typename Tape<Scalar>::Real>(timing, time_origin);
  std::vector<Segment> segments = segments_of(open_steps(gate, times, timing));
  set_schedule(inputs, static_cast<Index>(gate.size()), timing, std::move(times),
               std::move(segments), zero_initial_state, tape);
}

/// Writes the openness of a segment's neurons at step n to `k` and counts it.
template <TimeGate Gate, class Scalar = typename Gate::Scalar>
void write_openness(const Gate& gate, const Timing& timing, const Segment& segment, Index n,
                    Tape<Scalar>& tape, Scalar* k) {
  using Eigen::numext::real;
  for (Index slot = 0; slot < segment.open(); ++slot) {
    const Index j = segment.neurons[static_cast<std::size_t>(slot)];
    if (!tape.k_per_sample) {
      k[slot] = gate.openness(j, tape.times(0, n));
      tape.ops.updates += static_cast<double>(tape.batch);
      tape.ops.openness += static_cast<double>(real(k[slot])) * static_cast<double>(tape.batch);
      continue;
    }
    Scalar* of_samples = k + slot * tape.stride;
    std::fill(of_samples, of_samples + tape.lanes, Scalar(0));
    for (Index b = 0; b < tape.batch; ++b) {
      const Scalar t = tape.times(tape.times.rows() == 1 ? 0 : b, n);
      if (n >= timing.length(b) || !gate.is_open(j, t)) continue;
      of_samples[b] = gate.openness(j, t);
      tape.ops.updates += 1;
      tape.ops.openness += static_cast<double>(real(of_samples[b]));
    }
  }
}

/// Adds the gate gradients of one step; dk is what BackwardStep gave.
template <TimeGate Gate, class Scalar = typename Gate::Scalar>
void add_gate_gradient(const Gate& gate, const Timing& timing, const Segment& segment, Index n,
                       const Tape<Scalar>& tape, const Scalar* dk, Scalar budget_gradient,
                       Eigen::Map<Matrix<Scalar>>& dgate) {
  for (Index slot = 0; slot < segment.open(); ++slot) {
    const Index j = segment.neurons[static_cast<std::size_t>(slot)];
    const auto add = [&](Scalar t, Scalar dk_sum) {
      const auto gradient = gate.openness_gradient(j, t);
      for (Index p = 0; p < dgate.cols(); ++p) {
        dgate(j, p) += dk_sum * gradient[static_cast<std::size_t>(p)];
      }
    };
    if (!tape.k_per_sample) {
      add(tape.times(0, n), dk[slot] + static_cast<Scalar>(tape.batch) * budget_gradient);
      continue;
    }
    const Scalar* of_samples = dk + slot * tape.stride;
    if (tape.times.rows() == 1) {
      Scalar sum(0);
      for (Index b = 0; b < tape.batch; ++b) {
        if (n < timing.length(b)) sum += of_samples[b] + budget_gradient;
      }
      add(tape.times(0, n), sum);
    } else {
      for (Index b = 0; b < tape.batch; ++b) {
        if (n < timing.length(b)) add(tape.times(b, n), of_samples[b] + budget_gradient);
      }
    }
  }
}

}  // namespace scheduled
GLSTM_END_NAMESPACE
