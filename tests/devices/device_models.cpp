// device_models FOLDER WINDOWS: the networks that device_check.c runs on microcontrollers. For
// each, NAME_float.h and NAME_integers.h, headers in C; NAME_float.c and NAME_integers.c, ten
// sequences with the outputs that the host computes; NAME.csv, the neurons and the share of
// updates.
//
// Weights and inputs are random, since the windows alone decide what a step costs.
#include <array>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "exchange/run_program.hpp"
#include "glstm/core/batch.hpp"
#include "glstm/core/error.hpp"
#include "glstm/core/random.hpp"
#include "glstm/core/text.hpp"
#include "glstm/exchange/header.hpp"
#include "glstm/io/atomic_file.hpp"
#include "glstm/nn/network.hpp"

namespace {

using namespace glstm;

constexpr Index sequences = 10, steps = 784, outputs = 10;

template <TimeGate Gate>
Network<Gate> network_of(Index neurons, double open_share, Rng& rng) {
  Network<Gate> network(NetworkOptions<Gate>{.hidden = {neurons}, .outputs = outputs});
  network.initialize({.gates = {.start = 0, .end = steps, .open_share = open_share}}, rng);
  return network;
}

/// The windows of a file of bench/trained_windows, [H,2].
Matrix<float> read_windows(const std::filesystem::path& path) {
  std::ifstream file(path);
  std::vector<std::array<float, 2>> rows;
  for (std::string line; std::getline(file, line);) {
    const std::size_t comma = line.find(',');
    if (line.empty() || line[0] == '#' || line.starts_with("mu")) continue;
    detail::require(comma != std::string::npos, path.string(), ": expected mu,sigma, got ", line);
    rows.push_back({std::stof(line.substr(0, comma)), std::stof(line.substr(comma + 1))});
  }
  detail::require(!rows.empty(), "expected windows in ", path.string(), ", found none");
  Matrix<float> windows(static_cast<Index>(rows.size()), 2);
  for (std::size_t j = 0; j < rows.size(); ++j) {
    windows(static_cast<Index>(j), 0) = rows[j][0];
    windows(static_cast<Index>(j), 1) = rows[j][1];
  }
  return windows;
}

template <class Numbers>
std::string array(const std::string& type, const std::string& name, Index columns,
                  const Numbers& numbers) {
  std::string text = "const " + type + " " + name + "[][" + std::to_string(columns) + "] = {";
  Index n = 0;
  for (const auto number : numbers) {
    text += n++ % columns == 0 ? "\n{" : ", ";
    if constexpr (std::is_integral_v<std::decay_t<decltype(number)>>) {
      text += std::to_string(number);
    } else {
      text += detail::header::literal(number);
    }
    if (n % columns == 0) text += "},";
  }
  return text + "\n};\n";
}

class DeviceModels {
 public:
  explicit DeviceModels(std::filesystem::path folder) : folder_(std::move(folder)) {
    std::filesystem::create_directories(folder_);
  }

  template <TimeGate Gate>
  void add(const std::string& name, const Network<Gate>& network, Rng& rng) const {
    auto examples = SequenceBatch<float>::zeros(sequences, steps, 1);
    for (float& x : examples.values.reshaped()) x = static_cast<float>(rng.uniform(0, 1));
    add_float(name, network, examples);
    const Index updates = add_integers(name, network, examples);
    const Index neurons = network.options().hidden.front();
    const double share = static_cast<double>(updates) / static_cast<double>(neurons * steps);
    write_file_atomically(folder_ / (name + ".csv"), detail::text_of(neurons, ",", share, "\n"));
  }

 private:
  template <TimeGate Gate>
  void add_float(const std::string& name, const Network<Gate>& network,
                 const SequenceBatch<float>& examples) const {
    save_header(folder_ / (name + "_float.h"), network,
                {.name_space = "net", .language = HeaderLanguage::c});
    NetworkTape<float> tape;
    const Matrix<float> y = network.predict(examples, tape);
    write_data(name + "_float.c", array("float", "inputs", steps, by_rows(examples.values)) +
                                      array("float", "expected", outputs, by_rows(y)));
  }

  /// Returns the number of updates in a sequence.
  template <TimeGate Gate>
  Index add_integers(const std::string& name, const Network<Gate>& network,
                     const SequenceBatch<float>& examples) const {
    const Calibration calibration = calibrate(network, examples);
    save_integer_header(folder_ / (name + "_integers.h"), network, calibration,
                        {.name_space = "net", .language = HeaderLanguage::c});
    IntegerNetwork integers(network, calibration);
    std::vector<std::int16_t> x;
    std::vector<std::int32_t> y;
    Index updates = 0;
    for (Index b = 0; b < sequences; ++b) {
      integers.reset();
      for (Index n = 0; n < steps; ++n) {
        const float value = examples.values(b, n);
        std::int16_t quantized = 0;
        integers.quantize(&value, &quantized);
        x.push_back(quantized);
        updates += integers.step(&quantized, static_cast<std::int32_t>(n));
      }
      for (const std::int32_t number : integers.output()) y.push_back(number);
    }
    write_data(name + "_integers.c",
               array("int16_t", "inputs", steps, x) + array("int32_t", "expected", outputs, y));
    return updates / sequences;
  }

  static std::vector<float> by_rows(const Matrix<float>& values) {
    std::vector<float> numbers;
    for (Index b = 0; b < values.rows(); ++b) {
      for (Index n = 0; n < values.cols(); ++n) numbers.push_back(values(b, n));
    }
    return numbers;
  }

  void write_data(const std::string& file, const std::string& arrays) const {
    write_file_atomically(folder_ / file,
                          "/* Written by device_models. */\n#include <stdint.h>\n" + arrays);
  }

  std::filesystem::path folder_;
};

void add_all(const DeviceModels& models, const std::filesystem::path& windows) {
  using Gated = GaussianGate<float>;
  Rng rng(1);
  for (const char* share : {"02", "05", "10"}) {
    const std::string name = std::string("mnist_") + share;
    const Matrix<float> gates = read_windows(windows / (name + ".csv"));
    auto network = network_of<Gated>(gates.rows(), 0.1, rng);
    network.layers()[0].gate_parameters(network.parameters) = gates;
    models.add(name, network, rng);
  }
  models.add("lstm_110", network_of<AlwaysOpen<float>>(110, 1, rng), rng);
  for (const Index neurons : {32, 64, 128}) {
    for (const int percent : {2, 5, 10, 20}) {
      models.add(detail::text_of("even_", neurons, percent < 10 ? "_0" : "_", percent),
                 network_of<Gated>(neurons, percent / 100.0, rng), rng);
    }
  }
}

}  // namespace

int main(int argc, char** argv) {
  return run_program(argc, argv, "device_models FOLDER WINDOWS", [](char** arguments) {
    add_all(DeviceModels(arguments[0]), arguments[1]);
    return 0;
  });
}
