#include "exporting.hpp"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <optional>
#include <ostream>
#include <type_traits>

#include "arduino_library.hpp"
#include "finished_network.hpp"
#include "glstm/core/text.hpp"
#include "glstm/exchange/exported_gate.hpp"
#include "glstm/exchange/header.hpp"
#include "glstm/exchange/keras.hpp"
#include "glstm/exchange/onnx.hpp"
#include "glstm/exchange/pytorch.hpp"
#include "glstm/exchange/rtneural.hpp"
#include "glstm/io/atomic_file.hpp"
#include "glstm/io/network_file.hpp"
#include "glstm/io/source_file.hpp"
#include "integers.hpp"
#include "measurement.hpp"
#include "recorded_run.hpp"

namespace sequence_tasks {
namespace {

using namespace glstm;

constexpr Index default_calibration = 200, most_tested = 1000;

WeightStorage storage_of(const ExportOptions& options) {
  if (options.storage == "float16") return WeightStorage::float16;
  return options.storage == "int8" ? WeightStorage::int8 : WeightStorage::full;
}

bool in_integers(const ExportOptions& options) { return options.arithmetic == "int8"; }

/// Throws Error if options do not go together.
void check(const ExportOptions& options) {
  using detail::require;
  const std::string& format = options.format;
  const bool header = format == "header", arduino = format == "arduino";
  require(header || arduino || !options.name_space,
          "--namespace: expected --to header or arduino, got --to ", format);
  require(header || !options.language, "--language: expected --to header, got --to ", format,
          arduino ? ", whose header is in C" : "");
  require(header || arduino || !in_integers(options),
          "--arithmetic int8: expected --to header or arduino, got --to ", format);
  require(in_integers(options) || !options.tick,
          "--tick: expected --arithmetic int8, got --arithmetic ", options.arithmetic);
  require(in_integers(options) || !options.calibrate,
          "--calibrate: expected --arithmetic int8, got --arithmetic ", options.arithmetic);
  require(
      !in_integers(options) || !options.storage,
      "--storage: expected --arithmetic float, got --arithmetic int8, whose weights have 8 bits");
  require(!options.tick || (std::isfinite(*options.tick) && *options.tick > 0),
          "--tick: expected a number above 0, got ", options.tick.value_or(0));
  require(
      storage_of(options) == WeightStorage::full || header || arduino || format == "safetensors",
      "--storage ", options.storage.value_or(""),
      ": expected --to safetensors, header or arduino, got --to ", format);
}

/// A header of the network, and what it was calibrated with.
struct Header {
  std::string text;
  std::optional<Calibration> calibration;  ///< of integers
};

template <TimeGate Gate>
Header make_header(const Network<Gate>& network, const ExportOptions& options, const Task* task) {
  const std::string name = options.name_space.value_or(HeaderOptions().name_space);
  const bool is_c = options.format == "arduino" || options.language == "c";
  const HeaderLanguage language = is_c ? HeaderLanguage::c : HeaderLanguage::cpp;
  if (!in_integers(options)) {
    return {to_header(network,
                      {.name_space = name, .storage = storage_of(options), .language = language}),
            {}};
  }
  if constexpr (glstm::detail::gate_has_integers<Gate>) {
    Calibration calibration =
        calibration_of(network, *task, options.calibrate.value_or(default_calibration));
    std::string text = to_integer_header(
        network, calibration,
        {.name_space = name, .language = language, .tick = options.tick.value_or(1)});
    return {std::move(text), std::move(calibration)};
  } else {
    return {};  // export_network has refused
  }
}

/// Returns what a sketch must know. Its sequences are like the first one of the test set.
template <TimeGate Gate>
Sketch sketch_of(const Network<Gate>& network, const Task& task, const ExportOptions& options,
                 const std::string& header) {
  Sketch sketch;
  sketch.name = options.name_space.value_or(HeaderOptions().name_space);
  sketch.header = header;
  sketch.origin = detail::text_of(detail::ExportedGate<Gate>::network_name, " with ",
                                  network.layout().size(), " parameters, trained on ", task.title);
  sketch.inputs = network.options().inputs;
  sketch.outputs = network.options().outputs;
  sketch.classifies = task.has_labels();
  sketch.every_step = task.every_step;
  sketch.in_integers = in_integers(options);
  sketch.gated = !std::is_same_v<Gate, AlwaysOpen<float>>;
  sketch.has_events = std::is_same_v<Gate, GaussianGate<float>>;
  const double tick = sketch.in_integers ? options.tick.value_or(1) : 1;
  const double origin = sketch.in_integers ? network.options().time_origin : 0;
  LabelledBatch<float> batch;
  const Index first = 0;
  task.test->load({&first, 1}, batch);
  const Timing& timing = batch.input.timing;
  sketch.steps = std::max<Index>(1, timing.length(0));
  const double begin = timing.time(0, 0), end = timing.time(0, sketch.steps - 1);
  sketch.first_time = (begin - origin) / tick;
  sketch.time_step = 1 / tick;
  if (end > begin) {
    sketch.time_step = (end - begin) / static_cast<double>(sketch.steps - 1) / tick;
  }
  sketch.data = network.data;
  return sketch;
}

/// Writes a header, or a library with one. Returns the ranges that integers were calibrated with.
template <TimeGate Gate>
std::optional<Calibration> write_header(const Network<Gate>& network, const ExportOptions& options,
                                        const Task* task) {
  const Header header = detail::naming_source(options.out.string(),
                                              [&] { return make_header(network, options, task); });
  if (options.format == "arduino") {
    write_arduino_library(sketch_of(network, *task, options, header.text), options.out);
  } else {
    write_file_atomically(options.out, header.text);
  }
  return header.calibration;
}

template <TimeGate Gate>
void write(const Network<Gate>& network, const ExportOptions& options) {
  const std::string& format = options.format;
  if (format == "safetensors") {
    save_network(options.out, network, {.storage = storage_of(options)});
    return;
  }
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

/// Returns the accuracy or the error, as text.
std::string text_of(const LossValue& value, const Task& task) {
  if (!task.has_labels()) return detail::text_of("error ", value.loss);
  return "accuracy " + glstm::detail::fixed_text(100 * value.accuracy(), 2) + " %";
}

/// Returns the accuracy or the error on a part of the test set, as text.
template <TimeGate Gate>
std::string result_of(const Network<Gate>& network, const Task& task, const Data& data) {
  return text_of(test_network(network, data).mean.task, task);
}

template <TimeGate Gate>
void export_network(const Network<Gate>& network, const Settings& settings,
                    const ExportOptions& options, std::ostream& out) {
  const bool arduino = options.format == "arduino";
  detail::require(glstm::detail::gate_has_integers<Gate> || !in_integers(options),
                  "--arithmetic int8: expected an LSTM or a g-LSTM, got a phased LSTM");
  std::optional<Task> task;
  std::optional<Calibration> calibration;
  // Integers need examples, and a sketch the length of sequences.
  if (in_integers(options) || arduino) task = make_task(settings);
  if (options.format == "header" || arduino) {
    calibration = write_header(network, options, task ? &*task : nullptr);
  } else {
    write(network, options);
  }
  out << options.out.string() << ": " << network.layout().size() << " parameters, ";
  if (arduino) {
    out << "a library for Arduino\n";
  } else {
    out << std::filesystem::file_size(options.out) << " bytes\n";
  }
  if constexpr (glstm::detail::gate_has_integers<Gate>) {
    if (calibration) {
      const auto tested = first_samples(task->test, most_tested);
      out << "test " << result_of(network, *task, *tested) << " as trained, "
          << text_of(test_in_integers(network, *calibration, options.tick.value_or(1), *tested),
                     *task)
          << " in integers, over " << tested->size() << " of " << task->test->size()
          << " sequences\n";
      return;
    }
  }
  const WeightStorage storage = storage_of(options);
  if (storage == WeightStorage::full) return;
  try {
    if (!task) task = make_task(settings);
  } catch (const Error& error) {
    out << "not tested as stored, without the data: " << error.what() << "\n";
    return;
  }
  out << "test " << result_of(network, *task, *task->test) << " as trained, "
      << result_of(as_stored(network, storage), *task, *task->test) << " as stored\n";
}

}  // namespace

void export_run(const RunFolder& folder, const ExportOptions& options, std::ostream& out) {
  check(options);
  if (options.format == "arduino") expect_no_library(options.out);
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
