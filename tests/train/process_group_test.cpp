// Several processes train the network that one trains.
#include "glstm/train/process_group.hpp"

#include <algorithm>
#include <cstdint>
#include <functional>
#include <limits>
#include <memory>
#include <numeric>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "catch.hpp"
#include "glstm/data/subset.hpp"
#include "glstm/train/trainer.hpp"
#include "thread_group.hpp"

namespace process_group_test {

using namespace glstm;

namespace {

// 40 sequences of up to 13 steps, to be answered at every step.
class RaggedTask final : public Dataset<float> {
 public:
  Index size() const override { return 40; }
  Index length_of(Index sample) const override {
    Rng rng = detail::sample_rng(3, sample);
    return 1 + rng.below(13);
  }
  void load(std::span<const Index> samples, LabelledBatch<float>& batch) const override {
    const Index count = static_cast<Index>(samples.size());
    batch.input = SequenceBatch<float>::zeros(count, 13, 2);
    batch.targets.values.resize(count, 13);
    for (Index b = 0; b < count; ++b) {
      Rng rng = detail::sample_rng(3, samples[static_cast<std::size_t>(b)]);
      batch.input.timing.lengths.push_back(1 + rng.below(13));
      for (float& value : batch.input.values.row(b)) value = static_cast<float>(rng.uniform());
      for (float& value : batch.targets.values.row(b)) value = static_cast<float>(rng.uniform());
    }
  }
};

LabelledBatch<float> all_of(const Dataset<float>& data) {
  std::vector<Index> samples(static_cast<std::size_t>(data.size()));
  std::iota(samples.begin(), samples.end(), 0);
  LabelledBatch<float> batch;
  data.load(samples, batch);
  return batch;
}

// What a training ends with.
struct Trained {
  Vector<float> parameters;
  std::vector<double> numbers;  // of reports
  bool operator==(const Trained&) const = default;
};

// Listens, and stops after step `last`.
struct Listener final : Callback<float> {
  Index last = std::numeric_limits<Index>::max();
  std::vector<double> numbers;
  Continue on_step(const StepReport& report) override {
    numbers.insert(numbers.end(), {report.batch.task.loss, report.batch.budget,
                                   report.batch.ops.updates, report.gradient_norm});
    return report.step >= last ? Continue::no : Continue::yes;
  }
  Continue on_epoch(const EpochReport& report, const TrainingSnapshot<float>&) override {
    numbers.insert(numbers.end(),
                   {report.epochs, report.training.task.loss, report.validation->task.loss,
                    report.validation->ops.openness, report.budget_weight});
    return Continue::yes;
  }
};

GLstm<float> make_network() {
  GLstm<float> network(
      {.inputs = 2, .hidden = {9, 5}, .outputs = 1, .readout = Readout::every_step});
  Rng rng(1);
  network.initialize({.gates = {.end = 13, .open_share = 0.6}}, rng);
  return network;
}

// Trains with everything that a trainer has.
Trained train(ProcessGroup* group, Index shards, bool streams = false, Index batch = 16,
              Index threads = 1) {
  const RaggedTask task;
  GLstm<float> network = make_network();
  Adam<float> optimizer(network.layout(), {.learning_rate = 1e-2, .time_gate_learning_rate = 0.1});
  BudgetController controller({.target_share = 0.3});
  ParameterAverage<float> average(0.9);
  Listener listener;
  Trainer trainer(network, optimizer,
                  {.batch = batch,
                   .epochs = 3,
                   .weight_noise = 0.01,
                   .dropout = 0.2,
                   .seed = 4,
                   .threads = threads,
                   .shards = shards},
                  group);
  trainer.add_callback(listener).control(controller).average(average);
  if (streams) {
    LabelledBatch<float> first;  // as many streams as a batch has samples
    copy_samples(all_of(task), 0, batch, first);
    const StreamsInMemory<float> some(first);
    trainer.fit_streams(some, 5, &some);
  } else {
    trainer.fit(task, &task);
  }
  return {network.parameters, listener.numbers};
}

void check_all(const std::vector<std::string>& errors, const std::string& expected) {
  for (const std::string& error : errors) CHECK(error == expected);
}

// The same in as many processes, which must all have the same.
Trained train_in(Index processes, Index shards, bool streams = false, Index batch = 16,
                 Index threads = 1) {
  std::vector<Trained> results(static_cast<std::size_t>(processes));
  const auto errors = run_as_processes(processes, [&](ProcessGroup& group) {
    results[static_cast<std::size_t>(group.rank())] =
        train(&group, shards, streams, batch, threads);
  });
  check_all(errors, "");
  for (const Trained& result : results) CHECK(result == results[0]);
  return results[0];
}

}  // namespace

TEST_CASE("parts are added up in an order that processes share") {
  const auto order = [](Index parts) {
    std::vector<std::string> sums;
    for (Index p = 0; p < parts; ++p) sums.push_back(std::to_string(p));
    add_in_halves(0, parts, [&](Index to, Index from) {
      auto& sum = sums[static_cast<std::size_t>(to)];
      sum = "(" + sum + "+" + sums[static_cast<std::size_t>(from)] + ")";
    });
    return sums[0];
  };
  CHECK(order(1) == "0");
  CHECK(order(3) == "(0+(1+2))");
  CHECK(order(4) == "((0+1)+(2+3))");
  CHECK(order(6) == "((0+(1+2))+(3+(4+5)))");
}

TEST_CASE("a group tells its processes what one of them says") {
  const auto errors = run_as_processes(3, [](ProcessGroup& group) {
    const bool here = group.rank() == 2;
    detail::require(group.any(here), "nobody said so");
    detail::require(!group.any(false), "somebody said so");
    detail::require(group.from_first(10.5 + static_cast<double>(group.rank())) == 10.5, "not 10.5");
    group.wait_for_all();
    detail::require_same(group, ~std::uint64_t{5}, "number");
    detail::require_same(group, here ? 1 : 0, "number");
  });
  check_all(errors, "processes 0 and 2 do not have the same number");
  ProcessGroup alone;
  CHECK(alone.from_first(3) == 3);
  CHECK(alone.any(true));
  CHECK_FALSE(alone.any(false));
  CHECK_NOTHROW(detail::require_same(alone, 7, "number"));
}

TEST_CASE("processes take the steps of one process, to the bit") {
  for (const bool streams : {false, true}) {
    for (const Index shards : {4, 12}) {
      CAPTURE(streams, shards);
      const Trained one = train(nullptr, shards, streams);
      CHECK(train_in(1, shards, streams) == one);
      CHECK(train_in(2, shards, streams) == one);
      CHECK(train_in(4, shards, streams, 16, 2) == one);
    }
  }
}

TEST_CASE("any number of processes takes the steps of one, to rounding") {
  // 3 is no power of two; of 5 samples, 7 processes leave two without any.
  for (const auto& [processes, batch] : std::vector<std::pair<Index, Index>>{{3, 16}, {7, 5}}) {
    for (const bool streams : {false, true}) {
      const Trained one = train(nullptr, 0, streams, batch),
                    all = train_in(processes, 0, streams, batch);
      REQUIRE(all.numbers.size() == one.numbers.size());
      CHECK((all.parameters - one.parameters).cwiseAbs().maxCoeff() < 1e-3f);
      for (std::size_t i = 0; i < one.numbers.size(); ++i) {
        CHECK(all.numbers[i] == Approx(one.numbers[i]).epsilon(1e-3).margin(1e-3));
      }
    }
  }
}

TEST_CASE("processes share an evaluation") {
  const RaggedTask task;
  const GLstm<float> network = make_network();
  for (const Index batch : {3, 7, 40}) {
    const Evaluation one = evaluate(network, task, batch);
    const auto errors = run_as_processes(4, [&](ProcessGroup& group) {
      const Evaluation all = evaluate(network, task, batch, 1, &group);
      detail::require(all.task.loss == one.task.loss && all.task.count == one.task.count &&
                          all.ops.updates == one.ops.updates && all.budget == one.budget &&
                          all.ops.tape_bytes == one.ops.tape_bytes,
                      "not the same");
    });
    check_all(errors, "");
  }
}

TEST_CASE("processes that do not have the same network do not train") {
  const RaggedTask task;
  for (const auto& [what, spoil] :
       std::vector<std::pair<std::string, std::function<void(GLstm<float>&, Adam<float>&)>>>{
           {"parameters", [](GLstm<float>&network, Adam<float>&) { network.parameters(7) += 1; }},
           {"number of training steps", [](GLstm<float>&network, Adam<float>&optimizer) {
              optimizer.step(network.parameters, Vector<float>::Zero(network.parameters.size()), 0);
            }}}) {
    const auto errors = run_as_processes(3, [&](ProcessGroup& group) {
      GLstm<float> network = make_network();
      Adam<float> optimizer(network.layout(), {.time_gate_learning_rate = 0.1});
      if (group.rank() == 1) spoil(network, optimizer);
      Trainer(network, optimizer, {.batch = 8}, &group).fit(task);
    });
    check_all(errors, "processes 0 and 1 do not have the same " + what);
  }
}

TEST_CASE("a trainer trains again, with fewer samples than processes") {
  const auto errors = run_as_processes(3, [&](ProcessGroup& group) {
    GLstm<float> network = make_network();
    Adam<float> optimizer(network.layout(), {.time_gate_learning_rate = 0.1});
    Trainer trainer(network, optimizer, {.batch = 12, .epochs = 10}, &group);
    for (const Index samples : {12, 2, 12}) {
      const auto task = std::make_shared<RaggedTask>();
      const Subset<float> some(task, 0, samples);
      trainer.fit(some);
      trainer.fit_streams(StreamsInMemory<float>(all_of(some)), 5);
    }
  });
  check_all(errors, "");
}

TEST_CASE("processes that do not have the same options do not train") {
  for (const auto& [what, change] :
       std::vector<std::pair<std::string, std::function<void(TrainerOptions&)>>>{
           {"number of steps in an epoch", [](TrainerOptions& o) { o.batch = 20; }},
           {"options", [](TrainerOptions& o) { o.batch = 9; }},
           {"options", [](TrainerOptions& o) { o.epochs = 2; }},
           {"options", [](TrainerOptions& o) { o.reports_per_epoch = 2; }},
           {"options", [](TrainerOptions& o) { o.max_steps = 1; }},
           {"options", [](TrainerOptions& o) { o.seed = 2; }},
           {"options", [](TrainerOptions& o) { o.shards = 3; }},
           {"options", [](TrainerOptions& o) { o.clip_norm = 2; }},
           {"options", [](TrainerOptions& o) { o.budget_weight = 2; }},
           {"options", [](TrainerOptions& o) { o.weight_noise = 2; }},
           {"options", [](TrainerOptions& o) { o.max_seconds = 2; }}}) {
    const auto errors = run_as_processes(2, [&](ProcessGroup& group) {
      GLstm<float> network = make_network();
      Adam<float> optimizer(network.layout(), {.time_gate_learning_rate = 0.1});
      TrainerOptions options{.batch = 10};
      if (group.rank() == 1) change(options);
      Trainer(network, optimizer, options, &group)
          .fit(Subset<float>(std::make_shared<RaggedTask>(), 0, 35));
    });
    check_all(errors, "processes 0 and 1 do not have the same " + what);
  }
  const auto errors = run_as_processes(2, [&](ProcessGroup& group) {
    GLstm<float> network = make_network();
    Adam<float> optimizer(network.layout(), {.time_gate_learning_rate = 0.1});
    const RaggedTask task;
    Trainer(network, optimizer, {}, &group).fit(task, group.rank() == 1 ? &task : nullptr);
  });
  check_all(errors, "processes 0 and 1 do not have the same validation data");
}

TEST_CASE("processes that do not have as many steps in an epoch do not train") {
  const auto errors = run_as_processes(2, [&](ProcessGroup& group) {
    GLstm<float> network = make_network();
    Adam<float> optimizer(network.layout(), {.time_gate_learning_rate = 0.1});
    const Subset<float> part(std::make_shared<RaggedTask>(), 0, 40 - 16 * group.rank());
    Trainer(network, optimizer, {.batch = 8}, &group).fit(part);
  });
  check_all(errors, "processes 0 and 1 do not have the same number of steps in an epoch");
}

TEST_CASE("processes that part ways during training are found out at the next report") {
  const auto errors = run_as_processes(2, [&](ProcessGroup& group) {
    GLstm<float> network = make_network();
    Adam<float> optimizer(network.layout(), {.time_gate_learning_rate = 0.1});
    Trainer trainer(network, optimizer, {.batch = 8, .epochs = 3, .reports_per_epoch = 5}, &group);
    trainer.after_step([&](Index step, Vector<float>& parameters) {
      if (group.rank() == 1 && step == 2) parameters(0) += 1;
    });
    trainer.fit(RaggedTask());
  });
  check_all(errors, "processes 0 and 1 do not have the same parameters");
}

TEST_CASE("a listener in one process stops all, and the first one's clock is that of all") {
  std::vector<EpochReport> reports(2);
  const auto errors = run_as_processes(2, [&](ProcessGroup& group) {
    GLstm<float> network = make_network();
    Adam<float> optimizer(network.layout(), {.time_gate_learning_rate = 0.1});
    Listener listener;
    listener.last = 3;
    Trainer trainer(network, optimizer, {.batch = 8, .epochs = 3, .max_seconds = 1000}, &group);
    trainer.resume(group.rank() == 0 ? 100.0 : 1e9);
    const RaggedTask task;
    if (group.rank() == 1) trainer.add_callback(listener);
    reports[static_cast<std::size_t>(group.rank())] = trainer.fit(task, &task);
  });
  check_all(errors, "");
  CHECK(reports[0].step == 3);
  CHECK(reports[1].step == 3);
  CHECK(reports[0].seconds == reports[1].seconds);
  CHECK(reports[0].seconds > 100);
}

}  // namespace process_group_test
