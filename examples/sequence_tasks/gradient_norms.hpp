// How far back in time the gradient of a loss reaches.
#pragma once

#include <algorithm>
#include <cmath>
#include <ostream>
#include <vector>

#include "glstm/glstm.hpp"

namespace sequence_tasks {

/// Appends CSV rows "when,step,norm": the Euclidean norm of the gradient of the loss with respect
/// to the states h and c of all layers after `step` steps, the root of the mean square over the
/// samples. It is found at every `chunk`-th step: the sequence is cut into chunks, through which
/// the state, and on the way back its gradient, is carried.
template <glstm::TimeGate Gate>
void append_gradient_norms(const glstm::Network<Gate>& network,
                           const glstm::LabelledBatch<float>& batch, const char* when,
                           glstm::Index chunk, std::ostream& csv) {
  using namespace glstm;
  const auto& layers = network.layers();
  const SequenceBatch<float>& input = batch.input;
  const Index B = input.batch(), T = input.steps(), L = static_cast<Index>(layers.size());
  const Index chunks = (T + chunk - 1) / chunk;
  const auto at = [](auto& list, Index i) -> auto& { return list[static_cast<std::size_t>(i)]; };

  const auto timing_of = [&](Index first, Index steps) {
    Timing timing;
    timing.batch = B;
    timing.steps = steps;
    timing.timestamps.resize(B, steps);
    timing.lengths.resize(static_cast<std::size_t>(B));
    for (Index b = 0; b < B; ++b) {
      at(timing.lengths, b) = std::clamp<Index>(input.timing.length(b) - first, 0, steps);
      for (Index n = 0; n < steps; ++n) timing.timestamps(b, n) = input.timing.time(b, first + n);
    }
    return timing;
  };

  std::vector<std::vector<LayerTape<float>>> tapes(static_cast<std::size_t>(chunks));
  std::vector<State<float>> states;
  for (const auto& layer : layers) states.push_back(State<float>::zeros(B, layer.hidden()));
  for (Index k = 0; k < chunks; ++k) {
    at(tapes, k) = std::vector<LayerTape<float>>(static_cast<std::size_t>(L));
    const Index first = k * chunk, steps = std::min(chunk, T - first);
    const Timing timing = timing_of(first, steps);
    Matrix<float> x = input.values.middleCols(first * input.features, steps * input.features);
    for (Index l = 0; l < L; ++l) {
      const State<float> before = at(states, l);
      Matrix<float> outputs;
      at(layers, l).forward(network.parameters, x, timing, &before, at(states, l), &outputs,
                            at(at(tapes, k), l));
      x = std::move(outputs);
    }
  }

  // The gradient of the loss with respect to the last state comes from the readout.
  const auto w = block_view(network.parameters, network.layout().find("readout.w"));
  const auto bias = block_view(network.parameters, network.layout().find("readout.b"));
  Matrix<float> y = states.back().h * w.transpose(), dy;
  y.rowwise() += bias.col(0).transpose();
  evaluate_loss(network.options().loss, y, network.options().outputs, input.timing, batch.targets,
                dy);
  std::vector<State<float>> adjoints;
  for (const auto& layer : layers) adjoints.push_back(State<float>::zeros(B, layer.hidden()));
  adjoints.back().h = static_cast<float>(B) * dy * w;  // of each sample's own loss

  Vector<float> gradient = Vector<float>::Zero(network.layout().size());
  const auto write = [&](Index step) {
    double sum = 0;
    for (const State<float>& adjoint : adjoints) {
      sum += static_cast<double>(adjoint.h.squaredNorm() + adjoint.c.squaredNorm());
    }
    csv << when << ',' << step << ',' << std::sqrt(sum / static_cast<double>(B)) << '\n';
  };
  write(T);
  for (Index k = chunks; k-- > 0;) {
    const Index first = k * chunk, steps = std::min(chunk, T - first);
    const Timing timing = timing_of(first, steps);
    Matrix<float> dx, doutputs;
    for (Index l = L; l-- > 0;) {
      at(layers, l).backward(network.parameters, timing, at(at(tapes, k), l),
                             l + 1 < L ? &doutputs : nullptr, 0.f, at(adjoints, l),
                             l > 0 ? &dx : nullptr, gradient);
      doutputs.swap(dx);
    }
    write(first);
  }
}

}  // namespace sequence_tasks
