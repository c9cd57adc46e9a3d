#include "glstm/train/temporal_curriculum.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "catch.hpp"
#include "glstm/data/adding_task.hpp"
#include "glstm/nn/convert.hpp"
#include "glstm/train/trainer.hpp"

namespace temporal_curriculum_test {

using namespace glstm;

namespace {

constexpr TemporalCurriculumOptions some_options{
    .first_step = 10, .last_step = 30, .first_width = 2, .last_width = 200, .open_width = 1e6};

template <class Scalar>
GLstm<Scalar> two_layers(Readout readout = Readout::last_step) {
  GLstm<Scalar> network({.inputs = 2, .hidden = {5, 4}, .outputs = 3, .readout = readout});
  Rng rng(1);
  network.initialize({.gates = {.start = 0, .end = 20, .open_share = 0.4}}, rng);
  return network;
}

template <class Scalar>
Vector<Scalar> block_of(const Network<GaussianGate<Scalar>>& network, const char* name) {
  return block_view(network.parameters, network.layout().find(name));
}

template <class Scalar>
SequenceBatch<Scalar> random_input(Index batch, Index steps, Rng& rng) {
  SequenceBatch<Scalar> input = SequenceBatch<Scalar>::zeros(batch, steps, 2);
  for (Scalar& value : input.values.reshaped()) value = static_cast<Scalar>(rng.uniform(-1, 1));
  return input;
}

// A user's gate: a Phased LSTM whose periods grow.
class LongPeriods : public PhasedGate<float> {
  using PhasedGate::PhasedGate;
};

}  // namespace

}  // namespace temporal_curriculum_test

template <>
struct glstm::GateTraits<temporal_curriculum_test::LongPeriods>
    : glstm::GateTraitsDefaults<temporal_curriculum_test::LongPeriods> {
  static constexpr Index width_column = 0;
};

namespace temporal_curriculum_test {

TEST_CASE("the least width grows as the curriculum says") {
  const GLstm<double> network = two_layers<double>();
  const TemporalCurriculum<double> curriculum(network, some_options);
  CHECK(curriculum.least_width(0) == 0);
  CHECK(curriculum.least_width(9) == 0);
  CHECK(curriculum.least_width(10) == 2);
  CHECK(curriculum.least_width(20) == Approx(2 * std::pow(100, 0.125)));
  CHECK(curriculum.least_width(29) == Approx(2 * std::pow(100, std::pow(0.95, 3))));
  CHECK(curriculum.least_width(29) < 200);
  CHECK(curriculum.least_width(30) == 1e6);
  CHECK(curriculum.least_width(1'000'000'000) == 1e6);
  for (Index step = 1; step <= 31; ++step) {
    CAPTURE(step);
    CHECK(curriculum.least_width(step) >= curriculum.least_width(step - 1));
    if (step > 10 && step <= 30) {
      CHECK(curriculum.least_width(step) > curriculum.least_width(step - 1));
    }
  }

  // All widths may be the same, and the first step may be the first of all.
  const TemporalCurriculum<double> flat(
      network,
      {.first_step = 0, .last_step = 1, .first_width = 3, .last_width = 3, .open_width = 3});
  CHECK(flat.least_width(0) == 3);
  CHECK(flat.least_width(1) == 3);
}

TEMPLATE_TEST_CASE("the curriculum widens narrow windows and touches nothing else", "", float,
                   double) {
  using Scalar = TestType;
  GLstm<Scalar> network = two_layers<Scalar>();
  const ParameterLayout& layout = network.layout();
  const TemporalCurriculum<Scalar> curriculum(network, some_options);
  block_view(network.parameters, layout.find("layer0.sigma")).reshaped() << Scalar(1), Scalar(-1),
      Scalar(2.5), Scalar(-2.5), Scalar(-1e9);
  block_view(network.parameters, layout.find("layer1.sigma")).reshaped() << Scalar(-2), Scalar(2),
      Scalar(1e-20), Scalar(7e6);
  const Vector<Scalar> before = network.parameters;
  const auto sigmas = [&](const char* name) {
    const Vector<Scalar> block = block_of(network, name);
    return std::vector<Scalar>(block.begin(), block.end());
  };

  curriculum(9, network.parameters);
  CHECK(network.parameters == before);
  curriculum(10, network.parameters);
  CHECK(sigmas("layer0.sigma") ==
        std::vector<Scalar>{2, -2, Scalar(2.5), Scalar(-2.5), Scalar(-1e9)});
  CHECK(sigmas("layer1.sigma") == std::vector<Scalar>{-2, 2, 2, Scalar(7e6)});
  curriculum(30, network.parameters);
  const auto open = static_cast<Scalar>(1e6);
  CHECK(sigmas("layer0.sigma") == std::vector<Scalar>{open, -open, open, -open, Scalar(-1e9)});
  CHECK(sigmas("layer1.sigma") == std::vector<Scalar>{-open, open, open, Scalar(7e6)});

  for (const ParameterBlock& block : layout.blocks()) {
    if (block.name.ends_with(".sigma")) continue;
    INFO(block.name);
    CHECK(block_view(network.parameters, block) == block_view(before, block));
  }
}

TEST_CASE("a curriculum widens what the traits of a user's gate call a width") {
  Network<LongPeriods> network({.inputs = 1, .hidden = {3, 2}, .bidirectional = true});
  network.parameters.setConstant(0.5f);
  const TemporalCurriculum curriculum(network, some_options);
  curriculum(10, network.parameters);
  for (const Layer<LongPeriods>& layer : network.layers()) {
    CHECK((layer.gate_parameters(network.parameters).col(0).array() == 2.0f).all());
  }
  CHECK(network.layers().size() == 4);
  CHECK((network.parameters.array() == 2.0f).count() == 2 * (3 + 2));
}

TEST_CASE("a curriculum without widths, or with options out of range, is an error") {
  constexpr double nan = std::numeric_limits<double>::quiet_NaN();
  constexpr double infinity = std::numeric_limits<double>::infinity();
  const GLstm<float> network = two_layers<float>();
  const auto message = [&](auto change) {
    TemporalCurriculumOptions options = some_options;
    change(options);
    return error_of([&] { TemporalCurriculum<float>(network, options); });
  };
  using Options = TemporalCurriculumOptions;
  check_mentions(message([](Options& o) { o.first_step = -1; }), {"steps -1 to 30"});
  check_mentions(message([](Options& o) { o.last_step = 10; }), {"after it starts", "10 to 10"});
  check_mentions(message([](Options& o) { o.last_step = 3; }), {"10 to 3"});
  check_mentions(message([](Options& o) { o.first_width = 0; }), {"widths", "got 0, 200"});
  check_mentions(message([](Options& o) { o.first_width = -2; }), {"widths", "got -2, 200"});
  check_mentions(message([](Options& o) { o.last_width = 1; }), {"widths", "2, 1,"});
  check_mentions(message([](Options& o) { o.open_width = 100; }), {"widths", "200, 100"});
  for (const double value : {nan, infinity, 1e39}) {  // 1e39 is no float
    check_mentions(message([&](Options& o) { o.open_width = value; }), {"widths", "2, 200, "});
  }
  check_mentions(message([](Options& o) { o.first_width = nan; }), {"widths", "nan"});
  check_mentions(message([](Options& o) { o.last_width = nan; }), {"widths", "nan"});
  check_mentions(message([](Options& o) { o = {}; }), {"steps 0 to 0"});

  const Lstm<float> plain({});
  const PhasedLstm<float> phased({});
  check_mentions(error_of([&] { TemporalCurriculum(plain, some_options); }),
                 {"time gates with a width"});
  check_mentions(error_of([&] { TemporalCurriculum(phased, some_options); }),
                 {"time gates with a width"});
}

namespace {

/// Checks after every step that no width of the network is less than prescribed.
struct WidthWitness final : Callback<float> {
  const GLstm<float>& network;
  const TemporalCurriculum<float>& curriculum;
  Index steps = 0;

  WidthWitness(const GLstm<float>& of, const TemporalCurriculum<float>& by)
      : network(of), curriculum(by) {}
  Continue on_step(const StepReport& report) override {
    ++steps;
    for (const char* name : {"layer0.sigma", "layer1.sigma"}) {
      CAPTURE(report.step, name);
      const float least = static_cast<float>(curriculum.least_width(report.step));
      CHECK(block_of(network, name).cwiseAbs().minCoeff() >= least);
    }
    return Continue::yes;
  }
};

}  // namespace

TEST_CASE("in training no width is ever less than the curriculum prescribes") {
  GLstm<float> network({.inputs = 2, .hidden = {6, 5}});
  Rng rng(1);
  network.initialize({.gates = {.start = 0, .end = 20, .open_share = 0.4}}, rng);
  const TemporalCurriculum<float> curriculum(
      network,
      {.first_step = 5, .last_step = 20, .first_width = 2, .last_width = 200, .open_width = 2e7});
  // Steps so large that widths jump across zero.
  Sgd<float> optimizer(network.layout(), {.time_gate_learning_rate = 1e4});
  Trainer<GaussianGate<float>> trainer(network, optimizer,
                                       {.batch = 16, .epochs = 4, .budget_weight = 1});
  WidthWitness witness(network, curriculum);
  trainer.after_step(curriculum).add_callback(witness).fit(AddingTask<float>(20, 96, 1));
  CHECK(witness.steps == 24);
}

TEMPLATE_TEST_CASE("after the curriculum the gates are open and may be left out", "", float,
                   double) {
  using Scalar = TestType;
  const Readout readout = GENERATE(Readout::last_step, Readout::every_step);
  const double end = 100;
  GLstm<Scalar> network = two_layers<Scalar>(readout);
  Rng rng(2);
  for (Scalar& value : network.parameters) value += static_cast<Scalar>(rng.uniform(-0.3, 0.3));
  block_view(network.parameters, network.layout().find("layer1.mu"))(0, 0) = Scalar(0);
  block_view(network.parameters, network.layout().find("layer1.mu"))(1, 0) = Scalar(end);
  block_view(network.parameters, network.layout().find("layer0.sigma"))(2, 0) *= Scalar(-1);
  TemporalCurriculumOptions options = some_options;
  options.open_width = (std::is_same_v<Scalar, float> ? 1e4 : 2e8) * end;
  const TemporalCurriculum<Scalar> curriculum(network, options);

  SequenceBatch<Scalar> input = random_input<Scalar>(7, 12, rng);
  input.timing.timestamps.resize(7, 12);
  for (Index b = 0; b < 7; ++b) {
    std::vector<double> times(12);
    for (double& time : times) time = rng.uniform(0, end);
    std::sort(times.begin(), times.end());
    times.front() = 0;
    times.back() = end;
    for (Index n = 0; n < 12; ++n) {
      input.timing.timestamps(b, n) = times[static_cast<std::size_t>(n)];
    }
  }
  typename GLstm<Scalar>::Tape tape;
  typename Lstm<Scalar>::Tape plain_tape;
  const auto difference = [&](Path path) {
    const Matrix<Scalar> gated = network.predict(input, tape, path);
    return largest_magnitude(gated - without_gates(network).predict(input, plain_tape, path));
  };
  CHECK(difference(Path::scheduled) > 1e-3);  // the gates do matter before

  curriculum(30, network.parameters);
  for (const Layer<GaussianGate<Scalar>>& layer : network.layers()) {
    const GaussianGate<Scalar> gate = layer.gate(network.parameters);
    for (const double time : input.timing.timestamps.reshaped()) {
      const bool open = (openness(gate, static_cast<Scalar>(time)).array() == Scalar(1)).all();
      CHECK(open);
    }
  }
  CHECK(difference(Path::reference) == 0);
  CHECK(difference(Path::scheduled) < 1e-6);
}

TEMPLATE_TEST_CASE("without its gates a network has the same weights", "", (GaussianGate<float>),
                   (PhasedGate<float>), (AlwaysOpen<float>), (GaussianGate<double>),
                   (PhasedGate<double>), (AlwaysOpen<double>)) {
  using Scalar = typename TestType::Scalar;
  Network<TestType> network({.inputs = 3,
                             .hidden = {4, 2, 5},
                             .outputs = 2,
                             .readout = Readout::every_step,
                             .loss = cross_entropy,
                             .gates = {{}, {}, {}},
                             .time_origin = 2.5});
  Rng rng(3);
  network.initialize({.gates = {.start = 0, .end = 9}}, rng);
  for (Scalar& value : network.parameters) value += static_cast<Scalar>(rng.uniform(-0.1, 0.1));
  const Vector<Scalar> before = network.parameters;

  const Lstm<Scalar> plain = without_gates(network);
  CHECK(network.parameters == before);
  CHECK(plain.options().inputs == 3);
  CHECK(plain.options().hidden == std::vector<Index>{4, 2, 5});
  CHECK(plain.options().outputs == 2);
  CHECK(plain.options().readout == Readout::every_step);
  CHECK(plain.options().loss == cross_entropy);
  CHECK(plain.options().time_origin == 2.5);
  std::size_t kept = 0;
  for (const ParameterBlock& block : network.layout().blocks()) {
    if (block.role == ParameterRole::time_gate) continue;
    INFO(block.name);
    ++kept;
    const ParameterBlock& of_plain = plain.layout().find(block.name);
    CHECK(of_plain.role == block.role);
    CHECK(block_view(plain.parameters, of_plain) == block_view(network.parameters, block));
  }
  CHECK(plain.layout().blocks().size() == kept);
}

}  // namespace temporal_curriculum_test
