// The weights of a streaming cell in the type of the parameters.
#pragma once

#include "glstm/core/types.hpp"
#include "glstm/kernels/packet_math.hpp"
#include "glstm/lstm/cell.hpp"
#include "glstm/streaming/gate_sums.hpp"

GLSTM_BEGIN_NAMESPACE
namespace detail {

/// The slots whose h a step multiplies by; `slots` null: all, whatever `count` says.
struct StepColumns {
  const Index* slots;
  Index count;
};

/// The panels of a cell, [blocks][I + H][4][packet]: a panel holds, for every input and every
/// neuron of the layer, the weights of the block's gates i, f, g, o, so that a step reads it once
/// from start to end. `Inputs` and `Hidden` may be given at compile time.
template <class Scalar, int Inputs, int Hidden>
class FullWeights {
 public:
  using Sums = GateSums<Scalar>;

  /// `order.neuron(slot)` is the neuron in a slot.
  template <class Order>
  FullWeights(const LstmWeights<Scalar>& weights, const Order& order)
      : inputs_(weights.inputs()), hidden_(weights.hidden()) {
    const Index H = hidden(), I = inputs();
    panels_.setZero((H + packet - 1) / packet * panel_size());
    for (Index slot = 0; slot < H; ++slot) {
      for (Index q = 0; q < 4; ++q) {
        const Index row = q * H + order.neuron(slot);
        Scalar* panel = panels_.data() + slot / packet * panel_size() + q * packet + slot % packet;
        for (Index k = 0; k < I; ++k) panel[k * column] = weights.Wx(row, k);
        for (Index k = 0; k < H; ++k) panel[(I + k) * column] = weights.Wh(row, order.neuron(k));
      }
    }
  }

  /// What the products of a step multiply: x [I], and h [columns.count].
  EIGEN_ALWAYS_INLINE void set_numbers(const Scalar* x, const Scalar* h,
                                       const StepColumns& columns) {
    x_ = x;
    h_ = h;
    columns_ = columns;
  }

  /// Sums of a block from `even` + `odd` on. Two sets of sums, each taking every other column, hide
  /// the latency of a multiply-add.
  EIGEN_ALWAYS_INLINE Sums add_products(Index block, Sums even, Sums odd) const {
    const Scalar* panel = panels_.data() + block * panel_size();
    const Scalar *x = x_, *h = h_;
    Index k = 0;
    for (; k + 2 <= inputs(); k += 2, panel += 2 * column) {
      even.add_product(x[k], panel);
      odd.add_product(x[k + 1], panel + column);
    }
    if (k < inputs()) {
      even.add_product(x[k], panel);
      panel += column;
    }
    if (const Index* slots = columns_.slots; slots == nullptr) {
      add_columns(
          hidden(), h, [&](Index n) { return panel + n * column; }, even, odd);
    } else {
      add_columns(
          columns_.count, h, [&](Index n) { return panel + slots[n] * column; }, even, odd);
    }
    even.add(odd);
    return even;
  }

  /// The weights of the column of h in `slot`, for a block, [4][packet].
  const Scalar* column_weights(Index block, Index slot, Scalar*) const {
    return panels_.data() + block * panel_size() + (inputs() + slot) * column;
  }

 private:
  static constexpr Index packet = kernels::packet_size<Scalar>;
  static constexpr Index column = 4 * packet;  // scalars of one column of a panel

  Index inputs() const { return Inputs == Eigen::Dynamic ? inputs_ : Index(Inputs); }
  Index hidden() const { return Hidden == Eigen::Dynamic ? hidden_ : Index(Hidden); }
  Index panel_size() const { return (inputs() + hidden()) * column; }

  template <class WeightsOf>
  EIGEN_ALWAYS_INLINE static void add_columns(Index count, const Scalar* h,
                                              const WeightsOf& weights_of, Sums& even, Sums& odd) {
    Index n = 0;
    for (; n + 2 <= count; n += 2) {
      odd.add_product(h[n], weights_of(n));
      even.add_product(h[n + 1], weights_of(n + 1));
    }
    if (n < count) odd.add_product(h[n], weights_of(n));
  }

  Index inputs_, hidden_;
  Vector<Scalar> panels_;
  const Scalar *x_ = nullptr, *h_ = nullptr;  // during a step
  StepColumns columns_{};
};

}  // namespace detail
GLSTM_END_NAMESPACE
