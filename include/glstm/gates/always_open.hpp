// No time gate: a layer with it is a plain LSTM.
#pragma once

#include <array>
#include <utility>

#include "glstm/core/random.hpp"
#include "glstm/core/types.hpp"
#include "glstm/gates/time_gate.hpp"

GLSTM_BEGIN_NAMESPACE

/// No gate: k = 1 at all times. A layer with it is a plain LSTM. It has no parameters.
template <class Scalar_>
class AlwaysOpen {
 public:
  using Scalar = Scalar_;
  using Real = typename Eigen::NumTraits<Scalar>::Real;
  /// There are no options.
  struct Options {};
  static constexpr std::array<const char*, 0> parameter_names{};

  /// `parameters` is [H,0].
  explicit AlwaysOpen(const Matrix<Scalar>& parameters, const Options& = {})
      : size_(parameters.rows()) {
    check_gate_parameters(parameters, parameter_names, {});
  }

  Index size() const { return size_; }
  bool is_open(Index, Scalar) const { return true; }
  Scalar openness(Index, Scalar) const { return Scalar(1); }
  std::array<Scalar, 1> openness_gradient(Index, Scalar) const { return {Scalar(0)}; }
  Window<Real> next_window(Index, Real) const { return Window<Real>::always(); }
  static void initialize(const GateSpread&, const Options&, Rng&, Matrix<Scalar>&) {}
  static void limit_step(const Matrix<Scalar>&, Matrix<Scalar>&, const Options&) {}

 private:
  Index size_;
};

/// What streams and network files know about AlwaysOpen.
template <class Scalar>
struct GateTraits<AlwaysOpen<Scalar>> : GateTraitsDefaults<AlwaysOpen<Scalar>> {
  using Options = typename AlwaysOpen<Scalar>::Options;
  static constexpr bool always_open = true;
  static constexpr const char* file_name = "lstm";
  static constexpr std::array<std::pair<const char*, double Options::*>, 0> file_options{};
};

GLSTM_END_NAMESPACE
