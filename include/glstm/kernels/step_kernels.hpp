// One step of the open neurons, forward and backward: the products of products.hpp fused with the
// element-wise part of an LSTM.
#pragma once

#include <algorithm>
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
  const Scalar* bias;    ///< [open][4]
  const Scalar* panel;   ///< WeightPanel of the open neurons and the columns of u
  const Scalar* frozen;  ///< [stride, 4H] per neuron: what frozen neurons add; null: nothing
  const Scalar* k;       ///< openness: [open], or [stride, open] when k_per_sample
  bool k_per_sample;
  const Scalar* c_prev;       ///< [stride, open]
  const Index* next_columns;  ///< [open] the columns of h_next and c_next that slots write to
  Scalar *h_next, *c_next;    ///< out
  Scalar* gates;              ///< out [stride, 4 open] i, f, g, o of each slot; null: not kept

  void run() const;

  Index inner() const { return open + inputs; }
};

namespace detail {

/// Pre-activations of some neurons, in a tile of N packets of samples from `row` on.
template <class Scalar, int N>
struct ForwardTile {
  static constexpr Index width = N * packet_size<Scalar>;
  static constexpr Index most = 1024 / (4 * width);  ///< neurons at a time: z stays near
  static_assert(most >= 2 && most % 2 == 0 && group_neurons % 2 == 0);  // pairs are of one group

  const ForwardStep<Scalar>& step;
  Index row, first, count;
  Index begin = 0, columns = 0;  ///< the part of the columns of u that is multiplied
  alignas(64) Scalar z[static_cast<std::size_t>(4 * width * most)];  ///< [count][4][width]

  ForwardTile(const ForwardStep<Scalar>& of, Index first_row, Index first_slot, Index slots)
      : step(of), row(first_row), first(first_slot), count(slots) {}

  void run() {
    for (begin = 0; begin < step.inner(); begin += part_columns) {
      columns = std::min(part_columns, step.inner() - begin);
      detail::for_neuron_tiles<Scalar, N>(count, row, *this);
    }
    for (Index q = 0; q < count; ++q) finish(q);
  }

  /// Neuron q and `Others` after it share the packets of u.
  template <class... Others>
  EIGEN_ALWAYS_INLINE void run_tile(Index q, Index, detail::GateSums<Scalar, N> sums,
                                    Others... others) {
    Index next = q;
    start(q, sums);
    (start(++next, others), ...);
    const WeightPanel layout{step.open, step.inner()};
    detail::multiply_weights(
        step.u + row + begin * step.stride, step.stride, packet_size<Scalar>, AdjacentColumns{},
        columns, layout.weights(step.panel + layout.place(first + q, begin)), sums, others...);
    next = q;
    sums.store(z + 4 * width * q, width);
    (others.store(z + 4 * width * ++next, width), ...);
  }

 private:
  EIGEN_ALWAYS_INLINE void start(Index q, detail::GateSums<Scalar, N>& sums) const {
    if (begin > 0) return sums.add(z + 4 * width * q, width);
    const Index slot = first + q, stride = step.stride;
    sums.start_from(step.bias + 4 * slot);
    if (step.frozen != nullptr) {
      sums.add(step.frozen + 4 * step.neurons[slot] * stride + row, stride);
    }
  }

  /// The gates, the proposed state and the blend of a neuron.
  EIGEN_DONT_INLINE void finish(Index q) {
    using namespace detail;
    using P = Packet<Scalar>;
    constexpr Index size = packet_size<Scalar>;
    // Copies, since a packet that is stored might be a part of `step` for all the compiler knows.
    const Index slot = first + q, stride = step.stride, at = slot * stride + row;
    const Index next = step.next_columns[slot] * stride + row;
    const Scalar *c_prev = step.c_prev + at, *h_prev = step.u + at;
    const Scalar *k_at = step.k + at, *k_shared = step.k_per_sample ? nullptr : step.k + slot;
    Scalar *h_next = step.h_next + next, *c_next = step.c_next + next;
    Scalar* gates = step.gates == nullptr ? nullptr : step.gates + 4 * slot * stride + row;
    Scalar *zi = z + 4 * width * q, *zf = zi + width, *zg = zf + width, *zo = zg + width;
    // Two loops: one would be a single chain of dependent operations, too long to overlap.
    for (Index lane = 0; lane < width; lane += size) {
      P i = pload<P>(zi + lane), f = pload<P>(zf + lane);
      P g = pload<P>(zg + lane), o = pload<P>(zo + lane);
      activate<Scalar>(i, f, g, o);
      if (gates != nullptr) {
        pstore(gates + lane, i);
        pstore(gates + stride + lane, f);
        pstore(gates + 2 * stride + lane, g);
        pstore(gates + 3 * stride + lane, o);
      }
      pstore(zg + lane, pmadd(f, pload<P>(c_prev + lane), pmul(i, g)));
      pstore(zo + lane, o);
    }
    for (Index lane = 0; lane < width; lane += size) {
      const P c_old = pload<P>(c_prev + lane), h_old = pload<P>(h_prev + lane);
      const P c_proposed = pload<P>(zg + lane);
      const P h_proposed = pmul(pload<P>(zo + lane), tanh_packet(c_proposed));
      const P k = k_shared == nullptr ? pload<P>(k_at + lane) : pset1<P>(*k_shared);
      // old + k (proposed - old): a closed sample (k = 0) keeps its state to the bit.
      pstore(c_next + lane, pmadd(k, psub(c_proposed, c_old), c_old));
      pstore(h_next + lane, pmadd(k, psub(h_proposed, h_old), h_old));
    }
  }
};

}  // namespace detail

template <class Scalar>
void ForwardStep<Scalar>::run() const {
  GLSTM_ASSERT(lanes % packet_size<Scalar> == 0 && lanes <= stride);
  // Neurons whose weights the second cache holds, while all samples take their turn.
  const Index groups = std::max<Index>(1, 32768 / (4 * inner()) / group_neurons);
  const Index group = groups * group_neurons;
  for (Index first = 0; first < open; first += group) {
    const Index end = std::min(first + group, open);
    detail::for_row_tiles<Scalar>(lanes, [&]<int N>(Index row) {
      using Tile = detail::ForwardTile<Scalar, N>;
      constexpr Index most = Tile::most;
      for (Index slot = first; slot < end; slot += most) {
        Tile(*this, row, slot, std::min(most, end - slot)).run();
      }
    });
  }
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
