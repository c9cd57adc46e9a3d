// The network of a finished run, in the formats of other programs.
#pragma once

#include <filesystem>
#include <iosfwd>
#include <optional>
#include <string>

#include "run_folder.hpp"

namespace sequence_tasks {

struct ExportOptions {
  std::string format = "safetensors";     ///< or pytorch, keras, rtneural, onnx, header
  std::string storage = "full";           ///< or float16, int8: of safetensors and header
  std::optional<std::string> name_space;  ///< of a header
  std::filesystem::path out;              ///< an older file is replaced
};

/// Writes the best network of a finished run; of a curriculum, the plain LSTM. With a storage that
/// rounds, the network is tested as trained and as stored. Throws glstm::Error, and writes nothing,
/// when the format cannot hold the network, or has no such storage or namespace, or the sequences
/// to test it with are not there.
void export_run(const RunFolder& folder, const ExportOptions& options, std::ostream& out);

}  // namespace sequence_tasks
