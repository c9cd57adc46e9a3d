// Bidirectional networks against one that is put together by hand, and their gradients.
#include "glstm/nn/bidirectional.hpp"

#include <string>
#include <vector>

#include "catch.hpp"
#include "glstm/nn/network.hpp"
#include "glstm/testing/gradient_check.hpp"

namespace bidirectional_test {

using namespace glstm;

#define GATES AlwaysOpen<double>, GaussianGate<double>, PhasedGate<double>

namespace {

constexpr Index batch = 3, steps = 7, features = 2, outputs = 2;

enum class Times { index, shared, per_sample };

template <class Gate>
Network<Gate> make_network(Readout readout) {
  Network<Gate> network({.inputs = features,
                         .hidden = {4, 3},
                         .outputs = outputs,
                         .readout = readout,
                         .bidirectional = true});
  Rng rng(1);
  network.initialize({.gates = {.end = steps, .open_share = 0.6}}, rng);
  return network;
}

LabelledBatch<double> make_batch(Readout readout, bool ragged, Times times) {
  Rng rng(2);
  LabelledBatch<double> data;
  data.input = SequenceBatch<double>::zeros(batch, steps, features);
  for (double& value : data.input.values.reshaped()) value = rng.uniform(-1, 1);
  const Index predictions = readout == Readout::every_step ? steps : 1;
  data.targets.values = Matrix<double>::Zero(batch, outputs * predictions);
  for (double& value : data.targets.values.reshaped()) value = rng.uniform(-1, 1);
  Timing& timing = data.input.timing;
  if (ragged) timing.lengths = {steps, 4, 1};
  if (times != Times::index) {
    timing.timestamps.resize(times == Times::shared ? 1 : batch, steps);
    for (Index row = 0; row < timing.timestamps.rows(); ++row) {
      double t = rng.uniform(0, 1);
      for (Index n = 0; n < steps; ++n) timing.timestamps(row, n) = t += rng.uniform(0, 1.5);
    }
  }
  return data;
}

// One sample of a batch, as long as it is valid.
SequenceBatch<double> sample_of(const SequenceBatch<double>& input, Index b) {
  const Index length = input.timing.length(b);
  SequenceBatch<double> sample = SequenceBatch<double>::zeros(1, length, features);
  sample.values = input.values.row(b).head(length * features);
  sample.timing.timestamps.resize(1, length);
  for (Index n = 0; n < length; ++n) sample.timing.timestamps(0, n) = input.timing.time(b, n);
  return sample;
}

// The hidden states of one direction of a layer in the order in which it reads: [L,H] for the
// inputs [L,I] at the given times.
template <class Gate>
Matrix<double> run_layer(const Network<Gate>& network, std::size_t place, const Matrix<double>& x,
                         const std::vector<double>& times) {
  const Layer<Gate>& layer = network.layers()[place];
  State<double> state = State<double>::zeros(1, layer.hidden());
  Matrix<double> hidden(x.rows(), layer.hidden());
  for (Index n = 0; n < x.rows(); ++n) {
    layer.step(network.parameters, x.row(n), times[static_cast<std::size_t>(n)], state);
    hidden.row(n) = state.h;
  }
  return hidden;
}

// The predictions of a network for one sample, [L,O], put together step by step.
template <class Gate>
Matrix<double> predictions_by_hand(const Network<Gate>& network,
                                   const SequenceBatch<double>& sample) {
  const Index L = sample.steps();
  std::vector<double> times, backwards;
  for (Index n = 0; n < L; ++n) times.push_back(sample.timing.time(0, n));
  for (Index n = 0; n < L; ++n) {
    backwards.push_back(times.front() +
                        (times.back() - times[static_cast<std::size_t>(L - 1 - n)]));
  }
  Matrix<double> x(L, features);
  for (Index n = 0; n < L; ++n) x.row(n) = sample.step(n);
  Matrix<double> ends;
  for (std::size_t l = 0; l < network.options().hidden.size(); ++l) {
    const Matrix<double> forward = run_layer(network, 2 * l, x, times);
    const Matrix<double> reverse =
        run_layer(network, 2 * l + 1, x.colwise().reverse().eval(), backwards);
    ends.resize(1, forward.cols() + reverse.cols());
    ends << forward.row(L - 1), reverse.row(L - 1);
    x.resize(L, forward.cols() + reverse.cols());
    x << forward, reverse.colwise().reverse();
  }
  const Matrix<double> w = block_view(network.parameters, network.layout().find("readout.w"));
  const Matrix<double> b = block_view(network.parameters, network.layout().find("readout.b"));
  const Matrix<double> read = network.options().readout == Readout::every_step ? x : ends;
  return (read * w.transpose()).rowwise() + b.col(0).transpose();
}

}  // namespace

TEMPLATE_TEST_CASE("a bidirectional network is its directions put together", "", GATES) {
  for (const Readout readout : {Readout::last_step, Readout::every_step}) {
    for (const bool ragged : {false, true}) {
      for (const Times times : {Times::index, Times::shared, Times::per_sample}) {
        for (const Path path : {Path::scheduled, Path::reference}) {
          INFO("readout " << static_cast<int>(readout) << " ragged " << ragged << " times "
                          << static_cast<int>(times) << " path " << static_cast<int>(path));
          const auto network = make_network<TestType>(readout);
          const LabelledBatch<double> data = make_batch(readout, ragged, times);
          typename Network<TestType>::Tape tape;
          const Matrix<double> y = network.predict(data.input, tape, path);
          for (Index b = 0; b < batch; ++b) {
            const Matrix<double> expected =
                predictions_by_hand(network, sample_of(data.input, b));  // [L or 1, O]
            for (Index n = 0; n < expected.rows(); ++n) {
              const Vector<double> found = y.row(b).segment(n * outputs, outputs);
              CHECK(largest_magnitude(found - expected.row(n).transpose()) < 1e-12);
            }
          }
        }
      }
    }
  }
}

TEMPLATE_TEST_CASE("gradients of bidirectional networks match central differences", "", GATES) {
  for (const Readout readout : {Readout::last_step, Readout::every_step}) {
    for (const Path path : {Path::scheduled, Path::reference}) {
      auto network = make_network<TestType>(readout);
      const LabelledBatch<double> data = make_batch(readout, true, Times::per_sample);
      typename Network<TestType>::Tape tape;
      Vector<double> gradient = Vector<double>::Zero(network.layout().size());
      const double weight = 0.3;
      network.add_gradient(data, weight, tape, gradient, path);
      const Vector<double> expected = testing::numeric_gradient(
          [&](const Vector<double>& at) {
            network.parameters = at;
            const Evaluation value = network.evaluate(data, tape, path);
            return value.task.loss + weight * value.budget;
          },
          network.parameters);
      CHECK(largest_magnitude(gradient - expected) < 1e-7);
      CHECK(gradient.cwiseAbs().minCoeff() >= 0);
      CHECK(largest_magnitude(gradient) > 1e-3);
    }
  }
}

TEST_CASE("sizes, names and work of a bidirectional network are those of both directions") {
  const auto network = make_network<GaussianGate<double>>(Readout::every_step);
  CHECK(network.directions() == 2);
  REQUIRE(network.layers().size() == 4);
  CHECK(network.layers()[2].inputs() == 8);
  CHECK(network.layout().find("layer0.reverse.w_ih").cols == features);
  CHECK(network.layout().find("layer1.reverse.sigma").rows == 3);
  CHECK(network.layout().find("readout.w").cols == 6);
  typename GLstm<double>::Tape tape;
  network.predict(make_batch(Readout::every_step, false, Times::index).input, tape);
  CHECK(tape.ops().dense_updates == batch * steps * 2 * (4 + 3));
}

TEST_CASE("a bidirectional network cannot go on from a state") {
  const auto network = make_network<GaussianGate<double>>(Readout::every_step);
  const LabelledBatch<double> data = make_batch(Readout::every_step, false, Times::index);
  check_mentions(error_of([&] { network.initial_state(1); }), {"bidirectional", "both ends"});
  typename GLstm<double>::Tape tape;
  const NetworkState<double> state(4, State<double>::zeros(batch, 4));
  check_mentions(error_of([&] { network.predict(data.input, tape, Path::scheduled, &state); }),
                 {"bidirectional"});
}

TEST_CASE("reversing steps twice gives the batch back") {
  const LabelledBatch<double> data = make_batch(Readout::every_step, true, Times::per_sample);
  const Timing& timing = data.input.timing;
  Matrix<double> once, twice;
  detail::reverse_steps<double>(data.input.values, features, timing, once);
  detail::reverse_steps<double>(once, features, timing, twice);
  CHECK(once != data.input.values);
  CHECK(twice == data.input.values);
  const Timing reversed = detail::reverse_timing(timing);
  CHECK_NOTHROW(reversed.check());
  CHECK(reversed.time(1, 0) == timing.time(1, 0));
  CHECK(reversed.time(1, 3) == Approx(timing.time(1, 3)));
}

}  // namespace bidirectional_test
