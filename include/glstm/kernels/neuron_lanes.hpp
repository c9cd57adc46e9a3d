// One step of a few samples, forward and backward, with packets of neurons.
//
// Where a batch has fewer samples than a packet has lanes, packets of samples (step_kernels.hpp)
// would compute lanes that nobody reads. Here the lanes are neurons: a block is one packet of them,
// and its panel holds, for every column by which a gate is multiplied, the weights of the block's
// gates i, f, g, o, a packet each. Columns that a step does not need are left out by a list of
// those that it does.
#pragma once

#include <cstddef>

#include <Eigen/Core>

#include "glstm/core/types.hpp"
#include "glstm/kernels/packet_math.hpp"
#include "glstm/kernels/products.hpp"

GLSTM_BEGIN_NAMESPACE
namespace kernels {

/// The scalars of one column of a block's panel, and of four gates of a block.
template <class Scalar>
inline constexpr Index block_column = 4 * packet_size<Scalar>;

/// The most samples that share the weights that are loaded: as many as leave registers for them.
inline constexpr int tile_samples = EIGEN_ARCH_DEFAULT_NUMBER_OF_REGISTERS >= 32 ? 4 : 2;

/// Calls work.template run_samples<N>(sample) for tiles of N samples that cover all.
template <int N = tile_samples, class Work>
EIGEN_ALWAYS_INLINE void for_sample_tiles(Index samples, const Work& work, Index sample = 0) {
  for (; sample + N <= samples; sample += N) work.template run_samples<N>(sample);
  if constexpr (N > 1) for_sample_tiles<N - 1>(samples, work, sample);
}

/// A block's pre-activations z = start + panel u, then the gates, the proposed state and the blend.
template <class Scalar>
struct BlockForwardStep {
  Index samples;
  const Scalar* u;  ///< [samples][u_next] x, then h of the open neurons
  Index u_next, inputs, open;
  const Scalar* panel;   ///< of the block; the columns of x come first
  const Index* offsets;  ///< [open] where each open neuron's column is in the panel
  const Scalar* start;   ///< [samples][4][packet] bias, and what frozen neurons add
  const Scalar* k;       ///< [packet] openness of the lanes, 0 where closed; k_next apart by sample
  Index k_next;
  Scalar *h, *c;  ///< in and out, [packet], state_next apart by sample
  Index state_next;
  Scalar* record;  ///< out, [samples][h_prev, c_prev, i, f, g, o][packet]; null: not kept

  void run() const { for_sample_tiles(samples, *this); }

  template <int N>
  EIGEN_ALWAYS_INLINE void run_samples(Index sample) const {
    using Sums = detail::GateSums<Scalar, N>;
    constexpr Index packet = packet_size<Scalar>;
    constexpr Index size = N * block_column<Scalar>;
    Sums sums{};
    sums.add(start + sample * block_column<Scalar>, packet, block_column<Scalar>);
    const Scalar* of_sample = u + sample * u_next;
    add_columns(of_sample, inputs, sums, [&](Index i) { return panel + i * block_column<Scalar>; });
    const Scalar* first = panel + offsets[0];
    if (offsets[open - 1] - offsets[0] == (open - 1) * block_column<Scalar>) {  // without gaps
      add_columns(of_sample + inputs, open, sums,
                  [&](Index n) { return first + n * block_column<Scalar>; });
    } else {
      add_columns(of_sample + inputs, open, sums, [&](Index n) { return panel + offsets[n]; });
    }
    alignas(64) Scalar z[static_cast<std::size_t>(size)];
    sums.store(z, packet, block_column<Scalar>);
    finish<N>(sample, z);
  }

 private:
  template <int N, class WeightsOf>
  EIGEN_ALWAYS_INLINE void add_columns(const Scalar* numbers, Index count,
                                       detail::GateSums<Scalar, N>& sums,
                                       WeightsOf&& weights_of) const {
    Index n = 0;
    if constexpr (N == 1) {  // a second set of sums hides the latency of multiply-adds
      detail::GateSums<Scalar, N> odd{};
      for (; n + 2 <= count; n += 2) {
        add_column(numbers + n, weights_of(n), sums);
        add_column(numbers + n + 1, weights_of(n + 1), odd);
      }
      sums.add(odd);
    }
    for (; n < count; ++n) add_column(numbers + n, weights_of(n), sums);
  }

  template <int N>
  EIGEN_ALWAYS_INLINE void add_column(const Scalar* numbers, const Scalar* weights,
                                      detail::GateSums<Scalar, N>& sums) const {
    using namespace detail;
    using P = Packet<Scalar>;
    constexpr Index packet = packet_size<Scalar>;
    sums.template add_product<true>(numbers, pload<P>(weights), pload<P>(weights + packet),
                                    pload<P>(weights + 2 * packet), pload<P>(weights + 3 * packet),
                                    u_next);
  }

  /// The gates, the proposed state and the blend of N samples; z is [N][4][packet] and is
  /// overwritten.
  template <int N>
  EIGEN_ALWAYS_INLINE void finish(Index sample, Scalar* z) const {
    using namespace detail;
    using P = Packet<Scalar>;
    constexpr Index packet = packet_size<Scalar>;
    Scalar* of_sample = z;
    // Two loops: one would be a single chain of dependent operations, too long to overlap.
    for (Index s = sample; s < sample + N; ++s, of_sample += block_column<Scalar>) {
      const P h_old = pload<P>(h + s * state_next), c_old = pload<P>(c + s * state_next);
      P i = pload<P>(of_sample), f = pload<P>(of_sample + packet);
      P g = pload<P>(of_sample + 2 * packet), o = pload<P>(of_sample + 3 * packet);
      activate<Scalar>(i, f, g, o);
      pstore(of_sample, pmadd(f, c_old, pmul(i, g)));
      pstore(of_sample + packet, o);
      if (record == nullptr) continue;
      const P all[6] = {h_old, c_old, i, f, g, o};
      for (Index part = 0; part < 6; ++part) pstore(record + (6 * s + part) * packet, all[part]);
    }
    of_sample = z;
    for (Index s = sample; s < sample + N; ++s, of_sample += block_column<Scalar>) {
      Scalar *h_at = h + s * state_next, *c_at = c + s * state_next;
      const P h_old = pload<P>(h_at), c_old = pload<P>(c_at), c_proposed = pload<P>(of_sample);
      const P h_proposed = pmul(pload<P>(of_sample + packet), tanh_packet(c_proposed));
      const P gate = pload<P>(k + s * k_next);
      // old + k (proposed - old): a closed neuron (k = 0) keeps its state to the bit.
      pstore(c_at, pmadd(gate, psub(c_proposed, c_old), c_old));
      pstore(h_at, pmadd(gate, psub(h_proposed, h_old), h_old));
    }
  }
};

/// The element-wise part of a block's step backward.
template <class Scalar>
struct BlockBackwardStep {
  Index samples;
  const Scalar* record;  ///< as BlockForwardStep left it
  const Scalar* k;       ///< [packet], k_next apart by sample
  Index k_next;
  Scalar *dh, *dc;  ///< [packet], state_next apart by sample. In: of the new state; out: of the
                    ///< previous, without W^T dz
  Index state_next;
  Scalar* dz;  ///< out, [4][packet], dz_next apart by sample
  Index dz_next;
  Scalar* sum_dz;  ///< [samples][4][packet] accumulates dz
  Scalar* dk;      ///< out, [packet], dk_next apart by sample: accumulates the gradient of the
                   ///< openness; null: not wanted
  Index dk_next;

  void run() const;
};

template <class Scalar>
void BlockBackwardStep<Scalar>::run() const {
  using namespace detail;
  using P = Packet<Scalar>;
  constexpr Index packet = packet_size<Scalar>;
  for (Index s = 0; s < samples; ++s) {
    const Scalar* in = record + 6 * s * packet;
    const P h_old = pload<P>(in), c_old = pload<P>(in + packet);
    const P i = pload<P>(in + 2 * packet), f = pload<P>(in + 3 * packet);
    const P g = pload<P>(in + 4 * packet), o = pload<P>(in + 5 * packet);
    Scalar *dh_at = dh + s * state_next, *dc_at = dc + s * state_next;
    const P dh_in = pload<P>(dh_at), dc_in = pload<P>(dc_at), gate = pload<P>(k + s * k_next);
    const CellGradient<Scalar> grad = cell_gradient<Scalar>(i, f, g, o, c_old, gate, dh_in, dc_in);
    if (dk != nullptr) {
      const P h_change = psub(grad.h_proposed, h_old), c_change = psub(grad.c_proposed, c_old);
      Scalar* dk_at = dk + s * dk_next;
      pstore(dk_at, padd(pload<P>(dk_at), pmadd(h_change, dh_in, pmul(c_change, dc_in))));
    }
    pstore(dh_at, grad.dh);
    pstore(dc_at, grad.dc);
    const P all[4] = {grad.dz_i, grad.dz_f, grad.dz_g, grad.dz_o};
    Scalar *out = dz + s * dz_next, *sum = sum_dz + s * block_column<Scalar>;
    for (Index q = 0; q < 4; ++q) {
      pstore(out + q * packet, all[q]);
      pstore(sum + q * packet, padd(pload<P>(sum + q * packet), all[q]));
    }
  }
}

/// dpanel += dz^T u of a block, summed over steps and samples.
template <class Scalar>
struct BlockWeightGradient {
  Index steps, samples;
  const Scalar* dz;  ///< [samples][4][packet], dz_next apart by step
  Index dz_next;
  const Scalar* u;  ///< [samples][inputs + open], u_next apart by step
  Index u_next, inputs, open;
  const Index* offsets;  ///< [open] where each open neuron's column is in dpanel
  Scalar* dpanel;        ///< the columns of x come first

  void run() const {
    run_columns(0, inputs, [&](Index i) { return dpanel + i * block_column<Scalar>; });
    run_columns(inputs, open, [&](Index n) { return dpanel + offsets[n]; });
  }

 private:
  template <class GradientOf>
  EIGEN_ALWAYS_INLINE void run_columns(Index first, Index count, GradientOf&& gradient_of) const {
    Index n = 0;
    constexpr int width = tile_samples;
    for (; n + width <= count; n += width) {
      const detail::GateSums<Scalar, width> sums = products<width>(first + n);
      accumulate(n, sums, gradient_of);
    }
    for (; n < count; ++n) accumulate(n, products<1>(first + n), gradient_of);
  }

  /// The sums for N columns.
  template <int N>
  EIGEN_ALWAYS_INLINE detail::GateSums<Scalar, N> products(Index first) const {
    using namespace detail;
    using P = Packet<Scalar>;
    constexpr Index packet = packet_size<Scalar>;
    GateSums<Scalar, N> sums{};
    for (Index step = 0; step < steps; ++step) {
      const Scalar *d = dz + step * dz_next, *numbers = u + step * u_next + first;
      for (Index s = 0; s < samples; ++s, d += block_column<Scalar>, numbers += inputs + open) {
        sums.template add_product<true>(numbers, pload<P>(d), pload<P>(d + packet),
                                        pload<P>(d + 2 * packet), pload<P>(d + 3 * packet),
                                        Index(1));
      }
    }
    return sums;
  }

  template <int N, class GradientOf>
  EIGEN_ALWAYS_INLINE static void accumulate(Index n, detail::GateSums<Scalar, N> sums,
                                             GradientOf&& gradient_of) {
    if constexpr (N > 0) {
      detail::GateSums<Scalar, 1> first;
      first.i = sums.i;
      first.f = sums.f;
      first.g = sums.g;
      first.o = sums.o;
      Scalar* out = gradient_of(n);
      first.add(out, packet_size<Scalar>);
      first.store(out, packet_size<Scalar>);
      accumulate(n + 1, sums.rest, gradient_of);
    }
  }
};

/// du of neighbouring columns, in all samples: the sum over blocks of the dot product of dz with
/// the weights of the column.
template <class Scalar>
struct BlockInputGradient {
  /// Several columns at a time read more of a panel at once; where a tile has one or two samples,
  /// they also have sums enough to hide the latency of multiply-adds.
  static constexpr Index wide = 4;

  Index samples, blocks, columns;  ///< columns: 1 or `wide`
  const Scalar* const* weights;    ///< [blocks] those of the first column
  const Scalar* dz;                ///< [samples][4][packet], dz_next apart by block
  Index dz_next;
  Scalar* du;  ///< accumulated into; du_column apart by column, du_next by sample
  Index du_column, du_next;

  void run() const { for_sample_tiles(samples, *this); }

  template <int N>
  EIGEN_ALWAYS_INLINE void run_samples(Index sample) const {
    if (columns == wide && N <= 2) {
      run_columns(sample, 0, Dots<N>{}, Dots<N>{}, Dots<N>{}, Dots<N>{});
    } else {
      for (Index first = 0; first < columns; ++first) run_columns(sample, first, Dots<N>{});
    }
  }

 private:
  template <class... Columns>
  EIGEN_ALWAYS_INLINE void run_columns(Index sample, Index first, Columns... dots) const {
    using namespace detail;
    using P = Packet<Scalar>;
    constexpr Index packet = packet_size<Scalar>;
    const Scalar* d = dz + sample * block_column<Scalar>;
    for (Index block = 0; block < blocks; ++block, d += dz_next) {
      const Scalar* w = weights[block] + first * block_column<Scalar>;
      ((dots.add(pload<P>(w), pload<P>(w + packet), pload<P>(w + 2 * packet),
                 pload<P>(w + 3 * packet), d),
        w += block_column<Scalar>),
       ...);
    }
    Scalar* out = du + first * du_column + sample * du_next;
    ((dots.store(out, du_next), out += du_column), ...);
  }

  template <int N, class = void>
  struct Dots {
    using P = Packet<Scalar>;
    P sum = Eigen::internal::pset1<P>(Scalar(0));
    Dots<N - 1> rest;

    EIGEN_ALWAYS_INLINE void add(const P& wi, const P& wf, const P& wg, const P& wo,
                                 const Scalar* d) {
      using namespace detail;
      constexpr Index packet = packet_size<Scalar>;
      sum = pmadd(wi, pload<P>(d), sum);
      sum = pmadd(wf, pload<P>(d + packet), sum);
      sum = pmadd(wg, pload<P>(d + 2 * packet), sum);
      sum = pmadd(wo, pload<P>(d + 3 * packet), sum);
      rest.add(wi, wf, wg, wo, d + block_column<Scalar>);
    }
    EIGEN_ALWAYS_INLINE void store(Scalar* out, Index next) const {
      *out += Eigen::internal::predux(sum);
      rest.store(out + next, next);
    }
  };
  template <class Unused>
  struct Dots<0, Unused> {
    using P = Packet<Scalar>;
    EIGEN_ALWAYS_INLINE void add(const P&, const P&, const P&, const P&, const Scalar*) {}
    EIGEN_ALWAYS_INLINE void store(Scalar*, Index) const {}
  };
};

}  // namespace kernels
GLSTM_END_NAMESPACE
