// Calls the program sequence_tasks as a user does, and looks at what it leaves.
#pragma once

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>
#include <vector>

#include "catch.hpp"
#include "glstm/io/safetensors.hpp"
#include "temporary_folder.hpp"

namespace fs = std::filesystem;
using Json = nlohmann::json;
using Words = std::vector<std::string>;

const std::string program = GLSTM_SEQUENCE_TASKS;

inline std::string text_in(const fs::path& file) {
  std::ostringstream text;
  text << std::ifstream(file).rdbuf();
  return text.str();
}

/// Starts a program; what it prints goes to the file `output`, its errors to `output`.err.
inline pid_t start(Words words, const fs::path& output) {
  std::vector<char*> arguments;
  for (std::string& word : words) arguments.push_back(word.data());
  arguments.push_back(nullptr);
  const std::string file = output.string(), errors = file + ".err";
  const pid_t child = fork();
  if (child == 0) {
    dup2(open(file.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600), 1);
    dup2(open(errors.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600), 2);
    execv(arguments[0], arguments.data());
    _exit(127);
  }
  REQUIRE(child > 0);
  return child;
}

struct Outcome {
  int code;  // the exit code, or minus the signal that it died of
  std::string text, errors;
};

inline Outcome wait_for(pid_t child, const fs::path& output) {
  int status = 0;
  REQUIRE(waitpid(child, &status, 0) == child);
  const std::string errors = text_in(output.string() + ".err");
  return {WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status), text_in(output) + errors,
          errors};
}

/// Calls sequence_tasks and waits.
inline Outcome call(const TemporaryFolder& folder, Words words) {
  words.insert(words.begin(), program);
  const fs::path output = folder / "output.txt";
  return wait_for(start(words, output), output);
}

inline Words operator+(Words a, const Words& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

const Words tiny = {"--task",
                    "adding",
                    "--steps",
                    "40",
                    "--training-sequences",
                    "200",
                    "--held-out",
                    "50",
                    "--test-sequences",
                    "60",
                    "--hidden",
                    "8",
                    "--batch",
                    "20"};

inline Words train(const fs::path& out, const Words& more = {}) {
  return Words{"train"} + tiny + Words{"--epochs", "2", "--out", out.string()} + more;
}

/// All files below a folder but what `call` writes, with what they hold.
inline std::map<std::string, std::string> content_of(const fs::path& folder) {
  std::map<std::string, std::string> content;
  for (const auto& entry : fs::recursive_directory_iterator(folder)) {
    const std::string name = entry.path().string();
    if (entry.path().filename().string().starts_with("output.txt")) continue;
    content[name] = entry.is_regular_file() ? text_in(entry.path()) : "";
  }
  return content;
}

/// The columns of a log that do not depend on the clock.
inline std::string log_without_seconds(const fs::path& run) {
  std::ifstream in(run / "log.csv");
  std::string line, kept;
  while (std::getline(in, line)) {
    const std::size_t second = line.find(',', line.find(',') + 1);
    kept += line.substr(0, second) + line.substr(line.find(',', second + 1)) + "\n";
  }
  return kept;
}

/// Bit for bit, and the metadata but the seconds of training, which depend on the clock.
inline void check_same_checkpoints(const fs::path& a, const fs::path& b) {
  auto first = glstm::load_safetensors(a), second = glstm::load_safetensors(b);
  for (auto* file : {&first, &second}) file->metadata.erase("seconds");
  CHECK(first.metadata.size() == second.metadata.size());
  for (const auto& [key, value] : first.metadata) {
    CAPTURE(key);
    CHECK(value == second.metadata[key]);
  }
  REQUIRE(first.tensors.size() == second.tensors.size());
  for (const auto& [name, tensor] : first.tensors) {
    CAPTURE(name);
    REQUIRE(second.tensors.contains(name));
    const bool same_bits = glstm::format_safetensors({{}, {{name, tensor}}}) ==
                           glstm::format_safetensors({{}, {{name, second.tensors.at(name)}}});
    CHECK(same_bits);
  }
}

inline void write_file(const fs::path& file, const std::string& text) {
  std::ofstream(file) << text;
}
