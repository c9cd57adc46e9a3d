#include "settings.hpp"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <limits>
#include <string_view>
#include <type_traits>
#include <utility>

#include "glstm/core/error.hpp"
#include "glstm/core/parse_number.hpp"
#include "glstm/core/split.hpp"
#include "setting_list.hpp"

namespace sequence_tasks {
namespace {

using glstm::Error;

template <class T>
struct IsOptional : std::false_type {};
template <class T>
struct IsOptional<std::optional<T>> : std::true_type {};

template <class T>
struct IsList : std::false_type {};
template <class T>
struct IsList<std::vector<T>> : std::true_type {};

/// Returns the numbers in a text such as "110,64".
template <class T>
std::vector<T> list_of(const std::string& text, const std::string& option) {
  std::vector<T> list;
  for (const std::string_view field : glstm::detail::split(text, ',')) {
    const auto number = glstm::detail::parse_number<T>(field);
    glstm::detail::require(number.has_value(), option, ": expected numbers with commas, got ",
                           text);
    list.push_back(*number);
  }
  return list;
}

template <class T>
std::string text_of_list(const std::vector<T>& list) {
  std::string text;
  for (const T& number : list) {
    text += glstm::detail::text_of(text.empty() ? "" : ",", number);
  }
  return text;
}

/// The JSON key of the option --NAME.
std::string key_of(std::string name) {
  std::replace(name.begin(), name.end(), '-', '_');
  return name;
}

std::string problem_of_text(const std::string& value, const std::vector<std::string>& words) {
  try {
    Json(value).dump();
  } catch (const Json::exception&) {
    return "expected UTF-8, got other bytes";
  }
  if (words.empty() || std::find(words.begin(), words.end(), value) != words.end()) return "";
  std::string all;
  for (const std::string& word : words) all += (all.empty() ? "" : ", ") + word;
  return glstm::detail::text_of("expected one of ", all, ", got ", value);
}

std::string problem_of_number(double number, const Limits& limits) {
  if (number >= limits.low && number <= limits.high) return "";  // false for NaN
  if (limits.high == std::numeric_limits<double>::max()) {
    return glstm::detail::text_of("expected at least ", limits.low, ", got ", number);
  }
  return glstm::detail::text_of("expected ", limits.low, " to ", limits.high, ", got ", number);
}

/// Returns what is wrong with a value; an empty text if nothing is.
template <class T>
std::string problem(const T& value, const Limits& limits) {
  if constexpr (IsOptional<T>::value) {
    return value ? problem(*value, limits) : "";
  } else if constexpr (std::is_same_v<T, std::string>) {
    return problem_of_text(value, limits.words);
  } else if constexpr (std::is_same_v<T, bool>) {
    return "";
  } else if constexpr (std::is_arithmetic_v<T>) {
    return problem_of_number(static_cast<double>(value), limits);
  } else {
    for (const auto& element : value) {
      const std::string text = problem(element, limits);
      if (!text.empty()) return text;
    }
    return "";
  }
}

template <class T>
Json json_value(const T& value) {
  if constexpr (IsOptional<T>::value) {
    return value ? Json(*value) : Json(nullptr);
  } else {
    return value;
  }
}

template <class T>
void read(const Json& json, T& value) {
  if constexpr (IsOptional<T>::value) {
    if (json.is_null()) {
      value.reset();
    } else {
      read(json, value.emplace());
    }
  } else if constexpr (IsList<T>::value) {
    if (!json.is_array()) throw Error("expected a list, got " + json.dump());
    value.clear();
    for (const Json& element : json) read(element, value.emplace_back());
  } else if constexpr (std::is_same_v<T, bool>) {
    if (!json.is_boolean()) throw Error("expected true or false, got " + json.dump());
    value = json.get<bool>();
  } else if constexpr (std::is_integral_v<T>) {
    // nlohmann::json converts 1.5, -1 and 2^63 to integers without an error.
    const bool fits = json.is_number_unsigned()
                          ? std::in_range<T>(json.get<std::uint64_t>())
                          : json.is_number_integer() && std::in_range<T>(json.get<std::int64_t>());
    if (!fits) throw Error("expected a whole number, got " + json.dump());
    value = json.get<T>();
  } else if constexpr (std::is_floating_point_v<T>) {
    if (!json.is_number()) throw Error("expected a number, got " + json.dump());
    value = json.get<T>();
  } else {
    value = json.get<T>();
  }
}

/// Returns the options that the run does not use, each with the task, model or option that is the
/// reason.
std::vector<std::pair<std::string, std::string>> unused_options(const Settings& s) {
  const bool generated = s.task == "adding" || s.task == "frequency", own = has_own_data(s);
  const bool csv = s.task == "csv", images = !generated && !own;
  const bool learned = s.model == "glstm" || s.model == "phased", gated = s.model != "lstm";
  const std::string task = "--task " + s.task, model = "--model " + s.model;
  std::vector<std::pair<std::string, std::string>> unused;
  const auto add = [&](bool used, const std::string& reason,
                       const std::vector<const char*>& options) {
    for (const char* option : options) {
      if (!used) unused.emplace_back(option, reason);
    }
  };
  add(s.task == "adding", task, {"steps"});
  add(s.task == "frequency", task, {"sampling"});
  add(csv, task,
      {"sequence-column", "time-column", "label-column", "target-columns", "feature-columns",
       "ignore-columns", "sort", "window"});
  add(csv && s.window > 0, csv ? "a run without --window" : task, {"stride", "forecast"});
  add(s.task == "wav", task, {"labels", "label-pattern", "sample-rate", "mel-bands"});
  add(own, task,
      {"test-data", "test-share", "split-by", "missing", "clock", "scale", "frame", "augment",
       "class-weights"});
  add(images, task, {"shift", "mirror"});
  add(!generated, task, {"data"});
  add(!images || s.task == "permuted-mnist", task, {"data-seed"});
  add(gated, model, {"threshold", "open-share", "centres"});
  add(s.model == "glstm", model, {"min-width"});
  add(learned, model, {"placement"});
  add(s.model == "phased", model, {"leak"});
  add(learned, model, {"gate-learning-rate"});
  add(s.target_share.has_value(), "a run without --target-share",
      {"budget-integral", "budget-proportional", "budget-limit"});
  add(!s.widen.empty(), "a run without --widen", {"widest"});
  add(s.seconds == 0, "a run with --seconds", {"epochs"});
  add(s.memory.value_or(0) == 0, "a run with --memory", {"forget-bias"});
  add(!gated, model, {"start-folded"});
  return unused;
}

/// Throws Error if settings contradict each other.
void check_together(const Settings& settings) {
  using glstm::detail::require;
  const std::string& model = settings.model;
  const bool widens = !settings.widen.empty();
  require(!settings.hidden.empty(), "--hidden: expected at least one layer, got none");
  require(settings.memory.value_or(0) == 0 || *settings.memory >= 2,
          "--memory: expected 0 or at least 2 steps, got ", settings.memory.value_or(0));
  require(settings.centres.size() == 2 && settings.centres[0] < settings.centres[1],
          "--centres: expected two fractions of the time, the smaller one first, got ",
          text_of_list(settings.centres));
  require(!widens || (settings.widen.size() == 2 && settings.widen[0] < settings.widen[1]),
          "--widen: expected two epochs, the earlier one first, got ",
          text_of_list(settings.widen));
  require(!widens || model == "glstm", "--widen: expected --model glstm, got ", model);
  require(!settings.target_share || model == "glstm",
          "--target-share: expected --model glstm, got ", model);
  require(settings.budget == 0 || model == "glstm" || model == "phased",
          "--budget: expected a model whose windows learn, glstm or phased, got ", model);
  require(!settings.target_share || settings.budget == 0,
          "--target-share: expected no --budget, since the controller sets lambda, got ",
          settings.budget);
  require(!widens || settings.average.value_or(0) == 0,
          "--widen: expected no --average, which would mix windows of different widths, got ",
          settings.average.value_or(0));
  require(!widens || settings.threshold > 0,
          "--widen: expected a --threshold above 0, without which windows never close, got ",
          settings.threshold);
  require(settings.test_data.empty() || settings.test_share == Settings{}.test_share,
          "--test-share: expected no --test-data, got ", settings.test_data);
  require(settings.start.empty() || settings.start_folded.empty(),
          "--start-folded: expected no --start, got ", settings.start);
  require(settings.seconds == 0 || settings.start_folded.empty(),
          "--start-folded: expected --epochs instead of --seconds, got ", settings.seconds);
  require(settings.window == 0 || settings.frame == 1,
          "--window: expected no --frame, got frames of ", settings.frame, " rows");
  require(!settings.target_share || !widens,
          "--target-share: expected no --widen, which opens all windows in the end, got ",
          text_of_list(settings.widen));
}

}  // namespace

const std::vector<std::string>& task_names() {
  static const std::vector<std::string> names = {
      "adding", "mnist", "permuted-mnist", "fashion", "cifar10", "frequency", "csv", "ts", "wav"};
  return names;
}

bool has_own_data(const Settings& settings) {
  return settings.task == "csv" || settings.task == "ts" || settings.task == "wav";
}

const std::vector<std::string>& model_names() {
  static const std::vector<std::string> names = {"lstm", "glstm", "random-skip", "phased"};
  return names;
}

void add_options(CLI::App& app, Settings& settings) {
  for_each_setting(settings, [&](const char* group, const char* name, auto& value,
                                 const Limits& limits, const char* help) {
    using Value = std::remove_reference_t<decltype(value)>;
    const std::string option_name = std::string("--").append(name);
    CLI::Option* option = nullptr;
    if constexpr (IsList<Value>::value) {
      const auto set = [&value, option_name](const std::string& text) {
        value = list_of<typename Value::value_type>(text, option_name);
      };
      option = app.add_option_function<std::string>(option_name, set, help);
      option->default_str(text_of_list(value));
    } else if constexpr (std::is_same_v<Value, bool>) {
      app.add_flag(option_name, value, help)->group(group);
      return;
    } else {
      option = app.add_option(option_name, value, help);
      if constexpr (!IsOptional<Value>::value) option->capture_default_str();
    }
    option->take_last()->group(group)->type_name(limits.words.empty() ? "" : "NAME");
  });
}

void check(const Settings& settings) {
  for_each_setting(settings, [&](const char*, const char* name, const auto& value,
                                 const Limits& limits, const char*) {
    const std::string text = problem(value, limits);
    if (!text.empty()) throw Error(std::string("--") + name + ": " + text);
  });
  check_together(settings);
}

void check_used(const Settings& given) {
  const Json json = to_json(given), defaults = to_json(Settings{});
  for (const auto& [option, reason] : unused_options(given)) {
    const std::string key = key_of(option);
    glstm::detail::require(json[key] == defaults[key], "--", option, ": ", reason,
                           " does not use this option");
  }
}

Settings without_unused(const Settings& given) {
  Json json = to_json(given);
  const Json defaults = to_json(Settings{});
  for (const auto& [option, reason] : unused_options(given)) {
    json[key_of(option)] = defaults[key_of(option)];
  }
  return from_json(json, "the settings");
}

Json to_json(const Settings& settings) {
  Json json;
  for_each_setting(settings, [&](const char*, const char* name, const auto& value, const Limits&,
                                 const char*) { json[key_of(name)] = json_value(value); });
  json["max_steps"] = settings.max_steps;
  return json;
}

Settings from_json(const Json& json, const std::string& source) {
  using glstm::detail::require;
  require(json.is_object(), source, ": expected the settings of a run");
  Settings settings;
  std::size_t known = 0;
  const auto take = [&](const std::string& key, auto& value, bool required) {
    const auto found = json.find(key);
    if (found == json.end() && !required) return;
    require(found != json.end(), source, ": expected \"", key, "\", got none");
    try {
      read(*found, value);
    } catch (const std::exception& error) {
      throw Error(source + ": \"" + key + "\": " + error.what());
    }
    ++known;
  };
  // Runs of earlier versions lack the settings of own data, which were not scaled, and these.
  constexpr std::string_view later[] = {"dropout", "label-smoothing", "mirror", "start-folded"};
  if (!json.contains("scale")) settings.scale = "none";
  for_each_setting(settings, [&](const char* group, const char* name, auto& value, const Limits&,
                                 const char*) {
    const bool came_later = std::string_view(group) == own_data_group ||
                            std::find(std::begin(later), std::end(later), name) != std::end(later);
    take(key_of(name), value, !came_later);
  });
  take("max_steps", settings.max_steps, true);
  require(known == json.size(), source, ": expected the ", known, " settings of a run, got ",
          json.size());
  try {
    check(settings);
  } catch (const Error& error) {
    throw Error(source + ": " + error.what());
  }
  return settings;
}

void check_same(const CLI::App& app, const Settings& given, const Settings& saved,
                const Settings& used, const std::string& source) {
  const Json given_json = to_json(given), saved_json = to_json(saved), used_json = to_json(used);
  for_each_setting(
      given, [&](const char*, const char* name, const auto&, const Limits&, const char*) {
        const std::string key = key_of(name);
        if (key == "threads") return;  // they do not change the result
        if (key == "epochs") return;   // a run may get more
        if (app.get_option(std::string("--") + name)->count() == 0) return;
        const bool same = given_json[key] == saved_json[key] || given_json[key] == used_json[key];
        glstm::detail::require(same, source, ": expected --", name, " ", used_json[key].dump(),
                               ", got ", given_json[key].dump(),
                               ": a run keeps its settings; --start begins another one from its "
                               "parameters");
      });
}

}  // namespace sequence_tasks
