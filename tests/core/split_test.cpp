#include "glstm/core/split.hpp"

#include "catch.hpp"

namespace split_test {

using glstm::detail::split;
using Fields = std::vector<std::string_view>;

TEST_CASE("text is split at every separator") {
  CHECK(split("a,bc,d", ',') == Fields{"a", "bc", "d"});
  CHECK(split("abc", ',') == Fields{"abc"});
  CHECK(split("", ',') == Fields{""});
  CHECK(split(",a,,", ',') == Fields{"", "a", "", ""});
  CHECK(split("a;b,c", ';') == Fields{"a", "b,c"});
  Fields fields = {"old", "ones"};
  split("new", ',', fields);
  CHECK(fields == Fields{"new"});
}

}  // namespace split_test
