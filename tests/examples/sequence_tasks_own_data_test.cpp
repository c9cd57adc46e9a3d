// sequence_tasks with the user's own data: files as different programs write them, predictions,
// forecasts.
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>
#include <vector>

#include "calling.hpp"
#include "catch.hpp"

namespace sequence_tasks_own_data_test {

namespace {

const fs::path cases = GLSTM_CSV_CASES;

Words training(const fs::path& data, const fs::path& out, const Words& more = {}) {
  return Words{"train", "--task",   "csv", "--data", data.string(), "--hidden",
               "6",     "--epochs", "30",  "--out",  out.string()} +
         more;
}

/// Fields of CSV text without quotes.
std::vector<Words> rows_of(const std::string& text) {
  std::vector<Words> rows;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    rows.emplace_back();
    std::istringstream fields(line);
    for (std::string field; std::getline(fields, field, ',');) rows.back().push_back(field);
  }
  return rows;
}

/// The blocks of a page that begin with ``` and `language`, in their order.
Words blocks_of(const fs::path& page, const std::string& language) {
  std::ifstream in(page);
  Words blocks;
  bool inside = false;
  for (std::string line; std::getline(in, line);) {
    if (inside && line == "```") {
      inside = false;
    } else if (inside) {
      blocks.back() += line + "\n";
    } else if (line == "```" + language) {
      inside = true;
      blocks.emplace_back();
    }
  }
  return blocks;
}

}  // namespace

TEST_CASE("sequence_tasks: the page docs/first-model.md leads to a program that answers") {
  const TemporaryFolder folder;
  std::ofstream csv(folder / "mine.csv"), unknown(folder / "new.csv");
  std::ofstream one(folder / "one-sequence.txt");
  csv << "sequence,timestamp,vibration,temperature,label\n";
  unknown << "temperature,sequence,timestamp,vibration\n";  // another order, no answers
  for (int s = 0; s < 80; ++s) {
    for (int n = 0; n < 20; ++n) {
      const bool worn = s % 2 == 1;
      const double vibration = (worn ? 0.9 : 0.3) * std::sin(1.3 * n + s);
      const double temperature = 20 + 0.1 * n + 0.2 * std::sin(7.0 * s), time = 0.1 * n;
      csv << "machine-" << s << ',' << time << ',' << vibration << ',' << temperature << ','
          << (worn ? "worn" : "good") << '\n';
      unknown << temperature << ",machine-" << s << ',' << time << ',' << vibration << '\n';
      if (s == 1) one << time << ',' << vibration << ',' << temperature << '\n';
    }
  }
  csv.close();
  unknown.close();
  one.close();
  const fs::path page = fs::path(GLSTM_DOCS) / "first-model.md";
  const Words commands = blocks_of(page, "sh"), programs = blocks_of(page, "cpp");
  REQUIRE(commands.size() == 5);
  REQUIRE(programs.size() == 1);
  write_file(folder / "program.cpp", programs[0]);
  std::string script = "set -e\nPATH=\"" + fs::path(program).parent_path().string() +
                       ":$PATH\"\ncd '" + folder.path().string() + "'\n";
  for (const std::string& command : commands) script += command;
  write_file(folder / "follow.sh", script);
  const fs::path output = folder / "output.txt";
  const Outcome done = wait_for(start({"/bin/sh", folder / "follow.sh"}, output), output);
  INFO(done.text);
  REQUIRE(done.code == 0);
  CHECK(fs::exists(folder / "report/index.html"));
  CHECK(Json::parse(text_in(folder / "runs/mine/metrics.json"))["test"]["accuracy"] == 1);
  const auto answers = rows_of(text_in(folder / "answers.csv"));
  REQUIRE(answers.size() == 81);
  CHECK(answers[2][0] == "machine-1");
  CHECK(answers[2][1] == "worn");
  CHECK(done.text.find("class 1") != std::string::npos);  // good is 0, worn is 1
  check_mentions(
      text_in(folder / "model.hpp"),
      {"//     x: vibration, temperature", "//     y: the greatest is the answer: good, worn"});
}

TEST_CASE("sequence_tasks: CSV files as different programs write them have their outcome") {
  const TemporaryFolder folder;
  struct Case {
    std::string file;
    Words options;
    bool trains;
    std::string mentions;
  };
  for (const Case& one : std::vector<Case>{
           {"bom_crlf", {}, true, "features: a, b; 2 classes: 0, 1"},
           {"case_names", {}, true, "features: a, b; 2 classes: 0, 1"},
           {"quoted_r", {}, true, "features: a, b; 2 classes: 0, 1"},
           {"semicolon", {}, true, "features: a, b; 2 classes: 0, 1"},
           {"pandas_index", {}, true, "left out: the first column, which has no name"},
           {"named_labels", {}, true, "2 classes: sitting, walking"},
           {"labels_from_1", {}, true, "2 classes: 1, 2"},
           {"iso_t_z", {}, true, "windows: from 1732824000 to 1732824420"},
           {"step_targets", {}, true, "1 target; one answer for every step"},
           {"unsorted", {}, false, "let the reader do it (CsvOptions::sort, --sort)"},
           {"unsorted", {"--sort"}, true, "features: a, b; 2 classes: 0, 1"},
           {"missing_empty", {}, false, "missing_empty.csv:7: expected a finite number in column"},
           {"missing_empty", {"--missing", "last"}, true, "features: a, b;"},
           {"missing_empty", {"--missing", "zero-and-mask"}, true, "a is missing"},
           {"missing_nan", {}, false, "--missing"},
           {"missing_nan", {"--missing", "last"}, true, "features: a, b;"},
           {"no_label", {}, false, "found nothing to learn"},
       }) {
    CAPTURE(one.file, one.options);
    const fs::path out = folder / "run";
    fs::remove_all(out);
    const Outcome done = call(folder, training(cases / (one.file + ".csv"), out, one.options));
    INFO(done.text);
    CHECK(done.code == (one.trains ? 0 : 2));
    CHECK(done.text.find(one.mentions) != std::string::npos);
    CHECK(fs::exists(out) == one.trains);
  }
}

TEST_CASE("sequence_tasks: sequences of different days are learnt with the defaults") {
  const TemporaryFolder folder;
  std::ofstream csv(folder / "days.csv");
  csv << "sequence,timestamp,a,label\n" << std::fixed;
  for (int s = 0; s < 120; ++s) {
    for (int n = 0; n < 40; ++n) {
      csv << "m" << s << ',' << 1732825800000.0 + 86400000.0 * s + 1000.0 * n << ','
          << std::sin(0.7 * s + n * (s % 2 == 0 ? 0.4 : 0.9)) << ',' << s % 2 << '\n';
    }
  }
  csv.close();
  const Outcome done = call(
      folder, training(folder / "days.csv", folder / "run", {"--hidden", "16", "--epochs", "60"}));
  INFO(done.text);
  CHECK(done.text.find("clock: own (the sequences follow one another)") != std::string::npos);
  CHECK(Json::parse(text_in(folder / "run/metrics.json"))["test"]["accuracy"] >= 0.9);
}

TEST_CASE("sequence_tasks: predict answers data with other columns as the evaluation did") {
  const TemporaryFolder folder;
  std::ofstream csv(folder / "mine.csv"), shuffled(folder / "shuffled.csv");
  csv << "sequence,timestamp,noise,pressure,constant,label\n";
  shuffled << "extra;pressure;constant;sequence;timestamp;noise\n";
  for (int s = 0; s < 60; ++s) {
    for (int n = 0; n < 5 + s % 3; ++n) {
      const double pressure = 101325 + (s % 2 == 0 ? 500 : -500) + 10 * std::sin(n + s);
      const double noise = std::cos(7.0 * n + s), time = 1e9 + 1000 * s + n;
      csv << std::fixed << "s" << s << ',' << time << ',' << noise << ',' << pressure << ",7,"
          << (s % 2 == 0 ? "high" : "low") << '\n';
      shuffled << std::fixed << "x;" << pressure << ";7;s" << s << ';' << time << ';' << noise
               << '\n';
    }
  }
  csv.close();
  shuffled.close();
  const Outcome trained = call(folder, training(folder / "mine.csv", folder / "run",
                                                {"--open-share", "0.5", "--held-out", "12"}));
  INFO(trained.text);
  REQUIRE(trained.code == 0);
  CHECK(trained.text.find("constant features, only moved to 0: constant") != std::string::npos);
  CHECK(Json::parse(text_in(folder / "run/metrics.json"))["test"]["accuracy"] == 1);

  const Words predict = {"predict", (folder / "run").string()};
  const Outcome labelled = call(folder, predict + Words{folder / "mine.csv", "--probabilities"});
  CHECK(labelled.errors.find("accuracy 100.0 % of the 60 answers") != std::string::npos);
  const auto rows = rows_of(labelled.text);
  REQUIRE(rows.size() >= 61);
  CHECK(rows[0] == Words{"sequence", "prediction", "probability high", "probability low"});
  for (std::size_t s = 0; s < 60; ++s) {
    CHECK(rows[s + 1][0] == "s" + std::to_string(s));
    CHECK(rows[s + 1][1] == (s % 2 == 0 ? "high" : "low"));
  }
  CHECK(std::stod(rows[1][2]) + std::stod(rows[1][3]) == Approx(1));

  const Outcome other = call(folder, predict + Words{folder / "shuffled.csv", "--probabilities",
                                                     "--out", folder / "answers.csv"});
  INFO(other.text);
  CHECK(other.code == 0);
  CHECK(other.errors.find("left out: column extra") != std::string::npos);
  CHECK(other.errors.find("answers.csv: 60 answers") != std::string::npos);
  CHECK(other.errors.find("accuracy") == std::string::npos);
  const auto answers = rows_of(text_in(folder / "answers.csv"));
  REQUIRE(answers.size() == 61);
  for (std::size_t row = 0; row < answers.size(); ++row) CHECK(answers[row] == rows[row]);

  // The folded export takes the numbers as they are; predictions of every step end in the same.
  const Outcome steps = call(folder, predict + Words{folder / "mine.csv", "--every-step"});
  const auto by_step = rows_of(steps.text);
  CHECK(by_step[0] == Words{"sequence", "step", "time", "prediction"});
  CHECK(by_step[5] == Words{"s0", "4", "1000000004", "high"});
  for (std::size_t row = 1, s = 0; s < 60; ++s) {
    for (; row < by_step.size() && by_step[row][0] == rows[s + 1][0]; ++row) {
    }
    CHECK(by_step[row - 1][3] == rows[s + 1][1]);
  }
  check_mentions(call(folder, {"export", folder / "run", "--out", folder / "net"}).text,
                 {"parameters"});

  // Nothing is overwritten: neither the data nor a file of the run.
  for (const fs::path& out : {folder / "mine.csv", folder / "run/config.json"}) {
    const std::string before = text_in(out);
    check_mentions(call(folder, predict + Words{folder / "mine.csv", "--out", out}).errors,
                   {out.filename().string(), "got"});
    CHECK(text_in(out) == before);
  }
  std::string untimed = text_in(folder / "mine.csv");
  untimed.replace(untimed.find("timestamp"), 9, "timestomp");
  write_file(folder / "untimed.csv", untimed);
  check_mentions(call(folder, predict + Words{folder / "untimed.csv"}).errors,
                 {"untimed.csv: expected timestamps, as in training"});
  write_file(folder / "third.csv",
             "sequence,timestamp,noise,pressure,constant,label\n"
             "s,1,0,101825,7,high\nt,1,0,101825,7,middle\n");
  check_mentions(call(folder, predict + Words{folder / "third.csv"}).errors,
                 {"left out: answers middle, no class of the training", "of the 1 answers"});

  const Outcome lacking = call(folder, predict + Words{cases / "no_label.csv"});
  CHECK(lacking.code == 2);
  check_mentions(lacking.errors, {"no_label.csv", "expected a column \"noise\"",
                                  "found sequence, timestamp, a, b"});
}

TEST_CASE("sequence_tasks: predict reads and writes streams") {
  const TemporaryFolder folder;
  REQUIRE(call(folder, training(cases / "named_labels.csv", folder / "run")).code == 0);
  write_file(folder / "do.sh", "'" + program + "' predict run - < '" +
                                   (cases / "no_label.csv").string() + "' 2> errors\n");
  const fs::path output = folder / "streamed";
  const Outcome done = wait_for(
      start({"/bin/sh", "-c", "cd '" + folder.path().string() + "' && . ./do.sh"}, output), output);
  CHECK(done.code == 0);
  CHECK(rows_of(done.text).size() == 13);
  CHECK(done.text.starts_with("sequence,prediction\nm0,"));
}

TEST_CASE("sequence_tasks: a long series is forecast, beside simple forecasts") {
  const TemporaryFolder folder;
  std::ofstream csv(folder / "series.csv");
  std::ofstream two(folder / "two.csv");
  csv << "value\n";
  two << "other,value\n";
  for (int n = 0; n < 1500; ++n) {
    const double value = 1000 + 100 * std::sin(2 * M_PI * n / 24) + 5 * std::sin(1.7 * n * n);
    csv << value << '\n';
    two << std::cos(n) << ',' << value << '\n';
  }
  two.close();
  csv.close();
  const Outcome done =
      call(folder, {"train", "--task", "csv", "--data", folder / "series.csv", "--window", "48",
                    "--stride", "3", "--forecast", "6", "--hidden", "16", "--open-share", "0.4",
                    "--epochs", "60", "--out", folder / "run"});
  INFO(done.text);
  REQUIRE(done.code == 0);
  const Json test = Json::parse(text_in(folder / "run/metrics.json"))["test"];
  REQUIRE(test["baselines"].size() == 2);
  CHECK(test["baselines"][1]["forecast"] == "last period, 24 rows");
  CHECK(test["rmse"] < test["baselines"][0]["rmse"]);
  CHECK(test["by_target"].size() == 6);
  // One column of two is forecast, from the past of both: the simple forecasts are the same.
  const Outcome of_two =
      call(folder, {"train", "--task", "csv", "--data", folder / "two.csv", "--window", "48",
                    "--stride", "3", "--forecast", "6", "--target-columns", "value", "--hidden",
                    "16", "--epochs", "1", "--out", folder / "two"});
  INFO(of_two.text);
  REQUIRE(of_two.code == 0);
  CHECK(of_two.text.find("features: other, value; 6 targets") != std::string::npos);
  CHECK(Json::parse(text_in(folder / "two/metrics.json"))["test"]["baselines"] ==
        test["baselines"]);
  CHECK(call(folder, {"predict", folder / "two", folder / "two.csv"}).code == 0);
  CHECK(done.text.find("... of repeating the last value") != std::string::npos);
  const Outcome next = call(folder, {"predict", folder / "run", folder / "series.csv"});
  CHECK(rows_of(next.text)[485][0] == "row 1452");  // the last 48 rows: what follows is not known
  CHECK(rows_of(next.text)[0] == Words{"sequence", "value + 1", "value + 2", "value + 3",
                                       "value + 4", "value + 5", "value + 6"});
  check_mentions(
      call(folder, {"train", "--task", "csv", "--data", folder / "series.csv", "--window", "48",
                    "--forecast", "6", "--augment", "noise,shift", "--out", folder / "no"})
          .errors,
      {"--augment noise,shift", "not its answers", "a forecast"});
}

TEST_CASE("sequence_tasks: a finished run gets more epochs") {
  const TemporaryFolder folder;
  fs::copy_file(cases / "bom_crlf.csv", folder / "mine.csv");
  const Words words = training(folder / "mine.csv", folder / "run");
  REQUIRE(call(folder, words).code == 0);
  const Words more = {"train", "--out", folder / "run", "--resume"};
  const Outcome longer = call(folder, more + Words{"--epochs", "50"});
  INFO(longer.text);
  CHECK(longer.code == 0);
  CHECK(longer.text.find("now 50 epochs instead of 30") != std::string::npos);
  CHECK(Json::parse(text_in(folder / "run/metrics.json"))["epochs"] == 50);
  const std::string before = text_in(folder / "run/metrics.json");
  check_mentions(call(folder, more + Words{"--epochs", "20"}).errors,
                 {"more --epochs than the 50"});
  check_mentions(call(folder, more + Words{"--hidden", "7"}).errors, {"--hidden", "--start"});
  fs::rename(folder / "mine.csv", folder / "elsewhere.csv");
  check_mentions(call(folder, more + Words{"--epochs", "60"}).errors, {"mine.csv"});
  CHECK(text_in(folder / "run/metrics.json") == before);
}

TEST_CASE("sequence_tasks: sequences are split by a column, or by time") {
  const TemporaryFolder folder;
  std::ofstream csv(folder / "mine.csv");
  csv << "sequence,person,x,label\n";
  for (int s = 0; s < 60; ++s) {
    for (int n = 0; n < 4; ++n) csv << s << ",p" << s / 12 << ',' << s % 2 << ',' << s % 2 << '\n';
  }
  csv.close();
  const auto tests = [&](const Words& more, const char* run) {
    const Outcome done = call(folder, training(folder / "mine.csv", folder / run, more));
    INFO(done.text);
    REQUIRE(done.code == 0);
    return Json::parse(text_in(folder / run / "metrics.json"))["test"]["sequences"].get<int>();
  };
  CHECK(tests({"--split-by", "person"}, "groups") == 12);  // whole persons
  CHECK(tests({"--test-share", "0.25", "--ignore-columns", "person"}, "share") == 15);
  CHECK(tests({"--split-by", "time", "--ignore-columns", "person"}, "time") == 6);
  check_mentions(
      call(folder, training(folder / "mine.csv", folder / "no", {"--split-by", "room"})).errors,
      {"expected a column \"room\""});
}

TEST_CASE("sequence_tasks: .ts files train, with frames, augmentation and weights of classes") {
  const TemporaryFolder folder;
  for (const char* part : {"TRAIN", "TEST"}) {
    std::ofstream ts(folder / ("Mine_" + std::string(part) + ".ts"));
    ts << "@problemName Mine\n@timeStamps false\n@classLabel true slow fast\n@data\n";
    for (int s = 0; s < 60; ++s) {
      for (int n = 0; n < 60; ++n) {
        ts << (n == 0 ? "" : ",") << std::sin(s + n * (s % 4 == 0 ? 0.2 : 0.5));
      }
      ts << (s % 4 == 0 ? ":slow\n" : ":fast\n");
    }
  }
  const Outcome done =
      call(folder,
           {"train", "--task", "ts", "--data", folder / "Mine_TRAIN.ts", "--test-data",
            folder / "Mine_TEST.ts", "--frame", "5", "--augment", "roll,noise=0.1", "--hidden",
            "16", "--class-weights", "balanced", "--open-share", "0.3", "--out", folder / "run"});
  INFO(done.text);
  REQUIRE(done.code == 0);
  const Json test = Json::parse(text_in(folder / "run/metrics.json"))["test"];
  CHECK(test["sequences"] == 60);
  CHECK(test["balanced_accuracy"] >= 0.9);
  CHECK(test["by_class"][0]["class"] == "slow");
  CHECK(test["confusion"].size() == 2);
  check_mentions(call(folder, {"predict", folder / "run", folder / "Mine_TEST.ts"}).errors,
                 {"of the 60 answers"});
  check_mentions(call(folder, {"train", "--task", "ts", "--data", folder / "Mine_TRAIN.ts",
                               "--augment", "flip", "--out", folder / "no"})
                     .errors,
                 {"--augment", "flip"});
}

TEST_CASE("sequence_tasks: runs of earlier versions are read") {
  const TemporaryFolder folder;
  const fs::path recorded = fs::path(GLSTM_DOCS) / "../results/adding-1000-glstm-s1";
  REQUIRE_FALSE(Json::parse(text_in(recorded / "config.json")).contains("scale"));
  const Outcome done = call(folder, {"report", recorded.string(), "--out", folder / "report"});
  INFO(done.text);
  CHECK(done.code == 0);
  CHECK(fs::exists(folder / "report/index.html"));
}

TEST_CASE("sequence_tasks: recordings train, with classes from their names or a table") {
  const TemporaryFolder folder;
  fs::create_directories(folder / "sounds/more");
  std::ofstream table(folder / "labels.csv");
  table << "file,label\n";
  for (int s = 0; s < 40; ++s) {
    const std::string name = (s % 3 == 0 ? "more/" : "") +
                             std::string(s % 2 == 0 ? "low" : "high") + "_" + std::to_string(s) +
                             ".wav";
    table << name << ',' << (s % 2 == 0 ? "deep" : "shrill") << '\n';
    const std::uint32_t samples = 400 + 10 * static_cast<std::uint32_t>(s);
    std::ofstream wav(folder / ("sounds/" + name), std::ios::binary);
    const auto number = [&](std::uint32_t value, int bytes) {
      for (int b = 0; b < bytes; ++b) wav.put(static_cast<char>(value >> (8 * b) & 0xff));
    };
    wav << "RIFF";
    number(36 + 2 * samples, 4);
    wav << "WAVEfmt ";
    number(16, 4), number(1, 2), number(1, 2), number(8000, 4), number(16000, 4), number(2, 2);
    number(16, 2);
    wav << "data";
    number(2 * samples, 4);
    for (std::uint32_t n = 0; n < samples; ++n) {
      const double sample = 9000 * std::sin(n * (s % 2 == 0 ? 0.05 : 0.3) + s);
      number(static_cast<std::uint32_t>(static_cast<std::int32_t>(sample)), 2);
    }
  }
  table.close();
  const Words words = {"train",         "--task",   "wav",      "--data", folder / "sounds",
                       "--sample-rate", "4000",     "--hidden", "12",     "--open-share",
                       "0.2",           "--epochs", "60"};
  const Outcome named =
      call(folder, words + Words{"--label-pattern", "([a-z]+)_", "--out", folder / "named"});
  INFO(named.text);
  if (named.text.find("built without libsndfile") != std::string::npos) {
    WARN("skipped: this program was built without libsndfile");
    CHECK(named.code == 2);
    return;
  }
  REQUIRE(named.code == 0);
  check_mentions(named.text, {"40 sequences of up to 395 steps", "2 classes: high, low"});
  CHECK(Json::parse(text_in(folder / "named/metrics.json"))["test"]["accuracy"] == 1);
  const Outcome labelled =
      call(folder, words + Words{"--labels", folder / "labels.csv", "--out", folder / "labelled"});
  check_mentions(labelled.text, {"2 classes: deep, shrill"});
  write_file(folder / "twice.csv", "file,label\nhigh_1.wav,high\nhigh_1.wav,low\n");
  check_mentions(
      call(folder, words + Words{"--labels", folder / "twice.csv", "--out", folder / "no"}).errors,
      {"twice.csv:3", "second one of high_1.wav"});
  const Outcome again = call(folder, {"predict", folder / "named", folder / "sounds"});
  fs::create_directory(folder / "more");
  fs::copy_file(folder / "sounds/high_1.wav", folder / "more/recording.wav");
  const Outcome unlabelled = call(folder, {"predict", folder / "named", folder / "more"});
  check_mentions(unlabelled.text, {"recording.wav,high"});
  check_mentions(again.text, {"high_1.wav,high", "more/low_0.wav,low", "of the 40 answers"});
  const Outcome spectra = call(folder, {"train",
                                        "--task",
                                        "wav",
                                        "--data",
                                        folder / "sounds",
                                        "--labels",
                                        folder / "labels.csv",
                                        "--mel-bands",
                                        "8",
                                        "--clock",
                                        "relative",
                                        "--open-share",
                                        "0.5",
                                        "--augment",
                                        "invert,noise",
                                        "--hidden",
                                        "12",
                                        "--epochs",
                                        "100",
                                        "--out",
                                        folder / "mel"});
  check_mentions(spectra.text, {"of up to 8 steps", "features: band 1, band 2", "band 8;"});
  CHECK(Json::parse(text_in(folder / "mel/metrics.json"))["test"]["accuracy"] == 1);
  std::string piped = text_in(folder / "sounds/high_1.wav");
  write_file(folder / "more/cut_off.wav", piped.substr(0, 700));
  check_mentions(call(folder, {"predict", folder / "named", folder / "more"}).errors,
                 {"cut_off.wav: its header says 864 bytes, but it has 700"});
  // As SoX writes to a pipe, where it does not know the size.
  piped.replace(4, 4, std::string("\x24\xf0\xff\x7f", 4));
  piped.replace(40, 4, std::string("\x00\xf0\xff\x7f", 4));
  write_file(folder / "more/cut_off.wav", piped);
  check_mentions(call(folder, {"predict", folder / "named", folder / "more"}).text,
                 {"cut_off.wav,high"});
  write_file(folder / "sounds/broken.wav", "RIFFnothing");
  check_mentions(call(folder, words + Words{"--out", folder / "no"}).errors, {"broken.wav"});
}

TEST_CASE("sequence_tasks: short trainings meet their target share") {
  const TemporaryFolder folder;
  for (const char* target : {"0.05", "0.1", "0.2"}) {
    const Outcome done = call(
        folder,
        {"train", "--task",     "adding",       "--steps",          "100", "--training-sequences",
         "1600",  "--held-out", "100",          "--test-sequences", "100", "--hidden",
         "40",    "--batch",    "16",           "--epochs",         "6",   "--target-share",
         target,  "--out",      folder / target});
    INFO(done.text);
    REQUIRE(done.code == 0);
    const Json metrics = Json::parse(text_in(folder / target / "metrics.json"));
    CAPTURE(metrics["update_share"].get<double>());
    CHECK(metrics["steps"] == 600);
    CHECK(metrics["best_is_eligible"] == true);
    CHECK(metrics["update_share"] <= 1.03 * std::stod(target));
    CHECK(metrics["update_share"] >= 0.75 * std::stod(target));  // it comes from below
  }
}

}  // namespace sequence_tasks_own_data_test
