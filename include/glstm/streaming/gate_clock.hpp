// When the neurons of a stream are open: everything that depends on the gates and the time alone.
#pragma once

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <utility>

#include "glstm/core/finite.hpp"
#include "glstm/core/types.hpp"
#include "glstm/gates/slot_openness.hpp"
#include "glstm/gates/time_gate.hpp"
#include "glstm/kernels/packet_math.hpp"
#include "glstm/streaming/open_neurons.hpp"
#include "glstm/streaming/stream_span.hpp"

GLSTM_BEGIN_NAMESPACE
namespace detail {

/// A span around t in which is_open(j, ·) certainly does not change; t alone if none is known.
/// `open` is is_open(j, t).
template <class Gate, class Real = typename Gate::Real>
Window<Real> steady_span(const Gate& gate, Index j, Real t, bool open) {
  constexpr Real endless = std::numeric_limits<Real>::infinity();
  Window<Real> span{t, t};
  const Real tolerance = GateTraits<Gate>::edge_tolerance(gate, j, t);
  if (!(tolerance < endless)) return span;
  const Window<Real> window = gate.next_window(j, t);
  if (window.empty()) {
    if (!open) span.close = endless;  // no window ahead
  } else if (!open) {
    span.close = window.open - tolerance;
  } else {
    span = {window.open + tolerance, window.close - tolerance};
  }
  if constexpr (GateTraits<Gate>::single_window) {  // no window before it and none after it
    const Window<Real> only = gate.next_window(j, -endless);
    if (!open && t < only.open) span.open = -endless;
    if (!open && t > only.close) span.open = only.close + tolerance;
  }
  return span.open <= t && t <= span.close ? span : Window<Real>{t, t};
}

/// Tells a stream which neurons are open, how far, and when that changes next. It follows the
/// stream's time, past the end of its span too. In each slot it remembers a span of time in which
/// the neuron certainly does not open or close, so that most steps ask no gate.
template <TimeGate Gate>
class GateClock {
 public:
  using Scalar = typename Gate::Scalar;

  /// Throws Error where check_span does.
  GateClock(Gate gate, double time_origin, const StreamSpan& span)
      : gate_(std::move(gate)),
        time_origin_(time_origin),
        span_(span),
        follow_from_(span_.end()),
        order_(gate_),
        open_(gate_.size()),
        openness_(gate_, order_) {
    check_span<Scalar>(span, time_origin);
    const Index blocks = (neurons() + packet - 1) / packet;
    k_.setZero(blocks * packet);
    steady_from_.setConstant(blocks * packet, -endless);  // surplus slots are closed for ever
    steady_until_.setConstant(blocks * packet, endless);
    block_from_.resize(blocks);
    block_until_.resize(blocks);
    forget_steady_spans();
    if (span_.after() == AfterSpan::always_open_only) find_always_open();
  }

  Index neurons() const { return gate_.size(); }
  Index neuron(Index slot) const { return order_.neuron(slot); }
  const OpenNeurons<Scalar>& open() const { return open_; }
  /// k after advance(), [padded]: 0 for the closed neurons in blocks that contain an open one.
  const Scalar* openness() const { return k_.data(); }

  /// Goes to time t, which may be earlier than the time before. Calls on_change(slot, open) for
  /// every neuron that opens or closes, in ascending order. Returns whether a step has something to
  /// compute: false when all neurons are closed. Changes nothing and returns false when t is not a
  /// number, or infinite where time restarts.
  template <class OnChange>
  bool advance(double t, const OnChange& on_change) {
    if (t >= follow_from_) t = follow_span(t);
    const Scalar now = static_cast<Scalar>(t - time_origin_);
    if (is_nan(now)) return false;
    if (!(steady_.open <= now && now <= steady_.close)) update_open_neurons(now, on_change);
    if (open_.count() == 0) return false;
    openness_.compute(gate_, order_, open_.open_slots(), now, k_.data());
    return true;
  }

  /// See StreamingCell::next_event.
  NextEvent next_event(double t) const {
    constexpr double never = std::numeric_limits<double>::infinity();
    NextEvent event{never, false};
    if (!is_finite(t) || !is_finite(gate_time(t))) return event;
    for (Index slot = 0; slot < neurons() && !event.open; ++slot) event.open = open_at(slot, t);
    if (!span_.resolves_cycle(t)) return {std::nextafter(t, never), event.open};
    // The rest of the span, and a whole one after it: what has not changed by then never does.
    double from = t;
    for (int part = 0; part < 2 && !span_.is_past(from); ++part) {
      const double jump = span_.next_jump(from);
      event.time = next_change(from, jump);
      if (event.time < jump || jump == never) return event;
      for (Index slot = 0; slot < neurons(); ++slot) {
        if (open_at(slot, jump) != open_at(slot, from)) return event;
      }
      from = jump;
    }
    event.time = never;
    return event;
  }

 private:
  static constexpr Index packet = kernels::packet_size<Scalar>;
  static constexpr Scalar endless = std::numeric_limits<Scalar>::infinity();

  /// What the gates see at time t, relative to the time origin.
  Scalar gate_time(double t) const { return static_cast<Scalar>(span_.seen(t) - time_origin_); }

  /// span_.seen(t) for a step, which may be the first on its side of the span's end.
  double follow_span(double t) {
    if (span_.is_past(t) != past_span()) {
      follow_from_ = past_span() ? span_.end() : -std::numeric_limits<double>::infinity();
      forget_steady_spans();
    }
    return span_.seen(t);
  }
  /// Whether the last step was past the span.
  bool past_span() const { return follow_from_ < span_.end(); }

  /// Until the gates are asked again, no steady span contains a time.
  void forget_steady_spans() {
    steady_ = Window<Scalar>::never();
    block_from_.setConstant(endless);
    block_until_.setConstant(-endless);
    steady_from_.head(neurons()).setConstant(endless);
    steady_until_.head(neurons()).setConstant(-endless);
  }

  /// Bisects, so it runs once, before the first step.
  void find_always_open() {
    always_open_.resize(neurons());
    const double start = span_.start(), after_end = span_.first_after_end();
    for (Index slot = 0; slot < neurons(); ++slot) {
      always_open_(slot) = open_at(slot, start) && next_change(slot, start, after_end) == after_end;
    }
  }

  /// Asks the gates that may have opened or closed since the last step.
  template <class OnChange>
  void update_open_neurons(Scalar t, const OnChange& on_change) {
    steady_ = Window<Scalar>::always();
    bool changed = false;
    for (Index block = 0; block < block_from_.size(); ++block) {
      if (!(block_from_(block) <= t && t <= block_until_(block))) {
        changed |= update_block(block, t, on_change);
      }
      steady_.open = std::max(steady_.open, block_from_(block));
      steady_.close = std::min(steady_.close, block_until_(block));
    }
    if (changed) open_.list();
  }

  template <class OnChange>
  bool update_block(Index block, Scalar t, const OnChange& on_change) {
    bool changed = false;
    const Index begin = block * packet, end = begin + packet;
    for (Index slot = begin; slot < end; ++slot) {
      if (steady_from_(slot) <= t && t <= steady_until_(slot)) continue;
      const bool open = update_steady_span(slot, t);
      if (open == open_.is_open(slot)) continue;
      changed = true;
      open_.toggle(slot);
      k_(slot) = Scalar(0);
      on_change(slot, open);
    }
    using namespace kernels::detail;
    using P = kernels::Packet<Scalar>;
    block_from_(block) = Eigen::internal::predux_max(pload<P>(steady_from_.data() + begin));
    block_until_(block) = Eigen::internal::predux_min(pload<P>(steady_until_.data() + begin));
    return changed;
  }

  /// Returns whether the neuron in `slot` is open at gate time t, and how long it stays so.
  bool update_steady_span(Index slot, Scalar t) {
    Window<Scalar> span = Window<Scalar>::always();
    bool open;
    if (past_span()) {
      open = always_open_(slot);
    } else {
      open = gate_.is_open(neuron(slot), t);
      span = steady_span(gate_, neuron(slot), t, open);
    }
    steady_from_(slot) = span.open;
    steady_until_(slot) = span.close;
    return open;
  }

  /// Whether open_ tells what the gate in `slot` says at all times from `first` to `last`.
  bool is_known(Index slot, Scalar first, Scalar last) const {
    return steady_from_(slot) <= first && last <= steady_until_(slot) && !past_span();
  }

  /// Whether the neuron in `slot` is open in a step at time t.
  bool open_at(Index slot, double t) const {
    if (span_.is_past(t)) return always_open_(slot);
    const Scalar now = gate_time(t);
    return is_known(slot, now, now) ? open_.is_open(slot) : gate_.is_open(neuron(slot), now);
  }

  /// The first time in (after, before) at which another set of neurons is open than at `after`;
  /// `before` if there is none. Time must not jump in between.
  double next_change(double after, double before) const {
    const auto last_before = [this](double t) {
      return gate_time(std::nextafter(t, -std::numeric_limits<double>::infinity()));
    };
    const Scalar first = gate_time(after);
    Scalar last = last_before(before);
    for (Index slot = 0; slot < neurons(); ++slot) {
      if (is_known(slot, first, last)) continue;
      const double change = next_change(slot, after, before);
      if (change == before) continue;
      before = change;
      last = last_before(before);
    }
    return before;
  }

  /// next_change of the neuron in `slot` alone.
  double next_change(Index slot, double after, double before) const {
    constexpr double never = std::numeric_limits<double>::infinity();
    const Index j = neuron(slot);
    const bool open = open_at(slot, after);
    const double last = std::nextafter(before, -never);
    const double offset = after - (span_.seen(after) - time_origin_);  // to absolute times
    // In the middle of a window the neuron is certainly open, in the middle of a gap between two it
    // is certainly closed. The edge lies before the first such place where it is not as it is now.
    double place = after;
    Scalar gap_begin = gate_time(after);
    Window<Scalar> window = gate_.next_window(j, gap_begin);
    for (int windows = 0; windows < 8; ++windows) {
      const Window<Scalar> other = open ? Window<Scalar>{gap_begin, window.open} : window;
      if (!other.empty()) place = std::max(place, offset + middle_of(other));
      if (place > after) {
        const double until = std::min(place, last);
        if (open_at(slot, until) != open) {
          return first_double(after, until, [&](double t) { return open_at(slot, t) != open; });
        }
        if (place >= last) return before;
      }
      if (window.empty() || window.close == endless) return before;
      gap_begin = window.close;
      window = window_after(j, window);
    }
    return std::min(before, std::max(place, std::nextafter(after, never)));
  }

  /// The middle of a window, or of the gap between two; a large number where it has no end.
  static double middle_of(const Window<Scalar>& window) {
    constexpr Scalar most = std::numeric_limits<Scalar>::max();
    return static_cast<double>(
        std::midpoint(std::max(window.open, -most), std::min(window.close, most)));
  }

  /// The window of neuron j after `window`. Where next_window is off by rounding it may return
  /// `window` again; then this asks a little later, and returns `window` if that does not help.
  Window<Scalar> window_after(Index j, const Window<Scalar>& window) const {
    Scalar step = std::nextafter(window.close, endless);
    step -= window.close;
    for (int tries = 0; tries < 16; ++tries, step *= 8) {
      const Window<Scalar> next = gate_.next_window(j, window.close + step);
      if (next.empty() || next.close > window.close) return next;
    }
    return window;
  }

  Gate gate_;
  double time_origin_;
  FollowedSpan span_;
  double follow_from_;  // steps from this time on must ask span_
  NeuronOrder<Gate> order_;
  OpenNeurons<Scalar> open_;
  SlotOpenness<Gate> openness_;
  Vector<Scalar> k_;                                   // [padded]
  Eigen::Array<bool, Eigen::Dynamic, 1> always_open_;  // [H] by slot, for always_open_only

  // When open_ holds: for each slot [padded], for all slots of a block [blocks], and for all.
  Vector<Scalar> steady_from_, steady_until_;
  Vector<Scalar> block_from_, block_until_;
  Window<Scalar> steady_ = Window<Scalar>::never();
};

}  // namespace detail
GLSTM_END_NAMESPACE
