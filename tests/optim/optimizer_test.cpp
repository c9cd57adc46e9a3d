#include "glstm/optim/optimizer.hpp"

#include <cmath>
#include <limits>
#include <memory>
#include <type_traits>
#include <vector>

#include "catch.hpp"
#include "glstm/core/random.hpp"
#include "glstm/optim/schedules.hpp"

namespace optimizer_test {

using namespace glstm;

namespace {

template <class Scalar>
constexpr double tolerance = std::is_same_v<Scalar, float> ? 1e-5 : 1e-13;

template <class Scalar>
void check_close(const Vector<Scalar>& values, const std::vector<double>& expected) {
  REQUIRE(values.size() == static_cast<Index>(expected.size()));
  for (Index i = 0; i < values.size(); ++i) {
    INFO("position " << i);
    CHECK(static_cast<double>(values[i]) == Approx(expected[static_cast<std::size_t>(i)])
                                                .epsilon(tolerance<Scalar>)
                                                .margin(tolerance<Scalar>));
  }
}

// Roles alternate and sizes are odd, so that a mixed-up offset shows.
ParameterLayout mixed_layout() {
  ParameterLayout layout;
  layout.add("mu", 3, 1, ParameterRole::time_gate);
  layout.add("Wx", 4, 5, ParameterRole::weight);
  layout.add("b", 5, 1, ParameterRole::bias);
  layout.add("sigma", 3, 1, ParameterRole::time_gate);
  layout.add("readout", 1, 7, ParameterRole::weight);
  return layout;
}

template <class Scalar>
Vector<Scalar> random_vector(Index size, Rng& rng) {
  Vector<Scalar> values(size);
  for (Scalar& value : values) value = static_cast<Scalar>(rng.normal());
  return values;
}

// Options with a memory, for any optimiser.
template <class AnyOptimizer>
typename AnyOptimizer::Options lively_options() {
  typename AnyOptimizer::Options options{.learning_rate = 0.01, .time_gate_learning_rate = 0.2};
  if constexpr (requires { options.momentum; }) options.momentum = 0.9;
  return options;
}

// One parameter, as the papers write it.
struct Single {
  double p, m = 0, v = 0;
};

// Several steps with changing gradients and factors against `recurrence(single, g, rate, n, role)`
// for every parameter by itself, in double.
template <class Scalar, class Rule, class Recurrence>
void check_recurrence(const typename Rule::Options& options, Recurrence recurrence) {
  const ParameterLayout layout = mixed_layout();
  RuleOptimizer<Scalar, Rule> optimizer(layout, options);
  Rng rng(11);
  Vector<Scalar> parameters = random_vector<Scalar>(layout.size(), rng);
  std::vector<Single> singles;
  for (Scalar p : parameters) singles.push_back({static_cast<double>(p)});

  for (int n = 1; n <= 6; ++n) {
    const Vector<Scalar> gradient = random_vector<Scalar>(layout.size(), rng);
    const double factor = 1.0 / n;
    optimizer.step(parameters, gradient, factor);
    std::vector<double> expected;
    for (Index i = 0; i < layout.size(); ++i) {
      const ParameterRole role = layout.block_of(i).role;
      const double rate =
          factor * (role == ParameterRole::time_gate ? options.time_gate_learning_rate.value()
                                                     : options.learning_rate);
      Single& single = singles[static_cast<std::size_t>(i)];
      recurrence(single, static_cast<double>(gradient[i]), rate, n, role);
      expected.push_back(single.p);
    }
    INFO("step " << n);
    check_close(parameters, expected);
  }
}

// The gradients and parameter groups of the Python program below.
template <class Scalar, template <class> class AnyOptimizer>
Vector<Scalar> five_torch_steps(const typename AnyOptimizer<Scalar>::Options& options) {
  ParameterLayout layout;
  layout.add("w", 7, 1, ParameterRole::weight);
  layout.add("b", 2, 1, ParameterRole::bias);
  layout.add("t", 2, 1, ParameterRole::time_gate);
  AnyOptimizer<Scalar> optimizer(layout, options);
  Vector<Scalar> parameters(11), gradient(11);
  parameters << Scalar(1), Scalar(-2), Scalar(0.5), Scalar(3), Scalar(-0.25), Scalar(4),
      Scalar(-1.5), Scalar(0.1), Scalar(-0.3), Scalar(20), Scalar(5);
  for (int n = 0; n < 5; ++n) {
    gradient << (parameters.head(7).array().cube() + Scalar(1)).matrix(),
        (Scalar(2) * (parameters.segment(7, 2).array() - Scalar(1))).matrix(),
        (Scalar(2) * (parameters.tail(2).array() - Scalar(12))).matrix();
    optimizer.step(parameters, gradient);
  }
  return parameters;
}

// Three steps, then four more by the same optimiser and by a new one with the saved state.
template <class Scalar, template <class> class AnyOptimizer>
void check_resumes() {
  const ParameterLayout layout = mixed_layout();
  const auto options = lively_options<AnyOptimizer<Scalar>>();
  AnyOptimizer<Scalar> whole(layout, options);
  Rng rng(5);
  Vector<Scalar> parameters = random_vector<Scalar>(layout.size(), rng);
  for (int n = 0; n < 3; ++n) {
    whole.step(parameters, random_vector<Scalar>(layout.size(), rng));
  }

  AnyOptimizer<Scalar> resumed(layout, options), forgetful(layout, options);
  resumed.set_state(whole.state());
  Vector<Scalar> resumed_parameters = parameters, forgetful_parameters = parameters;
  for (int n = 0; n < 4; ++n) {
    const Vector<Scalar> gradient = random_vector<Scalar>(layout.size(), rng);
    whole.step(parameters, gradient);
    resumed.step(resumed_parameters, gradient);
    forgetful.step(forgetful_parameters, gradient);
  }
  INFO("rule " << whole.state().rule);
  CHECK(whole.state().steps == 7);
  CHECK(resumed.state().steps == 7);
  CHECK(resumed_parameters == parameters);
  CHECK(resumed.state().moments == whole.state().moments);
  CHECK(forgetful_parameters != parameters);
}

template <class Scalar, template <class> class AnyOptimizer>
void check_roles() {
  const ParameterLayout layout = mixed_layout();
  const Vector<Scalar> start = Vector<Scalar>::Constant(layout.size(), Scalar(2));
  const Vector<Scalar> gradient = Vector<Scalar>::Constant(layout.size(), Scalar(0.5));
  for (bool time_gates_move : {false, true}) {
    AnyOptimizer<Scalar> optimizer(layout, {.learning_rate = time_gates_move ? 0 : 0.1,
                                            .time_gate_learning_rate = time_gates_move ? 0.1 : 0});
    Vector<Scalar> parameters = start;
    optimizer.step(parameters, gradient);
    INFO("rule " << optimizer.state().rule << ", time gates move " << time_gates_move);
    for (Index i = 0; i < layout.size(); ++i) {
      const bool is_time_gate = layout.block_of(i).role == ParameterRole::time_gate;
      CHECK((parameters[i] != start[i]) == (is_time_gate == time_gates_move));
    }
  }

  AnyOptimizer<Scalar> optimizer(layout, lively_options<AnyOptimizer<Scalar>>());
  Vector<Scalar> parameters = start;
  optimizer.step(parameters, gradient, 0);
  CHECK(parameters == start);
}

// Steps from `start` down the gradient that `gradient_at(point)` returns, with a rate that falls
// by 1000 in all, and returns where that ends.
template <class AnyOptimizer, class Scalar, class GradientAt>
Vector<Scalar> minimise(const typename AnyOptimizer::Options& options, Vector<Scalar> point,
                        Index steps, GradientAt gradient_at) {
  ParameterLayout layout;
  layout.add("point", point.size(), 1, ParameterRole::weight);
  AnyOptimizer optimizer(layout, options);
  const Schedule schedule = exponential_decay(steps, 1e-3);
  for (Index n = 0; n < steps; ++n) {
    const Vector<Scalar> gradient = gradient_at(point);
    optimizer.step(point, gradient, schedule(n));
  }
  return point;
}

// The distance from the minimum of sum_i 10^i x_i^2 / 2, i = 0..3.
template <class AnyOptimizer, class Scalar>
double quadratic_error(const typename AnyOptimizer::Options& options) {
  Vector<Scalar> curvature(4);
  curvature << Scalar(1), Scalar(10), Scalar(100), Scalar(1000);
  const Vector<Scalar> start = Vector<Scalar>::Constant(4, Scalar(1));
  const Vector<Scalar> end = minimise<AnyOptimizer, Scalar>(
      options, start, 20000,
      [&](const Vector<Scalar>& x) { return Vector<Scalar>(curvature.cwiseProduct(x)); });
  return static_cast<double>(end.norm());
}

// The distance from the minimum (1, 1) of (1 - x)^2 + 100 (y - x^2)^2, from (-1.2, 1).
template <class AnyOptimizer, class Scalar>
double rosenbrock_error(const typename AnyOptimizer::Options& options) {
  Vector<Scalar> start(2);
  start << Scalar(-1.2), Scalar(1);
  const Vector<Scalar> end =
      minimise<AnyOptimizer, Scalar>(options, start, 30000, [](const Vector<Scalar>& point) {
        const Scalar x = point[0], y = point[1], valley = y - x * x;
        Vector<Scalar> gradient(2);
        gradient << Scalar(-2) * (Scalar(1) - x) - Scalar(400) * x * valley, Scalar(200) * valley;
        return gradient;
      });
  return static_cast<double>((end.array() - Scalar(1)).matrix().norm());
}

}  // namespace

TEMPLATE_TEST_CASE("SGD follows its recurrence", "[optimizer]", float, double) {
  for (bool nesterov : {false, true}) {
    CAPTURE(nesterov);
    check_recurrence<TestType, SgdRule>({.learning_rate = 0.05,
                                         .time_gate_learning_rate = 0.4,
                                         .momentum = 0.8,
                                         .nesterov = nesterov},
                                        [&](Single& s, double g, double rate, int, ParameterRole) {
                                          s.v = 0.8 * s.v + g;
                                          s.p -= rate * (nesterov ? g + 0.8 * s.v : s.v);
                                        });
  }
}

TEMPLATE_TEST_CASE("SGD without momentum is gradient descent", "[optimizer]", float, double) {
  check_recurrence<TestType, SgdRule>(
      {.learning_rate = 0.05, .time_gate_learning_rate = 0.4},
      [](Single& s, double g, double rate, int, ParameterRole) { s.p -= rate * g; });
}

TEMPLATE_TEST_CASE("RMSprop follows its recurrence", "[optimizer]", float, double) {
  check_recurrence<TestType, RmsPropRule>(
      {.learning_rate = 0.05, .time_gate_learning_rate = 0.4, .alpha = 0.7, .epsilon = 0.01},
      [](Single& s, double g, double rate, int, ParameterRole) {
        s.v = 0.7 * s.v + (1 - 0.7) * g * g;
        s.p -= rate * g / (std::sqrt(s.v) + 0.01);
      });
}

// The large epsilon shows whether it is added to the corrected root.
TEMPLATE_TEST_CASE("Adam follows its recurrence", "[optimizer]", float, double) {
  check_recurrence<TestType, AdamRule<AdamOptions>>(
      {.learning_rate = 0.05,
       .time_gate_learning_rate = 0.4,
       .beta1 = 0.7,
       .beta2 = 0.9,
       .epsilon = 0.1},
      [](Single& s, double g, double rate, int n, ParameterRole) {
        s.m = 0.7 * s.m + (1 - 0.7) * g;
        s.v = 0.9 * s.v + (1 - 0.9) * g * g;
        const double m_hat = s.m / (1 - std::pow(0.7, n)), v_hat = s.v / (1 - std::pow(0.9, n));
        s.p -= rate * m_hat / (std::sqrt(v_hat) + 0.1);
      });
}

TEMPLATE_TEST_CASE("AdamW follows its recurrence and decays weights only", "[optimizer]", float,
                   double) {
  check_recurrence<TestType, AdamRule<AdamWOptions>>(
      {.learning_rate = 0.05,
       .time_gate_learning_rate = 0.4,
       .beta1 = 0.7,
       .beta2 = 0.9,
       .epsilon = 0.1,
       .weight_decay = 0.5},
      [](Single& s, double g, double rate, int n, ParameterRole role) {
        s.m = 0.7 * s.m + (1 - 0.7) * g;
        s.v = 0.9 * s.v + (1 - 0.9) * g * g;
        const double m_hat = s.m / (1 - std::pow(0.7, n)), v_hat = s.v / (1 - std::pow(0.9, n));
        const double decay = role == ParameterRole::weight ? rate * 0.5 * s.p : 0;
        s.p -= decay + rate * m_hat / (std::sqrt(v_hat) + 0.1);
      });
}

// The expected values are printed by PyTorch 1.13:
//
//   import torch
//   from torch.optim import *
//   def run(make, **decay):
//       w, b, t = (torch.tensor(x, dtype=torch.float64, requires_grad=True)
//                  for x in ([1, -2, .5, 3, -.25, 4, -1.5], [.1, -.3], [20, 5.]))
//       optimizer = make([dict(params=[w], **decay), dict(params=[b]), dict(params=[t], lr=.2)])
//       for n in range(5):
//           (w ** 4 / 4 + w).sum().backward()
//           ((b - 1) ** 2).sum().backward()
//           ((t - 12) ** 2).sum().backward()
//           optimizer.step()
//           optimizer.zero_grad()
//       print([float(f"{x:.16g}") for x in (*w.tolist(), *b.tolist(), *t.tolist())])
//   run(lambda g: SGD(g, lr=.01, momentum=.9))
//   run(lambda g: SGD(g, lr=.01, momentum=.9, nesterov=True))
//   run(lambda g: RMSprop(g, lr=.01, alpha=.95))
//   run(lambda g: Adam(g, lr=.03, betas=(.8, .99)))
//   run(lambda g: AdamW(g, lr=.03, betas=(.8, .99), weight_decay=0), weight_decay=.1)
TEMPLATE_TEST_CASE("every rule agrees with PyTorch", "[optimizer]", float, double) {
  check_close(five_torch_steps<TestType, Sgd>(
                  {.learning_rate = 0.01, .time_gate_learning_rate = 0.2, .momentum = 0.9}),
              {0.7534775245640839, -1.281397188902657, 0.3544317814996305, 0.6476405729465238,
               -0.3786836396215544, -0.4586463423361621, -1.231353567836024, 0.32561515648,
               0.02588855936000006, 6.167999999999999, 17.103});
  check_close(five_torch_steps<TestType, Sgd>({.learning_rate = 0.01,
                                               .time_gate_learning_rate = 0.2,
                                               .momentum = 0.9,
                                               .nesterov = true}),
              {0.6971896560067443, -1.209815370365992, 0.3154491636751373, 0.6002584603973844,
               -0.4139673776503739, -0.2698714807012462, -1.188901780911882, 0.3790845875526113,
               0.1031221820204384, 10.6789135872, 13.1559506112});
  check_close(five_torch_steps<TestType, RmsProp>(
                  {.learning_rate = 0.01, .time_gate_learning_rate = 0.2, .alpha = 0.95}),
              {0.8579459407678942, -1.859172263360978, 0.3545795271257766, 2.856206534658881,
               -0.3963572305318525, 3.855342356775331, -1.363908490571133, 0.2430330524795022,
               -0.1555506842108559, 17.26413663082857, 7.701208408181176});
  check_close(
      five_torch_steps<TestType, Adam>(
          {.learning_rate = 0.03, .time_gate_learning_rate = 0.2, .beta1 = 0.8, .beta2 = 0.99}),
      {0.8512550499987416, -1.851558422671578, 0.350456240203991, 2.850819084190897,
       -0.3997757463460824, 3.850616580198162, -1.352883636973484, 0.2490036553697921,
       -0.1506621578361603, 19.00481894156126, 5.994413774576242});
  check_close(five_torch_steps<TestType, AdamW>({.learning_rate = 0.03,
                                                 .time_gate_learning_rate = 0.2,
                                                 .beta1 = 0.8,
                                                 .beta2 = 0.99,
                                                 .weight_decay = 0.1}),
              {0.8373664084838073, -1.82298918556994, 0.3439149804615446, 2.807249584424565,
               -0.3951601385322532, 3.792135237967677, -1.331952612516856, 0.2490036553697921,
               -0.1506621578361603, 19.00481894156126, 5.994413774576242});
}

TEMPLATE_TEST_CASE("every rule minimises a badly scaled quadratic", "[optimizer]", float, double) {
  using S = TestType;
  CHECK(quadratic_error<Sgd<S>, S>({.learning_rate = 1e-3, .momentum = 0.9}) < 1e-3);
  CHECK(quadratic_error<Sgd<S>, S>({.learning_rate = 1e-3, .momentum = 0.9, .nesterov = true}) <
        1e-3);
  CHECK(quadratic_error<RmsProp<S>, S>({.learning_rate = 1e-2}) < 1e-3);
  CHECK(quadratic_error<Adam<S>, S>({.learning_rate = 1e-2}) < 1e-3);
  CHECK(quadratic_error<AdamW<S>, S>({.learning_rate = 1e-2}) < 1e-3);
}

TEMPLATE_TEST_CASE("every rule minimises Rosenbrock's function", "[optimizer]", float, double) {
  using S = TestType;
  CHECK(rosenbrock_error<Sgd<S>, S>({.learning_rate = 5e-4, .momentum = 0.9}) < 1e-2);
  CHECK(rosenbrock_error<Sgd<S>, S>({.learning_rate = 5e-4, .momentum = 0.9, .nesterov = true}) <
        1e-2);
  CHECK(rosenbrock_error<RmsProp<S>, S>({.learning_rate = 1e-2}) < 1e-2);
  CHECK(rosenbrock_error<Adam<S>, S>({.learning_rate = 1e-2}) < 1e-2);
  CHECK(rosenbrock_error<AdamW<S>, S>({.learning_rate = 1e-2, .weight_decay = 0}) < 1e-2);
}

TEMPLATE_TEST_CASE("a saved state goes on bit for bit", "[optimizer]", float, double) {
  check_resumes<TestType, Sgd>();
  check_resumes<TestType, RmsProp>();
  check_resumes<TestType, Adam>();
  check_resumes<TestType, AdamW>();
}

TEMPLATE_TEST_CASE("each learning rate moves its own roles", "[optimizer]", float, double) {
  check_roles<TestType, Sgd>();
  check_roles<TestType, RmsProp>();
  check_roles<TestType, Adam>();
  check_roles<TestType, AdamW>();
}

TEMPLATE_TEST_CASE("weight decay shrinks weights only", "[optimizer]", float, double) {
  const ParameterLayout layout = mixed_layout();
  AdamW<TestType> optimizer(
      layout, {.learning_rate = 0.5, .time_gate_learning_rate = 0.5, .weight_decay = 0.5});
  Vector<TestType> parameters = Vector<TestType>::Constant(layout.size(), TestType(2));
  optimizer.step(parameters, Vector<TestType>::Zero(layout.size()), 0.5);
  for (Index i = 0; i < layout.size(); ++i) {
    const bool is_weight = layout.block_of(i).role == ParameterRole::weight;
    CHECK(parameters[i] == (is_weight ? TestType(1.75) : TestType(2)));
  }
}

TEMPLATE_TEST_CASE("an optimiser can be picked at run time", "[optimizer]", float, double) {
  ParameterLayout layout;
  layout.add("w", 1, 1, ParameterRole::weight);
  for (bool adaptive : {false, true}) {
    std::unique_ptr<Optimizer<TestType>> optimizer;
    if (adaptive) {
      optimizer = std::make_unique<Adam<TestType>>(layout);
    } else {
      optimizer = std::make_unique<Sgd<TestType>>(layout, SgdOptions{.learning_rate = 0.5});
    }
    Vector<TestType> parameters = Vector<TestType>::Zero(1);
    optimizer->step(parameters, Vector<TestType>::Constant(1, TestType(2)));
    CHECK(static_cast<double>(parameters[0]) == Approx(adaptive ? -1e-3 : -1));
    CHECK(optimizer->state().rule == (adaptive ? "adam" : "sgd"));
  }
}

TEST_CASE("bad optimiser options are named", "[optimizer]") {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const double infinity = std::numeric_limits<double>::infinity();
  ParameterLayout layout;
  layout.add("w", 2, 3, ParameterRole::weight);
  const auto sgd = [&](SgdOptions options) {
    return error_of([&] { Sgd<float>(layout, options); });
  };
  const auto rmsprop = [&](RmsPropOptions options) {
    return error_of([&] { RmsProp<float>(layout, options); });
  };
  const auto adam = [&](AdamOptions options) {
    return error_of([&] { Adam<float>(layout, options); });
  };
  check_mentions(sgd({.learning_rate = -0.25}), {"learning_rate", "-0.25"});
  check_mentions(sgd({.learning_rate = nan}), {"learning_rate", "nan"});
  check_mentions(sgd({.learning_rate = infinity}), {"learning_rate", "inf"});
  check_mentions(sgd({.time_gate_learning_rate = -2}), {"time_gate_learning_rate", "-2"});
  check_mentions(sgd({.momentum = 1}), {"momentum", "[0, 1)", "1"});
  check_mentions(sgd({.momentum = -0.5}), {"momentum", "-0.5"});
  check_mentions(sgd({.nesterov = true}), {"nesterov", "momentum 0"});
  check_mentions(rmsprop({.alpha = 1.5}), {"alpha", "1.5"});
  check_mentions(rmsprop({.epsilon = 0}), {"epsilon", "0"});
  check_mentions(adam({.beta1 = 1}), {"beta1", "1"});
  check_mentions(adam({.beta2 = nan}), {"beta2", "nan"});
  check_mentions(adam({.epsilon = -1}), {"epsilon", "-1"});
  check_mentions(error_of([&] { AdamW<float>(layout, {.weight_decay = -3}); }),
                 {"weight_decay", "-3"});

  layout.add("layer0.mu", 3, 1, ParameterRole::time_gate);
  check_mentions(adam({}), {"time_gate_learning_rate", "layer0.mu"});
}

TEMPLATE_TEST_CASE("a refused step or state changes nothing", "[optimizer]", float, double) {
  using Vec = Vector<TestType>;
  const ParameterLayout layout = mixed_layout();
  const Index size = layout.size();
  Adam<TestType> optimizer(layout, {.time_gate_learning_rate = 0.2});
  Vec parameters = Vec::Constant(size, TestType(1));
  const Vec gradient = Vec::Constant(size, TestType(3));
  optimizer.step(parameters, gradient);
  const Vec parameters_before = parameters;
  const OptimizerState<TestType> before = optimizer.state();

  Vec short_parameters = Vec::Zero(size - 1);
  check_mentions(error_of([&] { optimizer.step(short_parameters, gradient); }), {"38", "37"});
  check_mentions(error_of([&] { optimizer.step(parameters, Vec::Zero(size + 1)); }),
                 {"gradient", "38", "39"});
  check_mentions(error_of([&] { optimizer.step(parameters, gradient, -0.5); }), {"factor", "-0.5"});
  check_mentions(error_of([&] { optimizer.step(parameters, gradient, std::nan("")); }),
                 {"factor", "nan"});

  OptimizerState<TestType> state = before;
  state.rule = "sgd";
  check_mentions(error_of([&] { optimizer.set_state(state); }), {"\"adam\"", "\"sgd\""});
  state = before;
  state.steps = -1;
  check_mentions(error_of([&] { optimizer.set_state(state); }), {"step", "-1"});
  state = before;
  state.moments.setZero(size, 1);
  check_mentions(error_of([&] { optimizer.set_state(state); }), {"[38,2]", "[38,1]"});
  state.moments.setZero(size - 1, 2);
  check_mentions(error_of([&] { optimizer.set_state(state); }), {"[38,2]", "[37,2]"});

  CHECK(parameters == parameters_before);
  CHECK(optimizer.state().steps == before.steps);
  CHECK(optimizer.state().moments == before.moments);
}

}  // namespace optimizer_test
