// Runs a program's only target in libFuzzer, and gives it the valid inputs beside those of its
// corpus.
#include <cstring>
#include <fstream>
#include <string>

#include "fuzz.hpp"

/// Writes them into the first folder on the command line, where new inputs go.
extern "C" int LLVMFuzzerInitialize(int* argc, char*** argv) {
  const auto& makers = fuzz::ValidInput::all()[fuzz::targets().begin()->first];
  for (int i = 1; i < *argc; ++i) {
    const std::filesystem::path folder = (*argv)[i];
    if (!std::filesystem::is_directory(folder)) continue;
    for (std::size_t n = 0; n < makers.size(); ++n) {
      const std::string bytes = makers[n]();
      std::ofstream file(folder / ("valid_" + std::to_string(n)), std::ios::binary);
      file.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
    }
    break;
  }
  return 0;
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const fuzz::Target target = fuzz::targets().begin()->second;
  return target(data, size);
}
