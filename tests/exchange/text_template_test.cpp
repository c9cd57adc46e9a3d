#include "glstm/exchange/text_template.hpp"

#include "catch.hpp"

namespace text_template_test {

using glstm::detail::fill_template;

TEST_CASE("a text template is filled, and values are left as they are") {
  CHECK(fill_template("", {}).empty());
  CHECK(fill_template("no placeholder", {}) == "no placeholder");
  CHECK(fill_template("@a@@b@, @a@!", {{"a", "1"}, {"b", "@c@"}}) == "1@c@, 1!");
  CHECK(fill_template("x@long_name@", {{"long_name", ""}}) == "x");
}

TEST_CASE("placeholders and values of a text template must match") {
  check_mentions(error_of([] { fill_template("@a@ @b@", {{"a", "1"}}); }), {"value for @b@"});
  check_mentions(error_of([] {
                   fill_template("@a@", {{"a", "1"}, {"b", "2"}});
                 }),
                 {"placeholder @b@"});
  check_mentions(error_of([] { fill_template("@a@ and @", {{"a", "1"}}); }), {"end of a"});
  check_mentions(error_of([] { fill_template("@a", {{"a", "1"}}); }), {"end of a"});
}

}  // namespace text_template_test
