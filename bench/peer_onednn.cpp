// oneDNN's LSTM primitives. Its gate order is ours, and our column-major weights are what it calls
// ldigo; it chooses the weight format it likes best, and we reorder.
#include <omp.h>

#include <algorithm>
#include <oneapi/dnnl/dnnl.hpp>
#include <unordered_map>

#include "peer.hpp"

namespace glstm::bench {
namespace {

using dnnl::memory;
using Tag = memory::format_tag;
using Arguments = std::unordered_map<int, memory>;

const dnnl::engine& cpu() {
  static const dnnl::engine engine(dnnl::engine::kind::cpu, 0);
  return engine;
}

memory::desc floats(const memory::dims& sizes, Tag tag) {
  return {sizes, memory::data_type::f32, tag};
}

memory zeros(const memory::desc& desc) {
  memory result(desc, cpu());
  std::fill_n(static_cast<char*>(result.get_data_handle()), desc.get_size(), '\0');
  return result;
}

float* data(const memory& of) { return static_cast<float*>(of.get_data_handle()); }

#if DNNL_VERSION_MAJOR >= 3
memory::dims sizes_of(const memory::desc& desc) { return desc.get_dims(); }
template <class Primitive, class... Descs>
typename Primitive::primitive_desc describe_primitive(dnnl::prop_kind kind, const Descs&... descs) {
  return {cpu(), kind, dnnl::rnn_direction::unidirectional_left2right, descs...};
}
template <class... Descs>
dnnl::lstm_backward::primitive_desc describe_backward(
    const dnnl::lstm_forward::primitive_desc& forward, const Descs&... descs) {
  return {cpu(), dnnl::prop_kind::backward, dnnl::rnn_direction::unidirectional_left2right,
          descs..., forward};
}
#else
memory::dims sizes_of(const memory::desc& desc) { return desc.dims(); }
template <class Primitive, class... Descs>
typename Primitive::primitive_desc describe_primitive(dnnl::prop_kind kind, const Descs&... descs) {
  return {{kind, dnnl::rnn_direction::unidirectional_left2right, descs...}, cpu()};
}
template <class... Descs>
dnnl::lstm_backward::primitive_desc describe_backward(
    const dnnl::lstm_forward::primitive_desc& forward, const Descs&... descs) {
  return {{dnnl::prop_kind::backward, dnnl::rnn_direction::unidirectional_left2right, descs...},
          cpu(),
          forward};
}
#endif

/// Descriptors of one layer, `units` neurons wide.
struct Descriptors {
  memory::desc x, outputs, state, w_ih, w_hh, any_w_ih, any_w_hh, b;

  Descriptors(Index inputs, Index units, Index steps, Index batch)
      : x(floats({steps, batch, inputs}, Tag::tnc)),
        outputs(floats({steps, batch, units}, Tag::tnc)),
        state(floats({1, 1, batch, units}, Tag::ldnc)),
        w_ih(floats({1, 1, inputs, 4, units}, Tag::ldigo)),
        w_hh(floats({1, 1, units, 4, units}, Tag::ldigo)),
        any_w_ih(floats({1, 1, inputs, 4, units}, Tag::any)),
        any_w_hh(floats({1, 1, units, 4, units}, Tag::any)),
        b(floats({1, 1, 4, units}, Tag::ldgo)) {}

  /// `initial` describes the initial state; empty: zero.
  dnnl::lstm_forward::primitive_desc forward(dnnl::prop_kind kind,
                                             const memory::desc& initial) const {
    return describe_primitive<dnnl::lstm_forward>(kind, x, initial, initial, any_w_ih, any_w_hh, b,
                                                  outputs, state, state);
  }
};

/// Weights in our layout, with neurons added that stay at 0 to fill up to `units`.
struct Weights {
  memory w_ih, w_hh, b;

  Weights(const Descriptors& sizes, const LstmWeights<float>& ours, Index units)
      : w_ih(zeros(sizes.w_ih)), w_hh(zeros(sizes.w_hh)), b(zeros(sizes.b)) {
    const Index H = ours.hidden();
    for (Index gate = 0; gate < 4; ++gate) {
      Eigen::Map<Matrix<float>>(data(w_ih), 4 * units, ours.inputs()).middleRows(gate * units, H) =
          ours.Wx.middleRows(gate * H, H);
      Eigen::Map<Matrix<float>>(data(w_hh), 4 * units, units).block(gate * units, 0, H, H) =
          ours.Wh.middleRows(gate * H, H);
      Eigen::Map<Vector<float>>(data(b), 4 * units).segment(gate * units, H) =
          ours.b.segment(gate * H, H);
    }
  }
};

class OneDnnSequence final : public SequencePeer {
 public:
  OneDnnSequence(const Workload& workload, Index units)
      : hidden_(workload.shape.hidden),
        units_(units),
        batch_(workload.shape.batch),
        sizes_(workload.shape.inputs, units, workload.shape.steps, batch_),
        weights_(sizes_, workload.weights(), units),
        x_(sizes_.x, cpu()),
        h_(sizes_.state, cpu()),
        c_(sizes_.state, cpu()) {
    const std::vector<float> x = workload.time_major();
    std::copy(x.begin(), x.end(), data(x_));
  }

  void infer() override {
    if (!inference_) prepare_inference();
    inference_.execute(stream_, inference_arguments_);
    stream_.wait();
  }

  void train() override {
    if (!backward_) prepare_training();
    // Training changes the weights, so bringing them into oneDNN's formats is part of the step.
    for (auto& [reorder, from, to] : reorders_) reorder.execute(stream_, from, to);
    forward_.execute(stream_, forward_arguments_);
    for (const memory& gradient : {dw_ih_, dw_hh_, db_}) {  // backward adds to what is there
      std::fill_n(static_cast<char*>(gradient.get_data_handle()), gradient.get_desc().get_size(),
                  '\0');
    }
    stream_.wait();
    std::copy_n(data(h_), batch_ * units_, data(dh_));  // the gradient of |h|^2 / 2
    backward_.execute(stream_, backward_arguments_);
    stream_.wait();
  }

  Matrix<float> hidden() override {
    return Eigen::Map<Matrix<float>>(data(h_), units_, batch_).topRows(hidden_).transpose();
  }

  Matrix<float> recurrent_gradient() override {
    const Eigen::Map<Matrix<float>> padded(data(dw_hh_), 4 * units_, units_);
    Matrix<float> result(4 * hidden_, hidden_);
    for (Index gate = 0; gate < 4; ++gate) {
      result.middleRows(gate * hidden_, hidden_) = padded.block(gate * units_, 0, hidden_, hidden_);
    }
    return result;
  }

 private:
  struct Reorder {
    dnnl::reorder reorder;
    memory from, to;
  };

  /// `weights` in the format `wanted`: itself, or a copy that `reorders_` fills.
  memory in_format(const memory& weights, const memory::desc& wanted) {
    if (weights.get_desc() == wanted) return weights;
    memory result(wanted, cpu());
    reorders_.push_back({dnnl::reorder(weights, result), weights, result});
    return result;
  }

  void prepare_inference() {
    const auto what = sizes_.forward(dnnl::prop_kind::forward_inference, {});
    inference_ = dnnl::lstm_forward(what);
    reorders_.clear();
    inference_arguments_ = {
        {DNNL_ARG_SRC_LAYER, x_},
        {DNNL_ARG_WEIGHTS_LAYER, in_format(weights_.w_ih, what.weights_layer_desc())},
        {DNNL_ARG_WEIGHTS_ITER, in_format(weights_.w_hh, what.weights_iter_desc())},
        {DNNL_ARG_BIAS, weights_.b},
        {DNNL_ARG_DST_LAYER, memory(sizes_.outputs, cpu())},
        {DNNL_ARG_DST_ITER, h_},
        {DNNL_ARG_DST_ITER_C, c_}};
    for (auto& [reorder, from, to] : reorders_) reorder.execute(stream_, from, to);  // once
    stream_.wait();
    reorders_.clear();
  }

  void prepare_training() {
    // The zero initial state is spelled out: left out, oneDNN 2.6.3 gets the gradient of w_hh
    // wrong.
    const auto forward = sizes_.forward(dnnl::prop_kind::forward_training, sizes_.state);
    const auto backward = backward_description(forward);
    forward_ = dnnl::lstm_forward(forward);
    backward_ = dnnl::lstm_backward(backward);
    dw_ih_ = memory(sizes_.w_ih, cpu());
    dw_hh_ = memory(sizes_.w_hh, cpu());
    db_ = memory(sizes_.b, cpu());
    dh_ = memory(sizes_.state, cpu());
    reorders_.clear();
    forward_arguments_ = {
        {DNNL_ARG_SRC_LAYER, x_},
        {DNNL_ARG_SRC_ITER, zeros(sizes_.state)},
        {DNNL_ARG_SRC_ITER_C, zeros(sizes_.state)},
        {DNNL_ARG_WEIGHTS_LAYER, in_format(weights_.w_ih, forward.weights_layer_desc())},
        {DNNL_ARG_WEIGHTS_ITER, in_format(weights_.w_hh, forward.weights_iter_desc())},
        {DNNL_ARG_BIAS, weights_.b},
        {DNNL_ARG_DST_LAYER, memory(sizes_.outputs, cpu())},
        {DNNL_ARG_DST_ITER, h_},
        {DNNL_ARG_DST_ITER_C, c_},
        {DNNL_ARG_WORKSPACE, memory(forward.workspace_desc(), cpu())}};
    backward_arguments_ = backward_arguments(backward);
  }

  dnnl::lstm_backward::primitive_desc backward_description(
      const dnnl::lstm_forward::primitive_desc& forward) const {
    return describe_backward(forward, sizes_.x, sizes_.state, sizes_.state, sizes_.any_w_ih,
                             sizes_.any_w_hh, sizes_.b, sizes_.outputs, sizes_.state, sizes_.state,
                             sizes_.x, sizes_.state, sizes_.state, sizes_.w_ih, sizes_.w_hh,
                             sizes_.b, sizes_.outputs, sizes_.state, sizes_.state);
  }

  /// Returns the arguments of the forward pass and what the backward pass needs besides.
  Arguments backward_arguments(const dnnl::lstm_backward::primitive_desc& backward) {
    Arguments arguments = forward_arguments_;
    const Arguments more = {
        {DNNL_ARG_WEIGHTS_LAYER, in_format(weights_.w_ih, backward.weights_layer_desc())},
        {DNNL_ARG_WEIGHTS_ITER, in_format(weights_.w_hh, backward.weights_iter_desc())},
        {DNNL_ARG_DIFF_SRC_LAYER, memory(sizes_.x, cpu())},
        {DNNL_ARG_DIFF_SRC_ITER, memory(sizes_.state, cpu())},
        {DNNL_ARG_DIFF_SRC_ITER_C, memory(sizes_.state, cpu())},
        {DNNL_ARG_DIFF_WEIGHTS_LAYER, dw_ih_},
        {DNNL_ARG_DIFF_WEIGHTS_ITER, dw_hh_},
        {DNNL_ARG_DIFF_BIAS, db_},
        {DNNL_ARG_DIFF_DST_LAYER, zeros(sizes_.outputs)},
        {DNNL_ARG_DIFF_DST_ITER, dh_},
        {DNNL_ARG_DIFF_DST_ITER_C, zeros(sizes_.state)}};
    for (const auto& [key, value] : more) arguments[key] = value;
    return arguments;
  }

  Index hidden_, units_, batch_;
  Descriptors sizes_;
  Weights weights_;
  memory x_, h_, c_, dw_ih_, dw_hh_, db_, dh_;
  dnnl::stream stream_{cpu()};
  dnnl::lstm_forward inference_, forward_;
  dnnl::lstm_backward backward_;
  Arguments inference_arguments_, forward_arguments_, backward_arguments_;
  std::vector<Reorder> reorders_;  ///< what a training step has to reorder
};

/// The inference primitive for a sequence of one step; the state goes out where it came in.
class OneDnnStreaming final : public StreamingPeer {
 public:
  explicit OneDnnStreaming(const Workload& workload)
      : sizes_(workload.shape.inputs, workload.shape.hidden, 1, 1),
        x_(sizes_.x, cpu(), nullptr),
        h_(zeros(sizes_.state)) {
    const auto what = sizes_.forward(dnnl::prop_kind::forward_inference, sizes_.state);
    step_ = dnnl::lstm_forward(what);
    const Weights weights(sizes_, workload.weights(), workload.shape.hidden);
    const auto reordered = [&](memory from, const memory::desc& wanted) {
      memory to(wanted, cpu());
      dnnl::reorder(from, to).execute(stream_, from, to);
      return to;
    };
    const memory c = zeros(sizes_.state);
    arguments_ = {{DNNL_ARG_SRC_LAYER, x_},
                  {DNNL_ARG_SRC_ITER, h_},
                  {DNNL_ARG_SRC_ITER_C, c},
                  {DNNL_ARG_WEIGHTS_LAYER, reordered(weights.w_ih, what.weights_layer_desc())},
                  {DNNL_ARG_WEIGHTS_ITER, reordered(weights.w_hh, what.weights_iter_desc())},
                  {DNNL_ARG_BIAS, reordered(weights.b, sizes_.b)},
                  {DNNL_ARG_DST_LAYER, memory(sizes_.outputs, cpu())},
                  {DNNL_ARG_DST_ITER, h_},
                  {DNNL_ARG_DST_ITER_C, c}};
    stream_.wait();
  }

  void run(const float* x, Index steps) override {
    const Index inputs = sizes_of(sizes_.x)[2];
    for (Index n = 0; n < steps; ++n) {
      x_.set_data_handle(const_cast<float*>(x + n * inputs));  // read only
      step_.execute(stream_, arguments_);
    }
    stream_.wait();
  }

  Vector<float> hidden() override {
    return Eigen::Map<Vector<float>>(data(h_), sizes_of(sizes_.state)[3]);
  }

 private:
  Descriptors sizes_;
  memory x_, h_;
  dnnl::stream stream_{cpu()};
  dnnl::lstm_forward step_;
  Arguments arguments_;
};

std::string describe() {
  const dnnl_version_t& version = *dnnl::version();
  return "oneDNN " + std::to_string(version.major) + '.' + std::to_string(version.minor) + '.' +
         std::to_string(version.patch);
}

const RegisterPeer plain({.name = "oneDNN",
                          .sequence =
                              [](const Workload& workload) {
                                omp_set_num_threads(1);
                                return std::make_unique<OneDnnSequence>(workload,
                                                                        workload.shape.hidden);
                              },
                          .streaming =
                              [](const Workload& workload) {
                                omp_set_num_threads(1);
                                return std::make_unique<OneDnnStreaming>(workload);
                              },
                          .describe = describe});

/// 110 neurons fill no whole number of registers; how much is that to oneDNN?
const RegisterPeer padded({.name = "oneDNN, H padded to 112",
                           .sequence =
                               [](const Workload& workload) -> std::unique_ptr<SequencePeer> {
                             const Shape &shape = workload.shape, &first = sequence_shapes[0];
                             if (shape.inputs != first.inputs || shape.hidden != first.hidden) {
                               return nullptr;
                             }
                             omp_set_num_threads(1);
                             return std::make_unique<OneDnnSequence>(workload, 112);
                           },
                           .streaming = nullptr,
                           .describe = nullptr,
                           .pads = true});

}  // namespace
}  // namespace glstm::bench
