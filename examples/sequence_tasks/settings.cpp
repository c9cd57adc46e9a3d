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

namespace sequence_tasks {
namespace {

using glstm::Error;
using Json = nlohmann::ordered_json;

/// What a setting may be: a number in [low, high], or one of some words.
struct Limits {
  double low = -std::numeric_limits<double>::max(), high = std::numeric_limits<double>::max();
  std::vector<std::string> words;
};

Limits at_least(double low) { return {low, std::numeric_limits<double>::max(), {}}; }
Limits between(double low, double high) { return {low, high, {}}; }
Limits any_number() { return {}; }
Limits one_of(std::vector<std::string> words) { return {0, 0, std::move(words)}; }

/// The one list of all settings: visit(group, name, value, limits, help).
template <class AnySettings, class Visit>
void for_each_setting(AnySettings& s, Visit visit) {
  const char* group = "Task";
  visit(group, "task", s.task, one_of(task_names()),
        "adding: remember two marked numbers and add them; mnist, permuted-mnist, fashion: an "
        "image, one pixel per step; cifar10: likewise, three colours per step; frequency: tell "
        "waves of period 5..6 from others; csv: your own sequences");
  visit(group, "data", s.data, Limits{},
        "folder of the data set, by default data/mnist, data/cifar10 or Debian's Fashion-MNIST; or "
        "the CSV file (columns: sequence, timestamp if there are any, features, and label or "
        "target...)");
  visit(group, "steps", s.steps, between(2, 1e6), "length of the adding task's sequences");
  visit(group, "sampling", s.sampling, one_of({"regular", "fine", "asynchronous"}),
        "when the waves of the frequency task are sampled");
  visit(group, "clock", s.clock, one_of({"shared", "own"}),
        "shared: the timestamps of a CSV file's sequences are of one clock; own: the time of each "
        "sequence counts from its first row");
  visit(group, "shift", s.shift, between(0, 16),
        "train also on images shifted by up to so many pixels: (2 shift + 1)^2 times as many");
  visit(group, "training-sequences", s.training_sequences, between(1, 1e9),
        "how many sequences to train on; by default all that are left, or 20000 generated ones");
  visit(group, "held-out", s.held_out, between(1, 1e9),
        "how many sequences choose the best epoch; by default a tenth of the training data, at "
        "most 5000, or 2000 generated ones");
  visit(group, "test-sequences", s.test_sequences, between(1, 1e9),
        "how many sequences test the result; by default all there are for it, a tenth of a CSV "
        "file, or 5000 generated ones");
  visit(group, "data-seed", s.data_seed, between(0, 1e15),
        "seed of generated data, of the permutation, and of how a CSV file is split");

  group = "Network";
  visit(group, "model", s.model, one_of(model_names()),
        "lstm: always updates; glstm: each neuron has a learned window of time; random-skip: "
        "windows are drawn and stay; phased: periodic windows (Phased LSTM)");
  visit(group, "hidden", s.hidden, between(1, 65536),
        "neurons of each layer, from the input on, such as 64,64");
  visit(group, "forget-bias", s.forget_bias, any_number(),
        "initial bias of the forget gates; by default 1");
  visit(group, "memory", s.memory, between(0, 1e9),
        "chrono initialisation: biases for memories of up to so many steps; 0: none, forget-bias "
        "counts; by default what suits task and model");
  visit(group, "threshold", s.threshold, between(0, 0.99), "openness below which a gate is closed");
  visit(group, "min-width", s.min_width, between(1e-30, 1e30),
        "training makes no width sigma smaller than this; by default half a step's time");
  visit(group, "open-share", s.open_share, between(1e-6, 1),
        "share of the time that a neuron's window is open at first; windows that learn are moved "
        "until they do not reach beyond the sequences, but for their flanks");
  visit(group, "centres", s.centres, between(0, 1),
        "the part of the time over which the centres are spread at first, such as 0,0.5 for its "
        "first "
        "half");
  visit(group, "placement", s.placement, one_of({"even", "random"}),
        "how the centres are spread at first");
  visit(group, "leak", s.leak, between(0, 1), "slope of a Phased LSTM's gate outside its window");
  visit(group, "start", s.start, Limits{},
        "checkpoint of the same network whose parameters are the initial values");

  group = "Training";
  visit(group, "epochs", s.epochs, between(1e-9, 1e12), "how long to train; by default 10");
  visit(group, "seconds", s.seconds, between(0, 1e7),
        "train for about so long, in place of --epochs: a short trial tells how many steps that "
        "is, so "
        "that two runs with the same seed may differ");
  visit(group, "reports", s.reports, between(1, 1e4),
        "times per epoch to log, to validate and to save; by default 1, or so often that a run has "
        "10 of them");
  visit(group, "batch", s.batch, between(1, 65536),
        "sequences per training step; by default what suits task and model");
  visit(group, "learning-rate", s.learning_rate, between(0, 1e3),
        "Adam's; by default what suits task and model");
  visit(group, "gate-learning-rate", s.gate_learning_rate, between(0, 1e30),
        "likewise for the windows' parameters, in the unit of time; by default 1/4000 of the "
        "sequences' duration, of a Phased LSTM 0.002; 0 keeps them");
  visit(group, "warmup", s.warmup, between(0, 0.9), "share of the steps in which the rates climb");
  visit(
      group, "final-rate", s.final_rate, between(0, 1),
      "what is left of the rates at the end of their half cosine; by default 0.25 where parameters "
      "are averaged, else 0.01");
  visit(group, "weight-decay", s.weight_decay, between(0, 1e3),
        "AdamW's; by default 0.03 where there are labels, else 0, which is Adam");
  visit(group, "weight-noise", s.weight_noise, between(0, 10),
        "standard deviation of noise on the weights while a gradient is taken; by default 0.02 for "
        "windowed networks where there are labels, else 0; with --widen 0");
  visit(group, "average", s.average, between(0, 0.999999),
        "decay of a moving average of the parameters, which is what is tested; by default 0.9995 "
        "where there are labels, else 0: none; with --widen 0");
  visit(group, "adam-beta1", s.adam_beta1, between(0, 0.999999), "how slowly Adam's mean forgets");
  visit(group, "adam-beta2", s.adam_beta2, between(0, 0.9999999),
        "how slowly Adam's mean square forgets");
  visit(group, "adam-epsilon", s.adam_epsilon, between(1e-30, 1), "Adam's epsilon");
  visit(group, "clip", s.clip, between(1e-9, 1e9), "largest norm of a gradient");
  visit(group, "seed", s.seed, between(0, 1e15), "of initial values and of the order of sequences");
  visit(group, "threads", s.threads, between(1, 1024),
        "threads; they change the time, not the result");
  visit(group, "shards", s.shards, between(0, 65536),
        "parts of a batch that threads share; 0: one for every 64 sequences");

  group = "Computation";
  visit(group, "budget", s.budget, between(0, 1e9),
        "lambda, the weight of the mean openness in the loss");
  visit(group, "target-share", s.target_share, between(1e-6, 1),
        "the share of neuron updates to reach: a controller finds the lambda");
  visit(group, "budget-integral", s.budget_integral, between(0, 1e9),
        "the controller's integral gain");
  visit(group, "budget-proportional", s.budget_proportional, between(0, 1e9),
        "the controller's proportional gain");
  visit(group, "budget-limit", s.budget_limit, between(1e-9, 1e9),
        "the largest |lambda| of the controller");
  visit(group, "widen", s.widen, at_least(0),
        "temporal curriculum: the epochs in which the windows start to widen and are fully open, "
        "such as 1,2");
  visit(group, "widest", s.widest, between(1e-3, 1e3),
        "width that the windows of a curriculum have reached just before they are fully open, as a "
        "multiple of the sequences' duration");
}

template <class T>
struct IsOptional : std::false_type {};
template <class T>
struct IsOptional<std::optional<T>> : std::true_type {};

template <class T>
struct IsList : std::false_type {};
template <class T>
struct IsList<std::vector<T>> : std::true_type {};

/// The numbers in "110,64".
template <class T>
std::vector<T> list_of(const std::string& text, const std::string& option) {
  std::vector<T> list;
  for (const std::string_view field : glstm::detail::split(text, ',')) {
    const auto number = glstm::detail::parse_number<T>(field);
    glstm::detail::require(number.has_value(), option, ": expected numbers and commas, got ", text);
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

/// What is wrong with a value; empty: nothing.
template <class T>
std::string problem(const T& value, const Limits& limits) {
  if constexpr (IsOptional<T>::value) {
    return value ? problem(*value, limits) : "";
  } else if constexpr (std::is_same_v<T, std::string>) {
    const auto& words = limits.words;
    try {
      Json(value).dump();
    } catch (const Json::exception&) {
      return "expected UTF-8, got other bytes";
    }
    if (words.empty() || std::find(words.begin(), words.end(), value) != words.end()) return "";
    std::string all;
    for (const std::string& word : words) all += (all.empty() ? "" : ", ") + word;
    return glstm::detail::text_of("expected one of ", all, ", got ", value);
  } else if constexpr (std::is_arithmetic_v<T>) {
    const double number = static_cast<double>(value);
    if (number >= limits.low && number <= limits.high) return "";  // not a number is neither
    if (limits.high == std::numeric_limits<double>::max()) {
      return glstm::detail::text_of("expected at least ", limits.low, ", got ", number);
    }
    return glstm::detail::text_of("expected ", limits.low, " to ", limits.high, ", got ", number);
  } else {
    for (const auto& element : value) {
      const std::string text = problem(element, limits);
      if (!text.empty()) return text;
    }
    return "";
  }
}

template <class T>
Json json_of(const T& value) {
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
  } else if constexpr (std::is_integral_v<T>) {
    // nlohmann turns 1.5, -1 and 2^63 into integers without a word.
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

/// The options that the task or the model has no use for, and why.
std::vector<std::pair<std::string, std::string>> unused_options(const Settings& s) {
  const bool generated = s.task == "adding" || s.task == "frequency", csv = s.task == "csv";
  const bool images = !generated && !csv;
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
  add(csv, task, {"clock"});
  add(images, task, {"shift"});
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
  return unused;
}

}  // namespace

const std::vector<std::string>& task_names() {
  static const std::vector<std::string> names = {
      "adding", "mnist", "permuted-mnist", "fashion", "cifar10", "frequency", "csv"};
  return names;
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
  using glstm::detail::require;
  require(!settings.hidden.empty(), "--hidden: expected at least one layer");
  require(settings.memory.value_or(0) == 0 || *settings.memory >= 2,
          "--memory: expected 0 or at least 2 steps, got ", settings.memory.value_or(0));
  require(settings.centres.size() == 2 && settings.centres[0] < settings.centres[1],
          "--centres: expected two shares of the time, the first below the second");
  require(settings.widen.empty() ||
              (settings.widen.size() == 2 && settings.widen[0] < settings.widen[1]),
          "--widen: expected two epochs, the first before the second");
  require(settings.widen.empty() || settings.model == "glstm",
          "--widen: only the windows of --model glstm can widen, got ", settings.model);
  require(!settings.target_share || settings.model == "glstm",
          "--target-share: only --model glstm learns how long its windows are open, got ",
          settings.model);
  require(settings.budget == 0 || settings.model == "glstm" || settings.model == "phased",
          "--budget: --model ", settings.model, " has no windows that learn");
  require(!settings.target_share || settings.budget == 0,
          "--target-share: the controller finds lambda itself, --budget cannot be given too");
  require(settings.widen.empty() || settings.average.value_or(0) == 0,
          "--widen: an average would mix widths, --average cannot be given too");
  require(settings.widen.empty() || settings.threshold > 0,
          "--widen: windows without a --threshold are endless already");
  require(!settings.target_share || settings.widen.empty(),
          "--target-share and --widen contradict each other");
}

void check_used(const Settings& given) {
  const Json json = to_json(given), defaults = to_json(Settings{});
  for (const auto& [option, reason] : unused_options(given)) {
    const std::string key = key_of(option);
    glstm::detail::require(json[key] == defaults[key], "--", option, ": ", reason,
                           " has no use for it");
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
                                 const char*) { json[key_of(name)] = json_of(value); });
  json["max_steps"] = settings.max_steps;
  return json;
}

Settings from_json(const Json& json, const std::string& source) {
  using glstm::detail::require;
  require(json.is_object(), source, ": expected the settings of a run");
  Settings settings;
  std::size_t known = 0;
  const auto take = [&](const std::string& key, auto& value) {
    const auto found = json.find(key);
    require(found != json.end(), source, ": expected \"", key, "\", got none");
    try {
      read(*found, value);
    } catch (const std::exception& error) {
      throw Error(source + ": \"" + key + "\": " + error.what());
    }
    ++known;
  };
  for_each_setting(settings, [&](const char*, const char* name, auto& value, const Limits&,
                                 const char*) { take(key_of(name), value); });
  take("max_steps", settings.max_steps);
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
        if (app.get_option(std::string("--") + name)->count() == 0) return;
        const bool same = given_json[key] == saved_json[key] || given_json[key] == used_json[key];
        glstm::detail::require(same, source, " is a run with --", name, " ", used_json[key].dump(),
                               ", got ", given_json[key].dump());
      });
}

}  // namespace sequence_tasks
