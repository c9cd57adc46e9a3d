// The program sequence_tasks, as a user calls it.
#include <sys/file.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iomanip>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include "calling.hpp"
#include "catch.hpp"

namespace sequence_tasks_test {

namespace {

const std::string reproduce = GLSTM_REPRODUCE;

/// Ten pictures of 4 x 4 pixels, each half with its label's brightness, as IDX files.
void write_images(const fs::path& folder) {
  fs::create_directories(folder);
  for (const std::string part : {"train", "t10k"}) {
    const auto bytes = [](std::vector<int> values) {
      return std::string(values.begin(), values.end());
    };
    std::ofstream images(folder / (part + "-images-idx3-ubyte"), std::ios::binary);
    std::ofstream labels(folder / (part + "-labels-idx1-ubyte"), std::ios::binary);
    images << bytes({0, 0, 8, 3, 0, 0, 0, 40, 0, 0, 0, 4, 0, 0, 0, 4});
    labels << bytes({0, 0, 8, 1, 0, 0, 0, 40});
    for (int i = 0; i < 40; ++i) {
      labels.put(static_cast<char>(i % 10));
      images << std::string(16, static_cast<char>(20 * (i % 10)));
    }
  }
}

}  // namespace

TEST_CASE("sequence_tasks: a run is a folder with all that the help says") {
  const TemporaryFolder folder;
  const std::string model = GENERATE("lstm", "glstm", "random-skip", "phased");
  const std::string layers = GENERATE("8", "6,5");
  CAPTURE(model, layers);
  const fs::path run = folder / "run";
  const Outcome done = call(folder, train(run, {"--model", model, "--hidden", layers}));
  INFO(done.text);
  REQUIRE(done.code == 0);
  for (const char* file : {"config.json", "log.csv", "windows.csv", "metrics.json",
                           "last.safetensors", "best.safetensors"}) {
    CAPTURE(file);
    CHECK(fs::file_size(run / file) > 0);
  }
  const Json metrics = Json::parse(text_in(run / "metrics.json"));
  CHECK(metrics["epochs"] == 2);
  CHECK(metrics["steps"] == 20);
  const std::string log = text_in(run / "log.csv");
  CHECK(std::count(log.begin(), log.end(), '\n') == 11);  // ten reports, in fewer epochs
  CHECK(log.find("\n0.2,2,") != std::string::npos);
  CHECK(metrics["test"]["sequences"] == 60);
  CHECK(metrics["test"]["loss"] > 0);
  CHECK(metrics["test"]["accuracy"].is_null());
  CHECK(metrics["layers"].size() == (layers == "8" ? 1 : 2));
  CHECK((metrics["update_share"] == 1) == (model == "lstm"));
  CHECK(metrics["inference_ms_per_sequence"] > 0);
  CHECK(metrics["training_ms_per_sequence"] > 0);
  const std::string windows = text_in(run / "windows.csv");
  CHECK((windows.find("after") != std::string::npos) == (model != "lstm"));

  if (model == "random-skip") {  // what was drawn is what stays
    std::istringstream rows(windows);
    std::string row, before, after;
    while (std::getline(rows, row)) {
      if (row.starts_with("before")) before += row.substr(6) + "\n";
      if (row.starts_with("after")) after += row.substr(5) + "\n";
    }
    CHECK(before == after);
  }
}

TEST_CASE("sequence_tasks: the same seed gives the same run, whatever the threads") {
  const TemporaryFolder folder;
  REQUIRE(call(folder, train(folder / "a", {"--shards", "3"})).code == 0);
  REQUIRE(call(folder, train(folder / "b", {"--shards", "3", "--threads", "3"})).code == 0);
  REQUIRE(call(folder, train(folder / "c", {"--shards", "3", "--seed", "2"})).code == 0);
  check_same_checkpoints(folder / "a/last.safetensors", folder / "b/last.safetensors");
  CHECK(log_without_seconds(folder / "a") == log_without_seconds(folder / "b"));
  CHECK(log_without_seconds(folder / "a") != log_without_seconds(folder / "c"));
}

TEST_CASE("sequence_tasks: a run that is killed goes on to the same bits") {
  const TemporaryFolder folder;
  const Words variant =
      GENERATE(Words{"--target-share", "0.1", "--average", "0.99"}, Words{"--widen", "10,30"});
  const Words words = Words{program, "train", "--task", "adding", "--steps", "60"} +
                      Words{"--training-sequences", "1000", "--held-out", "50"} +
                      Words{"--test-sequences", "50", "--hidden", "12", "--epochs", "40"} +
                      Words{"--batch", "10", "--weight-noise", "0.01"} + variant;
  const fs::path output = folder / "output.txt";
  REQUIRE(wait_for(start(words + Words{"--out", folder / "whole"}, output), output).code == 0);

  int kills = 0;
  for (int wait = 10;; wait += 20) {
    const pid_t child = start(words + Words{"--out", folder / "killed", "--resume"}, output);
    std::this_thread::sleep_for(std::chrono::milliseconds(wait));
    kill(child, SIGKILL);
    const Outcome outcome = wait_for(child, output);
    if (outcome.code == 0) break;
    INFO(outcome.text);
    REQUIRE(outcome.code == -SIGKILL);  // killed, not failed
    ++kills;
    REQUIRE(wait < 60'000);
  }
  CHECK(kills >= 3);
  check_same_checkpoints(folder / "whole/last.safetensors", folder / "killed/last.safetensors");
  check_same_checkpoints(folder / "whole/best.safetensors", folder / "killed/best.safetensors");
  CHECK(log_without_seconds(folder / "whole") == log_without_seconds(folder / "killed"));
  CHECK(text_in(folder / "whole/windows.csv") == text_in(folder / "killed/windows.csv"));
  const auto metrics = [&](const char* name) {
    return Json::parse(text_in(folder / name / "metrics.json"));
  };
  for (const char* key : {"test", "lstm", "validation", "update_share", "best_epoch"}) {
    CAPTURE(key);
    CHECK(metrics("whole")[key] == metrics("killed")[key]);
  }
}

TEST_CASE("sequence_tasks: the budget controller reaches its share") {
  const TemporaryFolder folder;
  const fs::path run = folder / "run";
  const Outcome done =
      call(folder, train(run, {"--epochs", "60", "--open-share", "0.5", "--target-share", "0.1",
                               "--gate-learning-rate", "0.2"}));
  INFO(done.text);
  REQUIRE(done.code == 0);
  const Json metrics = Json::parse(text_in(run / "metrics.json"));
  CHECK(metrics["best_is_eligible"] == true);
  CHECK(metrics["update_share"] <= 0.1);
  CHECK(metrics["update_share"] > 0.05);
}

TEST_CASE("sequence_tasks: a curriculum ends in a plain LSTM of the same error") {
  const TemporaryFolder folder;
  const fs::path run = folder / "run";
  const Outcome done = call(folder, train(run, {"--epochs", "6", "--widen", "2,4"}));
  INFO(done.text);
  REQUIRE(done.code == 0);
  const Json metrics = Json::parse(text_in(run / "metrics.json"));
  CHECK(metrics["update_share"] == 1);
  CHECK(metrics["best_epoch"] > 4);
  CHECK(metrics["lstm"]["loss"].get<double>() ==
        Approx(metrics["test"]["loss"].get<double>()).epsilon(1e-6));

  // The exported file is one that a run of the plain LSTM starts from.
  const Outcome plain =
      call(folder, train(folder / "plain", {"--model", "lstm", "--learning-rate", "0", "--start",
                                            (run / "lstm.safetensors").string()}));
  INFO(plain.text);
  REQUIRE(plain.code == 0);
  CHECK(Json::parse(text_in(folder / "plain/metrics.json"))["test"]["loss"].get<double>() ==
        Approx(metrics["lstm"]["loss"].get<double>()).epsilon(1e-6));
}

TEST_CASE("sequence_tasks: a user's CSV file trains") {
  const bool own_clock = GENERATE(false, true);  // every sequence on another day
  CAPTURE(own_clock);
  const TemporaryFolder folder;
  std::ostringstream csv;
  csv << std::setprecision(12) << "sequence,timestamp,x,label\n";
  for (int s = 0; s < 60; ++s) {
    for (int n = 0; n < 3 + s % 4; ++n)
      csv << s << ',' << (own_clock ? 86400 * s : 0) + 0.5 * n << ',' << s % 2 << ',' << s % 2
          << '\n';
  }
  write_file(folder / "mine.csv", csv.str());
  const Outcome done =
      call(folder, {"train", "--task", "csv", "--data", folder / "mine.csv", "--hidden", "6",
                    "--epochs", "40", "--batch", "8", "--held-out", "20", "--open-share", "0.5",
                    "--out", folder / "run"});
  INFO(done.text);
  REQUIRE(done.code == 0);
  CHECK(done.text.find(own_clock ? "clock: own (the sequences follow one another)"
                                 : "clock: shared (59 of 60") != std::string::npos);
  CHECK(done.text.find("2 classes: 0, 1") != std::string::npos);
  CHECK(Json::parse(text_in(folder / "run/metrics.json"))["test"]["accuracy"] == 1);
}

TEST_CASE(
    "sequence_tasks: a small CSV file is trained on for long enough, and far times do no harm") {
  const TemporaryFolder folder;
  std::ostringstream csv;
  csv << "sequence;timestamp;x;label\n";
  for (int s = 0; s < 60; ++s) {
    for (int n = 0; n < 10; ++n) {
      const bool wrong = s == 7 && n == 9;  // a timestamp that is far off
      csv << s << ";" << (wrong ? 1'000'000 : n) << ";" << (s % 2 == 0 ? "0,5" : "-0,5") << ";"
          << (s % 2 == 0 ? "up" : "down") << "\n";
    }
  }
  write_file(folder / "mine.csv", csv.str());
  const Outcome done = call(folder, {"train", "--task", "csv", "--data", folder / "mine.csv",
                                     "--hidden", "6", "--seconds", "0", "--out", folder / "run"});
  INFO(done.text);
  REQUIRE(done.code == 0);
  CHECK(done.text.find("2 classes: down, up") != std::string::npos);
  CHECK(done.text.find("windows: from 0 to 9, in which 95 % of the sequences end") !=
        std::string::npos);
  const Json metrics = Json::parse(text_in(folder / "run/metrics.json"));
  CHECK(metrics["test"]["accuracy"] == 1);
  CHECK(metrics["steps"] >= 1500);
  REQUIRE(metrics["notes"].size() == 1);
  CHECK(metrics["notes"][0] == "Before training: layer0: no neuron is open at 1000000");
  const std::string log = text_in(folder / "run/log.csv");
  const auto reports = std::count(log.begin(), log.end(), '\n') - 1;
  CHECK(reports >= 99);
  CHECK(reports <= 101);
}

TEST_CASE("sequence_tasks: a training that is too short, or cut short, says so") {
  const TemporaryFolder folder;
  const Outcome done =
      call(folder, Words{"train"} + tiny + Words{"--epochs", "1", "--out", folder / "run"});
  INFO(done.text);
  REQUIRE(done.code == 0);
  const Json metrics = Json::parse(text_in(folder / "run/metrics.json"));
  REQUIRE(metrics["steps"] < 200);
  CHECK(done.text.find("The training has only ") != std::string::npos);
  CHECK(metrics["notes"].size() >= 1);
}

TEST_CASE("sequence_tasks: a run with all the defaults can be used like any other") {
  const TemporaryFolder folder;
  const fs::path run = folder / "run";
  const Words words = {"train", "--task",   "adding", "--steps", "20",        "--hidden",
                       "4",     "--epochs", "1e-3",   "--out",   run.string()};
  for (const Words& command : {words, words + Words{"--resume"}, Words{"evaluate", run.string()},
                               Words{"gradients", run.string()},
                               Words{"report", run.string(), "--out", folder / "report"}}) {
    const Outcome done = call(folder, command);
    INFO(done.text);
    CHECK(done.code == 0);
  }
  const Json config = Json::parse(text_in(run / "config.json"));
  CHECK(config["training_sequences"] == 20'000);
  CHECK(config["given"]["training_sequences"].is_null());
}

TEST_CASE("sequence_tasks: comparing trains both for the same time") {
  const TemporaryFolder folder;
  const Words words = Words{"compare"} + tiny + Words{"--epochs", "2", "--out", folder / "two"};
  const Outcome done = call(folder, words);
  INFO(done.text);
  REQUIRE(done.code == 0);
  const Json gated = Json::parse(text_in(folder / "two/g-LSTM/metrics.json"));
  const Json plain = Json::parse(text_in(folder / "two/LSTM/metrics.json"));
  CHECK(gated["model"] == "glstm");
  CHECK(plain["model"] == "lstm");
  CHECK(fs::exists(folder / "two/index.html"));

  const Outcome again = call(folder, words);  // nothing goes without being asked
  CHECK(again.code == 2);
  CHECK(again.text.find("already holds a run") != std::string::npos);
  const Outcome wrong = call(folder, words + Words{"--fresh", "--hidden", "0"});
  CHECK(wrong.code == 2);
  CHECK(Json::parse(text_in(folder / "two/LSTM/metrics.json")) == plain);
  {
    // Another process is using one of the two runs: neither is removed.
    const int lock = open((folder / "two/LSTM").c_str(), O_RDONLY | O_DIRECTORY);
    REQUIRE(flock(lock, LOCK_EX | LOCK_NB) == 0);
    const Outcome busy = call(folder, words + Words{"--fresh"});
    close(lock);
    CHECK(busy.code == 2);
    CHECK(busy.errors.find("another process") != std::string::npos);
    CHECK(Json::parse(text_in(folder / "two/g-LSTM/metrics.json")) == gated);
    CHECK(Json::parse(text_in(folder / "two/LSTM/metrics.json")) == plain);
  }
  write_file(folder / "two/LSTM/config.json", "damaged");
  fs::remove(folder / "two/g-LSTM/config.json");
  const Outcome fresh = call(folder, words + Words{"--fresh"});
  INFO(fresh.text);
  CHECK(fresh.code == 0);
}

TEST_CASE("sequence_tasks: comparing for a time gives both as many seconds") {
  const TemporaryFolder folder;
  const Outcome done =
      call(folder, Words{"compare"} + tiny + Words{"--seconds", "0.1", "--out", folder / "two"});
  INFO(done.text);
  REQUIRE(done.code == 0);
  for (const char* name : {"g-LSTM", "LSTM"}) {
    CAPTURE(name);
    const Json metrics = Json::parse(text_in(folder / "two" / name / "metrics.json"));
    CHECK(metrics["training_seconds"] > 0.02);
    CHECK(metrics["training_seconds"] < 3);
  }
}

TEST_CASE("sequence_tasks: a run starts from another's checkpoint and needs it no longer") {
  const TemporaryFolder folder;
  const fs::path run = folder / "run", start = folder / "start.safetensors";
  REQUIRE(call(folder, train(folder / "first")).code == 0);
  fs::copy_file(folder / "first/last.safetensors", start);
  REQUIRE(call(folder, train(run, {"--start", start})).code == 0);
  const std::string windows = text_in(run / "windows.csv");
  fs::remove(start);
  fs::remove(run / "metrics.json");
  fs::remove(run / "last.safetensors");  // as if it had been killed before its first report
  write_file(run / "last.safetensors.12345.tmp", "what a kill may leave");
  const Outcome resumed = call(folder, {"train", "--out", run.string(), "--resume"});
  INFO(resumed.text);
  REQUIRE(resumed.code == 0);
  CHECK(text_in(run / "windows.csv") == windows);
  CHECK_FALSE(fs::exists(run / "last.safetensors.12345.tmp"));
  CHECK(call(folder, {"gradients", run.string()}).code == 0);
}

TEST_CASE("sequence_tasks: resuming takes the options that the run was started with or uses") {
  const TemporaryFolder folder;
  const fs::path run = folder / "run";
  REQUIRE(call(folder, train(run)).code == 0);
  for (const Words& more : {Words{}, Words{"--learning-rate", "0.01"}, Words{"--batch", "20"}}) {
    CHECK(call(folder, train(run, Words{"--resume"} + more)).code == 0);
  }
  const Outcome other = call(folder, train(run, {"--resume", "--learning-rate", "0.02"}));
  CHECK(other.code == 2);
  CHECK(other.errors.find("--learning-rate 0.01, got 0.02") != std::string::npos);
}

TEST_CASE("sequence_tasks: a run may take very many epochs of very few steps") {
  const TemporaryFolder folder;
  const fs::path run = folder / "run";
  for (const Words& words :
       {Words{"train", "--task", "adding", "--steps", "2", "--hidden", "1", "--training-sequences",
              "1", "--held-out", "1", "--test-sequences", "1", "--reports", "1", "--seconds",
              "0.002", "--out", run.string()},
        Words{"evaluate", run.string()}}) {
    const Outcome done = call(folder, words);
    INFO(done.text);
    CHECK(done.code == 0);
  }
  CHECK(Json::parse(text_in(run / "metrics.json"))["epochs"] > 10);  // the default is 10
}

TEST_CASE("sequence_tasks: odd numbers that training accepts do not spoil the run") {
  const TemporaryFolder folder;
  const std::string step = GENERATE("3000000000", "1e-10");  // nanoseconds, or next to nothing
  CAPTURE(step);
  std::ostringstream csv;
  csv << "sequence,timestamp,x,label\n";
  for (int s = 0; s < 30; ++s) {
    for (int n = 0; n < 4; ++n)
      csv << s << ',' << n * std::stod(step) << ',' << s % 2 << ',' << s % 2 << '\n';
  }
  write_file(folder / "mine.csv", csv.str());
  const fs::path run = folder / "run";
  for (const Words& words :
       {Words{"train", "--task", "csv", "--data", folder / "mine.csv", "--hidden", "3", "--epochs",
              "0.2", "--batch", "2", "--out", run.string()},
        Words{"train", "--out", run.string(), "--resume"}, Words{"evaluate", run.string()},
        Words{"report", run.string(), "--out", folder / "report"}}) {
    const Outcome done = call(folder, words);
    INFO(done.text);
    CHECK(done.code == 0);
  }
}

TEST_CASE("sequence_tasks: reports, evaluations and gradients of runs") {
  const TemporaryFolder folder;
  for (const std::string name : {"a-s1", "a-s2", "b"}) {
    REQUIRE(call(folder, train(folder / name, {"--seed", name == "a-s2" ? "2" : "1", "--model",
                                               name == "b" ? "lstm" : "glstm"}))
                .code == 0);
  }
  const Json before = Json::parse(text_in(folder / "a-s1/metrics.json"));
  REQUIRE(call(folder, {"evaluate", folder / "a-s1"}).code == 0);
  const Json after = Json::parse(text_in(folder / "a-s1/metrics.json"));
  CHECK(after["test"] == before["test"]);
  CHECK(after["training_seconds"] == before["training_seconds"]);

  REQUIRE(call(folder, {"gradients", folder / "a-s1", folder / "b"}).code == 0);
  const std::string gradients = text_in(folder / "b/gradients.csv");
  CHECK(gradients.find("before,0,") != std::string::npos);
  CHECK(gradients.find("after,40,") != std::string::npos);

  const fs::path page = folder / "a report/with 'quotes'";
  const Outcome done = call(folder, {"report", folder / "a-s1", folder / "a-s2", folder / "b",
                                     "--reach", "1", "--out", page.string()});
  INFO(done.text);
  REQUIRE(done.code == 0);
  const std::string html = text_in(page / "index.html");
  check_mentions(html, {"<table>", "a-s1", "a-s2", "</html>"});
  CHECK(html.find("http://") == html.find("http://www.w3.org"));  // names of SVG, nothing to load
  const std::string summary = text_in(page / "summary.csv");
  check_mentions(summary,
                 {"adding-40,a,test squared error,2,", "adding-40,b,", "epoch of reaching 1"});
  // The LSTM, at 1 from its first report on: 4 steps of 20 sequences with all their MACs.
  const double dense =
      Json::parse(text_in(folder / "b/metrics.json"))["dense_macs_per_sequence"].get<double>();
  std::ostringstream macs;
  macs << "adding-40,b,\"forward MACs, 10^12, of reaching 1\",1," << std::fixed
       << std::setprecision(3) << 4 * 20 * dense * 1e-12;
  check_mentions(summary, {macs.str()});
  if (std::system("command -v gnuplot > /dev/null") == 0) {
    for (const char* picture :
         {"learning", "pareto", "updates", "gradients", "windows-a", "widths-a"}) {
      CAPTURE(picture);
      CHECK(fs::exists(page / ("adding-40-" + std::string(picture) + ".svg")));
    }
  }
}

TEST_CASE("sequence_tasks: every recorded experiment runs in its quick mode") {
  const TemporaryFolder folder;
  const fs::path data = folder / "data";
  for (const char* task : {"mnist", "fashion"}) write_images(data / task);
  fs::create_directories(data / "cifar10");
  for (const char* batch : {"data_batch_1", "data_batch_2", "data_batch_3", "data_batch_4",
                            "data_batch_5", "test_batch"}) {
    const fs::path file = data / "cifar10" / (std::string(batch) + ".bin");
    write_file(file, "");
    fs::resize_file(file, 10'000 * 3073);  // black pictures of class 0, and no room on the disk
  }
  fs::create_directories(folder / "results");
  for (const char* file : {"RESULTS.md", "claims.json"}) {
    fs::copy_file(fs::path(GLSTM_RESULTS) / file, folder / "results" / file);
  }
  const fs::path output = folder / "output.txt";
  const Outcome done =
      wait_for(start({"/bin/bash", reproduce, "--quick", "--program", program, "--data",
                      data.string(), "--out", folder / "runs", "--results", folder / "results"},
                     output),
               output);
  INFO(done.text);
  REQUIRE(done.code == 0);
  int runs = 0;
  for (const auto& run : fs::directory_iterator(folder / "runs")) {
    if (!fs::exists(run.path() / "config.json")) continue;
    CAPTURE(run.path());
    CHECK(fs::exists(run.path() / "metrics.json"));
    ++runs;
  }
  CHECK(runs > 35);
  const std::string commands = text_in(folder / "results/commands.tsv");
  CHECK(std::count(commands.begin(), commands.end(), '\n') == runs);
  for (const char* file : {"commands.tsv", "budget.csv", "mnist-lstm-s1/metrics.json",
                           "mnist-lstm-s1/gradients.csv", "curriculum-adding.csv"}) {
    CAPTURE(file);
    CHECK(fs::exists(folder / "results" / file));
  }
  const fs::path page = folder / "results/RESULTS.md";
  CHECK(text_in(page) != text_in(fs::path(GLSTM_RESULTS) / "RESULTS.md"));
  CHECK(call(folder, {"tables", "--check", folder / "results", page.string()}).code == 0);

  // What is finished is not trained on because its options have changed.
  std::string longer = text_in(reproduce);
  const std::string epochs = "--open-share 0.6 --target-share 0.5";
  REQUIRE(longer.find(epochs) != std::string::npos);
  write_file(folder / "longer",
             longer.replace(longer.find(epochs), epochs.size(), epochs + " --clip 2"));
  const Outcome refused =
      wait_for(start({"/bin/bash", folder / "longer", "--quick", "--program", program, "--data",
                      data.string(), "--out", folder / "runs", "--only", "mnist-share-50-*"},
                     output),
               output);
  CHECK(refused.code != 0);
  check_mentions(refused.text + refused.errors,
                 {"mnist-share-50-s1 is finished with other options"});
}

TEST_CASE("sequence_tasks: an LSTM starts from a g-LSTM whose gates are folded") {
  const TemporaryFolder folder;
  const Words adding = {
      "train", "--task",     "adding", "--steps",          "30", "--training-sequences",
      "100",   "--held-out", "20",     "--test-sequences", "20", "--hidden",
      "8"};
  REQUIRE(call(folder, adding + Words{"--epochs", "3", "--out", folder / "gated"}).code == 0);
  const std::string start = folder / "gated/last.safetensors";
  const Words lstm = adding + Words{"--model", "lstm", "--start-folded", start};
  const Outcome folded = call(folder, lstm + Words{"--epochs", "1", "--out", folder / "folded"});
  INFO(folded.text);
  REQUIRE(folded.code == 0);
  const auto metrics = [&](const char* run) {
    return Json::parse(text_in(folder / (std::string(run) + "/metrics.json")));
  };
  CHECK(metrics("folded")["training_seconds"].get<double>() >
        metrics("gated")["training_seconds"].get<double>());
  CHECK(metrics("folded")["update_share"] == 1);
  // It begins from other parameters than an LSTM that is drawn.
  REQUIRE(
      call(folder, adding + Words{"--model", "lstm", "--epochs", "1", "--out", folder / "drawn"})
          .code == 0);
  CHECK(text_in(folder / "folded/first.safetensors") !=
        text_in(folder / "drawn/first.safetensors"));
  check_mentions(call(folder, lstm + Words{"--seconds", "1", "--out", folder / "no"}).errors,
                 {"--start-folded", "--epochs instead of --seconds"});
  check_mentions(
      call(folder, adding + Words{"--start-folded", start, "--out", folder / "no"}).errors,
      {"--start-folded", "--model glstm"});
  const Words averaged = adding + Words{"--epochs", "1", "--average", "0.5"};
  REQUIRE(call(folder, averaged + Words{"--out", folder / "averaged"}).code == 0);
  const auto fold = [&](const char* file) {
    return call(folder,
                adding + Words{"--model", "lstm", "--epochs", "1", "--start-folded",
                               folder / (std::string("averaged/") + file), "--out", folder / "no"});
  };
  check_mentions(fold("last.safetensors").errors, {"without an average", "best.safetensors"});
  CHECK_FALSE(fs::exists(folder / "no"));
  CHECK(fold("best.safetensors").code == 0);
}

}  // namespace sequence_tasks_test
