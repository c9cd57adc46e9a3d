// One sample, one step at a time: a layer for programs that must answer in real time.
//
// A block is one packet of neurons, whose weights CellWeights holds. GateClock sorts the neurons,
// so that those that are open together share few blocks.
//
// The h of a closed neuron does not change, so its contribution to the other neurons does not
// either: it is part of the constants that the sums of a block start from. A step then multiplies
// by the h of the open neurons only, and computes only the blocks that contain one.
#pragma once

#include <limits>
#include <type_traits>

#include "glstm/core/error.hpp"
#include "glstm/core/types.hpp"
#include "glstm/gates/always_open.hpp"
#include "glstm/gates/gaussian_gate.hpp"
#include "glstm/gates/phased_gate.hpp"
#include "glstm/gates/time_gate.hpp"
#include "glstm/kernels/packet_math.hpp"
#include "glstm/lstm/layer.hpp"
#include "glstm/streaming/gate_clock.hpp"
#include "glstm/streaming/gate_sums.hpp"
#include "glstm/streaming/stored_weights.hpp"
#include "glstm/streaming/stream_span.hpp"

GLSTM_BEGIN_NAMESPACE

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
  /// `parameters` is too short, a time-gate parameter is unusable, `span` is used and is empty or
  /// not finite, or `stored` is not `full` for another type than float.
  StreamingCell(const Layer<Gate>& layer, const Vector<Scalar>& parameters,
                const StreamSpan& span = {}, StoredWeights stored = StoredWeights::full);

  Index inputs() const noexcept { return Inputs == Eigen::Dynamic ? inputs_ : Index(Inputs); }
  Index neurons() const noexcept { return Hidden == Eigen::Dynamic ? hidden_ : Index(Hidden); }

  /// One step at time t, which is in the unit of the layer's timestamps; x is [I] and no view of
  /// this cell. Times need not be ordered. The layer's time origin is subtracted from t in double,
  /// and the difference is rounded once. A gated cell changes nothing when t is not a number, or
  /// when t is infinite and time restarts. The function allocates nothing, takes no lock, and makes
  /// no system call.
  ///
  /// Where time restarts, a t from the span's end on stands for start + (t - start) mod (end -
  /// start), computed in double.
  void step(const Scalar* x, double t) noexcept;

  /// The state [H], in the layer's order of neurons. The views stay where they are from step to
  /// step, until the cell is moved from or assigned to.
  StateView hidden() const noexcept { return view(sorted ? h_out_ : h_); }
  StateView cell() const noexcept { return view(sorted ? c_out_ : c_); }

  /// The number of neurons that were open in the last step.
  Index open_count() const noexcept { return gated ? clock_.open().count() : neurons(); }

  /// The first time after t at which another set of neurons is open than at t, and whether one is
  /// open at t. A step before that time finds the same neurons open as a step at t. If no neuron is
  /// open, such a step changes nothing, so that a host can sleep. {infinity, false} when t, or its
  /// difference from the time origin as a Scalar, is not finite.
  ///
  /// The time is exactly the first double at which a step finds another set of neurons open. The
  /// rounding of a window's edges hides no event, and a caller that starts at any t meets all
  /// events one by one. This assumes that is_open changes only once at an edge of a window;
  /// rounding could break this in the last bits only. The function can miss a window, or a gap
  /// between two, that is no longer than the rounding error. Where eight such gaps follow one
  /// another, as between adjoining windows, it returns a time at which nothing changes. This time
  /// is always after t and never after the next event.
  ///
  /// The result depends neither on the state nor on earlier steps. The function allocates nothing.
  /// It asks every gate about three times, except those whose answer is known from the last step,
  /// so it is fast for times near that step.
  NextEvent next_event(double t) const noexcept;

  /// Replaces the state; h and c are [H]. Throws Error, before anything changes, if they are not.
  void set_state(const ConstVectorRef<Scalar>& h, const ConstVectorRef<Scalar>& c);

  /// Back to the zero state.
  void reset() noexcept;

 private:
  using P = kernels::Packet<Scalar>;
  using Sums = glstm::detail::GateSums<Scalar>;
  using Clock = glstm::detail::GateClock<Gate>;
  static constexpr Index packet = kernels::packet_size<Scalar>;
  static constexpr Index column = 4 * packet;  ///< scalars of one column of a panel
  static constexpr Index near_cache = 32768;   ///< bytes; most processors have as much or more
  static constexpr bool gated = !GateTraits<Gate>::always_open;
  static constexpr bool sorted = glstm::detail::NeuronOrder<Gate>::sorted;

  StateView view(const Vector<Scalar>& state) const { return StateView(state.data(), neurons()); }

  static Gate checked_gate(const Layer<Gate>& layer, const Vector<Scalar>& parameters) {
    layer.check_parameters(parameters);
    return layer.gate(parameters);
  }

  static Index checked_size(const char* what, int expected, Index got) {
    glstm::detail::require(expected == Eigen::Dynamic || got == expected,
                           "the streaming cell is for a layer of ", expected, " ", what,
                           ", the layer has ", got);
    return got;
  }

  Index blocks() const { return (neurons() + packet - 1) / packet; }

  void load_bias(const LstmWeights<Scalar>& weights);

  /// Whether a step with this many blocks and open neurons takes its blocks from the last to the
  /// first. Where the weights exceed the nearest cache, every other step does: what the step before
  /// used last is still there. Blocks do not depend on each other, so their order changes no sum.
  bool runs_backwards(Index block_count, Index open) const {
    const Index scalars = block_count * (inputs() + open) * column;
    return odd_step_ && scalars * Index(sizeof(Scalar)) > near_cache;
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
  void step_all(const Scalar* x);

  /// A step of the open neurons.
  void step_open(const Scalar* x, double t);

  /// The gates, the proposed state and the blend of a block.
  EIGEN_ALWAYS_INLINE void finish_open_block(Index block, const Sums& z);

  /// Calls body(block) for `count` of them in turn.
  template <class BlockAt, class Body>
  EIGEN_ALWAYS_INLINE void for_blocks(Index count, Index open, const BlockAt& block_at,
                                      const Body& body) const {
    const bool backwards = runs_backwards(count, open);
    for (Index n = 0; n < count; ++n) body(block_at(backwards ? count - 1 - n : n));
  }

  /// The neuron in `slot` opens or closes. While it is closed, what it adds to the others is part
  /// of the constants.
  void move_neuron(Index slot, bool opens) {
    const Scalar h = h_(slot);
    if (h == Scalar(0)) return;
    frozen_count_ += opens ? -1 : 1;
    add_to_constants(slot, opens ? -h : h);
  }

  /// constants + rest += h times the weights of the neuron in `slot`, for all blocks. The rest
  /// keeps what the rounding of the sum loses (Knuth's two-sum). So a neuron that opens takes away
  /// what it added when it closed, and the constants do not drift.
  void add_to_constants(Index slot, Scalar h);

  void gather_open_neurons() {
    const auto& open = clock_.open();
    for (Index s = 0; s < open.count(); ++s) h_prev_(s) = h_(open.slots()[s]);
    if (frozen_count_ == 0) clear_constants();
  }

  void clear_constants() {
    constants_ = bias_;
    rest_.setZero(bias_.size());
  }

  void copy_out(Index slot) {
    if constexpr (sorted) {
      h_out_(clock_.neuron(slot)) = h_(slot);
      c_out_(clock_.neuron(slot)) = c_(slot);
    }
  }

  /// Brings everything that depends on h up to date. The open neurons depend on time alone.
  void state_changed();

  // A slot is a place in the clock's order of neurons; "padded" means up to whole blocks.
  Index inputs_, hidden_;
  Clock clock_;
  glstm::detail::CellWeights<Scalar, Inputs, Hidden> weights_;
  Vector<Scalar> bias_;           // [blocks][4][packet]
  Vector<Scalar> h_, c_;          // [padded] by slot
  Vector<Scalar> h_out_, c_out_;  // [H] by neuron, where the two orders differ
  Vector<Scalar> h_prev_;         // [2][padded] h before and after a step, in turn; or [open] only
  bool odd_step_ = false;

  Vector<Scalar> constants_, rest_;  // [blocks][4][packet] bias and closed neurons; rounding
  Index frozen_count_ = 0;           // closed slots whose h is not 0
};

template <TimeGate Gate_, int Inputs, int Hidden>
StreamingCell<Gate_, Inputs, Hidden>::StreamingCell(const Layer<Gate>& layer,
                                                    const Vector<Scalar>& parameters,
                                                    const StreamSpan& span, StoredWeights stored)
    : inputs_(checked_size("inputs", Inputs, layer.inputs())),
      hidden_(checked_size("neurons", Hidden, layer.hidden())),
      clock_(checked_gate(layer, parameters), layer.time_origin(), span),
      weights_(layer.weights(parameters), clock_, stored) {
  load_bias(layer.weights(parameters));
  h_.setZero(blocks() * packet);
  c_.setZero(blocks() * packet);
  h_prev_.setZero(2 * blocks() * packet);
  if constexpr (sorted) {
    h_out_.setZero(neurons());
    c_out_.setZero(neurons());
  }
  reset();
}

template <TimeGate Gate_, int Inputs, int Hidden>
void StreamingCell<Gate_, Inputs, Hidden>::step(const Scalar* x, double t) noexcept {
  if constexpr (gated) {
    step_open(x, t);
  } else {
    step_all(x);
  }
}

template <TimeGate Gate_, int Inputs, int Hidden>
NextEvent StreamingCell<Gate_, Inputs, Hidden>::next_event(double t) const noexcept {
  if constexpr (gated) {
    return clock_.next_event(t);
  } else {
    return {std::numeric_limits<double>::infinity(), true};
  }
}

template <TimeGate Gate_, int Inputs, int Hidden>
void StreamingCell<Gate_, Inputs, Hidden>::set_state(const ConstVectorRef<Scalar>& h,
                                                     const ConstVectorRef<Scalar>& c) {
  const Index H = neurons();
  glstm::detail::require(h.size() == H && c.size() == H, "a state must be two vectors of ", H,
                         " neurons, got ", h.size(), " and ", c.size());
  for (Index slot = 0; slot < H; ++slot) {
    const Index j = clock_.neuron(slot);
    const Scalar new_h = h(j), new_c = c(j);  // may be views of this cell
    h_(slot) = new_h;
    c_(slot) = new_c;
  }
  state_changed();
}

template <TimeGate Gate_, int Inputs, int Hidden>
void StreamingCell<Gate_, Inputs, Hidden>::reset() noexcept {
  h_.setZero();
  c_.setZero();
  state_changed();
}

template <TimeGate Gate_, int Inputs, int Hidden>
void StreamingCell<Gate_, Inputs, Hidden>::load_bias(const LstmWeights<Scalar>& weights) {
  bias_.setZero(blocks() * column);
  for (Index slot = 0; slot < neurons(); ++slot) {
    for (Index q = 0; q < 4; ++q) {
      bias_(slot / packet * column + q * packet + slot % packet) =
          weights.b(q * neurons() + clock_.neuron(slot));
    }
  }
}

template <TimeGate Gate_, int Inputs, int Hidden>
void StreamingCell<Gate_, Inputs, Hidden>::step_all(const Scalar* x) {
  using namespace kernels::detail;
  const Index count = blocks();
  const Scalar* h_prev = h_prev_.data() + (odd_step_ ? count * packet : 0);
  Scalar* h_next = h_prev_.data() + (odd_step_ ? 0 : count * packet);
  weights_.with_form([&](auto& weights) {
    weights.set_numbers(x, h_prev, {nullptr, neurons()});
    for_blocks(
        count, neurons(), [](Index n) { return n; },
        [&](Index block) {
          const Sums z =
              weights.add_products(block, Sums::load(bias_.data() + block * column), Sums::zero());
          P c_proposed, h_proposed;
          propose(z, pload<P>(c_.data() + block * packet), c_proposed, h_proposed);
          pstore(c_.data() + block * packet, c_proposed);
          pstore(h_.data() + block * packet, h_proposed);
          pstore(h_next + block * packet, h_proposed);
        });
  });
  odd_step_ = !odd_step_;
}

template <TimeGate Gate_, int Inputs, int Hidden>
void StreamingCell<Gate_, Inputs, Hidden>::step_open(const Scalar* x, double t) {
  bool changed = false;
  const bool any_open = clock_.advance(t, [&](Index slot, bool open) {
    changed = true;
    move_neuron(slot, open);
  });
  if (changed) gather_open_neurons();
  if (!any_open) return;
  const auto& open = clock_.open();
  weights_.with_form([&](auto& weights) {
    weights.set_numbers(x, h_prev_.data(), {open.slots(), open.count()});
    for_blocks(
        open.block_count(), open.count(), [&](Index n) { return open.blocks()[n]; },
        [&](Index block) {
          const Index at = block * column;
          finish_open_block(block, weights.add_products(block, Sums::load(constants_.data() + at),
                                                        Sums::load(rest_.data() + at)));
        });
  });
  odd_step_ = !odd_step_;
  for (Index s = 0; s < open.count(); ++s) {
    const Index slot = open.slots()[s];
    h_prev_(s) = h_(slot);
    copy_out(slot);
  }
}

template <TimeGate Gate_, int Inputs, int Hidden>
void StreamingCell<Gate_, Inputs, Hidden>::finish_open_block(Index block, const Sums& z) {
  using namespace kernels::detail;
  const P c_old = pload<P>(c_.data() + block * packet);
  const P h_old = pload<P>(h_.data() + block * packet);
  P c_proposed, h_proposed;
  propose(z, c_old, c_proposed, h_proposed);
  // old + k (proposed - old): a closed neuron (k = 0) keeps its state to the bit.
  const P k = pload<P>(clock_.openness() + block * packet);
  pstore(c_.data() + block * packet, pmadd(k, psub(c_proposed, c_old), c_old));
  pstore(h_.data() + block * packet, pmadd(k, psub(h_proposed, h_old), h_old));
}

template <TimeGate Gate_, int Inputs, int Hidden>
void StreamingCell<Gate_, Inputs, Hidden>::add_to_constants(Index slot, Scalar h) {
  using namespace kernels::detail;
  const P factor = pset1<P>(h);
  alignas(64) Scalar memory[static_cast<std::size_t>(column)];
  weights_.with_form([&](const auto& form) {
    for (Index block = 0; block < blocks(); ++block) {
      const Scalar* weights = form.column_weights(block, slot, memory);
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
  });
}

template <TimeGate Gate_, int Inputs, int Hidden>
void StreamingCell<Gate_, Inputs, Hidden>::state_changed() {
  if constexpr (gated) {
    clear_constants();
    frozen_count_ = 0;
    for (Index slot = 0; slot < neurons(); ++slot) {
      copy_out(slot);
      if (clock_.open().is_open(slot) || h_(slot) == Scalar(0)) continue;
      ++frozen_count_;
      add_to_constants(slot, h_(slot));
    }
    gather_open_neurons();
  } else {
    h_prev_ << h_, h_;
  }
}

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
