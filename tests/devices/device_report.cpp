// device_report REPORT PEER RUN...: the lines that RunDevice.cmake writes, as REPORT.csv, as the
// tables of REPORT.md, and as REPORT.dat for devices_plot.gp. PEER is cmsis_nn.csv.
#include <algorithm>
#include <exception>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <map>
#include <sstream>
#include <string>
#include <vector>

#include "glstm/core/error.hpp"
#include "glstm/core/text.hpp"
#include "glstm/io/atomic_file.hpp"
#include "markdown.hpp"

namespace {

using glstm::bench::Table;
using glstm::detail::fixed_text;

using Fields = std::vector<std::string>;

std::vector<Fields> read_lines(const std::filesystem::path& path, std::size_t columns) {
  std::ifstream file(path);
  glstm::detail::require(file.is_open(), "cannot read ", path.string());
  std::vector<Fields> lines;
  for (std::string line; std::getline(file, line);) {
    if (line.empty() || line[0] == '#') continue;
    Fields fields;
    std::istringstream text(line + ",");
    for (std::string field; std::getline(text, field, ',');) fields.push_back(field);
    glstm::detail::require(fields.size() == columns, path.string(), ": expected ", columns,
                           " columns, got: ", line);
    lines.push_back(std::move(fields));
  }
  return lines;
}

struct Run {
  std::string core, network, numbers;
  int neurons = 0;
  double share = 1, millions = 0;
  std::string idle, flash, ram, stack;
};

struct Peer {
  double millions = 0;
  int flash = 0;
  std::string ram, stack;
};

/// By core and neurons.
using Peers = std::map<std::pair<std::string, int>, Peer>;

std::vector<Run> read_runs(const Fields& files) {
  std::vector<Run> runs;
  for (const std::string& file : files) {
    for (const Fields& line : read_lines(file, 10)) {
      runs.push_back({line[0], line[1], line[2], std::stoi(line[3]), std::stod(line[4]),
                      std::stod(line[5]) / 1e6, line[6], line[7], line[8], line[9]});
    }
  }
  return runs;
}

Peers read_peers(const std::filesystem::path& path) {
  Peers peers;
  for (const Fields& line : read_lines(path, 8)) {
    if (line[0] == "core") continue;
    peers[{line[0], std::stoi(line[1])}] = {
        std::stod(line[3]) / 1e6, std::stoi(line[4]) - std::stoi(line[5]), line[6], line[7]};
  }
  return peers;
}

const char* name_of_core(const std::string& core) {
  if (core == "m0") return "Cortex-M0";
  if (core == "m4f") return "Cortex-M4F";
  if (core == "m7") return "Cortex-M7";
  return "Cortex-M33";
}

std::string kind_of(const Run& run) {
  if (run.network.starts_with("lstm")) return "LSTM";
  return run.network.starts_with("mnist") ? "g-LSTM, trained windows" : "g-LSTM, even windows";
}

std::string csv(const std::vector<Run>& runs, const Peers& peers) {
  std::ostringstream out;
  out << "core,network,numbers,neurons,share_of_updates,instructions,instructions_of_idle_step,"
         "flash,ram,stack,cmsis_nn_lstm_instructions,cmsis_nn_lstm_flash\n";
  for (const Run& run : runs) {
    out << run.core << ',' << run.network << ',' << run.numbers << ',' << run.neurons << ','
        << fixed_text(run.share, 6) << ',' << fixed_text(run.millions * 1e6, 0) << ',' << run.idle
        << ',' << run.flash << ',' << run.ram << ',' << run.stack << ',';
    const auto peer = peers.find({run.core, run.neurons});
    if (peer == peers.end()) {
      out << ",\n";
    } else {
      out << fixed_text(peer->second.millions * 1e6, 0) << ',' << peer->second.flash << '\n';
    }
  }
  return out.str();
}

void print_core(std::ostream& out, const std::string& core, std::vector<Run> runs,
                const Peers& peers) {
  std::erase_if(runs, [&](const Run& run) { return run.core != core; });
  if (runs.empty()) return;
  std::stable_sort(runs.begin(), runs.end(), [](const Run& a, const Run& b) {
    return std::pair(a.neurons, -a.share) < std::pair(b.neurons, -b.share);
  });
  const bool has_peer = peers.lower_bound({core, 0}) != peers.end() &&
                        peers.lower_bound({core, 0})->first.first == core;
  out << "## " << name_of_core(core) << "\n\n";
  Fields header{"network",       "numbers",      "neurons", "updates", "million instructions",
                "a closed step", "flash, bytes", "RAM",     "stack"};
  if (has_peer) header.insert(header.begin() + 5, "CMSIS-NN's LSTM / this");
  Table table(header);
  const auto add = [&](Fields row, const std::string& ratio) {
    if (has_peer) row.insert(row.begin() + 5, ratio);
    table.add(std::move(row));
  };
  for (std::size_t n = 0; n < runs.size(); ++n) {
    const Run& run = runs[n];
    const auto peer = peers.find({core, run.neurons});
    if (peer != peers.end() && (n == 0 || runs[n - 1].neurons != run.neurons)) {
      add({"LSTM, CMSIS-NN", "integers", std::to_string(run.neurons), "100 %",
           fixed_text(peer->second.millions, 2), "", std::to_string(peer->second.flash),
           peer->second.ram, peer->second.stack},
          "1");
    }
    add({kind_of(run), run.numbers, std::to_string(run.neurons),
         fixed_text(100 * run.share, run.share < 1 ? 1 : 0) + " %", fixed_text(run.millions, 2),
         run.idle, run.flash, run.ram, run.stack},
        peer == peers.end() ? ""
                            : glstm::bench::short_number(peer->second.millions / run.millions));
  }
  table.print(out);
}

std::string markdown(const std::vector<Run>& runs, const Peers& peers) {
  std::ostringstream out;
  out << "# Exported networks on microcontrollers\n\n"
         "Written by `cmake --workflow --preset devices`, see tests/devices. A sequence has 784 "
         "steps with 1\ninput; the networks have 10 outputs, which are computed after the last "
         "step. The figures are\ninstructions that QEMU executes, not cycles. Every output was "
         "compared with the host's: integers are\nequal to the bit, floats to 1e-5.\n\n"
         "- a closed step: instructions of a step in which no neuron is open, with its call\n"
         "- flash: code, weights and tables, with what they use of the compiler's library\n"
         "- RAM: the state of one stream; stack: what a sequence needs besides\n"
         "- CMSIS-NN: its LSTM with 8-bit weights, `arm_lstm_unidirectional_s8`, without a "
         "readout; measured on\n  Cortex-M4F and Cortex-M0+, see tests/devices/cmsis_nn.csv\n\n"
         "![instructions of a sequence against the share of updates](devices.svg)\n\n";
  for (const char* core : {"m4f", "m0", "m7", "m33"}) print_core(out, core, runs, peers);
  return out.str();
}

/// A block for each core and size: share of updates in percent, millions of instructions in
/// integers and in float. Then a block of the peer for each core and size.
std::string plot_data(const std::vector<Run>& runs, const Peers& peers) {
  std::ostringstream out;
  for (const char* core : {"m4f", "m0"}) {
    for (const int neurons : {32, 64, 110, 128}) {
      std::map<double, std::map<std::string, double>> points;  // by share
      for (const Run& run : runs) {
        if (run.core == core && run.neurons == neurons) {
          points[run.share][run.numbers] = run.millions;
        }
      }
      const auto peer = peers.find({core, neurons});
      for (auto& [share, millions] : points) {
        const auto text = [&](const char* numbers) {
          return millions.count(numbers) ? fixed_text(millions[numbers], 4) : std::string("?");
        };
        out << 100 * share << ' ' << text("integers") << ' ' << text("float") << ' '
            << (peer == peers.end() ? "?" : fixed_text(peer->second.millions, 4)) << '\n';
      }
      if (points.empty()) out << "? ? ? ?\n";
      out << "\n\n";
    }
  }
  return out.str();
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 4) {
    std::cerr << "usage: device_report REPORT PEER RUN...\n";
    return 2;
  }
  try {
    const std::string report = argv[1];
    const Peers peers = read_peers(argv[2]);
    const std::vector<Run> runs = read_runs(Fields(argv + 3, argv + argc));
    glstm::write_file_atomically(report + ".csv", csv(runs, peers));
    glstm::write_file_atomically(report + ".md", markdown(runs, peers));
    glstm::write_file_atomically(report + ".dat", plot_data(runs, peers));
    return 0;
  } catch (const std::exception& error) {
    std::cerr << error.what() << '\n';
    return 2;
  }
}
