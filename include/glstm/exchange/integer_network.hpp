// A network in integers, as an exported header computes it on a processor without floating point.
//
// Weights have 8 bits and a scale for each neuron and gate, inputs, states and activations 16, sums
// 32. What the numbers stand for: h, i, f, g, o and the openness k are Q15 (32768 is 1); c has
// `cell_bits` bits after the point; the pre-activations have 12; an input x is round(x x_scale).
// Nothing is rounded but where this file says so, so the result is the same on every processor.
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <limits>
#include <numeric>
#include <type_traits>
#include <utility>
#include <vector>

#include "glstm/core/batch.hpp"
#include "glstm/core/error.hpp"
#include "glstm/core/types.hpp"
#include "glstm/exchange/exact_window.hpp"
#include "glstm/exchange/integer_arithmetic.hpp"
#include "glstm/gates/always_open.hpp"
#include "glstm/gates/gaussian_gate.hpp"
#include "glstm/nn/device_estimate.hpp"
#include "glstm/nn/network.hpp"

GLSTM_BEGIN_NAMESPACE
namespace detail::integer {

/// The constants of a layer.
struct LayerConstants {
  Index neurons = 0, inputs = 0;
  std::vector<std::int8_t> w;      ///< [neurons][neurons + inputs][4]
  std::vector<std::int32_t> bias;  ///< [neurons][4], 12 bits after the point
  std::vector<Factor> factors;     ///< [neurons][2][4] of sums over the hidden state and the input
  int cell_bits = 12;              ///< of c, after the point
  /// Of time gates, [neurons]; empty: always open. A neuron is open from `opens` to `closes`, in
  /// ticks; u = (t - mu) / |sigma| is first_u / 2^13 + (t - opens) slope / 2^29.
  std::vector<std::int32_t> opens, closes;
  std::vector<std::int16_t> first_u;
  std::vector<std::uint32_t> slope;

  bool gated() const { return !opens.empty(); }
};

}  // namespace detail::integer

/// The ranges of a network's numbers over examples, from which integers take their scales.
struct Calibration {
  std::vector<double> largest_input;  ///< [I] the largest magnitude of each input
  std::vector<double> largest_cell;   ///< [layers] the largest magnitude of c
};

/// Runs a network step by step over examples [B,T], scaled as in training, and returns the ranges
/// of its numbers. A hundred typical sequences are enough. Throws Error if there is no step, or a
/// number is not finite.
template <TimeGate Gate, class Scalar = typename Gate::Scalar>
Calibration calibrate(const Network<Gate>& network, const SequenceBatch<Scalar>& examples) {
  const Timing& timing = examples.timing;
  const Index I = network.options().inputs;
  detail::require(examples.features == I, "expected examples with ", I, " inputs, got ",
                  examples.features);
  detail::require(timing.valid_steps() > 0, "expected examples to calibrate with, got no step");
  timing.check();
  Calibration calibration{std::vector<double>(static_cast<std::size_t>(I)),
                          std::vector<double>(network.layers().size())};
  const auto include = [](double& largest, Scalar value) {
    detail::require(std::isfinite(value), "expected finite numbers in calibration, got ", value);
    largest = std::max(largest, std::abs(static_cast<double>(value)));
  };
  for (Index b = 0; b < timing.batch; ++b) {
    std::vector<State<Scalar>> states = network.initial_state(1);
    for (Index n = 0; n < timing.length(b); ++n) {
      Matrix<Scalar> x = examples.values.block(b, n * I, 1, I);
      for (Index i = 0; i < I; ++i) {
        include(calibration.largest_input[static_cast<std::size_t>(i)], x(0, i));
      }
      for (std::size_t l = 0; l < network.layers().size(); ++l) {
        network.layers()[l].step(network.parameters, x, timing.time(b, n), states[l]);
        for (const Scalar c : states[l].c.reshaped()) include(calibration.largest_cell[l], c);
        x = states[l].h;
      }
    }
  }
  return calibration;
}

/// A network in integers, as a header of save_integer_header computes it, to the last bit, on
/// every processor; for tests of such headers, and to see what the rounding costs. Its inputs are
/// scaled as in training.
class IntegerNetwork {
 public:
  using LayerConstants = detail::integer::LayerConstants;
  using Rows = detail::integer::Rows;

  /// `tick` is the unit of the times of steps, in that of the timestamps, counted from the
  /// network's time_origin. Throws Error for networks that are bidirectional or have readout
  /// layers, an input skip, learned states or periodic gates, and where integers cannot hold a
  /// number.
  template <class Gate>
  IntegerNetwork(const Network<Gate>& network, const Calibration& calibration, double tick = 1) {
    using Scalar = typename Gate::Scalar;
    constexpr bool plain = std::is_same_v<Gate, AlwaysOpen<Scalar>>;
    static_assert(detail::gate_has_integers<Gate>,
                  "integers are for networks with the time gates AlwaysOpen and GaussianGate");
    const NetworkOptions<Gate>& options = network.options();
    detail::require(detail::has_integer_header<Gate>(options),
                    "integers are for networks that are not bidirectional and have no readout "
                    "layers, input skip or learned states");
    detail::require(std::isfinite(tick) && tick > 0, "expected a tick above 0, got ", tick);
    network.check_parameters();
    detail::require(calibration.largest_input.size() == static_cast<std::size_t>(options.inputs) &&
                        calibration.largest_cell.size() == options.hidden.size(),
                    "expected the calibration of a network with ", options.inputs, " inputs and ",
                    options.hidden.size(), " layers, got that of another");
    for (const double largest : calibration.largest_input) {
      // Twice the largest number that was seen still fits. 0: as for scaled inputs.
      x_scale_.push_back(16383 / (largest > 1e-30 ? largest : 1));
    }
    for (std::size_t l = 0; l < options.hidden.size(); ++l) {
      add_layer(network, l, calibration.largest_cell[l]);
      if constexpr (!plain) add_gates(network, l, tick);
    }
    add_readout(network);
    reset();
  }

  const std::vector<double>& x_scale() const { return x_scale_; }
  const std::vector<LayerConstants>& layers() const { return layers_; }
  const Rows& readout() const { return readout_; }
  const std::vector<std::int32_t>& readout_bias() const { return readout_bias_; }
  int output_bits() const { return output_bits_; }  ///< of the output, after the point

  Index inputs() const { return layers_.front().inputs; }
  Index outputs() const { return readout_.values.rows(); }

  void reset() {
    h_.clear(), c_.clear();
    for (const LayerConstants& layer : layers_) {
      h_.emplace_back(static_cast<std::size_t>(layer.neurons));
      c_.emplace_back(static_cast<std::size_t>(layer.neurons));
    }
  }

  /// x [I] of real numbers as integers, rounded to nearest and limited to 16 bits.
  template <class Scalar>
  void quantize(const Scalar* x, std::int16_t* to) const {
    for (std::size_t i = 0; i < x_scale_.size(); ++i) {
      const float scaled = static_cast<float>(x[i]) * static_cast<float>(x_scale_[i]);
      float limited = scaled > -32767.0f ? scaled : -32767.0f;  // also where it is not a number
      limited = std::min(limited, 32767.0f);
      to[i] = static_cast<std::int16_t>(limited + (limited < 0 ? -0.5f : 0.5f));
    }
  }

  /// One step with the input x [I] at tick t. Returns how many neurons were open.
  Index step(const std::int16_t* x, std::int32_t t) {
    Index open = 0;
    for (std::size_t l = 0; l < layers_.size(); ++l) {
      open += step_layer(l, l == 0 ? x : h_[l - 1].data(), t);
    }
    return open;
  }

  /// The outputs [O] after the last step, times 2^output_bits.
  std::vector<std::int32_t> output() const {
    std::vector<std::int32_t> y = readout_bias_;
    for (Index n = 0; n < outputs(); ++n) {
      std::int32_t sum = 0;
      for (Index j = 0; j < readout_.values.cols(); ++j) {
        sum += readout_.values(n, j) * h_.back()[static_cast<std::size_t>(j)];
      }
      y[static_cast<std::size_t>(n)] +=
          detail::integer::rescale(sum, readout_.factors[static_cast<std::size_t>(n)]);
    }
    return y;
  }

  const std::vector<std::int16_t>& h(std::size_t l) const { return h_[l]; }
  const std::vector<std::int16_t>& c(std::size_t l) const { return c_[l]; }

 private:
  static constexpr double gate_unit = 1.0 / 4096;

  template <class Gate>
  void add_layer(const Network<Gate>& network, std::size_t l, double largest_cell) {
    const auto weights = network.layers()[l].weights(network.parameters);
    const Index H = weights.hidden(), I = weights.inputs();
    LayerConstants layer;
    layer.neurons = H;
    layer.inputs = I;
    // Room for cells a quarter larger than those that were seen; beyond it they saturate.
    while (layer.cell_bits > 0 && std::ldexp(1.25 * largest_cell, layer.cell_bits) > 32767) {
      --layer.cell_bits;
    }
    while (layer.cell_bits < 15 && std::ldexp(1.25 * largest_cell, layer.cell_bits + 1) < 32767) {
      ++layer.cell_bits;
    }
    const Rows h = detail::integer::to_rows(
        weights.Wh, [](Index) { return 1.0 / 32768; }, gate_unit);
    const Rows x = detail::integer::to_rows(
        weights.Wx,
        [&](Index i) { return l == 0 ? 1 / x_scale_[static_cast<std::size_t>(i)] : 1.0 / 32768; },
        gate_unit);
    for (Index j = 0; j < H; ++j) {
      for (Index k = 0; k < H + I; ++k) {
        for (Index g = 0; g < 4; ++g) {
          layer.w.push_back(k < H ? h.values(g * H + j, k) : x.values(g * H + j, k - H));
        }
      }
      for (const Rows* rows : {&h, &x}) {
        for (Index g = 0; g < 4; ++g) {
          layer.factors.push_back(rows->factors[static_cast<std::size_t>(g * H + j)]);
        }
      }
      for (Index g = 0; g < 4; ++g) {
        layer.bias.push_back(fixed_point(weights.b(g * H + j), 12));
        check_sum(h, x, g * H + j, layer.bias.back());
      }
    }
    layers_.push_back(std::move(layer));
  }

  /// Throws Error if the pre-activation of a row could exceed 31 bits.
  static void check_sum(const Rows& h, const Rows& x, Index row, std::int32_t bias) {
    double largest = std::abs(static_cast<double>(bias));
    for (const Rows* rows : {&h, &x}) {
      const detail::integer::Factor factor = rows->factors[static_cast<std::size_t>(row)];
      const double sum = rows->values.row(row).template cast<double>().cwiseAbs().sum();
      largest += 32768 * sum * std::ldexp(factor.multiplier, -16 - factor.shift);
    }
    detail::require(largest < 1073741824,
                    "weights are too large for integers: a pre-activation "
                    "could be ",
                    largest / 4096);
  }

  template <class Scalar>
  static std::int32_t fixed_point(Scalar value, int bits) {
    const double scaled = std::ldexp(static_cast<double>(value), bits);
    detail::require(std::abs(scaled) < 1073741824, "expected numbers that fit into 31 bits with ",
                    bits, " after the point, got ", value);
    return static_cast<std::int32_t>(std::lround(scaled));
  }

  template <class Gate>
  void add_gates(const Network<Gate>& network, std::size_t l, double tick) {
    const auto& source = network.layers()[l];
    auto options = source.gate_options();
    // Below this the openness is 0 in 15 bits.
    options.threshold = std::max(options.threshold, 1.0 / 65536);
    const Gate gate(source.gate_parameters(network.parameters), options);
    LayerConstants& layer = layers_[l];
    for (Index j = 0; j < layer.neurons; ++j) {
      const auto [opens, closes] = detail::exact_window(gate, j);
      constexpr double limit = 1073741823;
      const double sigma = std::abs(static_cast<double>(gate.sigma(j)));
      detail::require(sigma / tick < 1048576,
                      "expected windows of less than 2^20 ticks, got a width "
                      "of ",
                      sigma / tick, ": choose a longer tick");
      double first = std::ceil(opens / tick), last = std::floor(closes / tick);
      if (first > limit || last < -limit || first > last) {  // beyond all times, or between two
        layer.opens.push_back(std::numeric_limits<std::int32_t>::max());
        layer.closes.push_back(std::numeric_limits<std::int32_t>::min());
        layer.first_u.push_back(0);
        layer.slope.push_back(0);
        continue;
      }
      first = std::max(first, -limit), last = std::min(last, limit);
      const double u = (first * tick - static_cast<double>(gate.mu(j))) / sigma;
      layer.opens.push_back(static_cast<std::int32_t>(first));
      layer.closes.push_back(static_cast<std::int32_t>(last));
      layer.first_u.push_back(
          static_cast<std::int16_t>(std::lround(std::clamp(8192 * u, -32767.0, 32767.0))));
      layer.slope.push_back(static_cast<std::uint32_t>(
          std::llround(std::min(4294967295.0, std::ldexp(tick / sigma, 29)))));
    }
  }

  template <class Gate>
  void add_readout(const Network<Gate>& network) {
    const auto W = block_view(network.parameters, network.layout().find("readout.w"));
    const auto b = block_view(network.parameters, network.layout().find("readout.b"));
    // As many bits after the point as the largest possible output and the factors allow.
    double largest = 0, largest_weight = 0;
    for (Index n = 0; n < W.rows(); ++n) {
      largest = std::max(largest, static_cast<double>(W.row(n).cwiseAbs().sum()) +
                                      std::abs(static_cast<double>(b(n))));
      largest_weight =
          std::max(largest_weight, static_cast<double>(W.row(n).cwiseAbs().maxCoeff()));
    }
    output_bits_ = 16;
    while (output_bits_ > 0 && (std::ldexp(largest, output_bits_) > 1e9 ||
                                std::ldexp(largest_weight / 127, output_bits_ - 15) > 0.49)) {
      --output_bits_;
    }
    readout_ = detail::integer::to_rows(
        W, [](Index) { return 1.0 / 32768; }, std::ldexp(1.0, -output_bits_));
    for (Index n = 0; n < W.rows(); ++n) {
      readout_bias_.push_back(fixed_point(b(n), output_bits_));
    }
  }

  static std::int32_t tanh_of(std::int32_t z) {
    static const std::vector<std::int16_t> table = detail::integer::tanh_table();
    const std::int32_t y = detail::integer::interpolate(table, std::abs(z));
    return z < 0 ? -y : y;
  }
  static std::int32_t sigmoid_of(std::int32_t z) { return (32768 + tanh_of(z >> 1)) >> 1; }

  /// old + k (proposed - old), k in Q15.
  static std::int16_t blend(std::int32_t k, std::int32_t proposed, std::int32_t old) {
    return static_cast<std::int16_t>(old + ((k * (proposed - old) + 16384) >> 15));
  }

  static std::int32_t openness(const LayerConstants& layer, std::size_t j, std::int32_t t) {
    static const std::vector<std::uint16_t> table = detail::integer::openness_table();
    if (!layer.gated()) return 32768;
    if (t < layer.opens[j] || t > layer.closes[j]) return -1;
    const std::uint32_t elapsed =
        static_cast<std::uint32_t>(t) - static_cast<std::uint32_t>(layer.opens[j]);
    const std::int32_t u =
        layer.first_u[j] + static_cast<std::int32_t>((elapsed * layer.slope[j]) >> 16);
    return detail::integer::interpolate(table, std::abs(u));
  }

  Index step_layer(std::size_t l, const std::int16_t* x, std::int32_t t) {
    const LayerConstants& layer = layers_[l];
    std::vector<std::int16_t> h = h_[l];
    Index open = 0;
    for (std::size_t j = 0; j < h.size(); ++j) {
      const std::int32_t k = openness(layer, j, t);
      if (k < 0) continue;
      ++open;
      const std::array<std::int32_t, 4> z = pre_activations(l, j, x);
      const std::int32_t i = sigmoid_of(z[0]), f = sigmoid_of(z[1]), g = tanh_of(z[2]);
      const std::int32_t o = sigmoid_of(z[3]), c = c_[l][j];
      const std::int32_t sum = f * c + ((i * g) >> (15 - layer.cell_bits));
      const std::int32_t c_new = std::clamp((sum + 16384) >> 15, -32767, 32767);
      const std::int32_t c_12 = layer.cell_bits > 12 ? c_new >> (layer.cell_bits - 12)
                                                     : c_new * (1 << (12 - layer.cell_bits));
      const std::int32_t h_new = (o * tanh_of(c_12) + 16384) >> 15;
      c_[l][j] = blend(k, c_new, c);
      h[j] = blend(k, h_new, h_[l][j]);
    }
    h_[l] = std::move(h);
    return open;
  }

  std::array<std::int32_t, 4> pre_activations(std::size_t l, std::size_t j,
                                              const std::int16_t* x) const {
    const LayerConstants& layer = layers_[l];
    const auto H = static_cast<std::size_t>(layer.neurons);
    const auto columns = H + static_cast<std::size_t>(layer.inputs);
    std::array<std::int32_t, 4> z;
    for (std::size_t g = 0; g < 4; ++g) {
      std::int32_t hidden = 0, input = 0;
      for (std::size_t k = 0; k < columns; ++k) {
        const std::int32_t w = layer.w[4 * (j * columns + k) + g];
        (k < H ? hidden : input) += w * (k < H ? h_[l][k] : x[k - H]);
      }
      z[g] = layer.bias[4 * j + g] + detail::integer::rescale(hidden, layer.factors[8 * j + g]) +
             detail::integer::rescale(input, layer.factors[8 * j + 4 + g]);
    }
    return z;
  }

  std::vector<double> x_scale_;
  std::vector<LayerConstants> layers_;
  Rows readout_;
  std::vector<std::int32_t> readout_bias_;
  int output_bits_ = 16;
  std::vector<std::vector<std::int16_t>> h_, c_;  // by layer
};

GLSTM_END_NAMESPACE
