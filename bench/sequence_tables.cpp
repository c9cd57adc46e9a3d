// Tables of whole sequences, of this library and its peers.
#include <algorithm>
#include <cctype>
#include <vector>

#include "report.hpp"

namespace glstm::bench {
namespace {

/// The topics with a batch in every workload, and their names in headings and pictures.
const std::vector<std::pair<std::string, std::string>> batch_topics = {
    {"batches inference", "Inference"}, {"batches training step", "Training step"}};

std::vector<std::string> layers(const Results& results, const std::string& topic) {
  std::vector<std::string> result;
  for (const std::string& workload : results.values(topic, &Measurement::workload)) {
    const std::string layer = layer_of(workload);
    if (std::find(result.begin(), result.end(), layer) == result.end()) result.push_back(layer);
  }
  return result;
}

/// The workloads of a layer; their batches grow.
std::vector<std::string> workloads(const Results& results, const std::string& topic,
                                   const std::string& layer) {
  std::vector<std::string> result = results.values(topic, &Measurement::workload);
  std::erase_if(result, [&](const std::string& workload) { return layer_of(workload) != layer; });
  return result;
}

void print_layer_batches(const Results& results, const std::string& topic, const std::string& layer,
                         std::ostream& out) {
  const std::vector<std::string> peers = results.peers(topic);
  std::vector<std::string> header = {"batch"};
  for (const std::string& peer : peers) header.push_back(peer + ", ms");
  header.insert(header.end(), {"best peer / glstm", "glstm / batch before"});
  Table table(header);
  const Measurement* before = nullptr;
  for (const std::string& workload : workloads(results, topic, layer)) {
    const Measurement* ours = results.find(topic, workload, "glstm");
    std::vector<std::string> row = {batch_of(workload)};
    for (const std::string& peer : peers) {
      row.push_back(milliseconds(results.find(topic, workload, peer)));
    }
    row.push_back(ratio(results.best_peer(topic, workload), ours));
    row.push_back(ratio(ours, before));
    table.add(row);
    before = ours;
  }
  table.print(out);
}

}  // namespace

void print_sequences(const Results& results, const std::string& topic, std::ostream& out) {
  const std::vector<std::string> peers = results.peers(topic);
  std::vector<std::string> header = {"inputs,hidden,steps,batch"};
  for (const std::string& peer : peers) header.push_back(peer + ", ms");
  header.insert(header.end(), {"best peer / glstm", "glstm, % of FMA peak"});
  Table table(header);
  for (const std::string& workload : results.values(topic, &Measurement::workload)) {
    std::vector<std::string> row = {workload};
    for (const std::string& peer : peers) {
      row.push_back(milliseconds(results.find(topic, workload, peer)));
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

void print_batches(const Results& results, std::ostream& out) {
  for (const auto& [topic, name] : batch_topics) {
    for (const std::string& layer : layers(results, topic)) {
      out << "## " << name << " by batch size, (inputs,hidden,steps) = (" << layer << ")\n\n";
      print_layer_batches(results, topic, layer, out);
    }
  }
}

void write_batches(const Results& results, std::ostream& out) {
  std::vector<std::string> peers;  // of all topics, so that a column is always the same peer
  for (const auto& [topic, name] : batch_topics) {
    for (const std::string& peer : results.peers(topic)) {
      if (std::find(peers.begin(), peers.end(), peer) == peers.end()) peers.push_back(peer);
    }
  }
  const char* blank = "";
  for (const auto& [topic, name] : batch_topics) {
    for (const std::string& layer : layers(results, topic)) {
      out << blank << '"' << name << ", (" << layer << ")\"";
      for (const std::string& peer : peers) out << " \"" << peer << '"';
      out << '\n';
      for (const std::string& workload : workloads(results, topic, layer)) {
        out << batch_of(workload);
        for (const std::string& peer : peers) {
          const Measurement* m = results.find(topic, workload, peer);
          if (m == nullptr) {
            out << " ?";
          } else {
            out << ' ' << m->milliseconds();
          }
        }
        out << '\n';
      }
      blank = "\n\n";
    }
  }
}

}  // namespace glstm::bench
