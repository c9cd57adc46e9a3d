// Turns the JSON of the performance suite into tables in Markdown.
//
//   bench_report <bench.json> <bench.md>
#include <algorithm>
#include <cctype>
#include <exception>
#include <fstream>
#include <iostream>
#include <sstream>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "markdown.hpp"
#include "results.hpp"

namespace {

using namespace glstm::bench;

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
            : glstm::detail::fixed_text(
                  100 * ours->counters.at("flops").get<double>() / ours->median() / *peak, 1));
    table.add(row);
  }
  if (table.empty()) return;
  out << "## " << static_cast<char>(std::toupper(topic[0])) << topic.substr(1) << "\n\n";
  table.print(out);
}

/// Times of several ways to compute the same, and how many times that of the first way they are.
void print_one_sample(const Results& results, std::ostream& out) {
  const std::string topic = "one sample";
  const std::string cell = "streaming cell";
  const std::vector<std::string> ways = results.values(topic, &Measurement::peer);
  std::vector<std::string> header = {"one sample of"};
  for (const std::string& way : ways) header.push_back(way + ", ms");
  header.push_back("the whole sequence / streaming cell");
  Table table(header);
  for (const std::string& workload : results.values(topic, &Measurement::workload)) {
    std::vector<std::string> row = {workload};
    for (const std::string& way : ways) {
      const Measurement* m = results.find(topic, workload, way);
      row.push_back(m == nullptr ? "" : short_number(m->milliseconds()));
    }
    row.push_back(ratio(results.find(topic, workload, "the whole sequence"),
                        results.find(topic, workload, cell)));
    table.add(row);
  }
  if (table.empty()) return;
  out << "## One sample, at once and step by step\n\n"
         "A whole sequence includes the schedule and the packing of the weights, which a stream "
         "does before it starts.\n\n";
  table.print(out);
}

/// g-LSTMs of a topic: times, and what a multiply-accumulate operation costs.
void print_gated(const Results& results, const std::string& topic, const std::string& title,
                 std::ostream& out) {
  Table table({topic, "inference, ms", "ns per MAC", "training step, ms"});
  for (const std::string& workload : results.values(topic + " inference", &Measurement::workload)) {
    const Measurement* infer = results.find(topic + " inference", workload);
    const Measurement* train = results.find(topic + " training step", workload);
    table.add({workload, short_number(infer->milliseconds()),
               short_number(infer->median() / infer->counters.at("macs").get<double>()),
               train == nullptr ? "" : short_number(train->milliseconds())});
  }
  if (table.empty()) return;
  out << "## " << title << "\n\n";
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
         "The g-LSTM of glstm at (inputs,hidden,steps,batch) = ("
      << workload
      << ").\nEven: windows of this fraction of the sequence, spread evenly; the ends of the "
         "sequence cut some of them.\nTrained: windows of networks that were trained on sequential "
         "MNIST, with about this percentage of updates.\nThe columns `x` say how many times faster "
         "this is than the always-open layer of glstm, and than the best\npeer. Both are plain "
         "LSTMs of the same size, which is another model.\n\n";
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
         "checked to compute the same last\nhidden state and the same gradient of w_hh. Times are "
         "processor times, medians of repetitions in random\norder. A training step is the forward "
         "pass, the loss |h_T|^2 / 2 and the backward pass to all parameters.\noneDNN always "
         "computes the gradients of the input and of the initial state too, and both peers write "
         "the\noutputs of all steps.\n\n";
  print_machine(results, out);
  print_sequences(results, "training step", out);
  print_sequences(results, "inference", out);
  print_sequences(results, "batches training step", out);
  print_sequences(results, "batches inference", out);
  print_shares(results, out);
  print_gated(results, "wide", "Wide g-LSTMs", out);
  print_gated(results, "clocks", "g-LSTMs at the first workload, with other clocks", out);
  print_one_sample(results, out);
  print_streaming(results, out);
  print_threads(results, out);
  print_limits(results, out);
  print_memory(results, out);
  print_noise(results, out);
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
