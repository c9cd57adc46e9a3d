// The one list of all settings: their options, their limits and their help.
#pragma once

#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "settings.hpp"

namespace sequence_tasks {

/// The values that a setting may have: numbers in [low, high], or one of some words.
struct Limits {
  double low = -std::numeric_limits<double>::max(), high = std::numeric_limits<double>::max();
  std::vector<std::string> words;
};

inline Limits at_least(double low) { return {low, std::numeric_limits<double>::max(), {}}; }
inline Limits between(double low, double high) { return {low, high, {}}; }
inline Limits any_number() { return {}; }
inline Limits any_text() { return {}; }
inline Limits one_of(std::vector<std::string> words) { return {0, 0, std::move(words)}; }

// Each function calls visit(name, value, limits, help) for the settings of one group.

template <class AnySettings, class Visit>
void for_each_task_setting(AnySettings& s, Visit visit) {
  visit(
      "task", s.task, one_of(task_names()),
      "adding: remember two marked numbers and add them. mnist, permuted-mnist, fashion: classify "
      "an image that is read pixel by pixel. cifar10: the same with three colours per pixel. "
      "frequency: tell waves of period 5 to 6 from other waves. csv: your own sequences. ts: those "
      "of a file of the UEA and UCR archives. wav: recordings in a folder");
  visit(
      "data", s.data, any_text(),
      "The folder of the data set, by default data/mnist, data/cifar10 or Debian's "
      "Fashion-MNIST; or your CSV file with the columns sequence, timestamp (optional), features, "
      "and label or target..., a .ts file, or a folder of .wav files");
  visit("steps", s.steps, between(2, 1e6), "The length of the sequences of the adding task");
  visit("sampling", s.sampling, one_of({"regular", "fine", "asynchronous"}),
        "How the waves of the frequency task are sampled");
  visit("shift", s.shift, between(0, 16),
        "Also train on images that are shifted by up to this many pixels: (2 shift + 1)^2 times as "
        "many images");
  visit("mirror", s.mirror, any_text(),
        "Also train on images with left and right exchanged: twice as many images");
  visit("training-sequences", s.training_sequences, between(1, 1e9),
        "The number of training sequences; by default all sequences that are left, or 20000 "
        "generated ones");
  visit("held-out", s.held_out, between(1, 1e9),
        "The number of held-out sequences that choose the best epoch; by default a tenth of the "
        "training data, at most 5000, or 2000 generated ones. Of fewer than 1000, a later epoch "
        "within a standard error of the best accuracy is kept");
  visit("test-sequences", s.test_sequences, between(1, 1e9),
        "The number of test sequences; by default the whole test set, --test-share of your own "
        "data, or "
        "5000 generated ones");
  visit("data-seed", s.data_seed, between(0, 1e15),
        "The seed of generated data, of the permutation, and of the split of your own data");
}

template <class AnySettings, class Visit>
void for_each_own_data_setting(AnySettings& s, Visit visit) {
  visit(
      "test-data", s.test_data, any_text(),
      "A second file or folder with the test sequences; by default a part of --data is held back");
  visit(
      "test-share", s.test_share, between(1e-6, 0.99),
      "The part of --data that is held back for the test, unless --test-data or --test-sequences");
  visit(
      "split-by", s.split_by, any_text(),
      "How the test and held-out sequences are chosen. random: at random, with all classes. time: "
      "the last ones. Or the name of a column of a CSV file, such as a person: sequences with the "
      "same value stay together. auto: random, or time with --window");
  visit("sequence-column", s.sequence_column, any_text(),
        "The column that tells which sequence a row belongs to");
  visit("time-column", s.time_column, any_text(), "The column of timestamps, if there is one");
  visit("label-column", s.label_column, any_text(), "The column of classes");
  visit("target-columns", s.target_columns, any_text(),
        "The columns of numbers to predict, with commas; by default those whose names start with "
        "target");
  visit("feature-columns", s.feature_columns, any_text(),
        "The columns of features, with commas; by default all without another meaning");
  visit("ignore-columns", s.ignore_columns, any_text(), "Columns to leave out, with commas");
  visit("sort", s.sort, any_text(),
        "Sort the rows by sequence and time, instead of refusing rows that are out of order");
  visit("labels", s.labels, any_text(),
        "A CSV file with the columns file and label, for recordings; by default --label-pattern");
  visit("label-pattern", s.label_pattern, any_text(),
        "A regular expression whose first group is the class in the path of a recording within "
        "--data; by default what is before the first _ or /");
  visit("sample-rate", s.sample_rate, between(0, 1e6),
        "Average the samples of recordings down to this rate in Hz; 0 leaves them as they are");
  visit("mel-bands", s.mel_bands, between(0, 256),
        "Turn recordings into log-mel spectra with this many bands, one of 25 ms every 10 ms; 0 "
        "leaves "
        "the samples");
  visit("missing", s.missing, one_of({"error", "last", "zero-and-mask"}),
        "What to do with missing values. error: stop. last: use the value before. zero-and-mask: "
        "use the mean, and add a feature that is 1 where a value is missing");
  visit(
      "clock", s.clock, one_of({"auto", "shared", "own", "relative"}),
      "shared: all sequences use the same clock. own: the time of each sequence starts at 0 in its "
      "first row. relative: time is the fraction of each sequence's duration. auto: shared if "
      "sequences overlap in time, own if they follow one another");
  visit(
      "scale", s.scale, one_of({"standard", "range", "none"}),
      "How features and targets are scaled. standard: to a mean of 0 and a standard deviation of 1 "
      "over the training sequences. range: to 0 ... 1. The scaling is saved with the network");
  visit("window", s.window, between(0, 1e7),
        "Cut long series into sequences of this many rows, to forecast what follows; 0 does not");
  visit("stride", s.stride, between(1, 1e7), "The rows from one such sequence to the next");
  visit("forecast", s.forecast, between(1, 1e5), "The rows to forecast behind each sequence");
  visit("frame", s.frame, between(1, 1e5), "The rows of the data in one step of the network");
  visit(
      "augment", s.augment, any_text(),
      "Vary the training sequences at random, such as roll,noise=0.05. roll: rotate them in time. "
      "invert: change the sign of about half of them. "
      "shift, time-warp, scale, noise: by this strength, by default 0.1, and 0.05 for noise");
  visit(
      "class-weights", s.class_weights, any_text(),
      "How much each class counts in the loss: balanced for the inverse of how often it occurs, or "
      "numbers with commas in the order of the classes; by default all count the same");
}

template <class AnySettings, class Visit>
void for_each_network_setting(AnySettings& s, Visit visit) {
  visit("model", s.model, one_of(model_names()),
        "lstm: every neuron updates at every step. glstm: each neuron has a learned time window. "
        "random-skip: the windows are random and stay as they are. phased: periodic windows "
        "(Phased LSTM)");
  visit("hidden", s.hidden, between(1, 65536),
        "The number of neurons of each layer, first layer first, such as 64,64");
  visit("forget-bias", s.forget_bias, any_number(),
        "The initial bias of the forget gates; by default 1");
  visit("memory", s.memory, between(0, 1e9),
        "Chrono initialisation: the initial biases suit memories of up to this many steps. 0 uses "
        "--forget-bias instead; the default depends on the task and the model");
  visit("threshold", s.threshold, between(0, 0.99),
        "The openness below which a time gate counts as closed");
  visit("min-width", s.min_width, between(1e-30, 1e30),
        "The smallest width sigma that training may reach; by default half a step");
  visit("open-share", s.open_share, between(1e-6, 1),
        "The fraction of the time for which each window is open at first. Windows that learn are "
        "kept within the sequences, except for their flanks");
  visit("centres", s.centres, between(0, 1),
        "The part of the time over which the centres of the windows are spread at first, such as "
        "0,0.5 for the first half");
  visit("placement", s.placement, one_of({"auto", "even", "running", "random"}),
        "How the centres are spread over that part. even: at equal distances. running: in "
        "proportion to how many sequences still run. auto: running for a g-LSTM if your own "
        "sequences end at different times, otherwise even");
  visit("leak", s.leak, between(0, 1), "The slope of the gate of a Phased LSTM outside its window");
  visit("start", s.start, any_text(),
        "A checkpoint of a network of the same shape to take the initial parameters from");
  visit("start-folded", s.start_folded, any_text(),
        "A checkpoint of a g-LSTM of the same shape, whose time gates are folded into the weights: "
        "an LSTM that starts near what it does. Use best.safetensors if its parameters were "
        "averaged, otherwise last.safetensors. The seconds until that checkpoint count as those of "
        "this run; its epochs and MACs do not");
}

template <class AnySettings, class Visit>
void for_each_training_setting(AnySettings& s, Visit visit) {
  visit("epochs", s.epochs, between(1e-9, 1e12),
        "The number of passes over the training data; by default 10, and for your own data as many "
        "as make 1500 training steps");
  visit("seconds", s.seconds, between(0, 1e7),
        "Train for this many seconds of training steps instead of --epochs. The number of steps is "
        "planned from a short trial and again as the run goes, so two runs with the same seed may "
        "differ");
  visit("reports", s.reports, between(1e-6, 1e4),
        "How often per epoch to log, to validate and to save, such as 0.1 for every ten epochs. By "
        "default once, more often so that a run has 10 reports, or less often so that it has 100");
  visit("batch", s.batch, between(1, 65536),
        "The number of sequences per training step; the default depends on the task and the model, "
        "and is at most a tenth of your own sequences");
  visit("learning-rate", s.learning_rate, between(0, 1e3),
        "The learning rate of Adam; the default depends on the task and the model");
  visit("gate-learning-rate", s.gate_learning_rate, between(0, 1e30),
        "The learning rate of the time gates, in units of time. By default 1/4000 of the duration "
        "of the sequences, or 0.002 for a Phased LSTM; 0 keeps the gates as they are");
  visit("warmup", s.warmup, between(0, 0.9),
        "The fraction of the steps in which the learning rates rise");
  visit("final-rate", s.final_rate, between(0, 1),
        "The fraction of the learning rates at the end of their half cosine; by default 0.25 if "
        "parameters are averaged, otherwise 0.01");
  visit(
      "weight-decay", s.weight_decay, between(0, 1e3),
      "The weight decay of AdamW; by default 0.03 for tasks with labels, otherwise 0 (plain Adam)");
  visit("weight-noise", s.weight_noise, between(0, 10),
        "The standard deviation of the noise that is added to the weights while a gradient is "
        "computed. By default 0.02 for networks with time gates on tasks with labels, otherwise 0 "
        "and with --widen 0");
  visit("dropout", s.dropout, between(0, 0.95),
        "The part of the neurons of each layer that a training sequence does without; a neuron is "
        "left out in all steps of the sequence");
  visit("label-smoothing", s.label_smoothing, between(0, 0.9),
        "The part of each label that training spreads over all classes");
  visit("average", s.average, between(0, 0.999999),
        "The decay of a moving average of the parameters; the averaged network is tested. By "
        "default 0.9995 for tasks with labels, otherwise 0 (no average) and with --widen 0");
  visit("adam-beta1", s.adam_beta1, between(0, 0.999999),
        "The decay of Adam's running mean of the gradient");
  visit("adam-beta2", s.adam_beta2, between(0, 0.9999999),
        "The decay of Adam's running mean of the squared gradient");
  visit("adam-epsilon", s.adam_epsilon, between(1e-30, 1), "Adam's epsilon");
  visit("clip", s.clip, between(1e-9, 1e9), "Gradients with a larger norm are scaled to this norm");
  visit("seed", s.seed, between(0, 1e15),
        "The seed of the initial parameters and of the order of the sequences");
  visit("threads", s.threads, between(1, 1024),
        "The number of threads; it does not change the result");
  visit(
      "shards", s.shards, between(0, 65536),
      "The number of parts of a batch that threads share; 0 makes one part of every 64 sequences");
}

template <class AnySettings, class Visit>
void for_each_computation_setting(AnySettings& s, Visit visit) {
  visit("budget", s.budget, between(0, 1e9), "lambda, the weight of the mean openness in the loss");
  visit("target-share", s.target_share, between(1e-6, 1),
        "The fraction of neuron updates to reach; a controller adjusts lambda during training. A "
        "share that is at most 2 % of its value above the target counts as met");
  visit(
      "budget-integral", s.budget_integral, between(0, 1e9),
      "The integral gain of that controller; by default 0.05, and more in trainings of fewer than "
      "6000 steps");
  visit("budget-proportional", s.budget_proportional, between(0, 1e9),
        "The proportional gain of that controller");
  visit("budget-limit", s.budget_limit, between(1e-9, 1e9),
        "The largest |lambda| that the controller may set");
  visit("widen", s.widen, at_least(0),
        "Temporal curriculum: the epoch in which the windows start to widen and the epoch in which "
        "they are fully open, such as 1,2");
  visit("widest", s.widest, between(1e-3, 1e3),
        "The width of the windows of a curriculum just before they are fully open, as a multiple "
        "of the duration of the sequences");
}

inline constexpr const char* own_data_group = "Own data";

/// Calls visit(group, name, value, limits, help) for all settings, in the order of config.json.
template <class AnySettings, class Visit>
void for_each_setting(AnySettings& settings, Visit visit) {
  const auto in_group = [&](const char* group) {
    return [&visit, group](const char* name, auto& value, const Limits& limits, const char* help) {
      visit(group, name, value, limits, help);
    };
  };
  for_each_task_setting(settings, in_group("Task"));
  for_each_own_data_setting(settings, in_group(own_data_group));
  for_each_network_setting(settings, in_group("Network"));
  for_each_training_setting(settings, in_group("Training"));
  for_each_computation_setting(settings, in_group("Computation"));
}

}  // namespace sequence_tasks
