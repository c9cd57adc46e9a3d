// A run that is killed fifty times, at random moments and while it writes checkpoints, ends with
// the bits of one that was left alone.
#include <signal.h>

#include <algorithm>
#include <chrono>
#include <iostream>
#include <map>
#include <set>
#include <string>
#include <thread>

#include "catch.hpp"
#include "examples/calling.hpp"
#include "glstm/core/random.hpp"

namespace {

constexpr int kills = 50;
constexpr const char* checkpoints[] = {"last.safetensors", "best.safetensors"};

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

using Names = std::set<std::string>;

// What files are before they are whole: each has a name of its own.
Names unfinished_files(const fs::path& folder) {
  Names names;
  std::error_code error;
  for (fs::directory_iterator file(folder, error), end; !error && file != end;
       file.increment(error)) {
    if (file->path().extension() == ".tmp") names.insert(file->path().filename());
  }
  return names;
}

// The epoch that the log ends with.
std::string last_line(const fs::path& log) {
  std::string line, last;
  for (std::ifstream in(log); std::getline(in, line);) last = line.substr(0, line.find(','));
  return last;
}

// Throws glstm::Error when the checkpoint is not whole.
double least_error(const fs::path& checkpoint) {
  return std::stod(glstm::load_safetensors(checkpoint).metadata.at("least_error"));
}

}  // namespace

TEST_CASE("a run that is killed fifty times goes on to the same bits") {
  const TemporaryFolder folder;
  const Words words = Words{program, "train", "--task", "adding", "--steps", "200"} +
                      Words{"--training-sequences", "2000", "--held-out", "100"} +
                      Words{"--test-sequences", "100", "--hidden", "64", "--epochs", "300"} +
                      Words{"--batch", "20", "--weight-noise", "0.01", "--average", "0.99"} +
                      Words{"--target-share", "0.1"};
  const fs::path output = folder / "output.txt", killed = folder / "killed";
  const auto begin = Clock::now();
  REQUIRE(wait_for(start(words + Words{"--out", folder / "whole"}, output), output).code == 0);
  const double whole_seconds = seconds_since(begin);

  // Every other kill waits for a checkpoint that is being written.
  glstm::Rng rng(7);
  int in_writing = 0;
  Names places;
  std::map<std::string, double> least;  // of each checkpoint
  for (int n = 0; n < kills; ++n) {
    const double seconds = rng.uniform(0.02, 1.2 * whole_seconds / kills);
    const bool await_writing = n % 2 == 1;
    const Names left = unfinished_files(killed);  // by the last kill: it may still be seen
    const auto is_writing = [&] {
      const Names seen = unfinished_files(killed);
      return !std::includes(left.begin(), left.end(), seen.begin(), seen.end());
    };
    const pid_t child = start(words + Words{"--out", killed, "--resume"}, output);
    std::this_thread::sleep_for(std::chrono::duration<double>(seconds));
    const auto waited = Clock::now();
    while (await_writing && !is_writing() && seconds_since(waited) < 5) {
    }
    kill(child, SIGKILL);
    const Outcome outcome = wait_for(child, output);
    INFO("kill " << n << " after " << seconds << " s: " << outcome.text);
    REQUIRE(outcome.code == -SIGKILL);  // killed: neither failed nor already done
    in_writing += is_writing();
    places.insert(last_line(killed / "log.csv"));
    for (const char* file : checkpoints) {  // each is whole and knows what was reached
      if (!fs::exists(killed / file)) continue;
      CAPTURE(file);
      const double error = least_error(killed / file);
      CHECK(error <= least.try_emplace(file, error).first->second);
      least[file] = error;
    }
  }
  const Outcome outcome =
      wait_for(start(words + Words{"--out", killed, "--resume"}, output), output);
  INFO(outcome.text);
  REQUIRE(outcome.code == 0);
  std::cout << kills << " kills of a run of " << whole_seconds << " s, at " << places.size()
            << " different lengths of its log, " << in_writing
            << " of them while a file was being written" << std::endl;
  CHECK(in_writing >= 10);
  CHECK(places.size() >= 20);
  CHECK(unfinished_files(killed).empty());

  for (const char* file : checkpoints) {
    CAPTURE(file);
    check_same_checkpoints(folder / "whole" / file, killed / file);
  }
  CHECK(log_without_seconds(folder / "whole") == log_without_seconds(killed));
  CHECK(text_in(folder / "whole/windows.csv") == text_in(killed / "windows.csv"));
}
