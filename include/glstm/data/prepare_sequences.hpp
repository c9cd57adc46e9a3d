// What is done to sequences before a network sees them: clock, scaling, missing values, frames. All
// of it is written down in their description, so that new data can be prepared in the same way.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <map>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "glstm/core/data_description.hpp"
#include "glstm/core/error.hpp"
#include "glstm/core/text.hpp"
#include "glstm/core/types.hpp"
#include "glstm/data/sequences.hpp"

GLSTM_BEGIN_NAMESPACE

/// Makes time count as `clock` says, from what it was read as:
///
///     shared    as it is
///     own       from each sequence's first step, for sequences that happened on different days
///     with
///               timestamps of one clock, such as seconds since 1970
///     relative  as the fraction of each sequence's own duration: 0 at its first step and 1 at its
///               last; fractions of its steps where there are no times. For answers to whole
///               sequences that differ in length
///
/// Throws Error, and changes nothing, when a sequence lasts longer than a double can tell.
inline void use_clock(Sequences& data, ClockKind clock) {
  for (Index s = 0; clock != ClockKind::shared && s < data.size(); ++s) {
    const double begin = data.begin_of(s), end = data.end_of(s);
    detail::require(std::isfinite(end - begin), data.source,
                    ": expected sequences whose duration is a finite number, found times ", begin,
                    " to ", end, " in sequence ", s);
  }
  data.description.clock = clock;
  data.description.timestamps = data.has_times();
  if (clock == ClockKind::shared || (clock == ClockKind::own && !data.has_times())) return;
  std::vector<double> times;
  for (Index s = 0; s < data.size(); ++s) {
    const double begin = data.begin_of(s), duration = data.end_of(s) - begin;
    const double unit = clock == ClockKind::relative && duration > 0 ? duration : 1;
    for (Index n = 0; n < data.length(s); ++n) times.push_back((data.time(s, n) - begin) / unit);
  }
  data.times = std::move(times);
}

/// How fit_scaling scales.
enum class ScalingKind {
  standard,  ///< to a mean of 0 and a standard deviation of 1
  range      ///< to 0 ... 1
};

namespace detail {

/// The scaling of numbers whose least, greatest, mean and standard deviation are gathered with add.
class ScalingFit {
 public:
  void add(double value) {
    if (std::isnan(value)) return;
    ++count_;
    least_ = std::min(least_, value);
    greatest_ = std::max(greatest_, value);
    const double from_mean = value - mean_;  // Welford's sums do not cancel
    mean_ += from_mean / static_cast<double>(count_);
    squares_ += from_mean * (value - mean_);
  }

  /// A constant has the scale 1.
  Scaling scaling(ScalingKind kind) const {
    if (count_ == 0) return {};
    if (is_constant()) return {least_, 1};
    if (kind == ScalingKind::range) return {least_, greatest_ - least_};
    return {mean_, std::sqrt(squares_ / static_cast<double>(count_))};
  }
  /// Whether the numbers differ by rounding alone.
  bool is_constant() const {
    return !(greatest_ - least_ > 1e-12 * std::max(std::abs(least_), std::abs(greatest_)));
  }

 private:
  Index count_ = 0;
  double mean_ = 0, squares_ = 0;
  double least_ = std::numeric_limits<double>::infinity(), greatest_ = -least_;
};

inline void scale(std::vector<double>& numbers, const std::vector<Scaling>& scaling) {
  for (std::size_t n = 0; n < numbers.size() && !scaling.empty(); ++n) {
    const Scaling& s = scaling[n % scaling.size()];
    numbers[n] = (numbers[n] - s.offset) / s.scale;
  }
}

}  // namespace detail

/// Finds the scaling of each feature, and of each target, over the sequences `samples`, and returns
/// the description of the data with it; scale_sequences applies it. A feature that is the same
/// everywhere is only moved to 0; its name is added to `constant`, unless that is null. Missing
/// values do not count. Throws Error where a sample is not in 0 ... size() - 1.
inline DataDescription fit_scaling(const Sequences& data, std::span<const Index> samples,
                                   ScalingKind kind, std::vector<std::string>* constant = nullptr) {
  detail::require_samples(samples, data.size(), data.source);
  DataDescription description = data.description;
  std::vector<detail::ScalingFit> features(description.feature_names.size());
  std::vector<detail::ScalingFit> targets(description.target_names.size());
  const auto add = [](std::vector<detail::ScalingFit>& fits, const std::vector<double>& numbers,
                      Index first, Index last, Index width) {
    for (Index n = first * width; n < last * width; ++n) {
      fits[static_cast<std::size_t>(n) % fits.size()].add(numbers[static_cast<std::size_t>(n)]);
    }
  };
  for (const Index s : samples) {
    add(features, data.values, data.start(s), data.start(s + 1), data.features());
    if (!data.has_targets()) continue;
    if (data.every_step) {
      add(targets, data.targets, data.start(s), data.start(s + 1), data.outputs());
    } else {
      add(targets, data.targets, s, s + 1, data.outputs());
    }
  }
  description.feature_scaling.clear();
  description.target_scaling.clear();
  for (std::size_t f = 0; f < features.size(); ++f) {
    description.feature_scaling.push_back(features[f].scaling(kind));
    if (constant != nullptr && features[f].is_constant()) {
      constant->push_back(description.feature_names[f]);
    }
  }
  if (data.has_targets()) {
    for (const auto& fit : targets) description.target_scaling.push_back(fit.scaling(kind));
  }
  return description;
}

/// Scales features and targets as `description` says, once. Throws Error if the data were scaled
/// before, or have other numbers of features or targets.
inline void scale_sequences(Sequences& data, const DataDescription& description) {
  detail::require(!data.description.has_scaling(), data.source,
                  ": expected data that are not scaled yet");
  const auto fits = [](const std::vector<Scaling>& scaling, const std::vector<std::string>& names) {
    return scaling.empty() || scaling.size() == names.size();
  };
  detail::require(fits(description.feature_scaling, data.description.feature_names) &&
                      fits(description.target_scaling, data.description.target_names),
                  data.source, ": expected scalings of ", data.description.feature_names.size(),
                  " features and ", data.outputs(), " targets, got ",
                  description.feature_scaling.size(), " and ", description.target_scaling.size());
  detail::scale(data.values, description.feature_scaling);
  if (data.has_targets()) detail::scale(data.targets, description.target_scaling);
  data.description.feature_scaling = description.feature_scaling;
  data.description.target_scaling = description.target_scaling;
}

/// What stands for missing values, which readers leave as NaN.
enum class Missing {
  last,  ///< the value before it in the sequence; the feature's mean before the first one
  zero   ///< the feature's mean; add_missing_features lets the network know
};

/// Adds, for each of the features that are named, a feature "NAME is missing" behind all others,
/// which is 1 where the value is missing and else 0. Use it before fit_scaling.
inline void add_missing_features(Sequences& data, const std::vector<std::string>& names) {
  std::vector<std::string>& all = data.description.feature_names;
  std::vector<std::size_t> columns;
  for (const std::string& name : names) {
    const auto found = std::find(all.begin(), all.end(), name);
    detail::require(found != all.end(), data.source, ": expected a feature \"", name,
                    "\", found none");
    columns.push_back(static_cast<std::size_t>(found - all.begin()));
  }
  const std::size_t before = all.size();
  std::vector<double> values;
  for (std::size_t first = 0; first < data.values.size(); first += before) {
    for (std::size_t f = 0; f < before; ++f) values.push_back(data.values[first + f]);
    for (const std::size_t f : columns)
      values.push_back(std::isnan(data.values[first + f]) ? 1 : 0);
  }
  data.values = std::move(values);
  for (const std::string& name : names) all.push_back(name + " is missing");
}

/// The names of the features of which a value is missing.
inline std::vector<std::string> missing_features(const Sequences& data) {
  const std::vector<std::string>& all = data.description.feature_names;
  std::vector<bool> missing(all.size());
  for (std::size_t n = 0; n < data.values.size(); ++n) {
    if (std::isnan(data.values[n])) missing[n % all.size()] = true;
  }
  std::vector<std::string> names;
  for (std::size_t f = 0; f < all.size(); ++f) {
    if (missing[f]) names.push_back(all[f]);
  }
  return names;
}

/// Fills in missing values of scaled data, whose mean is 0. Returns how many there were.
inline Index fill_missing(Sequences& data, Missing by) {
  const Index width = data.features();
  Index filled = 0;
  for (Index s = 0; s < data.size(); ++s) {
    for (Index row = data.start(s); row < data.start(s + 1); ++row) {
      for (Index f = 0; f < width; ++f) {
        double& value = data.values[static_cast<std::size_t>(row * width + f)];
        if (!std::isnan(value)) continue;
        ++filled;
        const bool is_first = row == data.start(s);
        value = by == Missing::zero || is_first
                    ? 0
                    : data.values[static_cast<std::size_t>((row - 1) * width + f)];
      }
    }
  }
  return filled;
}

/// Puts `frame` rows of the data into each step, for long sequences of few features. A step happens
/// when its last row does; the last values fill up a sequence's last step. Throws Error unless
/// frame >= 1 and the data have no frames yet, or if there is an answer for every step.
inline void make_frames(Sequences& data, Index frame) {
  detail::require(frame >= 1 && data.description.frame == 1, data.source,
                  ": expected frames of at least one row of data without frames, got ", frame);
  detail::require(frame == 1 || !data.every_step, data.source,
                  ": expected no answer for every step where steps have several rows");
  if (frame == 1) return;
  const Index width = data.features();
  Sequences framed = data;
  framed.values.clear();
  framed.times.clear();
  framed.starts = {0};
  for (Index s = 0; s < data.size(); ++s) {
    const Index steps = (data.length(s) + frame - 1) / frame;
    for (Index n = 0; n < steps * frame; ++n) {
      const Index row = std::min(n, data.length(s) - 1);
      const auto from = data.values.begin() + (data.start(s) + row) * width;
      framed.values.insert(framed.values.end(), from, from + width);
      if (data.has_times() && n % frame == frame - 1) framed.times.push_back(data.time(s, row));
    }
    framed.starts.push_back(framed.starts.back() + steps);
  }
  framed.description.frame = frame;
  data = std::move(framed);
}

/// Gives new data the order of features and the numbers of classes of `description`, which are
/// those of the data that a network was trained on; names of features may differ in case. Features
/// that the description does not have are left out, and their names returned. Throws Error, naming
/// what is missing, if the data lack a feature, have a class that is not known, have timestamps
/// where the training data had none or the other way round, or were recorded at another sample
/// rate. Use it before use_clock.
inline std::vector<std::string> match_description(Sequences& data,
                                                  const DataDescription& description) {
  detail::require(!description.timestamps || *description.timestamps == data.has_times(),
                  data.source, ": expected ", data.has_times() ? "no timestamps" : "timestamps",
                  ", as in training, found ", data.has_times() ? "some" : "none");
  detail::require(
      description.sample_rate == 0 || description.sample_rate == data.description.sample_rate,
      data.source, ": expected a sample rate of ", description.sample_rate,
      " Hz, as in training, found ", data.description.sample_rate);
  const std::vector<std::string> found = data.description.feature_names;
  const auto place_of = [&](const std::string& name) {
    auto place = std::find(found.begin(), found.end(), name);
    if (place == found.end()) {
      place = std::find_if(found.begin(), found.end(), [&](const std::string& other) {
        return detail::lower_case(other) == detail::lower_case(name);
      });
    }
    return static_cast<std::size_t>(place - found.begin());
  };
  std::string all;
  for (const std::string& name : found) all += (all.empty() ? "" : ", ") + name;
  std::vector<std::size_t> columns;
  for (const std::string& name : description.feature_names) {
    columns.push_back(place_of(name));
    detail::require(columns.back() < found.size(), data.source, ": expected a feature \"", name,
                    "\", as in training, found ", all);
  }
  std::vector<std::string> left_out;
  for (std::size_t f = 0; f < found.size(); ++f) {
    if (std::find(columns.begin(), columns.end(), f) == columns.end()) left_out.push_back(found[f]);
  }
  std::map<std::string, int> class_of;
  for (const std::string& name : description.class_names) {
    class_of.emplace(name, static_cast<int>(class_of.size()));
  }
  std::vector<int> number_of;
  for (const std::string& name : data.description.class_names) {
    detail::require(class_of.contains(name), data.source, ": expected a class of the training, ",
                    "found \"", name, "\"");
    number_of.push_back(class_of.at(name));
  }
  detail::require(!data.has_targets() || data.description.target_names == description.target_names,
                  data.source, ": expected the targets of the training");
  std::vector<double> values;
  for (std::size_t first = 0; first < data.values.size(); first += found.size()) {
    for (const std::size_t column : columns) values.push_back(data.values[first + column]);
  }
  data.values = std::move(values);
  for (int& label : data.labels) {
    if (label >= 0) label = number_of[static_cast<std::size_t>(label)];
  }
  data.description.feature_names = description.feature_names;
  data.description.class_names = description.class_names;
  data.description.target_names = description.target_names;
  return left_out;
}

/// Gives every step the answer of its sequence, for data whose answers happen not to change within
/// a sequence and a network that answers at every step.
inline void repeat_answers(Sequences& data) {
  if (data.every_step) return;
  std::vector<int> labels;
  std::vector<double> targets;
  for (Index s = 0; s < data.size(); ++s) {
    for (Index n = 0; n < data.length(s); ++n) {
      if (data.has_labels()) labels.push_back(data.labels[static_cast<std::size_t>(s)]);
      for (Index o = 0; data.has_targets() && o < data.outputs(); ++o) {
        targets.push_back(data.targets[static_cast<std::size_t>(s * data.outputs() + o)]);
      }
    }
  }
  data.labels = std::move(labels);
  data.targets = std::move(targets);
  data.every_step = true;
}

/// How one long series is cut into sequences with numbers to predict.
struct ForecastOptions {
  Index window = 100;  ///< rows of a sequence
  Index stride = 10;   ///< rows from the start of a sequence to that of the next
  Index ahead = 1;     ///< rows to predict, after the last row of a sequence
  /// Also cut windows that too few rows follow, whose targets are not known; the last window ends
  /// with the last row.
  bool to_the_end = false;
};

namespace detail {

/// The first rows, within a series of `length` rows, of the windows that are cut out of it.
inline std::vector<Index> window_starts(Index length, const ForecastOptions& options) {
  std::vector<Index> starts;
  const Index last = length - options.window - (options.to_the_end ? 0 : options.ahead);
  for (Index first = 0; first <= last; first += options.stride) starts.push_back(first);
  if (options.to_the_end && last >= 0 && starts.back() != last) starts.push_back(last);
  return starts;
}

}  // namespace detail

/// Cuts each sequence of numbers, such as one long series, into overlapping windows. The targets of
/// a window are the `ahead` values of each feature that follow it, or, where the data have a target
/// for every step, those targets; all are unknown if one is. Windows keep their times and groups,
/// and are named as the sequence and the number of their first row. Throws Error unless the numbers
/// in the options are at least 1, and a sequence is long enough for a window.
inline Sequences cut_windows(const Sequences& data, const ForecastOptions& options) {
  detail::require(options.window >= 1 && options.stride >= 1 && options.ahead >= 1, data.source,
                  ": expected windows, strides and forecasts of at least one row, got ",
                  options.window, ", ", options.stride, " and ", options.ahead);
  detail::require(data.every_step || !data.has_targets(), data.source,
                  ": expected targets for every step, to forecast them");
  const std::vector<double>& from = data.has_targets() ? data.targets : data.values;
  const std::vector<std::string>& named =
      data.has_targets() ? data.description.target_names : data.description.feature_names;
  const Index width = data.features(), outputs = static_cast<Index>(named.size());
  const double unknown = std::numeric_limits<double>::quiet_NaN();
  Sequences cut;
  cut.source = data.source;
  cut.left_out = data.left_out;
  cut.description.feature_names = data.description.feature_names;
  for (Index n = 1; n <= options.ahead; ++n) {
    for (const std::string& name : named) {
      cut.description.target_names.push_back(detail::text_of(name, " + ", n));
    }
  }
  for (Index s = 0; s < data.size(); ++s) {
    for (const Index start : detail::window_starts(data.length(s), options)) {
      const Index first = data.start(s) + start, end = first + options.window;
      const auto values = data.values.begin();
      cut.values.insert(cut.values.end(), values + first * width, values + end * width);
      for (Index row = first; data.has_times() && row < end; ++row) {
        cut.times.push_back(data.times[static_cast<std::size_t>(row)]);
      }
      const auto target = from.begin() + end * outputs,
                 target_end = target + options.ahead * outputs;
      if (end + options.ahead <= data.start(s + 1) &&
          std::none_of(target, target_end, [](double y) { return std::isnan(y); })) {
        cut.targets.insert(cut.targets.end(), target, target_end);
      } else {
        cut.targets.insert(cut.targets.end(), static_cast<std::size_t>(options.ahead * outputs),
                           unknown);
      }
      cut.starts.push_back(cut.starts.back() + options.window);
      if (!data.groups.empty()) cut.groups.push_back(data.groups[static_cast<std::size_t>(s)]);
      const std::string name = data.names.empty() ? "" : data.names[static_cast<std::size_t>(s)];
      cut.names.push_back(detail::text_of(name, name.empty() ? "" : " ", "row ", start));
    }
  }
  detail::require(cut.size() >= 1, data.source, ": expected a sequence of at least ",
                  options.window + (options.to_the_end ? 0 : options.ahead),
                  " rows, for one window, found at most ", data.longest());
  return cut;
}

GLSTM_END_NAMESPACE
