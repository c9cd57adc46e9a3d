// The backward pass of the scheduled path for a batch of few samples. block_layout.hpp describes
// the layout.
#pragma once

#include <algorithm>
#include <cstddef>
#include <vector>

#include "glstm/core/timing.hpp"
#include "glstm/gates/time_gate.hpp"
#include "glstm/kernels/neuron_lanes.hpp"
#include "glstm/lstm/backward_workspace.hpp"
#include "glstm/lstm/block_tape.hpp"
#include "glstm/lstm/cell.hpp"
#include "glstm/lstm/scheduled_gates.hpp"
#include "glstm/lstm/scheduled_tape.hpp"

GLSTM_BEGIN_NAMESPACE
namespace scheduled {

/// BackwardPass with neurons in the lanes: the phases of BlockForwardPass, in reverse. The
/// arguments are those of BackwardPass, and the weights.
template <class Scalar>
class BlockBackwardPass {
 public:
  BlockBackwardPass(const LstmWeights<Scalar>& weights, const Timing& timing,
                    const Tape<Scalar>& tape, const Matrix<Scalar>* doutputs, State<Scalar>& dstate,
                    Matrix<Scalar>* dx, LstmGradients<Scalar>& gradients,
                    BackwardWorkspace<Scalar>& workspace)
      : weights_(weights),
        timing_(timing),
        tape_(tape),
        blocks_(tape.blocks),
        doutputs_(doutputs),
        dstate_(dstate),
        dx_(dx),
        gradients_(gradients),
        work_(workspace),
        done_(timing.steps) {}

  template <TimeGate Gate>
  void run(const Gate& gate, Scalar budget_gradient) {
    begin();
    for (std::size_t s = tape_.segments.size(); s-- > 0;) {
      enter_segment(s);
      for (Index n = segment().end; n-- > segment().begin;) {
        run_step(n);
        if (gate_learns()) {
          collect(work_.dk_lanes.data(), work_.dk.data());
          if (tape_.k_per_sample) collect(step_at(n) + layout_.k, work_.k.data());
          add_gate_gradient(gate, timing_, segment(), n, tape_, work_.k.data(), work_.dk.data(),
                            budget_gradient, gradients_.dgate);
        }
        multiply_weights(n);
        if (n == chunk_begin_) add_weight_gradient();
      }
      store_sums();
      cross_boundary(s);
    }
    finish();
  }

 private:
  static constexpr Index packet = BlockTape<Scalar>::packet;
  static constexpr Index column = BlockTape<Scalar>::column;

  const Segment& segment() const { return *segment_; }
  const BlockSegment& block_segment() const { return *block_segment_; }
  bool gate_learns() const { return gradients_.dgate.cols() > 0; }
  Index neuron(Index slot) const { return blocks_.neuron(slot); }
  Index active() const { return static_cast<Index>(block_segment().blocks.size()); }

  const Scalar* step_at(Index n) const {
    return tape_.steps.data() + block_segment().first_step + (n - segment().begin) * layout_.size;
  }
  /// Where dz of step n is for a block of the segment, [B][4][packet]: the steps of a chunk lie one
  /// after the other.
  Scalar* dz_of(Index n, Index q) {
    return work_.dz.data() + (q * chunk_ + n - chunk_begin_) * tape_.batch * column;
  }

  void begin() {
    const Index rows = blocks_.h.rows(), B = tape_.batch;
    work_.h = blocks_.h;
    work_.dh.setZero(rows, B);
    work_.dc.setZero(rows, B);
    blocks_.for_each_state(B, [&](Index slot, Index j, Index b) {
      work_.dh(slot, b) = dstate_.h(b, j);
      work_.dc(slot, b) = dstate_.c(b, j);
    });
    work_.sum_dz.setZero(4 * tape_.hidden, B);
    work_.dpanel.setZero(blocks_.panels.size());
    if (dx_ != nullptr) dx_->setZero(B, tape_.inputs * timing_.steps);
  }

  /// Makes segment s the current one. Until its end, going back, all neurons held their state.
  void enter_segment(std::size_t s) {
    segment_ = &tape_.segments[s];
    block_segment_ = &blocks_.segments[s];
    layout_ = block_layout(tape_, s);
    add_doutputs(segment().end, done_);
    done_ = segment().begin;
    chunk_ = std::clamp<Index>(32 / tape_.batch, 1, segment().steps());
    chunk_begin_ = segment().end;
    const auto reserve = BackwardWorkspace<Scalar>::reserve;
    const Index samples = active() * tape_.batch;
    reserve(work_.dz, chunk_ * samples * column);
    reserve(work_.scratch, samples * column);
    reserve(work_.dk_lanes, samples * packet);
    reserve(work_.dk, segment().open() * tape_.batch);
    reserve(work_.k, segment().open() * tape_.batch);
    std::fill_n(work_.scratch.data(), samples * column, Scalar(0));
  }

  /// The element-wise part of step n, up to dz and dk.
  void run_step(Index n) {
    if (n < chunk_begin_) {
      chunk_end_ = n + 1;
      chunk_begin_ = std::max(segment().begin, chunk_end_ - chunk_);
    }
    add_doutputs(n, n + 1);
    const Index B = tape_.batch;
    const Scalar* step = step_at(n);
    const Index k_next = tape_.k_per_sample ? active() * packet : 0;
    if (gate_learns()) {
      std::fill_n(work_.dk_lanes.data(), active() * packet * (k_next > 0 ? B : 1), Scalar(0));
    }
    for (Index q = 0; q < active(); ++q) {
      const Index first = block_segment().blocks[static_cast<std::size_t>(q)] * packet;
      kernels::BlockBackwardStep<Scalar>{
          .samples = B,
          .record = step + layout_.states + q * 6 * B * packet,
          .k = step + layout_.k + q * packet,
          .k_next = k_next,
          .dh = work_.dh.data() + first,
          .dc = work_.dc.data() + first,
          .state_next = work_.dh.rows(),
          .dz = dz_of(n, q),
          .dz_next = column,
          .sum_dz = work_.scratch.data() + q * B * column,
          .dk = gate_learns() ? work_.dk_lanes.data() + q * packet : nullptr,
          .dk_next = k_next,
      }
          .run();
    }
  }

  /// Takes k or dk of the open neurons out of their lanes.
  void collect(const Scalar* lanes, Scalar* to) const {
    const Index samples = tape_.k_per_sample ? tape_.batch : 1;
    for (const Index lane : block_segment().lanes) {
      for (Index b = 0; b < samples; ++b) *to++ = lanes[b * active() * packet + lane];
    }
  }

  /// dh += dz W for the open neurons, and dx of step n.
  void multiply_weights(Index n) {
    const std::vector<Index>& slots = block_segment().slots;
    const Index open = segment().open(), I = dx_ == nullptr ? 0 : tape_.inputs;
    constexpr Index wide = kernels::BlockInputGradient<Scalar>::wide;
    for (Index p = 0; p < open;) {
      const Index slot = slots[static_cast<std::size_t>(p)], last = p + wide - 1;
      const bool adjacent = last < open && slots[static_cast<std::size_t>(last)] == slot + wide - 1;
      multiply_columns(
          n, adjacent ? wide : 1,
          [&](Index q) { return block_segment().offsets[static_cast<std::size_t>(q * open + p)]; },
          work_.dh.data() + slot, 1, work_.dh.rows());
      p += adjacent ? wide : 1;
    }
    for (Index i = 0; i < I;) {
      const Index count = i + wide <= I ? wide : 1;
      multiply_columns(
          n, count, [&](Index) { return i * column; }, dx_->data() + (n * I + i) * tape_.batch,
          tape_.batch, 1);
      i += count;
    }
  }

  /// du += dz times neighbouring columns of the panels.
  template <class OffsetOf>
  void multiply_columns(Index n, Index columns, OffsetOf&& offset_of, Scalar* du, Index du_column,
                        Index du_next) {
    work_.panels.resize(static_cast<std::size_t>(active()));
    for (Index q = 0; q < active(); ++q) {
      const Index block = block_segment().blocks[static_cast<std::size_t>(q)];
      work_.panels[static_cast<std::size_t>(q)] =
          blocks_.panels.data() + blocks_.panel_start[static_cast<std::size_t>(block)] +
          offset_of(q);
    }
    kernels::BlockInputGradient<Scalar>{
        .samples = tape_.batch,
        .blocks = active(),
        .columns = columns,
        .weights = work_.panels.data(),
        .dz = dz_of(n, 0),
        .dz_next = chunk_ * tape_.batch * column,
        .du = du,
        .du_column = du_column,
        .du_next = du_next,
    }
        .run();
  }

  /// dW += dz^T [x | h_prev] for all steps of the chunk.
  void add_weight_gradient() {
    const Index B = tape_.batch, I = tape_.inputs, open = segment().open();
    for (Index q = 0; q < active(); ++q) {
      const Index block = block_segment().blocks[static_cast<std::size_t>(q)];
      kernels::BlockWeightGradient<Scalar>{
          .steps = chunk_end_ - chunk_begin_,
          .samples = B,
          .dz = dz_of(chunk_begin_, q),
          .dz_next = B * column,
          .u = step_at(chunk_begin_) + layout_.u,
          .u_next = layout_.size,
          .inputs = I,
          .open = open,
          .offsets = block_segment().offsets.data() + q * open,
          .dpanel = work_.dpanel.data() + blocks_.panel_start[static_cast<std::size_t>(block)],
      }
          .run();
    }
  }

  /// sum_dz += dz of all steps of the segment.
  void store_sums() {
    const Scalar* sums = work_.scratch.data();
    for (const Index block : block_segment().blocks) {
      const Index lanes = std::min(packet, tape_.hidden - block * packet);
      for (Index b = 0; b < tape_.batch; ++b, sums += column) {
        for (Index g = 0; g < 4; ++g) {
          for (Index lane = 0; lane < lanes; ++lane) {
            work_.sum_dz(g * tape_.hidden + neuron(block * packet + lane), b) +=
                sums[g * packet + lane];
          }
        }
      }
    }
  }

  /// The gradients of what frozen neurons added.
  void cross_boundary(std::size_t s) {
    find_block_boundary(tape_, s, work_.block_boundary);
    const BlockBoundary& boundary = work_.block_boundary;
    restore_states();
    for (const Index slot : boundary.removed) add_frozen_gradient(slot, Scalar(-1));
    for (const Index slot : boundary.added) add_frozen_gradient(slot, Scalar(1));
    if (boundary.anew) {
      gradients_.db += work_.sum_dz.rowwise().sum();
      work_.sum_dz.setZero();
    }
  }

  /// The open neurons had their state from before; the record of the first step has it.
  void restore_states() {
    const Scalar* u = step_at(segment().begin) + layout_.u;
    for (Index b = 0; b < tape_.batch; ++b) {
      u += tape_.inputs;
      for (const Index slot : block_segment().slots) work_.h(slot, b) = *u++;
    }
  }

  /// The gradients of BlockForwardPass::add_frozen.
  void add_frozen_gradient(Index slot, Scalar sign) {
    auto dweights = gradients_.dWh.col(neuron(slot));
    const auto weights = weights_.Wh.col(neuron(slot));
    for (Index b = 0; b < tape_.batch; ++b) {
      const auto sum = work_.sum_dz.col(b);
      dweights += (sign * work_.h(slot, b)) * sum;
      work_.dh(slot, b) += sign * weights.cwiseProduct(sum).sum();
    }
  }

  /// Adds the gradients of the outputs of steps begin ... end - 1 to dh.
  void add_doutputs(Index begin, Index end) {
    if (doutputs_ == nullptr) return;
    for (Index n = begin; n < end; ++n) {
      blocks_.for_each_state(tape_.batch, [&](Index slot, Index j, Index b) {
        work_.dh(slot, b) += (*doutputs_)(b, n * tape_.hidden + j);
      });
    }
  }

  void finish() {
    add_doutputs(0, done_);
    const Index I = tape_.inputs, H = tape_.hidden;
    for_panel_packets(blocks_, I, [&](const PanelPacket& of) {
      Scalar* to = of.source < I ? gradients_.dWx.data() + 4 * H * of.source
                                 : gradients_.dWh.data() + 4 * H * (of.source - I);
      const Scalar* from = work_.dpanel.data() + of.place;
      to += of.row;
      for (Index lane = 0; lane < of.lanes; ++lane) to[of.neurons[lane]] += from[lane];
    });
    blocks_.for_each_state(tape_.batch, [&](Index slot, Index j, Index b) {
      dstate_.h(b, j) = work_.dh(slot, b);
      dstate_.c(b, j) = work_.dc(slot, b);
    });
  }

  const LstmWeights<Scalar>& weights_;
  const Timing& timing_;
  const Tape<Scalar>& tape_;
  const BlockTape<Scalar>& blocks_;
  const Matrix<Scalar>* doutputs_;
  State<Scalar>& dstate_;
  Matrix<Scalar>* dx_;
  LstmGradients<Scalar>& gradients_;
  BackwardWorkspace<Scalar>& work_;
  Index done_;  ///< steps from here on are behind us

  const Segment* segment_ = nullptr;
  const BlockSegment* block_segment_ = nullptr;
  BlockStepLayout<Scalar> layout_{0, 0, 0, 0, false};  ///< of the segment's steps
  Index chunk_ = 0, chunk_begin_ = 0, chunk_end_ = 0;  ///< steps whose dz wait for dW
};

}  // namespace scheduled
GLSTM_END_NAMESPACE
