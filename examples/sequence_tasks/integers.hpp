// A network in integers, as headers for devices without floating point compute it.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <memory>
#include <numeric>
#include <vector>

#include "glstm/data/batch_order.hpp"
#include "glstm/data/subset.hpp"
#include "glstm/exchange/integer_network.hpp"
#include "glstm/nn/evaluation.hpp"
#include "tasks.hpp"

namespace sequence_tasks {

/// Returns the first `count` samples, or all if there are fewer.
inline std::shared_ptr<const Data> first_samples(const std::shared_ptr<const Data>& data,
                                                 Index count) {
  if (data->size() <= count) return data;
  return std::make_shared<glstm::Subset<float>>(data, 0, count);
}

/// Returns the ranges of a network's numbers over the first `count` training sequences.
template <glstm::TimeGate Gate>
glstm::Calibration calibration_of(const glstm::Network<Gate>& network, const Task& task,
                                  Index count) {
  std::vector<Index> samples(static_cast<std::size_t>(std::min(count, task.training->size())));
  std::iota(samples.begin(), samples.end(), Index(0));
  glstm::LabelledBatch<float> batch;
  task.training->load(samples, batch);
  return glstm::calibrate(network, batch.input);
}

/// Returns what `integers`, made of the network with this tick, answers to a batch, [B, O*P].
template <glstm::TimeGate Gate>
glstm::Matrix<float> answers_in_integers(const glstm::Network<Gate>& network,
                                         glstm::IntegerNetwork& integers, double tick,
                                         const glstm::SequenceBatch<float>& input) {
  const bool every_step = network.options().readout == glstm::Readout::every_step;
  const Index O = network.options().outputs, I = input.features;
  const glstm::Timing& timing = input.timing;
  glstm::Matrix<float> answers =
      glstm::Matrix<float>::Zero(timing.batch, O * (every_step ? timing.steps : 1));
  std::vector<float> values(static_cast<std::size_t>(I));
  std::vector<std::int16_t> x(values.size());
  for (Index b = 0; b < timing.batch; ++b) {
    integers.reset();
    const auto read_out = [&](Index prediction) {
      const std::vector<std::int32_t> y = integers.output();
      for (Index o = 0; o < O; ++o) {
        answers(b, O * prediction + o) =
            static_cast<float>(std::ldexp(y[static_cast<std::size_t>(o)], -integers.output_bits()));
      }
    };
    for (Index n = 0; n < timing.length(b); ++n) {
      for (Index i = 0; i < I; ++i)
        values[static_cast<std::size_t>(i)] = input.values(b, n * I + i);
      integers.quantize(values.data(), x.data());
      const double ticks = (timing.time(b, n) - network.options().time_origin) / tick;
      integers.step(x.data(), static_cast<std::int32_t>(std::lround(std::clamp(ticks, -1e9, 1e9))));
      if (every_step) read_out(n);
    }
    if (!every_step && timing.length(b) > 0) read_out(0);
  }
  return answers;
}

/// Returns how well the network does in integers.
template <glstm::TimeGate Gate>
glstm::LossValue test_in_integers(const glstm::Network<Gate>& network,
                                  const glstm::Calibration& calibration, double tick,
                                  const Data& data) {
  glstm::IntegerNetwork integers(network, calibration, tick);
  glstm::EvaluationSum sum;
  glstm::Matrix<float> ignored;
  glstm::detail::for_each_batch(data, 100, [&](auto, const glstm::LabelledBatch<float>& batch) {
    const auto answers = answers_in_integers(network, integers, tick, batch.input);
    glstm::Evaluation part;
    part.task = glstm::evaluate_loss(network.options().loss, answers, network.options().outputs,
                                     batch.input.timing, batch.targets, ignored);
    sum.add(part);
  });
  return sum.mean().task;
}

}  // namespace sequence_tasks
