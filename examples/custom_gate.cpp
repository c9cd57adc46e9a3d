// A time gate of your own: a raised cosine, which opens and closes without a jump. The program
// checks its gradient and its windows, streams it, widens it under a curriculum, and trains it on
// the adding task beside the Gaussian gate.
#include <algorithm>
#include <array>
#include <cmath>
#include <iostream>
#include <limits>
#include <numbers>
#include <vector>

#include "glstm/glstm.hpp"
#include "glstm/testing/gradient_check.hpp"

namespace {

using namespace glstm;

/// The raised cosine:
///
///     k = (1 + cos(pi u)) / 2 for |u| < 1, else 0 (closed),   u = (t - mu) / reach
///
/// Parameters [H,2]: the centre mu and the reach, both in the unit of the timestamps. Where a
/// window ends, k and its derivatives by both parameters are 0.
template <class Scalar_>
class RaisedCosineGate {
 public:
  using Scalar = Scalar_;
  using Real = Scalar;
  struct Options {
    double min_reach = 0.5;  ///< training shrinks no |reach| below this, in the unit of time
  };
  static constexpr std::array<const char*, 2> parameter_names{"mu", "reach"};

  explicit RaisedCosineGate(const Matrix<Scalar>& parameters, const Options& = {})
      : parameters_(parameters) {
    check_gate_parameters(parameters, parameter_names, /*nonzero=*/{1});
  }

  Index size() const { return parameters_.rows(); }
  Scalar mu(Index j) const { return parameters_(j, 0); }
  Scalar reach(Index j) const { return parameters_(j, 1); }

  bool is_open(Index j, Scalar t) const { return std::abs(place(j, t)) < 1; }

  Scalar openness(Index j, Scalar t) const {
    return is_open(j, t) ? (1 + std::cos(pi * place(j, t))) / 2 : 0;
  }

  /// { dk/dmu, dk/dreach } = pi sin(pi u) / (2 reach) { 1, u }.
  std::array<Scalar, 2> openness_gradient(Index j, Scalar t) const {
    if (!is_open(j, t)) return {0, 0};
    const Scalar u = place(j, t);
    const Scalar dmu = pi * std::sin(pi * u) / (2 * reach(j));
    return {dmu, dmu * u};
  }

  /// The only window of neuron j, unless it has closed before t.
  Window<Real> next_window(Index j, Real t) const {
    const Window<Real> window{mu(j) - std::abs(reach(j)), mu(j) + std::abs(reach(j))};
    return window.close < t ? Window<Real>::never() : window;
  }

  /// Centres over the span, windows that are open_share of the span long.
  static void initialize(const GateSpread& spread, const Options&, Rng& rng,
                         Matrix<Scalar>& parameters) {
    spread.check();
    for (Index j = 0; j < parameters.rows(); ++j) {
      const double place = spread.place(j, parameters.rows(), rng);
      parameters(j, 0) = static_cast<Scalar>(spread.start + place * spread.duration());
      parameters(j, 1) = static_cast<Scalar>(spread.open_share * spread.duration() / 2);
    }
  }

  /// No reach changes sign or shrinks to less than half in one step, nor below min_reach.
  static void limit_step(const Matrix<Scalar>& before, Matrix<Scalar>& after,
                         const Options& options) {
    for (Index j = 0; j < after.rows(); ++j) {
      after(j, 1) = limit_scale_step(before(j, 1), after(j, 1), options.min_reach);
    }
  }

 private:
  static constexpr Scalar pi = std::numbers::pi_v<Scalar>;

  /// u, which is in (-1, 1) while neuron j is open.
  Scalar place(Index j, Scalar t) const { return (t - mu(j)) / reach(j); }

  Matrix<Scalar> parameters_;
};

/// The same gate, which counts how often it is asked whether a neuron is open.
class CountedGate : public RaisedCosineGate<double> {
 public:
  using RaisedCosineGate::RaisedCosineGate;

  bool is_open(Index j, double t) const {
    ++questions;
    return RaisedCosineGate::is_open(j, t);
  }

  static inline Index questions = 0;
};

}  // namespace

/// What streams and the curriculum may know of the gate. Everything works without, but a stream
/// then asks every gate at every step, and a curriculum finds no width.
template <class Scalar>
struct glstm::GateTraits<RaisedCosineGate<Scalar>>
    : glstm::GateTraitsDefaults<RaisedCosineGate<Scalar>> {
  using Gate = RaisedCosineGate<Scalar>;
  static constexpr bool single_window = true;
  static constexpr Index width_column = 1;  // reach

  static double sort_key(const Gate& gate, Index j) { return gate.mu(j); }

  /// The rounding of (t - mu) / reach, and of the window's edges.
  static Scalar edge_tolerance(const Gate& gate, Index j, Scalar t) {
    return 8 * std::numeric_limits<Scalar>::epsilon() *
           (std::abs(t) + std::abs(gate.mu(j)) + std::abs(gate.reach(j)));
  }
};

template <>
struct glstm::GateTraits<CountedGate> : glstm::GateTraits<RaisedCosineGate<double>> {};

namespace {

constexpr Index steps = 200;

/// The openness' gradient against central differences: about 1e-8 when it is right.
double gradient_error() {
  Matrix<double> parameters(3, 2);  // of three neurons
  parameters << 10, 4, 25, -12, 40, 0.7;
  std::vector<double> times;
  for (int n = 0; n < 500; ++n) times.push_back(0.1 * n + 0.03);
  return testing::check_gate<RaisedCosineGate<double>>(parameters, {}, times);
}

/// The largest difference between the predictions of a network that computes what its windows say
/// and one that asks is_open of every neuron at every step: rounding, when next_window is right.
double window_error() {
  Network<RaisedCosineGate<double>> network({.inputs = 2, .hidden = {20}, .outputs = 1});
  Rng rng(1);
  network.initialize({.gates = {.end = steps, .open_share = 0.1}}, rng);
  const AddingTask<double> task(steps, 4, /*seed=*/3);
  const Index samples[] = {0, 1, 2, 3};
  LabelledBatch<double> batch;
  task.load(samples, batch);
  NetworkTape<double> windows, every_step;
  const Matrix<double>& by_windows = network.predict(batch.input, windows);
  const Matrix<double>& by_steps = network.predict(batch.input, every_step, Path::reference);
  return (by_windows - by_steps).cwiseAbs().maxCoeff();
}

struct Streamed {
  double error;  ///< the largest difference between the states of a stream and of its layer
  double asked;  ///< how often the stream asked is_open, per step and neuron
};

/// Streams 20 neurons, ten steps in every unit of time.
Streamed stream() {
  constexpr Index neurons = 20;
  ParameterLayout layout;
  const Layer<CountedGate> layer(layout, "", /*inputs=*/1, neurons);
  Vector<double> parameters(layout.size());
  Rng rng(1);
  for (double& parameter : parameters) parameter = rng.uniform(-0.5, 0.5);
  Matrix<double> gates(neurons, 2);
  CountedGate::initialize({.end = steps, .open_share = 0.1}, {}, rng, gates);
  layer.gate_parameters(parameters) = gates;

  StreamingCell<CountedGate> cell(layer, parameters);
  State<double> state = State<double>::zeros(1, neurons);
  double error = 0;
  for (Index n = 0; n < 10 * steps; ++n) {
    const double t = 0.1 * static_cast<double>(n), x = std::sin(t);
    cell.step(&x, t);
    layer.step(parameters, Matrix<double>::Constant(1, 1, x), t, state);
    error = std::max(error, (cell.hidden().transpose() - state.h).cwiseAbs().maxCoeff());
  }
  return {error, static_cast<double>(CountedGate::questions) / (10 * steps * neurons)};
}

/// Trains under a curriculum that ends with open gates. Returns the least openness afterwards.
double openness_after_curriculum() {
  const AddingTask<float> training(steps, 500, /*seed=*/1);
  Network<RaisedCosineGate<float>> network({.inputs = 2, .hidden = {10}, .outputs = 1});
  Rng rng(1);
  network.initialize({.gates = {.end = steps, .open_share = 0.1}}, rng);
  Adam<float> optimizer(network.layout(), {.learning_rate = 5e-3});
  const TemporalCurriculum curriculum(network, {.first_step = 0,
                                                .last_step = 10,
                                                .first_width = 10,
                                                .last_width = steps,
                                                .open_width = 1e6 * steps});
  Trainer(network, optimizer, {.batch = 50, .epochs = 1}).after_step(curriculum).fit(training);
  const auto gate = network.layers()[0].gate(network.parameters);
  return std::min(openness(gate, 0.0f).minCoeff(), openness(gate, float(steps)).minCoeff());
}

/// Trains a network of 40 such neurons on the adding task. Returns its error on new sequences.
template <TimeGate Gate>
double train(const char* name) {
  const AddingTask<float> training(steps, 5'000, /*seed=*/1), test(steps, 1'000, /*seed=*/2);
  Network<Gate> network({.inputs = 2, .hidden = {40}, .outputs = 1});
  Rng rng(1);
  network.initialize({.gates = {.end = steps, .open_share = 0.1}}, rng);
  Adam<float> optimizer(network.layout(), {.learning_rate = 5e-3, .time_gate_learning_rate = 0.2});
  BudgetController controller({.target_share = 0.1});
  const EpochReport last =
      Trainer(network, optimizer, {.batch = 50, .epochs = 20}).control(controller).fit(training);
  const Evaluation result = evaluate(network, test, /*batch_size=*/500);
  std::cout << name << ": error " << result.task.loss
            << " (answering 0: " << AddingTask<float>::target_variance << "), "
            << 100 * result.ops.update_share() << " % of the updates, " << last.seconds << " s\n";
  return result.task.loss;
}

}  // namespace

int main() {
  const double gradient = gradient_error(), windows = window_error();
  const Streamed streamed = stream();
  const double widened = openness_after_curriculum();
  std::cout << "gradient off by " << gradient << ", predictions by " << windows
            << ", a stream's states by " << streamed.error << "\n"
            << "a stream asks a gate in " << 100 * streamed.asked << " % of the steps\n"
            << "openness after a curriculum: " << widened << "\n";
  const double error = train<RaisedCosineGate<float>>("raised cosine");
  train<GaussianGate<float>>("Gaussian");

  if (gradient < 1e-7 && windows < 1e-14 && streamed.error < 1e-12 && streamed.asked < 0.05 &&
      widened == 1 && error < 0.01) {
    return 0;
  }
  std::cerr << "expected a gradient that is off by less than 1e-7, predictions by less than 1e-14, "
               "states by less than 1e-12, questions in less than 5 % of the steps, openness 1, "
               "and an error of the raised cosine below 0.01\n";
  return 1;
}
