// Turns the JSON of the performance suite into tables in Markdown.
//
//   bench_report <bench.json> <bench.md>
#include <algorithm>
#include <cstdio>
#include <exception>
#include <fstream>
#include <iostream>
#include <limits>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <sstream>
#include <stdexcept>
#include <string>
#include <vector>

namespace {

using nlohmann::json;

std::string number(double value, int digits) {
  char text[64];
  std::snprintf(text, sizeof text, "%.*f", digits, value);
  return text;
}

/// About three significant digits.
std::string short_number(double value) {
  return number(value, value < 1 ? 3 : value < 10 ? 2 : value < 100 ? 1 : 0);
}

std::string percent(double share) { return short_number(100 * share) + " %"; }

/// A Markdown table whose columns are padded, so that it reads well in a terminal too.
class Table {
 public:
  explicit Table(std::vector<std::string> header) : rows_{std::move(header)} {}

  void add(std::vector<std::string> row) { rows_.push_back(std::move(row)); }
  bool empty() const { return rows_.size() == 1; }

  void print(std::ostream& out) const {
    std::vector<std::size_t> widths(rows_[0].size(), 3);
    for (const auto& row : rows_) {
      for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], row[i].size());
    }
    for (std::size_t r = 0; r < rows_.size(); ++r) {
      for (std::size_t i = 0; i < widths.size(); ++i) {
        const std::string padding(widths[i] - rows_[r][i].size(), ' ');
        out << "| " << (i == 0 ? rows_[r][i] + padding : padding + rows_[r][i]) << ' ';
      }
      out << "|\n";
      if (r > 0) continue;
      for (std::size_t i = 0; i < widths.size(); ++i) {
        out << "|" << (i == 0 ? ':' : '-') << std::string(widths[i], '-') << (i == 0 ? '-' : ':');
      }
      out << "|\n";
    }
    out << "\n";
  }

 private:
  std::vector<std::vector<std::string>> rows_;
};

/// All repetitions of one benchmark, called topic/workload/peer or topic/workload.
struct Measurement {
  std::string topic, workload, peer;
  std::vector<double> nanoseconds;
  json counters;

  double median() const {
    std::vector<double> sorted = nanoseconds;
    std::sort(sorted.begin(), sorted.end());
    const std::size_t middle = sorted.size() / 2;
    return sorted.size() % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
  }
  double milliseconds() const { return median() / 1e6; }

  /// Distance of the slowest repetition from the fastest, in medians.
  double spread() const {
    const auto [least, most] = std::minmax_element(nanoseconds.begin(), nanoseconds.end());
    return (*most - *least) / median();
  }
};

bool is_ours(const std::string& peer) { return peer.rfind("glstm", 0) == 0; }

class Results {
 public:
  explicit Results(const json& file) : context_(file.at("context")) {
    std::map<int, Measurement> by_registration;  // repetitions run, and are written, at random
    for (const json& run : file.at("benchmarks")) {
      if (run.at("run_type") != "iteration" || run.value("error_occurred", false)) continue;
      Measurement& measurement = by_registration[run.at("family_index").get<int>()];
      std::string run_name = run.at("run_name");
      const bool threads = run_name.ends_with("/real_time");
      std::istringstream name(run_name.substr(0, run_name.rfind(threads ? "/real_" : "/process_")));
      std::getline(name, measurement.topic, '/');
      std::getline(name, measurement.workload, '/');
      std::getline(name, measurement.peer);
      const std::string unit = run.at("time_unit");
      const double scale = unit == "ms" ? 1e6 : unit == "us" ? 1e3 : unit == "s" ? 1e9 : 1;
      const double cpu = scale * run.at("cpu_time").get<double>();
      const double real = scale * run.at("real_time").get<double>();
      // Processor time of all threads: what else runs on the machine does not count, and no peer
      // can hide work in another thread. Where threads are the topic, real time.
      measurement.nanoseconds.push_back(threads ? real : cpu);
      measurement.counters = run;
      if (threads) continue;
      cpu_ += cpu * run.at("iterations").get<double>();
      real_ += real * run.at("iterations").get<double>();
    }
    for (auto& [index, measurement] : by_registration) all_.push_back(std::move(measurement));
  }

  const std::vector<Measurement>& all() const { return all_; }
  const json& context() const { return context_; }

  /// Processor time as a share of real time; below 1 the program had to wait for others.
  double processor_share() const { return cpu_ / real_; }

  const Measurement* find(const std::string& topic, const std::string& workload,
                          const std::string& peer = "") const {
    for (const Measurement& m : all_) {
      if (m.topic == topic && m.workload == workload && m.peer == peer) return &m;
    }
    return nullptr;
  }

  /// The different values of a member among the measurements of a topic, in order.
  std::vector<std::string> values(const std::string& topic,
                                  std::string Measurement::*member) const {
    std::vector<std::string> result;
    for (const Measurement& m : all_) {
      if (m.topic == topic && std::find(result.begin(), result.end(), m.*member) == result.end()) {
        result.push_back(m.*member);
      }
    }
    return result;
  }

  /// Ours first.
  std::vector<std::string> peers(const std::string& topic) const {
    std::vector<std::string> result = values(topic, &Measurement::peer);
    std::stable_partition(result.begin(), result.end(), is_ours);
    return result;
  }

  /// The fastest of the others.
  const Measurement* best_peer(const std::string& topic, const std::string& workload) const {
    const Measurement* best = nullptr;
    for (const Measurement& m : all_) {
      if (m.topic != topic || m.workload != workload || is_ours(m.peer)) continue;
      if (best == nullptr || m.median() < best->median()) best = &m;
    }
    return best;
  }

  /// Floating-point operations per nanosecond.
  std::optional<double> peak() const {
    const Measurement* m = find("limits", "FMA peak");
    if (m == nullptr) return std::nullopt;
    return m->counters.at("flops").get<double>() / m->median();
  }

 private:
  json context_;
  std::vector<Measurement> all_;
  double cpu_ = 0, real_ = 0;
};

std::string ratio(const Measurement* slow, const Measurement* fast) {
  return slow == nullptr || fast == nullptr ? "" : short_number(slow->median() / fast->median());
}

void print_sequences(const Results& results, const std::string& topic, std::ostream& out) {
  const std::vector<std::string> peers = results.peers(topic);
  std::vector<std::string> header = {"inputs,hidden,steps,batch"};
  for (const std::string& peer : peers) header.push_back(peer + ", ms");
  header.insert(header.end(), {"best peer / glstm", "glstm, % of FMA peak"});
  Table table(header);
  for (const std::string& workload : results.values(topic, &Measurement::workload)) {
    std::vector<std::string> row = {workload};
    for (const std::string& peer : peers) {
      const Measurement* m = results.find(topic, workload, peer);
      row.push_back(m == nullptr ? "" : short_number(m->milliseconds()));
    }
    const Measurement* ours = results.find(topic, workload, "glstm");
    row.push_back(ratio(results.best_peer(topic, workload), ours));
    const auto peak = results.peak();
    row.push_back(
        ours == nullptr || !peak
            ? ""
            : number(100 * ours->counters.at("flops").get<double>() / ours->median() / *peak, 1));
    table.add(row);
  }
  if (table.empty()) return;
  out << "## " << (topic == "inference" ? "Inference" : "Training step") << "\n\n";
  table.print(out);
}

void print_shares(const Results& results, std::ostream& out) {
  const std::vector<std::string> sequences =
      results.values("training step", &Measurement::workload);
  const std::string workload = sequences.empty() ? "" : sequences.front();
  Table table({"windows", "updates", "MACs", "tape", "training step, ms", "x glstm dense",
               "x best peer", "inference, ms", "x glstm dense", "x best peer"});
  for (const std::string& windows :
       results.values("shares training step", &Measurement::workload)) {
    const Measurement* train = results.find("shares training step", windows);
    const Measurement* infer = results.find("shares inference", windows);
    if (train == nullptr || infer == nullptr) continue;
    std::vector<std::string> row = {windows};
    for (const char* share : {"updates", "macs", "tape"}) {
      row.push_back(percent(train->counters.at(share).get<double>()));
    }
    const auto add_times = [&](const Measurement* m, const std::string& topic) {
      row.push_back(short_number(m->milliseconds()));
      row.push_back(ratio(results.find(topic, workload, "glstm"), m));
      row.push_back(ratio(results.best_peer(topic, workload), m));
    };
    add_times(train, "training step");
    add_times(infer, "inference");
    table.add(row);
  }
  if (table.empty()) return;
  out << "## What skipping saves\n\n"
         "Our g-LSTM at (inputs,hidden,steps,batch) = ("
      << workload
      << ").\nEven: windows of that share of the sequence, spread evenly; the ends of the sequence "
         "cut some.\nTrained: the windows of networks trained on sequential MNIST, and about that "
         "many % updates.\nColumns `x` say how many times faster than our always-open layer, and "
         "than the best peer: plain LSTMs\nof the same size, which is another model.\n\n";
  table.print(out);
}

void print_streaming(const Results& results, std::ostream& out) {
  const std::string topic = "streaming";
  const std::vector<std::string> peers = results.peers(topic);
  std::vector<std::string> header = {"inputs,hidden"};
  for (const std::string& peer : peers) header.push_back(peer + ", ns");
  header.push_back("best peer / glstm");
  Table table(header);
  for (const std::string& workload : results.values(topic, &Measurement::workload)) {
    std::vector<std::string> row = {workload};
    for (const std::string& peer : peers) {
      const Measurement* m = results.find(topic, workload, peer);
      row.push_back(m == nullptr ? "" : short_number(m->median()));
    }
    row.push_back(
        ratio(results.best_peer(topic, workload), results.find(topic, workload, "glstm")));
    table.add(row);
  }
  if (table.empty()) return;
  out << "## Streaming: batch 1, one step at a time\n\n"
         "glstm and RTNeural are given the sizes when they are compiled. oneDNN and libtorch are "
         "called for one step\nat a time, which is not what they are made for.\n\n";
  table.print(out);
}

void print_threads(const Results& results, std::ostream& out) {
  const std::string topic = "threads";
  Table table({"a network of ten classes", "1 thread, ms", "2 threads, ms", "times faster"});
  for (const std::string& workload : results.values(topic, &Measurement::workload)) {
    const Measurement* one = results.find(topic, workload, "1");
    const Measurement* two = results.find(topic, workload, "2");
    if (one == nullptr || two == nullptr) continue;
    table.add({workload, short_number(one->milliseconds()), short_number(two->milliseconds()),
               ratio(one, two)});
  }
  if (table.empty()) return;
  out << "## Threads, in real time, at the first workload\n\n";
  table.print(out);
}

void print_limits(const Results& results, std::ostream& out) {
  Table table({"limit", "value", "unit", "% of FMA peak"});
  for (const Measurement& m : results.all()) {
    if (m.topic != "limits") continue;
    if (m.counters.contains("flops")) {
      const double rate = m.counters.at("flops").get<double>() / m.median();
      table.add({m.workload, short_number(rate), "GFLOP/s",
                 results.peak() ? number(100 * rate / *results.peak(), 1) : ""});
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
    table.add({key.substr(prefix.size()), number(peak, 0), number(peak - base, 0)});
  }
  out << "## Peak resident memory at the first workload\n\n"
         "The tape, the data, and what the library itself needs to start.\n\n";
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

void print_report(const Results& results, std::ostream& out) {
  out << "# Performance\n\n"
         "One thread unless said, float, flush-to-zero, the same weights and data for all. Before "
         "it was timed,\nevery library was checked to give the same last hidden state and gradient "
         "of w_hh. Medians of\nrepetitions in random order, processor time. A training step is "
         "the forward pass, the loss |h_T|^2 / 2\nand the backward pass to all parameters. "
         "Nobody was asked for more; oneDNN cannot but compute the\ngradients of the input and of "
         "the initial state too, and both peers write the outputs of all steps.\n\n";
  print_machine(results, out);
  print_sequences(results, "training step", out);
  print_sequences(results, "inference", out);
  print_shares(results, out);
  print_streaming(results, out);
  print_threads(results, out);
  print_limits(results, out);
  print_memory(results, out);

  std::vector<std::pair<double, std::string>> spreads;
  for (const Measurement& m : results.all()) {
    if (m.nanoseconds.size() > 1) {
      spreads.emplace_back(m.spread(),
                           m.topic + ", " + m.workload + (m.peer.empty() ? "" : ", " + m.peer));
    }
  }
  out << "The program had a processor to itself for " << percent(results.processor_share())
      << " of the time measured.\n";
  if (spreads.empty()) return;
  std::sort(spreads.begin(), spreads.end());
  out << "Slowest less fastest repetition, in medians: "
      << percent(spreads[spreads.size() / 2].first) << " for the middle benchmark, at most "
      << percent(spreads.back().first) << " (" << spreads.back().second << ").\n";
}

}  // namespace

int main(int argc, char** argv) {
  try {
    if (argc != 3) throw std::runtime_error("usage: bench_report <bench.json> <bench.md>");
    std::ifstream in(argv[1]);
    if (!in) throw std::runtime_error(std::string("cannot read ") + argv[1]);
    std::ostringstream report;
    print_report(Results(json::parse(in)), report);
    std::ofstream out(argv[2]);
    out << report.str();
    if (!out.flush()) throw std::runtime_error(std::string("cannot write ") + argv[2]);
    std::cout << "\n" << report.str() << "\nWritten to " << argv[2] << "\n";
    return 0;
  } catch (const std::exception& error) {
    std::cerr << "bench_report: " << error.what() << "\n";
    return 1;
  }
}
