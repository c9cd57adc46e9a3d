// The program sequence_tasks in several processes, as mpirun starts them.
#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <string>
#include <thread>
#include <vector>

#include "calling.hpp"
#include "catch.hpp"

namespace sequence_tasks_mpi_test {

namespace {

/// The command for so many processes.
Words in_processes(int count) {
  // More than there are cores, by anybody. MPICH allows that and does not look at these.
  for (const char* variable : {"OMPI_ALLOW_RUN_AS_ROOT", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM",
                               "OMPI_MCA_rmaps_base_oversubscribe"}) {
    setenv(variable, "1", 1);
  }
  return {GLSTM_MPIRUN, "-n", std::to_string(count), program};
}

Outcome call_in_processes(const TemporaryFolder& folder, int count, const Words& words) {
  const fs::path output = folder / "output.txt";
  return wait_for(start(in_processes(count) + words, output), output);
}

/// The processes that mpirun has started. MPICH's starts them by a process in between.
std::vector<pid_t> processes_of(pid_t mpirun) {
  std::istringstream text(
      text_in("/proc/" + std::to_string(mpirun) + "/task/" + std::to_string(mpirun) + "/children"));
  std::vector<pid_t> processes;
  for (pid_t child = 0; text >> child;) {
    const std::vector<pid_t> own = processes_of(child);
    processes.insert(processes.end(), own.begin(), own.end());
    if (own.empty()) processes.push_back(child);
  }
  return processes;
}

std::ptrdiff_t count_of(const std::string& part, const std::string& text) {
  std::ptrdiff_t count = 0;
  for (auto at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++count;
  return count;
}

const Words shared = {"--batch", "24", "--shards", "4", "--target-share", "0.2"};

}  // namespace

TEST_CASE("sequence_tasks: any number of processes trains the same network") {
  const TemporaryFolder folder;
  const Outcome alone = call(folder, train(folder / "alone", shared));
  REQUIRE(alone.code == 0);
  for (const int count : {1, 2, 4}) {
    const fs::path run = folder / std::to_string(count);
    const Outcome done = call_in_processes(folder, count, train(run, shared));
    INFO(done.text);
    REQUIRE(done.code == 0);
    CHECK(count_of("test squared error", done.text) == 1);
    check_same_checkpoints(folder / "alone/last.safetensors", run / "last.safetensors");
    check_same_checkpoints(folder / "alone/best.safetensors", run / "best.safetensors");
    CHECK(log_without_seconds(folder / "alone") == log_without_seconds(run));
    CHECK(fs::exists(run / "metrics.json"));
  }
}

TEST_CASE("sequence_tasks: a process that dies ends the job and another number goes on") {
  const TemporaryFolder folder;
  const auto into = [&](const char* run) {
    return train(folder / run, shared + Words{"--epochs", "200", "--reports", "1", "--resume"});
  };
  REQUIRE(call(folder, into("whole")).code == 0);
  // Every job is killed after it has written a checkpoint of its own.
  const fs::path checkpoint = folder / "killed/last.safetensors", output = folder / "output.txt";
  for (int job = 0; job < 3; ++job) {
    CAPTURE(job);
    const std::string before = text_in(checkpoint);
    const pid_t mpirun = start(in_processes(2 + 2 * (job % 2)) + into("killed"), output);
    for (int wait = 0; text_in(checkpoint) == before; ++wait) {
      REQUIRE(wait < 30'000);
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    const std::vector<pid_t> processes = processes_of(mpirun);
    REQUIRE(!processes.empty());
    kill(processes[static_cast<std::size_t>(job) % processes.size()], SIGKILL);
    const Outcome outcome = wait_for(mpirun, output);
    INFO(outcome.text);
    CHECK(outcome.code > 0);  // mpirun itself ended in order
    check_mentions(outcome.text, {"signal 9"});
    if (job > 0) check_mentions(outcome.text, {"Resumed after step"});
  }
  const Outcome done = call_in_processes(folder, 4, into("killed"));
  INFO(done.text);
  REQUIRE(done.code == 0);
  check_mentions(done.text, {"Resumed after step"});
  check_same_checkpoints(folder / "whole/last.safetensors", folder / "killed/last.safetensors");
  CHECK(log_without_seconds(folder / "whole") == log_without_seconds(folder / "killed"));
  check_mentions(call_in_processes(folder, 2, into("killed")).text, {"already finished"});
}

TEST_CASE("sequence_tasks: what all processes meet is told once") {
  const TemporaryFolder folder;
  REQUIRE(call(folder, train(folder / "run")).code == 0);
  const auto before = content_of(folder / "");
  for (const auto& [words, named] : std::vector<std::pair<Words, std::string>>{
           {train(folder / "run"), "already holds a run"},
           {train(folder / "new", {"--steps", "1"}), "--steps"},
           {train(folder / "new", {"--bogus"}), "--bogus"}}) {
    const Outcome refused = call_in_processes(folder, 2, words);
    INFO(refused.text);
    CHECK(refused.code == 2);
    CHECK(count_of("sequence_tasks: ", refused.text) == 1);
    check_mentions(refused.text, {named});
  }
  CHECK(content_of(folder / "") == before);
  const Outcome help = call_in_processes(folder, 2, {"train", "--help"});
  CHECK(help.code == 0);
  CHECK(count_of("--target-share", help.text) == 1);
}

TEST_CASE("sequence_tasks: compare and what one process does in several") {
  const TemporaryFolder folder;
  const Outcome compared = call_in_processes(
      folder, 2, Words{"compare", "--epochs", "1", "--out", folder / "both"} + tiny);
  INFO(compared.text);
  REQUIRE(compared.code == 0);
  CHECK(fs::exists(folder / "both/index.html"));
  const Outcome evaluated = call_in_processes(folder, 2, {"evaluate", folder / "both/LSTM"});
  CHECK(evaluated.code == 0);
  CHECK(count_of("test squared error", evaluated.text) == 1);
}

}  // namespace sequence_tasks_mpi_test
