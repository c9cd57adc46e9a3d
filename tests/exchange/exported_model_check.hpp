// Compares an exported header with the network it was written from. Included by the program that
// exported_models writes, which sees neither glstm nor Eigen.
#pragma once

#include <cmath>
#include <cstdio>
#include <limits>

/// The larger of `largest` and |a - b|; infinity where one is not a number.
inline double larger_difference(double largest, double a, double b) {
  const double difference = std::fabs(a - b);
  if (!(difference <= std::numeric_limits<double>::max())) return HUGE_VAL;
  return difference > largest ? difference : largest;
}

/// The largest difference of `count` values from `expected`, which moves on behind them.
template <class Scalar>
double compare(const Scalar* values, int count, const double*& expected) {
  double largest = 0;
  for (int n = 0; n < count; ++n) largest = larger_difference(largest, *expected++, values[n]);
  return largest;
}

/// Step n of the case.
template <class Case>
const typename Case::Scalar* take_step(typename Case::Model& model, int n) {
  typename Case::Scalar x[Case::Model::inputs];
  for (int i = 0; i < Case::Model::inputs; ++i) {
    x[i] = static_cast<typename Case::Scalar>(Case::x[n * Case::Model::inputs + i]);
  }
  return model.step(x, Case::t[n]);
}

/// Case has: Model, Scalar, name, tolerance, steps, x [steps][inputs], t [steps], y
/// [steps][outputs]; updates: how many neurons the network updates in all steps, or -1; can_close;
/// closed_time: when all gates are closed, if they can be, or not a number, which leaves everything
/// as it is too; and
///     compare_state(model)  the largest difference of h and c from those of the network at the end
///     open_count(model)     how many neurons were open in the last step
/// Returns whether everything agrees, and prints how well.
template <class Case>
bool check_exported() {
  using Model = typename Case::Model;
  static Model model, fresh;  // as a program without much of a stack would have them
  using Scalar = typename Case::Scalar;
  Scalar first_run[Case::steps][Model::outputs];
  double largest = 0;
  bool same_after_reset = true, right_updates = true, right_when_closed = true;
  for (int run = 0; run < 2; ++run) {
    long updates = 0;
    const double* expected = Case::y;
    for (int n = 0; n < Case::steps; ++n) {
      const Scalar* y = take_step<Case>(model, n);
      updates += Case::open_count(model);
      for (int o = 0; o < Model::outputs; ++o) {
        largest = larger_difference(largest, *expected++, y[o]);
        if (run == 0) first_run[n][o] = y[o];
        if (!(y[o] == first_run[n][o])) same_after_reset = false;
      }
    }
    right_updates = right_updates && (Case::updates < 0 || updates == Case::updates);
    const double state = Case::compare_state(model);
    largest = state > largest ? state : largest;

    if (Case::can_close) {  // what is not computed cannot be spoilt
      Scalar x[Model::inputs];
      for (int i = 0; i < Model::inputs; ++i) x[i] = std::numeric_limits<Scalar>::quiet_NaN();
      const Scalar* y = model.step(x, Case::closed_time);
      for (int o = 0; o < Model::outputs; ++o) {
        if (!(y[o] == first_run[Case::steps - 1][o])) right_when_closed = false;
      }
      right_when_closed = right_when_closed && Case::compare_state(model) == state;
    }
    model.reset();
  }
  // The neurons that are open are those of the step before, but nothing else is left of it.
  constexpr int middle = Case::steps / 2;
  for (int n = 0; n <= middle; ++n) take_step<Case>(model, n);
  model.reset();
  const Scalar* again = take_step<Case>(model, middle);
  const Scalar* first = take_step<Case>(fresh, middle);
  for (int o = 0; o < Model::outputs; ++o) {
    if (!(again[o] == first[o])) same_after_reset = false;
  }
  const bool right =
      largest <= Case::tolerance && same_after_reset && right_updates && right_when_closed;
  std::printf("%s %.1e  %s%s%s%s\n", right ? "ok    " : "FAILED", largest, Case::name,
              same_after_reset ? "" : ", another answer after reset()",
              right_updates ? "" : ", another number of updates",
              right_when_closed ? "" : ", a step of closed neurons changes something");
  return right;
}
