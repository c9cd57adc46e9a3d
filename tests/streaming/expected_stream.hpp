// What a stream does according to its definition: which time its gates see, who is open then, and
// the states that follow. Nothing is kept from one step to the next but the state.
#pragma once

#include <algorithm>
#include <cmath>

#include "glstm/lstm/cell.hpp"
#include "glstm/streaming/streaming_cell.hpp"
#include "stream_problem.hpp"

namespace stream_problem {

using Mask = Eigen::Array<bool, Eigen::Dynamic, 1>;

template <class Gate>
class ExpectedStream {
 public:
  using Scalar = typename Gate::Scalar;

  ExpectedStream(const Layer<Gate>& layer, const Vector<Scalar>& parameters, const StreamSpan& span)
      : layer_(layer), parameters_(parameters), gate_(layer.gate(parameters)), span_(span) {
    if (span.after == AfterSpan::always_open_only) always_open_ = open_throughout();
  }

  // The time that the gates see, absolute.
  double seen(double t) const {
    switch (span_.after) {
      case AfterSpan::hold:
        return t;
      case AfterSpan::restart:
        if (t < span_.end) return t;
        return span_.start + std::fmod(t - span_.start, span_.end - span_.start);
      case AfterSpan::always_open_only:
        return std::min(t, span_.end);
    }
    return t;
  }

  Mask open(double t) const {
    const Mask mask = open_mask(gate_, relative(seen(t)));
    return past(t) ? Mask(mask && always_open_) : mask;
  }

  void step(const Matrix<Scalar>& x, double t, State<Scalar>& state) const {
    if (!past(t)) return layer_.step(parameters_, x, seen(t), state);
    const Vector<Scalar> k =
        openness(gate_, relative(span_.end)).cwiseProduct(always_open_.cast<Scalar>().matrix());
    CellTape<Scalar> unused;
    cell_forward<Scalar>(layer_.weights(parameters_), x, k.transpose(), state, unused);
  }

 private:
  Scalar relative(double t) const { return static_cast<Scalar>(t - layer_.time_origin()); }
  bool past(double t) const { return span_.after == AfterSpan::always_open_only && t > span_.end; }

  // By asking at very many times, and in every gap of a periodic gate.
  Mask open_throughout() const {
    const Scalar start = relative(span_.start), end = relative(span_.end);
    Mask mask = open_mask(gate_, start) && open_mask(gate_, end);
    for (int n = 1; n < 2000; ++n) {
      mask = mask && open_mask(gate_, start + (end - start) * Scalar(n) / Scalar(2000));
    }
    if constexpr (requires { gate_.period(0); }) {
      const Scalar threshold = Scalar(layer_.gate_options().threshold);
      for (Index j = 0; j < gate_.size(); ++j) {
        const Scalar T = gate_.period(j), r = gate_.r_on(j), shift = gate_.shift(j);
        const auto [first, last] = std::minmax({(start - shift) / T, (end - shift) / T});
        for (Scalar cycle = std::floor(first) - 1; cycle < last + 1; ++cycle) {
          for (Scalar phase : {threshold * r / 4, r * (1 - threshold / 4)}) {
            const Scalar t = shift + T * (cycle + phase);
            if (start < t && t < end) mask(j) = mask(j) && gate_.is_open(j, t);
          }
        }
      }
    }
    return mask;
  }

  Layer<Gate> layer_;
  Vector<Scalar> parameters_;
  Gate gate_;
  StreamSpan span_;
  Mask always_open_;
};

// The layer of `problem` with another time origin: its windows move with it.
template <class Gate>
Layer<Gate> moved_layer(const Problem<Gate>& problem, double time_origin) {
  ParameterLayout layout;
  return Layer<Gate>(layout, "", problem.layer.inputs(), problem.layer.hidden(),
                     problem.layer.gate_options(), time_origin);
}

inline StreamSpan random_span(AfterSpan after, double T, double origin, Rng& rng) {
  return {origin + rng.uniform(-0.1 * T, 0.3 * T), origin + rng.uniform(0.4 * T, T), after};
}

}  // namespace stream_problem
