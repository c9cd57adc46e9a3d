// processes_bench [rounds]: what training gains by a second process, under mpirun -n 2 (or more).
//
// In turn, in one job: the first process trains alone, all train alone at the same time, and all
// train together, each with 128 samples of every batch. All alone at the same time is what the
// machine can do: where cores share caches and memory, that is less than once per process.
#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <iostream>
#include <thread>
#include <vector>

#include "glstm/distributed/mpi_group.hpp"
#include "glstm/glstm.hpp"
#include "markdown.hpp"
#include "median.hpp"

using namespace glstm;
using bench::median;

namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point begin) {
  return std::chrono::duration<double>(Clock::now() - begin).count();
}

/// Waits for all without using a core, which MPI's own waiting does.
void wait_asleep() {
  MPI_Request request;
  MPI_Ibarrier(MPI_COMM_WORLD, &request);
  for (int done = 0; done == 0;) {
    MPI_Test(&request, &done, MPI_STATUS_IGNORE);
    if (done == 0) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
}

template <class Gate>
class Training {
 public:
  Training(Index steps, double open_share, Index processes)
      : task_(steps, 1280 * processes, 1), network_(options()) {
    Rng rng(1);
    network_.initialize({.gates = {.end = static_cast<double>(steps), .open_share = open_share}},
                        rng);
  }

  /// Training sequences per second, of the whole group. The same work in every call.
  double rate(ProcessGroup& group, Index steps) {
    Network<Gate> network = network_;
    Adam<float> optimizer(network.layout(), {.time_gate_learning_rate = 1e-3});
    const Index batch = 128 * group.size();
    TrainerOptions options{.batch = batch, .epochs = steps + 2, .max_steps = 2};
    Trainer<Gate>(network, optimizer, options, &group).fit(task_);  // memory is there from then on
    options.max_steps = steps;
    Trainer<Gate> trainer(network, optimizer, options, &group);
    return static_cast<double>(batch * steps) / trainer.fit(task_).seconds;
  }

  Index parameters() const { return network_.layout().size(); }

 private:
  static NetworkOptions<Gate> options() {
    NetworkOptions<Gate> result;
    result.inputs = 2;
    result.hidden = {110};
    return result;
  }

  AddingTask<float> task_;
  Network<Gate> network_;
};

template <class Gate>
void measure(const char* name, MpiGroup& group, Index sequence, double open_share, Index steps,
             int rounds) {
  Training<Gate> training(sequence, open_share, group.size());
  ProcessGroup alone;
  std::vector<double> alone_rates, together, at_once;  // the latter beside the first alone
  for (int round = 0; round < rounds; ++round) {
    wait_asleep();
    double one = group.rank() == 0 ? training.rate(alone, steps) : 0;
    wait_asleep();
    double all = training.rate(alone, steps);
    wait_asleep();
    const double shared = training.rate(group, steps);
    one = group.from_first(one);
    group.sum(std::span(&all, 1));
    alone_rates.push_back(one);
    at_once.push_back(all / one);
    together.push_back(shared / one);
  }
  if (group.rank() > 0) return;
  const auto [least, most] = std::minmax_element(together.begin(), together.end());
  std::cout << "| " << name << " | " << glstm::detail::fixed_text(median(alone_rates), 0) << " | "
            << glstm::detail::fixed_text(median(together), 2) << " | "
            << glstm::detail::fixed_text(*least, 2) << "-" << glstm::detail::fixed_text(*most, 2)
            << " | " << glstm::detail::fixed_text(median(at_once), 2) << " |\n";
}

/// Microseconds of adding up so many numbers over all processes.
double sum_time(MpiGroup& group, std::size_t count) {
  std::vector<float> values(count, 1);
  group.sum(values);
  const auto begin = Clock::now();
  constexpr int repetitions = 200;
  for (int i = 0; i < repetitions; ++i) group.sum(values);
  return 1e6 * seconds_since(begin) / repetitions;
}

}  // namespace

int main(int argc, char** argv) {
  const MpiSession session(argc, argv);
  MpiGroup group;
  const int rounds = argc > 1 ? std::max(1, std::atoi(argv[1])) : 7;
  if (group.rank() == 0) {
    std::cout
        << "Training sequences per second of " << group.size()
        << " processes beside one, 110 neurons, 128 samples per process, median of " << rounds
        << " rounds\n\n| | one, per second | together | range | each alone, at the same time |\n"
           "|---|---|---|---|---|\n";
  }
  measure<AlwaysOpen<float>>("LSTM, T = 500", group, 500, 1, 4, rounds);
  measure<GaussianGate<float>>("g-LSTM, T = 500, 10 % of the updates", group, 500, 0.1, 60, rounds);
  measure<GaussianGate<float>>("g-LSTM, T = 500, 2 % of the updates", group, 500, 0.02, 250,
                               rounds);
  if (group.rank() == 0) std::cout << "\n| all-reduce of floats | microseconds |\n|---|---|\n";
  for (const int count : {1, 1'000, 50'000, 1'000'000, 10'000'000}) {
    const double time = sum_time(group, static_cast<std::size_t>(count));
    if (group.rank() == 0)
      std::cout << "| " << count << " | " << glstm::detail::fixed_text(time, 2) << " |\n";
  }
  return 0;
}
