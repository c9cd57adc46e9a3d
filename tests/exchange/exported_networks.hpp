// The networks that are exported and computed by other programs.
#pragma once

#include <string>
#include <type_traits>
#include <utility>

#include "glstm/core/random.hpp"
#include "glstm/nn/network.hpp"
#include "io/random_network.hpp"

template <glstm::TimeGate Gate>
struct ExportedNetwork {
  std::string name;  ///< may be the name of a namespace
  glstm::NetworkOptions<Gate> options;
  bool negative = false;  ///< the first layer has negative widths or periods

  glstm::Network<Gate> network(glstm::Rng& rng) const {
    glstm::Network<Gate> network = random_network(options, rng);
    if (negative) {
      constexpr bool gaussian = std::is_same_v<Gate, glstm::GaussianGate<typename Gate::Scalar>>;
      const glstm::Index scale = gaussian ? 1 : 0;  // sigma or period
      network.layers()[0].gate_parameters(network.parameters).col(scale) *= -1;
    }
    return network;
  }
};

/// Calls visit(ExportedNetwork<Gate>) for networks of all kinds.
template <class Visit>
void for_each_exported_network(Visit&& visit) {
  using namespace glstm;
  constexpr Readout every = Readout::every_step;
  constexpr double far = 1.7e9;  // seconds since 1970
  using Plain = ExportedNetwork<AlwaysOpen<float>>;
  using PlainDouble = ExportedNetwork<AlwaysOpen<double>>;
  using Gaussian = ExportedNetwork<GaussianGate<float>>;
  using GaussianDouble = ExportedNetwork<GaussianGate<double>>;
  using Phased = ExportedNetwork<PhasedGate<float>>;
  using PhasedDouble = ExportedNetwork<PhasedGate<double>>;

  visit(Plain{"plain", {.inputs = 3, .hidden = {7}, .outputs = 2}});
  visit(Plain{"plain_smallest", {.inputs = 1, .hidden = {1}, .outputs = 1}});
  visit(Plain{"plain_stack", {.inputs = 2, .hidden = {6, 5, 4}, .outputs = 3, .readout = every}});
  visit(Plain{"plain_bidirectional",
              {.inputs = 3, .hidden = {5, 4}, .outputs = 2, .bidirectional = true}});
  visit(PlainDouble{"plain_double", {.inputs = 3, .hidden = {8, 3}, .outputs = 2}});
  visit(PlainDouble{"plain_double_bidirectional",
                    {.inputs = 3, .hidden = {5, 4}, .outputs = 2, .bidirectional = true}});
  visit(Gaussian{"gaussian", {.inputs = 3, .hidden = {15}, .outputs = 2}});
  visit(Gaussian{"gaussian_smallest", {.inputs = 1, .hidden = {1}, .outputs = 1}});
  visit(Gaussian{"gaussian_stack_far_origin",
                 {.inputs = 2,
                  .hidden = {12, 9},
                  .outputs = 3,
                  .readout = every,
                  .gates = {{.threshold = 0.05}, {.threshold = 0.001}},
                  .time_origin = far}});
  visit(Gaussian{"gaussian_never_closed",
                 {.inputs = 2, .hidden = {6}, .outputs = 1, .gates = {{.threshold = 0}}}});
  visit(Gaussian{
      "gaussian_bidirectional_far_origin",
      {.inputs = 2, .hidden = {8, 6}, .outputs = 2, .time_origin = far, .bidirectional = true}});
  visit(GaussianDouble{"gaussian_double_far_origin",
                       {.inputs = 2, .hidden = {12, 8, 5}, .outputs = 2, .time_origin = far}});
  visit(
      GaussianDouble{"gaussian_negative_width", {.inputs = 1, .hidden = {9}, .outputs = 1}, true});
  visit(Plain{
      "plain_skip_state",
      {.inputs = 3, .hidden = {5, 4}, .outputs = 2, .input_skip = true, .learned_state = true}});
  visit(GaussianDouble{"gaussian_double_skip_state",
                       {.inputs = 2,
                        .hidden = {7, 5},
                        .outputs = 2,
                        .time_origin = far,
                        .input_skip = true,
                        .learned_state = true}});
  visit(Gaussian{"gaussian_readout_layers",
                 {.inputs = 2,
                  .hidden = {7},
                  .outputs = 2,
                  .input_skip = true,
                  .readout_layers = {{4, Activation::tanh},
                                     {3, Activation::linear},
                                     {5, Activation::sigmoid},
                                     {4, Activation::relu}}}});
  visit(Phased{"phased", {.inputs = 2, .hidden = {9, 6}, .outputs = 2}});
  visit(Phased{"phased_leak_bidirectional",
               {.inputs = 2,
                .hidden = {9},
                .outputs = 2,
                .gates = {{.threshold = 0.02, .leak = 0.03}},
                .bidirectional = true}});
  visit(PhasedDouble{"phased_double_leak_far_origin",
                     {.inputs = 2,
                      .hidden = {9},
                      .outputs = 2,
                      .gates = {{.threshold = 0.02, .leak = 0.03}},
                      .time_origin = far}});
  visit(PhasedDouble{"phased_negative_period", {.inputs = 2, .hidden = {7}, .outputs = 1}, true});
}
