// Tables of one sample: at once, and one step at a time.
#include <string>
#include <vector>

#include "report.hpp"

namespace glstm::bench {

void print_one_sample(const Results& results, std::ostream& out) {
  const std::string topic = "one sample";
  const std::string first = "streaming cell";
  const std::vector<std::string> ways = results.values(topic, &Measurement::peer);
  std::vector<std::string> header = {"inputs,hidden,steps,batch and gates"};
  for (const std::string& way : ways) header.push_back(way + ", ms");
  Table table(header);
  for (const std::string& workload : results.values(topic, &Measurement::workload)) {
    const Measurement* cell = results.find(topic, workload, first);
    std::vector<std::string> row = {workload};
    for (const std::string& way : ways) {
      const Measurement* m = results.find(topic, workload, way);
      const std::string times = way == first ? "" : ratio(m, cell);
      row.push_back(milliseconds(m) + (times.empty() ? "" : " (" + times + ")"));
    }
    table.add(row);
  }
  if (table.empty()) return;
  out << "## One sample, at once and step by step\n\n"
         "The sizes of the streaming cell are known at compile time unless a column says "
         "otherwise. In brackets: the time\ndivided by that of the streaming cell. The whole "
         "sequence includes the schedule and the packing of the weights,\nwhich a stream does "
         "before it starts.\n\n";
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

}  // namespace glstm::bench
