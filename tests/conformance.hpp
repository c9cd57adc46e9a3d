// Golden cases: what an independent implementation computed, and how far this library is from it.
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <filesystem>
#include <limits>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "glstm/core/error.hpp"
#include "glstm/core/parameters.hpp"
#include "glstm/core/parse_number.hpp"
#include "glstm/core/timing.hpp"
#include "glstm/gates/always_open.hpp"
#include "glstm/gates/gaussian_gate.hpp"
#include "glstm/gates/phased_gate.hpp"
#include "glstm/io/safetensors.hpp"
#include "glstm/lstm/layer.hpp"

namespace glstm {

/// One golden case, checked: the input of a stack of layers, and what should come of it.
///
/// Tensors are row-major, of the names and shapes
///
///     x [T,B,I]   t [T,B] timestamps   lengths [B]   dy [T,B,H]   dcT [B,H]
///     w_ih [4H,I]   w_hh [4H,H]   b [4H]   the time gate's parameters [H]   h0, c0 [B,H]
///
/// and, to compare with, h [T,B,H] of the last layer, k [T,B,H], hT, cT [B,H], loss [1],
/// budget [1], and grad.NAME for x, the parameters, h0 and c0. What belongs to layer l > 0 has the
/// suffix .l1, .l2, ... and I = H there. The loss is
///
///     sum(dy h) + sum(dcT c_T of the last layer) + budget_weight budget
struct GoldenCase {
  enum class Gate { always, gaussian, phased };

  std::string source;  ///< where it comes from, for messages
  Gate gate = Gate::always;
  Index steps = 0, batch = 0, inputs = 0, hidden = 0, layers = 0;
  double threshold = 0, leak = 0, budget_weight = 0;
  std::vector<Index> lengths;                          ///< [B]
  std::map<std::string, std::vector<double>> tensors;  ///< all but lengths, row-major
  std::vector<std::string> values, gradients;          ///< the tensors to compare with
  std::vector<std::string> unknown;                    ///< tensors of the file that are not used

  static std::string suffix(Index layer) { return layer == 0 ? "" : detail::text_of(".l", layer); }
  Index layer_inputs(Index layer) const { return layer == 0 ? inputs : hidden; }
};

/// The golden case in `file`. Throws Error, which names `source` and the tensor, unless the
/// metadata, every input, h and at least one gradient are there, all shapes fit and all numbers
/// are finite. A gradient of an unknown name is an error, other unknown tensors are listed.
GoldenCase parse_golden_case(const Safetensors& file, const std::string& source);

/// The golden case in the file `path`, checked as by parse_golden_case.
inline GoldenCase read_golden_case(const std::filesystem::path& path) {
  return parse_golden_case(load_safetensors(path), path.string());
}

/// A way to compute a golden case. The cell, step by step, gives no gradients.
enum class ConformancePath { reference_double, scheduled_double, scheduled_float, steps_double };

inline constexpr std::array<ConformancePath, 4> conformance_paths = {
    ConformancePath::reference_double, ConformancePath::scheduled_double,
    ConformancePath::scheduled_float, ConformancePath::steps_double};

constexpr std::string_view name_of(ConformancePath path) {
  constexpr std::string_view names[] = {"reference double", "scheduled double", "scheduled float",
                                        "steps double"};
  return names[static_cast<std::size_t>(path)];
}

/// The largest relative error that a path may have.
constexpr double conformance_limit(ConformancePath path) {
  return path == ConformancePath::scheduled_float ? 1e-3 : 1e-9;
}

/// The largest error of several tensors, and the tensor that has it; no name: none was compared.
struct Deviation {
  double error = 0;
  std::string tensor;

  void include(double other_error, const std::string& other_tensor) {
    if (!tensor.empty() && other_error <= error) return;
    error = other_error;
    tensor = other_tensor;
  }
};

/// How far a path is from a golden case.
struct Conformance {
  double limit = 0;
  Deviation values, gradients;

  bool passes() const { return values.error <= limit && gradients.error <= limit; }
};

/// Computes a golden case on `path` and compares all that the case and the path provide.
///
/// The error of a tensor is its largest difference, relative to its largest magnitude; it is
/// absolute when that is zero or too small for the path's scalar type, and infinite when a
/// computed number is not one. The loss is a sum whose terms may cancel: its error is relative to
/// the root of the sum of their squares when that is larger. A layer takes the same timing, and a
/// zero initial state, in more than one form: a path runs in all that fit the case and has the
/// largest error of them. Throws Error, which names the case's source, when the library refuses its
/// input.
Conformance check_conformance(const GoldenCase& golden, ConformancePath path);

namespace detail {

/// Reads the metadata and takes the tensors out of a file, checking each.
class GoldenReader {
 public:
  GoldenReader(const Safetensors& file, const std::string& source) : file_(file) {
    golden_.source = source;
  }

  GoldenCase read() {
    golden_.gate = gate();
    const Index T = golden_.steps = size("T"), B = golden_.batch = size("B");
    const Index I = golden_.inputs = size("I"), H = golden_.hidden = size("H");
    golden_.layers = size("layers");
    golden_.threshold = number("threshold");
    golden_.leak = number("leak");
    golden_.budget_weight = number("budget_weight");

    leaf("x", {T, B, I});
    input("t", {T, B});
    input("dy", {T, B, H});
    input("dcT", {B, H});
    read_lengths();
    for (Index l = 0; l < golden_.layers; ++l) {
      const std::string suffix = GoldenCase::suffix(l);
      // Not 4 * H, which could overflow: the file is not checked yet.
      const Index rows = tensor("b" + suffix).shape.empty() ? 0 : tensor("b" + suffix).shape[0];
      require(rows % 4 == 0 && rows / 4 == H, where("b" + suffix), ": expected shape [4*", H,
              "], got ", Json(tensor("b" + suffix).shape));
      leaf("b" + suffix, {rows});
      leaf("w_ih" + suffix, {rows, golden_.layer_inputs(l)});
      leaf("w_hh" + suffix, {rows, H});
      for (const char* name : gate_parameters()) leaf(name + suffix, {H});
      leaf("h0" + suffix, {B, H});
      leaf("c0" + suffix, {B, H});
      expected("k" + suffix, {T, B, H}, golden_.values);
      expected("hT" + suffix, {B, H}, golden_.values);
      expected("cT" + suffix, {B, H}, golden_.values);
    }
    tensor("h");  // must be there
    expected("h", {T, B, H}, golden_.values);
    expected("loss", {1}, golden_.values);
    expected("budget", {1}, golden_.values);
    require(!golden_.gradients.empty(), golden_.source,
            ": expected at least one gradient, grad.NAME, got none");

    for (const auto& [name, unused] : file_.tensors) {
      if (name == "lengths" || golden_.tensors.contains(name)) continue;
      require(!name.starts_with("grad."), where(name),
              ": expected the gradient of x, a parameter or an initial state of this case");
      golden_.unknown.push_back(name);
    }
    return std::move(golden_);
  }

 private:
  std::string where(const std::string& name) const { return tensor_in(golden_.source, name); }

  const std::string& metadata(const std::string& key) const {
    const auto found = file_.metadata.find(key);
    require(found != file_.metadata.end(), golden_.source, ": expected metadata \"", key,
            "\", got none");
    return found->second;
  }

  GoldenCase::Gate gate() const {
    const std::string& name = metadata("gate");
    if (name == "always") return GoldenCase::Gate::always;
    if (name == "gaussian") return GoldenCase::Gate::gaussian;
    require(name == "phased", golden_.source,
            ": expected metadata \"gate\" to be always, gaussian or phased, got \"", name, "\"");
    return GoldenCase::Gate::phased;
  }

  std::vector<const char*> gate_parameters() const {
    const auto list = [](const auto& names) {
      return std::vector<const char*>(names.begin(), names.end());
    };
    if (golden_.gate == GoldenCase::Gate::gaussian) {
      return list(GaussianGate<double>::parameter_names);
    }
    if (golden_.gate == GoldenCase::Gate::phased) return list(PhasedGate<double>::parameter_names);
    return {};
  }

  Index size(const std::string& key) const {
    const std::string& text = metadata(key);
    const Index value = detail::parse_number<Index>(text).value_or(0);
    require(value >= 1, golden_.source, ": expected metadata \"", key,
            "\" to be a positive integer, got \"", text, "\"");
    return value;
  }

  double number(const std::string& key) const {
    const std::string& text = metadata(key);
    const double value = detail::parse_number<double>(text).value_or(std::nan(""));
    require(std::isfinite(value), golden_.source, ": expected metadata \"", key,
            "\" to be a finite number, got \"", text, "\"");
    return value;
  }

  const Tensor& tensor(const std::string& name) const {
    const auto found = file_.tensors.find(name);
    require(found != file_.tensors.end(), where(name), ": expected to be in the file, got none");
    return found->second;
  }

  void check_shape(const std::string& name, const std::vector<Index>& shape) const {
    require(tensor(name).shape == shape, where(name), ": expected shape ", Json(shape), ", got ",
            Json(tensor(name).shape));
  }

  void input(const std::string& name, const std::vector<Index>& shape) {
    check_shape(name, shape);
    std::vector<double> values = tensor(name).as<double>();
    for (const double value : values) {
      require(std::isfinite(value), where(name), ": expected finite numbers, got ", value);
    }
    golden_.tensors.emplace(name, std::move(values));
  }

  void expected(const std::string& name, const std::vector<Index>& shape,
                std::vector<std::string>& names) {
    if (!file_.tensors.contains(name)) return;
    input(name, shape);
    names.push_back(name);
  }

  /// An input with respect to which the loss has a gradient.
  void leaf(const std::string& name, const std::vector<Index>& shape) {
    input(name, shape);
    expected("grad." + name, shape, golden_.gradients);
  }

  void read_lengths() {
    check_shape("lengths", {golden_.batch});
    try {
      golden_.lengths = tensor("lengths").as<Index>();
    } catch (const Error& error) {
      throw Error(where("lengths") + ": " + error.what());
    }
    for (const Index length : golden_.lengths) {
      require(length >= 0 && length <= golden_.steps, where("lengths"), ": expected 0..",
              golden_.steps, ", got ", length);
    }
  }

  const Safetensors& file_;
  GoldenCase golden_;
};

/// A row-major [T,B,F] tensor as a [B, F*T] matrix, step after step. A row-major [B,F] matrix is
/// one with a single step.
template <class Scalar>
Matrix<Scalar> steps_side_by_side(const std::vector<double>& values, Index T, Index B, Index F) {
  Matrix<Scalar> matrix(B, F * T);
  auto value = values.begin();
  for (Index n = 0; n < T; ++n) {
    for (Index b = 0; b < B; ++b) {
      for (Index f = 0; f < F; ++f) matrix(b, n * F + f) = static_cast<Scalar>(*value++);
    }
  }
  return matrix;
}

/// The inverse: a [B, F*T] matrix as a row-major [T,B,F] tensor.
template <class Derived>
std::vector<double> row_major(const Eigen::MatrixBase<Derived>& matrix, Index T) {
  const Index F = matrix.cols() / T;
  std::vector<double> values;
  values.reserve(static_cast<std::size_t>(matrix.size()));
  for (Index n = 0; n < T; ++n) {
    for (Index b = 0; b < matrix.rows(); ++b) {
      for (Index f = 0; f < F; ++f) values.push_back(static_cast<double>(matrix(b, n * F + f)));
    }
  }
  return values;
}

/// Computes the tensors of a golden case.
template <TimeGate Gate>
class GoldenRun {
 public:
  using Scalar = typename Gate::Scalar;
  using Tensors = std::map<std::string, std::vector<double>>;  // row-major, by golden name

  GoldenRun(const GoldenCase& golden, const typename Gate::Options& options) : golden_(golden) {
    for (Index l = 0; l < golden.layers; ++l) {
      layers_.emplace_back(layout_, prefix(l), golden.layer_inputs(l), golden.hidden, options);
    }
    parameters_.setZero(layout_.size());
    for_parameters([&](const std::string& name, const ParameterBlock& block) {
      block_view(parameters_, block) = matrix(name, 1, block.rows, block.cols);
    });
    const Index B = golden.batch, H = golden.hidden;
    x_ = matrix("x", golden.steps, B, golden.inputs);
    for (Index l = 0; l < golden.layers; ++l) {
      initial_.push_back({matrix("h0" + GoldenCase::suffix(l), 1, B, H),
                          matrix("c0" + GoldenCase::suffix(l), 1, B, H)});
      zero_initial_state_ &= initial_.back().h.isZero(0) && initial_.back().c.isZero(0);
    }
    full_.batch = B;
    full_.steps = golden.steps;
    full_.timestamps = steps_side_by_side<double>(golden.tensors.at("t"), golden.steps, B, 1);
    full_.lengths = golden.lengths;
    full_.check();
  }

  /// The case on `path`, in every form that the layer takes it in.
  void compare_whole(Path path, Conformance& result) const {
    compare(whole(path, full_, true), result);
    const Timing compact = compact_timing();
    if (compact.timestamps.size() != full_.timestamps.size() ||
        compact.lengths.size() != full_.lengths.size()) {
      compare(whole(path, compact, true), result);
    }
    if (zero_initial_state_) compare(whole(path, compact, false), result);
  }

  /// The case step by step, every sample on its own: forward values only.
  void compare_steps(Conformance& result) const {
    const Index T = golden_.steps, B = golden_.batch, H = golden_.hidden;
    std::vector<State<Scalar>> states = initial_;
    std::vector<State<Scalar>> sample(layers_.size());
    Matrix<Scalar> outputs(B, H * T);
    for (Index b = 0; b < B; ++b) {
      for (std::size_t l = 0; l < layers_.size(); ++l) {
        sample[l] = {states[l].h.row(b), states[l].c.row(b)};
      }
      for (Index n = 0; n < T; ++n) {
        if (n < full_.length(b)) {
          Matrix<Scalar> x = x_.row(b).segment(n * golden_.inputs, golden_.inputs);
          for (std::size_t l = 0; l < layers_.size(); ++l) {
            layers_[l].step(parameters_, x, full_.time(b, n), sample[l]);
            x = sample[l].h;
          }
        }
        outputs.row(b).segment(n * H, H) = sample.back().h;
      }
      for (std::size_t l = 0; l < layers_.size(); ++l) {
        states[l].h.row(b) = sample[l].h;
        states[l].c.row(b) = sample[l].c;
      }
    }
    Tensors tensors;
    put_values(outputs, states, full_, mean_openness(full_), tensors);
    compare(tensors, result);
  }

 private:
  static std::string prefix(Index layer) { return std::to_string(layer) + "."; }

  /// Calls body(golden name, block) for every parameter block.
  template <class Body>
  void for_parameters(Body&& body) const {
    for (const ParameterBlock& block : layout_.blocks()) {
      const std::size_t dot = block.name.find('.');
      body(block.name.substr(dot + 1) + GoldenCase::suffix(std::stoi(block.name.substr(0, dot))),
           block);
    }
  }

  Matrix<Scalar> matrix(const std::string& name, Index T, Index rows, Index cols) const {
    return steps_side_by_side<Scalar>(golden_.tensors.at(name), T, rows, cols);
  }

  /// The timing with nothing in it that goes without saying.
  Timing compact_timing() const {
    Timing timing = full_;
    if ((timing.timestamps.rowwise() - timing.timestamps.row(0)).isZero(0)) {
      timing.timestamps = full_.timestamps.row(0).eval();
      bool counts = true;
      for (Index n = 0; n < timing.steps; ++n) {
        counts &= timing.timestamps(0, n) == static_cast<double>(n);
      }
      if (counts) timing.timestamps.resize(0, 0);
    }
    if (timing.valid_steps() == timing.batch * timing.steps) timing.lengths.clear();
    return timing;
  }

  /// The openness that the time gates of a layer say, [B, H*T]; 0 past a sample's length.
  Matrix<Scalar> openness_of(std::size_t layer, const Timing& timing) const {
    const Gate gate = layers_[layer].gate(parameters_);
    const Index H = golden_.hidden;
    Matrix<Scalar> k = Matrix<Scalar>::Zero(timing.batch, H * timing.steps);
    for (Index b = 0; b < timing.batch; ++b) {
      for (Index n = 0; n < timing.length(b); ++n) {
        k.row(b).segment(n * H, H) =
            openness(gate, static_cast<Scalar>(timing.time(b, n))).transpose();
      }
    }
    return k;
  }

  double openness_unit(const Timing& timing) const {
    return static_cast<double>(
        std::max<Index>(1, timing.valid_steps() * golden_.hidden * golden_.layers));
  }

  double mean_openness(const Timing& timing) const {
    double sum = 0;
    for (std::size_t l = 0; l < layers_.size(); ++l) {
      sum += openness_of(l, timing).template cast<double>().sum();
    }
    return sum / openness_unit(timing);
  }

  void put_values(const Matrix<Scalar>& outputs, const std::vector<State<Scalar>>& final_states,
                  const Timing& timing, double budget, Tensors& tensors) const {
    const Index T = golden_.steps;
    for (std::size_t l = 0; l < layers_.size(); ++l) {
      const std::string suffix = GoldenCase::suffix(static_cast<Index>(l));
      tensors["k" + suffix] = row_major(openness_of(l, timing), T);
      tensors["hT" + suffix] = row_major(final_states[l].h, 1);
      tensors["cT" + suffix] = row_major(final_states[l].c, 1);
    }
    const auto dot = [&](const char* name, const std::vector<double>& values) {
      const std::vector<double>& factors = golden_.tensors.at(name);
      double sum = 0;
      for (std::size_t i = 0; i < values.size(); ++i) sum += factors[i] * values[i];
      return sum;
    };
    tensors["h"] = row_major(outputs, T);
    tensors["budget"] = {budget};
    tensors["loss"] = {dot("dy", tensors["h"]) + dot("dcT", row_major(final_states.back().c, 1)) +
                       golden_.budget_weight * budget};
  }

  /// Forward and backward through all layers. Without initial states it leaves out their
  /// gradients: the layer does not compute them then.
  Tensors whole(Path path, const Timing& timing, bool with_initial_state) const {
    const Index T = golden_.steps, B = golden_.batch, H = golden_.hidden;
    const std::size_t L = layers_.size();
    std::vector<LayerTape<Scalar>> tapes(L);
    std::vector<State<Scalar>> final_states(L);
    std::vector<Matrix<Scalar>> outputs(L);
    OpCounts ops;
    for (std::size_t l = 0; l < L; ++l) {
      layers_[l].forward(parameters_, l == 0 ? x_ : outputs[l - 1], timing,
                         with_initial_state ? &initial_[l] : nullptr, final_states[l], &outputs[l],
                         tapes[l], Keep::tape, path);
      ops += tapes[l].ops();
    }
    Tensors tensors;
    put_values(outputs.back(), final_states, timing,
               path == Path::scheduled ? ops.openness / ops.dense_updates : mean_openness(timing),
               tensors);

    const Scalar budget_gradient =
        static_cast<Scalar>(golden_.budget_weight / openness_unit(timing));
    Vector<Scalar> gradient = Vector<Scalar>::Zero(layout_.size());
    Matrix<Scalar> doutputs = matrix("dy", T, B, H);
    for (std::size_t l = L; l-- > 0;) {
      State<Scalar> adjoint = State<Scalar>::zeros(B, H);
      if (l + 1 == L) adjoint.c = matrix("dcT", 1, B, H);
      Matrix<Scalar> dx;
      layers_[l].backward(parameters_, timing, tapes[l], &doutputs, budget_gradient, adjoint, &dx,
                          gradient);
      if (with_initial_state) {
        const std::string suffix = GoldenCase::suffix(static_cast<Index>(l));
        tensors["grad.h0" + suffix] = row_major(adjoint.h, 1);
        tensors["grad.c0" + suffix] = row_major(adjoint.c, 1);
      }
      doutputs = std::move(dx);
    }
    tensors["grad.x"] = row_major(doutputs, T);
    for_parameters([&](const std::string& name, const ParameterBlock& block) {
      tensors["grad." + name] = row_major(block_view(gradient, block), 1);
    });
    return tensors;
  }

  /// The error of the computed numbers, as check_conformance defines it; `scale` is the least that
  /// it is relative to.
  static double error_of(const std::vector<double>& computed, const std::vector<double>& expected,
                         double scale) {
    double largest = scale, error = 0;
    for (std::size_t i = 0; i < expected.size(); ++i) {
      if (!std::isfinite(computed[i])) return std::numeric_limits<double>::infinity();
      largest = std::max(largest, std::abs(expected[i]));
      error = std::max(error, std::abs(computed[i] - expected[i]));
    }
    const bool relative = largest >= static_cast<double>(std::numeric_limits<Scalar>::min());
    return relative ? error / largest : error;
  }

  /// How large the loss is expected to be if its terms have random signs.
  double loss_scale() const {
    const auto values = [&](const char* name) {
      const std::vector<double>& tensor = golden_.tensors.at(name);
      return Eigen::Map<const Eigen::ArrayXd>(tensor.data(), static_cast<Index>(tensor.size()));
    };
    return std::sqrt((values("dy") * values("h")).square().sum());
  }

  void compare(const Tensors& computed, Conformance& result) const {
    const auto include = [&](const std::vector<std::string>& names, Deviation& deviation) {
      for (const std::string& name : names) {
        const auto found = computed.find(name);
        if (found == computed.end()) continue;
        const double scale = name == "loss" ? loss_scale() : 0;
        deviation.include(error_of(found->second, golden_.tensors.at(name), scale), name);
      }
    };
    include(golden_.values, result.values);
    include(golden_.gradients, result.gradients);
  }

  const GoldenCase& golden_;
  ParameterLayout layout_;
  std::vector<Layer<Gate>> layers_;
  Vector<Scalar> parameters_;
  Matrix<Scalar> x_;                    // [B, I*T]
  std::vector<State<Scalar>> initial_;  // [B,H] per layer
  bool zero_initial_state_ = true;
  Timing full_;  // one timestamp per sample and step, and lengths
};

template <TimeGate Gate>
void check_conformance(const GoldenCase& golden, const typename Gate::Options& options,
                       ConformancePath path, Conformance& result) {
  const GoldenRun<Gate> run(golden, options);
  if (path == ConformancePath::steps_double) {
    run.compare_steps(result);
  } else {
    const bool reference = path == ConformancePath::reference_double;
    run.compare_whole(reference ? Path::reference : Path::scheduled, result);
  }
}

template <class Scalar>
void check_conformance(const GoldenCase& golden, ConformancePath path, Conformance& result) {
  switch (golden.gate) {
    case GoldenCase::Gate::always:
      return check_conformance<AlwaysOpen<Scalar>>(golden, {}, path, result);
    case GoldenCase::Gate::gaussian:
      return check_conformance<GaussianGate<Scalar>>(golden, {.threshold = golden.threshold}, path,
                                                     result);
    case GoldenCase::Gate::phased:
      return check_conformance<PhasedGate<Scalar>>(
          golden, {.threshold = golden.threshold, .leak = golden.leak}, path, result);
  }
}

}  // namespace detail

inline GoldenCase parse_golden_case(const Safetensors& file, const std::string& source) {
  return detail::GoldenReader(file, source).read();
}

inline Conformance check_conformance(const GoldenCase& golden, ConformancePath path) {
  Conformance result;
  result.limit = conformance_limit(path);
  try {
    if (path == ConformancePath::scheduled_float) {
      detail::check_conformance<float>(golden, path, result);
    } else {
      detail::check_conformance<double>(golden, path, result);
    }
  } catch (const Error& error) {
    throw Error(golden.source + ": " + error.what());
  }
  return result;
}

}  // namespace glstm
