// The openness of neurons that are in the lanes of packets.
//
// A slot is a place in an order of the neurons; a block is as many slots as a packet has scalars.
#pragma once

#include <type_traits>

#include "glstm/core/types.hpp"
#include "glstm/gates/gaussian_gate.hpp"
#include "glstm/gates/time_gate.hpp"
#include "glstm/kernels/packet_math.hpp"

GLSTM_BEGIN_NAMESPACE
namespace detail {

/// The open slots, in ascending order.
template <class Scalar>
struct OpenSlots {
  const Index* slots;
  Index count;
  const Index* blocks;  ///< those with an open slot
  Index block_count;
  const Scalar* mask;  ///< by slot, up to whole blocks: 1 for open and 0 for closed
};

/// Computes the openness of the open slots. This is the way for any gate: it asks for one neuron at
/// a time. A specialisation may compute whole packets. `Order` has neuron(slot).
template <class Gate>
class SlotOpenness {
 public:
  using Scalar = typename Gate::Scalar;

  template <class Order>
  SlotOpenness(const Gate&, const Order&) {}

  /// k, by slot up to whole blocks, gets the openness of every open neuron. It must be 0 for closed
  /// neurons on entry, and is so afterwards.
  template <class Order>
  void compute(const Gate& gate, const Order& order, const OpenSlots<Scalar>& open, Scalar t,
               Scalar* k) const {
    for (Index s = 0; s < open.count; ++s) {
      k[open.slots[s]] = gate.openness(order.neuron(open.slots[s]), t);
    }
  }
};

/// The Gaussian openness, a packet at a time.
template <class Scalar>
requires std::is_floating_point_v<Scalar>
class SlotOpenness<GaussianGate<Scalar>> {
 public:
  using Gate = GaussianGate<Scalar>;

  template <class Order>
  SlotOpenness(const Gate& gate, const Order& order) {
    const Index padded = (gate.size() + packet - 1) / packet * packet;
    mu_.setZero(padded);
    sigma_.setOnes(padded);
    for (Index slot = 0; slot < gate.size(); ++slot) {
      mu_(slot) = gate.mu(order.neuron(slot));
      sigma_(slot) = gate.sigma(order.neuron(slot));
    }
  }

  template <class Order>
  void compute(const Gate&, const Order&, const OpenSlots<Scalar>& open, Scalar t,
               Scalar* k) const {
    using namespace kernels::detail;
    using P = kernels::Packet<Scalar>;
    const P now = pset1<P>(t);
    for (Index b = 0; b < open.block_count; ++b) {
      const Index begin = open.blocks[b] * packet;
      const P u = pdiv(psub(now, pload<P>(mu_.data() + begin)), pload<P>(sigma_.data() + begin));
      const P gaussian = exp_packet<Scalar>(psub(pset1<P>(Scalar(0)), pmul(u, u)));
      pstore(k + begin, pmul(gaussian, pload<P>(open.mask + begin)));
    }
  }

 private:
  static constexpr Index packet = kernels::packet_size<Scalar>;

  Vector<Scalar> mu_, sigma_;  // [padded]
};

}  // namespace detail
GLSTM_END_NAMESPACE
