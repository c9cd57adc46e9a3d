// What every library is given to compute: the sizes, the weights and the input of one LSTM layer.
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <string>
#include <vector>

#include "glstm/glstm.hpp"

namespace glstm::bench {

struct Shape {
  Index inputs, hidden, steps, batch;

  std::string name() const {
    return std::to_string(inputs) + ',' + std::to_string(hidden) + ',' + std::to_string(steps) +
           ',' + std::to_string(batch);
  }

  /// The same with a twentieth of the steps, for a run that only shows that all works.
  Shape shortened() const { return {inputs, hidden, std::max<Index>(steps / 20, 2), batch}; }

  /// Floating-point operations of the weight products: forward, and of a training step, which
  /// multiplies again for the gradients of the weights and of the state.
  double forward_flops() const {
    return 2.0 * 4 * static_cast<double>(hidden * (hidden + inputs) * steps * batch);
  }
  double training_flops() const {
    return 2 * forward_flops() + 2.0 * 4 * static_cast<double>(hidden * hidden * steps * batch);
  }
};

/// (inputs, hidden, steps, batch) of the sequence workloads; the first is sequential MNIST with
/// the network of the demo.
inline constexpr std::array<Shape, 8> sequence_shapes = {{{1, 110, 784, 128},
                                                          {2, 110, 1000, 64},
                                                          {3, 110, 1024, 64},
                                                          {64, 256, 200, 32},
                                                          {128, 512, 100, 32},
                                                          {32, 1024, 50, 32},
                                                          {128, 512, 10, 32},
                                                          {128, 512, 5, 32}}};

/// The shapes that are measured with batches from one sample on; their batch is the largest.
inline constexpr std::array<Shape, 2> batch_shapes = {{{1, 110, 784, 128}, {64, 256, 200, 128}}};
inline constexpr std::array<Index, 12> batch_sizes = {1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 64, 128};

/// Layers that are run one step at a time; known when compiling, for libraries that want that.
struct LayerSize {
  Index inputs, hidden;
};
inline constexpr std::array<LayerSize, 7> streaming_sizes = {
    {{1, 16}, {1, 32}, {1, 64}, {1, 110}, {16, 64}, {64, 128}, {64, 256}}};

/// The same weights and input for all: weights uniform within 1 / sqrt(H), as PyTorch draws them,
/// and a normal input. Parameters are those of an always-open layer: w_ih [4H,I], w_hh [4H,H],
/// b [4H], column-major, gate order i, f, g, o.
struct Workload {
  Shape shape;
  ParameterLayout layout;
  Layer<AlwaysOpen<float>> layer;
  Vector<float> parameters;
  Matrix<float> x;  ///< [B, I*T]

  explicit Workload(const Shape& sizes)
      : shape(sizes),
        layer(layout, "", sizes.inputs, sizes.hidden),
        parameters(layout.size()),
        x(sizes.batch, sizes.inputs * sizes.steps) {
    Rng rng(1);
    const double bound = 1 / std::sqrt(static_cast<double>(sizes.hidden));
    for (float& value : parameters) value = static_cast<float>(rng.uniform(-bound, bound));
    for (float& value : x.reshaped()) value = static_cast<float>(rng.normal());
  }

  LstmWeights<float> weights() const { return layer.weights(parameters); }

  /// The input as other libraries have it, [T][B][I] with I fastest.
  std::vector<float> time_major() const {
    const auto [inputs, hidden, steps, batch] = shape;
    std::vector<float> result;
    result.reserve(static_cast<std::size_t>(x.size()));
    for (Index n = 0; n < steps; ++n) {
      for (Index b = 0; b < batch; ++b) {
        for (Index i = 0; i < inputs; ++i) result.push_back(x(b, n * inputs + i));
      }
    }
    return result;
  }
};

}  // namespace glstm::bench
