// The logistic sigmoid and tanh, and their derivatives in terms of their outputs.
#pragma once

#include <cmath>

#include "glstm/core/types.hpp"

GLSTM_BEGIN_NAMESPACE

/// 1 / (1 + exp(-x)) of every element, any scalar type for which tanh is defined. Written with
/// tanh, which saturates where exp would overflow.
template <class Derived>
auto sigmoid(const Eigen::ArrayBase<Derived>& x) {
  using Scalar = typename Derived::Scalar;
  return (Scalar(0.5) + Scalar(0.5) * (Scalar(0.5) * x.derived()).tanh()).eval();
}

/// The derivative of sigmoid, from its output s: s (1 - s).
template <class Value>
auto sigmoid_derivative_from_output(const Value& s) {
  return s * (typename Value::Scalar(1) - s);
}

/// The derivative of tanh, from its output y: 1 - y^2.
template <class Value>
auto tanh_derivative_from_output(const Value& y) {
  return typename Value::Scalar(1) - y * y;
}

GLSTM_END_NAMESPACE
