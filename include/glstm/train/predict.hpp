// What a network answers to a data set: numbers, probabilities or classes.
#pragma once

#include <algorithm>
#include <cstddef>
#include <span>
#include <vector>

#include "glstm/core/batch.hpp"
#include "glstm/core/error.hpp"
#include "glstm/core/flush_to_zero.hpp"
#include "glstm/core/types.hpp"
#include "glstm/data/batch_order.hpp"
#include "glstm/data/dataset.hpp"
#include "glstm/nn/network.hpp"

GLSTM_BEGIN_NAMESPACE

/// Writes a network's outputs for a batch into `outputs` [B,O], or [B, O*T] when every step is read
/// out. For a classification they are logits: see probabilities. Throws Error where
/// Network::predict does. Network::predict with a tape of your own allocates less.
template <TimeGate Gate, class Scalar = typename Gate::Scalar>
void predict(const Network<Gate>& network, const SequenceBatch<Scalar>& input,
             Matrix<Scalar>& outputs) {
  typename Network<Gate>::Tape tape;
  const FlushToZero flush;
  outputs = network.predict(input, tape);
}

namespace detail {

/// Calls use(samples, timing, outputs) for the outputs of each batch of a data set, `samples` [B].
template <class Gate, class Scalar, class Use>
void for_each_prediction(const Network<Gate>& network, const Dataset<Scalar>& data, Use&& use) {
  const FlushToZero flush;
  typename Network<Gate>::Tape tape;
  for_each_batch(data, 100,
                 [&](std::span<const Index> samples, const LabelledBatch<Scalar>& batch) {
                   use(samples, batch.input.timing, network.predict(batch.input, tape));
                 });
}

/// What a network answers to all samples, as `predict` returns it; transform(row) changes the
/// answers to one sample, a row [O] or [O*T] without what is behind its end.
template <TimeGate Gate, class Scalar = typename Gate::Scalar, class Transform>
Matrix<Scalar> predictions_of(const Network<Gate>& network, const Dataset<Scalar>& data,
                              Transform&& transform) {
  const Index O = network.options().outputs;
  const bool every_step = network.options().readout == Readout::every_step;
  Matrix<Scalar> all(data.size(), every_step ? 0 : O);
  for_each_prediction(
      network, data,
      [&](std::span<const Index> samples, const Timing& timing, const Matrix<Scalar>& outputs) {
        if (outputs.cols() > all.cols()) {
          const Index before = all.cols();
          all.conservativeResize(Eigen::NoChange, outputs.cols());
          all.rightCols(outputs.cols() - before).setZero();
        }
        for (Index b = 0; b < outputs.rows(); ++b) {
          const Index columns = every_step ? O * timing.length(b) : O;
          auto row = all.row(samples[static_cast<std::size_t>(b)]);
          row.setZero();
          row.head(columns) = outputs.row(b).head(columns);
          transform(row.head(columns));
        }
      });
  return all;
}

}  // namespace detail

/// A network's outputs for the N samples of a data set: [N,O], or [N, O*T] when every step is read
/// out, with the T of the longest sample and 0 behind the end of shorter ones. For a classification
/// they are logits: see probabilities. Throws Error where Network::predict does.
template <TimeGate Gate, class Scalar = typename Gate::Scalar>
Matrix<Scalar> predict(const Network<Gate>& network, const Dataset<Scalar>& data) {
  return detail::predictions_of(network, data, [](auto) {});
}

/// The probabilities of a classification, in the shape of `predict`, with 0 behind the end of
/// shorter samples: those of the classes, whose sum is 1, for cross_entropy, and one for each
/// output for binary_cross_entropy. Throws Error for other losses, and where Network::predict does.
template <TimeGate Gate, class Scalar = typename Gate::Scalar>
Matrix<Scalar> probabilities(const Network<Gate>& network, const Dataset<Scalar>& data) {
  const Loss& loss = network.options().loss;
  detail::require(loss->has_probabilities(), "expected a loss with probabilities, such as ",
                  "cross_entropy, got ", loss->name());
  const Index O = network.options().outputs;
  Vector<double> of_step(O);
  return detail::predictions_of(network, data, [&](auto outputs) {
    for (Index first = 0; first < outputs.size(); first += O) {
      of_step = outputs.segment(first, O).template cast<double>();
      loss->to_probabilities({of_step.data(), static_cast<std::size_t>(O)});
      outputs.segment(first, O) = of_step.template cast<Scalar>();
    }
  });
}

/// The most probable class of each sample, [N]; when every step is read out, of each step of each
/// sample, [N,T] in row-major order, with -1 behind the end of a sample. Throws Error unless the
/// loss has labels.
template <TimeGate Gate, class Scalar = typename Gate::Scalar>
std::vector<int> predict_classes(const Network<Gate>& network, const Dataset<Scalar>& data) {
  const Loss& loss = network.options().loss;
  detail::require(loss.has_labels(), "expected a loss with labels, such as cross_entropy, got ",
                  loss->name());
  const Index O = network.options().outputs;
  const bool every_step = network.options().readout == Readout::every_step;
  std::vector<std::vector<int>> rows(static_cast<std::size_t>(data.size()));
  std::size_t longest = 1;
  detail::for_each_prediction(
      network, data,
      [&](std::span<const Index> samples, const Timing& timing, const Matrix<Scalar>& outputs) {
        for (Index b = 0; b < outputs.rows(); ++b) {
          auto& row = rows[static_cast<std::size_t>(samples[static_cast<std::size_t>(b)])];
          for (Index n = 0; n < (every_step ? timing.length(b) : 1); ++n) {
            Index best = 0;
            outputs.row(b).segment(n * O, O).maxCoeff(&best);
            row.push_back(static_cast<int>(best));
          }
          longest = std::max(longest, row.size());
        }
      });
  std::vector<int> classes;
  for (std::vector<int>& row : rows) {
    row.resize(longest, -1);
    classes.insert(classes.end(), row.begin(), row.end());
  }
  return classes;
}

GLSTM_END_NAMESPACE
