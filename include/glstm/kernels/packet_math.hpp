// Packets, the processor's vectors as Eigen knows them, and the functions of an LSTM on packets.
//
// float and double have approximations of their own: compilers do not always inline Eigen's
// functions, and a call in the middle of a step spills every register. Every other scalar type
// takes the standard library's functions, one number at a time.
#pragma once

#include <cmath>
#include <cstddef>
#include <limits>
#include <type_traits>

#include <Eigen/Core>

#include "glstm/core/types.hpp"

GLSTM_BEGIN_NAMESPACE
namespace kernels {

template <class Scalar>
using Packet = typename Eigen::internal::packet_traits<Scalar>::type;

template <class Scalar>
inline constexpr Index packet_size = Eigen::internal::unpacket_traits<Packet<Scalar>>::size;

#if EIGEN_MAX_ALIGN_BYTES > 0
static_assert(sizeof(Packet<float>) <= EIGEN_MAX_ALIGN_BYTES,
              "glstm loads whole packets from memory that Eigen allocates: EIGEN_MAX_ALIGN_BYTES "
              "must not be set below the size of a packet");
#endif

namespace detail {

using Eigen::internal::padd;
using Eigen::internal::pdiv;
using Eigen::internal::pload;
using Eigen::internal::pmadd;
using Eigen::internal::pmul;
using Eigen::internal::predux;
using Eigen::internal::pset1;
using Eigen::internal::pstore;
using Eigen::internal::psub;

/// A quotient that is not divided yet, so that a product of quotients costs one division.
template <class Scalar>
struct Ratio {
  Packet<Scalar> numerator, denominator;
};

/// tanh(scale x) as the ratio of an odd polynomial of degree 13 and an even one of degree 6, for
/// |scale x| up to the point where a float's tanh is 1. The coefficients are those of Eigen 3.4's
/// own tanh; the scale, a power of two, is folded into them. The error is below 5e-7, absolute: the
/// sigmoid of a large negative number, which is made of it, is as far from 0 as that at most.
template <int InverseScale = 1>
EIGEN_ALWAYS_INLINE Ratio<float> tanh_ratio(const Packet<float>& value) {
  using P = Packet<float>;
  constexpr float s = 1.0f / InverseScale, s2 = s * s, s4 = s2 * s2, s6 = s4 * s2;
  constexpr float limit = 7.90531110763549805f / s;
  const P x =
      Eigen::internal::pmax(Eigen::internal::pmin(value, pset1<P>(limit)), pset1<P>(-limit));
  const P x2 = pmul(x, x);
  P odd = pset1<P>(-2.76076847742355e-16f * s6 * s6 * s);
  odd = pmadd(odd, x2, pset1<P>(2.00018790482477e-13f * s6 * s4 * s));
  odd = pmadd(odd, x2, pset1<P>(-8.60467152213735e-11f * s4 * s4 * s));
  odd = pmadd(odd, x2, pset1<P>(5.12229709037114e-08f * s6 * s));
  odd = pmadd(odd, x2, pset1<P>(1.48572235717979e-05f * s4 * s));
  odd = pmadd(odd, x2, pset1<P>(6.37261928875436e-04f * s2 * s));
  odd = pmadd(odd, x2, pset1<P>(4.89352455891786e-03f * s));
  P even = pset1<P>(1.19825839466702e-06f * s6);
  even = pmadd(even, x2, pset1<P>(1.18534705686654e-04f * s4));
  even = pmadd(even, x2, pset1<P>(2.26843463243900e-03f * s2));
  even = pmadd(even, x2, pset1<P>(4.89352518554385e-03f));
  return {pmul(x, odd), even};
}

/// sigmoid(x) = (1 + tanh(x / 2)) / 2
EIGEN_ALWAYS_INLINE Ratio<float> sigmoid_ratio(const Packet<float>& x) {
  const Ratio<float> ratio = tanh_ratio<2>(x);
  return {pmul(pset1<Packet<float>>(0.5f), padd(ratio.numerator, ratio.denominator)),
          ratio.denominator};
}

/// x and y become the quotients of two ratios, for the price of one division.
EIGEN_ALWAYS_INLINE void divide_both(const Ratio<float>& a, const Ratio<float>& b, Packet<float>& x,
                                     Packet<float>& y) {
  const Packet<float> inverse =
      pdiv(pset1<Packet<float>>(1.0f), pmul(a.denominator, b.denominator));
  x = pmul(a.numerator, pmul(b.denominator, inverse));
  y = pmul(b.numerator, pmul(a.denominator, inverse));
}

EIGEN_ALWAYS_INLINE Packet<float> tanh_packet(const Packet<float>& x) {
  const Ratio<float> ratio = tanh_ratio(x);
  return pdiv(ratio.numerator, ratio.denominator);
}

/// exp(y) = scale (1 + rest), with a scale that is a power of two.
struct ScaledExp {
  Packet<double> scale, rest;
};

/// For |y| <= 708. y = n ln 2 + r with |r| <= ln 2 / 2, and the rest is exp(r) - 1 by its Taylor
/// series, whose first term left out is below 1e-17 of it.
EIGEN_ALWAYS_INLINE ScaledExp scaled_exp(const Packet<double>& y) {
  using P = Packet<double>;
  const P n = Eigen::internal::pfloor(pmadd(y, pset1<P>(1.4426950408889634), pset1<P>(0.5)));
  // ln 2 in two parts, the first so short that its product with n is exact.
  const P high = pmadd(n, pset1<P>(-6.93145751953125e-1), y);
  const P low = pset1<P>(-1.42860682030941723e-6);
  const P r = pmadd(n, low, high);
  const P lost = pmadd(n, low, psub(high, r));  // by the rounding of r
  P q = pset1<P>(1.0 / 87178291200);
  for (const double factorial : {6227020800.0, 479001600.0, 39916800.0, 3628800.0, 362880.0,
                                 40320.0, 5040.0, 720.0, 120.0, 24.0, 6.0, 2.0}) {
    q = pmadd(q, r, pset1<P>(1 / factorial));
  }
  return {Eigen::internal::pldexp(pset1<P>(1), n), padd(r, pmadd(pmul(r, r), q, lost))};
}

/// tanh |x| = e / (e + 2) with e = exp(2 |x|) - 1; the error is below 2 ulp. Beyond 20 it is 1.
EIGEN_ALWAYS_INLINE Packet<double> tanh_packet(const Packet<double>& x) {
  using namespace Eigen::internal;
  using P = Packet<double>;
  const ScaledExp exp = scaled_exp(pmul(pset1<P>(2), pmin(pabs(x), pset1<P>(20))));
  const P e = pmadd(exp.scale, exp.rest, psub(exp.scale, pset1<P>(1)));
  const P sum = padd(e, pset1<P>(2)), quotient = pdiv(e, sum);
  // What the sum lost by rounding; it matters where e is small. 1 / sum = (1 - quotient) / 2.
  const P half_lost =
      pand(pmul(pset1<P>(0.5), psub(e, psub(sum, pset1<P>(2)))), pcmp_lt(e, pset1<P>(2)));
  const P result = pmadd(pmul(quotient, half_lost), psub(quotient, pset1<P>(1)), quotient);
  return por(result, pand(x, pset1<P>(-0.0)));
}

/// 1 / (1 + exp(-x)), by exp(-|x|); the error is below 2 ulp for |x| <= 708, beyond which it stays
/// what it is there.
EIGEN_ALWAYS_INLINE Packet<double> sigmoid_of(const Packet<double>& x) {
  using namespace Eigen::internal;
  using P = Packet<double>;
  const P one = pset1<P>(1);
  const ScaledExp exp = scaled_exp(pmax(pnegate(pabs(x)), pset1<P>(-708)));
  const P e = pmadd(exp.scale, exp.rest, exp.scale);
  const P negative = pcmp_lt(x, pset1<P>(0)), sum = padd(one, e);
  const P quotient = pdiv(pselect(negative, e, one), sum);
  // What the sum lost by rounding, times 1 / sum.
  const P lost = pmul(psub(e, psub(sum, one)), pselect(negative, psub(one, quotient), quotient));
  return psub(quotient, pmul(quotient, lost));
}

/// tanh of any other scalar type, one number at a time.
template <class P, class Scalar = typename Eigen::internal::unpacket_traits<P>::type>
requires(!std::is_same_v<Scalar, float> && !std::is_same_v<Scalar, double>) EIGEN_ALWAYS_INLINE P
    tanh_packet(const P& value) {
  using std::tanh;
  alignas(64) Scalar lanes[static_cast<std::size_t>(packet_size<Scalar>)];
  pstore(lanes, value);
  for (Scalar& lane : lanes) lane = tanh(lane);
  return pload<P>(lanes);
}

template <class Scalar>
EIGEN_ALWAYS_INLINE Packet<Scalar> sigmoid_packet(const Packet<Scalar>& x) {
  if constexpr (std::is_same_v<Scalar, float>) {
    const Ratio<float> ratio = sigmoid_ratio(x);
    return pdiv(ratio.numerator, ratio.denominator);
  } else if constexpr (std::is_same_v<Scalar, double>) {
    return sigmoid_of(x);
  } else {
    const Packet<Scalar> half = pset1<Packet<Scalar>>(Scalar(0.5));
    return pmadd(half, tanh_packet(pmul(half, x)), half);
  }
}

/// z_i, z_f, z_g, z_o become i, f, g, o: the sigmoid of all but g, whose tanh is taken.
template <class Scalar>
EIGEN_ALWAYS_INLINE void activate(Packet<Scalar>& i, Packet<Scalar>& f, Packet<Scalar>& g,
                                  Packet<Scalar>& o) {
  if constexpr (std::is_same_v<Scalar, float>) {
    divide_both(sigmoid_ratio(i), tanh_ratio(g), i, g);
    divide_both(sigmoid_ratio(f), sigmoid_ratio(o), f, o);
  } else {
    i = sigmoid_packet<Scalar>(i);
    f = sigmoid_packet<Scalar>(f);
    g = tanh_packet(g);
    o = sigmoid_packet<Scalar>(o);
  }
}

/// sigmoid(a) tanh(b): i g and o tanh(c) of an LSTM, for the price of one division.
template <class Scalar>
EIGEN_ALWAYS_INLINE Packet<Scalar> sigmoid_times_tanh(const Packet<Scalar>& a,
                                                      const Packet<Scalar>& b) {
  if constexpr (std::is_same_v<Scalar, float>) {
    const Ratio<float> s = sigmoid_ratio(a), t = tanh_ratio(b);
    return pdiv(pmul(s.numerator, t.numerator), pmul(s.denominator, t.denominator));
  } else {
    return pmul(sigmoid_packet<Scalar>(a), tanh_packet(b));
  }
}

/// exp, where a result too small for a normal number is 0. (Eigen limits the argument, so that its
/// exp ends at a small number instead.)
template <class Scalar>
EIGEN_ALWAYS_INLINE Packet<Scalar> exp_packet(const Packet<Scalar>& x) {
  using P = Packet<Scalar>;
  const P result = Eigen::internal::pexp(x);
  const P too_small =
      Eigen::internal::pcmp_lt(result, pset1<P>(std::numeric_limits<Scalar>::min()));
  return Eigen::internal::pselect(too_small, pset1<P>(Scalar(0)), result);
}

/// One step of an LSTM backward, on packets: what `cell_gradient` gives.
template <class Scalar>
struct CellGradient {
  Packet<Scalar> dz_i, dz_f, dz_g, dz_o;
  Packet<Scalar> dh, dc;                  ///< of the state before, without W^T dz
  Packet<Scalar> h_proposed, c_proposed;  ///< of the forward step
};

/// The gradient of h = k h~ + (1 - k) h_prev and c = k c~ + (1 - k) c_prev with c~ = f c_prev + i g
/// and h~ = o tanh(c~), from that of the new state, dh and dc.
template <class Scalar, class P = Packet<Scalar>>
EIGEN_ALWAYS_INLINE CellGradient<Scalar> cell_gradient(const P& i, const P& f, const P& g,
                                                       const P& o, const P& c_prev, const P& k,
                                                       const P& dh, const P& dc) {
  const P one = pset1<P>(Scalar(1));
  CellGradient<Scalar> result;
  result.c_proposed = pmadd(f, c_prev, pmul(i, g));
  const P t = tanh_packet(result.c_proposed);
  result.h_proposed = pmul(o, t);
  const P dh_proposed = pmul(k, dh), k_dc = pmul(k, dc);
  const P dc_proposed = pmadd(pmul(dh_proposed, o), psub(one, pmul(t, t)), k_dc);
  result.dz_i = pmul(pmul(dc_proposed, g), pmul(i, psub(one, i)));
  result.dz_f = pmul(pmul(dc_proposed, c_prev), pmul(f, psub(one, f)));
  result.dz_g = pmul(pmul(dc_proposed, i), psub(one, pmul(g, g)));
  result.dz_o = pmul(pmul(dh_proposed, t), pmul(o, psub(one, o)));
  result.dh = psub(dh, dh_proposed);
  result.dc = pmadd(dc_proposed, f, psub(dc, k_dc));
  return result;
}

}  // namespace detail
}  // namespace kernels
GLSTM_END_NAMESPACE
