// Trains a network that classifies the cycles of a machine by their pressure, and writes it as a C
// header of integers, with some cycles to try it on:
//
//   train FOLDER     writes FOLDER/model.h and FOLDER/cycles.h
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <exception>
#include <filesystem>
#include <iostream>
#include <numbers>
#include <numeric>
#include <sstream>
#include <string>
#include <vector>

#include "glstm/exchange/header.hpp"
#include "glstm/glstm.hpp"

namespace {

using namespace glstm;

constexpr double pause = 0.01;  // s between samples
constexpr Index samples = 500;  // of a cycle: 5 s
constexpr Index training_cycles = 1200, test_cycles = 400, device_cycles = 12;
const std::vector<std::string> kinds = {"normal", "double", "missing"};

/// What an analogue-to-digital converter of 12 bits reads during a cycle: a pulse that starts 3.0
/// to 3.3 s after the beginning, two short ones in its place, or none; and noise throughout.
std::vector<float> pressure(int kind, Rng& rng) {
  std::vector<float> counts;
  const double start = rng.uniform(3.0, 3.3), height = rng.uniform(500, 900);
  for (Index n = 0; n < samples; ++n) {
    const double since = (pause * static_cast<double>(n) - start) / 0.3;
    const bool within = kind != 2 && since > 0 && since < 1;
    const double wave = std::sin((kind == 1 ? 2 : 1) * std::numbers::pi * since);
    const double pulse = within ? height * std::abs(wave) : 0;
    counts.push_back(
        static_cast<float>(std::round(std::clamp(2048 + pulse + 150 * rng.normal(), 0.0, 4095.0))));
  }
  return counts;
}

void write_cycles(const std::filesystem::path& path, const SequenceBatch<float>& cycles,
                  const std::vector<int>& labels, const std::vector<int>& answers) {
  std::ostringstream text;
  text << "/* Pressure during cycles of a machine, written by train.cpp. */\n#include <stdint.h>\n"
       << "enum { cycle_count = " << labels.size() << ", cycle_samples = " << samples << " };\n"
       << "static const char* const kind_names[] = {";
  for (const std::string& kind : kinds) text << '"' << kind << "\", ";
  text << "};\n/* What the cycles are, and what the network answers on the host. */\n";
  for (const auto& [name, numbers] :
       {std::pair{"cycle_kinds", &labels}, {"host_answers", &answers}}) {
    text << "static const uint8_t " << name << "[cycle_count] = {";
    for (const int number : *numbers) text << number << ", ";
    text << "};\n";
  }
  text << "static const uint16_t cycle_counts[cycle_count][cycle_samples] = {\n";
  for (Index b = 0; b < static_cast<Index>(labels.size()); ++b) {
    text << "{";
    for (Index n = 0; n < samples; ++n) {
      text << std::lround(2048 + 1000 * cycles.values(b, n)) << (n % 18 == 17 ? ",\n" : ",");
    }
    text << "},\n";
  }
  text << "};\n";
  write_file_atomically(path, text.str());
}

void train(const std::filesystem::path& folder) {
  Rng rng(1);
  std::vector<float> x;  // [N,T], scaled
  std::vector<int> labels;
  for (Index s = 0; s < training_cycles + test_cycles; ++s) {
    labels.push_back(static_cast<int>(s % 3));
    for (const float count : pressure(labels.back(), rng)) x.push_back((count - 2048) / 1000);
  }
  const auto dataset = [&](Index first, Index count) {
    const auto cycles = x.begin() + first * samples;
    const auto kind = labels.begin() + first;
    return ArrayDataset<float>({cycles, cycles + count * samples}, {kind, kind + count},
                               {.steps = samples});
  };
  const auto training = dataset(0, training_cycles), test = dataset(training_cycles, test_cycles);

  GLstm<float> network({.inputs = 1, .hidden = {24}, .outputs = 3, .loss = cross_entropy});
  network.initialize({.gates = {.start = 300, .end = 360, .open_share = 0.4}}, rng);
  network.data.feature_scaling = {{.offset = 2048, .scale = 1000}};  // the device has counts
  network.data.class_names = kinds;
  fit(network, training, {.epochs = 15});
  const Evaluation real = evaluate(network, test);

  // The ranges of its numbers over a part of the training set, then the same network in integers.
  LabelledBatch<float> batch;
  std::vector<Index> some(200);
  std::iota(some.begin(), some.end(), Index(0));
  training.load(some, batch);
  const Calibration calibration = calibrate(network, batch.input);
  IntegerNetwork integers(network, calibration);
  std::vector<int> answers;
  int correct = 0;
  some.resize(static_cast<std::size_t>(test_cycles));
  std::iota(some.begin(), some.end(), Index(0));
  test.load(some, batch);
  for (Index b = 0; b < test_cycles; ++b) {
    integers.reset();
    for (Index n = 0; n < samples; ++n) {
      std::int16_t input = 0;
      integers.quantize(&batch.input.values(b, n), &input);
      integers.step(&input, static_cast<std::int32_t>(n));
    }
    const auto y = integers.output();
    answers.push_back(static_cast<int>(std::max_element(y.begin(), y.end()) - y.begin()));
    correct += answers.back() == batch.targets.labels(b, 0);
  }
  std::cout << "test accuracy " << real.accuracy() << ", in integers "
            << static_cast<double>(correct) / static_cast<double>(test_cycles) << "; "
            << 100 * real.ops.update_share() << " % of the updates\n";
  const DeviceEstimate device = *summary(network, samples).device;
  std::cout << "estimated for a cycle: flash " << device.flash << " B, RAM " << device.ram << " B, "
            << device.instructions << " instructions\n";

  save_integer_header(folder / "model.h", network, calibration,
                      {.name_space = "model", .language = HeaderLanguage::c});
  const auto kinds_of_test = labels.begin() + training_cycles;
  answers.resize(static_cast<std::size_t>(device_cycles));
  write_cycles(folder / "cycles.h", batch.input, {kinds_of_test, kinds_of_test + device_cycles},
               answers);
}

}  // namespace

int main(int argc, char** argv) {
  try {
    detail::require(argc == 2, "expected a folder, got ", argc - 1, " arguments");
    train(argv[1]);
  } catch (const std::exception& error) {
    std::cerr << "train: " << error.what() << "\n";
    return 2;
  }
}
