// The openness of time gates in an ONNX graph.
#pragma once

#include <cstddef>
#include <string>

#include "glstm/core/types.hpp"
#include "glstm/exchange/exported_gate.hpp"
#include "glstm/exchange/onnx_graph.hpp"
#include "glstm/lstm/layer.hpp"

GLSTM_BEGIN_NAMESPACE
namespace detail::onnx {

/// exp(-((t - mu) / sigma)^2)
inline void add_gaussian_openness(const std::string& prefix, const std::string& time,
                                  Graph& graph) {
  graph.compute(prefix + "from.mu", "Sub", {time, prefix + "mu"});
  graph.compute(prefix + "u", "Div", {prefix + "from.mu", prefix + "sigma"});
  graph.compute(prefix + "u2", "Mul", {prefix + "u", prefix + "u"});
  graph.compute(prefix + "minus.u2", "Neg", {prefix + "u2"});
  graph.compute(prefix + "k.ungated", "Exp", {prefix + "minus.u2"});
}

/// 2 phi / r for phi < r/2; 2 - 2 phi / r for phi < r; leak phi otherwise
inline void add_phased_openness(const std::string& prefix, const std::string& time, Graph& graph) {
  graph.compute(prefix + "from.shift", "Sub", {time, prefix + "shift"});
  graph.compute(prefix + "cycles", "Div", {prefix + "from.shift", prefix + "period"});
  graph.compute(prefix + "cycles.whole", "Floor", {prefix + "cycles"});
  graph.compute(prefix + "phi", "Sub", {prefix + "cycles", prefix + "cycles.whole"});
  graph.compute(prefix + "phi.twice", "Mul", {"two", prefix + "phi"});
  graph.compute(prefix + "rise", "Div", {prefix + "phi.twice", prefix + "r_on"});
  graph.compute(prefix + "fall", "Sub", {"two", prefix + "rise"});
  graph.compute(prefix + "leaked", "Mul", {prefix + "leak", prefix + "phi"});
  graph.compute(prefix + "r.half", "Div", {prefix + "r_on", "two"});
  graph.compute(prefix + "rises", "Less", {prefix + "phi", prefix + "r.half"});
  graph.compute(prefix + "on", "Less", {prefix + "phi", prefix + "r_on"});
  graph.compute(prefix + "k.late", "Where", {prefix + "on", prefix + "fall", prefix + "leaked"});
  graph.compute(prefix + "k.ungated", "Where",
                {prefix + "rises", prefix + "rise", prefix + "k.late"});
}

/// Adds the openness of a layer at all steps, [T,1,H], or [T,B,H] if `time` depends on the sample.
/// Returns its name.
template <TimeGate Gate>
std::string add_openness(const Layer<Gate>& layer, const Vector<typename Gate::Scalar>& all,
                         const std::string& prefix, const std::string& time, Graph& graph) {
  using Exported = ExportedGate<Gate>;
  const auto parameters = layer.gate_parameters(all);
  for (Index p = 0; p < parameters.cols(); ++p) {
    graph.tensor(prefix + Gate::parameter_names[static_cast<std::size_t>(p)], {layer.hidden()},
                 parameters.col(p).data());
  }
  for (const auto& [name, value] : Exported::constants(layer.gate_options())) {
    graph.number(prefix + name, value);
  }
  if constexpr (Exported::formula == GateFormula::phased) {
    add_phased_openness(prefix, time, graph);
  } else {
    add_gaussian_openness(prefix, time, graph);
  }
  graph.compute(prefix + "closed", "Less", {prefix + "k.ungated", prefix + "threshold"});
  return graph.compute(prefix + "k", "Where", {prefix + "closed", "zero", prefix + "k.ungated"});
}

}  // namespace detail::onnx
GLSTM_END_NAMESPACE
