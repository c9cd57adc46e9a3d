// The text of exported headers that compute in integers: see header_template.hpp. It is what
// integer_network.hpp does, in C.
#pragma once

#include <string_view>

#include "glstm/core/abi.hpp"

GLSTM_BEGIN_NAMESPACE
namespace detail::header {

inline constexpr std::string_view integer_functions =
    R"(static inline @p@sum @p@load(@p@weight w) { return w; }

/* value multiplier / 2^(16 + shift), rounded. */
static inline int32_t @p@rescale(int32_t value, int32_t multiplier, int shift) {
  const uint32_t low = ((uint32_t)(value) & 0xffffu) * (uint32_t)(multiplier);
  const int32_t product = (value >> 16) * multiplier + (int32_t)(low >> 16);
  return (product + (((int32_t)(1) << shift) >> 1)) >> shift;
}

/* tanh of z with 12 bits after the point, with 15. */
static inline int32_t @p@tanh(int32_t z) {
  const int32_t size = z < 0 ? -z : z, place = size > 32767 ? 32767 : size;
  const int16_t* at = @p@tanh_table + (place >> 7);
  const int32_t y = at[0] + (((int32_t)(at[1] - at[0]) * (place & 127) + 64) >> 7);
  return z < 0 ? -y : y;
}

static inline int32_t @p@sigmoid(int32_t z) { return (32768 + @p@tanh(z >> 1)) >> 1; }

/* The number between `before` (k = 0) and `proposed` (k = 32768). */
static inline @p@number @p@blend(int32_t k, int32_t proposed, int32_t before) {
  return (@p@number)(before + ((k * (proposed - before) + 16384) >> 15));
}

)";

/// Outside of any namespace.
inline constexpr std::string_view integer_includes =
    R"(#if defined(__ARM_FEATURE_DSP) && defined(__ARMEL__)
#include <arm_acle.h>
#endif
)";

inline constexpr std::string_view integer_sums =
    R"(/* The weights of neuron j: of the hidden state, then of the input. Two columns stand together, as
 * i f i f g o g o. */
static inline const @p@weight* @p@weights_of(const @p@constants* layer, int j) {
  const int columns = ((layer->neurons + 1) & ~1) + ((layer->inputs + 1) & ~1);
  return layer->w + 4 * (size_t)(j) * (size_t)(columns);
}
static inline const @p@weight* @p@input_weights(const @p@constants* layer, const @p@weight* w) {
  return w + 4 * ((layer->neurons + 1) & ~1);
}

/* sums [4] += weights of `count` columns times values [count]. */
static inline void @p@add_all(const @p@weight* w, const @p@number* values, int count,
                              @p@sum* sums) {
  @p@sum i = sums[0], f = sums[1], g = sums[2], o = sums[3];
  int n = 0;
  for (; n + 2 <= count; n += 2, w += 8) {
#if defined(__ARM_FEATURE_DSP) && defined(__ARMEL__)
    uint32_t if_bytes, go_bytes;
    int16x2_t pair;
    memcpy(&if_bytes, w, sizeof if_bytes);
    memcpy(&go_bytes, w + 4, sizeof go_bytes);
    memcpy(&pair, values + n, sizeof pair);
    i = __smlad(__sxtb16((int8x4_t)(if_bytes)), pair, i);
    f = __smlad(__sxtb16((int8x4_t)(if_bytes >> 8 | if_bytes << 24)), pair, f);
    g = __smlad(__sxtb16((int8x4_t)(go_bytes)), pair, g);
    o = __smlad(__sxtb16((int8x4_t)(go_bytes >> 8 | go_bytes << 24)), pair, o);
#else
    const @p@sum a = values[n], b = values[n + 1];
    i += w[0] * a + w[2] * b;
    f += w[1] * a + w[3] * b;
    g += w[4] * a + w[6] * b;
    o += w[5] * a + w[7] * b;
#endif
  }
  if (n < count) {
    const @p@sum a = values[n];
    i += w[0] * a;
    f += w[1] * a;
    g += w[4] * a;
    o += w[5] * a;
  }
  sums[0] = i, sums[1] = f, sums[2] = g, sums[3] = o;
}

)";

inline constexpr std::string_view integer_listed_sums =
    R"(/* As add_all, of the listed columns only, times `sign`. */
static inline void @p@add_listed(const @p@weight* w, const @p@number* values,
                                 const uint16_t* listed, int count, @p@sum sign, @p@sum* sums) {
  @p@sum i = sums[0], f = sums[1], g = sums[2], o = sums[3];
  for (int s = 0; s < count; ++s) {
    const int n = listed[s];
    const @p@weight* column = w + 8 * (n >> 1) + 2 * (n & 1);
    const @p@sum value = sign * values[n];
    i += column[0] * value;
    f += column[1] * value;
    g += column[4] * value;
    o += column[5] * value;
  }
  sums[0] = i, sums[1] = f, sums[2] = g, sums[3] = o;
}

)";

inline constexpr std::string_view integer_openness =
    R"(/* exp(-((t - mu) / sigma)^2) of an open neuron, with 15 bits after the point. */
static inline int32_t @p@openness(const @p@constants* layer, int j, int32_t t) {
  const uint32_t elapsed = (uint32_t)(t) - (uint32_t)(layer->opens[j]);
  const int32_t u = layer->first_u[j] + (int32_t)((elapsed * layer->slope[j]) >> 16);
  const int32_t size = u < 0 ? -u : u, place = size > 27647 ? 27647 : size;
  const uint16_t* at = @p@openness_table + (place >> 7);
  return at[0] + ((((int32_t)(at[1]) - (int32_t)(at[0])) * (place & 127) + 64) >> 7);
}

)";

inline constexpr std::string_view integer_neuron =
    R"(/* One step of neuron j: its new hidden state; `hidden` and `input` are the sums of its gates. */
static inline @p@number @p@update(const @p@constants* layer, int j, const @p@sum* hidden,
                                  const @p@sum* input, int32_t k, @p@number h, @p@number* c) {
  int32_t z[4]; /* 12 bits after the point */
  for (int gate = 0; gate < 4; ++gate) {
    const int16_t* m = layer->multiplier + 8 * j + gate;
    const uint8_t* shift = layer->shift + 8 * j + gate;
    z[gate] = layer->bias[4 * j + gate] + @p@rescale(hidden[gate], m[0], shift[0]) +
              @p@rescale(input[gate], m[4], shift[4]);
  }
  const int32_t i = @p@sigmoid(z[0]), f = @p@sigmoid(z[1]), g = @p@tanh(z[2]), o = @p@sigmoid(z[3]);
  const int bits = layer->cell_bits; /* of c, after the point */
  int32_t c_new = (f * *c + ((i * g) >> (15 - bits)) + 16384) >> 15;
  if (c_new > 32767) c_new = 32767;
  if (c_new < -32767) c_new = -32767;
  const int32_t c_12 = bits > 12 ? c_new >> (bits - 12) : c_new * ((int32_t)(1) << (12 - bits));
  const int32_t h_new = (o * @p@tanh(c_12) + 16384) >> 15;
  *c = @p@blend(k, c_new, *c);
  return @p@blend(k, h_new, h);
}

)";

inline constexpr std::string_view quantize =
    R"(/* Real inputs [inputs] as x, where there is floating point. */
static inline void @p@quantize(const float* values, @p@number* x) {
  static const float scale[] = {@scales@};
  static const float offset[] = {@offsets@};
  for (int n = 0; n < @inputs@; ++n) {
    float real = (values[n] - offset[n]) * scale[n];
    if (!(real > -32767.0f)) real = -32767.0f; /* also where it is not a number */
    if (real > 32767.0f) real = 32767.0f;
    x[n] = (@p@number)(real + (real < 0 ? -0.5f : 0.5f));
  }
}

/* The outputs y as real numbers [outputs], where there is floating point. */
static inline void @p@real_output(const int32_t* y, float* values) {
  static const float unit[] = {@units@};
  static const float offset[] = {@zeros@};
  for (int n = 0; n < @outputs@; ++n) values[n] = (float)(y[n]) * unit[n] + offset[n];
}

)";

}  // namespace detail::header
GLSTM_END_NAMESPACE
