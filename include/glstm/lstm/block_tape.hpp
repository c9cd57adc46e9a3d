// What the scheduled path records of a batch of few samples, and what it does at the boundaries of
// its segments. block_layout.hpp describes the layout.
#pragma once

#include <algorithm>
#include <cstddef>
#include <iterator>
#include <vector>

#include "glstm/lstm/block_layout.hpp"
#include "glstm/lstm/op_counts.hpp"
#include "glstm/lstm/scheduled_tape.hpp"

GLSTM_BEGIN_NAMESPACE
namespace scheduled {

/// What changes between a segment and the one before, in slots.
struct BlockBoundary {
  bool anew = false;           ///< the sum over frozen neurons is taken anew
  std::vector<Index> added;    ///< those that become frozen, or all that are where `anew`
  std::vector<Index> removed;  ///< those that cease to be frozen
};

/// The boundary before segment s; neurons whose state is certainly zero are left out.
template <class Scalar>
void find_block_boundary(const Tape<Scalar>& tape, std::size_t s, BlockBoundary& boundary) {
  const std::vector<BlockSegment>& segments = tape.blocks.segments;
  const std::vector<Index>& neurons = tape.blocks.neurons;
  const std::vector<Index>& open = segments[s].slots;
  boundary.anew = sums_anew(tape, s);
  boundary.added.clear();
  boundary.removed.clear();
  const auto nonzero = [&](Index slot) {
    return tape.may_be_nonzero(neurons[static_cast<std::size_t>(slot)], s);
  };
  if (boundary.anew) {
    for (Index slot = 0; slot < tape.hidden; ++slot) {
      if (nonzero(slot) && !std::binary_search(open.begin(), open.end(), slot)) {
        boundary.added.push_back(slot);
      }
    }
    return;
  }
  // Between two segments with steps at which nothing is open, all keep their state: those that are
  // open in both need not be frozen.
  const std::vector<Index>& before = segments[s - 1].slots;
  std::set_difference(before.begin(), before.end(), open.begin(), open.end(),
                      std::back_inserter(boundary.added));
  std::set_difference(open.begin(), open.end(), before.begin(), before.end(),
                      std::back_inserter(boundary.removed));
  std::erase_if(boundary.removed, [&](Index slot) { return !nonzero(slot); });
}

/// The layout of the steps of segment s.
template <class Scalar>
BlockStepLayout<Scalar> block_layout(const Tape<Scalar>& tape, std::size_t s) {
  const BlockSegment& segment = tape.blocks.segments[s];
  return {tape.batch, tape.inputs, static_cast<Index>(segment.slots.size()),
          static_cast<Index>(segment.blocks.size()), tape.k_per_sample};
}

/// Sizes the memory of a tape for its schedule.
template <class Scalar>
void reserve_block_memory(Keep keep, Tape<Scalar>& tape) {
  Index size = 0, largest_step = 0;
  std::size_t most_blocks = 0;
  for (std::size_t s = 0; s < tape.segments.size(); ++s) {
    BlockSegment& segment = tape.blocks.segments[s];
    const Index step = block_layout(tape, s).size;
    segment.first_step = keep == Keep::tape ? size : 0;
    size += tape.segments[s].steps() * step;
    largest_step = std::max(largest_step, step);
    most_blocks = std::max(most_blocks, segment.blocks.size());
  }
  if (keep == Keep::nothing) size = largest_step;
  if (tape.steps.size() < size) {
    tape.steps.resize(0);  // give the old memory back first
    tape.steps.resize(size);
  }
  const Index samples = static_cast<Index>(most_blocks) * tape.batch;
  if (tape.panel.size() < samples * tape.blocks.column) {
    tape.panel.resize(samples * tape.blocks.column);
  }
  const Index rows = tape.k_per_sample ? tape.batch : 1;
  tape.blocks.mask.setZero(tape.blocks.padded());
  tape.blocks.k.setZero(rows * tape.blocks.padded());
  if (tape.k_per_sample) tape.blocks.k_of_open.resize(rows * tape.hidden);
}

/// Counts what count_segment does.
template <class Scalar>
void count_block_segment(std::size_t s, const BlockBoundary& boundary, Keep keep,
                         Tape<Scalar>& tape) {
  const Segment& segment = tape.segments[s];
  const Index changed = static_cast<Index>(boundary.added.size() + boundary.removed.size());
  tape.ops.macs +=
      product_macs(tape.batch, changed, tape.hidden) +
      product_macs(segment.steps() * tape.batch, segment.open() + tape.inputs, segment.open());
  if (keep == Keep::tape) {
    tape.ops.tape_bytes += tape_bytes<Scalar>(segment.steps(), block_layout(tape, s));
  }
}

}  // namespace scheduled
GLSTM_END_NAMESPACE
