// onnx_cases FOLDER: ONNX models of random networks, with inputs and the answers of the networks,
// for onnx_check.mjs.
#include <exception>
#include <filesystem>
#include <iostream>
#include <nlohmann/json.hpp>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "glstm/core/random.hpp"
#include "glstm/io/atomic_file.hpp"
#include "glstm/io/onnx.hpp"
#include "io/random_network.hpp"

namespace {

using namespace glstm;
using Json = nlohmann::json;

struct Case {
  std::string name;
  Index batch = 5;
  bool ragged = false;
};

template <class T>
Json tensor(const char* type, const std::vector<Index>& dims, const std::vector<T>& data) {
  return {{"type", type}, {"dims", dims}, {"data", data}};
}

/// [B, F*T] with the steps outermost, [T,B,F]; null past a sample's length if `valid_only`.
template <class Scalar>
Json steps_first(const Matrix<Scalar>& values, Index features, const Timing& timing,
                 bool valid_only) {
  Json data = Json::array();
  for (Index n = 0; n < values.cols() / features; ++n) {
    for (Index b = 0; b < values.rows(); ++b) {
      const bool valid = !valid_only || n < timing.length(b);
      for (Index f = 0; f < features; ++f) {
        data.push_back(valid ? Json(values(b, n * features + f)) : Json());
      }
    }
  }
  return data;
}

class Cases {
 public:
  explicit Cases(std::filesystem::path folder) : folder_(std::move(folder)) {
    std::filesystem::create_directories(folder_);
  }

  template <TimeGate Gate>
  void add(const Case& what, const NetworkOptions<Gate>& options) {
    using Scalar = typename Gate::Scalar;
    constexpr bool gated = !std::is_same_v<Gate, AlwaysOpen<Scalar>>;
    const char* type = std::is_same_v<Scalar, float> ? "float32" : "float64";
    const Index T = 40, B = what.batch, I = options.inputs, O = options.outputs;
    Rng rng(cases_.size() + 1);
    const Network<Gate> network = random_network(options, rng);
    SequenceBatch<Scalar> input = random_sequences<Scalar>(B, T, I, options.time_origin, rng);
    for (Index b = 0; what.ragged && b < B; ++b) {
      input.timing.lengths.push_back(b == 1 ? T : b == 2 ? 0 : 1 + rng.below(T));
    }
    NetworkTape<Scalar> tape;
    const Matrix<Scalar>& y = network.predict(input, tape);
    const double share = tape.work().updates / tape.work().dense_updates;
    if constexpr (gated) {
      const bool closes = options.gates.front().threshold > 0;
      detail::require(share > 0.05 && (share < 0.8 || !closes), what.name,
                      ": the windows should open and close, but open is a share of ", share);
    }

    const std::string file = detail::text_of(cases_.size(), ".onnx");
    write_onnx(folder_ / file, network, {.ragged = what.ragged});
    const Timing& timing = input.timing;
    Json inputs;
    inputs["x"] = {
        {"type", type}, {"dims", {T, B, I}}, {"data", steps_first(input.values, I, timing, false)}};
    if (gated) {
      const Eigen::MatrixXd& t = timing.timestamps;
      inputs["t"] = tensor("float64", {T}, std::vector<double>(t.data(), t.data() + T));
    }
    if (what.ragged) inputs["lengths"] = tensor("int32", {B}, timing.lengths);
    const bool every_step = options.readout == Readout::every_step;
    const Json dims = every_step ? Json{T, B, O} : Json{B, O};
    cases_.push_back({{"name", what.name},
                      {"model", file},
                      {"inputs", inputs},
                      {"y", {{"dims", dims}, {"data", steps_first(y, O, timing, every_step)}}},
                      {"tolerance", std::is_same_v<Scalar, float> ? 1e-5 : 1e-12}});
  }

  void write() const { write_file_atomically(folder_ / "cases.json", cases_.dump(1)); }

 private:
  std::filesystem::path folder_;
  Json cases_ = Json::array();
};

void add_all(Cases& cases) {
  constexpr Readout last = Readout::last_step, every = Readout::every_step;
  constexpr double far = 1.7e9;  // seconds since 1970
  using Plain = NetworkOptions<AlwaysOpen<float>>;
  using PlainDouble = NetworkOptions<AlwaysOpen<double>>;
  using Gaussian = NetworkOptions<GaussianGate<float>>;
  using GaussianDouble = NetworkOptions<GaussianGate<double>>;
  using Phased = NetworkOptions<PhasedGate<float>>;
  using PhasedDouble = NetworkOptions<PhasedGate<double>>;

  for (const Readout readout : {last, every}) {
    for (const Index batch : {1, 5}) {
      for (const bool ragged : {false, true}) {
        const auto named = [&](const char* name) {
          return Case{detail::text_of(name, readout == last ? ", last step" : ", every step",
                                      ", batch ", batch, ragged ? ", ragged" : ""),
                      batch, ragged};
        };
        const auto add = [&]<class Options>(const char* name, Options options) {
          options.readout = readout;
          cases.add(named(name), options);
        };
        add("LSTM", Plain{.inputs = 3, .hidden = {7}, .outputs = 2});
        add("LSTM, 3 layers", Plain{.inputs = 2, .hidden = {6, 5, 4}, .outputs = 3});
        add("LSTM, 1 neuron", Plain{.inputs = 1, .hidden = {1}, .outputs = 1});
        add("LSTM, bidirectional",
            Plain{.inputs = 3, .hidden = {5, 4}, .outputs = 2, .bidirectional = true});
        add("LSTM, double", PlainDouble{.inputs = 3, .hidden = {5, 4}, .outputs = 2});
        add("LSTM, double, bidirectional",
            PlainDouble{.inputs = 3, .hidden = {5, 4}, .outputs = 2, .bidirectional = true});
        add("g-LSTM", Gaussian{.inputs = 3, .hidden = {12}, .outputs = 2});
        add("g-LSTM, 2 layers, far origin",
            Gaussian{.inputs = 2, .hidden = {10, 8}, .outputs = 3, .time_origin = far});
        add("g-LSTM, threshold 0",
            Gaussian{.inputs = 2, .hidden = {6}, .outputs = 1, .gates = {{.threshold = 0}}});
        add("g-LSTM, bidirectional, far origin", Gaussian{.inputs = 2,
                                                          .hidden = {8, 6},
                                                          .outputs = 2,
                                                          .time_origin = far,
                                                          .bidirectional = true});
        add("g-LSTM, double, far origin",
            GaussianDouble{.inputs = 2, .hidden = {9, 5}, .outputs = 2, .time_origin = far});
        add("Phased LSTM", Phased{.inputs = 2, .hidden = {9, 6}, .outputs = 2});
        add("Phased LSTM with a leak, bidirectional",
            Phased{.inputs = 2,
                   .hidden = {9},
                   .outputs = 2,
                   .gates = {{.threshold = 0.02, .leak = 0.03}},
                   .bidirectional = true});
        add("Phased LSTM, double",
            PhasedDouble{.inputs = 2, .hidden = {7}, .outputs = 1, .gates = {{.leak = 0.001}}});
      }
    }
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    std::cerr << "usage: onnx_cases FOLDER\n";
    return 2;
  }
  try {
    Cases cases(argv[1]);
    add_all(cases);
    cases.write();
  } catch (const std::exception& error) {
    std::cerr << error.what() << '\n';
    return 1;
  }
  return 0;
}
