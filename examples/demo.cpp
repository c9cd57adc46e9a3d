// Trains a g-LSTM and then a plain LSTM for the same time, on sequential MNIST where it can be had,
// and shows what skipping saves: a table on the terminal, curves and open windows as CSV and SVG.
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iomanip>
#include <iostream>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "glstm/glstm.hpp"
#include "glstm/io/image_dataset.hpp"

namespace {

using namespace glstm;
namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point begin) {
  return std::chrono::duration<double>(Clock::now() - begin).count();
}

struct Settings {
  std::string task = "auto", mnist = "data/mnist", fashion = "/usr/share/datasets/fashion-mnist";
  fs::path out = "demo";
  double seconds = 70, epochs = 0;
  Index steps = 1000, hidden = 110, batch = 100, threads = 1;
  std::uint64_t seed = 1;
  double open_share = 0.08, threshold = 0.01, budget_weight = 0;
  std::optional<double> learning_rate, time_gate_learning_rate;  // else what suits the task
  double lstm_learning_rate = 3e-3;
  double forget_bias = 1;
  bool skip_lstm = false;
};

/// A task: its name and data, one feature or more per step.
struct Task {
  std::string name;
  std::unique_ptr<Dataset<float>> training, validation, test;
  Index steps = 0, inputs = 1, outputs = 1;
  Loss loss = Loss::mean_squared_error;
  double learning_rate = 0, time_gate_learning_rate = 0;
};

/// Images read pixel by pixel; 5000 training images are held out for validation.
Task image_task(const fs::path& folder) {
  const auto images = load_image_sequences<float>(folder, Split::train);
  auto test = load_image_sequences<float>(folder, Split::test);
  const Index held_out = std::min<Index>(5000, images.size() / 10);
  const Index used = images.size() - held_out;
  Task task;
  task.name = std::string("sequential ").append(image_dataset_name(folder));
  task.steps = images.steps();
  task.outputs = 10;
  task.loss = Loss::softmax_cross_entropy;
  task.learning_rate = 2e-2;
  task.time_gate_learning_rate = 0.2;
  task.training = std::make_unique<ImageSequences<float>>(images.subset(0, used));
  task.validation = std::make_unique<ImageSequences<float>>(images.subset(used, held_out));
  task.test = std::make_unique<ImageSequences<float>>(std::move(test));
  return task;
}

Task adding_task(Index steps) {
  Task task;
  task.name = std::string("the adding task, T = ").append(std::to_string(steps));
  task.steps = steps;
  task.inputs = AddingTask<float>::features;
  task.learning_rate = 5e-3;
  task.time_gate_learning_rate = 0.5;
  task.training = std::make_unique<AddingTask<float>>(steps, 20'000, 1);
  task.validation = std::make_unique<AddingTask<float>>(steps, 1'000, 2);
  task.test = std::make_unique<AddingTask<float>>(steps, 5'000, 3);
  return task;
}

/// The task that was asked for, or the first that can be had.
Task choose_task(const Settings& settings) {
  if (settings.task == "adding") return adding_task(settings.steps);
  if (settings.task == "mnist") return image_task(settings.mnist);
  if (settings.task == "fashion") return image_task(settings.fashion);
  for (const fs::path folder : {settings.mnist, settings.fashion}) {
    try {
      return image_task(folder);
    } catch (const Error& error) {
      std::cout << "Not used: " << error.what() << "\n";
    }
  }
  return adding_task(settings.steps);
}

/// Records the mean training loss, and share of right answers, of about every second.
class Curve final : public Callback<float> {
 public:
  Curve(std::string model, Loss loss, std::ostream& csv)
      : model_(std::move(model)), loss_(loss), csv_(csv) {}

  Continue on_step(const StepReport& report) override {
    sum_.add(report.batch);
    if (report.seconds - written_ >= 1) {
      const Evaluation mean = sum_.mean();
      csv_ << model_ << ',' << report.seconds << ',' << mean.task.loss << ','
           << 100 * accuracy(mean.task, loss_) << '\n';
      sum_ = {};
      written_ = report.seconds;
    }
    return Continue::yes;
  }

 private:
  std::string model_;
  Loss loss_;
  std::ostream& csv_;
  EvaluationSum sum_;
  double written_ = 0;
};

/// One line of the table.
struct Result {
  std::string model;
  double score = 0;  ///< test accuracy in percent, or test loss
  double update_share = 0, macs = 0;
  double inference_ms = 0;  ///< per sequence
  double training_seconds = 0;
  Index sequences = 0;  ///< seen in training

  double training_ms() const { return 1e3 * training_seconds / static_cast<double>(sequences); }
};

/// Stops after a number of steps, and tells how long a step takes.
class StopAfter final : public Callback<float> {
 public:
  explicit StopAfter(Index steps) : steps_(steps) {}

  Continue on_step(const StepReport& report) override {
    if (report.step == 1) first_ = report.seconds;  // it allocates, and is not typical
    last_ = report;
    return report.step >= steps_ ? Continue::no : Continue::yes;
  }

  double seconds_per_step() const {
    return (last_.seconds - first_) / static_cast<double>(std::max<Index>(1, last_.step - 1));
  }

 private:
  Index steps_;
  double first_ = 0;
  StepReport last_;
};

/// How many training steps fit into `seconds`; tried out on a copy of the network.
template <TimeGate Gate>
Index steps_in(double seconds, Network<Gate> network, const Task& task, const Settings& settings,
               Index tries) {
  Adam<float> optimizer(network.layout(), {.learning_rate = 0, .time_gate_learning_rate = 0});
  StopAfter stop(tries);
  Trainer<Gate>(network, optimizer,
                {.batch = settings.batch, .epochs = tries, .threads = settings.threads})
      .listen(stop)
      .fit(*task.training);
  return std::max<Index>(10, static_cast<Index>(seconds / stop.seconds_per_step()));
}

template <TimeGate Gate>
Result train(const std::string& name, Network<Gate>& network, const Task& task,
             const Settings& settings, Index steps, double learning_rate, std::ostream& curves) {
  std::cout << "\n"
            << name << ": " << network.layout().size() << " parameters, " << steps
            << " training steps of " << settings.batch << " sequences\n";
  Adam<float> optimizer(
      network.layout(),
      {.learning_rate = learning_rate, .time_gate_learning_rate = task.time_gate_learning_rate});
  Trainer<Gate> trainer(network, optimizer,
                        {.batch = settings.batch,
                         .epochs = steps,
                         .budget_weight = settings.budget_weight,
                         .schedule = warmup_cosine(steps, steps / 20, 0.01),
                         .seed = settings.seed,
                         .threads = settings.threads});
  ProgressBar<float> progress(std::cout, isatty(STDOUT_FILENO) != 0, task.loss);
  Curve curve(name, task.loss, curves);
  StopAfter stop(steps);
  trainer.listen(progress).listen(curve).listen(stop);
  const EpochReport last = trainer.fit(*task.training, task.validation.get());

  Result result;
  result.model = name;
  const auto begin = Clock::now();
  const Evaluation test = evaluate(network, *task.test, settings.batch, settings.threads);
  result.inference_ms = 1e3 * seconds_since(begin) / static_cast<double>(task.test->size());
  result.sequences = last.step * settings.batch;
  result.training_seconds = last.seconds;
  result.score = task.loss == Loss::softmax_cross_entropy ? 100 * accuracy(test.task, task.loss)
                                                          : test.task.loss;
  result.update_share = test.work.update_share();
  result.macs = test.work.macs / static_cast<double>(task.test->size());
  return result;
}

/// The open windows as CSV, neurons sorted by the centre of their gate.
void write_windows(const GLstm<float>& network, const std::string& when, std::ostream& csv) {
  const auto gate = network.layers().front().gate(network.parameters);
  std::vector<Index> order(static_cast<std::size_t>(gate.size()));
  for (std::size_t j = 0; j < order.size(); ++j) order[j] = static_cast<Index>(j);
  std::sort(order.begin(), order.end(), [&](Index a, Index b) { return gate.mu(a) < gate.mu(b); });
  for (std::size_t rank = 0; rank < order.size(); ++rank) {
    const Index j = order[rank];
    const Window<float> window = gate.next_window(j, -std::numeric_limits<float>::infinity());
    csv << when << ',' << rank << ',' << j << ',' << gate.mu(j) << ',' << gate.sigma(j) << ','
        << window.open << ',' << window.close << '\n';
  }
}

void print_table(const Task& task, Index threads, const std::vector<Result>& results) {
  const bool labels = task.loss == Loss::softmax_cross_entropy;
  std::cout << "\n"
            << task.name << ", test set of " << task.test->size() << " sequences of " << task.steps
            << " steps, " << (threads == 1 ? "one thread" : std::to_string(threads) + " threads")
            << "\n\n"
            << std::left << std::setw(36) << "" << std::right;
  for (const Result& result : results) std::cout << std::setw(14) << result.model;
  const auto line = [&](const std::string& what, int digits, auto value) {
    std::cout << "\n"
              << std::left << std::setw(36) << what << std::right << std::fixed
              << std::setprecision(digits);
    for (const Result& result : results) std::cout << std::setw(14) << value(result);
  };
  line(labels ? "test accuracy, %" : "test mean squared error", labels ? 2 : 5,
       [](const Result& r) { return r.score; });
  line("neuron updates, % of all", 2, [](const Result& r) { return 100 * r.update_share; });
  line("million MACs per sequence", 2, [](const Result& r) { return r.macs / 1e6; });
  line("inference, ms per sequence", 3, [](const Result& r) { return r.inference_ms; });
  line("training, ms per sequence", 3, [](const Result& r) { return r.training_ms(); });
  line("training, s", 1, [](const Result& r) { return r.training_seconds; });
  line("sequences seen in training", 0,
       [](const Result& r) { return static_cast<double>(r.sequences); });
  if (results.size() == 2) {
    const Result &gated = results[0], &plain = results[1];
    std::cout << "\n\nThe g-LSTM: " << std::setprecision(0) << plain.macs / gated.macs
              << " x fewer MACs, " << std::setprecision(1)
              << plain.inference_ms / gated.inference_ms << " x faster inference, "
              << plain.training_ms() / gated.training_ms() << " x faster training.";
  }
  std::cout << "\n";
}

/// Draws curves.svg and windows.svg from the CSV files with gnuplot, where it is installed.
void draw(const fs::path& out, const Task& task) {
  const bool labels = task.loss == Loss::softmax_cross_entropy;
  const fs::path script = out / "pictures.gnuplot";
  {
    std::ofstream gnuplot(script);
    gnuplot << "set datafile separator ','\n"
               "set terminal svg size 900,480 font 'sans-serif,14' background 'white'\n"
               "set output 'curves.svg'\n"
               "set title 'Training on "
            << task.name
            << "'\n"
               "set xlabel 'seconds of training'\n"
               "set grid\n";
    if (labels) {
      gnuplot << "set ylabel 'right answers in training, %'\nset yrange [0:100]\n"
                 "set key right center\ncolumn = 4\n";
    } else {
      gnuplot << "set ylabel 'mean squared error in training'\nset logscale y\n"
                 "set key bottom left\ncolumn = 3\n";
    }
    gnuplot << "plot for [model in 'g-LSTM LSTM'] 'curves.csv' "
               "using ((strcol(1) eq model) ? $2 : 1/0):column "
               "with lines linewidth 2 title model\n"
               "reset\n"
               "set datafile separator ','\n"
               "set terminal svg size 900,640 font 'sans-serif,14' background 'white'\n"
               "set output 'windows.svg'\n"
               "set multiplot layout 1,2 title 'Open windows of the time gates'\n"
               "set xlabel 'step'\nset ylabel 'neuron, sorted by centre'\n"
               "set xrange [0:"
            << task.steps
            << "]\nset yrange [-1:*]\nunset key\n"
               "do for [when in 'before after'] {\n"
               "  set title when.' training'\n"
               "  plot 'windows.csv' using ((strcol(1) eq when) ? $6 : 1/0):2:($7-$6):(0) "
               "with vectors nohead linewidth 3 linecolor rgb '#1f6fb4', "
               "'' using ((strcol(1) eq when) ? $4 : 1/0):2 "
               "with points pointtype 7 pointsize 0.25 linecolor rgb 'black'\n"
               "}\n"
               "unset multiplot\n";
  }
  const fs::path here = fs::current_path();
  fs::current_path(out);  // no path of the user's in a shell command
  const bool drawn = std::system("command -v gnuplot > /dev/null && gnuplot pictures.gnuplot") == 0;
  fs::current_path(here);
  if (drawn) {
    std::cout << "Pictures: " << (out / "curves.svg").string() << ", "
              << (out / "windows.svg").string() << "\n";
  } else {
    std::cout << "No pictures: gnuplot is missing or failed; the CSV files hold the data.\n";
  }
}

int run(int argc, char** argv) {
  CLI::App app("Trains a g-LSTM, then a plain LSTM for the same time, and compares them.");
  app.option_defaults()->always_capture_default();
  Settings set;
  app.add_option("--task", set.task, "auto: the first of mnist, fashion and adding that is there")
      ->check(CLI::IsMember({"auto", "mnist", "fashion", "adding"}));
  app.add_option("--mnist", set.mnist, "folder with the four MNIST files");
  app.add_option("--fashion", set.fashion, "folder with the four Fashion-MNIST files");
  app.add_option("--out", set.out, "folder for CSV files and pictures");
  app.add_option("--seconds", set.seconds, "about how long each network is trained")
      ->check(CLI::Range(0.1, 86400.0));
  app.add_option("--epochs", set.epochs,
                 "train the g-LSTM for so many epochs instead, and the LSTM as long as that took")
      ->check(CLI::Range(0.0, 1e4));
  app.add_option("--steps", set.steps, "steps of the adding task")->check(CLI::Range(2, 1'000'000));
  app.add_option("--hidden", set.hidden, "neurons")->check(CLI::Range(1, 4096));
  app.add_option("--batch", set.batch, "sequences per training step")->check(CLI::Range(1, 4096));
  app.add_option("--threads", set.threads, "threads of training and evaluation")
      ->check(CLI::Range(1, 1024));
  app.add_option("--seed", set.seed, "seed of initial values and order of samples");
  app.add_option("--open-share", set.open_share, "share of the sequence a gate is open at first")
      ->check(CLI::Range(0.001, 1.0));
  app.add_option("--threshold", set.threshold, "openness below which a gate is closed")
      ->check(CLI::Range(0.0, 0.99));
  app.add_option("--budget", set.budget_weight, "lambda, the weight of the computational budget")
      ->check(CLI::NonNegativeNumber);
  app.add_option("--lr", set.learning_rate, "Adam's learning rate; by default what suits the task")
      ->check(CLI::NonNegativeNumber);
  app.add_option("--gate-lr", set.time_gate_learning_rate,
                 "the time gates' learning rate, in steps; likewise")
      ->check(CLI::NonNegativeNumber);
  app.add_option("--lstm-lr", set.lstm_learning_rate, "Adam's learning rate for the LSTM")
      ->check(CLI::NonNegativeNumber);
  app.add_option("--forget-bias", set.forget_bias, "initial forget-gate bias, of both networks");
  app.add_flag("--skip-lstm", set.skip_lstm, "train the g-LSTM only");
  CLI11_PARSE(app, argc, argv);

  Task task = choose_task(set);
  task.learning_rate = set.learning_rate.value_or(task.learning_rate);
  task.time_gate_learning_rate = set.time_gate_learning_rate.value_or(task.time_gate_learning_rate);
  std::cout << "Task: " << task.name << "\n";
  fs::create_directories(set.out);
  std::ofstream curves(set.out / "curves.csv"), windows(set.out / "windows.csv");
  if (!curves || !windows) throw Error("cannot write into the folder " + set.out.string());
  curves << "model,seconds,training_loss,training_accuracy_percent\n";
  windows << "when,rank,neuron,mu,sigma,open,close\n";

  Initialization initial;
  initial.forget_bias = set.forget_bias;
  initial.gates.end = static_cast<double>(task.steps);
  initial.gates.open_share = set.open_share;
  std::vector<Result> results;
  {
    GLstm<float> network({.inputs = task.inputs,
                          .hidden = {set.hidden},
                          .outputs = task.outputs,
                          .loss = task.loss,
                          .gates = {{.threshold = set.threshold, .min_width = 0.5}}});
    Rng rng(set.seed);
    network.initialize(initial, rng);
    write_windows(network, "before", windows);
    const double epoch = static_cast<double>(task.training->size() / set.batch);
    const Index steps = set.epochs > 0 ? std::max<Index>(1, std::lround(set.epochs * epoch))
                                       : steps_in(set.seconds, network, task, set, 50);
    results.push_back(train("g-LSTM", network, task, set, steps, task.learning_rate, curves));
    write_windows(network, "after", windows);
  }
  if (!set.skip_lstm) {
    Lstm<float> network({.inputs = task.inputs,
                         .hidden = {set.hidden},
                         .outputs = task.outputs,
                         .loss = task.loss});
    Rng rng(set.seed);
    network.initialize(initial, rng);
    const Index steps = steps_in(results.front().training_seconds, network, task, set, 4);
    results.push_back(train("LSTM", network, task, set, steps, set.lstm_learning_rate, curves));
  }
  curves.close();
  windows.close();
  print_table(task, set.threads, results);
  std::cout << "\nData: " << (set.out / "curves.csv").string() << ", "
            << (set.out / "windows.csv").string() << "\n";
  draw(set.out, task);
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return run(argc, argv);
  } catch (const std::exception& error) {
    std::cerr << "demo: " << error.what() << "\n";
    return 2;
  }
}
