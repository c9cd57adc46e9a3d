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
  std::vector<Segment> segments =
      segments_of(open_steps(gate, times, timing), std::move(tape.segments));
  set_schedule(inputs, static_cast<Index>(gate.size()), timing, std::move(times),
               std::move(segments), zero_initial_state, tape);
}

/// The openness of neuron j at the times of `count` samples; returns how many are open.
template <TimeGate Gate, class Scalar = typename Gate::Scalar>
Index openness_at(const Gate& gate, Index j, const typename Gate::Real* times, Index count,
                  Scalar* k) {
  if constexpr (requires { gate.openness_at(j, times, count, k); }) {
    return gate.openness_at(j, times, count, k);
  } else {
    Index open = 0;
    for (Index b = 0; b < count; ++b) {
      const bool is_open = gate.is_open(j, Scalar(times[b]));
      k[b] = is_open ? gate.openness(j, Scalar(times[b])) : Scalar(0);
      open += is_open ? 1 : 0;
    }
    return open;
  }
}

/// Writes the openness of a segment's neurons at step n to `k` and counts it.
template <TimeGate Gate, class Scalar = typename Gate::Scalar>
void write_openness(const Gate& gate, const Timing& timing, const Segment& segment, Index n,
                    Tape<Scalar>& tape, Scalar* k) {
  using Eigen::numext::real;
  const auto sum = [](const Scalar* values, Index count) {
    return static_cast<double>(real(Eigen::Map<const Vector<Scalar>>(values, count).sum()));
  };
  Index running = tape.batch;  // samples that have not ended
  if (tape.k_per_sample) {
    for (const Index length : timing.lengths) running -= n >= length ? 1 : 0;
  }
  for (Index slot = 0; slot < segment.open(); ++slot) {
    const Index j = segment.neurons[static_cast<std::size_t>(slot)];
    if (!tape.k_per_sample) {
      k[slot] = gate.openness(j, tape.times(0, n));
      continue;
    }
    Scalar* of_samples = k + slot * tape.stride;
    Index open = running;
    if (tape.times.rows() == 1) {  // ragged, on one clock: the neuron is open
      std::fill_n(of_samples, tape.batch, gate.openness(j, tape.times(0, n)));
    } else {
      open = openness_at(gate, j, &tape.times(0, n), tape.batch, of_samples);
    }
    std::fill(of_samples + tape.batch, of_samples + tape.lanes, Scalar(0));
    for (Index b = 0; running < tape.batch && b < tape.batch; ++b) {
      if (n < timing.length(b)) continue;
      if (tape.times.rows() > 1 && gate.is_open(j, tape.times(b, n))) --open;
      of_samples[b] = Scalar(0);
    }
    tape.ops.updates += static_cast<double>(open);
    tape.ops.openness += sum(of_samples, tape.batch);
  }
  if (!tape.k_per_sample) {
    const double batch = static_cast<double>(tape.batch);
    tape.ops.updates += static_cast<double>(segment.open()) * batch;
    tape.ops.openness += sum(k, segment.open()) * batch;
  }
}

/// Adds the gate gradients of one step; k is what write_openness wrote, dk what BackwardStep gave.
template <TimeGate Gate, class Scalar = typename Gate::Scalar>
void add_gate_gradient(const Gate& gate, const Timing& timing, const Segment& segment, Index n,
                       const Tape<Scalar>& tape, const Scalar* k, const Scalar* dk,
                       Scalar budget_gradient, Eigen::Map<Matrix<Scalar>>& dgate) {
  [[maybe_unused]] Vector<Scalar> budget;
  for (Index slot = 0; slot < segment.open(); ++slot) {
    const Index j = segment.neurons[static_cast<std::size_t>(slot)];
    const auto add_product = [&](const auto& gradient, Scalar factor) {
      for (Index p = 0; p < dgate.cols(); ++p) {
        dgate(j, p) += factor * gradient[static_cast<std::size_t>(p)];
      }
    };
    const auto add = [&](Scalar t, Scalar dk_sum) {
      add_product(gate.openness_gradient(j, t), dk_sum);
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
    } else if constexpr (requires {
                           gate.openness_gradient_at(j, &tape.times(0, n), k, dk, tape.batch);
                         }) {
      // Where a sample has ended k is 0, and with it the gradient.
      const Scalar *times = &tape.times(0, n), *of_k = k + slot * tape.stride;
      add_product(gate.openness_gradient_at(j, times, of_k, of_samples, tape.batch), Scalar(1));
      if (budget_gradient != Scalar(0)) {
        budget.setConstant(tape.batch, budget_gradient);
        add_product(gate.openness_gradient_at(j, times, of_k, budget.data(), tape.batch),
                    Scalar(1));
      }
    } else {
      for (Index b = 0; b < tape.batch; ++b) {
        if (n < timing.length(b)) add(tape.times(b, n), of_samples[b] + budget_gradient);
      }
    }
  }
}

}  // namespace scheduled
GLSTM_END_NAMESPACE
