// The open windows of a network as rows of CSV.
#pragma once

#include <algorithm>
#include <cmath>
#include <limits>
#include <ostream>
#include <sstream>

#include "glstm/nn/network.hpp"
#include "tasks.hpp"

namespace sequence_tasks {

constexpr const char* windows_header = "when,layer,neuron,mu,sigma,open,close\n";

/// One row per neuron and window, cut to the time of the task; a neuron that never opens has one
/// without times.
template <glstm::TimeGate Gate>
void append_windows(const glstm::Network<Gate>& network, const Task& task, const char* when,
                    std::ostream& csv) {
  if constexpr (Gate::parameter_names.size() > 0) {
    const float duration = static_cast<float>(task.duration());
    for (std::size_t l = 0; l < network.layers().size(); ++l) {
      const Gate gate = network.layers()[l].gate(network.parameters);
      for (Index j = 0; j < gate.size(); ++j) {
        std::ostringstream neuron;
        neuron.precision(csv.precision());
        neuron << when << ',' << l << ',' << j << ',';
        if constexpr (requires { gate.mu(j); }) {
          neuron << static_cast<double>(gate.mu(j)) + task.begin << ',' << gate.sigma(j);
        } else {
          neuron << ',';
        }
        float time = 0;
        int windows = 0;
        for (; windows < 1000; ++windows) {  // a phased gate may have any number
          const glstm::Window<float> window = gate.next_window(j, time);
          if (window.empty() || window.open > duration || (windows > 0 && window.open < time))
            break;
          csv << neuron.str() << ',' << static_cast<double>(std::max(0.f, window.open)) + task.begin
              << ',' << static_cast<double>(std::min(duration, window.close)) + task.begin << '\n';
          time = std::nextafter(window.close, std::numeric_limits<float>::infinity());
          if (time > duration) break;
        }
        if (windows == 0 && time == 0) csv << neuron.str() << ",,\n";
      }
    }
  }
}

}  // namespace sequence_tasks
