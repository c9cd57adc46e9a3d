// A moving average of the parameters, which often predicts better than the parameters.
#pragma once

#include <algorithm>
#include <utility>

#include "glstm/core/error.hpp"
#include "glstm/core/types.hpp"

GLSTM_BEGIN_NAMESPACE

/// The exponential moving average of the parameters over training steps (Polyak & Juditsky 1992):
///
///     a = d a + (1 - d) p,   d = min(decay, (1 + step) / (10 + step))
///
/// Early steps have a smaller d, so that the average soon forgets their parameters, which are far
/// from the final ones. value() is the whole state: with set_value, a resumed training is the same
/// to the bit.
template <class Scalar>
class ParameterAverage {
 public:
  /// Averages over about 1 / (1 - decay) steps. Throws Error unless decay is in [0, 1).
  explicit ParameterAverage(double decay) : decay_(decay) {
    detail::require(decay >= 0 && decay < 1, "the decay of an average must lie in [0, 1), got ",
                    decay);
  }

  /// The average [P]; empty before the first step.
  const Vector<Scalar>& value() const { return value_; }
  void set_value(Vector<Scalar> value) { value_ = std::move(value); }

  /// Adds the parameters [P] to the average. The trainer calls it after every training step; `step`
  /// is the number of steps so far.
  void observe(Index step, const Vector<Scalar>& parameters) {
    if (value_.size() == 0) value_ = parameters;
    const double count = static_cast<double>(step);
    const double decay = std::min(decay_, (1 + count) / (10 + count));
    value_ += Scalar(1 - decay) * (parameters - value_);
  }

 private:
  double decay_;
  Vector<Scalar> value_;
};

GLSTM_END_NAMESPACE
