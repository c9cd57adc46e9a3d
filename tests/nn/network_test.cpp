#include "glstm/nn/network.hpp"

#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "catch.hpp"
#include "glstm/nn/convert.hpp"
#include "glstm/testing/gradient_check.hpp"

namespace network_test {

using namespace glstm;

namespace {

Timing timing_of(Index batch, Index steps, const std::vector<Index>& lengths = {}) {
  Timing timing;
  timing.batch = batch;
  timing.steps = steps;
  timing.lengths = lengths;
  return timing;
}

Matrix<double> random_matrix(Index rows, Index cols, Rng& rng) {
  Matrix<double> values(rows, cols);
  for (Index i = 0; i < values.size(); ++i) values.data()[i] = rng.uniform(-1, 1);
  return values;
}

// dy against central differences of the loss.
void check_loss_gradient(Loss kind, const Matrix<double>& y, Index outputs, const Timing& timing,
                         const Targets<double>& targets) {
  Matrix<double> dy, unused;
  evaluate_loss(kind, y, outputs, timing, targets, dy);
  const Vector<double> expected = testing::numeric_gradient(
      [&](const Vector<double>& point) {
        const Matrix<double> moved = point.reshaped(y.rows(), y.cols());
        return evaluate_loss(kind, moved, outputs, timing, targets, unused).loss;
      },
      y.reshaped());
  CHECK(largest_magnitude(dy.reshaped() - expected) < 1e-8);
}

}  // namespace

TEST_CASE("the mean squared error is its formula") {
  const Matrix<double> y = (Matrix<double>(2, 2) << 1, 2, 3, 4).finished();
  Targets<double> targets;
  targets.values = (Matrix<double>(2, 2) << 0, 2, 5, 1).finished();
  Matrix<double> dy;
  const LossValue value = evaluate_loss(mean_squared_error, y, 2, timing_of(2, 9), targets, dy);
  CHECK(value.loss == Approx((1 + 0 + 4 + 9) / 4.0));
  CHECK(value.count == 2);
  CHECK(value.decisions.all == 0);
  CHECK(std::isnan(value.accuracy()));
  CHECK(dy(1, 0) == Approx(2 * (3 - 5) / 4.0));
  check_loss_gradient(mean_squared_error, y, 2, timing_of(2, 9), targets);
}

TEST_CASE("the softmax cross-entropy is its formula") {
  const Matrix<double> y = (Matrix<double>(2, 3) << 0, 1, 2, 5, 5, 5).finished();
  Targets<double> targets;
  targets.labels = labels_of({2, 1});
  Matrix<double> dy;
  const LossValue value = evaluate_loss(cross_entropy, y, 3, timing_of(2, 9), targets, dy);
  const double sum = 1 + std::exp(1.0) + std::exp(2.0);
  CHECK(value.loss == Approx((-std::log(std::exp(2.0) / sum) + std::log(3.0)) / 2));
  CHECK(value.count == 2);
  CHECK(value.decisions.all == 2);
  CHECK(value.decisions.right == 1);  // of equal logits the first counts as the prediction
  CHECK(dy(0, 2) == Approx((std::exp(2.0) / sum - 1) / 2));
  CHECK(dy(1, 0) == Approx(1 / 6.0));
  CHECK(std::abs(dy.sum()) < 1e-15);
  check_loss_gradient(cross_entropy, y, 3, timing_of(2, 9), targets);

  SECTION("large logits do not overflow") {
    const Matrix<double> large = (Matrix<double>(2, 3) << 1e4, 0, 0, -1e4, 0, 0).finished();
    targets.labels = labels_of({0, 0});
    const LossValue at_large = evaluate_loss(cross_entropy, large, 3, timing_of(2, 9), targets, dy);
    CHECK(at_large.loss == Approx((1e4 + std::log(2.0)) / 2));
    CHECK(dy.allFinite());
  }
}

TEST_CASE("when every step is read out, steps past a length do not count") {
  Rng rng(1);
  const Index O = 3, T = 5, B = 4;
  const Timing timing = timing_of(B, T, {5, 0, 2, 4});
  const Matrix<double> y = random_matrix(B, O * T, rng);
  Targets<double> targets;
  targets.values = random_matrix(B, O * T, rng);
  targets.labels = random_labels(B, T, O, rng);

  for (Loss kind : {Loss(mean_squared_error), Loss(cross_entropy)}) {
    Matrix<double> dy;
    const LossValue value = evaluate_loss(kind, y, O, timing, targets, dy);
    CHECK(value.count == 11);
    CHECK(dy.row(1).isZero(0));
    CHECK(dy.row(2).tail(3 * O).isZero(0));
    CHECK(!dy.row(2).head(2 * O).isZero(0));
    check_loss_gradient(kind, y, O, timing, targets);

    // The mean over the valid steps, one by one.
    double sum = 0;
    for (Index b = 0; b < B; ++b) {
      for (Index n = 0; n < timing.length(b); ++n) {
        Targets<double> one;
        one.values = targets.values.row(b).segment(n * O, O);
        one.labels = labels_of({targets.labels(b, n)});
        const Matrix<double> y_one = y.row(b).segment(n * O, O);
        sum += evaluate_loss(kind, y_one, O, timing_of(1, 1), one, dy).loss;
      }
    }
    CHECK(value.loss == Approx(sum / 11));
  }

  targets.labels(2, 3) = -1;  // past the length: not looked at
  Matrix<double> dy;
  CHECK_NOTHROW(evaluate_loss(cross_entropy, y, O, timing, targets, dy));
  const LossValue none =
      evaluate_loss(mean_squared_error, y, O, timing_of(B, T, {0, 0, 0, 0}), targets, dy);
  CHECK(none.count == 0);
  CHECK(none.loss == 0);
  CHECK(dy.isZero(0));
}

TEST_CASE("targets that do not fit are errors, before anything is written") {
  const Matrix<double> y = Matrix<double>::Zero(2, 3);
  Matrix<double> dy = Matrix<double>::Constant(1, 1, 42);
  Targets<double> targets;
  const auto message = [&](Loss kind) {
    return error_of([&] { evaluate_loss(kind, y, 3, timing_of(2, 4), targets, dy); });
  };
  check_mentions(message(mean_squared_error), {"target values", "[2,3]", "[0,0]"});
  check_mentions(message(cross_entropy), {"labels must be [2,1]", "[0,0]"});
  targets.labels = labels_of({0, 3});
  check_mentions(message(cross_entropy), {"label", "0..2", "got 3", "sample 1"});
  targets.labels = labels_of({-1, 2});
  check_mentions(message(cross_entropy), {"label", "got -1", "sample 0"});
  targets.labels = labels_of({1, 2, 1});
  const auto shape_error = [&](Index outputs, const Timing& timing) {
    return error_of([&] { evaluate_loss(cross_entropy, y, outputs, timing, targets, dy); });
  };
  check_mentions(shape_error(3, timing_of(3, 4)), {"predictions", "B 3", "[2,3]"});
  check_mentions(shape_error(2, timing_of(2, 4)), {"predictions", "O 2", "[2,3]"});
  CHECK(dy == Matrix<double>::Constant(1, 1, 42));
}

TEST_CASE("the readout is linear, step by step") {
  Rng rng(2);
  const Index B = 3, H = 4, O = 2, N = 3;
  ParameterLayout layout;
  layout.add("something else", 5, 1, ParameterRole::weight);
  const Dense<double> dense(layout, "readout.", H, O);
  CHECK(layout.size() == 5 + O * H + O);
  CHECK(layout.find("readout.b").role == ParameterRole::bias);
  const Vector<double> parameters = random_matrix(layout.size(), 1, rng);
  const Matrix<double> W = block_view(parameters, layout.find("readout.w"));
  const Matrix<double> b = block_view(parameters, layout.find("readout.b"));
  const Matrix<double> h = random_matrix(B, H * N, rng), dy = random_matrix(B, O * N, rng);

  Matrix<double> y, dh;
  dense.forward(parameters, h, y);
  for (Index n = 0; n < N; ++n) {
    for (Index s = 0; s < B; ++s) {
      const Vector<double> expected = W * h.row(s).segment(n * H, H).transpose() + b;
      CHECK((y.row(s).segment(n * O, O).transpose() - expected).norm() < 1e-14);
    }
  }

  Vector<double> gradient = Vector<double>::Ones(layout.size());  // accumulates
  dense.backward(parameters, h, dy, dh, gradient);
  Vector<double> point(parameters.size() + h.size()), found(point.size());
  point << parameters, h.reshaped();
  found << (gradient.array() - 1).matrix(), dh.reshaped();
  const Vector<double> expected = testing::numeric_gradient(
      [&](const Vector<double>& at) {
        const Vector<double> p = at.head(parameters.size());
        dense.forward(p, at.tail(h.size()).reshaped(B, H * N), y);
        return y.cwiseProduct(dy).sum();
      },
      point);
  CHECK(largest_magnitude(found - expected) < 1e-8);
  check_mentions(error_of([&] { Dense<double>(layout, "", 0, 1); }), {"got 0 and 1"});
}

namespace {

using Net = GLstm<double>;

Net::Options small_options(Readout readout, Loss loss) {
  return {.inputs = 2,
          .hidden = {4, 3},
          .outputs = 3,
          .readout = readout,
          .loss = loss,
          .gates = {{.threshold = 0.05}}};
}

LabelledBatch<double> random_batch(const Net::Options& options, Index batch, Index steps,
                                   bool ragged, Rng& rng) {
  LabelledBatch<double> result;
  result.input = SequenceBatch<double>::zeros(batch, steps, options.inputs);
  result.input.values = random_matrix(batch, options.inputs * steps, rng);
  if (ragged) {
    for (Index b = 0; b < batch; ++b) {
      result.input.timing.lengths.push_back(1 + rng.below(steps));
    }
  }
  const Index predictions = options.readout == Readout::every_step ? steps : 1;
  if (options.loss == mean_squared_error) {
    result.targets.values = random_matrix(batch, options.outputs * predictions, rng);
  } else {
    result.targets.labels = random_labels(batch, predictions, options.outputs, rng);
  }
  return result;
}

}  // namespace

TEST_CASE("a network's gradient agrees with central differences") {
  for (Readout readout : {Readout::last_step, Readout::every_step}) {
    for (Loss loss : {Loss(mean_squared_error), Loss(cross_entropy)}) {
      for (bool ragged : {false, true}) {
        CAPTURE(static_cast<int>(readout), loss->name(), ragged);
        Rng rng(3);
        Net network(small_options(readout, loss));
        network.initialize({.gates = {.start = 0, .end = 8, .open_share = 0.6}}, rng);
        network.parameters += 0.1 * random_matrix(network.parameters.size(), 1, rng);
        const LabelledBatch<double> batch = random_batch(network.options(), 3, 8, ragged, rng);
        const double budget_weight = 0.7;

        Net moved = network;
        Net::Tape tape;
        const Vector<double> expected = testing::numeric_gradient(
            [&](const Vector<double>& point) {
              moved.parameters = point;
              const Evaluation at = moved.evaluate(batch, tape);
              return at.task.loss + budget_weight * at.budget;
            },
            network.parameters);
        for (Path path : {Path::scheduled, Path::reference}) {
          Vector<double> gradient = Vector<double>::Ones(network.layout().size());  // accumulates
          const Evaluation result =
              network.add_gradient(batch, budget_weight, tape, gradient, path);
          const double error = largest_magnitude((gradient.array() - 1).matrix() - expected);
          CHECK(error < 1e-8 * std::max(1.0, expected.cwiseAbs().maxCoeff()));
          CHECK(result.task.loss == Approx(network.evaluate(batch, tape).task.loss));
        }
        // The budget reaches the time gates only, and it does reach them.
        Vector<double> without = Vector<double>::Zero(network.layout().size());
        network.add_gradient(batch, 0, tape, without);
        for (const ParameterBlock& block : network.layout().blocks()) {
          const double difference =
              (block_view(expected, block) - block_view(without, block)).cwiseAbs().maxCoeff();
          INFO(block.name);
          if (block.role == ParameterRole::time_gate) {
            CHECK(difference > 1e-4);
          } else {
            CHECK(difference < 1e-7);
          }
        }
      }
    }
  }
}

TEST_CASE("both paths predict alike, and the last of every step's predictions is the last step's") {
  Rng rng(4);
  Net every(small_options(Readout::every_step, mean_squared_error));
  Net last(small_options(Readout::last_step, mean_squared_error));
  every.initialize({.gates = {.start = 0, .end = 12, .open_share = 0.4}}, rng);
  last.parameters = every.parameters;
  const LabelledBatch<double> batch = random_batch(every.options(), 4, 12, false, rng);
  Net::Tape tape, other;
  const Matrix<double> steps = every.predict(batch.input, tape);
  CHECK(steps.cols() == 3 * 12);
  CHECK((steps - every.predict(batch.input, other, Path::reference)).norm() < 1e-13);
  CHECK((steps.rightCols(3) - last.predict(batch.input, tape)).norm() < 1e-13);

  SequenceBatch<double> wrong = batch.input;
  wrong.features = 4;
  check_mentions(error_of([&] { every.predict(wrong, tape); }), {"2 features", "got 4"});
  Vector<double> gradient(3);
  check_mentions(error_of([&] { every.add_gradient(batch, 0, tape, gradient); }),
                 {"gradient", "got 3"});
}

TEST_CASE("initial weights are as documented") {
  Net::Options options = small_options(Readout::last_step, mean_squared_error);
  options.hidden = {9, 6};
  Net network(options);
  Rng rng(5);
  network.initialize({.forget_bias = 2.5, .gates = {.start = 10, .end = 20}}, rng);
  Index inputs = 2;
  for (const Layer<GaussianGate<double>>& layer : network.layers()) {
    const auto weights = layer.weights(network.parameters);
    const Index H = layer.hidden();
    const double limit = std::sqrt(6.0 / static_cast<double>(inputs + H));
    CHECK(weights.Wx.cwiseAbs().maxCoeff() <= limit);
    CHECK(weights.Wx.cwiseAbs().maxCoeff() > 0.8 * limit);
    for (Index g = 0; g < 4; ++g) {
      const Matrix<double> W = weights.Wh.middleRows(g * H, H);
      CHECK((W.transpose() * W - Matrix<double>::Identity(H, H)).norm() < 1e-12);
      CHECK((weights.b.segment(g * H, H).array() == (g == 1 ? 2.5 : 0.0)).all());
    }
    const Matrix<double> gates = layer.gate_parameters(network.parameters);
    CHECK(gates.col(0).minCoeff() >= 10);
    CHECK(gates.col(0).maxCoeff() <= 20);
    inputs = H;
  }
  const ParameterLayout& layout = network.layout();
  CHECK(block_view(network.parameters, layout.find("readout.w")).cwiseAbs().maxCoeff() <=
        std::sqrt(6.0 / (6 + 3)));
  CHECK(block_view(network.parameters, layout.find("readout.b")).isZero(0));

  Net again(options), other(options);
  Rng same(5), different(6);
  again.initialize({.forget_bias = 2.5, .gates = {.start = 10, .end = 20}}, same);
  other.initialize({.forget_bias = 2.5, .gates = {.start = 10, .end = 20}}, different);
  CHECK(again.parameters == network.parameters);
  CHECK(other.parameters != network.parameters);
}

TEST_CASE("a network gives views of its readout, and the directions of its layers") {
  const bool bidirectional = GENERATE(false, true);
  GLstm<float> network(
      {.inputs = 2, .hidden = {3, 4}, .outputs = 5, .bidirectional = bidirectional});
  network.parameters.setRandom();
  const Index D = network.directions();
  const auto w = network.readout_weights();
  const auto b = network.readout_bias();
  CHECK(w.rows() == 5);
  CHECK(w.cols() == 4 * D);
  CHECK(b.size() == 5);
  CHECK(w == block_view(network.parameters, network.layout().find("readout.w")));
  CHECK(b == block_view(network.parameters, network.layout().find("readout.b")));
  network.parameters.setConstant(7);  // a view, no copy
  CHECK(w(4, 3) == 7);
  CHECK(b(4) == 7);
  for (std::size_t l = 0; l < 2; ++l) {
    for (Index d = 0; d < D; ++d) {
      CHECK(&network.layer(l, d) ==
            &network.layers()[l * static_cast<std::size_t>(D) + static_cast<std::size_t>(d)]);
    }
  }
}

TEMPLATE_TEST_CASE("chrono initialisation spreads the memories of the neurons", "", Lstm<double>,
                   GLstm<double>, GLstm<float>) {
  using Scalar = typename TestType::Scalar;
  const double memory = GENERATE(2.0, 2.5, 800.0);
  CAPTURE(memory);
  TestType network({.inputs = 2, .hidden = {60, 40}});
  Rng rng(5), same(5);
  network.initialize({.forget_bias = 77, .longest_memory = memory, .gates = {.end = 20}}, rng);
  const double epsilon = 4 * static_cast<double>(std::numeric_limits<Scalar>::epsilon());
  for (const auto& layer : network.layers()) {
    const Index H = layer.hidden();
    const Vector<Scalar> b = layer.weights(network.parameters).b;
    const Vector<double> steps = b.segment(H, H).template cast<double>().array().exp();
    CHECK(steps.minCoeff() >= 1 - epsilon);
    CHECK(steps.maxCoeff() <= (memory - 1) * (1 + epsilon));
    // Uniform between: neither end is missed, and the mean is in the middle.
    CHECK(steps.minCoeff() <= 1 + 0.2 * (memory - 2) + epsilon);
    CHECK(steps.maxCoeff() >= 1 + 0.8 * (memory - 2) - epsilon);
    CHECK(std::abs(steps.mean() - memory / 2) <= 0.2 * (memory - 2) + epsilon);
    CHECK(b.head(H) == -b.segment(H, H));
    CHECK(b.tail(2 * H).isZero(0));
  }
  CHECK(block_view(network.parameters, network.layout().find("readout.b")).isZero(0));

  TestType again({.inputs = 2, .hidden = {60, 40}});
  again.initialize({.forget_bias = -3, .longest_memory = memory, .gates = {.end = 20}}, same);
  CHECK(again.parameters == network.parameters);
}

TEST_CASE("a longest memory that makes no sense is an error and changes nothing") {
  Net network(small_options(Readout::last_step, mean_squared_error));
  Rng rng(5);
  network.initialize({.longest_memory = 30, .gates = {.end = 20}}, rng);
  const Vector<double> before = network.parameters;
  for (const double memory : {1.0, 1.99, -3.0, 0.5, std::numeric_limits<double>::quiet_NaN(),
                              std::numeric_limits<double>::infinity()}) {
    CAPTURE(memory);
    Rng other(6);
    check_mentions(error_of([&] {
                     network.initialize({.longest_memory = memory, .gates = {.end = 20}}, other);
                   }),
                   {"longest_memory", "at least 2"});
    CHECK(network.parameters == before);
  }
  // Gates are drawn last; what was drawn before is taken back.
  check_mentions(error_of([&] {
                   network.initialize({.longest_memory = 9, .gates = {.start = 3, .end = 2}}, rng);
                 }),
                 {"span", "3 to 2"});
  CHECK(network.parameters == before);
}

TEST_CASE("an evaluation counts updates and means add up over batches") {
  Rng rng(7);
  Net network(small_options(Readout::every_step, cross_entropy));
  network.initialize({.gates = {.start = 0, .end = 20, .open_share = 0.3}}, rng);
  Net::Tape tape;
  EvaluationSum sum;
  double loss = 0, count = 0, openness_sum = 0, updates = 0, dense = 0;
  Index right_sum = 0;
  for (Index size : {Index(3), Index(1), Index(5)}) {
    const LabelledBatch<double> batch = random_batch(network.options(), size, 20, true, rng);
    const Evaluation result = network.evaluate(batch, tape);
    const double valid = static_cast<double>(batch.input.timing.valid_steps());
    CHECK(result.task.count == batch.input.timing.valid_steps());
    CHECK(result.ops.dense_updates == valid * (4 + 3));

    double updates_here = 0, openness_here = 0;
    for (const Layer<GaussianGate<double>>& layer : network.layers()) {
      const GaussianGate<double> gate = layer.gate(network.parameters);
      for (Index b = 0; b < size; ++b) {
        for (Index n = 0; n < batch.input.timing.length(b); ++n) {
          updates_here += static_cast<double>(open_mask(gate, static_cast<double>(n)).count());
          openness_here += openness(gate, static_cast<double>(n)).sum();
        }
      }
    }
    CHECK(result.ops.updates == updates_here);
    CHECK(result.budget == Approx(openness_here / result.ops.dense_updates));
    sum.add(result);
    loss += result.task.loss * static_cast<double>(result.task.count);
    count += static_cast<double>(result.task.count);
    right_sum += result.task.decisions.right;
    updates += updates_here;
    openness_sum += openness_here;
    dense += result.ops.dense_updates;
  }
  const Evaluation mean = sum.mean();
  CHECK(mean.task.loss == Approx(loss / count));
  CHECK(mean.task.decisions.right == right_sum);
  CHECK(static_cast<double>(mean.task.count) == count);
  CHECK(mean.budget == Approx(openness_sum / dense));
  CHECK(mean.ops.update_share() == Approx(updates / dense));
}

TEST_CASE("a network without layers, or with the wrong number of gate options, is an error") {
  Net::Options options = small_options(Readout::last_step, mean_squared_error);
  options.hidden = {};
  check_mentions(error_of([&] { Net{options}; }), {"at least one layer"});
  options.hidden = {3, 3, 3};
  options.gates = {{}, {}};
  check_mentions(error_of([&] { Net{options}; }), {"gate options", "all 3", "got 2"});
  options.gates = {{}, {}, {.threshold = 7}};
  check_mentions(error_of([&] { Net{options}; }), {"threshold", "7"});
  options.gates = {{}};
  options.outputs = 0;
  check_mentions(error_of([&] { Net{options}; }), {"readout", "3 and 0"});
}

TEST_CASE("a network can be used before it is initialised") {
  const Net network(small_options(Readout::last_step, mean_squared_error));
  Net::Tape tape;
  CHECK(network.predict(SequenceBatch<double>::zeros(2, 5, 2), tape).isZero(0));
}

TEST_CASE("a network is initialised when a weight is not zero") {
  Net network(small_options(Readout::last_step, mean_squared_error));
  CHECK(!network.initialized());
  for (const ParameterBlock& block : network.layout().blocks()) {
    INFO(block.name);
    Net filled = network;
    block_view(filled.parameters, block).coeffRef(0) += 1e-300;
    CHECK(filled.initialized() == (block.role == ParameterRole::weight));
  }
  Rng rng(1);
  network.initialize({.gates = {.end = 9}}, rng);
  CHECK(network.initialized());
}

TEST_CASE("parameters of another size are errors, before any of them is read") {
  const bool bidirectional = GENERATE(false, true);
  const Index change = GENERATE(-1, 1);  // the layers alone would be content with either
  Net::Options options = small_options(Readout::every_step, mean_squared_error);
  options.bidirectional = bidirectional;
  Net network(options);
  Rng rng(8);
  network.initialize({.gates = {.end = 9}}, rng);
  const LabelledBatch<double> batch = random_batch(options, 2, 5, false, rng);
  const Index size = network.layout().size();
  network.parameters.conservativeResize(size + change);
  Net::Tape tape;
  Vector<double> gradient = Vector<double>::Zero(size);
  const auto check_error = [&](auto&& call) {
    check_mentions(error_of(call),
                   {"parameters", std::to_string(size), "got " + std::to_string(size + change)});
  };
  check_error([&] { network.predict(batch.input, tape); });
  check_error([&] { network.evaluate(batch, tape); });
  check_error([&] { network.add_gradient(batch, 0, tape, gradient); });
  check_error([&] { network.initialize({}, rng); });
  check_error([&] { network.initialized(); });
  check_error([&] { network.check_parameters(); });
  check_error([&] { network.limit_gate_step(gradient); });
  check_error([&] { without_gates(network); });
  CHECK(gradient.isZero(0));
  CHECK(tape.layers.empty());
}

TEST_CASE("the check of parameters names the block that is unusable") {
  const Net network(small_options(Readout::last_step, mean_squared_error));
  CHECK_NOTHROW(network.check_parameters());
  const auto error_with = [&](const char* block, double value) {
    Net spoilt = network;
    block_view(spoilt.parameters, spoilt.layout().find(block)).coeffRef(1) = value;
    return error_of([&] { spoilt.check_parameters(); });
  };
  const double infinity = std::numeric_limits<double>::infinity();
  check_mentions(error_with("layer1.w_hh", infinity), {"\"layer1.w_hh\"", "finite"});
  check_mentions(error_with("readout.b", std::nan("")), {"\"readout.b\"", "finite"});
  check_mentions(error_with("layer0.sigma", 0), {"sigma"});
}

}  // namespace network_test
