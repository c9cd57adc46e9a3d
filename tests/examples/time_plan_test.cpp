#include "sequence_tasks/time_plan.hpp"

#include <functional>

#include "catch.hpp"

namespace time_plan_test {

using glstm::Continue;
using glstm::Index;

namespace {

/// A training with a report every `interval` steps, of which step n takes seconds(part of the
/// training done). Returns the seconds that it took.
double train(sequence_tasks::TimePlan& plan, Index interval, const Index& steps,
             const std::function<double(double)>& seconds, Index first = 0, double spent = 0) {
  const glstm::Vector<float> parameters;
  const glstm::ParameterLayout layout;
  const glstm::OptimizerState<float> optimizer;
  for (Index step = first + 1; step <= 1'000'000; ++step) {
    spent += seconds(static_cast<double>(step) / static_cast<double>(steps));
    bool stop = plan.on_step({.step = step, .seconds = spent}) == Continue::no;
    if (stop || step % interval == 0) {
      stop |= plan.on_epoch({.step = step, .seconds = spent}, {parameters, layout, optimizer}) ==
              Continue::no;
    }
    if (stop) return spent;
  }
  return spent;
}

}  // namespace

TEST_CASE("a training keeps to its seconds though its steps become faster or slower") {
  for (const double last : {0.2, 1.0, 2.5}) {     // the time of the last step, by the first
    for (const double guess : {0.5, 1.0, 1.5}) {  // by the plan at the start
      for (const double reports : {10.0, 100.0}) {
        INFO("last " << last << ", guess " << guess << ", reports " << reports);
        Index steps = static_cast<Index>(guess * 2000);
        const auto pace = [&](double done) {
          return 0.01 * (1 + (last - 1) * std::min(1.0, done));
        };
        int changes = 0;
        sequence_tasks::TimePlan plan(20, steps, [&] { ++changes; });
        const double spent =
            train(plan, static_cast<Index>(static_cast<double>(steps) / reports), steps, pace);
        CHECK(spent == Approx(20).epsilon(0.1));
        CHECK(changes >= 2);
      }
    }
  }
}

TEST_CASE("a training that is resumed keeps to its seconds and its plan") {
  Index steps = 1000;
  sequence_tasks::TimePlan plan(
      10, steps, [] {}, 500, 5);
  CHECK(plan.on_resume() == Continue::yes);
  CHECK(train(
            plan, 50, steps, [](double) { return 0.02; }, 500, 5) == Approx(10).epsilon(0.1));
  steps = 500;
  sequence_tasks::TimePlan over(
      10, steps, [] {}, 500, 10);
  CHECK(over.on_resume() == Continue::no);
}

}  // namespace time_plan_test
