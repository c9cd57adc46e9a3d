// The arithmetic of the scheduled path: small register-blocked products over packets of samples,
// fused with the element-wise part of an LSTM step.
//
// Everything here works on compact blocks: [lanes, columns], column-major with a column stride of
// `stride` scalars, where lanes is the batch rounded up to whole packets. The surplus lanes carry
// finite numbers that nobody reads and whose gradients are zero (the caller starts them from 0).
// Weights come in "quads": the four numbers by which one column is multiplied for the gates i, f,
// g, o of one neuron.
//
// Every product is the same loop, multiply_quads: sums of quads times packets, in tiles of as many
// sums as the registers hold.
#pragma once

#include <algorithm>
#include <utility>

#include <Eigen/Core>

#include "glstm/core/error.hpp"
#include "glstm/core/types.hpp"
#include "glstm/lstm/packet_math.hpp"

GLSTM_BEGIN_NAMESPACE
namespace kernels {

template <class Scalar>
Index lanes_for(Index batch) {
  return (batch + packet_size<Scalar> - 1) / packet_size<Scalar> * packet_size<Scalar>;
}

/// The column stride of a compact block: an odd number of 64-byte lines, so that the columns of a
/// power-of-two batch do not compete for the same cache sets.
template <class Scalar>
Index stride_for(Index lanes) {
  constexpr Index line = 64 / sizeof(Scalar) > 0 ? 64 / sizeof(Scalar) : 1;
  const Index lines = (lanes + line - 1) / line;
  return (lines | 1) * line;
}

/// Where the columns of a block are: next to each other, or named by a list.
struct AdjacentColumns {
  Index operator[](Index k) const { return k; }
};
using ListedColumns = const Index*;

/// Quads in memory: number g of quad k for neuron q is data[q * neuron + k * next + g * gate].
template <class Scalar>
struct Quads {
  const Scalar* data;
  Index neuron = 0, next = 4, gate = 1;
};

namespace detail {

/// Sums for the four gates of one neuron (or any four columns) over N packets.
template <class Scalar, int N>
struct QuadSums {
  using P = Packet<Scalar>;
  P i = pset1<P>(Scalar(0)), f = i, g = i, o = i;
  QuadSums<Scalar, N - 1> rest;

  EIGEN_ALWAYS_INLINE void start_from(const Scalar* quad) {
    i = pset1<P>(quad[0]);
    f = pset1<P>(quad[1]);
    g = pset1<P>(quad[2]);
    o = pset1<P>(quad[3]);
    rest.start_from(quad);
  }

  /// Every sum += its packet of u times its weight.
  EIGEN_ALWAYS_INLINE void add_product(const Scalar* u, const P& wi, const P& wf, const P& wg,
                                       const P& wo) {
    P packet = pload<P>(u);
#if EIGEN_COMP_GNUC_STRICT
    EIGEN_OPTIMIZATION_BARRIER(packet)  // g++ would load it once for every multiply-add
#endif
    i = pmadd(packet, wi, i);
    f = pmadd(packet, wf, f);
    g = pmadd(packet, wg, g);
    o = pmadd(packet, wo, o);
    rest.add_product(u + packet_size<Scalar>, wi, wf, wg, wo);
  }

  /// Every sum += its packet; the four are `stride` scalars apart.
  EIGEN_ALWAYS_INLINE void add(const Scalar* values, Index stride) {
    i = padd(i, pload<P>(values));
    f = padd(f, pload<P>(values + stride));
    g = padd(g, pload<P>(values + 2 * stride));
    o = padd(o, pload<P>(values + 3 * stride));
    rest.add(values + packet_size<Scalar>, stride);
  }

  EIGEN_ALWAYS_INLINE void store(Scalar* values, Index stride) const {
    pstore(values, i);
    pstore(values + stride, f);
    pstore(values + 2 * stride, g);
    pstore(values + 3 * stride, o);
    rest.store(values + packet_size<Scalar>, stride);
  }
};
template <class Scalar>
struct QuadSums<Scalar, 0> {
  using P = Packet<Scalar>;
  EIGEN_ALWAYS_INLINE void start_from(const Scalar*) {}
  EIGEN_ALWAYS_INLINE void add_product(const Scalar*, const P&, const P&, const P&, const P&) {}
  EIGEN_ALWAYS_INLINE void add(const Scalar*, Index) {}
  EIGEN_ALWAYS_INLINE void store(Scalar*, Index) const {}
};

template <class Scalar, int N>
EIGEN_ALWAYS_INLINE void add_quad(QuadSums<Scalar, N>& sums, const Scalar* u, const Scalar* quad,
                                  Index gate) {
  using P = Packet<Scalar>;
  sums.add_product(u, pset1<P>(quad[0]), pset1<P>(quad[gate]), pset1<P>(quad[2 * gate]),
                   pset1<P>(quad[3 * gate]));
}

/// sums of neuron q += sum over k of block column columns[k] times quad k of neuron q. Each sum is
/// N packets, the first at `block`, the others behind it.
template <class Scalar, class Columns, int N, class... Others>
EIGEN_ALWAYS_INLINE void multiply_quads(const Scalar* block, Index stride, Columns columns,
                                        Index count, const Quads<Scalar>& quads,
                                        QuadSums<Scalar, N>& sums, Others&... others) {
  const Scalar* of_column = quads.data;
  for (Index k = 0; k < count; ++k, of_column += quads.next) {
    const Scalar* u = block + columns[k] * stride;
    const Scalar* w = of_column;
    add_quad(sums, u, w, quads.gate);
    ((w += quads.neuron, add_quad(others, u, w, quads.gate)), ...);
  }
}

/// The largest tile: 16 sums where there are 32 registers, 8 where there are 16.
inline constexpr int tile_packets = EIGEN_ARCH_DEFAULT_NUMBER_OF_REGISTERS >= 32 ? 4 : 2;

/// Covers `lanes` with tiles of whole packets: calls work.template run_rows<N>(row) with N packets
/// from row on.
template <class Scalar, int N = tile_packets, class Work>
EIGEN_ALWAYS_INLINE void for_row_tiles(Index lanes, const Work& work, Index row = 0) {
  for (; row + N * packet_size<Scalar> <= lanes; row += N * packet_size<Scalar>) {
    work.template run_rows<N>(row);
  }
  if constexpr (N > 1) for_row_tiles<Scalar, N - 1>(lanes, work, row);
}

/// Covers `neurons` with as many at a time as fill a tile of N packets: calls
/// work.run_tile(neuron, row, sums...).
template <class Scalar, int N, class Work>
EIGEN_ALWAYS_INLINE void for_neuron_tiles(Index neurons, Index row, const Work& work) {
  using Sums = QuadSums<Scalar, N>;
  Index q = 0;
  if constexpr (2 * N <= tile_packets) {
    for (; q + 2 <= neurons; q += 2) work.run_tile(q, row, Sums{}, Sums{});
  }
  for (; q < neurons; ++q) work.run_tile(q, row, Sums{});
}

}  // namespace detail

/// One step forward of the open neurons, fused: z = bias + frozen + [h | x] panel, then the gates,
/// the proposed state and the blend. Slot s is the s-th open neuron.
template <class Scalar>
struct ForwardStep {
  Index lanes, stride, open, inputs;
  const Index* neurons;  ///< [open] the neuron in each slot
  const Scalar* u;       ///< [stride, open + inputs] h_prev of the open neurons, then x
  const Scalar* panel;   ///< [open][1 + open + inputs] quads, the first is the bias
  const Scalar* frozen;  ///< [stride, 4H] per neuron: what frozen neurons add; null: nothing
  const Scalar* k;       ///< openness: [open], or [stride, open] when k_per_sample
  bool k_per_sample;
  const Scalar* c_prev;       ///< [stride, open]
  const Index* next_columns;  ///< [open] the columns of h_next and c_next that slots write to
  Scalar *h_next, *c_next;    ///< out
  Scalar* gates;              ///< out [stride, 4 open] i, f, g, o of each slot; null: not kept

  void run() const {
    GLSTM_ASSERT(lanes % packet_size<Scalar> == 0 && lanes <= stride);
    detail::for_row_tiles<Scalar>(lanes, *this);
  }

  template <int N>
  EIGEN_ALWAYS_INLINE void run_rows(Index row) const {
    detail::for_neuron_tiles<Scalar, N>(open, row, *this);
  }

  /// `Others` neurons after `slot` share the packets that it loads.
  template <int N, class... Others>
  EIGEN_ALWAYS_INLINE void run_tile(Index slot, Index row, detail::QuadSums<Scalar, N> z,
                                    Others... others) const {
    const Index of_slot = 4 * (1 + open + inputs);
    const Scalar* quads = panel + of_slot * slot;
    start(slot, row, z);
    Index next = slot;
    (start(++next, row, others), ...);
    detail::multiply_quads(u + row, stride, AdjacentColumns{}, open + inputs,
                           Quads<Scalar>{.data = quads + 4, .neuron = of_slot}, z, others...);
    finish(slot, row, z);
    next = slot;
    (finish(++next, row, others), ...);
  }

 private:
  template <int N>
  EIGEN_ALWAYS_INLINE void start(Index slot, Index row, detail::QuadSums<Scalar, N>& z) const {
    z.start_from(panel + 4 * (1 + open + inputs) * slot);
    if (frozen != nullptr) z.add(frozen + 4 * neurons[slot] * stride + row, stride);
  }

  /// The gates, the proposed state and the blend of one neuron.
  template <int N>
  EIGEN_ALWAYS_INLINE void finish(Index slot, Index row,
                                  const detail::QuadSums<Scalar, N>& sums) const {
    using namespace detail;
    using P = Packet<Scalar>;
    constexpr Index size = packet_size<Scalar>;
    alignas(64) Scalar z[static_cast<std::size_t>(4 * N * size)];
    sums.store(z, N * size);
    Scalar *zi = z, *zf = z + N * size, *zg = z + 2 * N * size, *zo = z + 3 * N * size;
    // Two loops: one would be a single chain of dependent operations, too long to overlap.
    for (Index lane = 0; lane < N * size; lane += size) {
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
    for (Index lane = 0; lane < N * size; lane += size) {
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

  void run() const {
    using namespace detail;
    using P = Packet<Scalar>;
    const P one = pset1<P>(Scalar(1));
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

        const P c_proposed = pmadd(f, c_old, pmul(i, g));
        const P t = tanh_packet(c_proposed);
        if (dk != nullptr) {  // h = k h~ + (1 - k) h_prev;  c = k c~ + (1 - k) c_prev
          const P h_change = psub(pmul(o, t), pload<P>(h_prev + column + row));
          const P c_change = psub(c_proposed, c_old);
          const P dk_here = pmadd(h_change, dh_in, pmul(c_change, dc_in));
          if (k_per_sample) pstore(dk + column + row, dk_here);
          dk_sum = padd(dk_sum, dk_here);
        }
        const P dh_proposed = pmul(gate, dh_in);
        const P gate_dc = pmul(gate, dc_in);
        // h~ = o tanh(c~)
        const P dc_proposed = pmadd(pmul(dh_proposed, o), psub(one, pmul(t, t)), gate_dc);
        // c~ = f c_prev + i g;  i, f, o = sigmoid(z);  g = tanh(z)
        const P dz_i = pmul(pmul(dc_proposed, g), pmul(i, psub(one, i)));
        const P dz_f = pmul(pmul(dc_proposed, c_old), pmul(f, psub(one, f)));
        const P dz_g = pmul(pmul(dc_proposed, i), psub(one, pmul(g, g)));
        const P dz_o = pmul(pmul(dh_proposed, t), pmul(o, psub(one, o)));
        pstore(dh + column + row, psub(dh_in, dh_proposed));
        pstore(dc + column + row, pmadd(dc_proposed, f, psub(dc_in, gate_dc)));

        Scalar* out = dz + 4 * slot * dz_stride + row;
        Scalar* sum = sum_dz + 4 * neurons[slot] * stride + row;
        const P all[4] = {dz_i, dz_f, dz_g, dz_o};
        for (int q = 0; q < 4; ++q) {
          pstore(out + q * dz_stride, all[q]);
          pstore(sum + q * stride, padd(pload<P>(sum + q * stride), all[q]));
        }
      }
      if (dk != nullptr && !k_per_sample) dk[slot] = predux(dk_sum);
    }
  }
};

/// For every neuron q: columns 4 q ... 4 q + 3 of out += sum over k of block column columns[k]
/// times quad k of q.
template <class Scalar, class Columns>
struct ColumnProduct {
  Index lanes, stride;  ///< of the block
  const Scalar* block;
  Columns columns;
  Index count;
  Quads<Scalar> quads;
  Index neurons;
  Scalar* out;  ///< [out_stride, 4 neurons], accumulated into
  Index out_stride;

  void run() const {
    for (Index first = 0; first < count; first += depth) {  // a part of the block that stays in L1
      ColumnProduct part = *this;
      part.count = std::min(depth, count - first);
      part.quads.data += first * quads.next;
      if constexpr (std::is_same_v<Columns, AdjacentColumns>) {
        part.block += first * stride;
      } else {
        part.columns += first;
      }
      detail::for_row_tiles<Scalar>(lanes, part);
    }
  }

  template <int N>
  EIGEN_ALWAYS_INLINE void run_rows(Index row) const {
    detail::for_neuron_tiles<Scalar, N>(neurons, row, *this);
  }

  template <int N, class... Others>
  EIGEN_ALWAYS_INLINE void run_tile(Index q, Index row, detail::QuadSums<Scalar, N> sums,
                                    Others... others) const {
    Quads<Scalar> from = quads;
    from.data += q * quads.neuron;
    detail::multiply_quads(block + row, stride, columns, count, from, sums, others...);
    Scalar* to = out + 4 * q * out_stride + row;
    accumulate(to, sums);
    ((to += 4 * out_stride, accumulate(to, others)), ...);
  }

 private:
  static constexpr Index depth = 128;

  template <int N>
  EIGEN_ALWAYS_INLINE void accumulate(Scalar* to, detail::QuadSums<Scalar, N>& sums) const {
    sums.add(to, out_stride);
    sums.store(to, out_stride);
  }
};

/// Quad k of `out` += the dot products of the four columns of `left` with block column columns[k];
/// its number g is out[k * next + g * gate].
template <class Scalar, class Columns>
struct QuadDots {
  Index lanes;
  const Scalar* left;  ///< [left_stride, 4]
  Index left_stride;
  const Scalar* block;  ///< [stride, columns]
  Index stride;
  Columns columns;
  Index count;
  Scalar* out;
  Index next = 4, gate = 1;

  void run() const {
    using namespace detail;
    using P = Packet<Scalar>;
    for (Index k = 0; k < count; ++k) {
      const Scalar* right = block + columns[k] * stride;
      QuadSums<Scalar, 1> sums;
      for (Index row = 0; row < lanes; row += packet_size<Scalar>) {
        const Scalar* l = left + row;
        sums.add_product(right + row, pload<P>(l), pload<P>(l + left_stride),
                         pload<P>(l + 2 * left_stride), pload<P>(l + 3 * left_stride));
      }
      Scalar* quad = out + k * next;
      quad[0] += predux(sums.i);
      quad[gate] += predux(sums.f);
      quad[2 * gate] += predux(sums.g);
      quad[3 * gate] += predux(sums.o);
    }
  }
};

#if EIGEN_COMP_GNUC_STRICT
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wignored-attributes"  // those of a packet type, in PacketBlock
#endif

/// Turns the columns of a block [lanes, columns] into rows: out[lane * out_stride + k] is lane
/// `lane` of column k. From `columns` up to whole packets the rows are filled with zeros.
template <class Scalar>
void transpose(const Scalar* block, Index stride, Index lanes, Index columns, Scalar* out,
               Index out_stride) {
  using namespace detail;
  using P = Packet<Scalar>;
  constexpr int size = static_cast<int>(packet_size<Scalar>);
  for (Index k = 0; k < columns; k += size) {
    for (Index lane = 0; lane < lanes; lane += size) {
      Eigen::internal::PacketBlock<P, size> square;
      for (int q = 0; q < size; ++q) {
        square.packet[q] =
            k + q < columns ? pload<P>(block + (k + q) * stride + lane) : pset1<P>(Scalar(0));
      }
      if constexpr (size > 1) Eigen::internal::ptranspose(square);
      for (int q = 0; q < size; ++q) pstore(out + (lane + q) * out_stride + k, square.packet[q]);
    }
  }
}

#if EIGEN_COMP_GNUC_STRICT
#pragma GCC diagnostic pop
#endif

}  // namespace kernels
GLSTM_END_NAMESPACE
