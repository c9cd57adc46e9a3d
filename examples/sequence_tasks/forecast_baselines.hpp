// Forecasts that need no training, which a network has to beat.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "glstm/data/sequences.hpp"

namespace sequence_tasks {

using glstm::Index;

/// The names of simple forecasts and their root mean squared errors over the sequences `test`, in
/// the user's unit: repeating the last value, and, where the sequences `training` have a period,
/// repeating the last period. `windows` are as glstm::cut_windows has made them; there are none
/// unless all that is forecast is a feature, of which the past is known.
std::vector<std::pair<std::string, double>> forecast_baselines(const glstm::Sequences& windows,
                                                               const std::vector<Index>& training,
                                                               const std::vector<Index>& test,
                                                               Index ahead);

}  // namespace sequence_tasks
