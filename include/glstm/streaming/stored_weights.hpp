// The weights of a streaming cell in 8 or 16 bits.
//
// Reading the weights is most of a step, so a step of smaller weights takes less time. Every row of
// the weights has a scale. The numbers that are multiplied by them (the inputs, and h of the open
// neurons) are scaled by the largest of them in every step and rounded to 16 bits or fewer, so that
// a sum of products is exact.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <optional>
#include <type_traits>

#include "glstm/core/error.hpp"
#include "glstm/core/types.hpp"
#include "glstm/kernels/integer_products.hpp"
#include "glstm/lstm/cell.hpp"
#include "glstm/streaming/full_weights.hpp"
#include "glstm/streaming/gate_sums.hpp"

GLSTM_BEGIN_NAMESPACE

/// How a stream stores the weights that it multiplies by. Fewer bits are faster and less exact.
enum class StoredWeights {
  full,   ///< in the type of the parameters
  int16,  ///< 16 bits and a scale per neuron and gate
  int8    ///< 8 bits and a scale per neuron and gate
};

namespace detail {

/// Weights of some columns for all neurons of a layer, as integers: [blocks][pairs of columns][4]
/// [packet][2], and their scales.
template <class Integer>
class IntegerPanels {
 public:
  using P = kernels::Packet<float>;
  using Sums = GateSums<float>;

  /// `weight(row, k)` is the weight of column k for row q H + neuron of the slot; `order` has
  /// neuron(slot).
  template <class Weight, class Order>
  void pack(Index neurons, Index columns, const Weight& weight, const Order& order) {
    columns_ = columns;
    const Index blocks = (neurons + packet - 1) / packet;
    panels_.setZero(blocks * panel_size());
    scales_.setZero(blocks * column);
    numbers_.setZero(2 * pairs());
    rounded_.setZero(columns);
    listed_.setZero(pairs());
    // Sums of 32 bits: the sum of a row's weights times the largest number must fit into 31.
    // Weights of 16 bits share them with the numbers, half and half.
    constexpr bool wide = std::numeric_limits<Integer>::digits > 8;
    const double width = static_cast<double>(std::max<Index>(columns, 1));
    const double most_sum = wide ? std::max(65535.0, std::sqrt(2147483647.0 * width)) : 127 * width;
    limit_ = static_cast<float>(std::min(32767.0, std::floor(2147483647.0 / most_sum) - 1));
    for (Index slot = 0; slot < neurons; ++slot) {
      for (Index q = 0; q < 4; ++q) {
        const Index row = q * neurons + order.neuron(slot);
        double largest = 0, sum = 0;
        for (Index k = 0; k < columns; ++k) {
          const double w = std::abs(static_cast<double>(weight(row, k)));
          largest = std::max(largest, w);
          sum += w;
        }
        const Index place_of_scale = slot / packet * column + q * packet + slot % packet;
        if (!std::isfinite(sum)) {  // shall not be hidden by rounding
          scales_(place_of_scale) = std::numeric_limits<float>::quiet_NaN();
          continue;
        }
        if (largest == 0) continue;
        const double most = std::numeric_limits<Integer>::max();
        // Rounding may add half a unit per weight.
        const double room = most_sum - 0.5 * static_cast<double>(columns);
        const double scale = wide ? std::max(largest / most, sum / room) : largest / most;
        scales_(place_of_scale) = static_cast<float>(scale);
        for (Index k = 0; k < columns; ++k) {
          panels_(place(slot, q, k)) =
              static_cast<Integer>(std::lround(static_cast<double>(weight(row, k)) / scale));
        }
      }
    }
  }

  /// Rounds the numbers that the next products multiply, one per column.
  void set_numbers(const float* values) {
    round(values, columns_, numbers_.data());
    count_ = unit_ == 0 ? 0 : pairs();
    if (all_listed_) return;
    for (Index p = 0; p < pairs(); ++p) listed_(p) = p;
    all_listed_ = true;
  }

  /// Likewise for some columns, which ascend; the numbers of all others are 0.
  void set_numbers(const float* values, const Index* columns, Index count) {
    round(values, count, rounded_.data());
    all_listed_ = false;
    count_ = 0;
    Index last = -1;
    for (Index n = 0; n < (unit_ == 0 ? 0 : count); ++n) {
      const Index k = columns[n];
      if (k / 2 != last) {
        last = k / 2;
        listed_(count_++) = last;
        numbers_(2 * last) = numbers_(2 * last + 1) = 0;
      }
      numbers_(k) = rounded_(n);
    }
  }

  /// sums += the numbers times the weights of a block. Not inlined: with the constants of all else
  /// that a step does, 16 registers would not hold the sums.
  EIGEN_DONT_INLINE void add_products(Index block, Sums& sums) const {
    using namespace kernels::detail;
    const Integer* panel = panels_.data() + block * panel_size();
    kernels::IntegerSums even, odd;
    const auto add = [&](Index n, kernels::IntegerSums& to) {
      const Index pair = listed_.data()[n];
      to.add_pair(kernels::integer_pair_of(numbers_.data() + 2 * pair), panel + pair * pair_size);
    };
    Index n = 0;
    for (; n + 2 <= count_; n += 2) add(n, even), add(n + 1, odd);
    if (n < count_) add(n, even);
    even.add(odd);
    const float* scale = scales_.data() + block * column;
    const P unit = pset1<P>(unit_);
    const auto scaled = [&](P& sum, const kernels::IntegerPacket& of, Index gate) {
      sum = pmadd(to_float(of), pmul(unit, pload<P>(scale + gate * packet)), sum);
    };
    scaled(sums.i, even.i, 0);
    scaled(sums.f, even.f, 1);
    scaled(sums.g, even.g, 2);
    scaled(sums.o, even.o, 3);
  }

  /// Writes the weights of column k for a block to w [4][packet].
  void column_weights(Index block, Index k, float* w) const {
    const Integer* panel = panels_.data() + block * panel_size() + k / 2 * pair_size + k % 2;
    for (Index at = 0; at < column; ++at) {
      w[at] = static_cast<float>(panel[2 * at]) * scales_(block * column + at);
    }
  }

 private:
  static constexpr Index packet = kernels::packet_size<float>;
  static constexpr Index column = 4 * packet;
  static constexpr Index pair_size = 2 * column;

  /// Rounds `count` numbers by the largest of them. If one is not finite, neither is the unit, so
  /// that no sum is.
  void round(const float* values, Index count, std::int16_t* to) {
    const Eigen::Map<const Eigen::ArrayXf> numbers(values, count);
    const float largest = count == 0 ? 0.0f : numbers.abs().maxCoeff<Eigen::PropagateNaN>();
    unit_ = largest < 1e-30f ? 0.0f : largest / limit_;
    if (!std::isfinite(unit_)) std::fill_n(to, count, std::int16_t(0));
    if (!std::isfinite(unit_) || unit_ == 0) return;
    const float inverse = limit_ / largest;
    for (Index n = 0; n < count; ++n) {  // to the nearest, away from 0 at a half
      const float number = values[n] * inverse;
      to[n] = static_cast<std::int16_t>(
          static_cast<std::int32_t>(number + std::copysign(0.5f, number)));
    }
  }

  Index pairs() const { return (columns_ + 1) / 2; }
  Index panel_size() const { return pairs() * pair_size; }
  Index place(Index slot, Index gate, Index k) const {
    return slot / packet * panel_size() + k / 2 * pair_size + 2 * (gate * packet + slot % packet) +
           k % 2;
  }

  Index columns_ = 0, count_ = 0;
  float limit_ = 1;  // the largest number, as an integer
  float unit_ = 0;   // what 1 stands for in the numbers
  Vector<Integer> panels_;
  Vector<float> scales_;          // [blocks][4][packet]
  Vector<std::int16_t> numbers_;  // [columns] up to whole pairs
  Vector<std::int16_t> rounded_;  // [columns]
  Vector<Index> listed_;          // the pairs of columns that have numbers, `count_`
  bool all_listed_ = false;
};

/// The weights of a layer as integers, with the functions of FullWeights.
template <class Integer>
class IntegerWeights {
 public:
  using Sums = GateSums<float>;

  template <class Order>
  IntegerWeights(const LstmWeights<float>& weights, const Order& order) {
    x_.pack(
        weights.hidden(), weights.inputs(), [&](Index row, Index k) { return weights.Wx(row, k); },
        order);
    h_.pack(
        weights.hidden(), weights.hidden(),
        [&](Index row, Index k) { return weights.Wh(row, order.neuron(k)); }, order);
  }

  void set_numbers(const float* x, const float* h, const StepColumns& columns) {
    x_.set_numbers(x);
    if (columns.slots == nullptr) {
      h_.set_numbers(h);
    } else {
      h_.set_numbers(h, columns.slots, columns.count);
    }
  }

  EIGEN_ALWAYS_INLINE Sums add_products(Index block, Sums even, const Sums& odd) const {
    even.add(odd);
    x_.add_products(block, even);
    h_.add_products(block, even);
    return even;
  }

  const float* column_weights(Index block, Index slot, float* memory) const {
    h_.column_weights(block, slot, memory);
    return memory;
  }

 private:
  IntegerPanels<Integer> x_, h_;
};

/// The weights of a cell in one of the forms of StoredWeights. Only float has more than one.
template <class Scalar, int Inputs, int Hidden>
class CellWeights {
 public:
  /// Throws Error if there is no such form for Scalar.
  template <class Order>
  CellWeights(const LstmWeights<Scalar>& weights, const Order& order, StoredWeights stored) {
    require(stored == StoredWeights::full || several,
            "weights can be stored in fewer bits for float only");
    if (stored == StoredWeights::full) full_.emplace(weights, order);
    if constexpr (several) {
      if (stored == StoredWeights::int16) int16_.emplace(weights, order);
      if (stored == StoredWeights::int8) int8_.emplace(weights, order);
      require(full_ || int16_ || int8_, "expected a form of StoredWeights, got number ",
              static_cast<int>(stored));
    }
  }

  /// Calls body(weights) with the form that they have.
  template <class Body>
  EIGEN_ALWAYS_INLINE void with_form(const Body& body) {
    if (full_) return body(*full_);
    if constexpr (several) {
      if (int16_) return body(*int16_);
      if (int8_) return body(*int8_);
    }
  }

 private:
  static constexpr bool several = std::is_same_v<Scalar, float>;
  std::optional<FullWeights<Scalar, Inputs, Hidden>> full_;  // one of the three
  std::optional<IntegerWeights<std::int16_t>> int16_;
  std::optional<IntegerWeights<std::int8_t>> int8_;
};

}  // namespace detail
GLSTM_END_NAMESPACE
