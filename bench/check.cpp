// The honesty check: all peers must compute what we compute, or comparing their times means
// nothing.
#include <cstdio>
#include <sstream>

#include "peer.hpp"
#include "suite.hpp"

namespace glstm::bench {
namespace {

constexpr float tolerance = 1e-3f;  // float sums of different order over up to 1024 steps

void check(const std::string& who, const std::string& where, const char* what,
           const Matrix<float>& got, const Matrix<float>& wanted) {
  std::ostringstream text;
  text << who << " does not compute what glstm computes at " << where << ": " << what;
  if (got.rows() != wanted.rows() || got.cols() != wanted.cols()) {
    text << " is [" << got.rows() << ',' << got.cols() << "] instead of [" << wanted.rows() << ','
         << wanted.cols() << ']';
  } else if (!got.allFinite() || !wanted.allFinite()) {  // maxCoeff overlooks NaN
    text << " is not finite";
  } else {
    const float scale = wanted.cwiseAbs().maxCoeff();
    const float error = (got - wanted).cwiseAbs().maxCoeff() / scale;
    if (error <= tolerance) return;
    text << " is off by " << error << " of the largest magnitude " << scale << ", allowed are "
         << tolerance;
  }
  throw Error(text.str());
}

/// Our result over whole sequences, the measure for all: that of the reference path where the
/// sequence is short, else of the scheduled path, which the short ones have shown to be right.
struct Ours {
  State<float> state;
  Matrix<float> dwh;

  explicit Ours(const Workload& workload) {
    Timing timing;
    timing.batch = workload.shape.batch;
    timing.steps = workload.shape.steps;
    LayerTape<float> tape;
    const Path path = timing.steps <= 64 ? Path::reference : Path::scheduled;
    workload.layer.forward(workload.parameters, workload.x, timing, nullptr, state, nullptr, tape,
                           Keep::tape, path);
    State<float> adjoint{state.h, 0 * state.c};
    Vector<float> gradient = 0 * workload.parameters;
    workload.layer.backward(workload.parameters, timing, tape, nullptr, 0.0f, adjoint, nullptr,
                            gradient);
    dwh = workload.layer.gradients(gradient).dWh;
  }
};

void check_sequences(const Shape& shape) {
  const Workload workload(shape);
  const Ours ours(workload);
  for (const Peer& peer : peers()) {
    const auto layer = peer.sequence ? peer.sequence(workload) : nullptr;
    if (!layer) continue;
    const std::string where = "(inputs,hidden,steps,batch) = (" + shape.name() + ")";
    layer->infer();
    check(peer.name, where, "h_T of inference", layer->hidden(), ours.state.h);
    if (!peer.trains) continue;
    // Twice: whatever is kept from one training step must not leak into the next.
    for (int pass = 0; pass < 2; ++pass) layer->train();
    check(peer.name, where, "h_T of training", layer->hidden(), ours.state.h);
    check(peer.name, where, "the gradient of w_hh", layer->recurrent_gradient(), ours.dwh);
  }
}

void check_streaming(const LayerSize& size) {
  const Workload workload({size.inputs, size.hidden, 64, 1});
  const Ours ours(workload);
  for (const Peer& peer : peers()) {
    const auto layer = peer.streaming ? peer.streaming(workload) : nullptr;
    if (!layer) continue;
    layer->run(workload.time_major().data(), workload.shape.steps);
    check(peer.name,
          "streaming (inputs,hidden) = (" + std::to_string(size.inputs) + ',' +
              std::to_string(size.hidden) + ')',
          "h after 64 steps", layer->hidden(), ours.state.h.transpose());
  }
}

}  // namespace

void check_peers(const SuiteOptions& options) {
  const FlushToZero flush;
  for (const Shape& shape : sequence_shapes) {
    check_sequences(shape.shortened());
    if (!options.quick) check_sequences(shape);
  }
  for (const Shape& shape : batch_shapes) {
    for (const Index batch : {1, 3, 12}) {
      check_sequences(Shape{shape.inputs, shape.hidden, shape.steps, batch}.shortened());
    }
  }
  for (const LayerSize& size : streaming_sizes) check_streaming(size);
  std::fprintf(stderr, "All peers compute the same hidden states and gradients.\n");
}

}  // namespace glstm::bench
