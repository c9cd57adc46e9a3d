// Tables of g-LSTMs, which this library alone has.
#include <string>
#include <vector>

#include "report.hpp"

namespace glstm::bench {
namespace {

double counter(const Measurement& m, const char* name) { return m.counters.at(name).get<double>(); }

std::string per_mac(const Measurement* m, double macs) {
  return m == nullptr ? "" : glstm::detail::fixed_text(m->median() / macs, 4);
}

/// The always-open layer in the topics "batches ...", of one batch and of the largest.
void add_dense_rows(const Results& results, Table& table) {
  const std::string topic = "batches inference";
  for (const std::string& workload : results.values(topic, &Measurement::workload)) {
    const std::string batch = batch_of(workload);
    if (batch != "1" && batch != "128") continue;
    const Measurement* infer = results.find(topic, workload, "glstm");
    if (infer == nullptr) continue;
    const Measurement* train = results.find("batches training step", workload, "glstm");
    const double macs = counter(*infer, "flops") / 2;
    table.add({"always open, " + workload, percent(1), milliseconds(infer), per_mac(infer, macs),
               milliseconds(train), per_mac(train, macs)});
  }
}

}  // namespace

void print_wide(const Results& results, std::ostream& out) {
  Table table({"windows, inputs,hidden,steps,batch", "updates", "inference, ms", "ns per MAC",
               "training step, ms", "ns per MAC"});
  for (const std::string& workload : results.values("wide inference", &Measurement::workload)) {
    const Measurement* infer = results.find("wide inference", workload);
    const Measurement* train = results.find("wide training step", workload);
    const double macs = counter(*infer, "macs");
    table.add({workload, percent(counter(*infer, "share")), milliseconds(infer),
               per_mac(infer, macs), milliseconds(train), per_mac(train, macs)});
  }
  if (table.empty()) return;
  add_dense_rows(results, table);
  out << "## Wide g-LSTMs\n\n"
         "MACs are the multiply-accumulates of the forward pass, in the column of the training "
         "step too. The last rows\nare layers without time gates, from the batches above.\n\n";
  table.print(out);
}

void print_clocks(const Results& results, std::ostream& out) {
  Table table({"windows and clock", "updates", "inference, ms", "x shared clock", "per update",
               "training step, ms", "x shared clock", "per update"});
  const std::string infers = "clocks inference", trains = "clocks training step";
  for (const std::string& workload : results.values(infers, &Measurement::workload)) {
    const std::string shared = workload.substr(0, workload.find(',')) + ", shared clock";
    std::vector<std::string> row = {workload,
                                    percent(counter(*results.find(infers, workload), "share"))};
    for (const std::string& topic : {infers, trains}) {
      const Measurement* own = results.find(topic, workload);
      const Measurement* one = results.find(topic, shared);
      row.push_back(milliseconds(own));
      row.push_back(ratio(own, one));
      row.push_back(own == nullptr || one == nullptr
                        ? ""
                        : short_number(own->median() / counter(*own, "updates") /
                                       (one->median() / counter(*one, "updates"))));
    }
    table.add(row);
  }
  if (table.empty()) return;
  out << "## Clocks of g-LSTMs at the first workload\n\n"
         "`x shared clock` is the time divided by that of samples that share a clock, with windows "
         "of the same percentage.\n`per update` is the same ratio of the times per update, which "
         "is an open (sample, step, neuron). Jittered samples\nare not open at the same steps: "
         "together they open about as many (step, neuron) pairs as windows a fifth longer.\n\n";
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

}  // namespace glstm::bench
