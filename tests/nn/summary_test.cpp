#include "glstm/nn/summary.hpp"

#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "catch.hpp"
#include "lstm/layer_problem.hpp"

namespace summary_test {

using namespace glstm;
using Kind = SummaryWarning::Kind;

namespace {

/// The sigma of a window that reaches `reach` to both sides at threshold 0.01, and a little more.
double sigma_for(double reach) { return 1.00001 * reach / std::sqrt(-std::log(0.01)); }

struct HandMade {
  double centre, reach;
};

/// A g-LSTM of one layer whose neurons have these windows.
GLstm<double> network_with(const std::vector<HandMade>& windows, double origin = 0) {
  GLstm<double> network(
      {.inputs = 2, .hidden = {static_cast<Index>(windows.size())}, .time_origin = origin});
  auto gates = network.layers()[0].gate_parameters(network.parameters);
  for (Index j = 0; j < gates.rows(); ++j) {
    const HandMade& window = windows[static_cast<std::size_t>(j)];
    gates.row(j) << window.centre, sigma_for(window.reach);
  }
  return network;
}

std::vector<const SummaryWarning*> warnings_of(const NetworkSummary& summary, Kind kind) {
  std::vector<const SummaryWarning*> found;
  for (const SummaryWarning& warning : summary.warnings) {
    if (warning.kind == kind) found.push_back(&warning);
  }
  return found;
}

void check_uncovered(const NetworkSummary& summary,
                     const std::vector<std::pair<double, double>>& spans) {
  const auto warnings = warnings_of(summary, Kind::uncovered_time);
  REQUIRE(warnings.size() == spans.size());
  for (std::size_t i = 0; i < spans.size(); ++i) {
    CHECK(warnings[i]->first == spans[i].first);
    CHECK(warnings[i]->last == spans[i].second);
    CHECK(warnings[i]->neurons.empty());
  }
}

Timing times_of(const std::vector<double>& times) {
  Timing timing{1, static_cast<Index>(times.size()), {}, {}};
  timing.timestamps = Eigen::Map<const Eigen::RowVectorXd>(times.data(), timing.steps);
  return timing;
}

void check_same_work(const OpCounts& a, const OpCounts& b) {
  CHECK(a.updates == b.updates);
  CHECK(a.dense_updates == b.dense_updates);
  CHECK(a.macs == b.macs);
  CHECK(a.dense_macs == b.dense_macs);
  CHECK(a.openness == Approx(b.openness).epsilon(1e-6));  // of k, to rounding
  CHECK(a.dense_tape_bytes == b.dense_tape_bytes);
}

template <class Gate>
Network<Gate> random_network(const layer_problem::Shape& shape, Rng& rng) {
  NetworkOptions<Gate> options;
  options.inputs = shape.inputs;
  options.hidden = {shape.hidden};
  while (rng.uniform() < 0.5) options.hidden.push_back(1 + rng.below(8));
  options.gates = {layer_problem::gate_options<Gate>(shape)};
  options.time_origin = shape.origin;
  options.readout = rng.uniform() < 0.5 ? Readout::last_step : Readout::every_step;
  options.bidirectional = rng.uniform() < 0.5;
  Network<Gate> network(options);
  network.initialize({.gates = {.start = 0, .end = 1}}, rng);
  for (const Layer<Gate>& layer : network.layers()) {
    layer_problem::fill_gates<Gate>(layer.gate_parameters(network.parameters), shape, rng);
  }
  return network;
}

}  // namespace

TEST_CASE("a summary says where hand-made windows are") {
  // Open at 2..6, at 0..3 (cut at the start), at 9..9 and never.
  const GLstm<double> network = network_with({{4, 2}, {1, 2}, {9, 0.25}, {40, 3}});
  const NetworkSummary found = summary(network, 12);
  CHECK(found.batch == 1);
  CHECK(found.steps == 12);
  CHECK(found.first_time == 0);
  CHECK(found.last_time == 11);
  REQUIRE(found.layers.size() == 1);
  const LayerSummary& layer = found.layers[0];
  CHECK(layer.name == "layer0");
  CHECK(layer.inputs == 2);
  CHECK(layer.neurons == 4);
  CHECK(layer.parameters == 4 * 4 * (2 + 4 + 1) + 2 * 4);
  CHECK(found.readout_parameters == 4 + 1);
  CHECK(found.parameters == network.layout().size());
  CHECK(found.parameters == layer.parameters + found.readout_parameters);
  CHECK(layer.ops.updates == 5 + 4 + 1);
  CHECK(layer.ops.dense_updates == 48);

  const WindowSummary& windows = layer.windows;
  CHECK(windows.count == 3);
  CHECK(windows.first_opening == 0);
  CHECK(windows.last_closing == Approx(9.25).epsilon(1e-4));
  CHECK(windows.shortest == Approx(0.5).epsilon(1e-4));
  CHECK(windows.mean == Approx((4 + 3 + 0.5) / 3).epsilon(1e-4));
  CHECK(windows.longest == Approx(4).epsilon(1e-4));

  double openness = 0;
  const GaussianGate<double> gate = network.layers()[0].gate(network.parameters);
  for (Index n = 0; n < 12; ++n) openness += glstm::openness(gate, static_cast<double>(n)).sum();
  CHECK(layer.openness == Approx(openness / 48));

  const auto never = warnings_of(found, Kind::never_opens);
  REQUIRE(never.size() == 1);
  CHECK(never[0]->neurons == std::vector<Index>{3});
  CHECK(never[0]->layer == 0);
  CHECK(never[0]->first == 0);
  CHECK(never[0]->last == 11);
  check_mentions(never[0]->text, {"layer0: 1 of 4 neurons never open from 0 to 11: 3"});
  check_uncovered(found, {{7, 8}, {10, 11}});
  check_mentions(warnings_of(found, Kind::uncovered_time)[0]->text,
                 {"layer0: no neuron is open from 7 to 8"});
  CHECK(found.warnings.size() == 3);
}

TEST_CASE("gates that never close are a warning where they could") {
  const GLstm<double> network = network_with({{5, 2}, {5, 50}, {0, 9.5}, {0, 8.5}});
  const NetworkSummary found = summary(network, 10);
  const auto never = warnings_of(found, Kind::never_closes);
  REQUIRE(never.size() == 1);
  CHECK(never[0]->neurons == std::vector<Index>{1, 2});
  check_mentions(never[0]->text, {"layer0: 2 of 4 neurons never close from 0 to 9: 1, 2"});
  CHECK(found.warnings.size() == 1);
  CHECK(found.layers[0].windows.longest == 9);

  // Of a single step it cannot be told, and of gates that cannot close it is known.
  CHECK(warnings_of(summary(network, 1), Kind::never_closes).empty());
  CHECK(summary(Lstm<double>({.inputs = 2, .hidden = {3}}), 10).warnings.empty());
  const GLstm<double> endless({.hidden = {3}, .gates = {{.threshold = 0}}});
  CHECK(summary(endless, 10).warnings.empty());
  CHECK(summary(endless, 10).layers[0].windows.first_opening == 0);
  CHECK(summary(endless, 10).layers[0].windows.last_closing == 9);
}

TEST_CASE("a network that is closed all the time has nothing but warnings") {
  const NetworkSummary found = summary(network_with({{-9, 2}, {30, 5}}), 20);
  CHECK(found.ops.updates == 0);
  CHECK(found.ops.macs == 0);
  CHECK(found.ops.tape_bytes == 0);
  CHECK(found.ops.dense_updates == 40);
  CHECK(found.layers[0].openness == 0);
  CHECK(found.layers[0].windows.count == 0);
  CHECK(found.layers[0].windows.longest == 0);
  CHECK(warnings_of(found, Kind::never_opens)[0]->neurons == std::vector<Index>{0, 1});
  check_uncovered(found, {{0, 19}});
  CHECK(found.warnings.size() == 2);
}

TEST_CASE("a plain LSTM is the dense one") {
  const NetworkSummary found = summary(Lstm<float>({.inputs = 3, .hidden = {5, 4}}), 20, 16);
  REQUIRE(found.layers.size() == 2);
  CHECK(found.layers[1].inputs == 5);
  CHECK(found.layers[1].parameters == 4 * 4 * (5 + 4 + 1));
  for (const LayerSummary& layer : found.layers) {
    CHECK(layer.ops.updates == 20 * static_cast<double>(layer.neurons));
    CHECK(layer.ops.updates == layer.ops.dense_updates);
    CHECK(layer.ops.macs == layer.ops.dense_macs);
    CHECK(layer.ops.tape_bytes == layer.ops.dense_tape_bytes);
    CHECK(layer.openness == 1);
    CHECK(layer.windows.count == layer.neurons);
    CHECK(layer.windows.shortest == 19);
  }
  CHECK(found.ops.macs == 20.0 * 4 * (5 * (3 + 5) + 4 * (5 + 4)));
  // Packets of samples are filled better by 16 samples than by one.
  CHECK(found.ops.tape_bytes <
        summary(Lstm<float>({.inputs = 3, .hidden = {5, 4}}), 20).ops.tape_bytes);
}

TEST_CASE("every window of a phased gate counts") {
  PhasedLstm<double> network({.hidden = {1}, .gates = {{.threshold = 0.01, .leak = 0}}});
  network.layers()[0].gate_parameters(network.parameters) << 10, 2, 0.4;
  const NetworkSummary found = summary(network, 30);  // open within 2..6, 12..16 and 22..26
  const WindowSummary& windows = found.layers[0].windows;
  CHECK(windows.count == 3);
  CHECK(windows.first_opening == Approx(2).margin(0.03));
  CHECK(windows.last_closing == Approx(26).margin(0.03));
  CHECK(windows.shortest == Approx(4).margin(0.05));
  CHECK(windows.longest == Approx(4).margin(0.05));
  CHECK(found.layers[0].ops.updates == 9);  // k is 0 at the ends
  check_uncovered(found, {{0, 2}, {6, 12}, {16, 22}, {26, 29}});
}

TEST_CASE("the times of a summary are absolute") {
  const NetworkSummary early = summary(network_with({{4, 2}, {1, 2}, {40, 3}}), 12);
  Timing timing{1, 12, Eigen::MatrixXd(1, 12), {}};
  for (Index n = 0; n < 12; ++n) timing.timestamps(0, n) = 1e9 + static_cast<double>(n);
  const NetworkSummary late = summary(network_with({{4, 2}, {1, 2}, {40, 3}}, 1e9), timing);
  CHECK(late.first_time == 1e9);
  CHECK(late.last_time == 1e9 + 11);
  check_same_work(late.ops, early.ops);
  const WindowSummary &a = early.layers[0].windows, &b = late.layers[0].windows;
  CHECK(b.first_opening == 1e9);
  CHECK(b.last_closing - 1e9 == Approx(a.last_closing).epsilon(1e-6));
  CHECK(b.longest == Approx(a.longest).epsilon(1e-6));
  check_uncovered(late, {{1e9 + 7, 1e9 + 11}});
  CHECK(warnings_of(late, Kind::never_opens)[0]->first == 1e9);
}

TEST_CASE("a summary goes by the timestamps that there are") {
  const GLstm<double> network = network_with({{1, 1}, {5.5, 0.25}, {8, 1}});
  SECTION("irregular and equal ones") {
    const NetworkSummary found = summary(network, times_of({0.5, 0.5, 3, 5, 5, 6, 7.5, 9.5}));
    CHECK(found.layers[0].ops.updates == 3);
    CHECK(found.layers[0].windows.count == 2);
    CHECK(found.layers[0].windows.first_opening == 0.5);
    CHECK(found.layers[0].windows.last_closing == Approx(9).epsilon(1e-4));
    check_uncovered(found, {{3, 6}, {9.5, 9.5}});
    // The window between two steps is never seen.
    CHECK(warnings_of(found, Kind::never_opens)[0]->neurons == std::vector<Index>{1});
    check_mentions(found.warnings.back().text, {"no neuron is open at 9.5"});
  }
  SECTION("other ones of every sample") {
    Timing timing{2, 3, Eigen::MatrixXd(2, 3), {}};
    timing.timestamps << 1, 3, 8,  //
        2, 5.5, 6;
    const NetworkSummary found = summary(network, timing);
    CHECK(found.first_time == 1);
    CHECK(found.last_time == 8);
    CHECK(found.layers[0].ops.updates == 2);  // 4 of two samples
    CHECK(found.layers[0].ops.dense_updates == 9);
    CHECK(found.layers[0].windows.count == 3);
    check_uncovered(found, {{3, 3}, {6, 6}});
    CHECK(warnings_of(found, Kind::never_opens).empty());
  }
  SECTION("up to the lengths") {
    Timing timing{3, 12, {}, {4, 0, 6}};
    const NetworkSummary found = summary(network, timing);
    CHECK(found.steps == 6);
    CHECK(found.last_time == 5);
    CHECK(found.layers[0].ops.updates == Approx(2 * 3 / 3.0));
    CHECK(found.layers[0].ops.dense_updates == Approx(30 / 3.0));
    CHECK(warnings_of(found, Kind::never_opens)[0]->neurons == std::vector<Index>{1, 2});
    check_uncovered(found, {{3, 5}});
  }
}

TEST_CASE("the directions of a bidirectional layer are two layers, each on its own clock") {
  GLstm<double> network({.inputs = 2, .hidden = {2, 1}, .bidirectional = true});
  const auto set = [&](std::size_t place, std::vector<HandMade> windows) {
    auto gates = network.layers()[place].gate_parameters(network.parameters);
    for (Index j = 0; j < gates.rows(); ++j) {
      const HandMade& window = windows[static_cast<std::size_t>(j)];
      gates.row(j) << window.centre, sigma_for(window.reach);
    }
  };
  set(0, {{0, 6}, {8, 6}});
  set(1, {{0, 3}, {9, 1}});
  set(2, {{5, 9}});
  set(3, {{-9, 1}});
  // Seen from its end, the sequence is at 0, 1, 3, 9.
  const NetworkSummary found = summary(network, times_of({0, 6, 8, 9}));
  REQUIRE(found.layers.size() == 4);
  const char* names[] = {"layer0", "layer0.reverse", "layer1", "layer1.reverse"};
  Index parameters = found.readout_parameters;
  for (std::size_t l = 0; l < 4; ++l) {
    CHECK(found.layers[l].name == names[l]);
    parameters += found.layers[l].parameters;
  }
  CHECK(found.layers[2].inputs == 4);
  CHECK(found.readout_parameters == 3);
  CHECK(found.parameters == parameters);
  CHECK(found.layers[0].ops.updates == 2 + 3);
  CHECK(found.layers[1].ops.updates == 3 + 1);
  CHECK(found.layers[2].ops.updates == 4);
  CHECK(found.layers[3].ops.updates == 0);
  CHECK(found.layers[1].windows.last_closing == 9);
  REQUIRE(found.warnings.size() == 3);
  CHECK(found.warnings[0].kind == Kind::never_closes);
  CHECK(found.warnings[0].layer == 2);
  CHECK(found.warnings[1].kind == Kind::never_opens);
  CHECK(found.warnings[1].layer == 3);
  check_mentions(found.warnings[1].text, {"layer1.reverse: 1 of 1 neurons"});
  CHECK(found.warnings[2].kind == Kind::uncovered_time);
}

TEMPLATE_TEST_CASE("the work of a summary is that of a forward pass", "", AlwaysOpen<float>,
                   AlwaysOpen<double>, GaussianGate<float>, GaussianGate<double>, PhasedGate<float>,
                   PhasedGate<double>) {
  using Scalar = typename TestType::Scalar;
  const std::uint64_t seed = 12;
  CAPTURE(seed);
  Rng rng(seed);
  for (int round = 0; round < 40; ++round) {
    layer_problem::Shape shape = layer_problem::random_shape(rng);
    if (round % 4 == 0) shape.batch = 1;
    if (round % 8 == 0) shape.steps = 1;
    CAPTURE(shape);
    const Network<TestType> network = random_network<TestType>(shape, rng);
    SequenceBatch<Scalar> input;
    input.features = shape.inputs;
    input.timing = layer_problem::random_timing(shape, rng);
    input.values =
        layer_problem::random_matrix<Scalar>(shape.batch, shape.inputs * shape.steps, rng);
    if (input.timing.valid_steps() == 0) continue;
    const NetworkSummary found = summary(network, input.timing);

    NetworkTape<Scalar> tape;
    network.predict(input, tape);
    const double batch = static_cast<double>(shape.batch);
    REQUIRE(found.layers.size() == tape.layers.size());
    double openness = 0, updates = 0;
    for (std::size_t l = 0; l < found.layers.size(); ++l) {
      OpCounts expected = tape.layers[l].ops();
      detail::divide(expected, batch);
      check_same_work(found.layers[l].ops, expected);
      openness += found.layers[l].ops.openness;
      updates += found.layers[l].ops.dense_updates;
    }
    CHECK(found.ops.macs * batch == Approx(tape.ops().macs).epsilon(1e-12));

    // The memory is that of a pass that keeps its tape.
    LabelledBatch<Scalar> labelled;
    labelled.input = input;
    const Index predictions = network.predictions_per_sample(input.timing);
    labelled.targets.values.setZero(shape.batch, predictions);
    Vector<Scalar> gradient = Vector<Scalar>::Zero(network.layout().size());
    const Evaluation evaluation = network.add_gradient(labelled, 0, tape, gradient);
    CHECK(found.ops.tape_bytes * batch == Approx(evaluation.ops.tape_bytes).epsilon(1e-12));
    CHECK(found.ops.dense_tape_bytes * batch ==
          Approx(evaluation.ops.dense_tape_bytes).epsilon(1e-12));
    CHECK(openness / updates == Approx(evaluation.budget).epsilon(1e-6));  // to rounding
    CHECK(found.parameters == network.layout().size());

    // What is said of the windows agrees with what is open.
    for (std::size_t l = 0; l < found.layers.size(); ++l) {
      const LayerSummary& layer = found.layers[l];
      CHECK((layer.windows.count == 0) == (layer.ops.updates == 0));
      CHECK(layer.windows.shortest <= layer.windows.mean * (1 + 1e-12));
      CHECK(layer.windows.mean <= layer.windows.longest * (1 + 1e-12));
      if (layer.windows.count == 0) continue;
      CHECK(layer.windows.first_opening <= layer.windows.last_closing);
      CHECK(layer.windows.last_closing - layer.windows.first_opening >= layer.windows.longest);
    }
    CHECK(to_text(found).ends_with('\n'));
  }
}

TEST_CASE("a summary estimates what a device needs") {
  // What was measured for sequential MNIST, with 110 neurons that are open for 15 of 784 steps.
  GLstm<double> network({.inputs = 1, .hidden = {110}, .outputs = 10});
  auto gates = network.layers()[0].gate_parameters(network.parameters);
  for (Index j = 0; j < 110; ++j) gates.row(j) << 7.0 * static_cast<double>(j), sigma_for(7.4);
  const NetworkSummary found = summary(network, 784);
  CHECK(found.ops.updates == Approx(1687).epsilon(0.05));
  REQUIRE(found.device.has_value());
  CHECK(found.ops.macs == Approx(77156).epsilon(0.15));
  CHECK(found.device->instructions == Approx(0.84e6).epsilon(0.1));
  CHECK(found.device->flash == Approx(110 * 4 * 112 + 110 * 62 + 10 * 117 + 3500).epsilon(0.03));
  CHECK(found.device->ram == Approx(110 * 22 + 30).epsilon(0.1));

  const NetworkSummary plain =
      summary(Lstm<float>({.inputs = 1, .hidden = {110}, .outputs = 10}), 784);
  REQUIRE(plain.device.has_value());
  CHECK(plain.device->instructions == Approx(95.7e6).epsilon(0.02));
  CHECK(plain.device->flash < found.device->flash);
  CHECK(plain.device->ram == 110 * 6);

  // A sequence of a batch needs what it needs alone, and a second layer reads the first.
  CHECK(summary(network, 784, 8).device->flash == found.device->flash);
  CHECK(summary(Lstm<float>({.hidden = {3, 5}}), 4).device->flash ==
        2000 + 3 * (4 * (4 + 2) + 40) + 5 * (4 * (6 + 4) + 40) + 1 * (5 + 7));

  // Integers cannot compute these.
  CHECK(!summary(PhasedLstm<float>({.hidden = {3}}), 4).device);
  CHECK(!summary(Lstm<float>({.hidden = {3}, .bidirectional = true}), 4).device);
  CHECK(
      !summary(Lstm<float>({.hidden = {3}, .readout_layers = {{4, Activation::relu}}}), 4).device);
  CHECK(to_text(summary(Lstm<float>({.hidden = {3}, .bidirectional = true}), 4)).find("Cortex") ==
        std::string::npos);
  CHECK(!summary(Lstm<float>({.hidden = {3}, .learned_state = true}), 4).device);
  CHECK(!summary(Lstm<float>({.hidden = {3}, .input_skip = true}), 4).device);
}

TEST_CASE("a summary is readable") {
  const NetworkSummary found = summary(network_with({{4, 2}, {1, 2}, {40, 3}}), 12, 8);
  const std::string text = to_text(found);
  INFO(text);
  check_mentions(text, {"Per sequence of 12 steps, from 0 to 11, in a batch of 8:", "layer0",
                        "readout", "dense LSTM", "25.0 %",
                        "Estimated for an integer header on a Cortex-M4: flash 3.75 kB, RAM 84 B, ",
                        " instructions.\n", "Warning: layer0: 1 of 3 neurons never",
                        "Warning: layer0: no neuron is open from 7 to 11"});
  for (std::size_t begin = 0, end = 0; begin < text.size(); begin = end + 1) {
    end = text.find('\n', begin);
    REQUIRE(end != std::string::npos);
    CHECK(end - begin <= 100);
    CHECK((end == begin || text[end - 1] != ' '));
  }

  NetworkSummary many = found;
  many.warnings.assign(25, found.warnings[0]);
  check_mentions(to_text(many), {"... and 5 more warnings"});

  using detail::short_text, detail::TimeText;
  CHECK(TimeText(0, 783)(38.66471) == "38.66");
  CHECK(TimeText(0, 999999)(999999) == "999999");
  CHECK(TimeText(-2, 2)(0.123456) == "0.1235");
  CHECK(TimeText(1.7e9, 1.7e9 + 100)(1.7e9 + 38.66471) == "1700000038.66");
  CHECK(TimeText(1.7e9, 1.7e9)(1.7e9, 1.7e9) == "at 1700000000");
  CHECK(TimeText(0, 0)(0, 0) == "at 0");
  CHECK(TimeText(0, 1e30)(1e30) == "1e+30");
  CHECK(TimeText(0, 9)(0, 9) == "from 0 to 9");
  CHECK(short_text(0) == "0");
  CHECK(short_text(7) == "7");
  CHECK(short_text(0.25) == "0.25");
  CHECK(short_text(12.34) == "12.3");
  CHECK(short_text(999) == "999");
  CHECK(short_text(999.6) == "1.00 k");
  CHECK(short_text(1000) == "1.00 k");
  CHECK(short_text(38290560) == "38.3 M");
  CHECK(short_text(9999, "B") == "10.0 kB");
  CHECK(short_text(512, "B") == "512 B");
  CHECK(short_text(2e18, "B") == "2000 PB");
}

TEST_CASE("a summary of what cannot be run is an error") {
  GLstm<double> network = network_with({{4, 2}});
  check_mentions(error_of([&] { summary(network, 0); }), {"at least one valid step"});
  check_mentions(error_of([&] {
                   summary(network, Timing{2, 5, {}, {0, 0}});
                 }),
                 {"at least one valid step"});
  check_mentions(error_of([&] { summary(network, 5, 0); }), {"at least one sample"});
  check_mentions(error_of([&] { summary(network, times_of({1, 0})); }), {"decrease"});
  GLstm<float> narrow({.hidden = {1}});
  check_mentions(error_of([&] { summary(narrow, times_of({0, 1e300})); }), {"too far"});
  network.layers()[0].gate_parameters(network.parameters)(0, 1) =
      std::numeric_limits<double>::quiet_NaN();
  check_mentions(error_of([&] { summary(network, 5); }), {"sigma", "not finite"});
  network.parameters.conservativeResize(3);
  check_mentions(error_of([&] { summary(network, 5); }), {"parameters", "got 3"});
}

}  // namespace summary_test
