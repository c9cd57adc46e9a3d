#include "glstm/io/strict_json.hpp"

#include <chrono>
#include <cstddef>
#include <string>
#include <vector>

#include "catch.hpp"
#include "resource_limit.hpp"

namespace strict_json_test {

using glstm::detail::parse_json_object;

namespace {

/// {"list":[item,item,...]}
std::string list_of(const std::string& item, std::size_t count) {
  std::string text = "{\"list\":[" + item;
  for (std::size_t i = 1; i < count; ++i) text += "," + item;
  return text + "]}";
}

}  // namespace

TEST_CASE("a JSON object is what it says, and every key counts once") {
  const auto parsed = parse_json_object(R"({"a":[1,{"b":"c"}],"d":{"a":null}})", 3, "text", "file");
  CHECK(parsed["a"][1]["b"] == "c");
  CHECK(parsed.dump() == R"({"a":[1,{"b":"c"}],"d":{"a":null}})");
  const auto refused = [](const std::string& text) {
    const std::string message = error_of([&] { parse_json_object(text, 3, "a model", "file"); });
    check_names_once(message, "file: expected ");
    return message;
  };
  check_mentions(refused(R"({"a":1,"b":[{"c":1,"c":2}]})"), {"\"c\" twice", "at \"b\""});
  check_mentions(refused(R"({"a":1,"b":2,"a":3})"), {"\"a\" twice in a model"});
  check_mentions(refused(R"({"a":[[[]]]})"), {"3 levels", "\"a\""});
  check_mentions(refused(R"({"a":{"b":{"c":{}}}})"), {"3 levels", "\"a\""});
  check_mentions(refused(R"({"a":1e999})"), {"valid JSON", "1e999"});
  check_mentions(refused("{\"a\":\"\xff\"}"), {"valid JSON", "UTF-8"});
  check_mentions(refused("{\"a\":1} {"), {"valid JSON"});
  check_mentions(refused("[{}]"), {"JSON object"});
}

TEST_CASE("a list of many objects is read in no more than a few passes") {
  const std::string text = list_of("{}", 400'000);
  const auto start = std::chrono::steady_clock::now();
  CHECK(parse_json_object(text, 3, "a model", "file")["list"].size() == 400'000);
  const std::chrono::duration<double> taken = std::chrono::steady_clock::now() - start;
  CHECK(taken.count() < 20);  // of passes over the list for each of its objects: minutes
}

#if defined(GLSTM_TEST_LIMITS_MEMORY)

TEST_CASE("JSON that memory cannot hold is an error that names its source") {
  const std::string long_text = "\"" + std::string(100, 'x') + "\"";
  for (const char* item : {"0", "[]", "{}", "{\"\":{}}", "[[0]]", long_text.c_str()}) {
    CAPTURE(item);
    const std::string text = list_of(item, 262'145);  // just when an array would be made to grow
    bool read = false, refused = false;
    for (rlim_t megabytes = 1; megabytes < 400; megabytes += megabytes < 100 ? 9 : 100) {
      CAPTURE(megabytes);
      std::string message;
      {
        const ResourceLimit limit(RLIMIT_AS, bytes_taken() + (megabytes << 20));
        try {
          parse_json_object(text, 4, "a model", "file");
          read = true;
        } catch (const glstm::Error& error) {
          message = error.what();
        }
      }
      if (message.empty()) continue;
      refused = true;
      check_names_once(message, "file: expected ");
      check_mentions(message, {"a model that memory can hold", std::to_string(text.size())});
    }
    CHECK(read);
    CHECK(refused);
  }
}

#endif

}  // namespace strict_json_test
