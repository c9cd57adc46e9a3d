#include "glstm/data/ts_sequences.hpp"

#include <cmath>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "catch.hpp"
#include "temporary_folder.hpp"

namespace ts_sequences_test {

using glstm::Index;
using glstm::Sequences;

namespace {

const std::string head =
    "#The title\n@problemName Mine\n@timeStamps false\n@univariate false\n"
    "@classLabel true walking \trunning\n@data\n";

Sequences read(const std::string& text, bool allow_missing = false) {
  return glstm::parse_ts_sequences(text, "my.ts", allow_missing);
}

std::string error_for(const std::string& text) {
  return error_of([&] { read(text); });
}

}  // namespace

TEST_CASE("sequences of several dimensions and lengths are read from .ts text") {
  const Sequences data = read(head + "1,2,3:0.1,0.2,0.3:running\r\n\n# between\n4:-5e-1:walking\n");
  CHECK(data.size() == 2);
  CHECK(data.description.feature_names == std::vector<std::string>{"dimension 0", "dimension 1"});
  CHECK(data.description.class_names == std::vector<std::string>{"walking", "running"});
  CHECK(data.labels == std::vector<int>{1, 0});
  CHECK(data.starts == std::vector<Index>{0, 3, 4});
  CHECK(data.values == std::vector<double>{1, 0.1, 2, 0.2, 3, 0.3, 4, -0.5});
  CHECK_FALSE(data.has_times());
  data.check();
}

TEST_CASE("a .ts file may have numbers to predict, or nothing") {
  const Sequences targets = read("@targetLabel true\n@data\n1,2:0.5\n3:7\n");
  CHECK(targets.targets == std::vector<double>{0.5, 7});
  CHECK(targets.outputs() == 1);
  targets.check();
  const Sequences nothing = read("@data\n1,2\n3\n");
  CHECK_FALSE(nothing.has_labels());
  nothing.check();
  CHECK(read("@classLabel true\n@data\n1:b\n2:a\n").description.class_names ==
        std::vector<std::string>{"a", "b"});
}

TEST_CASE("missing values of a .ts file are NaN where that is allowed") {
  const std::string text = head + "1,?,3:1,2,NaN:running\n";
  check_mentions(error_for(text), {"my.ts:7:", "\"?\"", "--missing"});
  const Sequences data = read(text, true);
  CHECK(std::isnan(data.values[2]));
  CHECK(std::isnan(data.values[5]));
}

TEST_CASE("text that is no .ts file is an error with its line") {
  check_mentions(error_for(""), {"my.ts:1:", "@data"});
  check_mentions(error_for("@problemName x\n1,2:3\n"), {"my.ts:2:", "before @data"});
  check_mentions(error_for(head), {"my.ts:7:", "a sequence"});
  check_mentions(error_for("@timestamps true\n"), {"my.ts:1:", "without timestamps"});
  check_mentions(error_for("@classLabel true a\n@targetLabel true\n"), {"my.ts:2:", "both"});
  check_mentions(error_for(head + "1,2\n"), {"my.ts:7:", "no colon"});
  check_mentions(error_for(head + "1:2:\n"), {"my.ts:7:", "a class"});
  check_mentions(error_for(head + "1:2:sitting\n"), {"my.ts", "@classLabel", "\"sitting\""});
  check_mentions(error_for(head + "1:2:running\n1:running\n"), {"my.ts:8:", "2 dimensions", "1"});
  check_mentions(error_for(head + "1,2:3:running\n"), {"my.ts:7:", "2 values", "1 in dimension 1"});
  check_mentions(error_for(head + "(0,1):(0,2):running\n"), {"my.ts:7:", "brackets"});
  check_mentions(error_for(head + "1,x:3,4:running\n"), {"my.ts:7:", "\"x\""});
  check_mentions(error_for(head + "1,1e999:3,4:running\n"), {"my.ts:7:", "finite"});
  check_mentions(error_for(head + "1:2:\xE4\n"), {"my.ts:7:", "UTF-8"});
}

TEST_CASE("a .ts file that is cut anywhere is fewer sequences or an error") {
  const std::string whole = head + "1,2,3:0.1,0.2,0.3:running\n4:-5e-1:walking\n";
  for (std::size_t size = 0; size < whole.size(); ++size) {
    try {
      read(whole.substr(0, size)).check();
    } catch (const glstm::Error& error) {
      check_mentions(error.what(), {"my.ts", "expected"});
    }
  }
}

TEST_CASE("a .ts file is read, or an error names it") {
  const TemporaryFolder folder;
  const auto path = folder / "some.ts";
  check_mentions(error_of([&] { glstm::read_ts_sequences(path); }),
                 {path.string(), "expected a .ts file"});
  std::ofstream(path, std::ios::binary) << head << "1:2:running\n";
  CHECK(glstm::read_ts_sequences(path).size() == 1);
}

}  // namespace ts_sequences_test
