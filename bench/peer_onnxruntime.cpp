// ONNX Runtime, which runs the model that this library exports. It only infers.
#include <onnxruntime_c_api.h>

#include <array>
#include <cstdint>

#include "glstm/exchange/onnx.hpp"
#include "peer.hpp"

namespace glstm::bench {
namespace {

const OrtApi& api() {
  static const OrtApi* const version = OrtGetApiBase()->GetApi(ORT_API_VERSION);
  if (version == nullptr) throw Error("this ONNX Runtime is older than its header");
  return *version;
}

/// Throws Error with the message of a failed call.
void check(OrtStatus* status) {
  if (status == nullptr) return;
  const std::string message = api().GetErrorMessage(status);
  api().ReleaseStatus(status);
  throw Error("ONNX Runtime: " + message);
}

OrtEnv* environment() {
  static OrtEnv* const env = [] {
    OrtEnv* made = nullptr;
    check(api().CreateEnv(ORT_LOGGING_LEVEL_ERROR, "glstm", &made));
    return made;
  }();
  return env;
}

/// The workload's layer in a network, as the bytes of an ONNX model that gives h_T.
std::string model(const Workload& workload) {
  Network<AlwaysOpen<float>> network({.inputs = workload.shape.inputs,
                                      .hidden = {workload.shape.hidden},
                                      .outputs = 1,
                                      .loss = mean_squared_error});
  network.parameters.setZero();
  network.parameters.head(workload.parameters.size()) = workload.parameters;
  return to_onnx(network, {.states = true});
}

class OnnxSequence final : public SequencePeer {
 public:
  explicit OnnxSequence(const Workload& workload)
      : shape_(workload.shape),
        x_(workload.time_major()),
        state_(static_cast<std::size_t>(shape_.batch * shape_.hidden), 0.0f),
        h_(state_.size()) {
    OrtSessionOptions* options = nullptr;
    check(api().CreateSessionOptions(&options));
    check(api().SetIntraOpNumThreads(options, 1));
    check(api().SetInterOpNumThreads(options, 1));
    check(api().SetSessionGraphOptimizationLevel(options, ORT_ENABLE_ALL));
    check(api().AddSessionConfigEntry(options, "session.set_denormal_as_zero", "1"));
    const std::string bytes = model(workload);
    check(api().CreateSessionFromArray(environment(), bytes.data(), bytes.size(), options,
                                       &session_));
    api().ReleaseSessionOptions(options);
    check(api().CreateCpuMemoryInfo(OrtArenaAllocator, OrtMemTypeDefault, &memory_));
    const std::array<std::int64_t, 3> x_sizes{shape_.steps, shape_.batch, shape_.inputs};
    const std::array<std::int64_t, 2> state_sizes{shape_.batch, shape_.hidden};
    values_ = {tensor(x_, x_sizes), tensor(state_, state_sizes), tensor(state_, state_sizes)};
    h_value_ = tensor(h_, state_sizes);
  }

  OnnxSequence(const OnnxSequence&) = delete;
  OnnxSequence& operator=(const OnnxSequence&) = delete;

  ~OnnxSequence() override {
    for (OrtValue* value : values_) api().ReleaseValue(value);
    api().ReleaseValue(h_value_);
    api().ReleaseMemoryInfo(memory_);
    api().ReleaseSession(session_);
  }

  void infer() override {
    const std::array<const char*, 3> inputs{"x", "layer0.h0", "layer0.c0"};
    const std::array<const char*, 1> outputs{"layer0.h1"};
    check(api().Run(session_, nullptr, inputs.data(), values_.data(), inputs.size(), outputs.data(),
                    outputs.size(), &h_value_));
  }

  void train() override { throw Error("ONNX Runtime does not train"); }

  Matrix<float> hidden() override {
    return Eigen::Map<Matrix<float>>(h_.data(), shape_.hidden, shape_.batch).transpose();
  }

  Matrix<float> recurrent_gradient() override { throw Error("ONNX Runtime does not train"); }

 private:
  template <std::size_t N>
  OrtValue* tensor(std::vector<float>& values, const std::array<std::int64_t, N>& sizes) {
    OrtValue* value = nullptr;
    check(api().CreateTensorWithDataAsOrtValue(memory_, values.data(),
                                               values.size() * sizeof(float), sizes.data(), N,
                                               ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT, &value));
    return value;
  }

  Shape shape_;
  std::vector<float> x_, state_, h_;
  OrtSession* session_ = nullptr;
  OrtMemoryInfo* memory_ = nullptr;
  std::array<OrtValue*, 3> values_{};
  OrtValue* h_value_ = nullptr;
};

const RegisterPeer registered(
    {.name = "ONNX Runtime",
     .sequence = [](const Workload& workload) { return std::make_unique<OnnxSequence>(workload); },
     .streaming = nullptr,
     .describe = [] { return std::string("ONNX Runtime ") + OrtGetApiBase()->GetVersionString(); },
     .trains = false});

}  // namespace
}  // namespace glstm::bench
