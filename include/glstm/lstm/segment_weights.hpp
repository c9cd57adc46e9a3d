// The weights of a segment's open neurons, in the order in which its products read them, and their
// gradients on the way back.
//
// A schedule of several segments packs all weights first, so that the four of one column and neuron
// are one read wherever the neurons are. A single segment of all neurons, which is a plain LSTM,
// reads the matrices and adds to their gradients directly.
#pragma once

#include <algorithm>
#include <vector>

#include "glstm/core/types.hpp"
#include "glstm/kernels/products.hpp"
#include "glstm/lstm/cell.hpp"
#include "glstm/lstm/scheduled_tape.hpp"

GLSTM_BEGIN_NAMESPACE
namespace scheduled {

/// Neurons in a tile of weights: a line of float.
inline constexpr Index weight_tile = 16;

/// Column k of the weights of [h | x], 4H numbers.
template <class Scalar>
const Scalar* weight_column(const LstmWeights<Scalar>& weights, Index k) {
  const Index H = weights.hidden();
  return k < H ? weights.Wh.data() + 4 * H * k : weights.Wx.data() + 4 * H * (k - H);
}
template <class Scalar>
Scalar* weight_column(LstmGradients<Scalar>& gradients, Index k) {
  const Index H = gradients.dWh.cols();
  return k < H ? gradients.dWh.data() + 4 * H * k : gradients.dWx.data() + 4 * H * (k - H);
}

/// Packs the weights: number g of packed[(k H + j) 4 ...] multiplies column k of [h | x] for gate g
/// of neuron j.
template <class Scalar>
void pack_gate_weights(const LstmWeights<Scalar>& weights, Vector<Scalar>& packed) {
  const Index H = weights.hidden(), inner = H + weights.inputs();
  packed.resize(4 * H * inner);
  for (Index k = 0; k < inner; ++k) {
    const Scalar* column = weight_column(weights, k);
    Scalar* out = packed.data() + 4 * H * k;
    for (Index j = 0; j < H; ++j) {
      for (Index g = 0; g < 4; ++g) out[4 * j + g] = column[g * H + j];
    }
  }
}

/// Adds a packed gradient, laid out as pack_gate_weights does, to the weight gradients.
template <class Scalar>
void add_packed_gradient(const Vector<Scalar>& packed, LstmGradients<Scalar>& gradients) {
  const Index H = gradients.dWh.cols(), inner = H + gradients.dWx.cols();
  for (Index k = 0; k < inner; ++k) {
    Scalar* column = weight_column(gradients, k);
    const Scalar* in = packed.data() + 4 * H * k;
    for (Index j = 0; j < H; ++j) {
      for (Index g = 0; g < 4; ++g) column[g * H + j] += in[4 * j + g];
    }
  }
}

/// Calls body(place in the packed weights, slot, k) for the weights of a segment: column k of
/// [h of `neurons` | x] into the neuron in each slot.
template <class Scalar, class Body>
void for_segment_weights(const Tape<Scalar>& tape, const std::vector<Index>& neurons, Body&& body) {
  const Index open = static_cast<Index>(neurons.size()), inner = open + tape.inputs;
  for (Index first = 0; first < open; first += weight_tile) {  // both sides by lines
    const Index end = std::min(first + weight_tile, open);
    for (Index k = 0; k < inner; ++k) {
      const Index source = k < open ? neurons[static_cast<std::size_t>(k)] : tape.hidden + k - open;
      for (Index slot = first; slot < end; ++slot) {
        body(4 * (source * tape.hidden + neurons[static_cast<std::size_t>(slot)]), slot, k);
      }
    }
  }
}

/// Copies up to a line of numbers; a whole one needs no call.
template <class Scalar>
EIGEN_ALWAYS_INLINE void copy_line(const Scalar* from, Index count, Scalar* to) {
  if (count == weight_tile) {
    for (Index n = 0; n < weight_tile; ++n) to[n] = from[n];
  } else {
    std::copy_n(from, count, to);
  }
}

/// tile[q][g][n] = weight of column k + q for gate g of neuron first + n, up to columns and neurons
/// `k_end` and `end`.
template <class Scalar>
void copy_weights(const LstmWeights<Scalar>& weights, Index k, Index k_end, Index first, Index end,
                  Scalar (*tile)[4][weight_tile]) {
  for (; k < k_end; ++k, ++tile) {
    const Scalar* column = weight_column(weights, k) + first;
    for (Index g = 0; g < 4; ++g, column += weights.hidden()) {
      copy_line(column, end - first, (*tile)[g]);
    }
  }
}

/// Calls body(k, k_end, j, j_end) for `width` columns k of `inner` and 16 neurons j at a time.
/// These tiles are copied to a small buffer, line by line, and from there: the columns of a layer
/// of 2^n neurons are in the same few sets of a cache, which does not hold a tile of them.
template <class Body>
void for_weight_tiles(Index inner, Index hidden, Index width, Body&& body) {
  for (Index k = 0; k < inner; k += width) {
    for (Index j = 0; j < hidden; j += weight_tile) {
      body(k, std::min(k + width, inner), j, std::min(j + weight_tile, hidden));
    }
  }
}

/// The panel for the products of all neurons: that of layout WeightPanel{H, H + I}.
template <class Scalar>
void copy_to_panel(const LstmWeights<Scalar>& weights, Scalar* panel) {
  const Index H = weights.hidden(), inner = H + weights.inputs();
  const kernels::WeightPanel layout{H, inner};
  for_weight_tiles(inner, H, 4, [&](Index k, Index k_end, Index first, Index end) {
    Scalar tile[4][4][weight_tile];
    copy_weights(weights, k, k_end, first, end, tile);
    for (Index j = first; j < end; ++j) {
      Scalar* out = panel + layout.place(j, k);
      for (Index q = 0; q < k_end - k; ++q) {
        for (Index g = 0; g < 4; ++g) out[4 * q + g] = tile[q][g][j - first];
      }
    }
  });
}

/// The transposed panel, WeightPanel{groups of four columns of [h | x], 4H}, of the first `wanted`
/// columns.
template <class Scalar>
void copy_to_transposed_panel(const LstmWeights<Scalar>& weights, Index wanted, Scalar* panel) {
  const Index H = weights.hidden();
  const kernels::WeightPanel layout{(wanted + 3) / 4, 4 * H};
  for_weight_tiles(wanted, H, 4, [&](Index k, Index k_end, Index first, Index end) {
    Scalar tile[4][4][weight_tile] = {};
    copy_weights(weights, k, k_end, first, end, tile);
    for (Index j = first; j < end; ++j) {
      Scalar* out = panel + layout.place(k / 4, 4 * j);
      for (Index g = 0; g < 4; ++g) {
        for (Index q = 0; q < 4; ++q) out[4 * g + q] = tile[q][g][j - first];
      }
    }
  });
}

/// Adds the gradient of the products of all neurons, [padded, 4H] with a row for each column of
/// [h | x], to the weight gradients.
template <class Scalar>
void add_panel_gradient(const Scalar* dpanel, Index padded, LstmGradients<Scalar>& gradients) {
  const Index H = gradients.dWh.cols(), inner = H + gradients.dWx.cols();
  for_weight_tiles(inner, H, weight_tile, [&](Index k, Index k_end, Index first, Index end) {
    Scalar tile[weight_tile][weight_tile];
    for (Index g = 0; g < 4; ++g) {
      for (Index j = first; j < end; ++j) {
        copy_line(dpanel + (4 * j + g) * padded + k, k_end - k, tile[j - first]);
      }
      for (Index q = k; q < k_end; ++q) {
        Scalar* column = weight_column(gradients, q) + g * H;
        for (Index j = first; j < end; ++j) column[j] += tile[j - first][q - k];
      }
    }
  });
}

}  // namespace scheduled
GLSTM_END_NAMESPACE
