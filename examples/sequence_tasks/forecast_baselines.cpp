#include "forecast_baselines.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <string_view>

#include "glstm/core/error.hpp"

namespace sequence_tasks {
namespace {

using namespace glstm;

double value(const Sequences& windows, Index window, Index row, Index feature) {
  const Index place = (windows.start(window) + row) * windows.features() + feature;
  return windows.values[static_cast<std::size_t>(place)];
}

/// The feature that each column of targets forecasts; none if one is no feature.
std::vector<Index> forecast_features(const Sequences& windows, Index ahead) {
  constexpr std::string_view next = " + 1";  // see glstm::cut_windows
  const std::vector<std::string>& features = windows.description.feature_names;
  std::vector<Index> columns;
  for (Index c = 0; c < windows.outputs() / ahead; ++c) {
    const std::string& target = windows.description.target_names[static_cast<std::size_t>(c)];
    const std::string name = target.substr(0, target.size() - next.size());
    const auto found = std::find(features.begin(), features.end(), name);
    if (found == features.end()) return {};
    columns.push_back(found - features.begin());
  }
  return columns;
}

/// The autocorrelation of a feature at a lag, over some windows.
double autocorrelation(const Sequences& windows, const std::vector<Index>& some, Index feature,
                       Index lag) {
  double products = 0, squares = 0;
  for (const Index w : some) {
    const Index rows = windows.length(w);
    bool complete = true;
    for (Index n = 0; n < rows; ++n)
      complete = complete && !std::isnan(value(windows, w, n, feature));
    if (!complete) continue;
    double mean = 0;
    for (Index n = 0; n < rows; ++n) {
      mean += value(windows, w, n, feature) / static_cast<double>(rows);
    }
    for (Index n = 0; n < rows; ++n) {
      const double now = value(windows, w, n, feature) - mean;
      squares += now * now * static_cast<double>(rows - lag) / static_cast<double>(rows);
      if (n >= lag) products += now * (value(windows, w, n - lag, feature) - mean);
    }
  }
  return squares > 0 ? products / squares : 0;
}

/// The lag of the highest peak of the autocorrelation, at most half a window; 0 if none is high.
Index find_period(const Sequences& windows, const std::vector<Index>& training, Index feature) {
  std::vector<Index> some;
  const std::size_t count = std::min<std::size_t>(50, training.size());
  for (std::size_t i = 0; i < count; ++i) some.push_back(training[i * training.size() / count]);
  const Index longest = windows.length(0) / 2;
  std::vector<double> found(static_cast<std::size_t>(longest + 2));
  for (Index lag = 1; lag <= longest + 1 && lag < windows.length(0); ++lag) {
    found[static_cast<std::size_t>(lag)] = autocorrelation(windows, some, feature, lag);
  }
  std::size_t best = 0;
  for (std::size_t lag = 2; lag + 1 < found.size(); ++lag) {
    const bool peak = found[lag] >= found[lag - 1] && found[lag] >= found[lag + 1];
    if (peak && found[lag] > 0.3 && (best == 0 || found[lag] > found[best])) best = lag;
  }
  return static_cast<Index>(best);
}

/// The error of repeating the last `period` rows.
double repeating_error(const Sequences& windows, const std::vector<Index>& test,
                       const std::vector<Index>& features, Index period) {
  const Index columns = static_cast<Index>(features.size()), ahead = windows.outputs() / columns;
  double squares = 0, count = 0;
  for (const Index w : test) {
    for (Index n = 1; n <= ahead; ++n) {
      const Index row = windows.length(w) - 1 + n - (n + period - 1) / period * period;
      for (Index c = 0; c < columns; ++c) {
        const Index place = w * windows.outputs() + (n - 1) * columns + c;
        const double error = value(windows, w, row, features[static_cast<std::size_t>(c)]) -
                             windows.targets[static_cast<std::size_t>(place)];
        if (std::isnan(error)) continue;  // a missing value
        squares += error * error;
        ++count;
      }
    }
  }
  return std::sqrt(squares / count);
}

}  // namespace

Index forecast_period(const Sequences& windows, const std::vector<Index>& training, Index ahead) {
  const std::vector<Index> features = forecast_features(windows, ahead);
  return features.empty() ? 0 : find_period(windows, training, features.front());
}

std::vector<std::pair<std::string, double>> forecast_baselines(const Sequences& windows,
                                                               const std::vector<Index>& test,
                                                               Index period, Index ahead) {
  const std::vector<Index> features = forecast_features(windows, ahead);
  if (features.empty() || test.empty()) return {};
  std::vector<std::pair<std::string, double>> baselines = {
      {"last value", repeating_error(windows, test, features, 1)}};
  if (period > 0) {
    baselines.emplace_back(detail::text_of("last period, ", period, " rows"),
                           repeating_error(windows, test, features, period));
  }
  return baselines;
}

}  // namespace sequence_tasks
