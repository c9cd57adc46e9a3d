// Exports the network of a finished run in the formats of other programs.
#pragma once

#include <filesystem>
#include <iosfwd>
#include <optional>
#include <string>

#include "run_folder.hpp"

namespace sequence_tasks {

struct ExportOptions {
  std::string format = "safetensors";     ///< or pytorch, keras, rtneural, onnx, header
  std::string storage = "full";           ///< or float16, int8; for safetensors and header
  std::optional<std::string> name_space;  ///< for header
  std::filesystem::path out;              ///< replaced if it exists
};

/// Writes the best network of a finished run, or the plain LSTM at the end of a curriculum. With a
/// storage that rounds, the network is tested before and after rounding. Throws glstm::Error, and
/// writes nothing, if the format cannot hold the network, does not have this storage or a
/// namespace, or if the test sequences are missing.
void export_run(const RunFolder& folder, const ExportOptions& options, std::ostream& out);

}  // namespace sequence_tasks
