// The forward pass of the scheduled path. scheduled.hpp describes the method.
#pragma once

#include <algorithm>
#include <vector>

#include "glstm/core/timing.hpp"
#include "glstm/gates/time_gate.hpp"
#include "glstm/kernels/step_kernels.hpp"
#include "glstm/lstm/cell.hpp"
#include "glstm/lstm/scheduled_gates.hpp"
#include "glstm/lstm/scheduled_tape.hpp"
#include "glstm/lstm/segment_weights.hpp"

GLSTM_BEGIN_NAMESPACE
namespace scheduled {

/// One forward pass over a batch, whose tape already has its schedule. BackwardPass has the same
/// phases, in reverse.
template <class Scalar>
class ForwardPass {
 public:
  /// `x` is [B, I*T]. `state` [B,H] is the final state after `run`, and before it the initial state
  /// unless it is zero. `outputs`, when not null, gets the hidden state after every step, [B, H*T].
  ForwardPass(const LstmWeights<Scalar>& weights, const ConstMatrixRef<Scalar>& x,
              const Timing& timing, State<Scalar>& state, Matrix<Scalar>* outputs, Keep keep,
              Tape<Scalar>& tape)
      : weights_(weights),
        x_(x),
        timing_(timing),
        state_(state),
        outputs_(outputs),
        keep_(keep),
        tape_(tape) {
    GLSTM_ASSERT(x.rows() == timing.batch && x.cols() == tape.inputs * timing.steps);
    GLSTM_ASSERT(tape.zero_initial_state ||
                 (state.h.rows() == timing.batch && state.h.cols() == tape.hidden &&
                  state.c.rows() == timing.batch && state.c.cols() == tape.hidden));
  }

  /// Only `gate` depends on the kind of time gate: all kinds share the code of the phases.
  template <TimeGate Gate>
  void run(const Gate& gate) {
    begin();
    for (std::size_t s = 0; s < tape_.segments.size(); ++s) {
      enter_segment(s);
      cross_boundary();
      gather_weights();
      load_open_neurons();
      for (Index n = segment().begin; n < segment().end; ++n) {
        write_openness(gate, timing_, segment(), n, tape_, step_at(n) + layout_.k);
        run_step(n);
      }
    }
    finish();
  }

 private:
  const Segment& segment() const { return *segment_; }

  /// The record of step n of the segment.
  Scalar* step_at(Index n) {
    const Index place = keep_ == Keep::tape ? n - segment().begin : (n - segment().begin) % 2;
    return tape_.steps.data() + segment_start_ + place * layout_.size;
  }

  void begin() {
    reserve_memory(keep_, tape_);
    if (!tape_.dense()) pack_gate_weights(weights_, tape_.packed_weights);
    tape_.h.setZero(tape_.stride, tape_.hidden);
    tape_.c.setZero(tape_.stride, tape_.hidden);
    if (!tape_.zero_initial_state) {
      copy_upper_rows(state_.h, tape_.h);
      copy_upper_rows(state_.c, tape_.c);
    }
    if (outputs_ != nullptr) outputs_->resize(tape_.batch, tape_.hidden * timing_.steps);
    slots_.resize(static_cast<std::size_t>(tape_.hidden));
    for (std::size_t slot = 0; slot < slots_.size(); ++slot) {
      slots_[slot] = static_cast<Index>(slot);
    }
  }

  /// Makes segment s the current one; until it begins, all neurons hold their state.
  void enter_segment(std::size_t s) {
    segment_ = &tape_.segments[s];
    segment_start_ = tape_.segment_start[s];
    layout_ = tape_.layout(segment());
    write_outputs(written_, segment().begin);
    written_ = segment().end - 1;  // the outputs of the segment's last step come from h, later
    find_boundary(tape_, s, boundary_);
    count_segment(segment(), boundary_, keep_, tape_);
  }

  /// Brings up to date what frozen neurons add to the open ones.
  void cross_boundary() {
    for (const Index i : boundary_.anew) {
      std::fill_n(tape_.frozen.data() + 4 * i * tape_.stride, 4 * tape_.stride, Scalar(0));
      add_frozen(i, boundary_.frozen, boundary_.frozen.size());
    }
    for (const Index i : boundary_.kept) add_frozen(i, boundary_.changed, boundary_.closed);
    anything_frozen_ |= !boundary_.frozen.empty();
  }

  /// frozen of `target` += the weights from `sources` times their h; the sources from
  /// `subtract_from` on are subtracted.
  void add_frozen(Index target, const std::vector<Index>& sources, std::size_t subtract_from) {
    if (sources.empty()) return;
    Vector<Scalar>& panel = tape_.panel;
    panel.resize(std::max<Index>(panel.size(), 4 * static_cast<Index>(sources.size())));
    for (std::size_t k = 0; k < sources.size(); ++k) {
      const Scalar sign = k < subtract_from ? Scalar(1) : Scalar(-1);
      const Scalar* w = tape_.packed_weights.data() + 4 * (sources[k] * tape_.hidden + target);
      for (std::size_t g = 0; g < 4; ++g) panel[static_cast<Index>(4 * k + g)] = sign * w[g];
    }
    kernels::ColumnProduct<Scalar, kernels::ListedColumns>{
        .lanes = tape_.lanes,
        .stride = tape_.stride,
        .block = tape_.h.data(),
        .columns = sources.data(),
        .count = static_cast<Index>(sources.size()),
        .weights = {.data = panel.data(), .neuron = 0},
        .neurons = 1,
        .out = tape_.frozen.data() + 4 * target * tape_.stride,
        .out_stride = tape_.stride,
    }
        .run();
  }

  /// The bias of the open neurons, [open][4], then the panel of their weights.
  void gather_weights() {
    const Index H = tape_.hidden, open = segment().open();
    for (Index slot = 0; slot < open; ++slot) {
      const Index j = segment().neurons[static_cast<std::size_t>(slot)];
      for (Index g = 0; g < 4; ++g) tape_.panel[4 * slot + g] = weights_.b(g * H + j);
    }
    Scalar* panel = tape_.panel.data() + 4 * open;
    if (tape_.dense()) return copy_to_panel(weights_, panel);
    const kernels::WeightPanel layout{open, open + tape_.inputs};
    for_segment_weights(tape_, segment().neurons, [&](Index place, Index slot, Index k) {
      std::copy_n(tape_.packed_weights.data() + place, 4, panel + layout.place(slot, k));
    });
  }

  /// The state goes from one step's record to the next; the last step of the segment stores it.
  void load_open_neurons() {
    Scalar* first = step_at(segment().begin);
    gather_columns(tape_, segment().neurons, tape_.h, first + layout_.u);
    gather_columns(tape_, segment().neurons, tape_.c, first + layout_.c_prev);
  }

  /// One step of the open neurons, whose openness is in its record. The last one of the segment
  /// stores their state in h and c.
  void run_step(Index n) {
    Scalar* step = step_at(n);
    load_input(n, step + layout_.u + segment().open() * tape_.stride);
    const bool last = n + 1 == segment().end;
    Scalar* next = last ? nullptr : step_at(n + 1);
    kernels::ForwardStep<Scalar>{
        .lanes = tape_.lanes,
        .stride = tape_.stride,
        .open = segment().open(),
        .inputs = tape_.inputs,
        .neurons = segment().neurons.data(),
        .u = step + layout_.u,
        .bias = tape_.panel.data(),
        .panel = tape_.panel.data() + 4 * segment().open(),
        .frozen = anything_frozen_ ? tape_.frozen.data() : nullptr,
        .k = step + layout_.k,
        .k_per_sample = tape_.k_per_sample,
        .c_prev = step + layout_.c_prev,
        .next_columns = last ? segment().neurons.data() : slots_.data(),
        .h_next = last ? tape_.h.data() : next + layout_.u,
        .c_next = last ? tape_.c.data() : next + layout_.c_prev,
        .gates = keep_ == Keep::tape ? step + layout_.gates : nullptr,
    }
        .run();
    if (!last) write_step_outputs(n, next + layout_.u);
  }

  /// Copies x of step n to `columns` [stride, I].
  void load_input(Index n, Scalar* columns) {
    for (Index i = 0; i < tape_.inputs; ++i) {
      Scalar* column = columns + i * tape_.stride;
      std::copy_n(x_.data() + (n * tape_.inputs + i) * x_.outerStride(), tape_.batch, column);
      std::fill(column + tape_.batch, column + tape_.lanes, Scalar(0));
      for (std::size_t b = 0; b < timing_.lengths.size(); ++b) {
        if (n >= timing_.lengths[b]) column[b] = Scalar(0);  // padding may hold anything, even NaN
      }
    }
  }

  /// Writes h of all neurons as the outputs of steps begin ... end - 1.
  void write_outputs(Index begin, Index end) {
    if (outputs_ == nullptr) return;
    const Index H = tape_.hidden, B = tape_.batch;
    for (Index n = begin; n < end; ++n) {
      for (Index j = 0; j < H; ++j) {
        std::copy_n(tape_.h.data() + j * tape_.stride, B, outputs_->data() + (n * H + j) * B);
      }
    }
  }

  /// Writes the outputs of step n: `h` [stride, open] of the open neurons, h of all others.
  void write_step_outputs(Index n, const Scalar* h) {
    if (outputs_ == nullptr) return;
    write_outputs(n, n + 1);
    for (const Index j : segment().neurons) {
      std::copy_n(h, tape_.batch, outputs_->data() + (n * tape_.hidden + j) * tape_.batch);
      h += tape_.stride;
    }
  }

  void finish() {
    write_outputs(written_, timing_.steps);
    tape_.keep = keep_;
    state_.h.resize(tape_.batch, tape_.hidden);
    state_.c.resize(tape_.batch, tape_.hidden);
    copy_upper_rows(tape_.h, state_.h);
    copy_upper_rows(tape_.c, state_.c);
  }

  const LstmWeights<Scalar>& weights_;
  const ConstMatrixRef<Scalar>& x_;
  const Timing& timing_;
  State<Scalar>& state_;
  Matrix<Scalar>* outputs_;
  Keep keep_;
  Tape<Scalar>& tape_;

  const Segment* segment_ = nullptr;
  Index segment_start_ = 0;
  StepLayout layout_{0, 0, 0, false};  ///< of the segment's steps
  Boundary boundary_;                  ///< before the segment
  std::vector<Index> slots_;           ///< [H] 0, 1, 2 ...
  bool anything_frozen_ = false;
  Index written_ = 0;  ///< the outputs of the steps before this one are written
};

}  // namespace scheduled
GLSTM_END_NAMESPACE
