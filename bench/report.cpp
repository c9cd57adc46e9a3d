// Turns the JSON of the performance suite into tables in Markdown.
//
//   bench_report <bench.json> <bench.md>
//
// Where batches were measured, it also writes bench_batches.dat, for bench/batch_plot.gp.
#include <algorithm>
#include <exception>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <sstream>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "report.hpp"

namespace {

using namespace glstm::bench;

void print_double(const Results& results, std::ostream& out) {
  const std::string topic = "double";
  Table table({"pass and gates", "float, ms", "double, ms", "double / float"});
  for (const std::string& workload : results.values(topic, &Measurement::workload)) {
    const Measurement* narrow = results.find(topic, workload, "float");
    const Measurement* wide = results.find(topic, workload, "double");
    table.add({workload, milliseconds(narrow), milliseconds(wide), ratio(wide, narrow)});
  }
  if (table.empty()) return;
  out << "## float and double at the first workload\n\n";
  table.print(out);
}

void print_threads(const Results& results, std::ostream& out) {
  const std::string topic = "threads";
  Table table({"a network of ten classes", "1 thread, ms", "2 threads, ms", "times faster"});
  for (const std::string& workload : results.values(topic, &Measurement::workload)) {
    const Measurement* one = results.find(topic, workload, "1");
    const Measurement* two = results.find(topic, workload, "2");
    if (one == nullptr || two == nullptr) continue;
    table.add({workload, milliseconds(one), milliseconds(two), ratio(one, two)});
  }
  if (table.empty()) return;
  out << "## Threads, in real time, at the first layer\n\n";
  table.print(out);
}

void print_limits(const Results& results, std::ostream& out) {
  Table table({"limit", "value", "unit", "% of FMA peak"});
  for (const Measurement& m : results.all()) {
    if (m.topic != "limits") continue;
    if (m.counters.contains("flops")) {
      const double rate = m.counters.at("flops").get<double>() / m.median();
      table.add({m.workload, short_number(rate), "GFLOP/s",
                 results.peak() ? glstm::detail::fixed_text(100 * rate / *results.peak(), 1) : ""});
    } else if (m.counters.contains("bytes")) {
      table.add({m.workload, short_number(m.counters.at("bytes").get<double>() / m.median()),
                 "GB/s", ""});
    } else {
      table.add({m.workload, short_number(m.median() / m.counters.at("floats").get<double>()),
                 "ns per float", ""});
    }
  }
  if (table.empty()) return;
  out << "## What the machine can do\n\n";
  table.print(out);
}

void print_memory(const Results& results, std::ostream& out) {
  const std::string prefix = "memory/";
  const json& context = results.context();
  if (!context.contains(prefix + "nothing")) return;
  const double base = std::stod(context.at(prefix + "nothing").get<std::string>());
  Table table({"training step of", "peak, MB", "beyond the bare program, MB"});
  for (const auto& [key, value] : context.items()) {
    if (key.rfind(prefix, 0) != 0 || key == prefix + "nothing") continue;
    const double peak = std::stod(value.get<std::string>());
    table.add({key.substr(prefix.size()), glstm::detail::fixed_text(peak, 0),
               glstm::detail::fixed_text(peak - base, 0)});
  }
  out << "## Peak resident memory at the first workload\n\n"
         "The tape, the data and the memory of the library itself.\n\n";
  table.print(out);
}

void print_machine(const Results& results, std::ostream& out) {
  const json& context = results.context();
  for (const char* key : {"cpu", "compiler", "flags", "eigen", "peers", "blas", "date"}) {
    if (context.contains(key))
      out << "- " << key << ": " << context.at(key).get<std::string>() << "\n";
  }
  out << "\n";
}

/// Prints how undisturbed the measurement was.
void print_noise(const Results& results, std::ostream& out) {
  std::vector<std::pair<double, std::string>> spreads;
  for (const Measurement& m : results.all()) {
    if (m.nanoseconds.size() > 1) {
      spreads.emplace_back(m.spread(),
                           m.topic + ", " + m.workload + (m.peer.empty() ? "" : ", " + m.peer));
    }
  }
  out << "The program ran on a processor for " << percent(results.processor_share())
      << " of the time measured.\n";
  if (spreads.empty()) return;
  std::sort(spreads.begin(), spreads.end());
  out << "The difference between the slowest and the fastest repetition, in medians, is "
      << percent(spreads[spreads.size() / 2].first) << " for the middle benchmark, at most "
      << percent(spreads.back().first) << " (" << spreads.back().second << ").\n";
}

void print_report(const Results& results, std::ostream& out) {
  out << "# Performance\n\n"
         "All measurements use one thread unless a table says otherwise, float, flush-to-zero, and "
         "the same weights\nand data for all libraries. Before the measurement, every library was "
         "checked to compute the same last\nhidden state and, if it trains, the same gradient of "
         "w_hh. Times are processor times, medians of repetitions\nin random order. A training "
         "step is the forward pass, the loss |h_T|^2 / 2 and the backward pass to all\n"
         "parameters. oneDNN always computes the gradients of the input and of the initial state "
         "too. oneDNN and\nlibtorch write the outputs of all steps. ONNX Runtime runs the model "
         "that glstm exports and cannot train.\n\n";
  print_machine(results, out);
  print_sequences(results, "training step", out);
  print_sequences(results, "inference", out);
  print_batches(results, out);
  print_shares(results, out);
  print_wide(results, out);
  print_clocks(results, out);
  print_one_sample(results, out);
  print_streaming(results, out);
  print_double(results, out);
  print_threads(results, out);
  print_limits(results, out);
  print_memory(results, out);
  print_noise(results, out);
}

void write_file(const std::filesystem::path& path, const std::string& text) {
  std::ofstream out(path);
  out << text;
  if (!out.flush()) throw std::runtime_error("cannot write " + path.string());
  std::cout << "Written to " << path.string() << "\n";
}

}  // namespace

int main(int argc, char** argv) {
  try {
    if (argc != 3) throw std::runtime_error("usage: bench_report <bench.json> <bench.md>");
    std::ifstream in(argv[1]);
    if (!in) throw std::runtime_error(std::string("cannot read ") + argv[1]);
    const Results results(json::parse(in));
    std::ostringstream report, batches;
    print_report(results, report);
    write_batches(results, batches);
    std::cout << "\n" << report.str() << "\n";
    std::filesystem::path path(argv[2]);
    write_file(path, report.str());
    if (!batches.str().empty()) {
      write_file(path.replace_filename(path.stem().string() + "_batches.dat"), batches.str());
    }
    return 0;
  } catch (const std::exception& error) {
    std::cerr << "bench_report: " << error.what() << "\n";
    return 1;
  }
}
