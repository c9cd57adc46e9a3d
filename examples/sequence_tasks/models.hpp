// The networks and optimisers that the settings of a run describe.
#pragma once

#include <cmath>
#include <type_traits>
#include <utility>

#include "glstm/io/checkpoint.hpp"
#include "glstm/io/network_file.hpp"
#include "glstm/io/safetensors.hpp"
#include "glstm/nn/convert.hpp"
#include "glstm/nn/network.hpp"
#include "glstm/optim/optimizer.hpp"
#include "settings.hpp"
#include "tasks.hpp"

namespace sequence_tasks {

template <glstm::TimeGate Gate>
typename Gate::Options gate_options(const Settings& settings) {
  typename Gate::Options options;
  if constexpr (requires { options.threshold; }) options.threshold = settings.threshold;
  if constexpr (requires { options.min_width; }) options.min_width = *settings.min_width;
  if constexpr (requires { options.leak; }) options.leak = settings.leak;
  return options;
}

template <glstm::TimeGate Gate>
glstm::Network<Gate> make_network(const Settings& settings, const Task& task) {
  using glstm::Readout;
  glstm::Network<Gate> network(
      {.inputs = task.inputs,
       .hidden = settings.hidden,
       .outputs = task.outputs,
       .readout = task.every_step ? Readout::every_step : Readout::last_step,
       .loss = task.loss,
       .gates = {gate_options<Gate>(settings)},
       .time_origin = task.begin});
  network.data = task.data;
  return network;
}

/// The plain LSTM into which the g-LSTM in --start-folded is folded, and how long that was trained.
struct FoldedStart {
  glstm::Lstm<float> network;
  double seconds;
};

inline FoldedStart folded_start(const Settings& settings, const Task& task) {
  glstm::detail::require(
      !glstm::load_safetensors(settings.start_folded).tensors.contains(glstm::detail::average_name),
      "--start-folded: expected a checkpoint without an average beside its parameters, got ",
      settings.start_folded, ": best.safetensors has the averaged parameters");
  auto gated = glstm::load_network<glstm::GLstm<float>>(settings.start_folded);
  const auto expected = make_network<glstm::GaussianGate<float>>(settings, task).layout();
  const glstm::CheckpointMetadata metadata =
      glstm::load_checkpoint<float>(settings.start_folded, expected, gated.parameters, nullptr);
  return {glstm::fold_gates(gated, 0, task.duration()),
          glstm::training_progress(metadata, settings.start_folded).seconds};
}

/// Draws the initial parameters, or reads them from the checkpoint in --start or --start-folded.
/// Returns the seconds of training in what is folded, otherwise 0.
template <glstm::TimeGate Gate>
double initialize(const Settings& settings, const Task& task, glstm::Network<Gate>& network) {
  const double span = settings.centres[1] - settings.centres[0];
  glstm::Initialization initial;
  initial.forget_bias = *settings.forget_bias;
  initial.longest_memory = *settings.memory;
  initial.gates.start = settings.centres[0] * task.duration();
  initial.gates.end = settings.centres[1] * task.duration();
  // Gaussian windows are lengths of time, phased windows fractions of their own periods.
  constexpr bool phased = std::is_same_v<Gate, glstm::PhasedGate<float>>;
  initial.gates.open_share = phased ? *settings.open_share : *settings.open_share / span;
  glstm::detail::require(initial.gates.open_share <= 1,
                         "--open-share: expected at most the part of the time in --centres, ", span,
                         ", got ", *settings.open_share);
  using Placement = glstm::GateSpread::Placement;
  const bool random = settings.placement == "random" || settings.model == "random-skip";
  initial.gates.placement = random ? Placement::random : Placement::even;
  if (settings.placement == "running") initial.gates.ends = task.ends;
  glstm::Rng rng(settings.seed);
  network.initialize(initial, rng);
  if (!settings.start.empty()) {
    glstm::load_checkpoint<float>(settings.start, network.layout(), network.parameters, nullptr);
  }
  if (settings.start_folded.empty()) return 0;
  FoldedStart folded = folded_start(settings, task);
  network.parameters.swap(folded.network.parameters);
  return folded.seconds;
}

/// Calls action(network) with a network of the model in the settings.
template <class Action>
auto with_network(const Settings& settings, const Task& task, Action action) {
  using glstm::AlwaysOpen, glstm::GaussianGate, glstm::PhasedGate;
  if (settings.model == "lstm") return action(make_network<AlwaysOpen<float>>(settings, task));
  if (settings.model == "phased") return action(make_network<PhasedGate<float>>(settings, task));
  return action(make_network<GaussianGate<float>>(settings, task));
}

inline glstm::AdamW<float> make_optimizer(const Settings& settings,
                                          const glstm::ParameterLayout& layout) {
  return glstm::AdamW<float>(layout, {.learning_rate = *settings.learning_rate,
                                      .time_gate_learning_rate = *settings.gate_learning_rate,
                                      .beta1 = settings.adam_beta1,
                                      .beta2 = settings.adam_beta2,
                                      .epsilon = settings.adam_epsilon,
                                      .weight_decay = *settings.weight_decay});
}

}  // namespace sequence_tasks
