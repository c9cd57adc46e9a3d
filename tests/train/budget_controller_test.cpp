#include "glstm/train/budget_controller.hpp"

#include <cmath>
#include <limits>
#include <vector>

#include "catch.hpp"
#include "glstm/data/adding_task.hpp"
#include "glstm/train/trainer.hpp"

namespace budget_controller_test {

using namespace glstm;

TEST_CASE("the weight of the budget follows its equations") {
  BudgetController controller(
      {.target_share = 0.1, .integral_gain = 0.5, .proportional_gain = 10, .largest_weight = 100});
  CHECK(controller.weight() == 0);
  const auto observe = [&](double share) {
    controller.observe(share);
    return controller.weight();
  };
  // The aim is 0.098.
  CHECK(observe(0.1372) == Approx(0.2 + 10 * 0.4));
  CHECK(controller.state().integral == Approx(0.2));
  CHECK(controller.state().excess == Approx(0.4));
  CHECK(observe(0.1372) == Approx(0.4 + 10 * 0.4));
  CHECK(observe(0.0735) == Approx(0.275 - 10 * 0.25));
  CHECK(observe(0.1568) == Approx(0.275 + 10 * 0.6));  // too far off to integrate
  CHECK(observe(1) == Approx(0.275 + 10));             // the error is at most 1,
  CHECK(controller.state().excess == 1);
  CHECK(observe(0) == Approx(0.275 - 10));  // and at least -1
  CHECK(controller.state().excess == -1);
}

TEST_CASE("the weight of the budget has the sign of what is too much") {
  const double target = GENERATE(0.01, 0.2, 1.0);
  CAPTURE(target);
  const auto after = [&](double share) {
    BudgetController controller({.target_share = target});
    controller.observe(share);
    return controller.weight();
  };
  CHECK(after(1.5 * target) > 0);
  CHECK(after(target) > 0);  // the aim is a little lower
  CHECK(after(0.99 * target) > 0);
  CHECK(std::abs(after(0.98 * target)) < 1e-9);
  CHECK(after(0.97 * target) < 0);
  CHECK(after(0) < 0);
}

TEST_CASE("the weight of the budget stays within its limits and does not wind up") {
  BudgetController controller(
      {.target_share = 0.5, .integral_gain = 1, .proportional_gain = 0, .largest_weight = 3});
  const double sign = GENERATE(1.0, -1.0);
  const double more = sign > 0 ? 0.7 : 0.3, less = 1 - more;
  for (int step = 0; step < 100; ++step) controller.observe(more);
  const double error = controller.state().excess;
  CHECK(sign * error > 0);
  CHECK(controller.weight() == 3 * sign);
  CHECK(controller.state().integral == 3 * sign);
  controller.observe(less);  // answers at once
  CHECK(controller.weight() == Approx(3 * sign + controller.state().excess));
  CHECK(std::abs(controller.weight()) < 3);

  BudgetController proportional(
      {.target_share = 0.5, .integral_gain = 0, .proportional_gain = 1000, .largest_weight = 3});
  proportional.observe(more);
  CHECK(proportional.weight() == 3 * sign);
  CHECK(proportional.state().integral == 0);
}

TEST_CASE("a budget controller goes on from its state to the same bits") {
  const BudgetControllerOptions options{.target_share = 0.3};
  BudgetController whole(options), resumed(options);
  Rng rng(1);
  for (int step = 0; step < 40; ++step) {
    const double share = rng.uniform();
    whole.observe(share);
    if (step < 20) continue;
    if (step > 20) resumed.observe(share);
    if (step == 20) resumed.set_state(whole.state());
    CHECK(resumed.weight() == whole.weight());
  }
  CHECK(resumed.state().integral == whole.state().integral);
}

TEST_CASE("budget controller options and states that are out of range are errors") {
  constexpr double nan = std::numeric_limits<double>::quiet_NaN();
  constexpr double infinity = std::numeric_limits<double>::infinity();
  const auto message = [](const BudgetControllerOptions& options) {
    return error_of([&] { BudgetController{options}; });
  };
  check_mentions(message({.target_share = 0}), {"target share", "got 0"});
  check_mentions(message({.target_share = 1.5}), {"target share", "got 1.5"});
  check_mentions(message({.target_share = -0.1}), {"target share", "got -0.1"});
  check_mentions(message({.target_share = nan}), {"target share", "nan"});
  for (const double gain : {-1.0, nan, infinity}) {
    check_mentions(message({.integral_gain = gain}), {"gains", "got"});
    check_mentions(message({.proportional_gain = gain}), {"gains", "got"});
  }
  for (const double largest : {0.0, -2.0, nan, infinity}) {
    check_mentions(message({.largest_weight = largest}), {"largest weight", "got"});
  }
  CHECK_NOTHROW(BudgetController({.target_share = 1}));

  BudgetController controller({.largest_weight = 10});
  controller.set_state({2, 0.5});
  for (const BudgetController::State& state : std::vector<BudgetController::State>{
           {10.5, 0}, {-11, 0}, {nan, 0}, {infinity, 0}, {0, 1.5}, {0, -2}, {0, nan}}) {
    check_mentions(error_of([&] { controller.set_state(state); }), {"state", "+-10"});
    CHECK(controller.state().integral == 2);
    CHECK(controller.state().excess == 0.5);
  }
  controller.set_state({-10, 1});
  CHECK(controller.weight() == Approx(-10 + 20));
}

namespace {

/// Remembers the weights of the budget.
struct Weights final : Callback<float> {
  std::vector<double> of_epochs;
  Continue on_epoch(const EpochReport& report, const TrainingSnapshot<float>&) override {
    of_epochs.push_back(report.budget_weight);
    return Continue::yes;
  }
};

/// A network in training under a controller, from windows of `open_share` of the sequence.
struct ControlledRun {
  static constexpr double target = 0.25;
  AddingTask<float> task{40, 160, 1};
  GLstm<float> network{{.inputs = 2, .hidden = {24}}};
  BudgetController controller{{.target_share = target}};
  Weights weights;
  double share_before = 0, share_after = 0;

  explicit ControlledRun(double open_share) {
    Rng rng(1);
    network.initialize({.gates = {.start = 0, .end = 40, .open_share = open_share}}, rng);
    share_before = share();
    Adam<float> optimizer(network.layout(),
                          {.learning_rate = 3e-3, .time_gate_learning_rate = 0.05});
    Trainer<GaussianGate<float>> trainer(network, optimizer, {.batch = 16, .epochs = 100});
    trainer.control(controller).add_callback(weights).fit(task);
    share_after = share();
  }
  double share() const { return evaluate(network, task, 160).ops.update_share(); }
};

}  // namespace

TEST_CASE("a controller brings windows to a target share") {
  const bool wide = GENERATE(true, false);
  CAPTURE(wide);
  const ControlledRun run(wide ? 0.7 : 0.08);
  CAPTURE(run.share_before, run.share_after, run.weights.of_epochs);
  if (wide) {
    CHECK(run.share_before > 2 * ControlledRun::target);
    CHECK(run.weights.of_epochs[0] > 0);
  } else {
    CHECK(run.share_before < 0.5 * ControlledRun::target);
    CHECK(run.weights.of_epochs[0] < 0);
  }
  CHECK(run.share_after <= ControlledRun::target);
  CHECK(run.share_after > 0.9 * ControlledRun::target);
  CHECK(run.weights.of_epochs.back() == run.controller.weight());
}

TEST_CASE("a controller takes the place of the weight in the options") {
  const auto train = [](double budget_weight, BudgetController* controller) {
    GLstm<float> network({.inputs = 2, .hidden = {6}});
    Rng rng(1);
    network.initialize({.gates = {.start = 0, .end = 20, .open_share = 0.5}}, rng);
    Adam<float> optimizer(network.layout(), {.time_gate_learning_rate = 0.1});
    Trainer<GaussianGate<float>> trainer(network, optimizer,
                                         {.batch = 16, .budget_weight = budget_weight});
    if (controller != nullptr) trainer.control(*controller);
    trainer.fit(AddingTask<float>(20, 64, 1));
    return network.parameters;
  };
  // Without gains lambda is what set_state says, and stays.
  BudgetController fixed({.integral_gain = 0, .proportional_gain = 0});
  fixed.set_state({0.5, 0});
  CHECK(train(7, &fixed) == train(0.5, nullptr));
  CHECK(train(7, &fixed) != train(7, nullptr));
}

}  // namespace budget_controller_test
