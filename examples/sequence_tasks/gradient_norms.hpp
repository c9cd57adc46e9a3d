// How far back in time the gradient of a loss reaches.
#pragma once

#include <algorithm>
#include <cmath>
#include <ostream>
#include <vector>

#include "glstm/glstm.hpp"

namespace sequence_tasks {

/// Runs a network forward and backward over one batch, cut into chunks of `chunk` steps. The state,
/// and on the way back its gradient, is carried from chunk to chunk.
template <glstm::TimeGate Gate>
class ChunkedGradient {
 public:
  using Index = glstm::Index;

  ChunkedGradient(const glstm::Network<Gate>& network, const glstm::LabelledBatch<float>& batch,
                  Index chunk)
      : network_(network), batch_(batch), chunk_(chunk), tapes_(count_of(chunks())) {
    for (auto& tapes : tapes_) tapes = std::vector<glstm::LayerTape<float>>(layers().size());
  }

  /// Runs forward over all chunks. Calls visit(step, norm) with the norm of the gradient after the
  /// last step, then at the beginning of each chunk, from the last to the first.
  template <class Visit>
  void run(Visit visit) {
    States states = zeros();
    for (Index k = 0; k < chunks(); ++k) forward(k, states);
    States dstates = last_gradient(states.back());
    visit(steps(), norm(dstates));
    glstm::Vector<float> gradient = glstm::Vector<float>::Zero(network_.layout().size());
    for (Index k = chunks(); k-- > 0;) {
      backward(k, dstates, gradient);
      visit(k * chunk_, norm(dstates));
    }
  }

 private:
  using States = std::vector<glstm::State<float>>;  // one per layer

  static std::size_t count_of(Index count) { return static_cast<std::size_t>(count); }
  const auto& layers() const { return network_.layers(); }
  Index samples() const { return batch_.input.batch(); }
  Index steps() const { return batch_.input.steps(); }
  Index chunks() const { return (steps() + chunk_ - 1) / chunk_; }
  Index steps_of(Index k) const { return std::min(chunk_, steps() - k * chunk_); }

  States zeros() const {
    States states;
    for (const auto& layer : layers()) {
      states.push_back(glstm::State<float>::zeros(samples(), layer.hidden()));
    }
    return states;
  }

  /// Returns the timing of chunk `k`.
  glstm::Timing timing_of(Index k) const {
    const glstm::Timing& whole = batch_.input.timing;
    const Index first = k * chunk_;
    glstm::Timing timing;
    timing.batch = samples();
    timing.steps = steps_of(k);
    timing.timestamps.resize(timing.batch, timing.steps);
    for (Index b = 0; b < timing.batch; ++b) {
      timing.lengths.push_back(std::clamp<Index>(whole.length(b) - first, 0, timing.steps));
      for (Index n = 0; n < timing.steps; ++n) timing.timestamps(b, n) = whole.time(b, first + n);
    }
    return timing;
  }

  void forward(Index k, States& states) {
    const Index features = batch_.input.features;
    const glstm::Timing timing = timing_of(k);
    glstm::Matrix<float> x =
        batch_.input.values.middleCols(k * chunk_ * features, timing.steps * features);
    for (std::size_t l = 0; l < layers().size(); ++l) {
      const glstm::State<float> before = states[l];
      glstm::Matrix<float> outputs;
      layers()[l].forward(network_.parameters, x, timing, &before, states[l], &outputs,
                          tapes_[count_of(k)][l]);
      x = std::move(outputs);
    }
  }

  void backward(Index k, States& dstates, glstm::Vector<float>& gradient) {
    const glstm::Timing timing = timing_of(k);
    glstm::Matrix<float> dx, doutputs;
    for (std::size_t l = layers().size(); l-- > 0;) {
      const bool is_last = l + 1 == layers().size();
      layers()[l].backward(network_.parameters, timing, tapes_[count_of(k)][l],
                           is_last ? nullptr : &doutputs, 0.f, dstates[l], l > 0 ? &dx : nullptr,
                           gradient);
      doutputs.swap(dx);
    }
  }

  /// Returns the gradient of each sample's own loss with respect to the last states, which comes
  /// from the readout.
  States last_gradient(const glstm::State<float>& last) const {
    const auto w = block_view(network_.parameters, network_.layout().find("readout.w"));
    const auto bias = block_view(network_.parameters, network_.layout().find("readout.b"));
    glstm::Matrix<float> y = last.h * w.transpose(), dy;
    y.rowwise() += bias.col(0).transpose();
    evaluate_loss(network_.options().loss, y, network_.options().outputs, batch_.input.timing,
                  batch_.targets, dy);
    States dstates = zeros();
    dstates.back().h = static_cast<float>(samples()) * dy * w;
    return dstates;
  }

  double norm(const States& dstates) const {
    double sum = 0;
    for (const glstm::State<float>& dstate : dstates) {
      sum += static_cast<double>(dstate.h.squaredNorm() + dstate.c.squaredNorm());
    }
    return std::sqrt(sum / static_cast<double>(samples()));
  }

  const glstm::Network<Gate>& network_;
  const glstm::LabelledBatch<float>& batch_;
  Index chunk_;
  std::vector<std::vector<glstm::LayerTape<float>>> tapes_;  // by chunk and layer
};

/// Appends CSV rows "when,step,norm" at every `chunk`-th step. The norm is the Euclidean norm of
/// the gradient of the loss with respect to the states h and c of all layers after `step` steps:
/// the root of the mean square over the samples.
template <glstm::TimeGate Gate>
void append_gradient_norms(const glstm::Network<Gate>& network,
                           const glstm::LabelledBatch<float>& batch, const char* when,
                           glstm::Index chunk, std::ostream& csv) {
  ChunkedGradient<Gate>(network, batch, chunk).run([&](glstm::Index step, double norm) {
    csv << when << ',' << step << ',' << norm << '\n';
  });
}

}  // namespace sequence_tasks
