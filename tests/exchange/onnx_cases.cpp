// onnx_cases FOLDER: ONNX models of random networks, with inputs and the answers of the networks,
// for onnx_check.mjs.
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "exchange/exported_networks.hpp"
#include "exchange/run_program.hpp"
#include "glstm/compiled.hpp"
#include "glstm/core/random.hpp"
#include "glstm/exchange/onnx.hpp"
#include "glstm/io/atomic_file.hpp"
#include "io/random_network.hpp"

namespace {

using namespace glstm;
using Json = nlohmann::json;

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
  void add(const ExportedNetwork<Gate>& exported, Index batch, const OnnxOptions& how) {
    const bool ragged = how.ragged;
    const NetworkOptions<Gate>& options = exported.options;
    const bool every_step = options.readout == Readout::every_step;
    const std::string name = detail::text_of(
        exported.name, every_step ? ", every step" : ", last step", ", batch ", batch,
        ragged ? ", ragged" : "", how.own_times ? ", own times" : "", how.states ? ", states" : "");
    using Scalar = typename Gate::Scalar;
    constexpr bool gated = !std::is_same_v<Gate, AlwaysOpen<Scalar>>;
    const char* type = std::is_same_v<Scalar, float> ? "float32" : "float64";
    const Index T = 40, B = batch, I = options.inputs, O = options.outputs;
    Rng rng(cases_.size() + 1);
    const Network<Gate> network = exported.network(rng);
    SequenceBatch<Scalar> input = random_sequences<Scalar>(B, T, I, options.time_origin, rng);
    if (ragged) {
      std::vector<Index>& lengths = input.timing.lengths;
      lengths = {3 * T / 4, T, 0};  // the first one, which may be alone, reaches the windows
      lengths.resize(static_cast<std::size_t>(B));
      for (std::size_t b = 3; b < lengths.size(); ++b) lengths[b] = 1 + rng.below(T);
    }
    if (how.own_times) {  // each sample a little later than the one before
      input.timing.timestamps = input.timing.timestamps.replicate(B, 1).eval();
      for (Index b = 0; b < B; ++b)
        input.timing.timestamps.row(b).array() += 0.7 * static_cast<double>(b);
    }
    NetworkTape<Scalar> tape;
    NetworkState<Scalar> state;
    if (how.states) {
      state = network.initial_state(B);
      for (State<Scalar>& layer : state) {
        for (auto* part : {&layer.h, &layer.c}) {
          for (Scalar& value : part->reshaped())
            value = static_cast<Scalar>(rng.uniform(-0.5, 0.5));
        }
      }
    }
    const Matrix<Scalar>& y =
        network.predict(input, tape, Path::scheduled, how.states ? &state : nullptr);
    const double share = tape.ops().updates / tape.ops().dense_updates;
    if constexpr (gated) {
      const bool closes = options.gates.front().threshold > 0;
      detail::require(share > 0.05 && (share < 0.8 || !closes), name,
                      ": the windows should open and close, but open is a share of ", share);
    }

    const std::string file = detail::text_of(cases_.size(), ".onnx");
    save_onnx(folder_ / file, network, how);
    const Timing& timing = input.timing;
    Json inputs;
    inputs["x"] = {
        {"type", type}, {"dims", {T, B, I}}, {"data", steps_first(input.values, I, timing, false)}};
    if (gated) {
      const Eigen::MatrixXd t = timing.timestamps.transpose();  // each sample's times in a row
      inputs["t"] = tensor("float64", how.own_times ? std::vector<Index>{B, T} : std::vector{T},
                           std::vector<double>(t.data(), t.data() + t.size()));
    }
    if (ragged) inputs["lengths"] = tensor("int32", {B}, timing.lengths);
    Json outputs = Json::object();
    for (std::size_t l = 0; l < state.size(); ++l) {
      const auto rows = [&](const Matrix<Scalar>& values) {  // [B,H]
        return Json{{"type", type},
                    {"dims", {B, values.cols()}},
                    {"data", steps_first(values, values.cols(), timing, false)}};
      };
      const std::string layer = detail::text_of("layer", l);
      inputs[layer + ".h0"] = rows(state[l].h);
      inputs[layer + ".c0"] = rows(state[l].c);
      outputs[layer + ".h1"] = rows(tape.final_states[l].h);
      outputs[layer + ".c1"] = rows(tape.final_states[l].c);
    }
    const Json dims = every_step ? Json{T, B, O} : Json{B, O};
    cases_.push_back({{"name", name},
                      {"model", file},
                      {"inputs", inputs},
                      {"y", {{"dims", dims}, {"data", steps_first(y, O, timing, every_step)}}},
                      {"states", outputs},
                      {"tolerance", std::is_same_v<Scalar, float> ? 1e-5 : 1e-12}});
  }

  void write() const { write_file_atomically(folder_ / "cases.json", cases_.dump(1)); }

 private:
  std::filesystem::path folder_;
  Json cases_ = Json::array();
};

void add_all(Cases& cases) {
  for_each_exported_network([&]<TimeGate Gate>(ExportedNetwork<Gate> exported) {
    for (const Readout readout : {Readout::last_step, Readout::every_step}) {
      exported.options.readout = readout;
      for (const Index batch : {1, 5}) {
        for (const bool ragged : {false, true}) {
          cases.add(exported, batch, {.ragged = ragged});
          if (exported.options.bidirectional) continue;
          cases.add(exported, batch, {.ragged = ragged, .own_times = true, .states = true});
        }
      }
    }
  });
}

}  // namespace

int main(int argc, char** argv) {
  return run_program(argc, argv, "onnx_cases FOLDER", [](char** arguments) {
    Cases cases(arguments[0]);
    add_all(cases);
    cases.write();
    return 0;
  });
}
