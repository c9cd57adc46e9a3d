// Gradient checks by central differences, for users' own time gates and losses.
#pragma once

#include <algorithm>
#include <cmath>
#include <limits>
#include <type_traits>
#include <utility>
#include <vector>

#include "glstm/core/error.hpp"
#include "glstm/core/types.hpp"
#include "glstm/gates/time_gate.hpp"
#include "glstm/nn/loss.hpp"

GLSTM_BEGIN_NAMESPACE
namespace testing {

/// The gradient of a scalar function f(Vector<double>) at `point` [N] by central differences,
/// (f(p + step) - f(p - step)) / (2 step) in every direction. Its error is about step^2 times the
/// third derivative, plus 1e-16 |f| / step. Throws Error unless step is finite and positive.
template <class Function>
Vector<double> numeric_gradient(Function&& f, Vector<double> point, double step = 1e-6) {
  detail::require(step > 0 && std::isfinite(step), "a step must be finite and positive, got ",
                  step);
  Vector<double> gradient(point.size());
  for (Index i = 0; i < point.size(); ++i) {
    const double value = point(i);
    point(i) = value + step;
    const double above = f(std::as_const(point));
    point(i) = value - step;
    const double below = f(std::as_const(point));
    point(i) = value;
    gradient(i) = (above - below) / (2 * step);
  }
  return gradient;
}

/// Compares a time gate's openness_gradient with central differences of its openness. Returns the
/// largest difference over all neurons, parameters and `times`, relative to the largest slope of
/// the parameter over the times; infinity when a gradient is not finite. With the default step and
/// parameters of order 1, a correct gradient gives about 1e-8, a wrong one 1e-2 and more.
///
///     parameters  [H,P]  the parameters that the gate's constructor takes
///     times              relative to the time origin
///     step               how far parameters move, in their unit: a small part of a window
///
/// At a time within `step` of a kink or of the closing threshold, the differences to the left and
/// to the right disagree; such times are skipped. Throws Error when no time is left for a
/// parameter: then choose other times or a smaller step.
template <class Gate>
double check_gate(const Matrix<double>& parameters, const typename Gate::Options& options,
                  const std::vector<double>& times, double step = 1e-6) {
  static_assert(TimeGate<Gate>, "check_gate needs a time gate: see the concept TimeGate");
  static_assert(std::is_same_v<typename Gate::Scalar, double>,
                "gradients are checked in double: use your gate with Scalar = double");
  constexpr double infinity = std::numeric_limits<double>::infinity();
  struct Slopes {
    double left, right, claimed;
  };

  const Gate gate(parameters, options);
  double largest = 0;
  for (Index p = 0; p < parameters.cols(); ++p) {
    const char* name = Gate::parameter_names[static_cast<std::size_t>(p)];
    Matrix<double> moved = parameters;
    moved.col(p).array() += step;
    const Gate above(moved, options);
    moved.col(p) = parameters.col(p).array() - step;
    const Gate below(moved, options);

    for (Index j = 0; j < gate.size(); ++j) {
      std::vector<Slopes> slopes;
      double scale = 0;
      for (double t : times) {
        const double k = gate.openness(j, t);
        slopes.push_back({(k - below.openness(j, t)) / step, (above.openness(j, t) - k) / step,
                          gate.openness_gradient(j, t)[static_cast<std::size_t>(p)]});
        // At a jump one of the two is huge, the other one is not.
        scale =
            std::max(scale, std::min(std::abs(slopes.back().left), std::abs(slopes.back().right)));
      }
      bool compared = false;
      for (const Slopes& at : slopes) {
        if (!std::isfinite(at.claimed)) return infinity;
        if (std::abs(at.left - at.right) > 1e-3 * scale) continue;
        compared = true;
        const double difference = std::abs((at.left + at.right) / 2 - at.claimed);
        if (difference > 0) largest = std::max(largest, scale > 0 ? difference / scale : infinity);
      }
      detail::require(compared, "no time lies further than ", step,
                      " from a kink or threshold in parameter ", name, " of neuron ", j);
    }
  }
  return largest;
}

/// Compares the gradient of a loss with central differences of its value, at predictions `y` [O,N]
/// of one sample with all their targets. Returns the largest difference, relative to the largest
/// slope; infinity when a gradient is not finite. A correct gradient gives about 1e-8, unless a
/// prediction lies within `step` of a kink. Throws Error where check_targets does.
inline double check_loss(const Loss& loss, const SamplePredictions& sample, double step = 1e-6) {
  for (Index i = 0; i < sample.values.size() && !loss.has_labels(); ++i) {
    loss->check_target(sample.values(i));
  }
  Matrix<double> claimed = Matrix<double>::Zero(sample.y.rows(), sample.y.cols());
  loss->evaluate(sample, claimed);
  if (!claimed.allFinite()) return std::numeric_limits<double>::infinity();
  const Vector<double> slopes = numeric_gradient(
      [&](const Vector<double>& point) {
        SamplePredictions moved = sample;
        moved.y = point.reshaped(sample.y.rows(), sample.y.cols());
        Matrix<double> unused = Matrix<double>::Zero(moved.y.rows(), moved.y.cols());
        return loss->evaluate(moved, unused);
      },
      sample.y.reshaped(), step);
  const double scale = slopes.cwiseAbs().maxCoeff();
  return (claimed.reshaped() - slopes).cwiseAbs().maxCoeff() / std::max(scale, 1e-300);
}

}  // namespace testing
GLSTM_END_NAMESPACE
