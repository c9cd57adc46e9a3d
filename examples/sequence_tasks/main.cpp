// sequence_tasks: trains recurrent networks, with and without time gates, on tasks with long
// sequences; measures them and draws the results.
#include <CLI/CLI.hpp>
#include <chrono>
#include <filesystem>
#include <iomanip>
#include <iostream>
#include <new>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "exporting.hpp"
#include "glstm/core/error.hpp"
#include "predicting.hpp"
#include "report.hpp"
#include "result_pages.hpp"
#include "results_table.hpp"
#include "settings.hpp"
#include "training.hpp"
#if GLSTM_SEQUENCE_TASKS_MPI
#include "glstm/distributed/mpi_group.hpp"
#endif

namespace {

using namespace sequence_tasks;
namespace fs = std::filesystem;

constexpr const char* about =
    R"(Trains recurrent networks on tasks with long sequences and shows what skipping updates saves.

In a g-LSTM every neuron has a time window, a Gaussian with a learned centre and width. Outside
its window the neuron keeps its state, and nothing is computed for it. Try these commands, in this
order:

  sequence_tasks compare --task adding --seconds 20 --out demo
  sequence_tasks train --task mnist --target-share 0.05 --epochs 20 --out runs/mnist-5
  sequence_tasks report runs/* --out report
)";

constexpr const char* about_train = R"(A run keeps all its files in the folder --out:

  config.json        the settings
  log.csv            loss, accuracy and updates at every report
  last.safetensors   the last parameters and the state of the optimiser
  best.safetensors   the parameters with the best result on the held-out sequences
  first.safetensors  the initial parameters
  windows.csv        the time windows before and after training
  metrics.json       after training: accuracy on the test set, updates, MACs, milliseconds
  lstm.safetensors   the plain LSTM at the end of a curriculum (--widen)
  answers.csv        where numbers are predicted: the right ones and the answers
  gradients.csv      the output of the command gradients

If a run is interrupted at any moment, the same command with --resume continues it from the last
report, bit for bit.
)";

/// One command of the program and the values of its options.
struct Command {
  CLI::App* app = nullptr;
  Settings settings;
  fs::path out;
  bool resume = false, fresh = false;
  std::vector<fs::path> runs;

  bool has_option(const char* name) const { return app->get_option(name)->count() > 0; }
};

void train(const Command& command, glstm::ProcessGroup& group, std::ostream& out) {
  const RunFolder folder{command.out};
  if (group.any(group.rank() == 0 && command.resume && folder.has_run())) {
    const Settings saved = read_settings(folder);
    check(command.settings);
    check_same(*command.app, command.settings, read_given_settings(folder), saved,
               folder.path.string());
    const bool threads = command.has_option("--threads");
    resume_run(folder, threads ? command.settings.threads : saved.threads,
               command.has_option("--epochs") ? command.settings.epochs : std::nullopt, group, out);
  } else {
    start_run(command.settings, folder, group, out);
  }
  if (group.rank() == 0) print_results({folder}, out);
}

/// Chooses the first of MNIST, Fashion-MNIST and the adding task whose data are available.
void choose_task(Settings& settings, std::ostream& out) {
  for (const char* task : {"mnist", "fashion"}) {
    Settings tried = settings;
    tried.task = task;
    try {
      check_data(tried);
      settings = tried;
      return;
    } catch (const glstm::Error& error) {
      out << "Not used: " << error.what() << "\n";
    }
  }
  settings.task = "adding";
}

/// Returns the settings of the g-LSTM of a comparison.
Settings gated_settings(const Command& command, std::ostream& out) {
  for (const char* option : {"--model", "--widen", "--start", "--start-folded"}) {
    glstm::detail::require(!command.has_option(option), option,
                           ": compare trains a g-LSTM and an LSTM from random parameters, without "
                           "this option");
  }
  Settings settings = command.settings;
  if (!command.has_option("--task")) {
    glstm::detail::require(!command.has_option("--data"), "--data: expected --task too, got ",
                           settings.data, " alone");
    choose_task(settings, out);
  }
  if (command.has_option("--epochs") && !command.has_option("--seconds")) settings.seconds = 0;
  settings.model = "glstm";
  check(settings);
  return settings;
}

/// Returns the settings of the LSTM that is compared with a g-LSTM.
Settings plain_settings(const Settings& gated) {
  Settings plain = gated;
  plain.model = "lstm";
  plain.target_share.reset();
  plain.budget = 0;
  plain.epochs.reset();
  return without_unused(plain);
}

void compare(const Command& command, glstm::ProcessGroup& group, std::ostream& out) {
  const Settings gated = gated_settings(command, out);
  Settings plain = plain_settings(gated);
  const RunFolder gated_folder{command.out / "g-LSTM"}, plain_folder{command.out / "LSTM"};
  // Older runs are removed only when it is certain that the new ones can start.
  for (const Settings& checked : {gated, plain}) check_run(checked, group);
  if (group.rank() == 0) {
    for (const RunFolder& folder : {gated_folder, plain_folder}) {
      if (!command.fresh) require_free(folder, "--fresh removes it");
    }
    if (command.fresh) remove_runs({gated_folder, plain_folder});
  }
  start_run(gated, gated_folder, group, out);
  group.wait_for_all();  // until the metrics are written
  plain.seconds = read_metrics(gated_folder).at("training_seconds").get<double>();
  out << "\n";
  start_run(plain, plain_folder, group, out);
  if (group.rank() > 0) return;
  print_results({gated_folder, plain_folder}, out);
  write_report({gated_folder.path, plain_folder.path}, command.out, {}, out);
}

void evaluate(const Command& command) {
  std::vector<RunFolder> folders;
  for (const fs::path& run : command.runs) {
    folders.push_back({run});
    evaluate_run(folders.back(), std::cout);
  }
  print_results(folders, std::cout);
}

/// All commands of the program.
class Program {
 public:
  Program() {
    app_.require_subcommand(1);
    app_.option_defaults()->always_capture_default();
    add_train();
    add_compare();
    add_evaluate();
    add_predict();
    add_gradients();
    add_export();
    add_report();
    add_tables();
  }

  /// Returns the exit status if the arguments ask for help, which is written to `out`. Throws
  /// glstm::Error if they are wrong.
  std::optional<int> parse(int argc, char** argv, std::ostream& out) {
    const std::string remedy = " (--help lists the commands and options)";
    if (argc > 1 && argv[1][0] != '-' && !has_command(argv[1])) {
      throw glstm::Error(std::string("expected a command, got ").append(argv[1]).append(remedy));
    }
    try {
      app_.parse(argc, argv);
    } catch (const CLI::Success& help) {
      return app_.exit(help, out);
    } catch (const CLI::ParseError& error) {
      const std::string line = error.what();
      throw glstm::Error(line.substr(0, line.find('\n')) + remedy);
    }
    return std::nullopt;
  }

  /// Runs the command and returns the exit status.
  int run(glstm::ProcessGroup& group, std::ostream& out) const {
    if (train_.app->parsed()) train(train_, group, out);
    if (compare_.app->parsed()) compare(compare_, group, out);
    if (group.rank() > 0) return 0;  // the first process does the rest alone
    if (evaluate_.app->parsed()) evaluate(evaluate_);
    for (const fs::path& run : gradients_.runs) write_gradient_norms({run}, sequences_, std::cout);
    if (predict_.app->parsed()) predict_run({predict_.out}, prediction_, std::cerr);
    if (export_.app->parsed()) export_run({export_.out}, format_, std::cout);
    if (report_.app->parsed()) write_report(report_.runs, report_.out, reach_, std::cout);
    if (tables_.app->parsed()) {
      return write_result_tables(tables_.out, tables_.runs, only_check_, std::cout) ? 0 : 1;
    }
    return 0;
  }

 private:
  bool has_command(const std::string& name) const {
    const auto commands =
        app_.get_subcommands([&](const CLI::App* c) { return c->get_name() == name; });
    return !commands.empty();
  }

  void add_train() {
    train_.app = app_.add_subcommand("train", "Trains one network, or continues a run");
    train_.app->footer(about_train);
    add_options(*train_.app, train_.settings);
    train_.app->add_option("--out", train_.out, "The folder of the run")->required();
    train_.app->add_flag("--resume", train_.resume, "Continue the run in --out, if there is one");
  }

  void add_compare() {
    compare_.app = app_.add_subcommand(
        "compare", "Trains a g-LSTM, then a plain LSTM for the same time, and draws the results");
    compare_.settings.seconds = 36;
    compare_.out = "demo";
    add_options(*compare_.app, compare_.settings);
    compare_.app->add_option("--out", compare_.out, "The folder of the two runs and the pictures");
    compare_.app->add_flag("--fresh", compare_.fresh,
                           "Remove the two runs of an earlier comparison first");
  }

  void add_evaluate() {
    evaluate_.app = app_.add_subcommand(
        "evaluate",
        "Tests finished runs again and measures their speed; times are reliable when nothing else "
        "runs on the machine");
    evaluate_.app->add_option("runs", evaluate_.runs, "The folders of the runs")->required();
  }

  void add_predict() {
    predict_.app = app_.add_subcommand(
        "predict", "Answers new data with the network of a finished run, as a CSV file");
    predict_.app->add_option("run", predict_.out, "The folder of the run")->required();
    predict_.app
        ->add_option("data", prediction_.data,
                     "A file or folder as in training, with or without answers; - is the standard "
                     "input, for CSV")
        ->required();
    predict_.app->add_option("--out", prediction_.out,
                             "The CSV file to write; replaces an older file. - is the standard "
                             "output");
    predict_.app->add_flag("--probabilities", prediction_.probabilities,
                           "Also write the probability of every class");
    predict_.app->add_flag("--every-step", prediction_.every_step,
                           "Write the answer after every step of a sequence");
  }

  void add_gradients() {
    gradients_.app = app_.add_subcommand(
        "gradients", "Writes the norm of the gradient of the loss at each step back in time");
    gradients_.app->add_option("runs", gradients_.runs, "The folders of finished runs")->required();
    gradients_.app->add_option("--sequences", sequences_, "The number of sequences to average over")
        ->check(CLI::Range(1, 100000));
  }

  void add_export() {
    export_.app = app_.add_subcommand(
        "export", "Writes the network of a finished run in the format of another program");
    export_.app->add_option("run", export_.out, "The folder of the run")->required();
    export_.app->add_option("--to", format_.format, "The format")
        ->check(CLI::IsMember(
            {"safetensors", "pytorch", "keras", "rtneural", "onnx", "header", "arduino"}));
    export_.app
        ->add_option("--storage", format_.storage,
                     "How safetensors, header and arduino store the weights: full (the default), "
                     "float16 or int8. With the last two the command also prints the test result "
                     "before and after rounding")
        ->check(CLI::IsMember({"full", "float16", "int8"}));
    export_.app->add_option("--namespace", format_.name_space,
                            "The namespace of a header; in C, and for arduino, the word with which "
                            "its names begin");
    export_.app
        ->add_option("--language", format_.language,
                     "The language of a header: c++ (the default) or c")
        ->check(CLI::IsMember({"c", "c++"}));
    export_.app
        ->add_option("--arithmetic", format_.arithmetic,
                     "What header and arduino compute in: float, or int8, which is integers alone. "
                     "With int8 the command also prints the test result as trained and in integers")
        ->check(CLI::IsMember({"float", "int8"}));
    export_.app->add_option("--tick", format_.tick,
                            "For int8: the unit of the times of steps, in that of the timestamps "
                            "(by default 1)");
    export_.app
        ->add_option("--calibrate", format_.calibrate,
                     "For int8: how many training sequences determine the scales (by default 200)")
        ->check(CLI::Range(1, 1'000'000));
    export_.app
        ->add_option("--out", format_.out,
                     "The file to write; replaces an older file. For arduino a new folder")
        ->required();
  }

  void add_report() {
    report_.app = app_.add_subcommand(
        "report", "Writes a page about runs, index.html, with a table and pictures as SVG files");
    report_.out = "report";
    report_.app->add_option("runs", report_.runs, "The folders of the runs")->required();
    report_.app->add_option("--out", report_.out, "The folder of the page");
    report_.app->add_option(
        "--reach", reach_,
        "Also say when the runs first reached this accuracy in percent, or this loss");
  }

  void add_tables() {
    tables_.app = app_.add_subcommand(
        "tables", "Writes the tables of recorded runs into Markdown files, between their comments");
    tables_.app->add_option("results", tables_.out, "The folder of the runs, with claims.json")
        ->required();
    tables_.app->add_option("documents", tables_.runs, "The Markdown files")->required();
    tables_.app->add_flag("--check", only_check_,
                          "Write nothing; end with status 1 if a table differs from the runs");
  }

  CLI::App app_{about, "sequence_tasks"};
  Command train_, compare_, evaluate_, predict_, gradients_, export_, report_, tables_;
  PredictOptions prediction_;
  Index sequences_ = 64;
  ExportOptions format_;
  std::optional<double> reach_;
  bool only_check_ = false;
};

int run(int argc, char** argv, glstm::ProcessGroup& group) {
  std::ostream silent(nullptr);
  std::ostream& out = group.rank() == 0 ? std::cout : silent;
  Program program;
  if (const auto status = program.parse(argc, argv, out)) return *status;
  return program.run(group, out);
}

/// Prints an error on one line and returns the exit status.
int print_error(const std::exception& error) {
  const bool memory = dynamic_cast<const std::bad_alloc*>(&error) != nullptr;
  std::cerr << "sequence_tasks: " << (memory ? "not enough memory" : error.what()) << "\n";
  return 2;
}

#if GLSTM_SEQUENCE_TASKS_MPI
/// Runs in all the processes that mpirun has started and ends all of them when one fails.
int run_in_processes(int argc, char** argv) {
  const glstm::MpiSession session(argc, argv);
  glstm::MpiGroup group;
  try {
    return run(argc, argv, group);
  } catch (const std::exception& error) {
    // An error that all processes meet is printed once: the first process ends the others while
    // they sleep.
    if (group.rank() > 0) std::this_thread::sleep_for(std::chrono::seconds(1));
    if (group.rank() > 0) std::cerr << "process " << group.rank() << ": ";
    glstm::MpiSession::abort(print_error(error));
  }
}
#endif

}  // namespace

int main(int argc, char** argv) {
#if GLSTM_SEQUENCE_TASKS_MPI
  if (glstm::MpiSession::is_launched()) return run_in_processes(argc, argv);
#endif
  try {
    glstm::ProcessGroup alone;
    return run(argc, argv, alone);
  } catch (const std::exception& error) {
    return print_error(error);
  }
}
