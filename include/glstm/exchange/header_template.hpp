// The text of exported headers, with placeholders for fill_template.
#pragma once

#include <string_view>

#include "glstm/core/abi.hpp"

GLSTM_BEGIN_NAMESPACE
namespace detail::header {

inline constexpr std::string_view introduction =
    R"(// A recurrent network in one header, written by glstm::save_header. It needs only the
// C++17 standard library, never allocates memory and never throws.
//
//     @summary@
//     @numbers@
//
//     @name_space@::Model network;
//     const @scalar@* y = network.step(x, t);  // x[@inputs@] is the input at time t, y[@outputs@] the output
//
// A Model holds the state of one stream; the weights are constants. The functions come first, then
// the weights, and the class Model at the end of the file.
#pragma once

#if (defined(_MSVC_LANG) ? _MSVC_LANG : __cplusplus) < 201703L
#error "this header needs C++17 or later: compile with -std=c++17, or /std:c++17"
#else

#include <cmath>
#include <cstdint>
#include <cstring>

namespace @name_space@ {

// The type of inputs, states and outputs, and the type in which weights are stored.
using Scalar = @scalar@;
using Weight = @weight_type@;

/// The logistic sigmoid, computed with tanh, which saturates where exp would overflow.
inline Scalar sigmoid(Scalar x) { return Scalar(0.5) + Scalar(0.5) * std::tanh(Scalar(0.5) * x); }

)";

inline constexpr std::string_view float16_decoder =
    R"(/// The IEEE half-precision number with these bits.
inline Scalar from_float16(std::uint16_t bits) {
  const std::uint32_t magnitude = std::uint32_t(bits & 0x7fffu) << 13;
  float value;  // its exponent is too small by 127 - 15, the difference of the biases
  std::memcpy(&value, &magnitude, sizeof value);
  value *= 0x1p112f;
  return Scalar((bits & 0x8000u) != 0 ? -value : value);
}

)";

inline constexpr std::string_view dot_product =
    R"(/// The sum of weights[n] * values[n].
inline Scalar dot(const Weight* weights, const Scalar* values, int count) {
  Scalar sum = 0;
  for (int n = 0; n < count; ++n) sum += @weight@ * values[n];
  return sum;
}

)";

inline constexpr std::string_view listed_dot_product =
    R"(/// The sum of weights[n] * values[n] over the indices n in `places`.
inline Scalar dot_at(const int* places, int count, const Weight* weights, const Scalar* values) {
  Scalar sum = 0;
  for (int s = 0; s < count; ++s) sum += @weight@ * values[places[s]];
  return sum;
}

)";

inline constexpr std::string_view gaussian_openness =
    R"(/// The openness of the time gate of neuron j at time t: exp(-((t - mu) / sigma)^2), or 0 if that is
/// below the threshold or t is not a number.
template <class Weights>
Scalar openness(int j, Scalar t) {
  const Scalar u = (t - Weights::mu[j]) / Weights::sigma[j];
  if (!(u * u < Weights::surely_closed)) return 0;  // usually avoids the exp
  const Scalar k = std::exp(-u * u);
  return k < Weights::threshold ? Scalar(0) : k;
}

)";

inline constexpr std::string_view phased_openness =
    R"(/// The openness of the time gate of neuron j at time t: a ramp up and down in the first r_on of
/// every period, a leak after it; 0 if that is below the threshold or t is not a number.
template <class Weights>
Scalar openness(int j, Scalar t) {
  const Scalar cycles = (t - Weights::shift[j]) / Weights::period[j];
  const Scalar phase = cycles - std::floor(cycles), r = Weights::r_on[j];
  Scalar k = Weights::leak * phase;
  if (phase < r / 2) {
    k = 2 * phase / r;
  } else if (phase < r) {
    k = 2 - 2 * phase / r;
  }
  return k >= Weights::threshold ? k : Scalar(0);
}

)";

inline constexpr std::string_view gated_layer =
    R"(/// A layer of neurons with time gates: its state and its step. Closed neurons keep their state and
/// are not computed.
template <class Weights>
class Layer {
 public:
  static constexpr int inputs = Weights::inputs, neurons = Weights::neurons;

  const Scalar* h() const { return h_; }          ///< the hidden state [neurons]
  const Scalar* c() const { return c_; }          ///< the cell state [neurons]
  int open_count() const { return open_count_; }  ///< the number of neurons open in the last step

  void reset() {
    open_count_ = 0;
    for (int j = 0; j < neurons; ++j) {
@reset@      is_open_[j] = false;
    }
  }

  /// Returns the hidden state after the input x [inputs] at time t, relative to the time origin.
  const Scalar* step(const Scalar* x, Scalar t) {
    if (list_open_neurons(t)) update_fixed_sums();
    for (int s = 0; s < open_count_; ++s) {
      const int j = open_[s];
      const Scalar i = sigmoid(sum(j, 0, x)), f = sigmoid(sum(j, 1, x));
      const Scalar g = std::tanh(sum(j, 2, x)), o = sigmoid(sum(j, 3, x));
      const Scalar c = f * c_[j] + i * g, h = o * std::tanh(c), k = openness_[s];
      c_[j] = k * c + (1 - k) * c_[j];
      next_h_[s] = k * h + (1 - k) * h_[j];  // other neurons still read the old h
    }
    for (int s = 0; s < open_count_; ++s) h_[open_[s]] = next_h_[s];
    return h_;
  }

 private:
  /// Returns whether a gate has opened or closed since the last step.
  bool list_open_neurons(Scalar t) {
    bool changed = false;
    open_count_ = closed_count_ = 0;
    for (int j = 0; j < neurons; ++j) {
      const Scalar k = openness<Weights>(j, t);
      const bool is_open = k > 0;
      if (is_open != is_open_[j]) changed = true;
      is_open_[j] = is_open;
      if (is_open) {
        openness_[open_count_] = k;
        open_[open_count_++] = j;
      } else if (h_[j] != 0) {
        closed_[closed_count_++] = j;
      }
    }
    return changed;
  }

  /// Sums the biases and what closed neurons add to open ones: these stay the same until a gate
  /// opens or closes.
  void update_fixed_sums() {
    for (int s = 0; s < open_count_; ++s) {
      const int j = open_[s];
      for (int gate = 0; gate < 4; ++gate) {
        const Scalar closed = dot_at(closed_, closed_count_, Weights::w_h[j][gate], h_);
        fixed_[j][gate] = Weights::bias[j][gate] + @scale_h@closed;
      }
    }
  }

  /// Returns the pre-activation of gate i, f, g or o (0, 1, 2, 3) of neuron j.
  Scalar sum(int j, int gate, const Scalar* x) const {
    return fixed_[j][gate] + @scale_x@dot(Weights::w_x[j][gate], x, inputs) +
           @scale_h@dot_at(open_, open_count_, Weights::w_h[j][gate], h_);
  }

  Scalar h_[neurons] = {}, c_[neurons] = {}, next_h_[neurons] = {};
  Scalar openness_[neurons] = {}, fixed_[neurons][4] = {};
  int open_[neurons] = {}, closed_[neurons] = {};  // closed: only neurons whose h is not 0
  int open_count_ = 0, closed_count_ = 0;
  bool is_open_[neurons] = {};
};

)";

inline constexpr std::string_view plain_layer =
    R"(/// A layer of LSTM neurons: its state and its step.
template <class Weights>
class Layer {
 public:
  static constexpr int inputs = Weights::inputs, neurons = Weights::neurons;

  const Scalar* h() const { return h_; }  ///< the hidden state [neurons]
  const Scalar* c() const { return c_; }  ///< the cell state [neurons]

  void reset() {
    for (int j = 0; j < neurons; ++j) {
@reset@    }
  }

  /// Returns the hidden state after the input x [inputs].
  const Scalar* step(const Scalar* x) {
    for (int j = 0; j < neurons; ++j) {
      const Scalar i = sigmoid(sum(j, 0, x)), f = sigmoid(sum(j, 1, x));
      const Scalar g = std::tanh(sum(j, 2, x)), o = sigmoid(sum(j, 3, x));
      c_[j] = f * c_[j] + i * g;
      next_h_[j] = o * std::tanh(c_[j]);  // other neurons still read the old h
    }
    for (int j = 0; j < neurons; ++j) h_[j] = next_h_[j];
    return h_;
  }

 private:
  /// Returns the pre-activation of gate i, f, g or o (0, 1, 2, 3) of neuron j.
  Scalar sum(int j, int gate, const Scalar* x) const {
    return Weights::bias[j][gate] +
           @scale_x@dot(Weights::w_x[j][gate], x, inputs) +
           @scale_h@dot(Weights::w_h[j][gate], h_, neurons);
  }

  Scalar h_[neurons] = {}, c_[neurons] = {}, next_h_[neurons] = {};
};

)";

inline constexpr std::string_view model_class =
    R"(/// The network with the state of one stream, initially @initially@.
class Model {
 public:
  static constexpr int inputs = @inputs@, outputs = @outputs@, layers = @layers@;
  static constexpr int neurons = @neurons@;  // of all layers

@constructor@  /// Sets the state to the initial one.
  void reset() {
@reset@  }

  /// @step_doc@
  const Scalar* step(const Scalar* x, double@t@) {
@steps@    for (int n = 0; n < outputs; ++n) {
      y_[n] = Readout::bias[n] + @scale@dot(Readout::w[n], h, Readout::inputs)@skip@;
    }
    return y_;
  }

@accessors@
 private:
@members@  Scalar y_[outputs] = {};
};

)";

inline constexpr const char* gated_step_doc =
    R"(Returns the output [outputs] after the input x [inputs] at time t, in the unit of the
  /// timestamps; it is valid until the next step. Times need not be ordered.)";

inline constexpr const char* plain_step_doc =
    R"(Returns the output [outputs] after the input x [inputs]; it is valid until the next step.)";

inline constexpr std::string_view ending =
    R"(}  // namespace @name_space@

#endif  // C++17
)";

}  // namespace detail::header
GLSTM_END_NAMESPACE
