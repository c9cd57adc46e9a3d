#include "tasks.hpp"

#include <zlib.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <utility>
#include <vector>

#include "glstm/core/random.hpp"
#include "glstm/data/adding_task.hpp"
#include "glstm/data/frequency_task.hpp"
#include "glstm/data/image_sequences.hpp"
#include "glstm/data/subset.hpp"
#include "glstm/io/cifar10.hpp"
#include "glstm/io/data_description_json.hpp"
#include "glstm/io/image_dataset.hpp"
#include "own_data.hpp"
#include "split.hpp"
#include "step_counts.hpp"

namespace sequence_tasks {
namespace {

using namespace glstm;
namespace fs = std::filesystem;

std::shared_ptr<const Data> part(const std::shared_ptr<const Data>& data, Index first,
                                 Index count) {
  return std::make_shared<Subset<float>>(data, first, count);
}

/// Uses the first training images, in all their variations, and holds out images from the end.
void use_images(ImageSequences<float> training, ImageSequences<float> test,
                const Settings& settings, Task& task) {
  if (settings.task == "permuted-mnist") {
    Rng rng(settings.data_seed);
    const std::vector<Index> order = rng.permutation(training.steps());
    training = training.permuted(order);
    test = test.permuted(order);
  }
  task.from_file = true;
  task.inputs = training.features();
  task.outputs = training.classes();
  task.loss = cross_entropy;
  task.longest = training.steps();
  const Index size = training.size();
  training = training.shifted(settings.shift);
  if (settings.mirror) training = training.mirrored();
  const auto images = std::make_shared<const ImageSequences<float>>(std::move(training));
  const auto tests = std::make_shared<const ImageSequences<float>>(std::move(test));
  const Index held_out =
      count_of(settings.held_out, std::min<Index>(5000, std::max<Index>(1, size / 10)), size - 1,
               "--held-out");
  const Index used = count_of(settings.training_sequences, size - held_out, size - held_out,
                              "--training-sequences");
  std::vector<Index> samples;  // the first images, in all their variations
  for (Index sample = 0; sample < images->size(); ++sample) {
    if (sample % size < used) samples.push_back(sample);
  }
  task.training = std::make_shared<Subset<float>>(images, std::move(samples));
  task.held_out = part(images, size - held_out, held_out);
  task.test =
      part(tests, 0,
           count_of(settings.test_sequences, tests->size(), tests->size(), "--test-sequences"));
}

/// Three sets of generated sequences, from three seeds: make(size, seed).
template <class Make>
void use_generated(const Settings& settings, Task& task, Make make) {
  const std::uint64_t seed = 3 * settings.data_seed;
  task.training = make(settings.training_sequences.value_or(20'000), seed);
  task.held_out = make(settings.held_out.value_or(2'000), seed + 1);
  task.test = make(settings.test_sequences.value_or(5'000), seed + 2);
}

void use_adding(const Settings& settings, Task& task) {
  task.title = "the adding task, T = " + std::to_string(settings.steps);
  task.inputs = AddingTask<float>::features;
  task.longest = settings.steps;
  use_generated(settings, task, [&](Index size, std::uint64_t seed) {
    return std::make_shared<AddingTask<float>>(settings.steps, size, seed);
  });
}

void use_frequency(const Settings& settings, Task& task) {
  const Sampling sampling = settings.sampling == "regular" ? Sampling::regular
                            : settings.sampling == "fine"  ? Sampling::fine
                                                           : Sampling::asynchronous;
  task.title = "frequency discrimination, " + settings.sampling + " samples";
  task.loss = cross_entropy;
  use_generated(settings, task, [&](Index size, std::uint64_t seed) {
    const auto waves = std::make_shared<FrequencyTask<float>>(sampling, size, seed);
    task.longest = waves->longest();
    return waves;
  });
  task.inputs = FrequencyTask<float>::features;
  task.outputs = FrequencyTask<float>::classes;
  task.end = FrequencyTask<float>::time_span;
}

/// Returns the file or folder in --data, or the default of the task.
fs::path data_of(const Settings& settings) {
  if (!settings.data.empty()) return settings.data;
  if (settings.task == "fashion") return "/usr/share/datasets/fashion-mnist";
  if (settings.task == "cifar10") return "data/cifar10";
  return "data/mnist";
}

}  // namespace

void check_data(const Settings& settings) { image_dataset_name(data_of(settings)); }

Task make_task(const Settings& settings) {
  Task task;
  const fs::path data = data_of(settings);
  if (settings.task == "adding") {
    use_adding(settings, task);
  } else if (settings.task == "frequency") {
    use_frequency(settings, task);
  } else if (has_own_data(settings)) {
    use_own_data(settings, task);
  } else if (settings.task == "cifar10") {
    task.title = "sequential CIFAR-10";
    use_images(load_cifar10<float>(data, Split::train), load_cifar10<float>(data, Split::test),
               settings, task);
  } else {
    task.title = (settings.task == "permuted-mnist" ? "permuted sequential " : "sequential ") +
                 image_dataset_name(data);
    use_images(load_image_sequences<float>(data, Split::train),
               load_image_sequences<float>(data, Split::test), settings, task);
  }
  if (settings.label_smoothing > 0) {
    detail::require(task.has_labels(),
                    "--label-smoothing: expected classes, got numbers to predict");
    task.loss = cross_entropy({.label_smoothing = settings.label_smoothing});
  }
  if (task.end <= task.begin) task.end = task.begin + static_cast<double>(task.longest);
  detail::require(task.end > task.begin,
                  "--data: expected timestamps that differ in double precision, got ", task.begin,
                  " and later; --clock own makes them small");
  return task;
}

Json data_facts(const Task& task) {
  uLong checksum = crc32(0, nullptr, 0);
  const auto add = [&](const auto* values, std::size_t count) {
    if (count == 0) return;  // nullptr would reset the checksum
    checksum = crc32_z(checksum, reinterpret_cast<const Bytef*>(values), count * sizeof *values);
  };
  // Data that differ by their scaling alone are the same numbers after it.
  const std::string description = detail::to_json_text(task.data);
  if (task.from_file) add(description.data(), description.size());
  LabelledBatch<float> batch;
  for (const auto& data : {task.training, task.held_out, task.test}) {
    const Index count = task.from_file ? std::min<Index>(1000, data->size()) : 0;
    for (Index i = 0; i < count; ++i) {
      const Index sample = i * data->size() / count;
      data->load({&sample, 1}, batch);
      add(batch.input.values.data(), static_cast<std::size_t>(batch.input.values.size()));
      const auto& times = batch.input.timing.timestamps;
      add(times.data(), static_cast<std::size_t>(times.size()));
      add(batch.targets.values.data(), static_cast<std::size_t>(batch.targets.values.size()));
      add(batch.targets.labels.data(), static_cast<std::size_t>(batch.targets.labels.size()));
      const auto& weights = batch.targets.weights;
      add(weights.data(), static_cast<std::size_t>(weights.size()));
    }
  }
  return {{"labels", task.has_labels()},
          {"inputs", task.inputs},
          {"outputs", task.outputs},
          {"training", task.training->size()},
          {"held_out", task.held_out->size()},
          {"test", task.test->size()},
          {"longest", task.longest},
          {"begin", task.begin},
          {"end", task.end},
          {"checksum", task.from_file ? Json(checksum) : nullptr}};
}

namespace {

/// The sequences of a training step, at most a tenth of a small file.
Index default_batch(const Settings& settings, const Task& task) {
  const Index most = settings.task == "adding" ? 16 : settings.model == "lstm" ? 32 : 100;
  if (!has_own_data(settings)) return most;
  return std::min(most, std::max<Index>(8, task.training->size() / 10));
}

/// Ten passes over the data, and over a small file as many as make 1,500 steps.
double default_epochs(const Settings& settings, const Task& task) {
  if (!has_own_data(settings)) return 10;
  return std::clamp(std::ceil(1500 / epoch_steps(settings, task)), 10.0, 1000.0);
}

}  // namespace

void complete(const Task& task, Settings& settings) {
  const bool lstm = settings.model == "lstm", adding = settings.task == "adding";
  const bool gates_learn = settings.model == "glstm" || settings.model == "phased";
  const double duration = task.duration(), longest = static_cast<double>(task.longest);
  const auto set = [](auto& setting, auto value) {
    if (!setting) setting = value;
  };
  const Index shifts = (2 * settings.shift + 1) * (2 * settings.shift + 1);
  const Index variations = (settings.mirror ? 2 : 1) * shifts;
  set(settings.training_sequences, task.training->size() / variations);
  set(settings.held_out, task.held_out->size());
  set(settings.test_sequences, task.test->size());
  set(settings.batch, default_batch(settings, task));
  settings.batch = std::min(*settings.batch, task.training->size());
  set(settings.epochs, default_epochs(settings, task));
  set(settings.learning_rate, adding && !lstm ? 1e-2 : 2e-2);
  // One parameter of a phased gate, r_on, is a fraction, which needs a small rate.
  set(settings.gate_learning_rate, settings.model == "phased" ? 2e-3 : 2.5e-4 * duration);
  if (!gates_learn) settings.gate_learning_rate = 0;
  set(settings.min_width, duration / longest / 2);
  const bool curriculum = !settings.widen.empty();
  set(settings.weight_decay, task.has_labels() ? 0.03 : 0);
  set(settings.weight_noise, task.has_labels() && !lstm && !curriculum ? 0.02 : 0);
  set(settings.average, task.has_labels() && !curriculum ? 0.9995 : 0);
  set(settings.final_rate, *settings.average > 0 ? 0.25 : 0.01);
  const bool chrono = (lstm || adding) && longest > 2 && !settings.forget_bias;
  set(settings.memory, !chrono ? 0 : adding ? longest : std::min(longest, 100.0));
  set(settings.forget_bias, 1);
  if (settings.placement == "auto") {
    const bool running = settings.model == "glstm" && !task.ends.empty();
    settings.placement = running ? "running" : "even";
  }
  set(settings.open_share, std::min(1.0, std::max(adding ? 0.08 : 0.03, 2 / longest)));
}

}  // namespace sequence_tasks
