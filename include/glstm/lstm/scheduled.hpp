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
// Backward is the mirror image, with `sum_dz`, per open neuron, in the place of `frozen`. Neurons
// that have not opened yet and start from zero take no part.
#pragma once

#include <algorithm>
#include <iterator>
#include <vector>

#include "glstm/core/timing.hpp"
#include "glstm/gates/time_gate.hpp"
#include "glstm/lstm/cell.hpp"
#include "glstm/lstm/kernels.hpp"
#include "glstm/lstm/window_schedule.hpp"

GLSTM_BEGIN_NAMESPACE

/// What a forward pass did, beside what a dense LSTM would have done.
struct OpCounts {
  double updates = 0, dense_updates = 0;  ///< neuron updates: (sample, valid step, neuron)
  double macs = 0,
         dense_macs = 0;  ///< multiply-accumulates of the weight products, padding included
  double tape_bytes = 0, dense_tape_bytes = 0;  ///< memory kept for the backward pass
  double openness = 0;                          ///< sum of k over the updates

  /// The share of neuron updates that were computed, in [0, 1].
  double update_share() const { return dense_updates > 0 ? updates / dense_updates : 0; }

  OpCounts& operator+=(const OpCounts& other) {
    updates += other.updates;
    dense_updates += other.dense_updates;
    macs += other.macs;
    dense_macs += other.dense_macs;
    tape_bytes += other.tape_bytes;
    dense_tape_bytes += other.dense_tape_bytes;
    openness += other.openness;
    return *this;
  }
};

namespace scheduled {

/// Whether a tape keeps what the backward pass needs, or only the last two steps.
enum class Keep { nothing, tape };

/// Where the parts of one step are in the tape, as offsets from the step's start. All columns are
/// `stride` scalars apart.
struct StepLayout {
  Index u = 0;  ///< [stride, open + inputs] h_prev of the open neurons, then x
  Index c_prev, gates, k, size;

  StepLayout(Index stride, Index open, Index inputs, bool k_per_sample) {
    c_prev = u + stride * (open + inputs);
    gates = c_prev + stride * open;
    k = gates + 4 * stride * open;
    size = k + (k_per_sample ? stride * open : (open + 15) / 16 * 16);
  }
};

/// What changes between a segment and the one before.
struct Boundary {
  std::vector<Index> opened, kept;  ///< neurons of the segment
  std::vector<Index> frozen;        ///< closed neurons with a state that may not be zero
  std::vector<Index> changed;  ///< neurons that become frozen (the first `closed`), or cease to be
  std::size_t closed = 0;
};

/// The record of a forward pass; also its working memory, which is reused from call to call.
template <class Scalar>
struct Tape {
  Index batch = 0, lanes = 0, stride = 0, inputs = 0, hidden = 0;
  bool zero_initial_state = true, k_per_sample = false;
  Keep keep = Keep::nothing;
  OpCounts ops;

  Matrix<typename Eigen::NumTraits<Scalar>::Real> times;  ///< [1,T] or [B,T]
  std::vector<Segment> segments;
  std::vector<Index> segment_start;        ///< where each segment's steps begin in `steps`
  std::vector<std::size_t> first_segment;  ///< [H] the segment in which each neuron first opens
  Vector<Scalar> steps;   ///< the steps of all segments, StepLayout after StepLayout
  Vector<Scalar> quads;   ///< [H + I][H] the weights as quads: recurrent, then input
  Matrix<Scalar> h, c;    ///< [stride,H] after the last step
  Matrix<Scalar> frozen;  ///< [stride,4H] what frozen neurons add to open ones
  Vector<Scalar> panel;   ///< the quads of one segment or one neuron

  bool may_be_nonzero(Index neuron, std::size_t segment) const {
    return !zero_initial_state || first_segment[static_cast<std::size_t>(neuron)] < segment;
  }
};

/// The boundary before segment s.
template <class Scalar>
void find_boundary(const Tape<Scalar>& tape, std::size_t s, Boundary& boundary) {
  static const std::vector<Index> none;
  const Segment& segment = tape.segments[s];
  const bool adjacent = s > 0 && tape.segments[s - 1].end == segment.begin;
  const std::vector<Index>& before = adjacent ? tape.segments[s - 1].neurons : none;
  const std::vector<Index>& after = segment.neurons;
  boundary.opened.clear();
  boundary.kept.clear();
  boundary.frozen.clear();
  boundary.changed.clear();
  std::set_difference(before.begin(), before.end(), after.begin(), after.end(),
                      std::back_inserter(boundary.changed));
  boundary.closed = boundary.changed.size();
  auto was_open = before.begin();
  auto is_open = after.begin();
  for (Index j = 0; j < tape.hidden; ++j) {
    const bool old = was_open != before.end() && *was_open == j;
    const bool now = is_open != after.end() && *is_open == j;
    if (old) ++was_open;
    if (now) ++is_open;
    if (now) (old ? boundary.kept : boundary.opened).push_back(j);
    if (!tape.may_be_nonzero(j, s)) continue;
    if (!now) boundary.frozen.push_back(j);
    if (now && !old) boundary.changed.push_back(j);
  }
  if (boundary.kept.empty()) boundary.changed.clear(), boundary.closed = 0;
}

/// The weights as quads: quads[(k H + j) 4 + g] multiplies column k of [h | x] for gate g of j.
template <class Scalar>
void make_quads(const LstmWeights<Scalar>& weights, Vector<Scalar>& quads) {
  const Index H = weights.hidden(), I = weights.inputs();
  quads.resize(4 * H * (H + I));
  for (Index k = 0; k < H + I; ++k) {
    const Scalar* column =
        k < H ? weights.Wh.data() + 4 * H * k : weights.Wx.data() + 4 * H * (k - H);
    Scalar* out = quads.data() + 4 * H * k;
    for (Index j = 0; j < H; ++j) {
      for (Index g = 0; g < 4; ++g) out[4 * j + g] = column[g * H + j];
    }
  }
}

/// Adds quads, as made by make_quads, to the weight gradients.
template <class Scalar>
void add_quads(const Vector<Scalar>& quads, LstmGradients<Scalar>& gradients) {
  const Index H = gradients.dWh.cols(), I = gradients.dWx.cols();
  for (Index k = 0; k < H + I; ++k) {
    Scalar* column =
        k < H ? gradients.dWh.data() + 4 * H * k : gradients.dWx.data() + 4 * H * (k - H);
    const Scalar* in = quads.data() + 4 * H * k;
    for (Index j = 0; j < H; ++j) {
      for (Index g = 0; g < 4; ++g) column[g * H + j] += in[4 * j + g];
    }
  }
}

/// Calls body(quad of the network, slot, k) for the weights of a segment: column k of
/// [h of `neurons` | x] into the neuron in each slot.
template <class Scalar, class Body>
void for_segment_quads(const Tape<Scalar>& tape, const std::vector<Index>& neurons, Body&& body) {
  const Index open = static_cast<Index>(neurons.size()), inner = open + tape.inputs;
  constexpr Index block = 16;  // slots at a time: both sides are then read and written by lines
  for (Index first = 0; first < open; first += block) {
    const Index end = std::min(first + block, open);
    for (Index k = 0; k < inner; ++k) {
      const Index source = k < open ? neurons[static_cast<std::size_t>(k)] : tape.hidden + k - open;
      for (Index slot = first; slot < end; ++slot) {
        body(4 * (source * tape.hidden + neurons[static_cast<std::size_t>(slot)]), slot, k);
      }
    }
  }
}

/// frozen of `target` += the weights from `sources` times their h; the sources from `subtract_from`
/// on are subtracted.
template <class Scalar>
void add_frozen(Tape<Scalar>& tape, Index target, const std::vector<Index>& sources,
                std::size_t subtract_from) {
  if (sources.empty()) return;
  tape.panel.resize(std::max<Index>(tape.panel.size(), 4 * static_cast<Index>(sources.size())));
  for (std::size_t k = 0; k < sources.size(); ++k) {
    const Scalar sign = k < subtract_from ? Scalar(1) : Scalar(-1);
    const Scalar* quad = tape.quads.data() + 4 * (sources[k] * tape.hidden + target);
    for (std::size_t g = 0; g < 4; ++g) tape.panel[static_cast<Index>(4 * k + g)] = sign * quad[g];
  }
  kernels::ColumnProduct<Scalar, kernels::ListedColumns>{
      .lanes = tape.lanes,
      .stride = tape.stride,
      .block = tape.h.data(),
      .columns = sources.data(),
      .count = static_cast<Index>(sources.size()),
      .quads = {.data = tape.panel.data(), .neuron = 0},
      .neurons = 1,
      .out = tape.frozen.data() + 4 * target * tape.stride,
      .out_stride = tape.stride,
  }
      .run();
  tape.ops.macs += 4.0 * static_cast<double>(tape.batch) * static_cast<double>(sources.size());
}

/// Writes the openness of a segment's neurons at step n to `k` and counts it.
template <TimeGate Gate, class Scalar = typename Gate::Scalar>
void write_openness(const Gate& gate, const Timing& timing, const Segment& segment, Index n,
                    Tape<Scalar>& tape, Scalar* k) {
  using std::real;
  for (Index slot = 0; slot < segment.open(); ++slot) {
    const Index j = segment.neurons[static_cast<std::size_t>(slot)];
    if (!tape.k_per_sample) {
      k[slot] = gate.openness(j, tape.times(0, n));
      tape.ops.updates += static_cast<double>(tape.batch);
      tape.ops.openness += static_cast<double>(k[slot]) * static_cast<double>(tape.batch);
      continue;
    }
    Scalar* of_samples = k + slot * tape.stride;
    std::fill(of_samples, of_samples + tape.lanes, Scalar(0));
    for (Index b = 0; b < tape.batch; ++b) {
      const Scalar t = tape.times(tape.times.rows() == 1 ? 0 : b, n);
      if (n >= timing.length(b) || !gate.is_open(j, t)) continue;
      of_samples[b] = gate.openness(j, t);
      tape.ops.updates += 1;
      tape.ops.openness += static_cast<double>(of_samples[b]);
    }
  }
}

/// Sizes the tape for a run and builds its schedule.
template <TimeGate Gate, class Scalar = typename Gate::Scalar>
void prepare(const LstmWeights<Scalar>& weights, const Gate& gate, double time_origin,
             const Timing& timing, bool zero_initial_state, Keep keep, Tape<Scalar>& tape) {
  tape.keep = Keep::nothing;  // until all has gone well
  tape.times = relative_times<Scalar>(timing, time_origin);
  tape.batch = timing.batch;
  tape.lanes = kernels::lanes_for<Scalar>(timing.batch);
  tape.stride = kernels::stride_for<Scalar>(tape.lanes);
  tape.inputs = weights.inputs();
  tape.hidden = weights.hidden();
  tape.zero_initial_state = zero_initial_state;
  tape.k_per_sample = tape.times.rows() > 1 || !timing.lengths.empty();
  tape.segments = segments_of(open_steps(gate, tape.times, timing));

  tape.first_segment.assign(static_cast<std::size_t>(tape.hidden), tape.segments.size());
  tape.segment_start.clear();
  Index size = 0, largest_step = 0, largest_panel = 0;
  for (std::size_t s = 0; s < tape.segments.size(); ++s) {
    const Segment& segment = tape.segments[s];
    for (Index j : segment.neurons) {
      std::size_t& first = tape.first_segment[static_cast<std::size_t>(j)];
      first = std::min(first, s);
    }
    const StepLayout layout(tape.stride, segment.open(), tape.inputs, tape.k_per_sample);
    tape.segment_start.push_back(keep == Keep::tape ? size : 0);
    size += segment.steps() * layout.size;
    largest_step = std::max(largest_step, layout.size);
    largest_panel =
        std::max(largest_panel, 4 * segment.open() * (1 + segment.open() + tape.inputs));
  }
  if (keep == Keep::nothing) size = 2 * largest_step;
  if (tape.steps.size() < size) {
    tape.steps.resize(0);  // give the old memory back first
    tape.steps.resize(size);
  }
  if (tape.panel.size() < largest_panel) tape.panel.resize(largest_panel);
  tape.frozen.resize(tape.stride, 4 * tape.hidden);

  tape.ops = OpCounts{};
  const double valid = static_cast<double>(timing.valid_steps());
  const double H = static_cast<double>(tape.hidden), I = static_cast<double>(tape.inputs);
  tape.ops.dense_updates = valid * H;
  tape.ops.dense_macs = static_cast<double>(timing.batch * timing.longest()) * 4 * H * (H + I);
  const StepLayout dense(tape.stride, tape.hidden, tape.inputs, false);
  tape.ops.dense_tape_bytes =
      static_cast<double>(timing.steps * dense.size) * static_cast<double>(sizeof(Scalar));
  if (keep == Keep::tape) {
    tape.ops.tape_bytes = static_cast<double>(size) * static_cast<double>(sizeof(Scalar));
  }
}

/// Runs a layer over x [B, I*T]. `state` [B,H] is the final state on return, and on entry the
/// initial state unless `zero_initial_state`. `outputs`, when not null, gets the hidden state
/// after every step, [B, H*T].
template <TimeGate Gate, class Scalar = typename Gate::Scalar>
void forward(const LstmWeights<Scalar>& weights, const Gate& gate, double time_origin,
             const ConstMatrixRef<Scalar>& x, const Timing& timing, bool zero_initial_state,
             State<Scalar>& state, Matrix<Scalar>* outputs, Keep keep, Tape<Scalar>& tape) {
  prepare(weights, gate, time_origin, timing, zero_initial_state, keep, tape);
  make_quads(weights, tape.quads);
  const Index B = tape.batch, H = tape.hidden, I = tape.inputs, T = timing.steps;
  const Index stride = tape.stride;

  tape.h.setZero(stride, H);
  tape.c.setZero(stride, H);
  if (!zero_initial_state) {
    tape.h.topRows(B) = state.h;
    tape.c.topRows(B) = state.c;
  }
  if (outputs != nullptr) outputs->resize(B, H * T);
  const auto write_outputs = [&](Index begin, Index end) {
    if (outputs == nullptr) return;
    for (Index n = begin; n < end; ++n) outputs->middleCols(n * H, H) = tape.h.topRows(B);
  };

  std::vector<Index> slots(static_cast<std::size_t>(H));
  for (std::size_t j = 0; j < slots.size(); ++j) slots[j] = static_cast<Index>(j);
  Boundary boundary;
  bool anything_frozen = false;
  Index done = 0;  // steps whose outputs are written
  for (std::size_t s = 0; s < tape.segments.size(); ++s) {
    const Segment& segment = tape.segments[s];
    const Index open = segment.open(), inner = open + I;
    write_outputs(done, segment.begin);

    find_boundary(tape, s, boundary);
    for (Index i : boundary.opened) {
      tape.frozen.middleCols(4 * i, 4).setZero();
      add_frozen(tape, i, boundary.frozen, boundary.frozen.size());
    }
    for (Index i : boundary.kept) add_frozen(tape, i, boundary.changed, boundary.closed);

    anything_frozen |= !boundary.frozen.empty();

    for (Index slot = 0; slot < open; ++slot) {
      const Index j = segment.neurons[static_cast<std::size_t>(slot)];
      for (Index g = 0; g < 4; ++g) tape.panel[4 * (1 + inner) * slot + g] = weights.b(g * H + j);
    }
    for_segment_quads(tape, segment.neurons, [&](Index quad, Index slot, Index k) {
      Scalar* out = tape.panel.data() + 4 * ((1 + inner) * slot + 1 + k);
      std::copy_n(tape.quads.data() + quad, 4, out);
    });

    // The steps; h and c go from one step's record to the next, and back to h, c at the end.
    const StepLayout layout(stride, open, I, tape.k_per_sample);
    const auto step_at = [&](Index n) {
      const Index place = keep == Keep::tape ? n - segment.begin : (n - segment.begin) % 2;
      return tape.steps.data() + tape.segment_start[s] + place * layout.size;
    };
    for (Index slot = 0; slot < open; ++slot) {
      const Index j = segment.neurons[static_cast<std::size_t>(slot)];
      Scalar* first = step_at(segment.begin);
      std::copy_n(tape.h.col(j).data(), tape.lanes, first + layout.u + slot * stride);
      std::copy_n(tape.c.col(j).data(), tape.lanes, first + layout.c_prev + slot * stride);
    }
    for (Index n = segment.begin; n < segment.end; ++n) {
      Scalar* step = step_at(n);
      for (Index i = 0; i < I; ++i) {
        Scalar* column = step + layout.u + (open + i) * stride;
        std::copy_n(x.col(n * I + i).data(), B, column);
        std::fill(column + B, column + tape.lanes, Scalar(0));
        for (std::size_t b = 0; b < timing.lengths.size(); ++b) {
          if (n >= timing.lengths[b]) column[b] = Scalar(0);  // padding may hold anything, even NaN
        }
      }
      write_openness(gate, timing, segment, n, tape, step + layout.k);
      const bool last = n + 1 == segment.end;
      Scalar* next = last ? nullptr : step_at(n + 1);
      kernels::ForwardStep<Scalar>{
          .lanes = tape.lanes,
          .stride = stride,
          .open = open,
          .inputs = I,
          .neurons = segment.neurons.data(),
          .u = step + layout.u,
          .panel = tape.panel.data(),
          .frozen = anything_frozen ? tape.frozen.data() : nullptr,
          .k = step + layout.k,
          .k_per_sample = tape.k_per_sample,
          .c_prev = step + layout.c_prev,
          .next_columns = last ? segment.neurons.data() : slots.data(),
          .h_next = last ? tape.h.data() : next + layout.u,
          .c_next = last ? tape.c.data() : next + layout.c_prev,
          .gates = keep == Keep::tape ? step + layout.gates : nullptr,
      }
          .run();
      if (outputs != nullptr && !last) {
        write_outputs(n, n + 1);
        for (Index slot = 0; slot < open; ++slot) {
          const Index j = segment.neurons[static_cast<std::size_t>(slot)];
          std::copy_n(next + layout.u + slot * stride, B, outputs->col(n * H + j).data());
        }
      }
    }
    done = segment.end - 1;  // the outputs of the last step come from h
    tape.ops.macs += static_cast<double>(segment.steps() * B) * 4.0 * static_cast<double>(open) *
                     static_cast<double>(inner);
  }
  write_outputs(done, T);
  tape.keep = keep;
  state.h = tape.h.topRows(B);
  state.c = tape.c.topRows(B);
}

/// The working memory of a backward pass, which is reused from call to call.
template <class Scalar>
struct Adjoint {
  Matrix<Scalar> h;       ///< [stride,H] the state that frozen neurons had, going back in time
  Matrix<Scalar> dh, dc;  ///< [stride,H]
  Matrix<Scalar> sum_dz;  ///< [stride,4H] of the open neurons, over their steps so far
  Vector<Scalar> dquads;  ///< the weight gradient as quads

  // Of the open neurons of one segment, compact. A chunk is some steps' lanes one after the other.
  Vector<Scalar> du;          ///< [stride, columns of [h | x] in groups of four]
  Vector<Scalar> dc_open;     ///< [stride, open]
  Vector<Scalar> dk;          ///< as BackwardStep gives it
  Vector<Scalar> dz;          ///< [chunk, 4 open]
  Vector<Scalar> rows;        ///< [chunk][columns of [h | x] in whole packets]
  Vector<Scalar> transposed;  ///< [groups of four columns of [h | x]][open][4] quads
  Vector<Scalar> dpanel;      ///< [columns of [h | x] in whole packets, 4 open]

  // Of one event:
  Boundary boundary;
  std::vector<Index> columns;
  Matrix<Scalar> sum;      ///< [stride,4] a product
  Vector<Scalar> scratch;  ///< quads of one neuron or group

  /// At least `size` elements, of any value.
  static void reserve(Vector<Scalar>& memory, Index size) {
    if (memory.size() < size) memory.resize(size);
  }
};

/// The gradients of add_frozen with respect to the weights and to the sources' h, for all
/// `targets`.
template <class Scalar>
void add_frozen_gradient(const Tape<Scalar>& tape, const std::vector<Index>& targets,
                         const std::vector<Index>& sources, std::size_t subtract_from,
                         Adjoint<Scalar>& adjoint) {
  if (targets.empty() || sources.empty()) return;
  const Index H = tape.hidden, stride = tape.stride;
  const auto sign = [&](std::size_t k) { return k < subtract_from ? Scalar(1) : Scalar(-1); };

  Vector<Scalar>& scratch = adjoint.scratch;
  adjoint.reserve(scratch, 16 * H);
  // dWh[i,j] += sum_dz_i^T h_j
  const Index count = static_cast<Index>(sources.size());
  for (Index i : targets) {
    scratch.head(4 * count).setZero();
    kernels::QuadDots<Scalar, kernels::ListedColumns>{
        .lanes = tape.lanes,
        .left = adjoint.sum_dz.col(4 * i).data(),
        .left_stride = stride,
        .block = adjoint.h.data(),
        .stride = stride,
        .columns = sources.data(),
        .count = count,
        .out = scratch.data(),
    }
        .run();
    for (std::size_t k = 0; k < sources.size(); ++k) {
      Scalar* quad = adjoint.dquads.data() + 4 * (sources[k] * H + i);
      for (std::size_t g = 0; g < 4; ++g) {
        quad[g] += sign(k) * scratch[static_cast<Index>(4 * k + g)];
      }
    }
  }

  // dh_j += sum_dz_i Wh[i,j], four sources at a time
  std::vector<Index>& columns = adjoint.columns;
  columns.clear();
  for (Index i : targets) {
    for (Index g = 0; g < 4; ++g) columns.push_back(4 * i + g);
  }
  for (std::size_t k = 0; k < sources.size(); k += 4) {
    const std::size_t width = std::min<std::size_t>(4, sources.size() - k);
    const Index rows = static_cast<Index>(columns.size());
    scratch.head(4 * rows).setZero();
    for (std::size_t q = 0; q < width; ++q) {
      for (std::size_t row = 0; row < columns.size(); ++row) {
        const Index quad = 4 * (sources[k + q] * H + targets[row / 4]);
        scratch[static_cast<Index>(4 * row + q)] =
            sign(k + q) * tape.quads[quad + static_cast<Index>(row % 4)];
      }
    }
    adjoint.sum.setZero(stride, 4);
    kernels::ColumnProduct<Scalar, kernels::ListedColumns>{
        .lanes = tape.lanes,
        .stride = stride,
        .block = adjoint.sum_dz.data(),
        .columns = columns.data(),
        .count = rows,
        .quads = {.data = scratch.data(), .neuron = 0},
        .neurons = 1,
        .out = adjoint.sum.data(),
        .out_stride = stride,
    }
        .run();
    for (std::size_t q = 0; q < width; ++q) {
      adjoint.dh.col(sources[k + q]) += adjoint.sum.col(static_cast<Index>(q));
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

/// The gradient of `forward`. `adjoint_state` is d final state on entry, d initial state on
/// return; `doutputs` [B, H*T] and `dx` [B, I*T] may be null. `budget_gradient` is added to the
/// gradient of every open neuron's openness. Weight and gate gradients ([H,P]) accumulate.
/// `adjoint` is working memory.
template <TimeGate Gate, class Scalar = typename Gate::Scalar>
void backward(const Gate& gate, const Timing& timing, const Tape<Scalar>& tape,
              const Matrix<Scalar>* doutputs, Scalar budget_gradient, State<Scalar>& adjoint_state,
              Matrix<Scalar>* dx, LstmGradients<Scalar>& gradients, Adjoint<Scalar>& adjoint) {
  detail::require(tape.keep == Keep::tape, "backward needs a forward pass that kept its tape");
  const Index B = tape.batch, H = tape.hidden, I = tape.inputs, T = timing.steps;
  const Index stride = tape.stride, lanes = tape.lanes;
  const bool gate_learns = gradients.dgate.cols() > 0;

  adjoint.h = tape.h;
  adjoint.dh.setZero(stride, H);
  adjoint.dc.setZero(stride, H);
  adjoint.dh.topRows(B) = adjoint_state.h;
  adjoint.dc.topRows(B) = adjoint_state.c;
  adjoint.sum_dz.setZero(stride, 4 * H);
  adjoint.dquads.setZero(tape.quads.size());
  if (dx != nullptr) dx->setZero(B, I * T);
  const auto add_doutputs = [&](Index begin, Index end) {
    if (doutputs == nullptr) return;
    for (Index n = begin; n < end; ++n) adjoint.dh.topRows(B) += doutputs->middleCols(n * H, H);
  };

  Vector<Scalar>&du = adjoint.du, &dc_open = adjoint.dc_open, &dk = adjoint.dk, &dz = adjoint.dz;
  Vector<Scalar>&rows = adjoint.rows, &transposed = adjoint.transposed, &dpanel = adjoint.dpanel;
  Boundary& boundary = adjoint.boundary;
  Index done = T;  // steps from here on are behind us
  for (std::size_t s = tape.segments.size(); s-- > 0;) {
    const Segment& segment = tape.segments[s];
    const Index open = segment.open(), inner = open + I;
    const StepLayout layout(stride, open, I, tape.k_per_sample);
    add_doutputs(segment.end, done);

    // du = [dh of the open neurons | dx]; only the columns that are wanted are computed.
    const Index wanted = dx != nullptr ? inner : open;
    const Index groups = (wanted + 3) / 4;
    // The weight gradient is taken over several steps at once when the batch is small: per column,
    // dz of a chunk's steps lie one after the other.
    const Index chunk = std::clamp<Index>(128 / lanes, 1, segment.steps());
    const Index dz_stride = kernels::stride_for<Scalar>(chunk * lanes);
    const Index padded = kernels::lanes_for<Scalar>(inner);
    // Few columns would leave most of a row's packets empty; sums over the samples suit them
    // better.
    const bool narrow = inner <= 8;
    adjoint.reserve(du, stride * 4 * groups);
    adjoint.reserve(dc_open, stride * open);
    adjoint.reserve(dk, stride * open);
    adjoint.reserve(dz, dz_stride * 4 * open);
    adjoint.reserve(rows, chunk * lanes * padded);
    adjoint.reserve(transposed, groups * 16 * open);
    adjoint.reserve(dpanel, 4 * open * padded);
    dpanel.head(4 * open * padded).setZero();
    for (Index slot = 0; slot < open; ++slot) {
      const Index j = segment.neurons[static_cast<std::size_t>(slot)];
      std::copy_n(adjoint.dh.col(j).data(), lanes, du.data() + slot * stride);
      std::copy_n(adjoint.dc.col(j).data(), lanes, dc_open.data() + slot * stride);
    }
    // W^T in groups of four columns of du: [groups][open][gate] quads
    transposed.head(groups * 16 * open).setZero();
    for_segment_quads(tape, segment.neurons, [&](Index quad, Index slot, Index k) {
      if (k >= wanted) return;
      Scalar* out = transposed.data() + (k / 4 * open + slot) * 16 + k % 4;
      for (Index g = 0; g < 4; ++g) out[4 * g] = tape.quads[quad + g];
    });

    for (Index chunk_end = segment.end; chunk_end > segment.begin;) {
      const Index chunk_begin = std::max(segment.begin, chunk_end - chunk);
      const Scalar* first =
          tape.steps.data() + tape.segment_start[s] + (chunk_begin - segment.begin) * layout.size;
      for (Index n = chunk_end; n-- > chunk_begin;) {
        const Scalar* step = first + (n - chunk_begin) * layout.size;
        Scalar* dz_n = dz.data() + (n - chunk_begin) * lanes;
        if (doutputs != nullptr) {
          for (Index slot = 0; slot < open; ++slot) {
            const Index j = segment.neurons[static_cast<std::size_t>(slot)];
            // what add_doutputs gives to open neurons below is overwritten after the segment
            du.segment(slot * stride, B) += doutputs->col(n * H + j);
          }
          add_doutputs(n, n + 1);
        }
        kernels::BackwardStep<Scalar>{
            .lanes = lanes,
            .stride = stride,
            .open = open,
            .neurons = segment.neurons.data(),
            .gates = step + layout.gates,
            .h_prev = step + layout.u,
            .c_prev = step + layout.c_prev,
            .k = step + layout.k,
            .k_per_sample = tape.k_per_sample,
            .dh = du.data(),
            .dc = dc_open.data(),
            .dz = dz_n,
            .dz_stride = dz_stride,
            .sum_dz = adjoint.sum_dz.data(),
            .dk = gate_learns ? dk.data() : nullptr,
        }
            .run();
        if (gate_learns) {
          add_gate_gradient(gate, timing, segment, n, tape, dk.data(), budget_gradient,
                            gradients.dgate);
        }
        // dW += dz^T [h_prev | x]; when not narrow, after all steps of the chunk
        for (Index slot = 0; narrow && slot < open; ++slot) {
          kernels::QuadDots<Scalar, kernels::AdjacentColumns>{
              .lanes = lanes,
              .left = dz_n + 4 * slot * dz_stride,
              .left_stride = dz_stride,
              .block = step + layout.u,
              .stride = stride,
              .columns = {},
              .count = inner,
              .out = dpanel.data() + 4 * slot * padded,
              .next = 1,
              .gate = padded,
          }
              .run();
        }
        if (!narrow) {
          kernels::transpose(step + layout.u, stride, lanes, inner,
                             rows.data() + (n - chunk_begin) * lanes * padded, padded);
        }
        // du += dz W
        std::fill(du.data() + open * stride, du.data() + 4 * groups * stride, Scalar(0));
        kernels::ColumnProduct<Scalar, kernels::AdjacentColumns>{
            .lanes = lanes,
            .stride = dz_stride,
            .block = dz_n,
            .columns = {},
            .count = 4 * open,
            .quads = {.data = transposed.data(), .neuron = 16 * open},
            .neurons = groups,
            .out = du.data(),
            .out_stride = stride,
        }
            .run();
        if (dx != nullptr) {
          for (Index i = 0; i < I; ++i) {
            std::copy_n(du.data() + (open + i) * stride, B, dx->col(n * I + i).data());
          }
        }
      }
      kernels::ColumnProduct<Scalar, kernels::AdjacentColumns>{
          .lanes = padded,
          .stride = padded,
          .block = rows.data(),
          .columns = {},
          .count = narrow ? 0 : (chunk_end - chunk_begin) * lanes,
          .quads = {.data = dz.data(), .neuron = 4 * dz_stride, .next = 1, .gate = dz_stride},
          .neurons = open,
          .out = dpanel.data(),
          .out_stride = padded,
      }
          .run();
      chunk_end = chunk_begin;
    }

    for_segment_quads(tape, segment.neurons, [&](Index quad, Index slot, Index k) {
      for (Index g = 0; g < 4; ++g) {
        adjoint.dquads[quad + g] += dpanel[(4 * slot + g) * padded + k];
      }
    });
    for (Index slot = 0; slot < open; ++slot) {
      const Index j = segment.neurons[static_cast<std::size_t>(slot)];
      std::copy_n(du.data() + slot * stride, lanes, adjoint.dh.col(j).data());
      std::copy_n(dc_open.data() + slot * stride, lanes, adjoint.dc.col(j).data());
    }

    find_boundary(tape, s, boundary);
    add_frozen_gradient(tape, boundary.opened, boundary.frozen, boundary.frozen.size(), adjoint);
    // Neurons that open here had their state from before; the record of the first step has it.
    const Scalar* before = tape.steps.data() + tape.segment_start[s] + layout.u;
    for (Index slot = 0; slot < open; ++slot) {
      const Index j = segment.neurons[static_cast<std::size_t>(slot)];
      if (!std::binary_search(boundary.opened.begin(), boundary.opened.end(), j)) continue;
      std::copy_n(before + slot * stride, lanes, adjoint.h.col(j).data());
    }
    add_frozen_gradient(tape, boundary.kept, boundary.changed, boundary.closed, adjoint);
    for (Index i : boundary.opened) {
      for (Index g = 0; g < 4; ++g) {
        gradients.db(g * H + i) += adjoint.sum_dz.col(4 * i + g).head(lanes).sum();
        adjoint.sum_dz.col(4 * i + g).setZero();
      }
    }
    done = segment.begin;
  }
  add_doutputs(0, done);
  add_quads(adjoint.dquads, gradients);
  adjoint_state.h = adjoint.dh.topRows(B);
  adjoint_state.c = adjoint.dc.topRows(B);
}

}  // namespace scheduled
GLSTM_END_NAMESPACE
