#include "own_data.hpp"

#include <algorithm>
#include <iostream>
#include <iterator>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "forecast_baselines.hpp"
#include "glstm/core/parse_number.hpp"
#include "glstm/core/random.hpp"
#include "glstm/core/split.hpp"
#include "glstm/core/text.hpp"
#include "glstm/data/augmented_dataset.hpp"
#include "glstm/data/csv_sequences.hpp"
#include "glstm/data/prepare_sequences.hpp"
#include "glstm/data/subset.hpp"
#include "glstm/data/ts_sequences.hpp"
#include "recordings.hpp"
#include "split.hpp"

namespace sequence_tasks {
namespace {

using namespace glstm;
namespace fs = std::filesystem;

std::vector<std::string> names_in(const std::string& list) {
  std::vector<std::string> names;
  for (const std::string_view name : detail::split(list, ',')) {
    if (!name.empty()) names.emplace_back(name);
  }
  return names;
}

/// " sitting, lying", or the first ten and "...".
std::string list_of(const std::vector<std::string>& names) {
  std::string list;
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (i == 10) return list + ", ...";
    list += (i == 0 ? " " : ", ") + names[i];
  }
  return list;
}

CsvOptions csv_options(const Settings& settings) {
  CsvOptions options{.sequence = settings.sequence_column,
                     .timestamp = settings.time_column,
                     .label = settings.label_column,
                     .targets = names_in(settings.target_columns),
                     .features = names_in(settings.feature_columns),
                     .ignored = names_in(settings.ignore_columns),
                     .sort = settings.sort,
                     .allow_missing = settings.missing != "error",
                     .one_sequence = settings.window > 0,
                     .targets_are_features = settings.window > 0};
  const std::string& by = settings.split_by;
  if (by != "auto" && by != "random" && by != "time") options.group = by;
  return options;
}

/// The number of sequences that start before one that started earlier has ended.
Index overlapping_sequences(const Sequences& data) {
  std::vector<std::pair<double, double>> spans;
  for (Index s = 0; s < data.size(); ++s) spans.emplace_back(data.begin_of(s), data.end_of(s));
  std::sort(spans.begin(), spans.end());
  Index overlaps = 0;
  double end = spans.front().second;
  for (std::size_t s = 1; s < spans.size(); ++s) {
    overlaps += spans[s].first < end ? 1 : 0;
    end = std::max(end, spans[s].second);
  }
  return overlaps;
}

/// The clock that --clock says, or that suits the sequences, and why.
std::pair<ClockKind, std::string> choose_clock(const Sequences& data, const Settings& settings) {
  const std::string& wanted = settings.clock;
  const std::string asked = "as --clock says";
  if (wanted == "own") {
    detail::require(data.has_times(), data.source,
                    ": expected timestamps for --clock own, got none");
    return {ClockKind::own, asked};
  }
  if (wanted == "relative") return {ClockKind::relative, asked};
  if (wanted == "shared") return {ClockKind::shared, asked};
  if (!data.has_times()) {
    return {ClockKind::own, "there are no timestamps, so step n is at time n"};
  }
  if (settings.window > 0) return {ClockKind::own, "each window counts from its first row"};
  const Index overlaps = overlapping_sequences(data);
  const std::string count =
      detail::text_of(overlaps, " of ", data.size(), " sequences start before an earlier one ends");
  if (2 * overlaps >= data.size() - 1) return {ClockKind::shared, count};
  return {ClockKind::own, overlaps == 0 ? "the sequences follow one another"
                                        : "they follow one another: only " + count};
}

/// Spreads the windows over the time in which most sequences run: until 95 % of them have ended. If
/// they share a clock, over all their time, but for sequences that are far from the others. Returns
/// what was chosen.
std::string set_span(const Sequences& data, Task& task) {
  const Index size = data.size(), few = size / 20;
  std::vector<double> begins, ends;
  for (Index s = 0; s < size; ++s) {
    begins.push_back(data.begin_of(s));
    ends.push_back(data.end_of(s));
  }
  std::sort(begins.begin(), begins.end());
  std::sort(ends.begin(), ends.end());
  if (begins.front() == begins.back() && ends.front() < ends.back()) {
    for (const double end : ends) task.ends.push_back(end - begins.front());
  }
  const double first = begins.front(), last = ends.back();
  task.begin = first;
  task.end = last;
  detail::require(task.duration() <= 1e30, data.source,
                  ": expected timestamps that span at most 1e30, got ", task.duration());
  const double usual_first = begins[static_cast<std::size_t>(few)];
  const double usual_last = ends[static_cast<std::size_t>(size - 1 - few)];
  const bool same_begin = first == begins.back();
  const detail::TimeText text(first, last);
  const bool spread_out =
      same_begin ? usual_last < last : last - first > 2 * (usual_last - usual_first);
  if (!(usual_last > usual_first) || !spread_out) return "windows: " + text(first, last);
  task.begin = same_begin ? first : usual_first;
  task.end = usual_last;
  return "windows: " + text(task.begin, task.end) +
         ", in which 95 % of the sequences end; all data are " + text(first, last);
}

/// Checks that there is something to learn and describes the data in `task`.
void describe(const Sequences& data, const Settings& settings, Task& task) {
  using detail::require;
  require(data.has_labels() || data.has_targets(), data.source,
          settings.task == "csv" ? ": expected a column \"" + settings.label_column +
                                       "\" of classes or columns \"target...\" of numbers (or "
                                       "--label-column, --target-columns), found "
                                 : ": expected classes or targets, found ",
          "nothing to learn");
  require(data.classes() <= 10'000, data.source, ": expected at most 10000 classes, got ",
          data.classes());
  require(!data.has_labels() || data.classes() >= 2, data.source,
          ": expected labels of at least two classes, got only \"",
          data.has_labels() ? data.description.class_names[0] : "", "\"");
  task.from_file = true;
  task.every_step = data.every_step;
  task.outputs = data.has_labels() ? data.classes() : data.outputs();
  task.loss = data.has_labels() ? Loss(cross_entropy) : Loss(mean_squared_error);
  const DataDescription& description = data.description;
  task.details = detail::text_of(data.size(), " sequences of up to ", data.longest(), " steps, ",
                                 data.has_times() ? "with" : "without",
                                 " timestamps; features:", list_of(description.feature_names), "; ",
                                 task.outputs,
                                 data.has_labels() ? " classes:" + list_of(description.class_names)
                                 : task.outputs == 1 ? " target"
                                                     : " targets",
                                 data.every_step ? "; one answer for every step" : "");
  if (!data.left_out.empty()) task.details += "\nleft out: " + data.left_out;
  Index unknown = 0;
  const Index entries = data.every_step ? data.rows() : data.size();
  for (Index n = 0; n < entries; ++n) unknown += data.is_known(n) ? 0 : 1;
  if (unknown > 0) {
    task.details +=
        detail::text_of("\n", unknown, " of ", entries, data.every_step ? " steps" : " sequences",
                        " have no answer, and are not learnt from");
  }
}

/// Scales the data as --scale says, by the training sequences. Returns what was done.
std::string scale(Sequences& data, std::span<const Index> training, const Settings& settings) {
  if (settings.scale == "none") return "";
  std::vector<std::string> constant;
  const ScalingKind kind = settings.scale == "range" ? ScalingKind::range : ScalingKind::standard;
  scale_sequences(data, fit_scaling(data, training, kind, &constant));
  std::string text =
      settings.scale == "range"
          ? "scaling: features and targets to 0 ... 1 (--scale)"
          : "scaling: features and targets to mean 0, standard deviation 1 (--scale)";
  if (!constant.empty()) text += "; constant features, only moved to 0:" + list_of(constant);
  return "\n" + text;
}

/// Fills in missing values as --missing says. Returns a line that says so; empty if there are none.
std::string fill(Sequences& data, const Settings& settings) {
  if (settings.missing == "error") return "";
  const bool last = settings.missing == "last";
  const Index filled = fill_missing(data, last ? Missing::last : Missing::zero);
  if (filled == 0) return "";
  const char* zero = settings.scale == "range"  ? "the least of the feature"
                     : settings.scale == "none" ? "0, since --scale is none"
                                                : "the mean of the feature";
  return detail::text_of("\nmissing values: ", filled, " of ", data.values.size(), " set to ",
                         last ? "the value before them; at the start of a sequence, to " : "", zero,
                         " (--missing)");
}

/// The strength of each augmentation in a text such as "roll,noise=0.05".
Augmentation parse_augmentation(const std::string& text, const Sequences& data,
                                const Settings& settings) {
  Augmentation how;
  for (const std::string& entry : names_in(text)) {
    const std::size_t sign = entry.find('=');
    const std::string name = entry.substr(0, sign);
    std::optional<double> strength;
    if (sign != std::string::npos) {
      strength = detail::parse_number<double>(entry.substr(sign + 1));
      detail::require(
          strength && *strength >= 0 && *strength <= 1e6 && name != "roll" && name != "invert",
          "--augment: expected a strength of at least 0 behind shift=, time-warp=, "
          "scale= or noise=, got ",
          entry);
    }
    if (name == "roll") {
      how.roll = true;
    } else if (name == "invert") {
      how.invert = true;
    } else if (name == "shift") {
      how.shift = strength.value_or(0.1);
    } else if (name == "time-warp") {
      how.time_warp = strength.value_or(0.1);
    } else if (name == "scale") {
      how.scale = strength.value_or(0.1);
    } else {
      detail::require(name == "noise",
                      "--augment: expected roll, invert, shift, time-warp, scale or noise, got ",
                      name);
      how.noise = strength.value_or(0.05);
    }
  }
  const bool forecasts = settings.window > 0;
  detail::require(!how.moves() || !(data.every_step || forecasts), "--augment ", text,
                  ": roll, shift and time-warp move the values of a sequence but not its answers; "
                  "expected scale or noise, since there is ",
                  forecasts ? "a forecast from the last step" : "an answer for every step");
  return how;
}

/// The weight of each class, from --class-weights and the training sequences.
std::vector<double> class_weights(const Sequences& data, std::span<const Index> training,
                                  const Settings& settings, std::string& details) {
  if (!data.has_labels()) {
    detail::require(settings.class_weights.empty(),
                    "--class-weights: expected data with classes, got numbers to predict");
    return {};
  }
  std::vector<double> counts(static_cast<std::size_t>(data.classes()));
  double all = 0;
  for (const Index s : training) {
    for (Index n = data.every_step ? data.start(s) : s;
         n < (data.every_step ? data.start(s + 1) : s + 1); ++n) {
      if (!data.is_known(n)) continue;
      ++counts[static_cast<std::size_t>(data.labels[static_cast<std::size_t>(n)])];
      ++all;
    }
  }
  const double classes = static_cast<double>(data.classes());
  const auto rarest = std::min_element(counts.begin(), counts.end());
  if (settings.class_weights.empty() && *rarest < 0.1 * all && *rarest < 0.5 * all / classes) {
    details += detail::text_of(
        "\nclass ", data.description.class_names[static_cast<std::size_t>(rarest - counts.begin())],
        " is rare, ", detail::percent_text(*rarest, all),
        " of the training data: --class-weights balanced gives it more weight");
  }
  std::vector<double> weights;
  if (settings.class_weights == "balanced") {
    for (const double count : counts) weights.push_back(all / (classes * std::max(1.0, count)));
    return weights;
  }
  for (const std::string& text : names_in(settings.class_weights)) {
    const auto weight = detail::parse_number<double>(text);
    detail::require(weight && *weight > 0 && *weight <= 1e6,
                    "--class-weights: expected balanced, or positive numbers with commas, got ",
                    settings.class_weights);
    weights.push_back(*weight);
  }
  detail::require(weights.empty() || weights.size() == counts.size(),
                  "--class-weights: expected a number for each of the ", counts.size(),
                  " classes, got ", weights.size());
  return weights;
}

/// The sequences of --test-data that are used: all, or --test-sequences of them at random.
std::vector<Index> chosen_tests(const Sequences& data, const Settings& settings) {
  const Index size = data.size(),
              count = count_of(settings.test_sequences, size, size, "--test-sequences");
  std::vector<Index> chosen = Rng(settings.data_seed).permutation(size);
  chosen.resize(static_cast<std::size_t>(count));
  std::sort(chosen.begin(), chosen.end());
  return chosen;
}

std::string split_text(const Settings& settings, std::size_t training, std::size_t held_out,
                       std::size_t tests) {
  return detail::text_of("\nsplit: ", training, " sequences for training, ", held_out,
                         " for validation, ", tests, " for the test",
                         settings.test_data.empty() ? "" : " (--test-data)", " (--split-by ",
                         settings.split_by != "auto" ? settings.split_by
                         : settings.window > 0       ? "time"
                                                     : "random",
                         ")");
}

/// The data of the run, and those of --test-data, before scaling.
struct OwnData {
  Sequences all;
  std::optional<Sequences> test;
};

OwnData read_all(const Settings& settings) {
  OwnData data{read_own_data(settings.data, settings), std::nullopt};
  data.all.description.timestamps = data.all.has_times();
  if (!settings.test_data.empty()) {
    data.test = read_own_data(settings.test_data, settings);
    match_description(*data.test, data.all.description);
    if (data.all.every_step) repeat_answers(*data.test);
    detail::require(data.test->every_step == data.all.every_step, data.test->source,
                    ": expected answers as in --data, for each sequence");
  }
  if (settings.missing == "zero-and-mask") {
    const std::vector<std::string> missing = missing_features(data.all);
    add_missing_features(data.all, missing);
    if (data.test) add_missing_features(*data.test, missing);
  }
  return data;
}

/// Makes the answers of classes that the training does not have unknown, and says so in `left_out`.
void forget_unknown_classes(Sequences& data, const DataDescription& description,
                            std::string& left_out) {
  const std::vector<std::string>& known = description.class_names;
  std::vector<int> number_of;  // in data, after it
  std::vector<std::string> names;
  for (const std::string& name : data.description.class_names) {
    const bool is_known = std::find(known.begin(), known.end(), name) != known.end();
    number_of.push_back(is_known ? static_cast<int>(names.size()) : -1);
    if (is_known) {
      names.push_back(name);
    } else {
      left_out +=
          (left_out.empty() ? "answers " : ", answers ") + name + ", no class of the training";
    }
  }
  for (int& label : data.labels) {
    if (label >= 0) label = number_of[static_cast<std::size_t>(label)];
  }
  data.description.class_names = names;
}

}  // namespace

Sequences read_own_data(const fs::path& data, const Settings& settings,
                        const std::vector<std::string>& features) {
  if (settings.task == "wav") return read_recordings(data, settings);
  if (settings.task == "ts") return read_ts_sequences(data, settings.missing != "error");
  CsvOptions options = csv_options(settings);
  options.new_data = !features.empty();
  if (options.new_data) options.features = features;
  Sequences read =
      data == "-" ? parse_csv_sequences(std::string(std::istreambuf_iterator<char>(std::cin), {}),
                                        "stdin", options)
                  : read_csv_sequences(data, options);
  if (settings.window == 0) return read;
  // What follows new data is to be forecast.
  return cut_windows(read, {settings.window, settings.stride, settings.forecast, options.new_data});
}

Sequences read_like(const fs::path& data, const Settings& settings,
                    const DataDescription& description, Sequences& original) {
  constexpr std::string_view mask = " is missing";  // see glstm::add_missing_features
  std::vector<std::string> features, masked;
  for (const std::string& name : description.feature_names) {
    if (settings.missing == "zero-and-mask" && name.ends_with(mask)) {
      masked.push_back(name.substr(0, name.size() - mask.size()));
    } else {
      features.push_back(name);
    }
  }
  original = read_own_data(data, settings, features);
  Sequences prepared = original;
  if (settings.window > 0 && prepared.description.target_names != description.target_names) {
    prepared.targets.clear();  // without the columns of targets, those are of other columns
    prepared.description.target_names.clear();
  }
  add_missing_features(prepared, masked);
  forget_unknown_classes(prepared, description, original.left_out);
  for (const std::string& name : match_description(prepared, description)) {
    original.left_out += (original.left_out.empty() ? "feature " : ", feature ") + name;
  }
  use_clock(prepared, description.clock);
  scale_sequences(prepared, description);
  fill(prepared, settings);
  make_frames(prepared, description.frame);
  return prepared;
}

void use_own_data(const Settings& settings, Task& task) {
  detail::require(!settings.data.empty(), "--data: expected a file or folder, got none");
  auto [all, test] = read_all(settings);
  describe(all, settings, task);
  task.title = fs::path(settings.data).filename().string();
  detail::require(all.size() >= 3, all.source,
                  ": expected at least 3 sequences, one each for training, validation and test, "
                  "got ",
                  all.size());
  const DataParts split = split_sequences(all, settings, !test);
  const auto [clock, reason] = choose_clock(all, settings);
  const std::vector<double> weights = class_weights(all, split.training, settings, task.details);
  const std::vector<Index> tests = test ? chosen_tests(*test, settings) : split.test;
  if (test) require_answers(*test, tests, "the test");
  task.details += split_text(settings, split.training.size(), split.held_out.size(), tests.size());
  if (settings.window > 0) {
    const Index period = forecast_period(all, split.training, settings.forecast);
    task.baselines = test ? forecast_baselines(*test, tests, period, settings.forecast)
                          : forecast_baselines(all, split.test, period, settings.forecast);
  }
  task.details += scale(all, split.training, settings);
  if (test) scale_sequences(*test, all.description);
  for (Sequences* part : {&all, test ? &*test : nullptr}) {
    if (part == nullptr) continue;
    const std::string filled = fill(*part, settings);
    if (part == &all) task.details += filled;
    use_clock(*part, clock);
    make_frames(*part, settings.frame);
  }
  constexpr const char* names[] = {"shared", "own", "relative"};
  task.details += detail::text_of("\nclock: ", names[static_cast<int>(clock)], " (", reason, ")\n",
                                  set_span(all, task));
  task.inputs = all.features();
  task.longest = std::max(all.longest(), test ? test->longest() : 0);
  task.data = all.description;
  task.data.first_time = task.begin;
  task.data.last_time = task.end;
  const Augmentation augmentation = parse_augmentation(settings.augment, all, settings);
  const auto whole = std::make_shared<SequenceDataset<float>>(std::move(all), weights);
  task.training = std::make_shared<Subset<float>>(whole, split.training);
  if (!settings.augment.empty()) {
    task.training =
        std::make_shared<AugmentedDataset<float>>(task.training, augmentation, settings.frame);
  }
  task.held_out = std::make_shared<Subset<float>>(whole, split.held_out);
  if (test) {
    const auto separate = std::make_shared<SequenceDataset<float>>(std::move(*test), weights);
    task.test = std::make_shared<Subset<float>>(separate, tests);
  } else {
    task.test = std::make_shared<Subset<float>>(whole, split.test);
  }
}

}  // namespace sequence_tasks
