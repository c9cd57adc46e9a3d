// RTNeural's LSTM with sizes known when compiling. This file is compiled once for each of its
// backends, with RTNEURAL_USE_<backend> and a RTNEURAL_NAMESPACE of its own.
#if RTNEURAL_USE_XSIMD
#include <xsimd/xsimd.hpp>
#if XSIMD_VERSION_MAJOR < 9
// RTNeural asks for a newer name of hadd, in layers that are not used here.
namespace xsimd {
template <class Batch>
auto reduce_add(const Batch& batch) {
  return hadd(batch);
}
}  // namespace xsimd
#endif
#define GLSTM_BENCH_BACKEND "RTNeural XSIMD"
#else
#define GLSTM_BENCH_BACKEND "RTNeural Eigen"
#endif

#include <RTNeural/RTNeural.h>

#include <algorithm>

#include "peer.hpp"

namespace glstm::bench {
namespace {

/// The columns of [4H, n] as RTNeural takes weights; its gate order is ours.
std::vector<std::vector<float>> columns(const Eigen::Ref<const Matrix<float>>& matrix) {
  std::vector<std::vector<float>> result;
  for (const auto column : matrix.colwise()) result.emplace_back(column.begin(), column.end());
  return result;
}

template <int Inputs, int Hidden>
class RtNeuralStreaming final : public StreamingPeer {
 public:
  explicit RtNeuralStreaming(const Workload& workload) {
    const LstmWeights<float> weights = workload.weights();
    auto& lstm = model_.template get<0>();
    lstm.setWVals(columns(weights.Wx));
    lstm.setUVals(columns(weights.Wh));
    lstm.setBVals({weights.b.begin(), weights.b.end()});
    model_.reset();
  }

  void run(const float* x, Index steps) override {
    for (Index n = 0; n < steps; ++n) {
      std::copy_n(x + n * Inputs, Inputs, x_);  // it wants its input aligned and padded
      model_.forward(x_);
    }
  }

  Vector<float> hidden() override {
    return Eigen::Map<const Vector<float>>(model_.getOutputs(), Hidden);
  }

 private:
  static constexpr int padded_inputs = (Inputs + 15) / 16 * 16;

  RTNEURAL_NAMESPACE::ModelT<float, Inputs, Hidden,
                             RTNEURAL_NAMESPACE::LSTMLayerT<float, Inputs, Hidden>>
      model_;
  alignas(64) float x_[padded_inputs] = {};
};

const RegisterPeer registered(
    {.name = GLSTM_BENCH_BACKEND,
     .sequence = nullptr,
     .streaming =
         [](const Workload& workload) {
           return make_for_size(
               []<int Inputs, int Hidden>(const Workload& of) -> std::unique_ptr<StreamingPeer> {
                 return std::make_unique<RtNeuralStreaming<Inputs, Hidden>>(of);
               },
               workload);
         },
     .describe = [] { return GLSTM_BENCH_BACKEND; }});

}  // namespace
}  // namespace glstm::bench
