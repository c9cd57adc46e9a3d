// The open windows of a network as rows of CSV.
#pragma once

#include <algorithm>
#include <cmath>
#include <limits>
#include <ostream>
#include <sstream>
#include <string>

#include "glstm/nn/network.hpp"
#include "tasks.hpp"

namespace sequence_tasks {

constexpr const char* windows_header = "when,layer,neuron,mu,sigma,open,close\n";

/// Appends the rows of one neuron: one per window, cut to the duration of the task, or one without
/// times if it never opens. `start` is the beginning of each row, `origin` the time of the first
/// step.
template <glstm::TimeGate Gate>
void append_neuron(const Gate& gate, Index j, float duration, double origin,
                   const std::string& start, std::ostream& csv) {
  float time = 0;
  int windows = 0;
  for (; windows < 1000; ++windows) {  // a phased gate may have any number
    const glstm::Window<float> window = gate.next_window(j, time);
    if (window.empty() || window.open > duration || (windows > 0 && window.open < time)) break;
    csv << start << ',' << static_cast<double>(std::max(0.f, window.open)) + origin << ','
        << static_cast<double>(std::min(duration, window.close)) + origin << '\n';
    time = std::nextafter(window.close, std::numeric_limits<float>::infinity());
    if (time > duration) break;
  }
  if (windows == 0 && time == 0) csv << start << ",,\n";
}

/// Appends the windows of all neurons at the moment `when`. Networks without time gates have none.
template <glstm::TimeGate Gate>
void append_windows(const glstm::Network<Gate>& network, const Task& task, const char* when,
                    std::ostream& csv) {
  if constexpr (Gate::parameter_names.size() > 0) {
    const float duration = static_cast<float>(task.duration());
    for (std::size_t l = 0; l < network.layers().size(); ++l) {
      const Gate gate = network.layers()[l].gate(network.parameters);
      for (Index j = 0; j < gate.size(); ++j) {
        std::ostringstream start;
        start.precision(csv.precision());
        start << when << ',' << l << ',' << j << ',';
        if constexpr (requires { gate.mu(j); }) {
          start << static_cast<double>(gate.mu(j)) + task.begin << ',' << gate.sigma(j);
        } else {
          start << ',';
        }
        append_neuron(gate, j, duration, task.begin, start.str(), csv);
      }
    }
  }
}

}  // namespace sequence_tasks
