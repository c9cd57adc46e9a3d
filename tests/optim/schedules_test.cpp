#include "glstm/optim/schedules.hpp"

#include <cmath>

#include "catch.hpp"

namespace schedules_test {

using namespace glstm;

TEST_CASE("a constant schedule", "[schedules]") {
  CHECK(constant_schedule()(0) == 1);
  CHECK(constant_schedule()(1000) == 1);
  CHECK(constant_schedule(0.25)(7) == 0.25);
  check_mentions(error_of([] { constant_schedule(-1); }), {"factor", "-1"});
  check_mentions(error_of([] { constant_schedule(INFINITY); }), {"factor", "inf"});
}

TEST_CASE("step decay falls at once", "[schedules]") {
  const Schedule schedule = step_decay(10, 0.5);
  CHECK(schedule(0) == 1);
  CHECK(schedule(9) == 1);
  CHECK(schedule(10) == 0.5);
  CHECK(schedule(19) == 0.5);
  CHECK(schedule(30) == 0.125);
  check_mentions(error_of([] { step_decay(0, 0.5); }), {"step", "0"});
  check_mentions(error_of([] { step_decay(1, 0); }), {"(0, 1]", "0"});
  check_mentions(error_of([] { step_decay(1, 1.5); }), {"(0, 1]", "1.5"});
}

TEST_CASE("exponential decay falls a little at each step", "[schedules]") {
  const Schedule schedule = exponential_decay(10, 0.25);
  CHECK(schedule(0) == 1);
  CHECK(schedule(5) == Approx(0.5));
  CHECK(schedule(10) == Approx(0.25));
  CHECK(schedule(20) == Approx(0.0625));
  CHECK(schedule(7) / schedule(6) == Approx(std::pow(0.25, 0.1)));
  check_mentions(error_of([] { exponential_decay(-2, 0.5); }), {"step", "-2"});
  check_mentions(error_of([] { exponential_decay(1, std::nan("")); }), {"(0, 1]", "nan"});
}

TEST_CASE("warm-up, then a cosine", "[schedules]") {
  const Schedule schedule = warmup_cosine(104, 4, 0.2);
  CHECK(schedule(0) == Approx(0.2));
  CHECK(schedule(3) == Approx(0.8));
  CHECK(schedule(4) == Approx(1));
  CHECK(schedule(29) == Approx(0.2 + 0.8 * (1 + std::sqrt(0.5)) / 2));
  CHECK(schedule(54) == Approx(0.6));
  CHECK(schedule(104) == Approx(0.2));
  CHECK(schedule(100000) == 0.2);
  for (Index step = 5; step <= 104; ++step) CHECK(schedule(step) < schedule(step - 1));

  CHECK(warmup_cosine(10, 0)(0) == 1);
  CHECK(warmup_cosine(10, 0)(5) == Approx(0.5));
  CHECK(warmup_cosine(10, 0)(10) == 0);
  CHECK(warmup_cosine(10, 0)(9) > 0);
  CHECK(warmup_cosine(1, 0)(0) == 1);

  check_mentions(error_of([] { warmup_cosine(10, 10); }), {"warmup_steps", "10"});
  check_mentions(error_of([] { warmup_cosine(10, -1); }), {"warmup_steps", "-1"});
  check_mentions(error_of([] { warmup_cosine(0, 0); }), {"total_steps 0"});
  check_mentions(error_of([] { warmup_cosine(10, 2, 1.5); }), {"final_factor", "1.5"});
}

}  // namespace schedules_test
