// The JSON of the performance suite, read back.
#pragma once

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "median.hpp"

namespace glstm::bench {

using nlohmann::json;

/// All repetitions of one benchmark, called topic/workload/peer or topic/workload.
struct Measurement {
  std::string topic, workload, peer;
  std::vector<double> nanoseconds;
  json counters;

  double median() const { return bench::median(nanoseconds); }
  double milliseconds() const { return median() / 1e6; }

  /// Returns the difference between the slowest and the fastest repetition, in medians.
  double spread() const {
    const auto [least, most] = std::minmax_element(nanoseconds.begin(), nanoseconds.end());
    return (*most - *least) / median();
  }
};

inline bool is_ours(const std::string& peer) { return peer.rfind("glstm", 0) == 0; }

/// All measurements in the JSON file of a run of the suite.
class Results {
 public:
  explicit Results(const json& file) : context_(file.at("context")) {
    std::map<int, Measurement> by_registration;  // repetitions run, and are written, at random
    for (const json& run : file.at("benchmarks")) {
      if (run.at("run_type") != "iteration" || run.value("error_occurred", false)) continue;
      add(run, by_registration[run.at("family_index").get<int>()]);
    }
    for (auto& [index, measurement] : by_registration) all_.push_back(std::move(measurement));
  }

  const std::vector<Measurement>& all() const { return all_; }
  const json& context() const { return context_; }

  /// Returns processor time divided by real time. Below 1 the program had to wait for others.
  double processor_share() const { return cpu_ / real_; }

  const Measurement* find(const std::string& topic, const std::string& workload,
                          const std::string& peer = "") const {
    for (const Measurement& m : all_) {
      if (m.topic == topic && m.workload == workload && m.peer == peer) return &m;
    }
    return nullptr;
  }

  /// Returns the different values of a member among the measurements of a topic, in order.
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

  /// Returns the peers of a topic, this library first.
  std::vector<std::string> peers(const std::string& topic) const {
    std::vector<std::string> result = values(topic, &Measurement::peer);
    std::stable_partition(result.begin(), result.end(), is_ours);
    return result;
  }

  /// Returns the fastest measurement of another library.
  const Measurement* best_peer(const std::string& topic, const std::string& workload) const {
    const Measurement* best = nullptr;
    for (const Measurement& m : all_) {
      if (m.topic != topic || m.workload != workload || is_ours(m.peer)) continue;
      if (best == nullptr || m.median() < best->median()) best = &m;
    }
    return best;
  }

  /// Returns the peak rate in floating-point operations per nanosecond.
  std::optional<double> peak() const {
    const Measurement* m = find("limits", "FMA peak");
    if (m == nullptr) return std::nullopt;
    return m->counters.at("flops").get<double>() / m->median();
  }

 private:
  /// Adds one repetition to its measurement.
  void add(const json& run, Measurement& measurement) {
    const std::string run_name = run.at("run_name");
    const bool threads = run_name.ends_with("/real_time");
    std::istringstream name(run_name.substr(0, run_name.rfind(threads ? "/real_" : "/process_")));
    std::getline(name, measurement.topic, '/');
    std::getline(name, measurement.workload, '/');
    std::getline(name, measurement.peer);
    const std::string unit = run.at("time_unit");
    const double scale = unit == "ms" ? 1e6 : unit == "us" ? 1e3 : unit == "s" ? 1e9 : 1;
    const double cpu = scale * run.at("cpu_time").get<double>();
    const double real = scale * run.at("real_time").get<double>();
    // Processor time of all threads: other programs on the machine do not count, and no peer can
    // hide work in another thread. Where threads are the topic, real time.
    measurement.nanoseconds.push_back(threads ? real : cpu);
    measurement.counters = run;
    if (threads) return;
    cpu_ += cpu * run.at("iterations").get<double>();
    real_ += real * run.at("iterations").get<double>();
  }

  json context_;
  std::vector<Measurement> all_;
  double cpu_ = 0, real_ = 0;
};

}  // namespace glstm::bench
