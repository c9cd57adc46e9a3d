// One sample, one step at a time: a layer for programs that must answer in real time.
//
// The neurons are the lanes here: a block is one packet of neurons, and its panel holds, for every
// input and every neuron of the layer, the weights of the block's gates i, f, g, o, so that a step
// streams through the panel once. Gates with one window are sorted by its centre, so that the
// neurons that are open together share few blocks.
//
// A closed neuron's h does not change, and neither does what it adds to the others: it is part of
// the constants that the sums of a block start from. A step then multiplies by the h of the open
// neurons only, and computes only the blocks that contain one.
#pragma once

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>
#include <numeric>
#include <type_traits>

#include "glstm/core/error.hpp"
#include "glstm/core/types.hpp"
#include "glstm/gates/always_open.hpp"
#include "glstm/gates/gaussian_gate.hpp"
#include "glstm/gates/phased_gate.hpp"
#include "glstm/gates/time_gate.hpp"
#include "glstm/lstm/layer.hpp"
#include "glstm/lstm/packet_math.hpp"

GLSTM_BEGIN_NAMESPACE

/// What becomes of an endless stream after the span of time that its windows were made for.
enum class AfterSpan {
  hold,             ///< times are used as they are: after its last window a neuron holds its state
  restart,          ///< time starts again at the end and every end - start later; the state goes on
  always_open_only  ///< after the end only the neurons that are open throughout the span go on,
                    ///< with the openness that they have at the end; all others hold their state
};

/// The span of time that the windows of a stream were made for, and what follows it. `start` and
/// `end` are times like those of the steps, in their unit and not relative to a time origin;
/// AfterSpan::hold needs neither.
struct StreamSpan {
  double start = 0;
  double end = std::numeric_limits<double>::infinity();
  AfterSpan after = AfterSpan::hold;
};

/// When a stream has something to do again.
struct NextEvent {
  double time;  ///< when a neuron opens or closes next; infinity: never
  bool open;    ///< whether a neuron is open until then
};

namespace detail {

/// Throws Error unless `span` is one that a stream with times relative to `time_origin`, rounded to
/// Scalar, can follow.
template <class Scalar>
void check_span(const StreamSpan& span, double time_origin) {
  if (span.after == AfterSpan::hold) return;
  const auto usable = [&](double t) {
    return std::isfinite(t) && std::isfinite(static_cast<Scalar>(t - time_origin));
  };
  require(usable(span.start) && usable(span.end) && span.start < span.end &&
              std::isfinite(span.end - span.start),
          "a stream that does not just hold its state needs a finite span of time, got ",
          span.start, " to ", span.end);
}

/// The place of a number among all doubles: neighbours differ by 1.
inline std::int64_t double_to_place(double value) {
  const auto bits = std::bit_cast<std::int64_t>(value);
  return bits < 0 ? std::numeric_limits<std::int64_t>::min() - bits : bits;
}
inline double place_to_double(std::int64_t place) {
  return std::bit_cast<double>(place < 0 ? std::numeric_limits<std::int64_t>::min() - place
                                         : place);
}

/// The first double in (before, by] for which `holds`, which does not at `before`, does at `by` and
/// changes once: at most 64 bisections.
template <class Predicate>
double first_double(double before, double by, const Predicate& holds) {
  std::int64_t low = double_to_place(before), high = double_to_place(by);
  while (high - 1 > low) {
    const std::int64_t middle = std::midpoint(low, high);
    (holds(place_to_double(middle)) ? high : low) = middle;
  }
  return place_to_double(high);
}

/// A span around t in which is_open(j, ·) surely does not change; t alone when none is known.
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
  if constexpr (GateTraits<Gate>::single_window) {  // its only window: nothing before, nothing
                                                    // behind
    const Window<Real> only = gate.next_window(j, -endless);
    if (!open && t < only.open) span.open = -endless;
    if (!open && t > only.close) span.open = only.close + tolerance;
  }
  return span.open <= t && t <= span.close ? span : Window<Real>{t, t};
}

/// Sums for the four gates of one block of neurons. They are named and never indexed, so that every
/// compiler keeps them in registers.
template <class Scalar>
struct GateSums {
  using P = kernels::Packet<Scalar>;
  static constexpr Index packet = kernels::packet_size<Scalar>;
  P i, f, g, o;

  EIGEN_ALWAYS_INLINE static GateSums load(const Scalar* values) {
    using Eigen::internal::pload;
    return {pload<P>(values), pload<P>(values + packet), pload<P>(values + 2 * packet),
            pload<P>(values + 3 * packet)};
  }
  EIGEN_ALWAYS_INLINE static GateSums zero() {
    const P nothing = Eigen::internal::pset1<P>(Scalar(0));
    return {nothing, nothing, nothing, nothing};
  }

  EIGEN_ALWAYS_INLINE void add(const GateSums& other) {
    using Eigen::internal::padd;
    i = padd(i, other.i);
    f = padd(f, other.f);
    g = padd(g, other.g);
    o = padd(o, other.o);
  }
  /// Every sum += value times its column of weights.
  EIGEN_ALWAYS_INLINE void add_product(const Scalar& value, const Scalar* column) {
    using Eigen::internal::pload, Eigen::internal::pmadd;
    P u = Eigen::internal::pset1<P>(value);
#if EIGEN_COMP_GNUC_STRICT
    EIGEN_OPTIMIZATION_BARRIER(u)  // g++ would load the value once for every multiply-add
#endif
    i = pmadd(u, pload<P>(column), i);
    f = pmadd(u, pload<P>(column + packet), f);
    g = pmadd(u, pload<P>(column + 2 * packet), g);
    o = pmadd(u, pload<P>(column + 3 * packet), o);
  }
};

}  // namespace detail

/// A layer as a real-time program runs it: one sample, one step at a time, with the state inside.
/// Computes what Layer::step computes, to rounding. It owns a packed copy of the parameters; copies
/// are independent of each other and of the layer.
///
/// `Inputs` and `Hidden`, where given, are the layer's sizes at compile time; the views of the
/// state then have a fixed size.
template <TimeGate Gate_, int Inputs = Eigen::Dynamic, int Hidden = Eigen::Dynamic>
class StreamingCell {
 public:
  using Gate = Gate_;
  using Scalar = typename Gate::Scalar;
  using StateVector = Eigen::Matrix<Scalar, Hidden, 1>;
  using StateView = Eigen::Map<const StateVector>;
  static_assert(std::is_floating_point_v<Scalar>, "a streaming cell computes with real numbers");
  static_assert((Inputs == Eigen::Dynamic || Inputs > 0) &&
                    (Hidden == Eigen::Dynamic || Hidden > 0),
                "a streaming cell needs at least one input and one neuron");

  /// Starts from a zero state. Throws Error if the sizes differ from those given at compile time,
  /// `parameters` is too short, a time-gate parameter is unusable, or `span` is not finite and not
  /// empty where it matters.
  StreamingCell(const Layer<Gate>& layer, const Vector<Scalar>& parameters,
                const StreamSpan& span = {})
      : gate_(checked_gate(layer, parameters)),
        inputs_(layer.inputs()),
        hidden_(layer.hidden()),
        time_origin_(layer.time_origin()),
        stream_span_(span) {
    glstm::detail::check_span<Scalar>(span, time_origin_);
    if (span.after == AfterSpan::hold) stream_span_.end = std::numeric_limits<double>::infinity();
    follow_from_ = stream_span_.end;
    check_size("inputs", Inputs, inputs_);
    check_size("neurons", Hidden, hidden_);
    sort_neurons();
    pack(layer.weights(parameters));
    h_.setZero(blocks() * packet);
    c_.setZero(blocks() * packet);
    h_prev_.setZero(2 * blocks() * packet);
    if constexpr (gated) prepare_gates();
    reset();
  }

  Index inputs() const noexcept { return Inputs == Eigen::Dynamic ? inputs_ : Index(Inputs); }
  Index neurons() const noexcept { return Hidden == Eigen::Dynamic ? hidden_ : Index(Hidden); }

  /// One step at time t, which is in the unit of the layer's timestamps; x is [I] and no view of
  /// this cell. Times need not be ordered. The layer's time origin is subtracted from t in double,
  /// and the difference is rounded once. A gated cell leaves everything as it is when t is not a
  /// number, or infinite where time restarts. Allocates nothing, takes no lock, makes no system
  /// call.
  ///
  /// Where time restarts, a t from the span's end on stands for start + (t - start) mod (end -
  /// start), computed in double.
  void step(const Scalar* x, double t) noexcept {
    if constexpr (gated) {
      if (t >= follow_from_) t = follow_span(t);
      step_open(x, static_cast<Scalar>(t - time_origin_));
    } else {
      step_all(x);
    }
  }

  /// The state [H], in the layer's order of neurons. The views stay where they are from step to
  /// step, until the cell is moved from or assigned to.
  StateView hidden() const noexcept { return view(sorted ? h_out_ : h_); }
  StateView cell() const noexcept { return view(sorted ? c_out_ : c_); }

  /// The number of neurons that were open in the last step.
  Index open_count() const noexcept { return gated ? open_count_ : neurons(); }

  /// The first time after t at which another set of neurons is open than at t, and whether one is
  /// open at t. A step before that time finds the same neurons open as a step at t; where none is,
  /// it changes nothing, so that a host can sleep. {infinity, false} when t, or its difference from
  /// the time origin as a Scalar, is not finite.
  ///
  /// The time is the very first double at which is_open, asked as a step asks it, gives another
  /// answer for some neuron: no window is missed by the rounding of its edges, and from any t the
  /// events are passed one by one. This takes for granted that is_open changes once at an edge of a
  /// window, which rounding could only upset within the last bits. A window, or a gap between two,
  /// that is itself no longer than rounding can be missed. Where eight gaps in a row are, as
  /// between windows that adjoin each other, a time is returned at which nothing changes; it is
  /// never after the next event, and always after t.
  ///
  /// The state does not matter, nor what was stepped before. Allocates nothing. Asks every gate
  /// about three times, but for those of which the last step has found out enough: next_event is
  /// quick for the time of the last step and those near it.
  NextEvent next_event(double t) const noexcept {
    constexpr double never = std::numeric_limits<double>::infinity();
    if constexpr (!gated) {
      return {never, true};
    } else {
      NextEvent event{never, false};
      if (!std::isfinite(t) || !std::isfinite(gate_time(t))) return event;
      for (Index slot = 0; slot < neurons() && !event.open; ++slot) event.open = open_at(slot, t);
      if (!tells_cycle_apart(t)) return {std::nextafter(t, never), event.open};
      // The rest of the span, and a whole one after it: what has not changed by then never does.
      double from = t;
      for (int part = 0; part < 2 && !is_past_span(from); ++part) {
        const double jump = next_jump(from);
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
  }

  /// Replaces the state; h and c are [H]. Throws Error, before anything changes, if they are not.
  void set_state(const ConstVectorRef<Scalar>& h, const ConstVectorRef<Scalar>& c) {
    const Index H = neurons();
    glstm::detail::require(h.size() == H && c.size() == H, "a state must be two vectors of ", H,
                           " neurons, got ", h.size(), " and ", c.size());
    for (Index slot = 0; slot < H; ++slot) {
      const Scalar new_h = h(neuron(slot)), new_c = c(neuron(slot));  // may be views of this cell
      h_(slot) = new_h;
      c_(slot) = new_c;
    }
    state_changed();
  }

  /// Back to the zero state.
  void reset() noexcept {
    h_.setZero();
    c_.setZero();
    state_changed();
  }

 private:
  using P = kernels::Packet<Scalar>;
  using Sums = glstm::detail::GateSums<Scalar>;
  using Span = Window<Scalar>;
  static constexpr Index packet = kernels::packet_size<Scalar>;
  static constexpr Index column = 4 * packet;  ///< scalars of one column of a panel
  static constexpr Index near_cache = 32768;   ///< bytes; most processors have as much or more
  static constexpr bool gated = !std::is_same_v<Gate, AlwaysOpen<Scalar>>;
  static constexpr bool sorted = GateTraits<Gate>::single_window;

  StateView view(const Vector<Scalar>& state) const { return StateView(state.data(), neurons()); }

  static Gate checked_gate(const Layer<Gate>& layer, const Vector<Scalar>& parameters) {
    layer.check_parameters(parameters);
    return layer.gate(parameters);
  }

  static void check_size(const char* what, int expected, Index got) {
    glstm::detail::require(expected == Eigen::Dynamic || got == expected,
                           "the streaming cell is for a layer of ", expected, " ", what,
                           ", the layer has ", got);
  }

  Index blocks() const { return (neurons() + packet - 1) / packet; }
  Index panel_size() const { return (inputs() + neurons()) * column; }
  Index neuron(Index slot) const { return sorted ? order_(slot) : slot; }

  void sort_neurons() {
    if constexpr (sorted) {
      order_.setLinSpaced(neurons(), 0, neurons() - 1);
      std::stable_sort(order_.data(), order_.data() + order_.size(),
                       [this](Index a, Index b) { return gate_.mu(a) < gate_.mu(b); });
      h_out_.setZero(neurons());
      c_out_.setZero(neurons());
    }
  }

  void pack(const LstmWeights<Scalar>& weights) {
    const Index H = neurons(), I = inputs();
    panels_.setZero(blocks() * panel_size());
    bias_.setZero(blocks() * column);
    for (Index slot = 0; slot < H; ++slot) {
      const Index block = slot / packet, lane = slot % packet;
      for (Index q = 0; q < 4; ++q) {
        const Index row = q * H + neuron(slot);
        Scalar* panel = panels_.data() + block * panel_size() + q * packet + lane;
        for (Index k = 0; k < I; ++k) panel[k * column] = weights.Wx(row, k);
        for (Index k = 0; k < H; ++k) panel[(I + k) * column] = weights.Wh(row, neuron(k));
        bias_(block * column + q * packet + lane) = weights.b(row);
      }
    }
  }

  /// Whether a step with this many blocks and open neurons takes its blocks from the last to the
  /// first. Where the weights exceed the nearest cache, every other step does: what the step before
  /// used last is still there. Blocks do not depend on each other, so their order changes no sum.
  bool runs_backwards(Index block_count, Index open) const {
    const Index scalars = block_count * (inputs() + open) * column;
    return odd_step_ && scalars * Index(sizeof(Scalar)) > near_cache;
  }

  /// even, odd += the inputs times the first columns of a panel. Two sets of sums, each taking
  /// every other column, hide the latency of a multiply-add.
  EIGEN_ALWAYS_INLINE void add_inputs(const Scalar* x, const Scalar* panel, Sums& even,
                                      Sums& odd) const {
    const Index I = inputs();
    Index k = 0;
    for (; k + 2 <= I; k += 2, panel += 2 * column) {
      even.add_product(x[k], panel);
      odd.add_product(x[k + 1], panel + column);
    }
    if (k < I) even.add_product(x[k], panel);
  }

  /// The gates and the proposed state, from the sums: c~ = f c + i g, h~ = o tanh(c~).
  EIGEN_ALWAYS_INLINE static void propose(const Sums& z, const P& c_old, P& c_proposed,
                                          P& h_proposed) {
    using namespace kernels::detail;
    const P ig = sigmoid_times_tanh<Scalar>(z.i, z.g);
    c_proposed = pmadd(sigmoid_packet<Scalar>(z.f), c_old, ig);
    h_proposed = sigmoid_times_tanh<Scalar>(z.o, c_proposed);
  }

  /// A step of gates that are always open.
  void step_all(const Scalar* x) {
    const Index count = blocks();
    const Scalar* h_prev = h_prev_.data() + (odd_step_ ? count * packet : 0);
    Scalar* h_next = h_prev_.data() + (odd_step_ ? 0 : count * packet);
    const bool backwards = runs_backwards(count, neurons());
    for (Index n = 0; n < count; ++n) {
      run_whole_block(backwards ? count - 1 - n : n, x, h_prev, h_next);
    }
    odd_step_ = !odd_step_;
  }

  EIGEN_ALWAYS_INLINE void run_whole_block(Index block, const Scalar* x, const Scalar* h_prev,
                                           Scalar* h_next) {
    const Index H = neurons();
    const Scalar* panel = panels_.data() + block * panel_size();
    Sums even = Sums::load(bias_.data() + block * column), odd = Sums::zero();
    add_inputs(x, panel, even, odd);
    panel += inputs() * column;
    Index k = 0;
    for (; k + 2 <= H; k += 2, panel += 2 * column) {
      odd.add_product(h_prev[k], panel);
      even.add_product(h_prev[k + 1], panel + column);
    }
    if (k < H) odd.add_product(h_prev[k], panel);
    even.add(odd);
    P c_proposed, h_proposed;
    propose(even, Eigen::internal::pload<P>(c_.data() + block * packet), c_proposed, h_proposed);
    Eigen::internal::pstore(c_.data() + block * packet, c_proposed);
    Eigen::internal::pstore(h_.data() + block * packet, h_proposed);
    Eigen::internal::pstore(h_next + block * packet, h_proposed);
  }

  void prepare_gates() {
    constexpr Scalar endless = std::numeric_limits<Scalar>::infinity();
    const Index padded = blocks() * packet;
    constants_ = bias_;
    rest_.setZero(bias_.size());
    is_open_.setZero(padded);
    k_.setZero(padded);
    open_slots_.setZero(padded + 1);  // the list is written one beyond its end
    open_blocks_.setZero(blocks());
    open_in_block_.setZero(blocks());
    block_from_.resize(blocks());
    block_until_.resize(blocks());
    from_.setConstant(padded, -endless);  // the surplus lanes of the last block: closed for ever
    until_.setConstant(padded, endless);
    forget_steady_spans();
    if constexpr (sorted) {
      mu_.setZero(padded);
      sigma_.setOnes(padded);
      for (Index slot = 0; slot < neurons(); ++slot) {
        mu_(slot) = gate_.mu(neuron(slot));
        sigma_(slot) = gate_.sigma(neuron(slot));
      }
    }
  }

  /// No span contains a time until the gates are asked again.
  void forget_steady_spans() {
    constexpr Scalar endless = std::numeric_limits<Scalar>::infinity();
    span_ = Span::never();
    block_from_.setConstant(endless);
    block_until_.setConstant(-endless);
    from_.head(neurons()).setConstant(endless);
    until_.head(neurons()).setConstant(-endless);
  }

  /// Whether t is where only those go on that are always open.
  bool is_past_span(double t) const {
    return stream_span_.after == AfterSpan::always_open_only && t > stream_span_.end;
  }

  /// The time that the gates see at time t, still absolute.
  double time_in_span(double t) const {
    const auto& [start, end, after] = stream_span_;
    if (after == AfterSpan::hold || !(t >= end)) return t;
    return after == AfterSpan::restart ? start + std::fmod(t - start, end - start) : end;
  }
  Scalar gate_time(double t) const { return static_cast<Scalar>(time_in_span(t) - time_origin_); }

  /// time_in_span for a step, which may be the first on its side of the span's end.
  double follow_span(double t) {
    if (is_past_span(t) != past_span()) {
      follow_from_ = past_span() ? stream_span_.end : -std::numeric_limits<double>::infinity();
      forget_steady_spans();
    }
    return time_in_span(t);
  }
  /// is_past_span of the last step.
  bool past_span() const { return follow_from_ < stream_span_.end; }

  /// Whether is_open_ tells what the gate in `slot` says at all times from `first` to `last`.
  bool known(Index slot, Scalar first, Scalar last) const {
    return from_(slot) <= first && last <= until_(slot) && !past_span();
  }

  /// Whether the neuron in `slot` is open in a step at time t.
  bool open_at(Index slot, double t) const {
    if (is_past_span(t)) return always_open(slot);
    const Scalar now = gate_time(t);
    return known(slot, now, now) ? is_open_(slot) != Scalar(0) : gate_.is_open(neuron(slot), now);
  }

  /// Whether the neuron in `slot` is open throughout the stream's span.
  bool always_open(Index slot) const {
    const double start = stream_span_.start;
    return open_at(slot, start) && next_change(slot, start, after_end()) == after_end();
  }

  double after_end() const {
    return std::nextafter(stream_span_.end, std::numeric_limits<double>::infinity());
  }

  /// False where the times of a cycle that restarts are as good as equal at t.
  bool tells_cycle_apart(double t) const {
    const auto& [start, end, after] = stream_span_;
    constexpr double eps = std::numeric_limits<double>::epsilon();
    return after != AfterSpan::restart || 64 * eps * (std::abs(t) + std::abs(start)) < end - start;
  }

  /// The first time after t, which is not past the span, at which the gates do not just go on;
  /// infinity if there is none.
  double next_jump(double t) const {
    constexpr double eps = std::numeric_limits<double>::epsilon();
    const auto& [start, end, after] = stream_span_;
    if (after == AfterSpan::always_open_only) return after_end();
    if (t < end || after == AfterSpan::hold) return end;
    const double cycle = end - start;
    const auto into_cycle = [&, from = start](double u) { return std::fmod(u - from, cycle); };
    const double next = t + (cycle - into_cycle(t));  // but for rounding
    const double slack = 4 * eps * (std::abs(next) + std::abs(start) + cycle);
    return glstm::detail::first_double(std::max(t, next - slack), next + slack,
                                       [&](double u) { return into_cycle(u) < cycle / 2; });
  }

  /// The middle of a window, or of the gap between two; large where it has no end.
  static double middle_of(const Span& window) {
    constexpr Scalar most = std::numeric_limits<Scalar>::max();
    return static_cast<double>(
        std::midpoint(std::max(window.open, -most), std::min(window.close, most)));
  }

  /// The window of neuron j after `window`, which next_window may give again where it is off by
  /// rounding; `window` itself if it does so for good.
  Span window_after(Index j, const Span& window) const {
    Scalar step = std::nextafter(window.close, std::numeric_limits<Scalar>::infinity());
    step -= window.close;
    for (int tries = 0; tries < 16; ++tries, step *= 8) {
      const Span next = gate_.next_window(j, window.close + step);
      if (next.empty() || next.close > window.close) return next;
    }
    return window;
  }

  /// The first time in (after, before) at which another set of neurons is open than at `after`;
  /// `before` if there is none. Time does not jump in between.
  double next_change(double after, double before) const {
    const auto last_before = [this](double t) {
      return gate_time(std::nextafter(t, -std::numeric_limits<double>::infinity()));
    };
    const Scalar first = gate_time(after);
    Scalar last = last_before(before);
    for (Index slot = 0; slot < neurons(); ++slot) {
      if (known(slot, first, last)) continue;
      const double change = next_change(slot, after, before);
      if (change == before) continue;
      before = change;
      last = last_before(before);
    }
    return before;
  }

  /// next_change of the neuron in `slot` alone.
  double next_change(Index slot, double after, double before) const {
    constexpr double endless = std::numeric_limits<double>::infinity();
    const Index j = neuron(slot);
    const bool open = open_at(slot, after);
    const double last = std::nextafter(before, -endless);
    const double offset = after - (time_in_span(after) - time_origin_);  // to absolute times
    // Within a window the neuron is surely open, and between two surely closed: in the middle. The
    // first such place where it is not as it is now lies behind the edge.
    double place = after;
    Scalar gap_begin = gate_time(after);
    Span window = gate_.next_window(j, gap_begin);
    for (int windows = 0; windows < 8; ++windows) {
      const Span other = open ? Span{gap_begin, window.open} : window;
      if (!other.empty()) place = std::max(place, offset + middle_of(other));
      if (place > after) {
        const double until = std::min(place, last);
        if (open_at(slot, until) != open) {
          return glstm::detail::first_double(after, until,
                                             [&](double t) { return open_at(slot, t) != open; });
        }
        if (place >= last) return before;
      }
      if (window.empty() || window.close == endless) return before;
      gap_begin = window.close;
      window = window_after(j, window);
    }
    return std::min(before, std::max(place, std::nextafter(after, endless)));
  }

  /// A step of the open neurons.
  void step_open(const Scalar* x, Scalar t) {
    if (std::isnan(t)) return;
    if (!(span_.open <= t && t <= span_.close)) update_open_set(t);
    if (open_count_ == 0) return;
    compute_openness(t);
    const bool backwards = runs_backwards(open_block_count_, open_count_);
    for (Index n = 0; n < open_block_count_; ++n) {
      run_open_block(open_blocks_(backwards ? open_block_count_ - 1 - n : n), x);
    }
    odd_step_ = !odd_step_;
    for (Index s = 0; s < open_count_; ++s) {
      const Index slot = open_slots_(s);
      const Scalar h = h_(slot);
      h_prev_(s) = h;
      if constexpr (sorted) {
        h_out_(order_(slot)) = h;
        c_out_(order_(slot)) = c_(slot);
      }
    }
  }

  EIGEN_ALWAYS_INLINE void run_open_block(Index block, const Scalar* x) {
    using namespace kernels::detail;
    const Scalar* panel = panels_.data() + block * panel_size();
    Sums even = Sums::load(constants_.data() + block * column);
    Sums odd = Sums::load(rest_.data() + block * column);
    add_inputs(x, panel, even, odd);
    panel += inputs() * column;
    const Scalar* h_prev = h_prev_.data();
    const Index* slots = open_slots_.data();
    const Index count = open_count_;
    Index s = 0;
    for (; s + 2 <= count; s += 2) {
      odd.add_product(h_prev[s], panel + slots[s] * column);
      even.add_product(h_prev[s + 1], panel + slots[s + 1] * column);
    }
    if (s < count) odd.add_product(h_prev[s], panel + slots[s] * column);
    even.add(odd);
    const P c_old = pload<P>(c_.data() + block * packet);
    const P h_old = pload<P>(h_.data() + block * packet);
    P c_proposed, h_proposed;
    propose(even, c_old, c_proposed, h_proposed);
    // old + k (proposed - old): a closed neuron (k = 0) keeps its state to the bit.
    const P k = pload<P>(k_.data() + block * packet);
    pstore(c_.data() + block * packet, pmadd(k, psub(c_proposed, c_old), c_old));
    pstore(h_.data() + block * packet, pmadd(k, psub(h_proposed, h_old), h_old));
  }

  /// k of every neuron in the blocks that will be computed; 0 where a neuron is closed.
  void compute_openness(Scalar t) {
    using namespace kernels::detail;
    if constexpr (sorted) {
      const P now = pset1<P>(t);
      for (Index b = 0; b < open_block_count_; ++b) {
        const Index begin = open_blocks_(b) * packet;
        const P u = pdiv(psub(now, pload<P>(mu_.data() + begin)), pload<P>(sigma_.data() + begin));
        const P k = exp_packet<Scalar>(psub(pset1<P>(Scalar(0)), pmul(u, u)));
        pstore(k_.data() + begin, pmul(k, pload<P>(is_open_.data() + begin)));
      }
    } else {
      for (Index s = 0; s < open_count_; ++s) {
        k_(open_slots_(s)) = gate_.openness(neuron(open_slots_(s)), t);
      }
    }
  }

  /// Asks the gates that may have opened or closed since the last step.
  void update_open_set(Scalar t) {
    constexpr Scalar endless = std::numeric_limits<Scalar>::infinity();
    span_ = {-endless, endless};
    bool changed = false;
    for (Index block = 0; block < blocks(); ++block) {
      if (!(block_from_(block) <= t && t <= block_until_(block))) changed |= update_block(block, t);
      span_.open = std::max(span_.open, block_from_(block));
      span_.close = std::min(span_.close, block_until_(block));
    }
    if (changed) list_open_neurons();
  }

  bool update_block(Index block, Scalar t) {
    bool changed = false;
    const Index begin = block * packet, end = begin + packet;
    for (Index slot = begin; slot < end; ++slot) {  // surplus lanes are closed at all times
      if (from_(slot) <= t && t <= until_(slot)) continue;
      const bool open = past_span() ? always_open(slot) : gate_.is_open(neuron(slot), t);
      const Span span =
          past_span() ? Span::always() : glstm::detail::steady_span(gate_, neuron(slot), t, open);
      from_(slot) = span.open;
      until_(slot) = span.close;
      if (open == (is_open_(slot) != Scalar(0))) continue;
      changed = true;
      is_open_(slot) = Scalar(open);
      open_in_block_(block) += open ? 1 : -1;
      k_(slot) = Scalar(0);
      if (h_(slot) != Scalar(0)) {
        frozen_count_ += open ? -1 : 1;
        add_to_constants(slot, open ? -h_(slot) : h_(slot));
      }
    }
    using namespace kernels::detail;
    block_from_(block) = Eigen::internal::predux_max(pload<P>(from_.data() + begin));
    block_until_(block) = Eigen::internal::predux_min(pload<P>(until_.data() + begin));
    return changed;
  }

  /// constants + rest += h times the weights of the neuron in `slot`, for all blocks. What the
  /// rounding of the sum loses is kept in the rest (Knuth's two-sum), so that a neuron that opens
  /// takes away what it added when it closed and nothing is left behind after any number of steps.
  void add_to_constants(Index slot, Scalar h) {
    using namespace kernels::detail;
    const P factor = pset1<P>(h);
    const Scalar* weights = panels_.data() + (inputs() + slot) * column;
    for (Index block = 0; block < blocks(); ++block, weights += panel_size()) {
      for (Index at = 0; at < column; at += packet) {
        Scalar* sum = constants_.data() + block * column + at;
        Scalar* rest = rest_.data() + block * column + at;
        const P a = pload<P>(sum);
        P b = pmul(factor, pload<P>(weights + at));
        // The product is rounded here, once: fused into each sum below it would be another in each.
        EIGEN_OPTIMIZATION_BARRIER(b)
        const P s = padd(a, b);
        const P b_taken = psub(s, a);
        const P lost = padd(psub(a, psub(s, b_taken)), psub(b, b_taken));
        pstore(sum, s);
        pstore(rest, padd(pload<P>(rest), lost));
      }
    }
  }

  void list_open_neurons() {
    open_count_ = open_block_count_ = 0;
    for (Index block = 0; block < blocks(); ++block) {
      if (open_in_block_(block) == 0) continue;
      open_blocks_(open_block_count_++) = block;
      for (Index slot = block * packet; slot < (block + 1) * packet; ++slot) {
        h_prev_(open_count_) = h_(slot);
        open_slots_(open_count_) = slot;
        open_count_ += is_open_(slot) != Scalar(0);
      }
    }
    if (frozen_count_ == 0) {
      constants_ = bias_;
      rest_.setZero();
    }
  }

  /// Brings everything that depends on h up to date. Who is open is not asked again: it depends on
  /// time alone.
  void state_changed() {
    if constexpr (gated) {
      constants_ = bias_;
      rest_.setZero();
      frozen_count_ = 0;
      for (Index slot = 0; slot < neurons(); ++slot) {
        if (is_open_(slot) != Scalar(0) || h_(slot) == Scalar(0)) continue;
        ++frozen_count_;
        add_to_constants(slot, h_(slot));
      }
      list_open_neurons();
      if constexpr (sorted) {
        for (Index slot = 0; slot < neurons(); ++slot) {
          h_out_(order_(slot)) = h_(slot);
          c_out_(order_(slot)) = c_(slot);
        }
      }
    } else {
      h_prev_ << h_, h_;
    }
  }

  // A slot is a place in the sorted order of neurons; "padded" is up to whole blocks.
  Gate gate_;
  Index inputs_, hidden_;
  double time_origin_;
  StreamSpan stream_span_;        // hold: end is infinite
  double follow_from_;            // steps from this time on are not as they are for gates alone
  Vector<Index> order_;           // [H] the neuron in each slot
  Vector<Scalar> panels_;         // [blocks][I + H][4][packet]
  Vector<Scalar> bias_;           // [blocks][4][packet]
  Vector<Scalar> h_, c_;          // [padded] by slot
  Vector<Scalar> h_out_, c_out_;  // [H] by neuron, where the two orders differ
  Vector<Scalar> h_prev_;         // [2][padded] h before and after a step, in turn; or [open] only
  bool odd_step_ = false;

  Vector<Scalar> constants_, rest_;  // [blocks][4][packet] bias and closed neurons; rounding
  Vector<Scalar> is_open_, k_;       // [padded] 1 or 0; the openness
  Vector<Scalar> mu_, sigma_;        // [padded] of Gaussian gates
  Vector<Scalar> from_, until_;      // [padded] when is_open_ holds, for each slot,
  Vector<Scalar> block_from_, block_until_;  // [blocks] for all slots of a block,
  Span span_{};                              // and for all slots
  Vector<Index> open_slots_, open_blocks_;   // ascending
  Vector<Index> open_in_block_;              // [blocks]
  Index open_count_ = 0, open_block_count_ = 0;
  Index frozen_count_ = 0;  // closed slots whose h is not 0
};

/// A StreamingCell of a plain LSTM.
template <class Scalar, int Inputs = Eigen::Dynamic, int Hidden = Eigen::Dynamic>
using LstmCell = StreamingCell<AlwaysOpen<Scalar>, Inputs, Hidden>;
/// A StreamingCell of a g-LSTM.
template <class Scalar, int Inputs = Eigen::Dynamic, int Hidden = Eigen::Dynamic>
using GLstmCell = StreamingCell<GaussianGate<Scalar>, Inputs, Hidden>;
/// A StreamingCell of a Phased LSTM.
template <class Scalar, int Inputs = Eigen::Dynamic, int Hidden = Eigen::Dynamic>
using PhasedLstmCell = StreamingCell<PhasedGate<Scalar>, Inputs, Hidden>;

GLSTM_END_NAMESPACE
