// Bad input to sequence_tasks: one line of error, exit code 2, and nothing is written.
#include <algorithm>
#include <filesystem>
#include <sstream>
#include <string>
#include <vector>

#include "calling.hpp"
#include "catch.hpp"

namespace sequence_tasks_errors_test {

namespace {

/// A call that the program must refuse, and what its error must mention.
struct Case {
  Words words, mentions;
};

void check_refused(const TemporaryFolder& folder, const std::vector<Case>& cases) {
  const auto content = content_of(folder.path());
  for (const Case& bad : cases) {
    const Outcome outcome = call(folder, bad.words);
    INFO(outcome.text);
    CHECK(outcome.code == 2);
    CHECK(std::count(outcome.errors.begin(), outcome.errors.end(), '\n') == 1);
    CHECK(outcome.errors.starts_with("sequence_tasks: "));
    CHECK(outcome.errors.ends_with('\n'));
    for (const std::string& part : bad.mentions) check_mentions(outcome.errors, {part});
    const bool untouched = content_of(folder.path()) == content;
    CHECK(untouched);
  }
}

void write_csv(const fs::path& file, int sequences, int value) {
  std::ostringstream csv;
  csv << "sequence,x,label\n";
  for (int s = 0; s < sequences; ++s) csv << s << ',' << value << ',' << s % 2 << '\n';
  write_file(file, csv.str());
}

void train_csv(const TemporaryFolder& folder, const char* data, const char* run) {
  REQUIRE(call(folder, {"train", "--task", "csv", "--data", folder / data, "--hidden", "3",
                        "--epochs", "1", "--out", folder / run})
              .code == 0);
}

/// Leaves a finished run, and others that are damaged or whose data have changed.
void make_damaged_runs(const TemporaryFolder& folder) {
  const fs::path run = folder / "run";
  REQUIRE(call(folder, train(run)).code == 0);
  fs::copy(run, folder / "cut");
  fs::remove(folder / "cut/metrics.json");
  fs::resize_file(folder / "cut/last.safetensors", 100);
  fs::create_directory(folder / "odd");
  write_file(folder / "odd/config.json", "{\"task\": 1}");
  // A run with the checkpoint of another, one whose best checkpoint is gone.
  REQUIRE(call(folder, train(folder / "other", {"--seed", "9"})).code == 0);
  fs::copy(run, folder / "swapped");
  fs::remove(folder / "swapped/metrics.json");
  fs::copy_file(folder / "other/last.safetensors", folder / "swapped/last.safetensors",
                fs::copy_options::overwrite_existing);
  fs::copy(run, folder / "bestless");
  fs::remove(folder / "bestless/best.safetensors");
  // Runs whose data change afterwards.
  write_csv(folder / "mine.csv", 20, 1);
  train_csv(folder, "mine.csv", "csv-done");
  fs::copy(folder / "csv-done", folder / "csv-cut");
  fs::remove(folder / "csv-cut/metrics.json");
  fs::copy(folder / "mine.csv", folder / "less.csv");
  train_csv(folder, "less.csv", "csv-fewer");
  write_csv(folder / "less.csv", 12, 1);
  write_csv(folder / "mine.csv", 20, 2);
}

}  // namespace

TEST_CASE("sequence_tasks: bad options are refused") {
  const TemporaryFolder folder;
  const fs::path out = folder / "out", run = folder / "run";
  REQUIRE(call(folder, train(run)).code == 0);
  check_refused(
      folder,
      {
          {{}, {"A subcommand is required"}},
          {{"nonsense"}, {"nonsense"}},
          {train(out, {"--speed", "3"}), {"--speed"}},
          {train(out, {"--task", "chess"}), {"--task", "mnist", "chess"}},
          {train(out, {"--data", "here"}), {"--data", "adding"}},
          {train(out, {"--sampling", "fine"}), {"--sampling", "adding"}},
          {train(out, {"--shift", "1"}), {"--shift", "adding"}},
          {train(out, {"--clock", "own"}), {"--clock", "adding"}},
          {train(out, {"--leak", "0.1"}), {"--leak", "glstm"}},
          {train(out, {"--model", "lstm", "--open-share", "0.1"}), {"--open-share", "lstm"}},
          {train(out, {"--model", "random-skip", "--gate-learning-rate", "1"}),
           {"--gate-learning-rate", "random-skip"}},
          {train(out, {"--seconds", "1"}), {"--epochs", "--seconds"}},
          {train(out, {"--memory", "1"}), {"--memory", "at least 2"}},
          {train(out, {"--training-sequences", "9000000000000000000"}), {"--training-sequences"}},
          {train(out, {"--start", "\xff"}), {"--start", "UTF-8"}},
          {train(out, {"--widen", "1,3"}), {"--widen", "epoch 2"}},
          {train(out, {"--widen", "0.1,0.11"}), {"--widen", "10 steps", "same step"}},
          {train(out, {"--widen", "0.5,1", "--widest", "0.001"}), {"--widest"}},
          {Words{"train"} + tiny +
               Words{"--seconds", "0.01", "--widen", "5000,10000", "--out", out},
           {"--widen"}},
          {{"compare", "--data", "here", "--out", out.string()}, {"--data", "--task"}},
          {train(out, {"--hidden", "0"}), {"--hidden", "got 0"}},
          {train(out, {"--hidden", "8,x"}), {"--hidden"}},
          {train(out, {"--steps", "1"}), {"--steps", "got 1"}},
          {train(out, {"--batch", "-3"}), {"--batch"}},
          {train(out, {"--epochs", "nan"}), {"--epochs", "nan"}},
          {train(out, {"--seed", "-1"}), {"--seed"}},
          {train(out, {"--budget", "1", "--model", "lstm"}), {"--budget", "lstm"}},
          {train(out, {"--threshold", "1"}), {"--threshold", "0.99"}},
          {train(out, {"--centres", "0.5,0.2"}), {"--centres"}},
          {train(out, {"--centres", "0,0.1", "--open-share", "0.2"}),
           {"--open-share", "--centres"}},
          {train(out, {"--widen", "1,2", "--model", "phased"}), {"--widen", "phased"}},
          {train(out, {"--target-share", "0.1", "--model", "lstm"}), {"--target-share", "lstm"}},
          {train(out, {"--target-share", "0.1", "--budget", "1"}), {"--target-share", "--budget"}},
          {train(out, {"--start", folder / "none"}), {"none"}},
          {train(out, {"--start", run / "best.safetensors", "--hidden", "9"}),
           {"best.safetensors", "expected shape"}},
          {{"compare", "--hidden", "0", "--out", out.string()}, {"--hidden", "got 0"}},
          {train(out, {"--memory", "9", "--forget-bias", "2"}), {"--forget-bias", "--memory"}},
          {train("/proc/none"), {"/proc/none"}},
      });
}

TEST_CASE("sequence_tasks: damaged runs are refused") {
  const TemporaryFolder folder;
  const fs::path out = folder / "out", run = folder / "run";
  make_damaged_runs(folder);
  check_refused(
      folder,
      {
          {train(run), {"already holds a run", "--resume"}},
          {train(run, {"--resume", "--hidden", "9"}), {"--hidden", "[8]", "[9]"}},
          {train(run, {"--resume", "--threads", "0"}), {"--threads", "got 0"}},
          {train(folder / "cut", {"--resume"}), {"last.safetensors"}},
          {train(folder / "swapped", {"--resume"}), {"last.safetensors", "this run"}},
          {{"evaluate", folder / "bestless"}, {"best.safetensors"}},
          {{"evaluate", folder / "csv-done"}, {"csv-done", "data", "checksum"}},
          {{"evaluate", folder / "csv-fewer"}, {"csv-fewer", "cannot read the data"}},
          {{"train", "--out", folder / "csv-cut", "--resume"}, {"csv-cut", "data", "checksum"}},
          {{"train", "--out", folder / "odd", "--resume"}, {"config.json", "task"}},
          {{"report", folder / "nowhere", "--out", out.string()}, {"nowhere", "config.json"}},
          {{"report", run.string(), folder / "odd/../run", "--out", out.string()}, {"again"}},
          {{"evaluate", folder / "odd"}, {"config.json"}},
          {{"gradients", folder / "nowhere"}, {"nowhere"}},
      });
}

TEST_CASE("sequence_tasks: bad data are refused") {
  const TemporaryFolder folder;
  const fs::path out = folder / "out";
  write_csv(folder / "less.csv", 12, 1);
  write_file(folder / "ragged.csv", "sequence,x,label\n1,2,0\n1,2\n");
  write_file(folder / "words.csv", "sequence,x,label\n1,two,0\n");
  write_file(folder / "empty.csv", "");
  write_file(folder / "few.csv", "sequence,x,label\n1,2,0\n2,2,1\n");
  write_file(folder / "one-class.csv", "sequence,x,label\n1,2,0\n2,2,0\n3,2,0\n");
  write_file(folder / "far.csv",
             "sequence,timestamp,x,label\n1,-8e307,2,0\n2,8e307,2,1\n3,0,2,1\n");
  const auto csv = [&](const std::string& name) {
    return Words{"train", "--task", "csv", "--data", folder / name, "--out", out.string()};
  };
  check_refused(
      folder,
      {
          {{"train", "--task", "mnist", "--data", folder / "nowhere", "--out", out.string()},
           {"nowhere", "idx1-ubyte"}},
          {{"train", "--task", "cifar10", "--data", folder / "nowhere", "--out", out.string()},
           {"nowhere", "CIFAR-10"}},
          {{"train", "--task", "csv", "--data", folder / "less.csv", "--clock", "own", "--out",
            out},
           {"less.csv", "timestamp"}},
          {csv("ragged.csv"), {"ragged.csv:3", "expected 3 fields"}},
          {csv("words.csv"), {"words.csv:2", "\"two\""}},
          {csv("empty.csv"), {"empty.csv", "found nothing"}},
          {csv("few.csv"), {"few.csv", "at least 3"}},
          {csv("one-class.csv"), {"one-class.csv", "two classes"}},
          {csv("far.csv") + Words{"--clock", "shared"}, {"far.csv", "1e30"}},
          {csv("none.csv"), {"none.csv", "found none"}},
          {{"train", "--task", "csv", "--data", "/dev/zero", "--out", out.string()},
           {"/dev/zero", "no regular file"}},
      });
}

}  // namespace sequence_tasks_errors_test
