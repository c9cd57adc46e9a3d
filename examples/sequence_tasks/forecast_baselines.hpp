// Forecasts that need no training, which a network has to beat.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "glstm/data/sequences.hpp"

namespace sequence_tasks {

using glstm::Index;

/// The period, in rows, of what the windows `training` forecast, as glstm::cut_windows has made
/// them; 0 if there is none, or if what is forecast is no feature.
Index forecast_period(const glstm::Sequences& windows, const std::vector<Index>& training,
                      Index ahead);

/// The names of simple forecasts and their root mean squared errors over the windows `test`, in the
/// user's unit: repeating the last value, and the last period unless that is 0. There are none
/// unless all that is forecast is a feature, of which the past is known. Missing values do not
/// count.
std::vector<std::pair<std::string, double>> forecast_baselines(const glstm::Sequences& windows,
                                                               const std::vector<Index>& test,
                                                               Index period, Index ahead);

}  // namespace sequence_tasks
