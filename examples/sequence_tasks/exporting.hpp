// Exports the network of a finished run in the formats of other programs.
#pragma once

#include <filesystem>
#include <iosfwd>
#include <optional>
#include <string>

#include "run_folder.hpp"

namespace sequence_tasks {

struct ExportOptions {
  std::string format = "safetensors";     ///< or pytorch, keras, rtneural, onnx, header, arduino
  std::optional<std::string> storage;     ///< full, float16 or int8; for safetensors and headers
  std::optional<std::string> name_space;  ///< for header and arduino
  std::optional<std::string> language;    ///< c or c++; for header
  std::string arithmetic = "float";       ///< or int8; for header and arduino
  std::optional<double> tick;             ///< the unit of times of int8
  std::optional<Index> calibrate;         ///< training sequences that give int8 its scales
  std::filesystem::path out;  ///< replaced if it exists; for arduino a folder, which must not exist
};

/// Writes the best network of a finished run, or the plain LSTM at the end of a curriculum. With a
/// storage that rounds, or in integers, the network is tested before and after rounding. Throws
/// glstm::Error, and writes nothing, if the format cannot hold the network or does not have one of
/// the options, or if the data are missing that integers or a sketch need.
void export_run(const RunFolder& folder, const ExportOptions& options, std::ostream& out);

}  // namespace sequence_tasks
