// The text of exported headers that compute in floating point: see header_template.hpp.
#pragma once

#include <string_view>

#include "glstm/core/abi.hpp"

GLSTM_BEGIN_NAMESPACE
namespace detail::header {

inline constexpr std::string_view float_functions =
    R"(/* exp(x); its error is a rounding or two. */
static inline float @p@exp(float x) {
  if (!(x > -87.0f)) return x < 0 ? 0.0f : x; /* x that is not a number stays it */
  if (x > 88.0f) x = 88.0f;
  const int32_t n = (int32_t)(x * 1.44269504f + (x < 0 ? -0.5f : 0.5f));
  const float whole = (float)(n);
  const float f = (x - whole * 0.693145752f) - whole * 1.42860677e-6f;
  const uint32_t bits = (uint32_t)(n + 127) << 23;
  float power; /* 2 to the power of n */
  memcpy(&power, &bits, sizeof power);
  const float end = 0.166666667f + f * (0.0416666667f + f * (0.00833333333f + f * 0.00138888889f));
  return power * (1 + f * (1 + f * (0.5f + f * end)));
}

)";

inline constexpr std::string_view double_functions =
    R"(/* exp(x); its error is a rounding or two. */
static inline double @p@exp(double x) {
  if (!(x > -708.0)) return x < 0 ? 0.0 : x; /* x that is not a number stays it */
  if (x > 708.0) x = 708.0;
  const int32_t n = (int32_t)(x * 1.4426950408889634 + (x < 0 ? -0.5 : 0.5));
  const double f = (x - n * 0.693145751953125) - n * 1.42860682030941723e-6;
  const uint64_t bits = (uint64_t)(n + 1023) << 52;
  double power; /* 2 to the power of n */
  memcpy(&power, &bits, sizeof power);
  double series = 1;
  for (int q = 14; q > 0; --q) series = 1 + f * series / q;
  return power * series;
}

)";

inline constexpr std::string_view activations =
    R"(static inline @p@number @p@sigmoid(@p@number x) { return 1 / (1 + @p@exp(-x)); }
static inline @p@number @p@tanh(@p@number x) { return 1 - 2 / (1 + @p@exp(2 * x)); }

)";

inline constexpr std::string_view load_full =
    R"(static inline @p@sum @p@load(@p@weight w) { return w; }

)";

inline constexpr std::string_view load_int8 =
    R"(static inline @p@sum @p@load(@p@weight w) { return (@p@number)(w); }

)";

inline constexpr std::string_view load_float16 =
    R"(/* The IEEE half-precision number with these bits. */
static inline @p@sum @p@load(@p@weight bits) {
#if defined(__ARM_FP16_FORMAT_IEEE)
  __fp16 number;
  memcpy(&number, &bits, sizeof number);
  return (@p@number)(number);
#else
  const uint32_t magnitude = (uint32_t)(bits & 0x7fffu) << 13;
  float value; /* its exponent is too small by 127 - 15, the difference of the biases */
  memcpy(&value, &magnitude, sizeof value);
  value *= 5.192296858534828e33f; /* 2 to the power of 112 */
  return (@p@number)((bits & 0x8000u) != 0 ? -value : value);
#endif
}

)";

inline constexpr std::string_view float_sums =
    R"(/* The weights of neuron j: of the hidden state, then of the input. */
static inline const @p@weight* @p@weights_of(const @p@constants* layer, int j) {
  const int columns = layer->neurons + layer->inputs;
  return layer->w + 4 * (size_t)(j) * (size_t)(columns);
}

static inline const @p@weight* @p@input_weights(const @p@constants* layer, const @p@weight* w) {
  return w + 4 * layer->neurons;
}

/* sums [4] += weights [count][4] times values [count]. */
static inline void @p@add_all(const @p@weight* w, const @p@number* values, int count,
                              @p@sum* sums) {
  @p@sum i = sums[0], f = sums[1], g = sums[2], o = sums[3];
  for (int n = 0; n < count; ++n, w += 4) {
    const @p@number value = values[n];
    i += @p@load(w[0]) * value;
    f += @p@load(w[1]) * value;
    g += @p@load(w[2]) * value;
    o += @p@load(w[3]) * value;
  }
  sums[0] = i, sums[1] = f, sums[2] = g, sums[3] = o;
}

)";

inline constexpr std::string_view float_listed_sums =
    R"(/* As add_all, of the listed columns only, times `sign`. */
static inline void @p@add_listed(const @p@weight* w, const @p@number* values,
                                 const uint16_t* listed, int count, @p@sum sign, @p@sum* sums) {
  @p@sum i = sums[0], f = sums[1], g = sums[2], o = sums[3];
  for (int s = 0; s < count; ++s) {
    const @p@weight* column = w + 4 * listed[s];
    const @p@sum value = sign * values[listed[s]];
    i += @p@load(column[0]) * value;
    f += @p@load(column[1]) * value;
    g += @p@load(column[2]) * value;
    o += @p@load(column[3]) * value;
  }
  sums[0] = i, sums[1] = f, sums[2] = g, sums[3] = o;
}

)";

inline constexpr std::string_view gaussian_openness =
    R"(/* exp(-((t - mu) / sigma)^2), of an open neuron. */
static inline @p@number @p@openness(const @p@constants* layer, int j, @p@moment t) {
  const @p@number u = (t - layer->mu[j]) * layer->inverse_sigma[j];
  return @p@exp(-u * u);
}

)";

inline constexpr std::string_view float_neuron =
    R"(/* The factor of the products with the weights of the hidden state (part 0) or of the input (1). */
static inline @p@number @p@scale(const @p@constants* layer, int j, int part, int gate) {
@scale@}

/* One step of neuron j: its new hidden state; `hidden` and `input` are the sums of its gates. */
static inline @p@number @p@update(const @p@constants* layer, int j, const @p@sum* hidden,
                                  const @p@sum* input, @p@number k, @p@number h, @p@number* c) {
  @p@number z[4];
  for (int gate = 0; gate < 4; ++gate) {
    z[gate] = layer->bias[4 * j + gate] + @p@scale(layer, j, 0, gate) * hidden[gate] +
              @p@scale(layer, j, 1, gate) * input[gate];
  }
  const @p@number i = @p@sigmoid(z[0]), f = @p@sigmoid(z[1]), g = @p@tanh(z[2]);
  const @p@number o = @p@sigmoid(z[3]), c_new = f * *c + i * g, h_new = o * @p@tanh(c_new);
  *c = k * c_new + (1 - k) * *c;
  return k * h_new + (1 - k) * h;
}

)";

inline constexpr std::string_view scale_int8 = "  return layer->scale[8 * j + 4 * part + gate];\n";

inline constexpr std::string_view scale_one =
    R"(  (void)layer, (void)j, (void)part, (void)gate;
  return 1;
)";

}  // namespace detail::header
GLSTM_END_NAMESPACE
