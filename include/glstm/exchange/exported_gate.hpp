// What other programs need to compute a time gate: shared by exported headers and ONNX models.
#pragma once

#include <cmath>
#include <limits>
#include <type_traits>
#include <vector>

#include "glstm/gates/always_open.hpp"
#include "glstm/gates/gaussian_gate.hpp"
#include "glstm/gates/phased_gate.hpp"

GLSTM_BEGIN_NAMESPACE
namespace detail {

enum class GateFormula { none, gaussian, phased };

template <class Scalar>
struct NamedConstant {
  const char* name;
  Scalar value;
};

/// How another program computes a time gate: the formula, and its constants beside the parameters
/// of the neurons, rounded to Scalar as the gate itself rounds them.
template <class Gate>
struct ExportedGate {
  static_assert(!std::is_same_v<Gate, Gate>,
                "exports are for networks of float or double with the time gates AlwaysOpen, "
                "GaussianGate and PhasedGate");
};

template <class Scalar>
requires std::is_floating_point_v<Scalar>
struct ExportedGate<AlwaysOpen<Scalar>> {
  static constexpr GateFormula formula = GateFormula::none;
  static constexpr const char* network_name = "LSTM";

  static std::vector<NamedConstant<Scalar>> constants(const typename AlwaysOpen<Scalar>::Options&) {
    return {};
  }
};

template <class Scalar>
requires std::is_floating_point_v<Scalar>
struct ExportedGate<GaussianGate<Scalar>> {
  using Options = typename GaussianGate<Scalar>::Options;
  static constexpr GateFormula formula = GateFormula::gaussian;
  static constexpr const char* network_name = "Gaussian-gated LSTM";

  static std::vector<NamedConstant<Scalar>> constants(const Options& options) {
    return {{"threshold", static_cast<Scalar>(options.threshold)}};
  }

  /// The u^2 from which on exp(-u^2) is below the threshold by more than rounding: there a program
  /// need not compute the exp.
  static Scalar surely_closed(const Options& options) {
    const auto threshold = static_cast<Scalar>(options.threshold);
    return threshold > 0 ? 1 - std::log(threshold) : std::numeric_limits<Scalar>::max();
  }
};

template <class Scalar>
requires std::is_floating_point_v<Scalar>
struct ExportedGate<PhasedGate<Scalar>> {
  static constexpr GateFormula formula = GateFormula::phased;
  static constexpr const char* network_name = "Phased LSTM";

  static std::vector<NamedConstant<Scalar>> constants(
      const typename PhasedGate<Scalar>::Options& options) {
    return {{"threshold", static_cast<Scalar>(options.threshold)},
            {"leak", static_cast<Scalar>(options.leak)}};
  }
};

}  // namespace detail
GLSTM_END_NAMESPACE
