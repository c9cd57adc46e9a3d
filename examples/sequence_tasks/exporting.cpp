#include "exporting.hpp"

#include <optional>
#include <ostream>
#include <type_traits>

#include "finished_network.hpp"
#include "glstm/core/text.hpp"
#include "glstm/exchange/header.hpp"
#include "glstm/exchange/keras.hpp"
#include "glstm/exchange/onnx.hpp"
#include "glstm/exchange/pytorch.hpp"
#include "glstm/exchange/rtneural.hpp"
#include "glstm/io/network_file.hpp"
#include "measurement.hpp"
#include "recorded_run.hpp"

namespace sequence_tasks {
namespace {

using namespace glstm;

WeightStorage storage_of(const std::string& name) {
  if (name == "float16") return WeightStorage::float16;
  return name == "int8" ? WeightStorage::int8 : WeightStorage::full;
}

template <TimeGate Gate>
void write(const Network<Gate>& network, const ExportOptions& options) {
  const WeightStorage storage = storage_of(options.storage);
  const std::string& format = options.format;
  detail::require(format == "header" || !options.name_space,
                  "--namespace: expected --to header, got --to ", format);
  if (format == "safetensors") {
    save_network(options.out, network, {.storage = storage});
    return;
  }
  if (format == "header") {
    HeaderOptions header{.storage = storage};
    if (options.name_space) header.name_space = *options.name_space;
    save_header(options.out, network, header);
    return;
  }
  detail::require(storage == WeightStorage::full, "--storage ", options.storage,
                  ": expected --to safetensors or header, got --to ", format);
  if (format == "onnx") {
    save_onnx(options.out, network);
    return;
  }
  if constexpr (std::is_same_v<Gate, AlwaysOpen<float>>) {
    if (format == "pytorch") save_pytorch(options.out, network);
    if (format == "keras") save_keras(options.out, network);
    if (format == "rtneural") save_rtneural(options.out, network);
  } else {
    throw Error("--to " + format +
                ": expected a plain LSTM (a run with --model lstm or --widen), got a network with "
                "time gates");
  }
}

/// Returns the accuracy or the error on the test set, as text.
template <TimeGate Gate>
std::string result_of(const Network<Gate>& network, const Task& task) {
  const Evaluation mean = test_network(network, *task.test).mean;
  if (!task.has_labels()) return detail::text_of("error ", mean.task.loss);
  return "accuracy " + glstm::detail::fixed_text(100 * mean.accuracy(), 2) + " %";
}

template <TimeGate Gate>
void export_network(const Network<Gate>& network, const Settings& settings,
                    const ExportOptions& options, std::ostream& out) {
  const WeightStorage storage = storage_of(options.storage);
  write(network, options);
  out << options.out.string() << ": " << network.layout().size() << " parameters, "
      << std::filesystem::file_size(options.out) << " bytes\n";
  if (storage == WeightStorage::full) return;
  std::optional<Task> task;
  try {
    task = make_task(settings);
  } catch (const Error& error) {
    out << "not tested as stored, without the data: " << error.what() << "\n";
    return;
  }
  out << "test " << result_of(network, *task) << " as trained, "
      << result_of(as_stored(network, storage), *task) << " as stored\n";
}

}  // namespace

void export_run(const RunFolder& folder, const ExportOptions& options, std::ostream& out) {
  const FolderLock lock(folder);
  for (const std::filesystem::path& file : folder.files()) {
    detail::require(
        std::filesystem::weakly_canonical(file) != std::filesystem::weakly_canonical(options.out),
        "--out ", options.out.string(),
        ": expected a file that does not belong to the run, got one of its files");
  }
  const Settings settings = read_settings(folder);
  with_finished_network(folder, settings, [&](const auto& network) {
    export_network(network, settings, options, out);
  });
}

}  // namespace sequence_tasks
