// The products of the scheduled path: small, register-blocked, over packets of samples.
//
// Everything here works on compact blocks: [lanes, columns], column-major with a column stride of
// `stride` scalars, where lanes is the batch rounded up to whole packets. The surplus lanes carry
// finite numbers that nobody reads and whose gradients are zero (the caller starts them from 0).
// Weights are packed by gate: the four numbers by which one column is multiplied for the gates i,
// f, g, o of one neuron stand together.
//
// Every product is the same loop, multiply_weights: sums of weights times packets, in tiles of as
// many sums as the registers hold.
#pragma once

#include <algorithm>
#include <type_traits>

#include <Eigen/Core>

#include "glstm/core/error.hpp"
#include "glstm/core/types.hpp"
#include "glstm/kernels/packet_math.hpp"

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

/// A product takes this many columns of a block at a time, a part, which the nearest cache holds,
/// and this many neurons, a group.
inline constexpr Index part_columns = 128, group_neurons = 16;

/// Packed weights in memory: that of column k for gate g of neuron q is `next` k + `gate` g +
/// `neuron` q scalars behind `data`, where both k and q are counted within their part and group.
/// Parts are `part` scalars apart, groups `group`.
template <class Scalar>
struct PackedWeights {
  const Scalar* data;
  Index neuron = 0, next = 4, gate = 1;
  Index part = part_columns * next, group = group_neurons * neuron;
};

/// Weights of `neurons` for `columns` of a block, in the order in which a product reads them:
/// [groups][parts][neurons of a group][columns of a part][4].
struct WeightPanel {
  Index neurons, columns;

  Index part_size() const { return 4 * group_neurons * std::min(columns, part_columns); }
  Index group_size() const { return (columns + part_columns - 1) / part_columns * part_size(); }
  Index size() const { return (neurons + group_neurons - 1) / group_neurons * group_size(); }

  /// Where the four weights of a column for a neuron are.
  Index place(Index neuron, Index column) const {
    return neuron / group_neurons * group_size() + column / part_columns * part_size() +
           neuron % group_neurons * (part_size() / group_neurons) + column % part_columns * 4;
  }
  template <class Scalar>
  PackedWeights<Scalar> weights(const Scalar* data) const {
    return {.data = data,
            .neuron = part_size() / group_neurons,
            .part = part_size(),
            .group = group_size()};
  }
};

namespace detail {

/// Sums for the four gates of one neuron (or any four columns) over N packets.
template <class Scalar, int N>
struct GateSums {
  using P = Packet<Scalar>;
  P i = pset1<P>(Scalar(0)), f = i, g = i, o = i;
  GateSums<Scalar, N - 1> rest;

  EIGEN_ALWAYS_INLINE void start_from(const Scalar* w) {
    i = pset1<P>(w[0]);
    f = pset1<P>(w[1]);
    g = pset1<P>(w[2]);
    o = pset1<P>(w[3]);
    rest.start_from(w);
  }

  /// Every sum += its packet of u times its weight. The packets are `next` scalars apart, and each
  /// is a number that all lanes share where `Shared`.
  template <bool Shared = false>
  EIGEN_ALWAYS_INLINE void add_product(const Scalar* u, const P& wi, const P& wf, const P& wg,
                                       const P& wo, Index next = packet_size<Scalar>) {
    P packet = Shared ? pset1<P>(*u) : pload<P>(u);
#if EIGEN_COMP_GNUC_STRICT
    EIGEN_OPTIMIZATION_BARRIER(packet)  // g++ would load it once for every multiply-add
#endif
    i = pmadd(packet, wi, i);
    f = pmadd(packet, wf, f);
    g = pmadd(packet, wg, g);
    o = pmadd(packet, wo, o);
    rest.template add_product<Shared>(u + next, wi, wf, wg, wo, next);
  }

  /// Every sum += its packet; the packets of the four gates are `stride` scalars apart, those of
  /// the next sums `next` scalars behind them.
  EIGEN_ALWAYS_INLINE void add(const Scalar* values, Index stride,
                               Index next = packet_size<Scalar>) {
    i = padd(i, pload<P>(values));
    f = padd(f, pload<P>(values + stride));
    g = padd(g, pload<P>(values + 2 * stride));
    o = padd(o, pload<P>(values + 3 * stride));
    rest.add(values + next, stride, next);
  }

  EIGEN_ALWAYS_INLINE void add(const GateSums& other) {
    i = padd(i, other.i);
    f = padd(f, other.f);
    g = padd(g, other.g);
    o = padd(o, other.o);
    rest.add(other.rest);
  }

  EIGEN_ALWAYS_INLINE void store(Scalar* values, Index stride,
                                 Index next = packet_size<Scalar>) const {
    pstore(values, i);
    pstore(values + stride, f);
    pstore(values + 2 * stride, g);
    pstore(values + 3 * stride, o);
    rest.store(values + next, stride, next);
  }
};
template <class Scalar>
struct GateSums<Scalar, 0> {
  using P = Packet<Scalar>;
  EIGEN_ALWAYS_INLINE void start_from(const Scalar*) {}
  template <bool>
  EIGEN_ALWAYS_INLINE void add_product(const Scalar*, const P&, const P&, const P&, const P&,
                                       Index) {}
  EIGEN_ALWAYS_INLINE void add(const Scalar*, Index, Index) {}
  EIGEN_ALWAYS_INLINE void add(const GateSums&) {}
  EIGEN_ALWAYS_INLINE void store(Scalar*, Index, Index) const {}
};

/// Every sum of a neuron += its packet of u times its weight, at w; weights `ahead` of it are asked
/// for, since a product of many neurons has to wait for them otherwise.
template <class Scalar, int N>
EIGEN_ALWAYS_INLINE void add_product(GateSums<Scalar, N>& sums, const Scalar* u, Index next,
                                     const Scalar* w, Index gate, Index ahead) {
  using P = Packet<Scalar>;
  Eigen::internal::prefetch(w + ahead);
  sums.add_product(u, pset1<P>(w[0]), pset1<P>(w[gate]), pset1<P>(w[2 * gate]),
                   pset1<P>(w[3 * gate]), next);
}

/// sums of neuron q += sum over k of block column columns[k] times the weights k of neuron q,
/// within a part. Each sum is N packets, the first at `block`, the others `next` scalars apart.
template <class Scalar, class Columns, int N, class... Others>
EIGEN_ALWAYS_INLINE void multiply_weights(const Scalar* block, Index stride, Index next,
                                          Columns columns, Index count,
                                          const PackedWeights<Scalar>& weights,
                                          GateSums<Scalar, N>& sums, Others&... others) {
  const Index ahead = static_cast<Index>(1 + sizeof...(Others)) * weights.neuron;
  const Scalar* of_column = weights.data;
  for (Index k = 0; k < count; ++k, of_column += weights.next) {
    const Scalar* u = block + columns[k] * stride;
    const Scalar* w = of_column;
    add_product(sums, u, next, w, weights.gate, ahead);
    ((w += weights.neuron, add_product(others, u, next, w, weights.gate, ahead)), ...);
  }
}

/// The largest tile: 16 sums where there are 32 registers, 8 where there are 16.
inline constexpr int tile_packets = EIGEN_ARCH_DEFAULT_NUMBER_OF_REGISTERS >= 32 ? 4 : 2;

/// Covers `lanes` with tiles of whole packets: calls work.operator()<N>(row) for N packets from row
/// on.
template <class Scalar, int N = tile_packets, class Work>
EIGEN_ALWAYS_INLINE void for_row_tiles(Index lanes, const Work& work, Index row = 0) {
  for (; row + N * packet_size<Scalar> <= lanes; row += N * packet_size<Scalar>) {
    work.template operator()<N>(row);
  }
  if constexpr (N > 1) for_row_tiles<Scalar, N / 2>(lanes, work, row);
}

/// Covers `neurons` with as many at a time as fill a tile of N packets: calls
/// work.run_tile(neuron, row, sums...).
template <class Scalar, int N, class Work>
EIGEN_ALWAYS_INLINE void for_neuron_tiles(Index neurons, Index row, Work& work) {
  using Sums = GateSums<Scalar, N>;
  Index q = 0;
  if constexpr (2 * N <= tile_packets) {
    for (; q + 2 <= neurons; q += 2) work.run_tile(q, row, Sums{}, Sums{});
  }
  for (; q < neurons; ++q) work.run_tile(q, row, Sums{});
}

}  // namespace detail

/// For every neuron q: columns 4 q ... 4 q + 3 of out += sum over k of block column columns[k]
/// times the weights k of q.
template <class Scalar, class Columns>
struct ColumnProduct {
  Index lanes, stride;  ///< of the block
  const Scalar* block;
  Columns columns;
  Index count;
  PackedWeights<Scalar> weights;
  Index neurons;
  Scalar* out;  ///< [out_stride, 4 neurons], accumulated into
  Index out_stride;
  Index next = packet_size<Scalar>;  ///< where the next packet of a column of the block is

  void run() const;

  template <int N, class... Others>
  EIGEN_ALWAYS_INLINE void run_tile(Index q, Index row, detail::GateSums<Scalar, N> sums,
                                    Others... others) const {
    PackedWeights<Scalar> from = weights;
    from.data += q * weights.neuron;
    detail::multiply_weights(block + row / packet_size<Scalar> * next, stride, next, columns, count,
                             from, sums, others...);
    Scalar* to = out + 4 * q * out_stride + row;
    accumulate(to, sums);
    ((to += 4 * out_stride, accumulate(to, others)), ...);
  }

 private:
  template <int N>
  EIGEN_ALWAYS_INLINE void accumulate(Scalar* to, detail::GateSums<Scalar, N>& sums) const {
    sums.add(to, out_stride);
    sums.store(to, out_stride);
  }
};

template <class Scalar, class Columns>
void ColumnProduct<Scalar, Columns>::run() const {
  for (Index q = 0; q < neurons; q += group_neurons) {
    for (Index first = 0; first < count; first += part_columns) {
      ColumnProduct part = *this;
      part.neurons = std::min(group_neurons, neurons - q);
      part.count = std::min(part_columns, count - first);
      part.weights.data += q / group_neurons * weights.group + first / part_columns * weights.part;
      part.out += 4 * q * out_stride;
      if constexpr (std::is_same_v<Columns, AdjacentColumns>) {
        part.block += first * stride;
      } else {
        part.columns += first;
      }
      detail::for_row_tiles<Scalar>(lanes, [&]<int N>(Index row) {
        detail::for_neuron_tiles<Scalar, N>(part.neurons, row, part);
      });
    }
  }
}

/// out[k * next + g * gate] += the dot product of column g of `left` with block column columns[k].
template <class Scalar, class Columns>
struct GateDots {
  Index lanes;
  const Scalar* left;  ///< [left_stride, 4]
  Index left_stride;
  const Scalar* block;  ///< [stride, columns]
  Index stride;
  Columns columns;
  Index count;
  Scalar* out;
  Index next = 4, gate = 1;

  void run() const;
};

template <class Scalar, class Columns>
void GateDots<Scalar, Columns>::run() const {
  using namespace detail;
  using P = Packet<Scalar>;
  for (Index k = 0; k < count; ++k) {
    const Scalar* right = block + columns[k] * stride;
    GateSums<Scalar, 1> sums;
    for (Index row = 0; row < lanes; row += packet_size<Scalar>) {
      const Scalar* l = left + row;
      sums.add_product(right + row, pload<P>(l), pload<P>(l + left_stride),
                       pload<P>(l + 2 * left_stride), pload<P>(l + 3 * left_stride));
    }
    Scalar* dots = out + k * next;
    dots[0] += predux(sums.i);
    dots[gate] += predux(sums.f);
    dots[2 * gate] += predux(sums.g);
    dots[3 * gate] += predux(sums.o);
  }
}

#if EIGEN_COMP_GNUC_STRICT
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wignored-attributes"  // those of a packet type, in PacketBlock
#endif

/// Turns the columns of a block [lanes, columns] into rows, packet by packet: the packet of `lane`
/// that column k is in begins at out[k / packet * out_next + lane * packet]. From `columns` up to
/// whole packets the rows are filled with zeros.
template <class Scalar>
void transpose(const Scalar* block, Index stride, Index lanes, Index columns, Scalar* out,
               Index out_next) {
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
      Scalar* rows = out + k / size * out_next + lane * size;
      for (int q = 0; q < size; ++q) pstore(rows + q * size, square.packet[q]);
    }
  }
}

#if EIGEN_COMP_GNUC_STRICT
#pragma GCC diagnostic pop
#endif

}  // namespace kernels
GLSTM_END_NAMESPACE
