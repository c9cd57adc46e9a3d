// A thousand random networks: the scheduled path against the reference, forward and gradient.
//
// A failure prints its seed; GLSTM_SEED=<seed> runs that one alone.
#include <algorithm>
#include <cstdlib>
#include <iostream>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "catch.hpp"
#include "glstm/nn/network.hpp"
#include "lstm/layer_problem.hpp"

using namespace glstm;
using namespace layer_problem;

namespace {

constexpr std::uint64_t networks = 1000;

// How often a property occurred, and the largest differences.
std::map<std::string, int> occurred;
std::map<std::string, double> largest;

// Of 10 000 networks, compiled by g++ and Clang with AVX-512, with AVX2 and without vectors, the
// largest differences in float are 5e-6 and, of gradients, whose terms cancel over hundreds of
// steps, 1.7e-4. The bounds leave room for other processors: what is wrong shows in double.
template <class Scalar>
constexpr double tolerance = std::is_same_v<Scalar, float> ? 5e-5 : 1e-11;
template <class Scalar>
constexpr double gradient_tolerance = std::is_same_v<Scalar, float> ? 1e-3 : 1e-11;
template <class Scalar>
constexpr const char* name_of = std::is_same_v<Scalar, float> ? "float" : "double";

// Difference relative to `size`, the largest magnitude of the wanted values and those beside them.
template <class Scalar, class A, class B>
void compare(const char* what, const A& a, const B& b, double size,
             double allowed = tolerance<Scalar>) {
  INFO(what);
  REQUIRE(a.rows() == b.rows());
  REQUIRE(a.cols() == b.cols());
  const double difference = largest_magnitude(a - b);
  const double relative = difference == 0 ? 0 : difference / size;
  double& most = largest[std::string(name_of<Scalar>) + ", " + what];
  most = std::max(most, relative);
  CHECK(relative <= allowed);
}

template <class Gate>
struct Random {
  using Scalar = typename Gate::Scalar;

  explicit Random(std::uint64_t seed) : rng(seed), shape(random_shape(rng)), network(options()) {
    for (const Layer<Gate>& layer : network.layers()) {
      LstmGradients<Scalar> blocks = layer.gradients(network.parameters);  // writable views
      const Scalar scale = Scalar(rng.uniform(0.5, 2));
      blocks.dWx = scale * random_matrix<Scalar>(blocks.dWx.rows(), blocks.dWx.cols(), rng);
      blocks.dWh = scale / std::sqrt(Scalar(layer.hidden())) *
                   random_matrix<Scalar>(blocks.dWh.rows(), blocks.dWh.cols(), rng);
      blocks.db = random_matrix<Scalar>(blocks.db.size(), 1, rng);
      fill_gates<Gate>(layer.gate_parameters(network.parameters), shape, rng);
    }
    auto w = block_view(network.parameters, network.layout().find("readout.w"));
    w = random_matrix<Scalar>(w.rows(), w.cols(), rng);
    auto b = block_view(network.parameters, network.layout().find("readout.b"));
    b = random_matrix<Scalar>(b.rows(), 1, rng);

    batch.input.features = shape.inputs;
    batch.input.timing = random_timing(shape, rng);
    batch.input.values = random_matrix<Scalar>(shape.batch, shape.inputs * shape.steps, rng);
    const Index answers = network.predictions_per_sample(batch.input.timing);
    const Index O = network.options().outputs;
    if (network.options().loss == mean_squared_error) {
      batch.targets.values = random_matrix<Scalar>(shape.batch, O * answers, rng);
    } else {
      batch.targets.labels = random_labels(shape.batch, answers, O, rng);
    }
    if (shape.initial_state && !network.options().bidirectional) {
      initial.emplace();
      for (const Layer<Gate>& layer : network.layers()) {
        initial->push_back(random_state<Scalar>(shape.batch, layer.hidden(), rng));
      }
    }
    budget_weight = rng.uniform() < 0.3 ? 0 : rng.uniform(0, 2);
  }

  NetworkOptions<Gate> options() {
    NetworkOptions<Gate> options{.inputs = shape.inputs, .hidden = {}};
    const Index depth = 1 + rng.below(3);
    options.gates.clear();
    for (Index l = 0; l < depth; ++l) {
      options.hidden.push_back(1 + rng.below(rng.uniform() < 0.2 ? 70 : 20));
      Shape own = shape;
      if (rng.uniform() < 0.5) own.threshold = rng.uniform(0, 0.5);
      options.gates.push_back(gate_options<Gate>(own));
    }
    options.outputs = 1 + rng.below(5);
    options.readout = rng.uniform() < 0.5 ? Readout::last_step : Readout::every_step;
    options.loss = rng.uniform() < 0.5 ? Loss(mean_squared_error) : Loss(cross_entropy);
    options.time_origin = shape.origin;
    options.bidirectional = rng.uniform() < 0.3;
    shape.steps = rng.uniform() < 0.1 ? 1 + rng.below(300) : shape.steps;
    return options;
  }

  void count() const {
    const auto tell = [](const std::string& what, bool is) { occurred[what] += is; };
    const auto& options = network.options();
    for (std::size_t layers = 1; layers <= 3; ++layers) {
      tell(std::to_string(layers) + " layers", options.hidden.size() == layers);
    }
    tell("clock of steps", shape.clock == Clock::steps);
    tell("clock shared", shape.clock == Clock::shared);
    tell("clock per sample", shape.clock == Clock::per_sample);
    tell("ragged", shape.ragged);
    tell("an initial state", initial.has_value());
    tell("bidirectional", options.bidirectional);
    tell("read at every step", options.readout == Readout::every_step);
    tell("cross-entropy", options.loss == cross_entropy);
    tell("threshold 0", shape.threshold == 0);
    tell("a batch of one", shape.batch == 1);
    tell("a time origin", shape.origin != 0);
  }

  const NetworkState<Scalar>* initial_or_null() const { return initial ? &*initial : nullptr; }

  struct Passed {
    Evaluation evaluation;
    Matrix<Scalar> answer;
    NetworkState<Scalar> final_states;
    Vector<Scalar> gradient;
  };
  Passed pass(Path path) const {
    typename Network<Gate>::Tape tape;
    Passed passed;
    passed.gradient.setZero(network.layout().size());
    passed.evaluation = network.add_gradient(batch, budget_weight, tape, passed.gradient, path, {},
                                             initial_or_null());
    passed.answer = tape.readout;
    passed.final_states = tape.final_states;
    CHECK(network.predict(batch.input, tape, path, initial_or_null()) == passed.answer);
    return passed;
  }

  void check() const {
    const Passed fast = pass(Path::scheduled), slow = pass(Path::reference);
    CHECK(fast.evaluation.task.count == slow.evaluation.task.count);
    compare<Scalar>("answer", fast.answer, slow.answer, 1);
    for (std::size_t l = 0; l < slow.final_states.size(); ++l) {
      const State<Scalar>&a = fast.final_states[l], &b = slow.final_states[l];
      compare<Scalar>("final h", a.h, b.h, 1);
      compare<Scalar>("final c", a.c, b.c, std::max(1.0, largest_magnitude(b.c)));
    }
    const double all = largest_magnitude(slow.gradient);
    for (const ParameterBlock& block : network.layout().blocks()) {
      const auto wanted = block_view(slow.gradient, block);
      compare<Scalar>("gradient", block_view(fast.gradient, block), wanted,
                      std::max(largest_magnitude(wanted), 1e-2 * all), gradient_tolerance<Scalar>);
    }
    compare<Scalar>("budget", Matrix<double>::Constant(1, 1, fast.evaluation.budget),
                    Matrix<double>::Constant(1, 1, slow.evaluation.budget), 1);
  }

  Rng rng;
  Shape shape;
  Network<Gate> network;
  LabelledBatch<Scalar> batch;
  std::optional<NetworkState<Scalar>> initial;
  double budget_weight = 0;
};

// The network itself, and its first layer's shape alone, where gradients of x, h0 and c0 come out.
template <template <class> class Gate>
void check_network(const char* name, std::uint64_t seed) {
  ++occurred[name];
  const Random<Gate<double>> in_double(seed);
  in_double.count();
  INFO(name << ", " << in_double.shape << ", layers " << in_double.network.options().hidden.size()
            << ", bidirectional " << in_double.network.options().bidirectional);
  in_double.check();
  Random<Gate<float>>(seed).check();

  Rng rng(seed);
  const Problem<Gate<double>> layer(in_double.shape, rng);
  const auto fast = run(layer);
  check_close_results(layer.layout, fast, run(layer, Path::reference), 1e-10,
                      layer.initial.has_value());
  check_counts(layer, fast.ops);
}

void check_seed(std::uint64_t seed) {
  INFO("GLSTM_SEED=" << seed << " runs this network alone");
  switch (seed % 3) {
    case 0:
      return check_network<GaussianGate>("Gaussian gates", seed);
    case 1:
      return check_network<PhasedGate>("phased gates", seed);
    default:
      return check_network<AlwaysOpen>("no gates", seed);
  }
}

}  // namespace

TEST_CASE("a thousand random networks compute what the reference computes") {
  if (const char* seed = std::getenv("GLSTM_SEED")) return check_seed(std::stoull(seed));
  for (std::uint64_t seed = 0; seed < networks; ++seed) check_seed(seed);
  std::cout << networks << " networks, of which\n";
  for (const auto& [what, count] : occurred) {
    std::cout << "  " << count << " " << what << '\n';
    CAPTURE(what);
    CHECK(count >= 50);
  }
  std::cout << "largest differences (allowed: double " << tolerance<double> << ", float "
            << tolerance<float> << ", of a gradient " << gradient_tolerance<float> << ")\n";
  for (const auto& [what, difference] : largest) {
    std::cout << "  " << what << ": " << difference << '\n';
  }
  std::cout << std::flush;
}
