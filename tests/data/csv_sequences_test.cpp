#include "glstm/data/csv_sequences.hpp"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <locale>
#include <string>
#include <string_view>
#include <vector>

#include "catch.hpp"
#include "glstm/data/prepare_sequences.hpp"
#include "temporary_folder.hpp"

namespace csv_sequences_test {

using glstm::CsvOptions;
using glstm::Index;
using glstm::LabelledBatch;
using glstm::SequenceDataset;
using glstm::Sequences;

namespace {

/// Three sequences of 2, 1 and 3 steps, with times, a label and two features.
constexpr std::string_view labelled =
    "sequence,timestamp,label,a,b\n"
    "x,0.5,2,1,-1\n"
    "x,0.5,2,2,-2\n"
    "y,-3,0,3,-3\n"
    "z,1e1,1,4,-4\n"
    "z,11,1,5,-5\n"
    "z,12.25,1,6,-6.5\n";

Sequences read(std::string_view text, const CsvOptions& options = {}) {
  return glstm::parse_csv_sequences(text, "my.csv", options);
}

template <class Scalar = double>
LabelledBatch<Scalar> load(const Sequences& data, const std::vector<Index>& samples) {
  LabelledBatch<Scalar> batch;
  SequenceDataset<Scalar>(data).load(samples, batch);
  return batch;
}

std::string error_for(std::string_view text, const CsvOptions& columns = {}) {
  return error_of([&] { read(text, columns); });
}

std::string replaced(std::string_view text, const std::string& from, const std::string& to) {
  std::string result(text);
  for (std::size_t at = 0; (at = result.find(from, at)) != std::string::npos; at += to.size()) {
    result.replace(at, from.size(), to);
  }
  return result;
}

/// Checks that both data sets load the same.
void check_same(const Sequences& data, const Sequences& expected) {
  REQUIRE(data.size() == expected.size());
  for (Index sample = 0; sample < data.size(); ++sample) {
    const auto left = load(data, {sample}), right = load(expected, {sample});
    CHECK(left.input.values == right.input.values);
    CHECK(left.input.timing.timestamps == right.input.timing.timestamps);
    CHECK(left.targets.labels == right.targets.labels);
    CHECK(left.targets.values == right.targets.values);
  }
}

}  // namespace

TEMPLATE_TEST_CASE("sequences with labels are read from CSV", "", float, double) {
  const auto data = read(labelled);
  CHECK(data.size() == 3);
  CHECK(data.features() == 2);
  CHECK(data.classes() == 3);
  CHECK(data.outputs() == 0);
  CHECK(data.has_times());
  CHECK(data.length(0) == 2);
  CHECK(data.length(1) == 1);
  CHECK(data.length(2) == 3);
  CHECK(data.longest() == 3);
  CHECK(data.first_time() == -3);
  CHECK(data.last_time() == 12.25);

  LabelledBatch<TestType> batch;
  // What an earlier load left behind must not stay.
  batch.input.values.setOnes(9, 9);
  batch.input.timing.timestamps.setOnes(9, 9);
  batch.input.timing.lengths.assign(9, 1);
  batch.targets.values.setOnes(9, 1);
  batch.targets.labels.setConstant(9, 1, 7);
  const SequenceDataset<TestType> dataset(data);
  dataset.load(std::vector<Index>{1, 2, 1, 0}, batch);
  CHECK_NOTHROW(batch.input.check());
  CHECK(batch.input.features == 2);
  REQUIRE(batch.input.batch() == 4);
  REQUIRE(batch.input.steps() == 3);
  CHECK(batch.input.timing.lengths == std::vector<Index>{1, 3, 1, 2});
  CHECK(listed(batch.targets.labels) == std::vector<int>{0, 1, 0, 2});
  CHECK(batch.targets.values.size() == 0);
  glstm::Matrix<TestType> values(4, 6);
  values << 3, -3, 0, 0, 0, 0,          //
      4, -4, 5, -5, 6, TestType(-6.5),  //
      3, -3, 0, 0, 0, 0,                //
      1, -1, 2, -2, 0, 0;
  CHECK(batch.input.values == values);
  Eigen::MatrixXd times(4, 3);
  times << -3, 0, 0, 10, 11, 12.25, -3, 0, 0, 0.5, 0.5, 0;
  CHECK(batch.input.timing.timestamps == times);

  // A batch of equally long sequences is as long as they are and needs no lengths.
  dataset.load(std::vector<Index>{1, 1}, batch);
  CHECK(batch.input.steps() == 1);
  CHECK(batch.input.timing.lengths.empty());
  CHECK_NOTHROW(batch.input.check());
}

TEST_CASE("sequences with numbers to predict are read from CSV, without times") {
  const auto data = read(
      "target_y,pressure,sequence,target\n"
      "-1.5,1,s,7\n"
      "-1.5,2,s,7.0\n"
      "0.25,3,t,8e-2\n");
  CHECK(data.size() == 2);
  CHECK(data.features() == 1);
  CHECK(data.classes() == 0);
  CHECK(data.outputs() == 2);
  CHECK_FALSE(data.has_times());
  CHECK(data.longest() == 2);
  CHECK(data.first_time() == 0);
  CHECK(data.last_time() == 1);

  LabelledBatch<double> batch;
  batch.input.timing.timestamps.setOnes(1, 2);
  batch.targets.labels.setConstant(2, 1, 7);
  SequenceDataset<double>(data).load(std::vector<Index>{1, 0}, batch);
  CHECK_NOTHROW(batch.input.check());
  CHECK(batch.input.timing.timestamps.size() == 0);
  CHECK(batch.input.timing.lengths == std::vector<Index>{1, 2});
  CHECK(batch.targets.labels.size() == 0);
  CHECK(batch.targets.values == glstm::Matrix<double>{{0.25, 0.08}, {-1.5, 7}});
  CHECK(batch.input.values == glstm::Matrix<double>{{3, 0}, {1, 2}});
}

TEST_CASE("the columns of CSV sequences may have other names and any order") {
  const std::string text = replaced(
      replaced(replaced(labelled, "sequence", "run"), "timestamp", "t_ms"), "label", "class");
  check_same(read(text, {.sequence = "run", .timestamp = "t_ms", .label = "class"}),
             read(labelled));
  check_same(read("b,sequence,a,y1,y2\n1,s,2,3,4\n", {.target = "y"}),
             read("b,sequence,a,target1,target2\n1,s,2,3,4\n"));
  // The columns with default names are features then.
  CHECK(read("run,sequence,timestamp,label,target,y\n1,2,3,4,5,6\n",
             {.sequence = "run", .timestamp = "t", .label = "c", .target = "y"})
            .features() == 4);
}

TEST_CASE("the time of CSV sequences may count from their first steps") {
  auto data = read(
      "sequence,timestamp,x,label\n"
      "a,1700000000.5,1,0\na,1700000002,2,0\nb,-3,1,1\nc,7,1,0\nc,7,1,0\nc,7.25,1,0\n");
  glstm::use_clock(data, glstm::ClockKind::own);
  CHECK(data.first_time() == 0);
  CHECK(data.last_time() == 1.5);
  LabelledBatch<double> batch;
  SequenceDataset<double>(data).load(std::vector<Index>{0, 1, 2}, batch);
  glstm::Matrix<double> expected(3, 3);
  expected << 0, 1.5, 0, 0, 0, 0, 0, 0, 0.25;
  CHECK(batch.input.timing.timestamps == expected);

  auto far = read("sequence,timestamp,x,label\na,1,0,0\na,2,0,0\nb,-1.7e308,0,1\nb,1.7e308,0,1\n");
  check_mentions(error_of([&] { glstm::use_clock(far, glstm::ClockKind::own); }),
                 {"my.csv", "-1.7e+308 to 1.7e+308 in sequence 1"});
  SequenceDataset<double>(far).load(std::vector<Index>{0, 1}, batch);
  CHECK(batch.input.timing.timestamps == glstm::Matrix<double>{{1, 2}, {-1.7e308, 1.7e308}});

  auto steps = read("sequence,x,label\na,1,0\na,2,0\n");  // times are steps
  glstm::use_clock(steps, glstm::ClockKind::own);
  CHECK(steps.first_time() == 0);
  CHECK(steps.last_time() == 1);
}

TEST_CASE("how CSV is written down makes no difference") {
  const auto expected = read(labelled);
  const std::string lines(labelled);
  SECTION("CRLF") { check_same(read(replaced(lines, "\n", "\r\n")), expected); }
  SECTION("no end of the last line") {
    check_same(read(lines.substr(0, lines.size() - 1)), expected);
  }
  SECTION("blank lines at the end") {
    check_same(read(lines + "\n\n"), expected);
    check_same(read(replaced(lines, "\n", "\r\n") + "\r\n  \t\r\n"), expected);
  }
  SECTION("blanks around fields") {
    check_same(read(replaced(replaced(lines, ",", " ,\t "), "\n", "  \n ")), expected);
  }
  SECTION("a byte order mark") { check_same(read("\xEF\xBB\xBF" + lines), expected); }
  SECTION("a locale with a decimal comma") {
    struct Comma : std::numpunct<char> {
      char do_decimal_point() const override { return ','; }
    };
    const std::locale before = std::locale::global(std::locale(std::locale(), new Comma));
    const auto data = read(lines);
    std::locale::global(before);
    check_same(data, expected);
  }
}

TEST_CASE("CSV as different programs write it is read alike") {
  const auto expected = read(labelled);
  const std::string lines(labelled);
  SECTION("names and ids in quotes") {
    const std::string names = replaced(lines, "sequence,timestamp,label,a,b",
                                       R"("sequence","timestamp","label","a","b")");
    check_same(read(replaced(names, "x,0.5", "\"x\" ,0.5")), expected);
  }
  SECTION("semicolons and a decimal comma") {
    check_same(read(replaced(replaced(lines, ",", ";"), ".", ",")), expected);
  }
  SECTION("tabs") { check_same(read(replaced(lines, ",", "\t")), expected); }
  SECTION("names in any case") {
    check_same(read(replaced(replaced(lines, "sequence", "Sequence"), "label", "LABEL")), expected);
  }
  SECTION("signs") { check_same(read(replaced(lines, ",4,", ",+4,")), expected); }
  SECTION("CR alone") { check_same(read(replaced(lines, "\n", "\r")), expected); }
  SECTION("comments") { check_same(read("# made by hand\n" + lines + "# the end\n"), expected); }
  SECTION("separators at the ends of lines") {
    check_same(read(replaced(lines, "\n", ",\n")), expected);
    check_same(read(replaced(lines, "-6.5\n", "-6.5,,\n")), expected);
  }
  SECTION("a first column of row numbers without a name") {
    check_same(read("," + replaced(lines, "\n", "\n7,").substr(0, lines.size() + 12)), expected);
  }
}

TEST_CASE("fields in quotes may contain separators and quotes") {
  const auto data = read("sequence,label,\"a, \"\"b\"\"\"\ns,\"one, two\",1\nt,\"\"\"\",2\n");
  CHECK(data.description.feature_names == std::vector<std::string>{"a, \"b\""});
  CHECK(data.description.class_names == std::vector<std::string>{"\"", "one, two"});
}

TEST_CASE("labels of CSV sequences are any text, and keep their names") {
  const auto classes = [](const std::string& first, const std::string& second) {
    return read("sequence,label,a\ns," + first + ",1\nt," + second + ",2\nu," + first + ",3\n");
  };
  CHECK(classes("sitting", "lying").description.class_names ==
        std::vector<std::string>{"lying", "sitting"});
  CHECK(listed(load(classes("sitting", "lying"), {0, 1, 2}).targets.labels) ==
        std::vector<int>{1, 0, 1});
  CHECK(classes("10", "9").description.class_names == std::vector<std::string>{"9", "10"});
  CHECK(classes("2", "7").classes() == 2);
  CHECK(classes("true", "false").description.class_names ==
        std::vector<std::string>{"false", "true"});
  CHECK(classes("1", "1").description.class_names == std::vector<std::string>{"1"});
  CHECK(classes("-1", "1.0").description.class_names == std::vector<std::string>{"-1", "1.0"});
}

TEST_CASE("times of CSV sequences may be dates") {
  const auto data = read(
      "sequence,timestamp,x,label\n"
      "a,1970-01-02,0,0\na,1970-01-02T00:01:00Z,0,0\na,1970-01-02 01:01:00.5+01:00,0,0\n"
      "b,2024-11-28T20:30:00Z,0,1\n");
  CHECK(data.begin_of(0) == 86'400);
  CHECK(data.end_of(0) == 86'460.5);
  CHECK(data.begin_of(1) == 1'732'825'800);
  for (const char* wrong : {"2024-13-01", "2024-02-30", "2024-11-28T", "2024-11-28T20:61",
                            "2024-11", "2024-11-28T20:30:00X", "2024-11-28T20:30+1"}) {
    check_mentions(error_for("sequence,timestamp,x,label\na," + std::string(wrong) + ",0,0\n"),
                   {"my.csv:2:", "\"timestamp\"", wrong});
  }
}

TEST_CASE("the time of CSV sequences may be a fraction of each sequence") {
  auto data = read(labelled);
  glstm::use_clock(data, glstm::ClockKind::relative);
  const auto batch = load(data, {0, 2, 1});
  const Eigen::MatrixXd& times = batch.input.timing.timestamps;
  CHECK(times(0, 1) == 0);  // both at 0.5
  CHECK(times(1, 0) == 0);
  CHECK(times(1, 1) == Approx(1 / 2.25));
  CHECK(times(1, 2) == 1);
  CHECK(times(2, 0) == 0);
  auto steps = read("sequence,x,label\na,1,0\na,2,0\na,3,0\n");
  glstm::use_clock(steps, glstm::ClockKind::relative);
  CHECK(steps.has_times());
  CHECK(load(steps, {0}).input.timing.timestamps(0, 1) == 0.5);
}

TEST_CASE("CSV text that is no set of sequences is an error with its line") {
  SECTION("nothing") {
    for (const char* text : {"", "\n", " \r\n\r\n", "\xEF\xBB\xBF"}) {
      check_mentions(error_for(text), {"my.csv:1:", "a header line", "found nothing"});
    }
  }
  SECTION("a header only") {
    check_mentions(error_for("sequence,label,a\n\n"), {"my.csv:2:", "a row", "only a header"});
  }
  SECTION("columns that are missing") {
    check_mentions(error_for("timestamp,label,a\n0,1,2\n"),
                   {"my.csv:1:", "\"sequence\"", "found timestamp, label, a"});
    check_mentions(error_for("sequence,timestamp,label\ns,0,1\n"),
                   {"my.csv:1:", "a feature", "found sequence, timestamp, label"});
    check_mentions(error_for(labelled, {.sequence = "run"}), {"my.csv:1:", "\"run\""});
  }
  SECTION("columns that contradict each other") {
    check_mentions(error_for("sequence,label,a\ns,0,1\n", {.features = {"b"}}),
                   {"my.csv:1:", "a column \"b\"", "found sequence, label, a"});
    check_mentions(error_for("sequence,label,target,a\ns,0,1,2\n"),
                   {"my.csv:1:", "not both", "found sequence, label, target, a"});
    check_mentions(error_for("sequence,label,a,a\ns,0,1,2\n"), {"my.csv:1:", "once", "\"a\""});
    check_mentions(error_for("sequence,label,,a\ns,0,1,2\n"), {"my.csv:1:", "a name", "column 3"});
  }
  SECTION("too few or too many fields") {
    check_mentions(error_for("sequence,label,a\ns,0,1\ns,0\n"),
                   {"my.csv:3:", "3 fields", "found 2"});
    check_mentions(error_for("sequence,label,a\ns,0,1,2\n"), {"my.csv:2:", "3 fields", "found 4"});
  }
  SECTION("a blank line between rows") {
    check_mentions(error_for("sequence,label,a\n\ns,0,1\n"), {"my.csv:2:", "a blank line"});
    check_mentions(error_for("sequence,label,a\r\ns,0,1\r\n \r\nt,0,1\r\n"),
                   {"my.csv:3:", "a blank line"});
  }
  SECTION("quotes") {
    check_mentions(error_for("\"sequence,label,a\ns,0,1\n"), {"my.csv:1:", "a quote at the end"});
    check_mentions(error_for("sequence,label,a\n\"s\"t,0,1\n"), {"my.csv:2:", "a separator after"});
  }
  SECTION("UTF-16") { check_mentions(error_for("\xFF\xFEs\0e\0"), {"UTF-16", "as UTF-8"}); }
  SECTION("features that are no finite numbers") {
    for (const std::string field : {"", "x", "1x", "1 2", "0x10", "++1", "+-1", "nan", "-inf",
                                    "1e999", "1;5", "--1", "infinity"}) {
      check_mentions(error_for("sequence,label,a,b\ns,0,1,2\ns,0,1," + field + "\n"),
                     {"my.csv:3:", "finite number", "\"b\"", "found \"" + field + "\""});
    }
    // What is too large depends on the type.
    const Sequences large = read("sequence,label,a\ns,0,1e39\n");
    CHECK_NOTHROW(load<double>(large, {0}));
    check_mentions(error_of([&] { load<float>(large, {0}); }), {"my.csv", "found 1e+39"});
    CHECK_NOTHROW(load<float>(read("sequence,timestamp,label,a\ns,1e39,0,1\n"), {0}));
  }
  SECTION("times") {
    check_mentions(error_for("sequence,timestamp,label,a\ns,now,0,1\n"),
                   {"my.csv:2:", "\"timestamp\"", "\"now\""});
    check_mentions(error_for("sequence,timestamp,label,a\ns,inf,0,1\n"),
                   {"my.csv:2:", "\"timestamp\"", "\"inf\""});
    check_mentions(error_for("sequence,timestamp,label,a\ns,2,0,1\nt,1,0,1\nt,0.5,0,1\n"),
                   {"my.csv:4:", "does not decrease", "0.5 after 1"});
  }
  SECTION("targets") {
    check_mentions(error_for("sequence,target1,target2,a\ns,1,,0\n"),
                   {"my.csv:2:", "all targets", "found some"});
    check_mentions(error_for("sequence,target,a\ns,x,1\n"), {"my.csv:2:", "\"target\"", "\"x\""});
  }
  SECTION("another encoding") {
    check_mentions(error_for("sequence,label,a\ns,\xE4,1\n"),
                   {"my.csv:2:", "save the file as UTF-8"});
  }
  SECTION("sequences that come back or have no name") {
    check_mentions(error_for("sequence,label,a\ns,0,1\nt,0,1\ns,0,1\n"),
                   {"my.csv:4:", "one after the other", "\"s\" again"});
    check_mentions(error_for("sequence,label,a\n,0,1\n"),
                   {"my.csv:2:", "\"sequence\"", "an empty field"});
  }
}

TEST_CASE("answers that change within CSV sequences are those of every step") {
  const auto labels = read("sequence,label,a\ns,x,1\ns,y,2\nt,x,3\nt,,4\n");
  CHECK(labels.every_step);
  CHECK(labels.labels == std::vector<int>{0, 1, 0, -1});
  const auto batch = load(labels, {1, 0});
  CHECK(listed(batch.targets.labels) == std::vector<int>{0, 0, 0, 1});  // sample fastest
  CHECK(batch.targets.weights == glstm::Matrix<double>{{1, 0}, {1, 1}});

  const auto targets = read("sequence,target,a\ns,1,1\ns,,2\ns,3,2\nt,4,3\n");
  CHECK(targets.every_step);
  CHECK(load(targets, {0, 1}).targets.values == glstm::Matrix<double>{{1, 0, 3}, {4, 0, 0}});
  CHECK(load(targets, {0, 1}).targets.weights == glstm::Matrix<double>{{1, 0, 1}, {1, 0, 0}});

  const auto last = read("sequence,label,a\ns,,1\ns,x,2\nt,,3\nt,,4\nu,y,1\n");
  CHECK_FALSE(last.every_step);  // the label of a sequence may stand in any of its rows
  CHECK(last.labels == std::vector<int>{0, -1, 1});
  CHECK(load(last, {0, 1}).targets.weights == glstm::Matrix<double>{{1}, {0}});

  const auto nothing = read("sequence,label,a\ns,,1\ns,,2\n");
  CHECK_FALSE(nothing.has_labels());
  CHECK_FALSE(read("sequence,a\ns,1\n").has_targets());
}

TEST_CASE("rows of CSV sequences may be sorted") {
  const std::string_view mixed =
      "sequence,timestamp,label,a,b\n"
      "x,0.5,2,1,-1\nz,12.25,1,6,-6.5\ny,-3,0,3,-3\nz,1e1,1,4,-4\nx,0.5,2,2,-2\nz,11,1,5,-5\n";
  check_mentions(error_for(mixed), {"my.csv:5:", "\"z\" again", "--sort"});
  const auto sorted = read(mixed, {.sort = true});
  CHECK(sorted.names == std::vector<std::string>{"x", "z", "y"});
  CHECK(sorted.values == std::vector<double>{1, -1, 2, -2, 4, -4, 5, -5, 6, -6.5, 3, -3});
  CHECK(sorted.times == std::vector<double>{0.5, 0.5, 10, 11, 12.25, -3});
  CHECK(sorted.labels == std::vector<int>{2, 1, 0});
}

TEST_CASE("missing features of CSV sequences are NaN where that is allowed") {
  const std::string_view text = "sequence,label,a,b\ns,0,1,\ns,0,NaN,2\nt,1,?,NA\n";
  check_mentions(error_for(text), {"my.csv:2:", "\"b\"", "--missing"});
  auto data = read(text, {.allow_missing = true});
  CHECK(glstm::missing_features(data) == std::vector<std::string>{"a", "b"});
  check_mentions(error_of([&] { SequenceDataset<double>{data}; }),
                 {"my.csv", "step 0 of sequence 0 (s)", "(b)", "not a number"});
  glstm::add_missing_features(data, {"b"});
  auto copy = data;
  CHECK(glstm::fill_missing(copy, glstm::Missing::last) == 4);
  CHECK(copy.values == std::vector<double>{1, 0, 1, 1, 2, 0, 0, 0, 1});
  CHECK(glstm::fill_missing(data, glstm::Missing::zero) == 4);
  CHECK(data.values == std::vector<double>{1, 0, 1, 0, 2, 0, 0, 0, 1});
  CHECK(data.description.feature_names == std::vector<std::string>{"a", "b", "b is missing"});
}

TEST_CASE("columns of CSV sequences may be chosen") {
  const std::string_view text = "who,sequence,label,a,b,c\nanna,s,0,1,2,3\nbert,t,1,4,5,6\n";
  const auto ignoring = read(text, {.ignored = {"A"}, .group = "who"});
  CHECK(ignoring.description.feature_names == std::vector<std::string>{"b", "c"});
  CHECK(ignoring.groups == std::vector<std::string>{"anna", "bert"});
  CHECK(read(text, {.features = {"b"}}).description.feature_names == std::vector<std::string>{"b"});
  const auto targets = read(text, {.targets = {"c"}, .features = {"a"}});
  CHECK(targets.description.target_names == std::vector<std::string>{"c"});
  CHECK(targets.targets == std::vector<double>{3, 6});
  CHECK(targets.left_out == "column who, column label, column b");
  // A network must not see other answers as features.
  const auto other = read("sequence,label,target_a,x,y\ns,1,2,3,4\n", {.targets = {"y"}});
  CHECK(other.description.feature_names == std::vector<std::string>{"x"});
  CHECK(other.left_out == "column label, column target_a");
  const auto one = read("x\n1\n2\n", {.one_sequence = true});
  CHECK(one.size() == 1);
  CHECK(one.length(0) == 2);
}

TEST_CASE("columns that options name are used so, or an error") {
  const std::string text = "sequence,timestamp,who,label,x\ns,1,me,a,1\ns,2,me,a,2\nt,1,you,b,3\n";
  const auto read = [&](const CsvOptions& options) {
    return glstm::parse_csv_sequences(text, "my.csv", options);
  };
  CHECK_FALSE(read({.ignored = {"timestamp", "who"}}).has_times());
  check_mentions(error_of([&] {
                   read({.features = {"timestamp", "x"}});
                 }),
                 {"my.csv:1", "\"timestamp\" to be a feature"});
  check_mentions(error_of([&] {
                   read({.features = {"x", "who"}, .group = "who"});
                 }),
                 {"\"who\" to be a feature"});
  check_mentions(error_of([&] { read({.targets = {"sequence"}}); }), {"to be a target"});
  check_mentions(error_of([&] { read({.ignored = {"who"}, .group = "timestamp"}); }),
                 {"\"timestamp\", which is the time"});
  CHECK(read({.features = {"x"}, .group = "who"}).groups == std::vector<std::string>{"me", "you"});
  CHECK(read({.features = {"x"}, .group = "sequence"}).groups ==
        std::vector<std::string>{"s", "t"});
  check_mentions(error_of([&] { read({.features = {"x"}, .group = "x"}); }), {"x"});
  check_mentions(error_of([&] { read({.features = {"timestamp"}, .ignored = {"who"}}); }),
                 {"timestamp"});
  // To predict, answers and groups need not be there.
  const CsvOptions named{
      .targets = {"y"}, .features = {"x"}, .ignored = {"id"}, .group = "person", .new_data = true};
  CHECK(read(named).values == std::vector<double>{1, 2, 3});
  check_mentions(error_of([&] {
                   glstm::parse_csv_sequences("sequence,who,x\ns,a,1\ns,b,1\n", "my.csv",
                                              {.group = "who"});
                 }),
                 {"my.csv:3", "one value of column \"who\"", "found b after a"});
}

TEST_CASE("labels that are missing are not known, and no line goes without a word") {
  const Sequences labels = glstm::parse_csv_sequences(
      "sequence,label,x\na,1,0\nb,NA,0\nc,?,0\nd,2,0\n#e,2,0\n", "my.csv");
  CHECK(labels.description.class_names == std::vector<std::string>{"1", "2"});
  CHECK(labels.labels == std::vector<int>{0, -1, -1, 1});
  CHECK(labels.left_out == "lines that start with # (1)");
  const Sequences tabs = glstm::parse_csv_sequences("sequence\tx\ty\nb\t0.5\t\n \n\n", "my.csv",
                                                    {.allow_missing = true});
  CHECK(std::isnan(tabs.values[1]));
  check_mentions(
      error_of([&] { glstm::parse_csv_sequences("sequence,Label,label,x\na,1,2,0\n", "my.csv"); }),
      {"my.csv:1", "\"label\" again"});
  check_mentions(error_of([&] {
                   glstm::parse_csv_sequences("0.5,1\n0.6,2\n", "my.csv", {.one_sequence = true});
                 }),
                 {"my.csv:1", "a header line", "found 0.5, 1"});
  CHECK(glstm::parse_csv_sequences("0,1\n5,6\n", "my.csv", {.one_sequence = true}).rows() == 1);
}

TEST_CASE("CSV text that is cut anywhere is fewer rows or an error") {
  for (std::size_t size = 0; size < labelled.size(); ++size) {
    CAPTURE(size);
    const std::string_view text = labelled.substr(0, size);
    try {
      const auto data = read(text);
      Index rows = 0;
      for (Index s = 0; s < data.size(); ++s) rows += data.length(s);
      // The last row may be cut within its last number.
      CHECK(rows >= std::count(text.begin(), text.end(), '\n') - 1);
      CHECK(rows <= std::count(text.begin(), text.end(), '\n'));
    } catch (const glstm::Error& error) {
      check_mentions(error.what(), {"my.csv:", "expected", "found"});
    }
  }
}

TEST_CASE("a sequence that is not there is an error and leaves the batch alone") {
  const SequenceDataset<double> data(read(labelled));
  LabelledBatch<double> batch;
  data.load(std::vector<Index>{2}, batch);
  for (const Index wrong : {-1, 3}) {
    const std::vector<Index> samples = {0, wrong};
    check_mentions(error_of([&] { data.load(samples, batch); }),
                   {"my.csv", "0..2", "got " + std::to_string(wrong)});
    CHECK(listed(batch.targets.labels) == std::vector<int>{1});
    CHECK(batch.input.values.rows() == 1);
  }
}

TEST_CASE("a CSV file is read, or an error names it") {
  const TemporaryFolder folder;
  const auto path = folder / "some.csv";
  const auto error = [](const std::filesystem::path& file) {
    return error_of([&] { glstm::read_csv_sequences(file); });
  };
  check_mentions(error(path), {path.string(), "expected a CSV file"});
  check_mentions(error(folder.path()), {folder.path().string(), "expected a CSV file"});
  std::ofstream(path, std::ios::binary) << labelled;
  check_same(glstm::read_csv_sequences(path), read(labelled));
  CHECK(glstm::read_csv_sequences(path, {.timestamp = "a"}).first_time() == 1);
  std::ofstream(path, std::ios::binary) << replaced(labelled, "12.25", "?");
  check_mentions(error(path), {path.string() + ":7: ", "\"?\""});
}

}  // namespace csv_sequences_test
