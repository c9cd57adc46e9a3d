// The arithmetic of the scheduled path: small register-blocked products over packets of samples,
// fused with the element-wise part of an LSTM step.
//
// Everything here works on compact blocks: [lanes, columns], column-major with a column stride of
// `stride` scalars, where lanes is the batch rounded up to whole packets. The surplus lanes carry
// finite numbers that nobody reads and whose gradients are zero. Weights come in "quads": the four
// numbers by which one column is multiplied for the gates i, f, g, o of one neuron. Products run
// over two packets of samples at a time: eight independent sums hide the latency of a multiply-add
// and fit 16 vector registers.
#pragma once

#include <cmath>
#include <type_traits>

#include <Eigen/Core>

#include "glstm/core/error.hpp"
#include "glstm/core/types.hpp"

namespace glstm::kernels {

template <class Scalar>
using Packet = typename Eigen::internal::packet_traits<Scalar>::type;

template <class Scalar>
inline constexpr Index packet_size = Eigen::internal::unpacket_traits<Packet<Scalar>>::size;

#if EIGEN_MAX_ALIGN_BYTES > 0
static_assert(sizeof(Packet<float>) <= EIGEN_MAX_ALIGN_BYTES,
              "glstm loads whole packets from memory that Eigen allocates: EIGEN_MAX_ALIGN_BYTES "
              "must not be set below the size of a packet");
#endif

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

namespace detail {

using Eigen::internal::padd;
using Eigen::internal::pload;
using Eigen::internal::pmadd;
using Eigen::internal::pmul;
using Eigen::internal::predux;
using Eigen::internal::pset1;
using Eigen::internal::pstore;
using Eigen::internal::psub;

/// tanh as the ratio of an odd polynomial of degree 13 and an even one of degree 6, for |x| up to
/// the point where a float's tanh is 1. The coefficients are those of Eigen 3.4's own tanh, which
/// cannot be used as it is: compilers do not always inline it, and a call in the middle of a step
/// spills every register.
EIGEN_ALWAYS_INLINE Packet<float> tanh_packet(const Packet<float>& value) {
  using P = Packet<float>;
  constexpr float limit = 7.90531110763549805f;
  const P x =
      Eigen::internal::pmax(Eigen::internal::pmin(value, pset1<P>(limit)), pset1<P>(-limit));
  const P x2 = pmul(x, x);
  P odd = pset1<P>(-2.76076847742355e-16f);
  odd = pmadd(odd, x2, pset1<P>(2.00018790482477e-13f));
  odd = pmadd(odd, x2, pset1<P>(-8.60467152213735e-11f));
  odd = pmadd(odd, x2, pset1<P>(5.12229709037114e-08f));
  odd = pmadd(odd, x2, pset1<P>(1.48572235717979e-05f));
  odd = pmadd(odd, x2, pset1<P>(6.37261928875436e-04f));
  odd = pmadd(odd, x2, pset1<P>(4.89352455891786e-03f));
  P even = pset1<P>(1.19825839466702e-06f);
  even = pmadd(even, x2, pset1<P>(1.18534705686654e-04f));
  even = pmadd(even, x2, pset1<P>(2.26843463243900e-03f));
  even = pmadd(even, x2, pset1<P>(4.89352518554385e-03f));
  return Eigen::internal::pdiv(pmul(x, odd), even);
}

/// tanh of any other scalar type, one number at a time.
template <class P, class Scalar = typename Eigen::internal::unpacket_traits<P>::type>
requires(!std::is_same_v<Scalar, float>) EIGEN_ALWAYS_INLINE P tanh_packet(const P& value) {
  using std::tanh;
  alignas(64) Scalar lanes[static_cast<std::size_t>(packet_size<Scalar>)];
  pstore(lanes, value);
  for (Scalar& lane : lanes) lane = tanh(lane);
  return pload<P>(lanes);
}

template <class Scalar>
EIGEN_ALWAYS_INLINE Packet<Scalar> sigmoid_packet(const Packet<Scalar>& x) {
  const Packet<Scalar> half = pset1<Packet<Scalar>>(Scalar(0.5));
  return pmadd(half, tanh_packet(pmul(half, x)), half);
}

/// Sums for the four gates of one neuron (or any four columns), for one packet of samples. Sums are
/// passed as packs of references and never indexed, so that every compiler keeps them in registers.
template <class Scalar>
struct QuadSum {
  using P = Packet<Scalar>;
  P i = pset1<P>(Scalar(0)), f = i, g = i, o = i;

  /// Every sum += its weight times u.
  EIGEN_ALWAYS_INLINE void add_product(P u, const P& wi, const P& wf, const P& wg, const P& wo) {
#if EIGEN_COMP_GNUC_STRICT
    EIGEN_OPTIMIZATION_BARRIER(u)  // g++ would load u once for every multiply-add
#endif
    i = pmadd(u, wi, i);
    f = pmadd(u, wf, f);
    g = pmadd(u, wg, g);
    o = pmadd(u, wo, o);
  }

  /// Every sum += a packet; the four are `stride` scalars apart.
  EIGEN_ALWAYS_INLINE void add(const Scalar* values, Index stride) {
    i = padd(i, pload<P>(values));
    f = padd(f, pload<P>(values + stride));
    g = padd(g, pload<P>(values + 2 * stride));
    o = padd(o, pload<P>(values + 3 * stride));
  }
};

/// sums += sum over k of block column columns[k] times quad k. Each of `sums` is a packet of
/// samples, the first at `block`, the others behind it.
template <class Scalar, class Columns, class... Sums>
EIGEN_ALWAYS_INLINE void multiply_quads(const Scalar* block, Index stride, Columns columns,
                                        Index count, const Scalar* quads, Sums&... sums) {
  using P = Packet<Scalar>;
  for (Index k = 0; k < count; ++k, quads += 4) {
    const Scalar* u = block + columns[k] * stride;
    const P wi = pset1<P>(quads[0]), wf = pset1<P>(quads[1]);
    const P wg = pset1<P>(quads[2]), wo = pset1<P>(quads[3]);
    ((sums.add_product(pload<P>(u), wi, wf, wg, wo), u += packet_size<Scalar>), ...);
  }
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
  Scalar* tanh_c;             ///< out [stride, open]; null: not kept

  void run() const {
    using Sum = detail::QuadSum<Scalar>;
    constexpr Index packet = packet_size<Scalar>;
    GLSTM_ASSERT(lanes % packet == 0 && lanes <= stride);
    Index row = 0;
    for (; row + 2 * packet <= lanes; row += 2 * packet) {
      for (Index slot = 0; slot < open; ++slot) run_rows(slot, row, Sum{}, Sum{});
    }
    for (; row < lanes; row += packet) {
      for (Index slot = 0; slot < open; ++slot) run_rows(slot, row, Sum{});
    }
  }

 private:
  /// One neuron, for as many packets of samples as there are sums.
  template <class... Sums>
  EIGEN_ALWAYS_INLINE void run_rows(Index slot, Index row, Sums... z) const {
    const Index inner = open + inputs;
    const Scalar* quads = panel + 4 * (1 + inner) * slot;
    (start_from_bias(z, quads), ...);
    if (frozen != nullptr) {
      const Scalar* of_neuron = frozen + 4 * neurons[slot] * stride + row;
      ((z.add(of_neuron, stride), of_neuron += packet_size<Scalar>), ...);
    }
    detail::multiply_quads(u + row, stride, AdjacentColumns{}, inner, quads + 4, z...);
    ((finish(slot, row, z), row += packet_size<Scalar>), ...);
  }

  EIGEN_ALWAYS_INLINE static void start_from_bias(detail::QuadSum<Scalar>& z, const Scalar* quad) {
    using P = Packet<Scalar>;
    using detail::pset1;
    z.i = pset1<P>(quad[0]);
    z.f = pset1<P>(quad[1]);
    z.g = pset1<P>(quad[2]);
    z.o = pset1<P>(quad[3]);
  }

  /// The gates, the proposed state and the blend of one packet of samples.
  EIGEN_ALWAYS_INLINE void finish(Index slot, Index row, const detail::QuadSum<Scalar>& z) const {
    using namespace detail;
    using P = Packet<Scalar>;
    const P i = sigmoid_packet<Scalar>(z.i);
    const P f = sigmoid_packet<Scalar>(z.f);
    const P g = tanh_packet(z.g);
    const P o = sigmoid_packet<Scalar>(z.o);
    const P c_old = pload<P>(c_prev + slot * stride + row);
    const P h_old = pload<P>(u + slot * stride + row);
    const P c_proposed = pmadd(f, c_old, pmul(i, g));
    const P t = tanh_packet(c_proposed);
    const P h_proposed = pmul(o, t);
    const P gate = k_per_sample ? pload<P>(k + slot * stride + row) : pset1<P>(k[slot]);
    // old + k (proposed - old): a closed sample (k = 0) keeps its state to the bit.
    const Index next = next_columns[slot] * stride + row;
    pstore(c_next + next, pmadd(gate, psub(c_proposed, c_old), c_old));
    pstore(h_next + next, pmadd(gate, psub(h_proposed, h_old), h_old));
    if (gates != nullptr) {
      Scalar* out = gates + 4 * slot * stride + row;
      pstore(out, i);
      pstore(out + stride, f);
      pstore(out + 2 * stride, g);
      pstore(out + 3 * stride, o);
      pstore(tanh_c + slot * stride + row, t);
    }
  }
};

/// One step backward of the open neurons, up to dz: the element-wise part of the LSTM's gradient.
template <class Scalar>
struct BackwardStep {
  Index lanes, stride, open;
  const Index* neurons;          ///< [open]
  const Scalar *gates, *tanh_c;  ///< [stride, 4 open], [stride, open] as the forward step left them
  const Scalar *h_prev, *c_prev;  ///< [stride, open]
  const Scalar* k;                ///< [open], or [stride, open] when k_per_sample
  bool k_per_sample;
  Scalar *dh, *dc;  ///< [stride, open] in: of the new state; out: of the previous, without W^T dz
  Scalar* dz;       ///< out [stride, 4 open]
  Scalar* sum_dz;   ///< [stride, 4H] accumulates dz per neuron
  Scalar* dk;  ///< out [stride, open] the gradient of the openness per sample; null: not wanted

  void run() const {
    using namespace detail;
    using P = Packet<Scalar>;
    const P one = pset1<P>(Scalar(1));
    for (Index slot = 0; slot < open; ++slot) {
      const Index column = slot * stride;
      for (Index row = 0; row < lanes; row += packet_size<Scalar>) {
        const Scalar* gate_in = gates + 4 * column + row;
        const P i = pload<P>(gate_in), f = pload<P>(gate_in + stride);
        const P g = pload<P>(gate_in + 2 * stride), o = pload<P>(gate_in + 3 * stride);
        const P t = pload<P>(tanh_c + column + row);
        const P c_old = pload<P>(c_prev + column + row);
        const P dh_in = pload<P>(dh + column + row), dc_in = pload<P>(dc + column + row);
        const P gate = k_per_sample ? pload<P>(k + column + row) : pset1<P>(k[slot]);

        if (dk != nullptr) {  // h = k h~ + (1 - k) h_prev;  c = k c~ + (1 - k) c_prev
          const P h_change = psub(pmul(o, t), pload<P>(h_prev + column + row));
          const P c_change = psub(pmadd(f, c_old, pmul(i, g)), c_old);
          pstore(dk + column + row, pmadd(h_change, dh_in, pmul(c_change, dc_in)));
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

        Scalar* out = dz + 4 * column + row;
        Scalar* sum = sum_dz + 4 * neurons[slot] * stride + row;
        const P all[4] = {dz_i, dz_f, dz_g, dz_o};
        for (int q = 0; q < 4; ++q) {
          pstore(out + q * stride, all[q]);
          pstore(sum + q * stride, padd(pload<P>(sum + q * stride), all[q]));
        }
      }
    }
  }
};

/// Four columns += sum over k of block column columns[k] times quad k. Of the four `targets` only
/// the first `width` exist.
template <class Scalar, class Columns>
struct ColumnProduct {
  Index lanes, stride;
  const Scalar* block;
  Columns columns;
  Index count;
  const Scalar* quads;  ///< [count]
  Scalar* targets[4];   ///< [lanes] each, accumulated into
  int width;

  void run() const {
    using Sum = detail::QuadSum<Scalar>;
    constexpr Index packet = packet_size<Scalar>;
    Index row = 0;
    for (; row + 2 * packet <= lanes; row += 2 * packet) run_rows(row, Sum{}, Sum{});
    for (; row < lanes; row += packet) run_rows(row, Sum{});
  }

 private:
  template <class... Sums>
  EIGEN_ALWAYS_INLINE void run_rows(Index row, Sums... sums) const {
    detail::multiply_quads(block + row, stride, columns, count, quads, sums...);
    ((add_to_targets(row, sums), row += packet_size<Scalar>), ...);
  }

  EIGEN_ALWAYS_INLINE void add_to_targets(Index row, const detail::QuadSum<Scalar>& sum) const {
    add_to(targets[0] + row, sum.i);
    if (width > 1) add_to(targets[1] + row, sum.f);
    if (width > 2) add_to(targets[2] + row, sum.g);
    if (width > 3) add_to(targets[3] + row, sum.o);
  }

  EIGEN_ALWAYS_INLINE static void add_to(Scalar* target, const Packet<Scalar>& sum) {
    using namespace detail;
    pstore(target, padd(pload<Packet<Scalar>>(target), sum));
  }
};

/// quad k += sum over steps and lanes of the four columns of dz times u column columns[k]: the
/// weight gradient of one neuron.
template <class Scalar, class Columns>
struct WeightGradient {
  Index lanes, stride, steps;
  const Scalar* dz;  ///< [stride, 4] at each step
  Index dz_step;     ///< scalars from one step to the next
  const Scalar* u;   ///< [stride, columns] at each step
  Index u_step;
  Columns columns;
  Index count;
  Scalar* quads;  ///< [count], accumulated into

  void run() const {
    using Sum = detail::QuadSum<Scalar>;
    Index k = 0;
    for (; k + 3 <= count; k += 3) run_columns(k, Sum{}, Sum{}, Sum{});
    for (; k < count; ++k) run_columns(k, Sum{});
  }

 private:
  template <class... Sums>
  EIGEN_ALWAYS_INLINE void run_columns(Index first, Sums... sums) const {
    using namespace detail;
    using P = Packet<Scalar>;
    for (Index n = 0; n < steps; ++n) {
      for (Index row = 0; row < lanes; row += packet_size<Scalar>) {
        const Scalar* d = dz + n * dz_step + row;
        const P di = pload<P>(d), df = pload<P>(d + stride);
        const P dg = pload<P>(d + 2 * stride), d_o = pload<P>(d + 3 * stride);
        Index k = first;
        const Scalar* start = u + n * u_step + row;
        (sums.add_product(pload<P>(start + columns[k++] * stride), di, df, dg, d_o), ...);
      }
    }
    Scalar* quad = quads + 4 * first;
    ((quad[0] += predux(sums.i), quad[1] += predux(sums.f), quad[2] += predux(sums.g),
      quad[3] += predux(sums.o), quad += 4),
     ...);
  }
};

}  // namespace glstm::kernels
