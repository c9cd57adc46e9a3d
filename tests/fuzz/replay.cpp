// fuzz_replay CORPUS: the fuzz target of the folder's name, without libFuzzer. Runs the files of
// its corpus and its valid inputs, all their beginnings, and what they are with a byte changed; of
// long ones only some.
#include <algorithm>
#include <cstdio>
#include <exception>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <utility>
#include <vector>

#include "fuzz.hpp"

namespace {

struct Input {
  std::string name, bytes;
  bool valid;  ///< the target must accept it
};

std::vector<Input> inputs_of(const std::string& target, const std::filesystem::path& folder) {
  std::vector<Input> inputs;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    std::ifstream file(entry.path(), std::ios::binary);
    const std::string name = entry.path().filename().string();
    inputs.push_back(
        {name, std::string(std::istreambuf_iterator<char>(file), {}), name.starts_with("valid")});
  }
  std::sort(inputs.begin(), inputs.end(),
            [](const Input& a, const Input& b) { return a.name < b.name; });
  for (const auto make : fuzz::ValidInput::all()[target]) {
    inputs.push_back({"valid input " + std::to_string(inputs.size()), make(), true});
  }
  return inputs;
}

/// Runs the target on bytes of their own, so that a sanitizer sees a read behind them.
void run(fuzz::Target target, const std::string& bytes) {
  const std::vector<std::uint8_t> copy(bytes.begin(), bytes.end());
  target(copy.data(), copy.size());
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fprintf(stderr, "usage: %s CORPUS\n", argv[0]);
    return 2;
  }
  std::string current = "the corpus";
  long runs = 0;
  try {
    const std::filesystem::path folder = argv[1];
    const std::string name = folder.filename().string();
    glstm::detail::require(fuzz::targets().contains(name), "there is no target ", name);
    const fuzz::Target target = fuzz::targets()[name];
    const std::vector<Input> inputs = inputs_of(name, folder);
    glstm::detail::require(!inputs.empty(), "expected inputs in ", argv[1], ", found none");
    for (const Input& input : inputs) {
      current = input.name;
      const long before = fuzz::accepted;
      run(target, input.bytes);
      glstm::detail::require(!input.valid || fuzz::accepted > before,
                             "expected to be accepted, was refused");
      ++runs;
      const std::size_t stride = 1 + input.bytes.size() / 2000;
      for (std::size_t at = 0; at < input.bytes.size(); at += stride, runs += 2) {
        current = input.name + ", its first " + std::to_string(at) + " bytes";
        run(target, input.bytes.substr(0, at));
        current = input.name + ", with byte " + std::to_string(at) + " changed";
        std::string changed = input.bytes;
        changed[at] = static_cast<char>(changed[at] ^ (1 << (at % 8)));
        run(target, changed);
      }
    }
    std::printf("%zu inputs, %ld runs\n", inputs.size(), runs);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s: %s\n", current.c_str(), error.what());
    return 1;
  }
  return 0;
}
