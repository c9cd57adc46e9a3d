// PyTorch's C++ library: torch::nn::LSTM over sequences, torch::lstm_cell step by step.
#include <torch/torch.h>
#include <torch/version.h>

#include "peer.hpp"

namespace glstm::bench {
namespace {

void one_thread() {
  at::set_num_threads(1);
  at::globalContext().setFlushDenormal(true);
}

/// Our column-major [rows, cols] as a tensor of its own.
torch::Tensor tensor(const Eigen::Ref<const Matrix<float>>& matrix) {
  const Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor> by_row = matrix;
  return torch::from_blob(const_cast<float*>(by_row.data()), {matrix.rows(), matrix.cols()})
      .clone();
}

/// The reverse.
Matrix<float> matrix(const torch::Tensor& of) {
  const torch::Tensor by_row = of.detach().contiguous();
  return Eigen::Map<const Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>>(
      by_row.data_ptr<float>(), of.size(0), of.size(1));
}

class TorchSequence final : public SequencePeer {
 public:
  explicit TorchSequence(const Workload& workload)
      : lstm_(torch::nn::LSTMOptions(workload.shape.inputs, workload.shape.hidden)) {
    const auto [inputs, hidden, steps, batch] = workload.shape;
    const LstmWeights<float> weights = workload.weights();
    const torch::NoGradGuard no_grad;
    const auto set = [&](const char* name, const torch::Tensor& value) {
      lstm_->named_parameters()[name].copy_(value);
    };
    set("weight_ih_l0", tensor(weights.Wx));
    set("weight_hh_l0", tensor(weights.Wh));
    set("bias_ih_l0", tensor(weights.b).flatten());
    set("bias_hh_l0", torch::zeros({4 * hidden}));  // PyTorch adds two biases, we have one
    std::vector<float> x = workload.time_major();
    x_ = torch::from_blob(x.data(), {steps, batch, inputs}).clone();
  }

  void infer() override {
    const torch::NoGradGuard no_grad;
    forward();
  }

  void train() override {
    lstm_->zero_grad(/*set_to_none=*/true);
    forward();
    (h_.pow(2).sum() / 2).backward();
  }

  Matrix<float> hidden() override { return matrix(h_); }
  Matrix<float> recurrent_gradient() override {
    return matrix(lstm_->named_parameters()["weight_hh_l0"].grad());
  }

 private:
  void forward() { h_ = std::get<0>(std::get<1>(lstm_->forward(x_)))[0]; }

  torch::nn::LSTM lstm_;
  torch::Tensor x_, h_;
};

class TorchStreaming final : public StreamingPeer {
 public:
  explicit TorchStreaming(const Workload& workload)
      : inputs_(workload.shape.inputs),
        w_ih_(tensor(workload.weights().Wx)),
        w_hh_(tensor(workload.weights().Wh)),
        b_(tensor(workload.weights().b).flatten()),
        no_b_(torch::zeros({4 * workload.shape.hidden})),
        state_{torch::zeros({1, workload.shape.hidden}), torch::zeros({1, workload.shape.hidden})} {
  }

  void run(const float* x, Index steps) override {
    const torch::NoGradGuard no_grad;
    for (Index n = 0; n < steps; ++n) {
      const torch::Tensor step =
          torch::from_blob(const_cast<float*>(x + n * inputs_), {1, inputs_});
      std::tie(state_[0], state_[1]) = torch::lstm_cell(step, state_, w_ih_, w_hh_, b_, no_b_);
    }
  }

  Vector<float> hidden() override { return matrix(state_[0]).transpose(); }

 private:
  Index inputs_;
  torch::Tensor w_ih_, w_hh_, b_, no_b_;
  std::vector<torch::Tensor> state_;  ///< h, c
};

const RegisterPeer registered({.name = "libtorch",
                               .sequence =
                                   [](const Workload& workload) {
                                     one_thread();
                                     return std::make_unique<TorchSequence>(workload);
                                   },
                               .streaming =
                                   [](const Workload& workload) {
                                     one_thread();
                                     return std::make_unique<TorchStreaming>(workload);
                                   },
                               .describe =
                                   [] {
                                     return std::string("libtorch " TORCH_VERSION " (") +
                                            (at::hasMKLDNN() ? "with" : "without") + " oneDNN)";
                                   }});

}  // namespace
}  // namespace glstm::bench
