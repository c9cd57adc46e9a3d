// exported_c_models FOLDER: random networks as headers in C, and check.c, a program that compares
// them with what the networks answer: integers to the bit.
#include <cstdint>
#include <filesystem>
#include <sstream>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "exchange/exported_networks.hpp"
#include "exchange/run_program.hpp"
#include "glstm/compiled.hpp"
#include "glstm/core/random.hpp"
#include "glstm/exchange/header.hpp"
#include "glstm/io/atomic_file.hpp"
#include "io/random_network.hpp"

namespace {

using namespace glstm;

class ExportedModels {
 public:
  explicit ExportedModels(std::filesystem::path folder) : folder_(std::move(folder)) {
    std::filesystem::create_directories(folder_);
    program_.precision(17);
  }

  template <TimeGate Gate>
  void add(const ExportedNetwork<Gate>& exported) {
    using Scalar = typename Gate::Scalar;
    Rng rng(count_ + 1);
    const Network<Gate> network = exported.network(rng);
    save_header(folder_ / (exported.name + ".h"), network,
                {.name_space = exported.name, .language = HeaderLanguage::c});
    const Index O = exported.options.outputs;
    const auto input = random_sequences<Scalar>(1, steps, exported.options.inputs,
                                                exported.options.time_origin, rng);
    std::vector<double> y;
    NetworkTape<Scalar> tape;
    SequenceBatch<Scalar> part;
    for (Index n = 0; n < steps; ++n) {
      copy_steps(input, 0, n + 1, part);
      const Matrix<Scalar>& answer = network.predict(part, tape);
      for (Index o = 0; o < O; ++o)
        y.push_back(static_cast<double>(answer(0, answer.cols() - O + o)));
    }
    constexpr bool is_float = std::is_same_v<Scalar, float>;
    begin(exported.name, is_float ? "float" : "double", is_float ? "1e-5" : "1e-12");
    add_array("number", "x", input.values.reshaped());
    constexpr bool gated = !std::is_same_v<Gate, AlwaysOpen<Scalar>>;
    if (gated) add_array("double", "t", input.timing.timestamps.reshaped());
    add_array("double", "expected", y);
    end(exported.options.inputs, O, gated ? ", t[n]" : "");
  }

  template <TimeGate Gate>
  void add_integers(const std::string& name, const NetworkOptions<Gate>& options, double tick) {
    using Scalar = typename Gate::Scalar;
    Rng rng(count_ + 1);
    const Network<Gate> network = random_network(options, rng);
    const auto input = random_sequences<Scalar>(3, steps, options.inputs, options.time_origin, rng);
    const Calibration calibration = calibrate(network, input);
    save_integer_header(folder_ / (name + ".h"), network, calibration,
                        {.name_space = name, .language = HeaderLanguage::c, .tick = tick});
    IntegerNetwork integers(network, calibration, tick);
    std::vector<std::int16_t> x(static_cast<std::size_t>(steps * options.inputs));
    std::vector<std::int32_t> t, y;
    for (Index n = 0; n < steps; ++n) {
      std::int16_t* const at = x.data() + n * options.inputs;
      integers.quantize(input.values.data() + n * options.inputs * 3, at);  // any numbers will do
      t.push_back(static_cast<std::int32_t>(static_cast<double>(n) * time_span / tick / steps));
      integers.step(at, t.back());
      for (const std::int32_t number : integers.output()) y.push_back(number);
    }
    begin(name, "integer", "0");
    add_array("int16_t", "x", x);
    constexpr bool gated = !std::is_same_v<Gate, AlwaysOpen<Scalar>>;
    if (gated) add_array("int32_t", "t", t);
    add_array("int32_t", "expected", y);
    end(options.inputs, options.outputs, gated ? ", t[n]" : "");
  }

  void write() const {
    write_file_atomically(folder_ / "check.c",
                          "/* Written by exported_c_models. */\n#include <stdio.h>\n" + headers_ +
                              "\n" + program_.str() + "int main(void) {\n  int wrong = 0;\n" +
                              calls_ + "  return wrong;\n}\n");
  }

 private:
  static constexpr Index steps = 60;

  void begin(const std::string& name, const std::string& type, const std::string& tolerance) {
    headers_ += "#include \"" + name + ".h\"\n";
    calls_ += "  wrong += check_" + name + "();\n";
    program_ << "/* " << type << " */\nstatic int check_" << name << "(void) {\n"
             << "  static const double tolerance = " << tolerance << ";\n";
    name_ = name;
    ++count_;
  }

  template <class Numbers>
  void add_array(const std::string& type, const char* name, const Numbers& numbers) {
    program_ << "  static const " << (type == "number" ? name_ + "_number" : type) << " " << name
             << "[] = {";
    for (const auto number : numbers) program_ << text_of(number) << ", ";
    program_ << "};\n";
  }

  template <class Number>
  static std::string text_of(Number number) {
    if constexpr (std::is_integral_v<Number>) {
      return std::to_string(number);
    } else {
      return detail::header::literal(number);
    }
  }

  /// Two runs, with a reset between them, and in the second `advance` without every output.
  void end(Index inputs, Index outputs, const std::string& t) {
    program_ << "  static " << name_ << "_state stream;\n"
             << "  double largest = 0;\n"
             << "  for (int run = 0; run < 2; ++run) {\n    " << name_ << "_reset(&stream);\n"
             << "    for (int n = 0; n < " << steps << "; ++n) {\n      " << name_
             << "_output_number y[" << outputs << "];\n"
             << "      if (run == 1 && n % 7 != 0) {\n        " << name_
             << "_advance(&stream, x + n * " << inputs << t
             << ");\n        continue;\n      }\n      " << name_ << "_step(&stream, x + n * "
             << inputs << t << ", y);\n"
             << "      for (int o = 0; o < " << outputs << "; ++o) {\n"
             << "        const double difference = (double)y[o] - (double)expected[n * " << outputs
             << " + o];\n        const double size = difference < 0 ? -difference : difference;\n"
             << "        if (!(size <= largest)) largest = size;\n      }\n    }\n  }\n"
             << "  const int right = largest <= tolerance;\n"
             << "  printf(\"%s %.1e  " << name_
             << "\\n\", right ? \"ok    \" : \"FAILED\", largest);\n"
             << "  return !right;\n}\n\n";
  }

  std::filesystem::path folder_;
  std::string headers_, calls_, name_;
  std::ostringstream program_;
  std::uint64_t count_ = 0;
};

void add_all(ExportedModels& models) {
  for_each_exported_network([&]<TimeGate Gate>(const ExportedNetwork<Gate>& exported) {
    if (!exported.options.bidirectional) models.add(exported);
  });
  using Plain = NetworkOptions<AlwaysOpen<float>>;
  using Gaussian = NetworkOptions<GaussianGate<float>>;
  models.add_integers("integer_plain", Plain{.inputs = 3, .hidden = {7, 5}, .outputs = 2}, 1);
  models.add_integers("integer_smallest", Gaussian{.inputs = 1, .hidden = {1}, .outputs = 1}, 0.5);
  models.add_integers("integer_gaussian", Gaussian{.inputs = 2, .hidden = {14, 9}, .outputs = 3},
                      0.1);
  models.add_integers("integer_far",
                      Gaussian{.inputs = 3, .hidden = {16}, .outputs = 2, .time_origin = 1.7e9},
                      0.01);
  models.add_integers(
      "integer_never_closed",
      Gaussian{.inputs = 2, .hidden = {6}, .outputs = 1, .gates = {{.threshold = 0}}}, 0.25);
  models.add_integers(
      "integer_double",
      NetworkOptions<GaussianGate<double>>{.inputs = 2, .hidden = {9}, .outputs = 1}, 0.125);
}

}  // namespace

int main(int argc, char** argv) {
  return run_program(argc, argv, "exported_c_models FOLDER", [](char** arguments) {
    ExportedModels models(arguments[0]);
    add_all(models);
    models.write();
    return 0;
  });
}
