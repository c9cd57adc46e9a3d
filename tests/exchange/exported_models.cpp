// exported_models FOLDER: random networks as headers, and check.cpp, a program that compares them
// with what the networks answer.
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
  void add(const ExportedNetwork<Gate>& exported, WeightStorage storage = WeightStorage::full) {
    const std::string& name = exported.name;
    const NetworkOptions<Gate>& options = exported.options;
    using Scalar = typename Gate::Scalar;
    constexpr bool gated = !std::is_same_v<Gate, AlwaysOpen<Scalar>>;
    constexpr bool gaussian = std::is_same_v<Gate, GaussianGate<Scalar>>;
    constexpr bool is_float = std::is_same_v<Scalar, float>;
    const Index T = 60, I = options.inputs, O = options.outputs;
    Rng rng(count_ + 1);
    Network<Gate> network = exported.network(rng);
    save_header(folder_ / (name + ".hpp"), network, {.name_space = name, .storage = storage});
    network = as_stored(std::move(network), storage);

    const auto input = random_sequences<Scalar>(1, T, I, options.time_origin, rng);
    std::vector<double> answers;
    NetworkTape<Scalar> tape;
    SequenceBatch<Scalar> steps;
    for (Index n = 0; n < T; ++n) {
      copy_steps(input, 0, n + 1, steps);
      const Matrix<Scalar>& y = network.predict(steps, tape);
      for (Index o = 0; o < O; ++o) answers.push_back(static_cast<double>(y(0, y.cols() - O + o)));
    }
    std::ostringstream states, open;
    std::vector<double> state;
    for (std::size_t l = 0; l < options.hidden.size(); ++l) {
      const State<Scalar>& last = tape.final_states[l];
      for (const Matrix<Scalar>* values : {&last.h, &last.c}) {
        for (Index j = 0; j < values->cols(); ++j) {
          state.push_back(static_cast<double>((*values)(0, j)));
        }
        states << "    largest = std::fmax(largest, compare(model.layer" << l << "()."
               << (values == &last.h ? "h" : "c") << "(), " << values->cols() << ", expected));\n";
      }
      open << " + model.layer" << l << "().open_count()";
    }
    const Eigen::MatrixXd& t = input.timing.timestamps;
    bool closes = false;  // with threshold 0 k may still be 0, by underflow, which skips too
    if constexpr (gated) closes = options.gates.front().threshold > 0;

    headers_ += "#include \"" + name + ".hpp\"\n";
    program_ << "struct case_" << name << " {\n  using Model = " << name << "::Model;\n"
             << "  using Scalar = " << (is_float ? "float" : "double") << ";\n"
             << "  static constexpr const char* name = \"" << name << "\";\n"
             << "  static constexpr double tolerance = " << (is_float ? 1e-5 : 1e-12) << ";\n"
             << "  static constexpr int steps = " << T << ";\n"
             << "  static constexpr long updates = " << (closes ? tape.ops().updates : -1.0)
             << ";\n  static constexpr bool can_close = "
             << (gated && !exported.options.input_skip ? "true" : "false")
             << ";\n  static constexpr double closed_time = ";
    if (gaussian && closes) {
      program_ << options.time_origin + 1e4 << ";\n";
    } else {
      program_ << "std::numeric_limits<double>::quiet_NaN();\n";
    }
    add_array("x", std::vector<double>(input.values.data(), input.values.data() + T * I));
    add_array("t", std::vector<double>(t.data(), t.data() + T));
    add_array("y", answers);
    add_array("state", state);
    program_ << "  static double compare_state(const Model& model) {\n"
             << "    const double* expected = state;\n    double largest = 0;\n"
             << states.str() << "    return largest;\n  }\n  static long open_count("
             << (gated ? "const Model& model) { return 0" + open.str() : "const Model&) { return 0")
             << "; }\n};\n"
             << "static_assert(case_" << name << "::Model::inputs == " << I << " && case_" << name
             << "::Model::outputs == " << O << ", \"\");\n\n";
    checks_ += "  right = check_exported<case_" + name + ">() && right;\n";
    ++count_;
  }

  /// An integer header: that it compiles as C++, beside others, and takes a step as IntegerNetwork
  /// does. exported_c_models compares whole sequences.
  void add_integers(const std::string& name) {
    Rng rng(count_ + 1);
    const auto network = random_network(
        NetworkOptions<GaussianGate<float>>{.inputs = 2, .hidden = {5, 3}, .outputs = 1}, rng);
    const Calibration calibration = calibrate(network, random_sequences<float>(2, 20, 2, 0, rng));
    save_integer_header(folder_ / (name + ".hpp"), network, calibration, {.name_space = name});
    IntegerNetwork integers(network, calibration);
    const std::int16_t x[] = {9000, -8000};
    integers.step(x, 3);
    headers_ += "#include \"" + name + ".hpp\"\n";
    checks_ += "  static ::" + name + "::Model " + name + "_network;\n  const int16_t " + name +
               "_x[] = {9000, -8000};\n  right = " + name + "_network.step(" + name +
               "_x, 3)[0] == " + std::to_string(integers.output()[0]) + " && right;\n";
    ++count_;
  }

  void write() const {
    write_file_atomically(folder_ / "check.cpp",
                          "// Written by exported_models.\n" + headers_ +
                              "\n#include \"exported_model_check.hpp\"\n\nnamespace {\n\n" +
                              program_.str() + "}  // namespace\n\nint main() {\n" +
                              "  bool right = true;\n" + checks_ + "  return right ? 0 : 1;\n}\n");
  }

 private:
  void add_array(const char* name, const std::vector<double>& values) {
    program_ << "  static constexpr double " << name << "[] = {";
    for (const double value : values) program_ << value << ", ";
    program_ << "};\n";
  }

  std::filesystem::path folder_;
  std::string headers_, checks_;
  std::ostringstream program_;
  std::uint64_t count_ = 0;
};

void add_all(ExportedModels& models) {
  for_each_exported_network([&]<TimeGate Gate>(const ExportedNetwork<Gate>& exported) {
    if (!exported.options.bidirectional) models.add(exported);
  });
  for (const char* name : {"integers", "state", "Model"}) models.add_integers(name);
  for (const WeightStorage storage : {WeightStorage::float16, WeightStorage::int8}) {
    const std::string suffix = storage == WeightStorage::int8 ? "_int8" : "_float16";
    models.add(ExportedNetwork<AlwaysOpen<float>>{"plain" + suffix,
                                                  {.inputs = 3, .hidden = {7, 5}, .outputs = 2}},
               storage);
    models.add(ExportedNetwork<GaussianGate<float>>{"gaussian" + suffix,
                                                    {.inputs = 3, .hidden = {14, 9}, .outputs = 2}},
               storage);
    models.add(ExportedNetwork<PhasedGate<double>>{"phased_double" + suffix,
                                                   {.inputs = 1, .hidden = {8}, .outputs = 1}},
               storage);
  }
}

}  // namespace

int main(int argc, char** argv) {
  return run_program(argc, argv, "exported_models FOLDER", [](char** arguments) {
    ExportedModels models(arguments[0]);
    add_all(models);
    models.write();
    return 0;
  });
}
