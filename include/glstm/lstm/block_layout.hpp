// How the scheduled path lays out a batch of few samples, whose neurons are in the lanes of
// packets. scheduled.hpp describes the method, kernels/neuron_lanes.hpp the steps.
//
// Neurons are sorted by the segment in which they first open; a slot is a place in that order, a
// block one packet of slots. A segment computes the blocks that have an open neuron. The panel of a
// block has a column for every input, and for every slot that is ever open together with a slot of
// the block, so that nothing is gathered anew when neurons open or close.
#pragma once

#include <algorithm>
#include <cstddef>
#include <vector>

#include "glstm/kernels/neuron_lanes.hpp"
#include "glstm/lstm/cell.hpp"
#include "glstm/lstm/window_schedule.hpp"

GLSTM_BEGIN_NAMESPACE
namespace scheduled {

/// A segment's neurons by place, the order of Segment::neurons, and its blocks.
struct BlockSegment {
  std::vector<Index> slots;   ///< [open] ascending
  std::vector<Index> blocks;  ///< those with an open slot, ascending
  std::vector<Index> lanes;   ///< [open] the place of a slot in the packets of the segment's blocks
  std::vector<Index> offsets;  ///< [blocks][open] where in each block's panel the columns are
  Index open() const { return static_cast<Index>(slots.size()); }
  Index first_step = 0;  ///< where the record of the segment's steps begins
};

/// Where the parts of a step are in the record of a block tape.
template <class Scalar>
struct BlockStepLayout {
  Index u = 0;         ///< [B][inputs + open] x, then h_prev of the open neurons
  Index k;             ///< openness, [1 or B][blocks][packet]
  Index states, size;  ///< [blocks][B][6][packet]

  BlockStepLayout(Index batch, Index inputs, Index open, Index blocks, bool k_per_sample) {
    constexpr Index packet = kernels::packet_size<Scalar>;
    const auto padded = [](Index count) { return kernels::lanes_for<Scalar>(count); };
    k = padded(batch * (inputs + open));
    states = k + (k_per_sample ? batch : 1) * blocks * packet;
    size = states + 6 * blocks * batch * packet;
  }
};

/// The part of a tape that only batches of few samples have.
template <class Scalar>
struct BlockTape {
  static constexpr Index packet = kernels::packet_size<Scalar>;
  static constexpr Index column = kernels::block_column<Scalar>;

  std::vector<Index> neurons;               ///< [slots] in the order of slots
  std::vector<BlockSegment> segments;       ///< as those of the tape
  std::vector<std::vector<Index>> columns;  ///< [blocks] the slots that have a column, ascending
  std::vector<Index> panel_start;           ///< [blocks + 1] in `panels`
  Vector<Scalar> panels;                    ///< [blocks][inputs + columns][4][packet]
  Vector<Scalar> bias;                      ///< [blocks][4][packet]
  Matrix<Scalar> h, c;                      ///< [slots up to whole blocks, B]

  Vector<Scalar> mask;       ///< by slot: 1 where open, for one segment
  Vector<Scalar> k;          ///< [1 or B][slots up to whole blocks] the openness in one step
  Vector<Scalar> k_of_open;  ///< likewise, as write_openness gives it

  Index count() const { return (static_cast<Index>(neurons.size()) + packet - 1) / packet; }
  Index padded() const { return count() * packet; }
  Index neuron(Index slot) const { return neurons[static_cast<std::size_t>(slot)]; }

  /// Calls body(slot, neuron, sample) for all states of a batch.
  template <class Body>
  void for_each_state(Index batch, Body&& body) const {
    for (Index b = 0; b < batch; ++b) {
      for (Index slot = 0; slot < static_cast<Index>(neurons.size()); ++slot) {
        body(slot, neuron(slot), b);
      }
    }
  }
};

/// Sorts the neurons of a tape's segments by when they first open, and finds blocks and columns.
/// `first_segment` [H] says in which segment each neuron first opens.
template <class Scalar>
void make_blocks(Index inputs, const std::vector<std::size_t>& first_segment,
                 std::vector<Segment>& segments, BlockTape<Scalar>& tape) {
  constexpr Index packet = BlockTape<Scalar>::packet;
  const auto at = [](Index place) { return static_cast<std::size_t>(place); };
  tape.neurons.resize(first_segment.size());
  for (std::size_t j = 0; j < tape.neurons.size(); ++j) tape.neurons[j] = static_cast<Index>(j);
  std::stable_sort(tape.neurons.begin(), tape.neurons.end(),
                   [&](Index a, Index b) { return first_segment[at(a)] < first_segment[at(b)]; });
  std::vector<Index> slot_of(tape.neurons.size());
  for (std::size_t s = 0; s < slot_of.size(); ++s)
    slot_of[at(tape.neurons[s])] = static_cast<Index>(s);

  // The place of every slot's column in the panel of every block; -1: it has none.
  const Index blocks = tape.count(), slots = static_cast<Index>(slot_of.size());
  std::vector<int> places(at(blocks * slots), -1);
  tape.segments.resize(segments.size());
  for (std::size_t s = 0; s < segments.size(); ++s) {
    std::vector<Index>& neurons = segments[s].neurons;
    BlockSegment& segment = tape.segments[s];
    segment.slots.clear();
    for (const Index j : neurons) segment.slots.push_back(slot_of[at(j)]);
    std::sort(segment.slots.begin(), segment.slots.end());
    segment.blocks.clear();
    segment.lanes.clear();
    for (std::size_t p = 0; p < neurons.size(); ++p) {
      const Index slot = segment.slots[p], block = slot / packet;
      neurons[p] = tape.neurons[at(slot)];
      if (segment.blocks.empty() || segment.blocks.back() != block) segment.blocks.push_back(block);
      segment.lanes.push_back((static_cast<Index>(segment.blocks.size()) - 1) * packet +
                              slot % packet);
    }
    for (const Index block : segment.blocks) {
      for (const Index slot : segment.slots) places[at(block * slots + slot)] = 0;
    }
  }
  tape.columns.resize(at(blocks));
  tape.panel_start.assign(1, 0);
  for (Index block = 0; block < blocks; ++block) {
    std::vector<Index>& columns = tape.columns[at(block)];
    columns.clear();
    for (Index slot = 0; slot < slots; ++slot) {
      int& place = places[at(block * slots + slot)];
      if (place < 0) continue;
      place = static_cast<int>(inputs) + static_cast<int>(columns.size());
      columns.push_back(slot);
    }
    tape.panel_start.push_back(tape.panel_start.back() +
                               (inputs + static_cast<Index>(columns.size())) * tape.column);
  }
  for (BlockSegment& segment : tape.segments) {
    segment.offsets.clear();
    for (const Index block : segment.blocks) {
      for (const Index slot : segment.slots) {
        segment.offsets.push_back(places[at(block * slots + slot)] * tape.column);
      }
    }
  }
}

/// A packet of the panels: the weights of a column of [x | h] for rows row + neurons[0 ... lanes)
/// of the 4H gates.
struct PanelPacket {
  Index place, source, row;
  const Index* neurons;
  Index lanes;
  bool in_order;  ///< neurons[lane] = neurons[0] + lane, and no lane is without a neuron
};

/// Calls body(PanelPacket) for all packets of the panels.
template <class Scalar, class Body>
void for_panel_packets(const BlockTape<Scalar>& tape, Index inputs, Body&& body) {
  constexpr Index size = BlockTape<Scalar>::packet;
  const Index H = static_cast<Index>(tape.neurons.size());
  for (Index block = 0; block < tape.count(); ++block) {
    const std::vector<Index>& columns = tape.columns[static_cast<std::size_t>(block)];
    PanelPacket packet{};
    packet.place = tape.panel_start[static_cast<std::size_t>(block)];
    packet.neurons = tape.neurons.data() + block * size;
    packet.lanes = std::min(size, H - block * size);
    packet.in_order = packet.lanes == size;
    for (Index lane = 0; lane < packet.lanes; ++lane) {
      packet.in_order &= packet.neurons[lane] == packet.neurons[0] + lane;
    }
    for (Index k = 0; k < inputs + static_cast<Index>(columns.size()); ++k) {
      packet.source =
          k < inputs ? k : inputs + tape.neuron(columns[static_cast<std::size_t>(k - inputs)]);
      for (Index g = 0; g < 4; ++g, packet.place += size) {
        packet.row = g * H;
        body(packet);
      }
    }
  }
}

/// Fills the panels and the bias; lanes without a neuron are 0.
template <class Scalar>
void pack_panels(const LstmWeights<Scalar>& weights, BlockTape<Scalar>& tape) {
  const Index I = weights.inputs(), H = weights.hidden(), packet = tape.packet;
  tape.panels.resize(tape.panel_start.back());
  if (H % packet != 0) tape.panels.setZero();
  for_panel_packets(tape, I, [&](const PanelPacket& of) {
    const Scalar* from = of.source < I ? weights.Wx.data() + 4 * H * of.source
                                       : weights.Wh.data() + 4 * H * (of.source - I);
    Scalar* to = tape.panels.data() + of.place;
    from += of.row;
    if (of.in_order) {
      std::copy_n(from + of.neurons[0], packet, to);
    } else {
      for (Index lane = 0; lane < of.lanes; ++lane) to[lane] = from[of.neurons[lane]];
    }
  });
  tape.bias.setZero(tape.count() * tape.column);
  for (Index slot = 0; slot < H; ++slot) {
    for (Index g = 0; g < 4; ++g) {
      tape.bias[slot / packet * tape.column + g * packet + slot % packet] =
          weights.b(g * H + tape.neurons[static_cast<std::size_t>(slot)]);
    }
  }
}

}  // namespace scheduled
GLSTM_END_NAMESPACE
