// The forward pass of the scheduled path for a batch of few samples. block_layout.hpp describes
// the layout.
#pragma once

#include <algorithm>
#include <cstddef>
#include <vector>

#include "glstm/core/timing.hpp"
#include "glstm/gates/slot_openness.hpp"
#include "glstm/gates/time_gate.hpp"
#include "glstm/kernels/neuron_lanes.hpp"
#include "glstm/lstm/block_tape.hpp"
#include "glstm/lstm/cell.hpp"
#include "glstm/lstm/scheduled_gates.hpp"
#include "glstm/lstm/scheduled_tape.hpp"

GLSTM_BEGIN_NAMESPACE
namespace scheduled {

/// ForwardPass with neurons in the lanes; the arguments are the same.
template <class Scalar>
class BlockForwardPass {
 public:
  BlockForwardPass(const LstmWeights<Scalar>& weights, const ConstMatrixRef<Scalar>& x,
                   const Timing& timing, State<Scalar>& state, Matrix<Scalar>* outputs, Keep keep,
                   Tape<Scalar>& tape)
      : weights_(weights),
        x_(x),
        timing_(timing),
        state_(state),
        outputs_(outputs),
        keep_(keep),
        tape_(tape),
        blocks_(tape.blocks) {}

  template <TimeGate Gate>
  void run(const Gate& gate) {
    begin();
    const glstm::detail::SlotOpenness<Gate> openness(gate, blocks_);
    for (std::size_t s = 0; s < tape_.segments.size(); ++s) {
      enter_segment(s);
      cross_boundary(s);
      load_start();
      for (Index n = segment().begin; n < segment().end; ++n) {
        if (tape_.k_per_sample) {
          write_openness(gate, timing_, segment(), n, tape_, blocks_.k_of_open.data());
          scatter_openness();
        } else {
          openness.compute(gate, blocks_, open_slots(), tape_.times(0, n), blocks_.k.data());
          count_openness();
        }
        run_step(n);
      }
      leave_segment();
    }
    finish();
  }

 private:
  static constexpr Index packet = BlockTape<Scalar>::packet;
  static constexpr Index column = BlockTape<Scalar>::column;
  using Lanes = Eigen::Array<Scalar, packet, 1>;

  const Segment& segment() const { return *segment_; }
  const BlockSegment& block_segment() const { return *block_segment_; }

  /// The record of step n of the segment.
  Scalar* step_at(Index n) {
    const Index place = keep_ == Keep::tape ? n - segment().begin : 0;
    return tape_.steps.data() + block_segment().first_step + place * layout_.size;
  }

  void begin() {
    reserve_block_memory(keep_, tape_);
    pack_panels(weights_, blocks_);
    blocks_.h.setZero(blocks_.count() * packet, tape_.batch);
    blocks_.c.setZero(blocks_.count() * packet, tape_.batch);
    if (!tape_.zero_initial_state) {
      blocks_.for_each_state(tape_.batch, [&](Index slot, Index j, Index b) {
        blocks_.h(slot, b) = state_.h(b, j);
        blocks_.c(slot, b) = state_.c(b, j);
      });
    }
    tape_.frozen.setZero(4 * tape_.hidden, tape_.batch);
    if (outputs_ != nullptr) outputs_->resize(tape_.batch, tape_.hidden * timing_.steps);
  }

  /// Makes segment s the current one; until it begins, all neurons hold their state.
  void enter_segment(std::size_t s) {
    segment_ = &tape_.segments[s];
    block_segment_ = &blocks_.segments[s];
    layout_ = block_layout(tape_, s);
    write_outputs(written_, segment().begin);
    written_ = segment().end;
    for (const Index slot : block_segment().slots) blocks_.mask[slot] = Scalar(1);
  }

  void leave_segment() {
    for (const Index slot : block_segment().slots) {
      blocks_.mask[slot] = Scalar(0);
      for (Index at = slot; at < blocks_.k.size(); at += blocks_.padded()) blocks_.k[at] = 0;
    }
    if (tape_.k_per_sample) return;
    const double batch = static_cast<double>(tape_.batch);
    const Index updates = segment().steps() * segment().open();
    tape_.ops.updates += static_cast<double>(updates) * batch;
    tape_.ops.openness += static_cast<double>(openness_.sum()) * batch;
    openness_.setZero();
  }

  glstm::detail::OpenSlots<Scalar> open_slots() const {
    const BlockSegment& open = block_segment();
    return {open.slots.data(), open.open(), open.blocks.data(),
            static_cast<Index>(open.blocks.size()), blocks_.mask.data()};
  }

  /// Puts the openness that write_openness gave into the slots.
  void scatter_openness() {
    const Scalar* k = blocks_.k_of_open.data();
    for (const Index slot : block_segment().slots) {
      for (Index b = 0; b < tape_.batch; ++b) blocks_.k[b * blocks_.padded() + slot] = *k++;
    }
  }

  /// Adds up the openness of a step that all samples share.
  void count_openness() {
    for (const Index block : block_segment().blocks) {
      openness_ += Eigen::Map<const Lanes>(blocks_.k.data() + block * packet);
    }
  }

  /// Brings up to date what frozen neurons add to all others.
  void cross_boundary(std::size_t s) {
    find_block_boundary(tape_, s, boundary_);
    if (boundary_.anew) tape_.frozen.setZero();
    for (const Index slot : boundary_.added) add_frozen(slot, Scalar(1));
    for (const Index slot : boundary_.removed) add_frozen(slot, Scalar(-1));
    count_block_segment(s, boundary_, keep_, tape_);
  }

  /// frozen += sign times h of a slot times its weights.
  void add_frozen(Index slot, Scalar sign) {
    const auto weights = weights_.Wh.col(blocks_.neuron(slot));
    for (Index b = 0; b < tape_.batch; ++b) {
      tape_.frozen.col(b) += (sign * blocks_.h(slot, b)) * weights;
    }
  }

  /// What the sums of every block of the segment start from: bias, and what frozen neurons add.
  void load_start() {
    Scalar* start = tape_.panel.data();
    for (const Index block : block_segment().blocks) {
      const Index lanes = std::min(packet, tape_.hidden - block * packet);
      for (Index b = 0; b < tape_.batch; ++b, start += column) {
        std::copy_n(blocks_.bias.data() + block * column, column, start);
        for (Index g = 0; g < 4; ++g) {
          const Scalar* frozen = tape_.frozen.data() + (4 * b + g) * tape_.hidden;
          for (Index lane = 0; lane < lanes; ++lane) {
            start[g * packet + lane] += frozen[blocks_.neuron(block * packet + lane)];
          }
        }
      }
    }
  }

  /// One step of the open neurons, whose openness is in its record.
  void run_step(Index n) {
    Scalar* step = step_at(n);
    load_numbers(n, step + layout_.u);
    const Index B = tape_.batch, open = segment().open();
    const std::vector<Index>& blocks = block_segment().blocks;
    const bool backwards = n % 2 == 1;  // the panels that the step before used last are still near
    for (std::size_t q = 0; q < blocks.size(); ++q) {
      const Index place = static_cast<Index>(backwards ? blocks.size() - 1 - q : q);
      const Index block = blocks[static_cast<std::size_t>(place)];
      kernels::BlockForwardStep<Scalar>{
          .samples = B,
          .u = step + layout_.u,
          .u_next = tape_.inputs + open,
          .inputs = tape_.inputs,
          .open = open,
          .panel = blocks_.panels.data() + blocks_.panel_start[static_cast<std::size_t>(block)],
          .offsets = block_segment().offsets.data() + place * open,
          .start = tape_.panel.data() + place * B * column,
          .k = blocks_.k.data() + block * packet,
          .k_next = tape_.k_per_sample ? blocks_.padded() : 0,
          .h = blocks_.h.data() + block * packet,
          .c = blocks_.c.data() + block * packet,
          .state_next = blocks_.h.rows(),
          .record = keep_ == Keep::tape ? step + layout_.states + place * 6 * B * packet : nullptr,
      }
          .run();
    }
    if (keep_ == Keep::tape) record_openness(step + layout_.k);
    write_outputs(n, n + 1);
  }

  void record_openness(Scalar* to) const {
    for (Index b = 0; b < (tape_.k_per_sample ? tape_.batch : 1); ++b) {
      for (const Index block : block_segment().blocks) {
        std::copy_n(blocks_.k.data() + b * blocks_.padded() + block * packet, packet, to);
        to += packet;
      }
    }
  }

  /// x of step n and h of the open neurons, [B][inputs + open].
  void load_numbers(Index n, Scalar* u) {
    const Index I = tape_.inputs;
    for (Index b = 0; b < tape_.batch; ++b) {
      const bool valid = n < timing_.length(b);  // padding may hold anything, even NaN
      for (Index i = 0; i < I; ++i) *u++ = valid ? x_(b, n * I + i) : Scalar(0);
      const Scalar* h = blocks_.h.data() + b * blocks_.h.rows();
      u = copy_slots(h, u);
    }
  }

  /// Copies the values of the open slots next to each other; returns where they end.
  Scalar* copy_slots(const Scalar* from, Scalar* to) const {
    const std::vector<Index>& slots = block_segment().slots;
    if (slots.back() - slots.front() < segment().open()) {  // without gaps
      return std::copy_n(from + slots.front(), segment().open(), to);
    }
    for (const Index slot : slots) *to++ = from[slot];
    return to;
  }

  /// Writes h of all neurons as the outputs of steps begin ... end - 1.
  void write_outputs(Index begin, Index end) {
    if (outputs_ == nullptr || begin >= end) return;
    for (Index n = begin; n < end; ++n) {
      blocks_.for_each_state(tape_.batch, [&](Index slot, Index j, Index b) {
        (*outputs_)(b, n * tape_.hidden + j) = blocks_.h(slot, b);
      });
    }
  }

  void finish() {
    write_outputs(written_, timing_.steps);
    tape_.keep = keep_;
    state_.h.resize(tape_.batch, tape_.hidden);
    state_.c.resize(tape_.batch, tape_.hidden);
    blocks_.for_each_state(tape_.batch, [&](Index slot, Index j, Index b) {
      state_.h(b, j) = blocks_.h(slot, b);
      state_.c(b, j) = blocks_.c(slot, b);
    });
  }

  const LstmWeights<Scalar>& weights_;
  const ConstMatrixRef<Scalar>& x_;
  const Timing& timing_;
  State<Scalar>& state_;
  Matrix<Scalar>* outputs_;
  Keep keep_;
  Tape<Scalar>& tape_;
  BlockTape<Scalar>& blocks_;

  const Segment* segment_ = nullptr;
  const BlockSegment* block_segment_ = nullptr;
  BlockStepLayout<Scalar> layout_{0, 0, 0, 0, false};  ///< of the segment's steps
  BlockBoundary boundary_;                             ///< before the segment
  Lanes openness_ = Lanes::Zero();                     ///< of the segment's steps so far
  Index written_ = 0;  ///< the outputs of the steps before this one are written
};

}  // namespace scheduled
GLSTM_END_NAMESPACE
