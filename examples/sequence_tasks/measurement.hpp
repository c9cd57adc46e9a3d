// Results of a network on the test set, and its speed.
#pragma once

#include <algorithm>
#include <chrono>
#include <cmath>
#include <nlohmann/json.hpp>
#include <span>
#include <vector>

#include "answers.hpp"
#include "glstm/data/batch_order.hpp"
#include "glstm/train/trainer.hpp"
#include "models.hpp"

namespace sequence_tasks {

/// The evaluation of a data set, with the operations of each layer and the time of the network
/// without loading the data.
struct Test {
  glstm::Evaluation mean;
  std::vector<glstm::OpCounts> layers;
  double seconds = 0;
  Answers answers;
};

template <glstm::TimeGate Gate>
Test test_network(const glstm::Network<Gate>& network, const Data& data) {
  using Clock = std::chrono::steady_clock;
  constexpr Index batch_size =
      100;  // the same for all networks, so that their times can be compared
  const glstm::FlushToZero flush;
  typename glstm::Network<Gate>::Tape tape;
  glstm::EvaluationSum sum;
  Test test{{}, {}, 0, Answers(network.data, network.options().loss, network.options().outputs)};
  test.layers.resize(network.layers().size());
  const auto add = [&](std::span<const Index> samples, const glstm::LabelledBatch<float>& batch) {
    const auto begin = Clock::now();
    sum.add(network.evaluate(batch, tape));
    test.seconds += std::chrono::duration<double>(Clock::now() - begin).count();
    for (std::size_t l = 0; l < test.layers.size(); ++l) test.layers[l] += tape.layers[l].ops();
    test.answers.add(samples, batch, tape.readout);
  };
  glstm::detail::for_each_batch(data, batch_size, add);
  test.mean = sum.mean();
  return test;
}

/// Returns the seconds of a training step of a group, measured on a copy of the network: over a few
/// steps that leave it as it is, or, with `trial` seconds, over the second half of a training that
/// long, in which windows and updates begin to change as they will. All processes get the result of
/// the first one.
template <glstm::TimeGate Gate>
double seconds_per_step(glstm::Network<Gate> network, const Task& task, const Settings& settings,
                        glstm::ProcessGroup& group, double trial = 0) {
  using glstm::Continue, glstm::StepReport;
  struct Times final : glstm::Callback<float> {
    Continue on_step(const StepReport& report) override {
      seconds.push_back(report.seconds);  // the first step allocates, and is not typical
      const std::size_t steps = seconds.size();
      if (trial > 0) return steps >= 5 && report.seconds > trial ? Continue::no : Continue::yes;
      return steps >= 50 || (steps >= 4 && report.seconds > 2) ? Continue::no : Continue::yes;
    }
    double trial = 0;
    std::vector<double> seconds;
  } times;
  times.trial = trial;
  const double learning = trial > 0 ? 0.5 : 0;  // the mean of a schedule
  glstm::AdamW<float> optimizer(
      network.layout(), {.learning_rate = learning * *settings.learning_rate,
                         .time_gate_learning_rate = learning * *settings.gate_learning_rate});
  glstm::BudgetController controller({.target_share = settings.target_share.value_or(1)});
  glstm::Trainer<Gate> trainer(network, optimizer,
                               {.batch = *settings.batch,
                                .epochs = trial > 0 ? 100'000 : 50,
                                .clip_norm = settings.clip,
                                .budget_weight = settings.budget,
                                .threads = settings.threads,
                                .shards = settings.shards},
                               &group);
  if (trial > 0 && settings.target_share) trainer.control(controller);
  trainer.add_callback(times).fit(*task.training);
  const std::size_t last = times.seconds.size() - 1,
                    first = trial > 0 ? times.seconds.size() / 2 : 0;
  return group.from_first((times.seconds[last] - times.seconds[first]) /
                          static_cast<double>(std::max<std::size_t>(1, last - first)));
}

/// Returns loss and accuracy; the accuracy is null where nothing is decided.
inline Json json_of(const glstm::Evaluation& evaluation) {
  const double accuracy = evaluation.accuracy();
  return {{"loss", evaluation.task.loss},
          {"accuracy", std::isfinite(accuracy) ? Json(accuracy) : Json()}};
}

/// Adds the test results and the speed of a trained network to its metrics. Returns its answers.
template <glstm::TimeGate Gate>
Answers add_test(const glstm::Network<Gate>& network, const Task& task, const Settings& settings,
                 Json& metrics) {
  glstm::ProcessGroup alone;
  const double sequences = static_cast<double>(task.test->size());
  const Test test = test_network(network, *task.test);
  metrics["test"] = json_of(test.mean);
  metrics["test"]["sequences"] = task.test->size();
  metrics["test"].update(scores(test.answers));
  for (const auto& [name, rmse] : task.baselines) {
    metrics["test"]["baselines"].push_back({{"forecast", name}, {"rmse", rmse}});
  }
  metrics["update_share"] = test.mean.ops.update_share();
  metrics["macs_per_sequence"] = test.mean.ops.macs / sequences;
  metrics["dense_macs_per_sequence"] = test.mean.ops.dense_macs / sequences;
  metrics["inference_ms_per_sequence"] = 1e3 * test.seconds / sequences;
  metrics["training_ms_per_sequence"] =
      1e3 * seconds_per_step(network, task, settings, alone) / static_cast<double>(*settings.batch);
  metrics["layers"] = Json::array();
  for (std::size_t l = 0; l < test.layers.size(); ++l) {
    metrics["layers"].push_back({{"hidden", settings.hidden[l]},
                                 {"update_share", test.layers[l].update_share()},
                                 {"macs_per_sequence", test.layers[l].macs / sequences}});
  }
  return test.answers;
}

}  // namespace sequence_tasks
