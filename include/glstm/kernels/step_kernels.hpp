// One step of the open neurons, forward and backward: the products of products.hpp fused with the
// element-wise part of an LSTM.
#pragma once

#include <cstddef>

#include <Eigen/Core>

#include "glstm/core/error.hpp"
#include "glstm/core/types.hpp"
#include "glstm/kernels/packet_math.hpp"
#include "glstm/kernels/products.hpp"

GLSTM_BEGIN_NAMESPACE
namespace kernels {

/// One step forward of the open neurons, fused: z = bias + frozen + [h | x] panel, then the gates,
/// the proposed state and the blend. Slot s is the s-th open neuron.
template <class Scalar>
struct ForwardStep {
  Index lanes, stride, open, inputs;
  const Index* neurons;  ///< [open] the neuron in each slot
  const Scalar* u;       ///< [stride, open + inputs] h_prev of the open neurons, then x
  const Scalar* panel;   ///< [open][1 + open + inputs] packed weights, first the bias
  const Scalar* frozen;  ///< [stride, 4H] per neuron: what frozen neurons add; null: nothing
  const Scalar* k;       ///< openness: [open], or [stride, open] when k_per_sample
  bool k_per_sample;
  const Scalar* c_prev;       ///< [stride, open]
  const Index* next_columns;  ///< [open] the columns of h_next and c_next that slots write to
  Scalar *h_next, *c_next;    ///< out
  Scalar* gates;              ///< out [stride, 4 open] i, f, g, o of each slot; null: not kept

  void run() const;

  template <int N>
  EIGEN_ALWAYS_INLINE void run_rows(Index row) const {
    detail::for_neuron_tiles<Scalar, N>(open, row, *this);
  }

  /// `Others` neurons after `slot` share the packets that it loads.
  template <int N, class... Others>
  EIGEN_ALWAYS_INLINE void run_tile(Index slot, Index row, detail::GateSums<Scalar, N> z,
                                    Others... others) const {
    const Index of_slot = 4 * (1 + open + inputs);
    const Scalar* weights = panel + of_slot * slot;
    start(slot, row, z);
    Index next = slot;
    (start(++next, row, others), ...);
    detail::multiply_weights(u + row, stride, AdjacentColumns{}, open + inputs,
                             PackedWeights<Scalar>{.data = weights + 4, .neuron = of_slot}, z,
                             others...);
    store(slot, row, z);
    next = slot;
    (store(++next, row, others), ...);
  }

 private:
  template <int N>
  EIGEN_ALWAYS_INLINE void start(Index slot, Index row, detail::GateSums<Scalar, N>& z) const {
    z.start_from(panel + 4 * (1 + open + inputs) * slot);
    if (frozen != nullptr) z.add(frozen + 4 * neurons[slot] * stride + row, stride);
  }

  template <int N>
  EIGEN_ALWAYS_INLINE void store(Index slot, Index row,
                                 const detail::GateSums<Scalar, N>& sums) const {
    constexpr Index width = N * packet_size<Scalar>;
    alignas(64) Scalar z[static_cast<std::size_t>(4 * width)];
    sums.store(z, width);
    finish(slot, row, z, width);
  }

  /// The gates, the proposed state and the blend of one neuron, for `width` samples from `row` on.
  /// z is [width, 4] and is overwritten. Not inlined: the tiles of all sizes share it.
  EIGEN_DONT_INLINE void finish(Index slot, Index row, Scalar* z, Index width) const {
    using namespace detail;
    using P = Packet<Scalar>;
    constexpr Index size = packet_size<Scalar>;
    Scalar *zi = z, *zf = z + width, *zg = z + 2 * width, *zo = z + 3 * width;
    // Two loops: one would be a single chain of dependent operations, too long to overlap.
    for (Index lane = 0; lane < width; lane += size) {
      P i = pload<P>(zi + lane), f = pload<P>(zf + lane);
      P g = pload<P>(zg + lane), o = pload<P>(zo + lane);
      activate<Scalar>(i, f, g, o);
      if (gates != nullptr) {
        Scalar* out = gates + 4 * slot * stride + row + lane;
        pstore(out, i);
        pstore(out + stride, f);
        pstore(out + 2 * stride, g);
        pstore(out + 3 * stride, o);
      }
      pstore(zg + lane, pmadd(f, pload<P>(c_prev + slot * stride + row + lane), pmul(i, g)));
      pstore(zo + lane, o);
    }
    for (Index lane = 0; lane < width; lane += size) {
      const Index at = slot * stride + row + lane;
      const P c_old = pload<P>(c_prev + at), h_old = pload<P>(u + at);
      const P c_proposed = pload<P>(zg + lane);
      const P t = tanh_packet(c_proposed);
      const P h_proposed = pmul(pload<P>(zo + lane), t);
      const P gate = k_per_sample ? pload<P>(k + at) : pset1<P>(k[slot]);
      // old + k (proposed - old): a closed sample (k = 0) keeps its state to the bit.
      const Index next = next_columns[slot] * stride + row + lane;
      pstore(c_next + next, pmadd(gate, psub(c_proposed, c_old), c_old));
      pstore(h_next + next, pmadd(gate, psub(h_proposed, h_old), h_old));
    }
  }
};

template <class Scalar>
void ForwardStep<Scalar>::run() const {
  GLSTM_ASSERT(lanes % packet_size<Scalar> == 0 && lanes <= stride);
  detail::for_row_tiles<Scalar>(lanes, *this);
}

/// One step backward of the open neurons, up to dz: the element-wise part of the LSTM's gradient.
template <class Scalar>
struct BackwardStep {
  Index lanes, stride, open;
  const Index* neurons;           ///< [open]
  const Scalar* gates;            ///< [stride, 4 open] as the forward step left them
  const Scalar *h_prev, *c_prev;  ///< [stride, open]
  const Scalar* k;                ///< [open], or [stride, open] when k_per_sample
  bool k_per_sample;
  Scalar *dh, *dc;  ///< [stride, open] in: of the new state; out: of the previous, without W^T dz
  Scalar* dz;       ///< out [dz_stride, 4 open]
  Index dz_stride;
  Scalar* sum_dz;  ///< [stride, 4H] accumulates dz per neuron
  Scalar* dk;  ///< out, shaped as k: the gradient of the openness, summed over samples that share
               ///< it; null: not wanted

  void run() const;
};

template <class Scalar>
void BackwardStep<Scalar>::run() const {
  using namespace detail;
  using P = Packet<Scalar>;
  for (Index slot = 0; slot < open; ++slot) {
    const Index column = slot * stride;
    P dk_sum = pset1<P>(Scalar(0));
    for (Index row = 0; row < lanes; row += packet_size<Scalar>) {
      const Scalar* gate_in = gates + 4 * column + row;
      const P i = pload<P>(gate_in), f = pload<P>(gate_in + stride);
      const P g = pload<P>(gate_in + 2 * stride), o = pload<P>(gate_in + 3 * stride);
      const P c_old = pload<P>(c_prev + column + row);
      const P dh_in = pload<P>(dh + column + row), dc_in = pload<P>(dc + column + row);
      const P gate = k_per_sample ? pload<P>(k + column + row) : pset1<P>(k[slot]);

      const CellGradient<Scalar> grad =
          cell_gradient<Scalar>(i, f, g, o, c_old, gate, dh_in, dc_in);
      if (dk != nullptr) {
        const P h_change = psub(grad.h_proposed, pload<P>(h_prev + column + row));
        const P c_change = psub(grad.c_proposed, c_old);
        const P dk_here = pmadd(h_change, dh_in, pmul(c_change, dc_in));
        if (k_per_sample) pstore(dk + column + row, dk_here);
        dk_sum = padd(dk_sum, dk_here);
      }
      pstore(dh + column + row, grad.dh);
      pstore(dc + column + row, grad.dc);

      Scalar* out = dz + 4 * slot * dz_stride + row;
      Scalar* sum = sum_dz + 4 * neurons[slot] * stride + row;
      const P all[4] = {grad.dz_i, grad.dz_f, grad.dz_g, grad.dz_o};
      for (int q = 0; q < 4; ++q) {
        pstore(out + q * dz_stride, all[q]);
        pstore(sum + q * stride, padd(pload<P>(sum + q * stride), all[q]));
      }
    }
    if (dk != nullptr && !k_per_sample) dk[slot] = predux(dk_sum);
  }
}

}  // namespace kernels
GLSTM_END_NAMESPACE
