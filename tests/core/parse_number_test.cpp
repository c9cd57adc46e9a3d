#include "glstm/core/parse_number.hpp"

#include <cmath>
#include <cstdint>
#include <limits>
#include <string_view>

#include "catch.hpp"

namespace parse_number_test {

using glstm::detail::parse_number;

TEST_CASE("a number is parsed when it is the whole text") {
  CHECK(parse_number<double>("-1.5e3") == -1500.0);
  CHECK(parse_number<double>("0.1") == 0.1);
  CHECK(parse_number<double>("inf") == std::numeric_limits<double>::infinity());
  CHECK(std::isnan(parse_number<double>("nan").value()));
  CHECK(parse_number<int>("-7") == -7);
  CHECK(parse_number<std::int64_t>("1234567890123") == 1234567890123);
  CHECK(parse_number<int>(std::string_view("123456").substr(1, 3)) == 234);
}

TEST_CASE("anything else is no number") {
  for (const char* text : {"", " 1", "1 ", "+1", "1,5", "1.5x", "x", "-", "1e999", "--1"}) {
    CAPTURE(text);
    CHECK_FALSE(parse_number<double>(text).has_value());
  }
  for (const char* text : {"", "1.0", "1e3", "0x1", "2147483648", "-2147483649"}) {
    CAPTURE(text);
    CHECK_FALSE(parse_number<int>(text).has_value());
  }
}

}  // namespace parse_number_test
