#include "glstm/core/parameters.hpp"

#include "catch.hpp"

namespace parameters_test {

using namespace glstm;

TEST_CASE("blocks of parameters lie one after the other, and are found by name and by position") {
  ParameterLayout layout;
  CHECK(layout.add("kernel", 3, 4, ParameterRole::weight) == 0);
  CHECK(layout.add("none", 0, 4, ParameterRole::weight) == 1);
  CHECK(layout.add("bias", 1, 4, ParameterRole::bias) == 2);
  CHECK(layout.size() == 16);
  CHECK(layout.find("bias").offset == 12);
  CHECK(layout.find("bias").role == ParameterRole::bias);
  CHECK(layout.block_of(0).name == "kernel");
  CHECK(layout.block_of(11).name == "kernel");
  CHECK(layout.block_of(12).name == "bias");
  CHECK(layout.block_of(15).name == "bias");

  check_mentions(error_of([&] { layout.find("mu"); }), {"no parameter block is called \"mu\""});
  check_mentions(error_of([&] { layout.block_of(16); }), {"no parameter block", "16 of 16"});
  check_mentions(error_of([&] { layout.block_of(-1); }), {"no parameter block", "-1 of 16"});
}

}  // namespace parameters_test
