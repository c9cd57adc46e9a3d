// The backward pass of the scheduled path. scheduled.hpp describes the method.
#pragma once

#include <algorithm>
#include <vector>

#include "glstm/core/error.hpp"
#include "glstm/core/timing.hpp"
#include "glstm/gates/time_gate.hpp"
#include "glstm/kernels/step_kernels.hpp"
#include "glstm/lstm/backward_workspace.hpp"
#include "glstm/lstm/cell.hpp"
#include "glstm/lstm/scheduled_gates.hpp"
#include "glstm/lstm/scheduled_tape.hpp"
#include "glstm/lstm/segment_weights.hpp"

GLSTM_BEGIN_NAMESPACE
namespace scheduled {

/// The gradient of a ForwardPass that kept its tape: its phases, in reverse.
template <class Scalar>
class BackwardPass {
 public:
  /// `dstate` [B,H] is the gradient of the final state before `run`, that of the initial state
  /// after it; `doutputs` [B, H*T] and `dx` [B, I*T] may be null. Weight gradients accumulate.
  BackwardPass(const LstmWeights<Scalar>& weights, const Timing& timing, const Tape<Scalar>& tape,
               const Matrix<Scalar>* doutputs, State<Scalar>& dstate, Matrix<Scalar>* dx,
               LstmGradients<Scalar>& gradients, BackwardWorkspace<Scalar>& workspace)
      : weights_(weights),
        timing_(timing),
        tape_(tape),
        doutputs_(doutputs),
        dstate_(dstate),
        dx_(dx),
        gradients_(gradients),
        work_(workspace),
        done_(timing.steps) {
    GLSTM_ASSERT(dstate.h.size() == tape.batch * tape.hidden && dstate.c.size() == dstate.h.size());
    GLSTM_ASSERT(doutputs == nullptr || (doutputs->rows() == tape.batch &&
                                         doutputs->cols() == tape.hidden * timing.steps));
  }

  /// Only `gate` depends on the kind of time gate: all kinds share the code of the phases. Adds
  /// `budget_gradient` to the gradient of every open neuron's openness.
  template <TimeGate Gate>
  void run(const Gate& gate, Scalar budget_gradient) {
    begin();
    for (std::size_t s = tape_.segments.size(); s-- > 0;) {
      enter_segment(s);
      load_open_neurons();
      gather_weights();
      for (Index n = segment().end; n-- > segment().begin;) {
        run_step(n);
        if (gate_learns()) {
          add_gate_gradient(gate, timing_, segment(), n, tape_, step_at(n) + layout_.k,
                            work_.dk.data(), budget_gradient, gradients_.dgate);
        }
        multiply_step(n);
      }
      scatter_weight_gradient();
      store_open_neurons();
      cross_boundary();
    }
    finish();
  }

 private:
  const Segment& segment() const { return *segment_; }
  bool gate_learns() const { return gradients_.dgate.cols() > 0; }

  /// The record of step n of the segment.
  const Scalar* step_at(Index n) const {
    return tape_.steps.data() + segment_start_ + (n - segment().begin) * layout_.size;
  }

  void begin() {
    const Index B = tape_.batch, H = tape_.hidden;
    work_.h = tape_.h;
    work_.dh.setZero(tape_.stride, H);
    work_.dc.setZero(tape_.stride, H);
    copy_upper_rows(dstate_.h, work_.dh);
    copy_upper_rows(dstate_.c, work_.dc);
    work_.sum_dz.setZero(tape_.stride, 4 * H);
    if (!tape_.dense()) work_.dpacked_weights.setZero(tape_.packed_weights.size());
    if (dx_ != nullptr) dx_->setZero(B, tape_.inputs * timing_.steps);
  }

  /// Makes segment s the current one. Until its end, going back, all neurons held their state.
  void enter_segment(std::size_t s) {
    segment_ = &tape_.segments[s];
    segment_start_ = tape_.segment_start[s];
    layout_ = tape_.layout(segment());
    add_doutputs(segment().end, done_);
    done_ = segment().begin;
    find_boundary(tape_, s, work_.boundary);

    open_ = segment().open();
    inner_ = open_ + tape_.inputs;
    // du = [dh of the open neurons | dx]; only the columns that are wanted are computed.
    wanted_ = dx_ != nullptr ? inner_ : open_;
    groups_ = (wanted_ + 3) / 4;
    // The weight gradient is taken over several steps at once when the batch is small: per column,
    // dz of a chunk's steps lie one after the other.
    chunk_ = std::clamp<Index>(128 / tape_.lanes, 1, segment().steps());
    chunk_begin_ = segment().end;
    dz_stride_ = kernels::stride_for<Scalar>(chunk_ * tape_.lanes);
    padded_ = kernels::lanes_for<Scalar>(inner_);
    // Few columns would leave most of a row's packets empty; sums over the samples suit them
    // better.
    narrow_ = inner_ <= 8;
    reserve_memory();
  }

  void reserve_memory() {
    const auto reserve = BackwardWorkspace<Scalar>::reserve;
    reserve(work_.du, tape_.stride * 4 * groups_);
    reserve(work_.dc_open, tape_.stride * open_);
    reserve(work_.dk, tape_.stride * open_);
    reserve(work_.dz, dz_stride_ * 4 * open_);
    reserve(work_.rows, chunk_ * tape_.lanes * padded_);
    reserve(work_.transposed, transposed().size());
    reserve(work_.dpanel, 4 * open_ * padded_);
    std::fill_n(work_.dpanel.data(), 4 * open_ * padded_, Scalar(0));
  }

  void load_open_neurons() {
    gather_columns(tape_, segment().neurons, work_.dh, work_.du.data());
    gather_columns(tape_, segment().neurons, work_.dc, work_.dc_open.data());
  }

  /// W^T as a panel: what groups of four columns of du get from the gates of the open neurons.
  kernels::WeightPanel transposed() const { return {groups_, 4 * open_}; }

  void gather_weights() {
    if (tape_.dense()) {
      return copy_to_transposed_panel(weights_, wanted_, work_.transposed.data());
    }
    const kernels::WeightPanel layout = transposed();
    std::fill_n(work_.transposed.data(), layout.size(), Scalar(0));
    for_segment_weights(tape_, segment().neurons, [&](Index place, Index slot, Index k) {
      if (k >= wanted_) return;
      Scalar* out = work_.transposed.data() + layout.place(k / 4, 4 * slot) + k % 4;
      for (Index g = 0; g < 4; ++g) out[4 * g] = tape_.packed_weights[place + g];
    });
  }

  /// Begins a chunk, whose last step is n, unless step n is in the current one.
  void enter_chunk(Index n) {
    if (n >= chunk_begin_) return;
    chunk_end_ = n + 1;
    chunk_begin_ = std::max(segment().begin, chunk_end_ - chunk_);
  }

  /// Where dz of step n is in its chunk.
  Scalar* dz_of(Index n) { return work_.dz.data() + (n - chunk_begin_) * tape_.lanes; }

  /// One step of the open neurons, up to dz and dk.
  void run_step(Index n) {
    const Scalar* step = step_at(n);
    enter_chunk(n);
    load_doutputs(n);
    kernels::BackwardStep<Scalar>{
        .lanes = tape_.lanes,
        .stride = tape_.stride,
        .open = open_,
        .neurons = segment().neurons.data(),
        .gates = step + layout_.gates,
        .h_prev = step + layout_.u,
        .c_prev = step + layout_.c_prev,
        .k = step + layout_.k,
        .k_per_sample = tape_.k_per_sample,
        .dh = work_.du.data(),
        .dc = work_.dc_open.data(),
        .dz = dz_of(n),
        .dz_stride = dz_stride_,
        .sum_dz = work_.sum_dz.data(),
        .dk = gate_learns() ? work_.dk.data() : nullptr,
    }
        .run();
  }

  /// The weight products of step n, from its dz.
  void multiply_step(Index n) {
    if (narrow_) {
      add_narrow_weight_gradient(n);
    } else {
      const Scalar* u = step_at(n) + layout_.u;
      constexpr Index packet = kernels::packet_size<Scalar>;
      Scalar* rows = work_.rows.data() + (n - chunk_begin_) * tape_.lanes * packet;
      kernels::transpose(u, tape_.stride, tape_.lanes, inner_, rows, chunk_ * tape_.lanes * packet);
      if (n == chunk_begin_) add_chunk_weight_gradient();
    }
    multiply_weights(n);
  }

  /// dW += dz^T [h_prev | x] for one step.
  void add_narrow_weight_gradient(Index n) {
    for (Index slot = 0; slot < open_; ++slot) {
      kernels::GateDots<Scalar, kernels::AdjacentColumns>{
          .lanes = tape_.lanes,
          .left = dz_of(n) + 4 * slot * dz_stride_,
          .left_stride = dz_stride_,
          .block = step_at(n) + layout_.u,
          .stride = tape_.stride,
          .columns = {},
          .count = inner_,
          .out = work_.dpanel.data() + 4 * slot * padded_,
          .next = 1,
          .gate = padded_,
      }
          .run();
    }
  }

  /// dW += dz^T [h_prev | x] for all steps of the chunk.
  void add_chunk_weight_gradient() {
    constexpr Index packet = kernels::packet_size<Scalar>;
    kernels::ColumnProduct<Scalar, kernels::AdjacentColumns>{
        .lanes = padded_,
        .stride = packet,
        .block = work_.rows.data(),
        .columns = {},
        .count = (chunk_end_ - chunk_begin_) * tape_.lanes,
        .weights = {.data = work_.dz.data(),
                    .neuron = 4 * dz_stride_,
                    .next = 1,
                    .gate = dz_stride_},
        .neurons = open_,
        .out = work_.dpanel.data(),
        .out_stride = padded_,
        .next = chunk_ * tape_.lanes * packet,
    }
        .run();
  }

  /// du += dz W, and dx of the step.
  void multiply_weights(Index n) {
    const Index stride = tape_.stride, I = tape_.inputs;
    Scalar* du = work_.du.data();
    std::fill(du + open_ * stride, du + 4 * groups_ * stride, Scalar(0));
    kernels::ColumnProduct<Scalar, kernels::AdjacentColumns>{
        .lanes = tape_.lanes,
        .stride = dz_stride_,
        .block = dz_of(n),
        .columns = {},
        .count = 4 * open_,
        .weights = transposed().weights(work_.transposed.data()),
        .neurons = groups_,
        .out = du,
        .out_stride = stride,
    }
        .run();
    for (Index i = 0; dx_ != nullptr && i < I; ++i) {
      std::copy_n(du + (open_ + i) * stride, tape_.batch, dx_->data() + (n * I + i) * tape_.batch);
    }
  }

  void scatter_weight_gradient() {
    if (tape_.dense()) return add_panel_gradient(work_.dpanel.data(), padded_, gradients_);
    for_segment_weights(tape_, segment().neurons, [&](Index place, Index slot, Index k) {
      for (Index g = 0; g < 4; ++g) {
        work_.dpacked_weights[place + g] += work_.dpanel[(4 * slot + g) * padded_ + k];
      }
    });
  }

  void store_open_neurons() {
    scatter_columns(tape_, segment().neurons, work_.du.data(), work_.dh);
    scatter_columns(tape_, segment().neurons, work_.dc_open.data(), work_.dc);
  }

  /// The gradients of what frozen neurons added to the open ones.
  void cross_boundary() {
    const Boundary& boundary = work_.boundary;
    add_frozen(boundary.anew, boundary.frozen, boundary.frozen.size());
    restore_states();
    add_frozen(boundary.kept, boundary.changed, boundary.closed);
    for (const Index i : boundary.anew) {
      for (Index g = 0; g < 4; ++g) {
        auto sum = work_.sum_dz.col(4 * i + g).head(tape_.lanes);
        gradients_.db(g * tape_.hidden + i) += sum.sum();
        sum.setZero();
      }
    }
  }

  /// Neurons that open here had their state from before; the record of the first step has it. (That
  /// of neurons which were open before as well does no harm: nothing reads it while they are open.)
  void restore_states() {
    const std::vector<Index>& anew = work_.boundary.anew;
    const Scalar* before = step_at(segment().begin) + layout_.u;
    for (const Index j : segment().neurons) {
      if (std::binary_search(anew.begin(), anew.end(), j)) {
        std::copy_n(before, tape_.lanes, work_.h.data() + j * tape_.stride);
      }
      before += tape_.stride;
    }
  }

  /// The gradients of ForwardPass::add_frozen with respect to the weights and to the sources' h,
  /// for all `targets`.
  void add_frozen(const std::vector<Index>& targets, const std::vector<Index>& sources,
                  std::size_t subtract_from) {
    if (targets.empty() || sources.empty()) return;
    BackwardWorkspace<Scalar>::reserve(work_.scratch, 16 * tape_.hidden);
    for (const Index i : targets) add_frozen_weight_gradient(i, sources, subtract_from);
    std::vector<Index>& columns = work_.columns;
    columns.clear();
    for (const Index i : targets) {
      for (Index g = 0; g < 4; ++g) columns.push_back(4 * i + g);
    }
    for (std::size_t k = 0; k < sources.size(); k += 4) {
      add_frozen_state_gradient(targets, sources, subtract_from, k);
    }
  }

  /// dWh[i,j] += sum_dz_i^T h_j for all sources j.
  void add_frozen_weight_gradient(Index i, const std::vector<Index>& sources,
                                  std::size_t subtract_from) {
    const Index count = static_cast<Index>(sources.size());
    Scalar* scratch = work_.scratch.data();
    std::fill_n(scratch, 4 * count, Scalar(0));
    kernels::GateDots<Scalar, kernels::ListedColumns>{
        .lanes = tape_.lanes,
        .left = work_.sum_dz.data() + 4 * i * tape_.stride,
        .left_stride = tape_.stride,
        .block = work_.h.data(),
        .stride = tape_.stride,
        .columns = sources.data(),
        .count = count,
        .out = scratch,
    }
        .run();
    for (std::size_t k = 0; k < sources.size(); ++k, scratch += 4) {
      const Scalar sign = k < subtract_from ? Scalar(1) : Scalar(-1);
      Scalar* dw = work_.dpacked_weights.data() + 4 * (sources[k] * tape_.hidden + i);
      for (Index g = 0; g < 4; ++g) dw[g] += sign * scratch[g];
    }
  }

  /// dh_j += sum over the targets i of sum_dz_i Wh[i,j], for the sources j from number `first` on,
  /// four at a time.
  void add_frozen_state_gradient(const std::vector<Index>& targets,
                                 const std::vector<Index>& sources, std::size_t subtract_from,
                                 std::size_t first) {
    const std::size_t width = std::min<std::size_t>(4, sources.size() - first);
    const Index rows = static_cast<Index>(work_.columns.size());
    Scalar* scratch = work_.scratch.data();
    std::fill_n(scratch, 4 * rows, Scalar(0));
    for (std::size_t q = 0; q < width; ++q) {
      const Scalar sign = first + q < subtract_from ? Scalar(1) : Scalar(-1);
      Scalar* out = scratch + q;
      for (const Index i : targets) {
        const Scalar* w = tape_.packed_weights.data() + 4 * (sources[first + q] * tape_.hidden + i);
        for (Index g = 0; g < 4; ++g, out += 4) *out = sign * w[g];
      }
    }
    work_.sum.setZero(tape_.stride, 4);
    kernels::ColumnProduct<Scalar, kernels::ListedColumns>{
        .lanes = tape_.lanes,
        .stride = tape_.stride,
        .block = work_.sum_dz.data(),
        .columns = work_.columns.data(),
        .count = rows,
        .weights = {.data = scratch, .neuron = 0},
        .neurons = 1,
        .out = work_.sum.data(),
        .out_stride = tape_.stride,
    }
        .run();
    for (std::size_t q = 0; q < width; ++q) {
      const Index j = sources[first + q];
      add_numbers(work_.sum.data() + static_cast<Index>(q) * tape_.stride, tape_.stride,
                  work_.dh.data() + j * tape_.stride);
    }
  }

  /// Adds the gradients of the outputs of steps begin ... end - 1 to dh.
  void add_doutputs(Index begin, Index end) {
    if (doutputs_ == nullptr) return;
    const Index H = tape_.hidden, B = tape_.batch;
    for (Index n = begin; n < end; ++n) {
      for (Index j = 0; j < H; ++j) {
        add_numbers(doutputs_->data() + (n * H + j) * B, B, work_.dh.data() + j * tape_.stride);
      }
    }
  }

  /// Adds the gradients of the outputs of step n of the segment.
  void load_doutputs(Index n) {
    if (doutputs_ == nullptr) return;
    Scalar* dh = work_.du.data();
    for (const Index j : segment().neurons) {
      add_numbers(doutputs_->data() + (n * tape_.hidden + j) * tape_.batch, tape_.batch, dh);
      dh += tape_.stride;
    }
    add_doutputs(n, n + 1);  // store_open_neurons overwrites what open neurons get here
  }

  void finish() {
    add_doutputs(0, done_);
    if (!tape_.dense()) add_packed_gradient(work_.dpacked_weights, gradients_);
    copy_upper_rows(work_.dh, dstate_.h);
    copy_upper_rows(work_.dc, dstate_.c);
  }

  const LstmWeights<Scalar>& weights_;
  const Timing& timing_;
  const Tape<Scalar>& tape_;
  const Matrix<Scalar>* doutputs_;
  State<Scalar>& dstate_;
  Matrix<Scalar>* dx_;
  LstmGradients<Scalar>& gradients_;
  BackwardWorkspace<Scalar>& work_;
  Index done_;  ///< steps from here on are behind us

  const Segment* segment_ = nullptr;
  Index segment_start_ = 0;
  StepLayout layout_{0, 0, 0, false};  ///< of the segment's steps
  Index open_ = 0, inner_ = 0;         ///< columns of h, of [h | x]
  Index wanted_ = 0, groups_ = 0;      ///< columns of du, groups of four of them
  Index chunk_ = 0, dz_stride_ = 0;    ///< steps of a chunk at most, stride of its dz
  Index chunk_begin_ = 0, chunk_end_ = 0;
  Index padded_ = 0;  ///< columns of [h | x] in whole packets
  bool narrow_ = false;
};

}  // namespace scheduled
GLSTM_END_NAMESPACE
