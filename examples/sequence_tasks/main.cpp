// sequence_tasks: trains recurrent networks that skip updates, and plain ones, on tasks with long
// sequences; measures and draws what came of it.
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
#include "report.hpp"
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
    R"(Trains recurrent networks on tasks with long sequences, and shows what skipping updates saves.

In a g-LSTM every neuron has a window of time, a Gaussian with a learned centre and width. Outside
its window the neuron keeps its state, and nothing is computed for it. Try, in this order:

  sequence_tasks compare --task adding --seconds 20 --out demo
  sequence_tasks train --task mnist --target-share 0.05 --epochs 20 --out runs/mnist-5
  sequence_tasks report runs/* --out report
)";

constexpr const char* about_train = R"(Everything about the run goes into the folder --out:

  config.json        the settings
  log.csv            loss, accuracy and updates at every report
  last.safetensors   the last parameters, and the state of the optimiser
  best.safetensors   those that were best on the held-out sequences
  first.safetensors  the initial parameters
  windows.csv        the windows before and after training
  metrics.json       at the end: accuracy on the test set, updates, MACs, milliseconds
  lstm.safetensors   the plain LSTM at the end of a curriculum, --widen
  gradients.csv      what the command gradients found

Killed at any moment, the same command with --resume goes on from the last report, bit for bit.
)";

/// One command of the program, with where its options go.
struct Command {
  CLI::App* app;
  Settings settings;
  fs::path out;
  bool resume = false, fresh = false;
  std::vector<fs::path> runs;
};

void train(const Command& command, glstm::ProcessGroup& group, std::ostream& out) {
  const RunFolder folder{command.out};
  if (group.any(group.rank() == 0 && command.resume && folder.has_run())) {
    const Settings saved = read_settings(folder);
    check(command.settings);
    check_same(*command.app, command.settings, read_given_settings(folder), saved,
               folder.path.string());
    const bool threads = command.app->get_option("--threads")->count() > 0;
    resume_run(folder, threads ? command.settings.threads : saved.threads, group, out);
  } else {
    start_run(command.settings, folder, group, out);
  }
  if (group.rank() == 0) print_results({folder}, out);
}

/// The first of MNIST, Fashion-MNIST and the adding task that can be had.
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

void compare(Command command, glstm::ProcessGroup& group, std::ostream& out) {
  Settings& settings = command.settings;
  const auto is_given = [&](const char* option) {
    return command.app->get_option(option)->count() > 0;
  };
  for (const char* option : {"--model", "--widen", "--start"}) {
    glstm::detail::require(!is_given(option), option,
                           ": compare trains a g-LSTM and an LSTM from the start");
  }
  if (!is_given("--task")) {
    glstm::detail::require(!is_given("--data"),
                           "--data: expected --task too, which says what the data are");
    choose_task(settings, out);
  }
  if (is_given("--epochs") && !is_given("--seconds")) settings.seconds = 0;
  settings.model = "glstm";
  check(settings);
  Settings lstm = settings;
  lstm.model = "lstm";
  lstm.target_share.reset();
  lstm.budget = 0;
  lstm.epochs.reset();
  lstm = without_unused(lstm);

  const RunFolder gated{command.out / "g-LSTM"}, plain{command.out / "LSTM"};
  // Nothing goes before it is sure that something comes in its place.
  for (const Settings& checked : {settings, lstm}) check_run(checked, group);
  if (group.rank() == 0) {
    for (const RunFolder& folder : {gated, plain}) {
      if (!command.fresh) require_free(folder, "--fresh removes it");
    }
    if (command.fresh) remove_runs({gated, plain});
  }
  start_run(settings, gated, group, out);
  group.wait_for_all();  // until the metrics are written
  lstm.seconds = read_metrics(gated).at("training_seconds").get<double>();
  out << "\n";
  start_run(lstm, plain, group, out);
  if (group.rank() > 0) return;
  print_results({gated, plain}, out);
  write_report({gated.path, plain.path}, command.out, {}, out);
}

bool has_command(const CLI::App& app, const std::string& name) {
  const auto commands =
      app.get_subcommands([&](const CLI::App* c) { return c->get_name() == name; });
  return !commands.empty();
}

int run(int argc, char** argv, glstm::ProcessGroup& group) {
  CLI::App app(about, "sequence_tasks");
  app.require_subcommand(1);
  app.option_defaults()->always_capture_default();

  Command trained, compared, evaluated, gradients, exported, reported;
  trained.app = app.add_subcommand("train", "Trains one network, or goes on with it");
  trained.app->footer(about_train);
  add_options(*trained.app, trained.settings);
  trained.app->add_option("--out", trained.out, "folder of the run")->required();
  trained.app->add_flag("--resume", trained.resume, "go on with the run in --out, if there is one");

  compared.app = app.add_subcommand(
      "compare", "Trains a g-LSTM, then a plain LSTM for the same time, and draws both");
  compared.settings.seconds = 70;
  compared.out = "demo";
  add_options(*compared.app, compared.settings);
  compared.app->add_option("--out", compared.out, "folder of the two runs and the pictures");

  compared.app->add_flag("--fresh", compared.fresh, "remove the two runs of an earlier comparison");

  evaluated.app = app.add_subcommand(
      "evaluate",
      "Tests finished runs anew, and measures their speed: best with nothing else running");
  evaluated.app->add_option("runs", evaluated.runs, "folders of runs")->required();

  gradients.app = app.add_subcommand(
      "gradients", "Writes the norm of the loss's gradient at each step back in time");
  Index sequences = 64;
  gradients.app->add_option("runs", gradients.runs, "folders of finished runs")->required();
  gradients.app->add_option("--sequences", sequences, "how many to take the mean over")
      ->check(CLI::Range(1, 100000));

  exported.app =
      app.add_subcommand("export", "Writes the network of a finished run for other programs");
  ExportOptions format;
  exported.app->add_option("run", exported.out, "folder of the run")->required();
  exported.app->add_option("--to", format.format, "the format")
      ->check(CLI::IsMember({"safetensors", "pytorch", "keras", "rtneural", "onnx", "header"}));
  exported.app
      ->add_option("--storage", format.storage,
                   "of weights, in safetensors and header; also tells what it costs in accuracy")
      ->check(CLI::IsMember({"full", "float16", "int8"}));
  exported.app->add_option("--namespace", format.name_space, "of a header");
  exported.app->add_option("--out", format.out, "the file; an older one is replaced")->required();

  reported.app = app.add_subcommand(
      "report", "Turns runs into a page with a table and pictures: index.html, and SVG files");
  reported.out = "report";
  reported.app->add_option("runs", reported.runs, "folders of runs")->required();
  reported.app->add_option("--out", reported.out, "folder of the page");
  std::optional<double> reach;
  reported.app->add_option("--reach", reach,
                           "also tell when runs reached this accuracy in percent, or this loss");

  if (argc > 1 && argv[1][0] != '-' && !has_command(app, argv[1])) {
    throw glstm::Error(std::string("expected a command, got ")
                           .append(argv[1])
                           .append(" (--help lists what there is)"));
  }
  std::ostream silent(nullptr);
  std::ostream& out = group.rank() == 0 ? std::cout : silent;
  try {
    app.parse(argc, argv);
  } catch (const CLI::Success& help) {
    return app.exit(help, out);
  } catch (const CLI::ParseError& error) {
    std::string line = error.what();
    throw glstm::Error(line.substr(0, line.find('\n')) + " (--help lists what there is)");
  }

  if (trained.app->parsed()) train(trained, group, out);
  if (compared.app->parsed()) compare(compared, group, out);
  if (group.rank() > 0) return 0;  // all else is the work of one process
  std::vector<RunFolder> folders;
  for (const fs::path& run : evaluated.runs) {
    folders.push_back({run});
    evaluate_run(folders.back(), std::cout);
  }
  if (!folders.empty()) print_results(folders, std::cout);
  for (const fs::path& run : gradients.runs) write_gradient_norms({run}, sequences, std::cout);
  if (exported.app->parsed()) export_run({exported.out}, format, std::cout);
  if (reported.app->parsed()) write_report(reported.runs, reported.out, reach, std::cout);
  return 0;
}

/// Says on one line what went wrong, and returns the exit status.
int tell(const std::exception& error) {
  const bool memory = dynamic_cast<const std::bad_alloc*>(&error) != nullptr;
  std::cerr << "sequence_tasks: " << (memory ? "there is not enough memory for that" : error.what())
            << "\n";
  return 2;
}

#if GLSTM_SEQUENCE_TASKS_MPI
/// Runs in all the processes that mpirun has started, and ends them all when one fails.
int run_in_processes(int argc, char** argv) {
  const glstm::MpiSession session(argc, argv);
  glstm::MpiGroup group;
  try {
    return run(argc, argv, group);
  } catch (const std::exception& error) {
    // What all of them meet is to be told once: the first process ends the others meanwhile.
    if (group.rank() > 0) std::this_thread::sleep_for(std::chrono::seconds(1));
    if (group.rank() > 0) std::cerr << "process " << group.rank() << ": ";
    glstm::MpiSession::abort(tell(error));
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
    return tell(error);
  }
}
