// Gives libFuzzer the valid inputs of a target beside those of its corpus.
#include <cstring>
#include <fstream>
#include <string>

#include "fuzz.hpp"

/// Writes them into the first folder on the command line, where new inputs go.
extern "C" int LLVMFuzzerInitialize(int* argc, char*** argv) {
  for (int i = 1; i < *argc; ++i) {
    const std::filesystem::path folder = (*argv)[i];
    if (!std::filesystem::is_directory(folder)) continue;
    for (std::size_t n = 0; n < fuzz::ValidInput::all().size(); ++n) {
      const std::string bytes = fuzz::ValidInput::all()[n]();
      std::ofstream file(folder / ("valid_" + std::to_string(n)), std::ios::binary);
      file.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
    }
    break;
  }
  return 0;
}
