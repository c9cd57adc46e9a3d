// The open neurons of a stream.
//
// A slot is a place in the order in which a stream keeps its neurons; a block is as many slots as a
// packet has scalars. "Padded" means up to whole blocks.
#pragma once

#include <algorithm>

#include "glstm/core/types.hpp"
#include "glstm/gates/slot_openness.hpp"
#include "glstm/gates/time_gate.hpp"
#include "glstm/kernels/packet_math.hpp"

GLSTM_BEGIN_NAMESPACE
namespace detail {

/// Which neuron each slot holds. The neurons are sorted by GateTraits::sort_key, where the gate has
/// one, so that the neurons that are open together share few blocks. If all are always open, the
/// order does not matter.
template <class Gate>
class NeuronOrder {
 public:
  static constexpr bool sorted = !GateTraits<Gate>::always_open && requires(const Gate& gate) {
    GateTraits<Gate>::sort_key(gate, Index());
  };

  explicit NeuronOrder(const Gate& gate) {
    if constexpr (sorted) {
      neurons_.setLinSpaced(gate.size(), 0, gate.size() - 1);
      std::stable_sort(neurons_.begin(), neurons_.end(), [&](Index a, Index b) {
        return GateTraits<Gate>::sort_key(gate, a) < GateTraits<Gate>::sort_key(gate, b);
      });
    }
  }

  Index neuron(Index slot) const {
    if constexpr (sorted) return neurons_(slot);
    return slot;
  }

 private:
  Vector<Index> neurons_;  // [H]; empty: neuron j is in slot j
};

/// The set of open neurons, by slot.
template <class Scalar>
class OpenNeurons {
 public:
  explicit OpenNeurons(Index neurons) {
    const Index block_count = (neurons + packet - 1) / packet, padded = block_count * packet;
    mask_.setZero(padded);
    slots_.setZero(padded + 1);  // list() writes one beyond the end
    blocks_.setZero(block_count);
    in_block_.setZero(block_count);
  }

  bool is_open(Index slot) const { return mask_(slot) != Scalar(0); }
  /// 1 for open and 0 for closed, [padded].
  const Scalar* mask() const { return mask_.data(); }

  Index count() const { return slots_listed_; }
  Index block_count() const { return blocks_listed_; }
  /// The open slots and the blocks that contain one, in ascending order.
  const Index* slots() const { return slots_.data(); }
  const Index* blocks() const { return blocks_.data(); }
  OpenSlots<Scalar> open_slots() const {
    return {slots(), count(), blocks(), block_count(), mask()};
  }

  /// Opens a closed slot, or closes an open one; the lists are as before until list() is called.
  void toggle(Index slot) {
    const bool open = !is_open(slot);
    mask_(slot) = Scalar(open);
    in_block_(slot / packet) += open ? 1 : -1;
  }

  void list() {
    slots_listed_ = blocks_listed_ = 0;
    for (Index block = 0; block < in_block_.size(); ++block) {
      if (in_block_(block) == 0) continue;
      blocks_(blocks_listed_++) = block;
      for (Index slot = block * packet; slot < (block + 1) * packet; ++slot) {
        slots_(slots_listed_) = slot;
        slots_listed_ += is_open(slot);
      }
    }
  }

 private:
  static constexpr Index packet = kernels::packet_size<Scalar>;

  Vector<Scalar> mask_;
  Vector<Index> in_block_;  // [blocks] the number of open slots
  Vector<Index> slots_, blocks_;
  Index slots_listed_ = 0, blocks_listed_ = 0;
};

}  // namespace detail
GLSTM_END_NAMESPACE
