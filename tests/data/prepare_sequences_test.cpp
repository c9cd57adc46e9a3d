#include "glstm/data/prepare_sequences.hpp"

#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "catch.hpp"
#include "glstm/data/csv_sequences.hpp"

namespace prepare_sequences_test {

using glstm::Index;
using glstm::Scaling;
using glstm::ScalingKind;
using glstm::Sequences;

namespace {

Sequences read(const std::string& text, const glstm::CsvOptions& options = {}) {
  return glstm::parse_csv_sequences(text, "my.csv", options);
}

const std::vector<Index> both = {0, 1};

}  // namespace

TEST_CASE(
    "features are scaled to a mean of 0 and a deviation of 1 over the samples that are named") {
  Sequences data = read("sequence,label,a,b\ns,0,101325,7\ns,0,101327,7\nt,1,1e9,7\n");
  std::vector<std::string> constant;
  const std::vector<Index> first = {0};
  const auto description = glstm::fit_scaling(data, first, ScalingKind::standard, &constant);
  CHECK(description.feature_scaling == std::vector<Scaling>{{101326, 1}, {7, 1}});
  CHECK(description.target_scaling.empty());
  CHECK(constant == std::vector<std::string>{"b"});
  glstm::scale_sequences(data, description);
  CHECK(data.values == std::vector<double>{-1, 0, 1, 0, 1e9 - 101326, 0});
  CHECK(data.description.feature_scaling == description.feature_scaling);
  check_mentions(error_of([&] { glstm::scale_sequences(data, description); }),
                 {"my.csv", "not scaled yet"});
  const std::vector<Index> wrong = {2};
  check_mentions(error_of([&] { glstm::fit_scaling(data, wrong, ScalingKind::standard); }),
                 {"0..1", "got 2"});
}

TEST_CASE("targets are scaled, of sequences or of steps, but for those that are not known") {
  Sequences data = read("sequence,target,a\ns,5e5,1\nt,7e5,3\n");
  auto description = glstm::fit_scaling(data, both, ScalingKind::standard);
  CHECK(description.target_scaling == std::vector<Scaling>{{6e5, 1e5}});
  glstm::scale_sequences(data, description);
  CHECK(data.targets == std::vector<double>{-1, 1});

  Sequences steps = read("sequence,target,a\ns,2,1\ns,,1\ns,4,3\nt,3,5\n");
  description = glstm::fit_scaling(steps, both, ScalingKind::range);
  CHECK(description.target_scaling == std::vector<Scaling>{{2, 2}});
  CHECK(description.feature_scaling == std::vector<Scaling>{{1, 4}});
  glstm::scale_sequences(steps, description);
  CHECK(steps.targets[2] == 1);
  CHECK(std::isnan(steps.targets[1]));
  CHECK(steps.values == std::vector<double>{0, 0, 0.5, 1});
}

TEST_CASE("new data get the order of features and the numbers of classes of the training") {
  const Sequences training = read("sequence,label,a,b\ns,low,1,2\nt,high,3,4\n");
  Sequences data = read("sequence,b,extra,a,label\nu,20,0,10,low\n");
  CHECK(glstm::match_description(data, training.description) == std::vector<std::string>{"extra"});
  CHECK(data.values == std::vector<double>{10, 20});
  CHECK(data.labels == std::vector<int>{1});
  data.check();
  Sequences unlabelled = read("sequence,b,a\nu,20,10\n");
  glstm::match_description(unlabelled, training.description);
  unlabelled.check();
  const auto error = [&](const std::string& text) {
    Sequences wrong = read(text);
    return error_of([&] { glstm::match_description(wrong, training.description); });
  };
  check_mentions(error("sequence,a,c\nu,1,2\n"), {"my.csv", "\"b\"", "found a, c"});
  check_mentions(error("sequence,a,b,label\nu,1,2,odd\n"), {"my.csv", "\"odd\""});
  check_mentions(error("sequence,a,b,target\nu,1,2,3\n"), {"my.csv", "targets"});
}

TEST_CASE("new data have times and a sample rate as the training data had") {
  const std::string timed = "sequence,timestamp,label,a\ns,1,x,1\nt,2,y,2\n";
  const std::string untimed = "sequence,label,a\ns,x,1\nt,y,2\n";
  for (const bool times : {false, true}) {
    Sequences training = read(times ? timed : untimed);
    glstm::use_clock(training, glstm::ClockKind::own);
    Sequences same = read(times ? timed : untimed), other = read(times ? untimed : timed);
    CHECK(glstm::match_description(same, training.description).empty());
    check_mentions(error_of([&] { glstm::match_description(other, training.description); }),
                   {"my.csv", times ? "expected timestamps" : "expected no timestamps"});
  }
  Sequences training = read(untimed), other = read(untimed);
  training.description.sample_rate = 8000;
  other.description.sample_rate = 16000;
  check_mentions(error_of([&] { glstm::match_description(other, training.description); }),
                 {"8000 Hz", "found 16000"});
}

TEST_CASE("names of features in new data may differ in case") {
  const Sequences training = read("sequence,a,b\ns,1,2\n");
  Sequences data = read("sequence,B,A\ns,2,1\n");
  CHECK(glstm::match_description(data, training.description).empty());
  CHECK(data.values == std::vector<double>{1, 2});
}

TEST_CASE("the answer of a sequence may be repeated for its steps") {
  Sequences labels = read("sequence,label,a\ns,x,1\ns,x,2\nt,y,2\n");
  glstm::repeat_answers(labels);
  CHECK(labels.every_step);
  CHECK(labels.labels == std::vector<int>{0, 0, 1});
  glstm::repeat_answers(labels);
  CHECK(labels.labels.size() == 3);
  Sequences targets = read("sequence,target1,target2,a\ns,1,2,1\nt,3,4,2\nt,3,4,2\n");
  glstm::repeat_answers(targets);
  CHECK(targets.targets == std::vector<double>{1, 2, 3, 4, 3, 4});
}

TEST_CASE("windows keep their group, and know nothing where a value is missing") {
  const Sequences series = read("sequence,who,a\ns,me,1\ns,me,2\ns,me,\ns,me,4\nt,you,5\nt,you,6\n",
                                {.group = "who", .allow_missing = true});
  const Sequences cut = glstm::cut_windows(series, {.window = 1, .stride = 1, .ahead = 1});
  CHECK(cut.groups == std::vector<std::string>{"me", "me", "me", "you"});
  CHECK(cut.is_known(0));
  CHECK_FALSE(cut.is_known(1));
  CHECK(cut.targets[3] == 6);
  const Sequences two = read("a,b\n1,1\n2,\n3,3\n", {.allow_missing = true, .one_sequence = true});
  const Sequences both_unknown = glstm::cut_windows(two, {.window = 1, .stride = 1, .ahead = 1});
  CHECK(std::isnan(both_unknown.targets[0]));  // and not only that of b
  CHECK(both_unknown.targets[3] == 3);
}

TEST_CASE("several rows may be one step") {
  Sequences data = read("sequence,timestamp,label,a\ns,0,0,1\ns,1,0,2\ns,2,0,3\nt,5,1,4\n");
  glstm::make_frames(data, 2);
  CHECK(data.starts == std::vector<Index>{0, 2, 3});
  CHECK(data.values == std::vector<double>{1, 2, 3, 3, 4, 4});
  CHECK(data.times == std::vector<double>{1, 2, 5});
  CHECK(data.features() == 2);
  data.check();
  check_mentions(error_of([&] { glstm::make_frames(data, 2); }), {"without frames"});
  Sequences steps = read("sequence,target,a\ns,1,1\ns,2,1\n");
  check_mentions(error_of([&] { glstm::make_frames(steps, 2); }), {"every step"});
}

TEST_CASE("a long series is cut into windows whose targets follow them") {
  const Sequences series =
      read("timestamp,x\n0,0\n1,10\n2,20\n3,30\n4,40\n5,50\n", {.one_sequence = true});
  const Sequences cut = glstm::cut_windows(series, {.window = 2, .stride = 2, .ahead = 2});
  CHECK(cut.size() == 2);
  CHECK(cut.values == std::vector<double>{0, 10, 20, 30});
  CHECK(cut.targets == std::vector<double>{20, 30, 40, 50});
  CHECK(cut.times == std::vector<double>{0, 1, 2, 3});
  CHECK(cut.description.target_names == std::vector<std::string>{"x + 1", "x + 2"});
  CHECK(cut.names == std::vector<std::string>{"row 0", "row 2"});
  cut.check();
  check_mentions(error_of([&] { glstm::cut_windows(series, {.window = 5, .ahead = 2}); }),
                 {"my.csv", "at least 7 rows", "at most 6"});
  check_mentions(error_of([&] { glstm::cut_windows(series, {.window = 0}); }),
                 {"at least one row"});
  // To forecast what follows the series, windows go on to its end; their targets are not known.
  const Sequences all =
      glstm::cut_windows(series, {.window = 3, .stride = 2, .ahead = 2, .to_the_end = true});
  CHECK(all.names == std::vector<std::string>{"row 0", "row 2", "row 3"});
  CHECK(all.targets[1] == 40);
  CHECK(std::isnan(all.targets[2]));
  CHECK(std::isnan(all.targets[5]));
  all.check();
  // Columns of targets are forecast instead of the features.
  const Sequences own = read("x,target\n1,5\n2,6\n3,7\n", {.one_sequence = true});
  CHECK(glstm::cut_windows(own, {.window = 2, .stride = 1, .ahead = 1}).targets ==
        std::vector<double>{7});
}

TEST_CASE("sequences in memory that do not fit together are an error") {
  const Sequences good = read("sequence,label,a\ns,x,1\ns,x,2\nt,y,3\n");
  const auto error = [&](auto change) {
    Sequences bad = good;
    change(bad);
    return error_of([&] { bad.check(); });
  };
  check_mentions(error([](Sequences& s) { s.values.pop_back(); }), {"3 values", "got 2"});
  check_mentions(error([](Sequences& s) { s.values[1] = std::nan(""); }),
                 {"my.csv: step 1 of sequence 0 (s)", "feature 0 (a)", "not a number"});
  check_mentions(error([](Sequences& s) { s.values[2] = std::numeric_limits<double>::infinity(); }),
                 {"step 0 of sequence 1 (t)", "infinite"});
  check_mentions(error([](Sequences& s) { s.labels[0] = 2; }), {"labels 0..1", "got 2"});
  check_mentions(error([](Sequences& s) { s.starts = {0, 0, 3}; }), {"sequence 0 has no step"});
  check_mentions(error([](Sequences& s) { s.times = {1, 0, 5}; }), {"row 1", "before"});
  check_mentions(error([](Sequences& s) { s.names.pop_back(); }), {"2 names of sequences"});
  CHECK_NOTHROW(good.check());
  check_mentions(error_of([&] { glstm::SequenceDataset<float>(good, {1}); }),
                 {"2 weights of classes", "got 1"});
  check_mentions(error_of([&] { glstm::SequenceDataset<float>(good, {1, 0}); }), {"positive"});
  glstm::LabelledBatch<float> batch;
  glstm::SequenceDataset<float>(good, {0.5, 2}).load(both, batch);
  CHECK(batch.targets.weights == glstm::Matrix<float>{{0.5f}, {2.f}});
}

}  // namespace prepare_sequences_test
