// Products of small integers, whose sums are exact: weights that are stored in 8 or 16 bits, times
// numbers of 16 bits, in pairs of columns.
//
// An IntegerPacket has as many sums of 32 bits as a packet of float has lanes. A pair of columns
// has two weights per lane next to each other, so that one multiply-add of the processor (pmaddwd
// and its successors) takes both.
#pragma once

#include <cstdint>
#include <cstring>

#include "glstm/core/types.hpp"
#include "glstm/kernels/packet_math.hpp"

GLSTM_BEGIN_NAMESPACE
namespace kernels {

#if defined(EIGEN_VECTORIZE_AVX512) && defined(__AVX512BW__)
using IntegerPacket = __m512i;

namespace detail {
inline IntegerPacket integer_zero() { return _mm512_setzero_si512(); }
inline IntegerPacket integer_add(IntegerPacket a, IntegerPacket b) {
  return _mm512_add_epi32(a, b);
}
inline IntegerPacket integer_pair(std::int32_t pair) { return _mm512_set1_epi32(pair); }
inline IntegerPacket load_weights(const std::int16_t* w) { return _mm512_load_si512(w); }
inline IntegerPacket load_weights(const std::int8_t* w) {
  return _mm512_cvtepi8_epi16(_mm256_load_si256(reinterpret_cast<const __m256i*>(w)));
}
inline IntegerPacket multiply_add(IntegerPacket sum, IntegerPacket weights, IntegerPacket pair) {
#ifdef __AVX512VNNI__
  return _mm512_dpwssd_epi32(sum, weights, pair);
#else
  return _mm512_add_epi32(sum, _mm512_madd_epi16(weights, pair));
#endif
}
inline Packet<float> to_float(IntegerPacket sum) { return _mm512_cvtepi32_ps(sum); }
}  // namespace detail

#elif defined(EIGEN_VECTORIZE_AVX2) && !defined(EIGEN_VECTORIZE_AVX512)
using IntegerPacket = __m256i;

namespace detail {
inline IntegerPacket integer_zero() { return _mm256_setzero_si256(); }
inline IntegerPacket integer_add(IntegerPacket a, IntegerPacket b) {
  return _mm256_add_epi32(a, b);
}
inline IntegerPacket integer_pair(std::int32_t pair) { return _mm256_set1_epi32(pair); }
inline IntegerPacket load_weights(const std::int16_t* w) {
  return _mm256_load_si256(reinterpret_cast<const __m256i*>(w));
}
inline IntegerPacket load_weights(const std::int8_t* w) {
  return _mm256_cvtepi8_epi16(_mm_load_si128(reinterpret_cast<const __m128i*>(w)));
}
inline IntegerPacket multiply_add(IntegerPacket sum, IntegerPacket weights, IntegerPacket pair) {
  return _mm256_add_epi32(sum, _mm256_madd_epi16(weights, pair));
}
inline Packet<float> to_float(IntegerPacket sum) { return _mm256_cvtepi32_ps(sum); }
}  // namespace detail

#else  // in loops, which compilers turn into vectors where they can
struct IntegerPacket {
  std::int32_t lanes[packet_size<float>];
};

namespace detail {
inline IntegerPacket integer_zero() { return {}; }
inline IntegerPacket integer_add(IntegerPacket a, const IntegerPacket& b) {
  for (Index lane = 0; lane < packet_size<float>; ++lane) a.lanes[lane] += b.lanes[lane];
  return a;
}
inline IntegerPacket integer_pair(std::int32_t pair) {
  IntegerPacket result;
  for (std::int32_t& lane : result.lanes) lane = pair;
  return result;
}
template <class Integer>
struct WeightPairs {
  const Integer* at;
};
template <class Integer>
WeightPairs<Integer> load_weights(const Integer* w) {
  return {w};
}
template <class Integer>
IntegerPacket multiply_add(IntegerPacket sum, WeightPairs<Integer> weights,
                           const IntegerPacket& pair) {
  std::int16_t u[2];
  std::memcpy(u, pair.lanes, sizeof u);
  for (Index lane = 0; lane < packet_size<float>; ++lane) {
    sum.lanes[lane] += weights.at[2 * lane] * u[0] + weights.at[2 * lane + 1] * u[1];
  }
  return sum;
}
inline Packet<float> to_float(const IntegerPacket& sum) {
  alignas(64) float lanes[packet_size<float>];
  for (Index lane = 0; lane < packet_size<float>; ++lane) {
    lanes[lane] = static_cast<float>(sum.lanes[lane]);
  }
  return pload<Packet<float>>(lanes);
}
}  // namespace detail
#endif

/// Exact sums of the gates i, f, g, o of one packet of neurons.
struct IntegerSums {
  IntegerPacket i = detail::integer_zero(), f = i, g = i, o = i;

  /// Every sum += the pair of numbers times its pair of weights, at w [4][packet][2].
  template <class Integer>
  EIGEN_ALWAYS_INLINE void add_pair(std::int32_t pair, const Integer* w) {
    using namespace detail;
    constexpr Index next = 2 * packet_size<float>;
    const IntegerPacket u = integer_pair(pair);
    i = multiply_add(i, load_weights(w), u);
    f = multiply_add(f, load_weights(w + next), u);
    g = multiply_add(g, load_weights(w + 2 * next), u);
    o = multiply_add(o, load_weights(w + 3 * next), u);
  }

  EIGEN_ALWAYS_INLINE void add(const IntegerSums& other) {
    using detail::integer_add;
    i = integer_add(i, other.i);
    f = integer_add(f, other.f);
    g = integer_add(g, other.g);
    o = integer_add(o, other.o);
  }
};

/// Two numbers as the pair that IntegerSums takes.
inline std::int32_t integer_pair_of(const std::int16_t* numbers) {
  std::int32_t pair;
  std::memcpy(&pair, numbers, sizeof pair);
  return pair;
}

}  // namespace kernels
GLSTM_END_NAMESPACE
