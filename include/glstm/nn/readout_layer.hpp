// Layers between the last recurrent one and the linear readout.
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "glstm/core/error.hpp"
#include "glstm/core/types.hpp"

GLSTM_BEGIN_NAMESPACE

/// The function that a layer applies to its sums.
enum class Activation { linear, tanh, relu, sigmoid };

/// A layer y = f(W x + b) before the readout, as the models of other libraries have them.
struct ReadoutLayer {
  Index size = 1;
  Activation activation = Activation::relu;
  bool operator==(const ReadoutLayer&) const = default;
};

namespace detail {

inline std::vector<ReadoutLayer> no_readout_layers() { return {}; }

/// The names of the activations, in the order of the enumeration.
inline constexpr std::array<std::string_view, 4> activation_names = {"linear", "tanh", "relu",
                                                                     "sigmoid"};

/// Throws Error, which begins with `where`, unless the name is one of these.
inline Activation activation_of_name(std::string_view name, const std::string& where) {
  const auto found = std::find(activation_names.begin(), activation_names.end(), name);
  require(found != activation_names.end(), where,
          ": expected the activation linear, tanh, relu or sigmoid, got \"", name, "\"");
  return static_cast<Activation>(found - activation_names.begin());
}

/// Applies the activation to `count` numbers.
template <class Scalar>
void activate(Activation activation, Scalar* y, Index count) noexcept {
  for (Index i = 0; i < count && activation != Activation::linear; ++i) {
    if (activation == Activation::tanh) {
      y[i] = std::tanh(y[i]);
    } else if (activation == Activation::relu) {
      y[i] = y[i] < 0 ? Scalar(0) : y[i];  // NaN stays
    } else {
      y[i] = 1 / (1 + std::exp(-y[i]));
    }
  }
}

/// Multiplies dy by the derivative of the activation where it gave y.
template <class Scalar>
void multiply_by_derivative(Activation activation, const Matrix<Scalar>& y, Matrix<Scalar>& dy) {
  for (Index i = 0; i < y.size() && activation != Activation::linear; ++i) {
    const Scalar value = y.data()[i];
    if (activation == Activation::tanh) {
      dy.data()[i] *= 1 - value * value;
    } else if (activation == Activation::relu) {
      if (!(value > 0)) dy.data()[i] = 0;
    } else {
      dy.data()[i] *= value * (1 - value);
    }
  }
}

}  // namespace detail
GLSTM_END_NAMESPACE
