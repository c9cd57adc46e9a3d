// What the scheduled path knows about a sequence before it runs, and what its forward pass records
// for the backward pass. scheduled.hpp describes the method.
#pragma once

#include <algorithm>
#include <iterator>
#include <utility>
#include <vector>

#include "glstm/core/timing.hpp"
#include "glstm/kernels/products.hpp"
#include "glstm/lstm/block_layout.hpp"
#include "glstm/lstm/cell.hpp"
#include "glstm/lstm/op_counts.hpp"
#include "glstm/lstm/window_schedule.hpp"

GLSTM_BEGIN_NAMESPACE
namespace scheduled {

/// Whether a tape keeps what the backward pass needs, or only the last two steps.
enum class Keep { nothing, tape };

/// What changes between a segment and the one before.
struct Boundary {
  std::vector<Index> anew;     ///< neurons of the segment that open; now and then, all
  std::vector<Index> kept;     ///< all other neurons of the segment
  std::vector<Index> frozen;   ///< closed neurons with a state that may not be zero
  std::vector<Index> changed;  ///< neurons that become frozen (the first `closed`), or cease to be
  std::size_t closed = 0;
};

/// The record of a forward pass; also its working memory, which is reused from call to call.
template <class Scalar>
struct Tape {
  using Real = typename Eigen::NumTraits<Scalar>::Real;

  Index batch = 0, lanes = 0, stride = 0, inputs = 0, hidden = 0;
  bool zero_initial_state = true, k_per_sample = false;
  Keep keep = Keep::nothing;
  OpCounts ops;

  Matrix<Real> times;  ///< [1,T] or [B,T]
  std::vector<Segment> segments;
  std::vector<Index> segment_start;        ///< where each segment's steps begin in `steps`
  std::vector<std::size_t> first_segment;  ///< [H] the segment in which each neuron first opens
  Vector<Scalar> steps;           ///< the steps of all segments, StepLayout after StepLayout
  Vector<Scalar> packed_weights;  ///< [H + I][H] as pack_gate_weights makes them; not if dense()
  Matrix<Scalar> h, c;            ///< [stride,H] after the last step
  Matrix<Scalar> frozen;          ///< [stride,4H] what frozen neurons add to open ones
  Vector<Scalar> panel;           ///< bias and weights of one segment, or weights of one neuron

  /// Few samples: `blocks` is used, in place of segment_start, packed_weights, h and c. `frozen` is
  /// [4H,B] then, and `panel` is what the sums of a segment start from.
  bool in_blocks = false;
  BlockTape<Scalar> blocks;

  /// Whether there is one segment, of all neurons: each weight is read once only.
  bool dense() const { return segments.size() == 1 && segments.front().open() == hidden; }

  bool may_be_nonzero(Index neuron, std::size_t segment) const {
    return !zero_initial_state || first_segment[static_cast<std::size_t>(neuron)] < segment;
  }

  StepLayout layout(const Segment& segment) const {
    return {stride, segment.open(), inputs, k_per_sample};
  }
};

/// Whether `frozen` of all neurons is summed anew before segment s. Otherwise the rounding errors
/// of additions and subtractions would pile up in neurons that are open for long beside neurons
/// that open and close many times. Gates with one window have at most 2 H segments: unless
/// samples have timestamps of their own, only segment 0 is one of these, where all sums are new.
template <class Scalar>
bool sums_anew(const Tape<Scalar>& tape, std::size_t s) {
  return s % static_cast<std::size_t>(8 * tape.hidden) == 0;
}

/// The boundary before segment s.
template <class Scalar>
void find_boundary(const Tape<Scalar>& tape, std::size_t s, Boundary& boundary) {
  static const std::vector<Index> none;
  const Segment& segment = tape.segments[s];
  const bool adjacent = s > 0 && tape.segments[s - 1].end == segment.begin;
  const std::vector<Index>& before = adjacent ? tape.segments[s - 1].neurons : none;
  const std::vector<Index>& after = segment.neurons;
  boundary.anew.clear();
  boundary.kept.clear();
  boundary.frozen.clear();
  boundary.changed.clear();
  std::set_difference(before.begin(), before.end(), after.begin(), after.end(),
                      std::back_inserter(boundary.changed));
  boundary.closed = boundary.changed.size();
  const bool all_anew = sums_anew(tape, s);
  auto was_open = before.begin();
  auto is_open = after.begin();
  for (Index j = 0; j < tape.hidden; ++j) {
    const bool old = was_open != before.end() && *was_open == j;
    const bool now = is_open != after.end() && *is_open == j;
    if (old) ++was_open;
    if (now) ++is_open;
    if (now) (old && !all_anew ? boundary.kept : boundary.anew).push_back(j);
    if (!tape.may_be_nonzero(j, s)) continue;
    if (!now) boundary.frozen.push_back(j);
    if (now && !old) boundary.changed.push_back(j);
  }
  if (boundary.kept.empty()) boundary.changed.clear(), boundary.closed = 0;
}

/// Counts the weight products of a segment and of the boundary before it and, where it is kept, the
/// tape of its steps.
template <class Scalar>
void count_segment(const Segment& segment, const Boundary& boundary, Keep keep,
                   Tape<Scalar>& tape) {
  const auto size = [](const std::vector<Index>& neurons) {
    return static_cast<Index>(neurons.size());
  };
  const Index open = segment.open();
  tape.ops.macs += product_macs(tape.batch, size(boundary.frozen), size(boundary.anew)) +
                   product_macs(tape.batch, size(boundary.changed), size(boundary.kept)) +
                   product_macs(segment.steps() * tape.batch, open + tape.inputs, open);
  if (keep == Keep::tape) {
    tape.ops.tape_bytes += tape_bytes<Scalar>(segment.steps(), tape.layout(segment));
  }
}

/// Copies the upper rows of `from` to `to`, whose size stays.
template <class Scalar>
void copy_upper_rows(const Matrix<Scalar>& from, Matrix<Scalar>& to) {
  const Index rows = std::min(from.rows(), to.rows());
  for (Index j = 0; j < to.cols(); ++j) {
    std::copy_n(from.data() + j * from.rows(), rows, to.data() + j * to.rows());
  }
}

/// Adds `count` numbers.
template <class Scalar>
void add_numbers(const Scalar* from, Index count, Scalar* to) {
  Eigen::Map<Vector<Scalar>>(to, count) += Eigen::Map<const Vector<Scalar>>(from, count);
}

/// Copies columns `neurons` of `from` [stride, H] next to each other, to `to` [stride, open].
template <class Scalar>
void gather_columns(const Tape<Scalar>& tape, const std::vector<Index>& neurons,
                    const Matrix<Scalar>& from, Scalar* to) {
  for (const Index j : neurons) {
    std::copy_n(from.data() + j * tape.stride, tape.lanes, to);
    to += tape.stride;
  }
}

/// The reverse of gather_columns.
template <class Scalar>
void scatter_columns(const Tape<Scalar>& tape, const std::vector<Index>& neurons,
                     const Scalar* from, Matrix<Scalar>& to) {
  for (const Index j : neurons) {
    std::copy_n(from, tape.lanes, to.data() + j * tape.stride);
    from += tape.stride;
  }
}

/// Whether packets of neurons are cheaper than packets of samples, from how many have to be
/// computed. Neighbouring neurons that are open together touch 1 + (open - 1) / packet blocks in
/// the mean. A packet of neurons costs a third more, and packets of samples the gathering of
/// weights for each segment, which is worth about two steps unless all neurons are open from the
/// first step to the last (measured with AVX2 and AVX-512).
template <class Scalar>
bool suits_blocks(const Tape<Scalar>& tape) {
  constexpr Index packet = kernels::packet_size<Scalar>;
  if (packet == 1 || tape.batch > 2 * packet) return false;
  const Index gathering = tape.dense() ? 0 : 2;
  Index samples = 0, neurons = 0;  // both times the lanes of a packet
  for (const Segment& segment : tape.segments) {
    const Index open = segment.open(), steps = segment.steps();
    const Index whole = kernels::lanes_for<Scalar>(open);
    samples += (steps + gathering) * open * tape.lanes;
    neurons += steps * (open == tape.hidden ? whole : packet + open - 1) * tape.batch;
  }
  return 4 * neurons < 3 * samples;
}

/// Sets the sizes of a tape for sequences whose open steps are known.
template <class Scalar>
void set_schedule(Index inputs, Index hidden, const Timing& timing,
                  Matrix<typename Tape<Scalar>::Real>&& times, std::vector<Segment>&& segments,
                  bool zero_initial_state, Tape<Scalar>& tape) {
  tape.batch = timing.batch;
  tape.lanes = kernels::lanes_for<Scalar>(timing.batch);
  tape.stride = kernels::stride_for<Scalar>(tape.lanes);
  tape.inputs = inputs;
  tape.hidden = hidden;
  tape.zero_initial_state = zero_initial_state;
  tape.times = std::move(times);
  tape.k_per_sample =
      tape.times.rows() > 1 || timing.valid_steps() < timing.batch * timing.longest();
  tape.segments = std::move(segments);
  tape.first_segment.assign(static_cast<std::size_t>(hidden), tape.segments.size());
  for (std::size_t s = tape.segments.size(); s-- > 0;) {
    for (const Index j : tape.segments[s].neurons) {
      tape.first_segment[static_cast<std::size_t>(j)] = s;
    }
  }
  tape.ops = dense_counts<Scalar>(timing, hidden, inputs, tape.stride);
  tape.in_blocks = suits_blocks(tape);
  if (tape.in_blocks) {
    tape.lanes = tape.stride = tape.batch;
    make_blocks(inputs, tape.first_segment, tape.segments, tape.blocks);
    tape.ops.dense_tape_bytes = tape_bytes<Scalar>(
        timing.steps, BlockStepLayout<Scalar>(timing.batch, inputs, hidden, tape.blocks.count(),
                                              /*k_per_sample=*/false));
  }
}

/// Sizes the memory of a tape for its schedule.
template <class Scalar>
void reserve_memory(Keep keep, Tape<Scalar>& tape) {
  tape.segment_start.clear();
  Index size = 0, largest_step = 0, largest_panel = 0;
  for (const Segment& segment : tape.segments) {
    const StepLayout layout = tape.layout(segment);
    tape.segment_start.push_back(keep == Keep::tape ? size : 0);
    size += segment.steps() * layout.size;
    largest_step = std::max(largest_step, layout.size);
    const kernels::WeightPanel panel{segment.open(), segment.open() + tape.inputs};
    largest_panel = std::max(largest_panel, 4 * segment.open() + panel.size());
  }
  if (keep == Keep::nothing) size = 2 * largest_step;
  if (tape.steps.size() < size) {
    tape.steps.resize(0);  // give the old memory back first
    tape.steps.resize(size);
  }
  if (tape.panel.size() < largest_panel) tape.panel.resize(largest_panel);
  tape.frozen.resize(tape.stride, 4 * tape.hidden);
}

}  // namespace scheduled
GLSTM_END_NAMESPACE
