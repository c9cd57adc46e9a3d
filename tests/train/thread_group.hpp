// Processes that are threads, to test what works in step without MPI.
#pragma once

#include <algorithm>
#include <barrier>
#include <cstddef>
#include <functional>
#include <span>
#include <string>
#include <thread>
#include <vector>

#include "glstm/train/process_group.hpp"

/// What the threads of a group write into turn by turn.
struct ThreadGroupMemory {
  explicit ThreadGroupMemory(glstm::Index size)
      : barrier(size), floats(static_cast<std::size_t>(size)), doubles(floats.size()) {}
  std::barrier<> barrier;
  std::vector<std::vector<float>> floats;
  std::vector<std::vector<double>> doubles;
};

class ThreadGroup final : public glstm::ProcessGroup {
 public:
  ThreadGroup(ThreadGroupMemory& shared, glstm::Index rank) : shared_(shared), rank_(rank) {}
  glstm::Index rank() const override { return rank_; }
  glstm::Index size() const override { return static_cast<glstm::Index>(shared_.floats.size()); }
  void sum(std::span<float> values) override { sum_in(shared_.floats, values); }
  void sum(std::span<double> values) override { sum_in(shared_.doubles, values); }
  void gather(std::span<double> values, glstm::Index parts) override {
    const auto width = static_cast<glstm::Index>(values.size()) / std::max<glstm::Index>(1, parts);
    const glstm::Index begin = width * first_of(parts, rank_);
    const glstm::Index end = width * first_of(parts, rank_ + 1);
    for (glstm::Index i = 0; i < width * parts; ++i) {  // those of others are still to come
      if (i < begin || i >= end) values[static_cast<std::size_t>(i)] = 0;
    }
    sum(values);
  }

 private:
  template <class Scalar>
  void sum_in(std::vector<std::vector<Scalar>>& all, std::span<Scalar> values) {
    all[static_cast<std::size_t>(rank_)].assign(values.begin(), values.end());
    shared_.barrier.arrive_and_wait();
    std::vector<std::vector<Scalar>> parts = all;
    shared_.barrier.arrive_and_wait();
    glstm::add_in_halves(0, size(), [&](glstm::Index to, glstm::Index from) {
      for (std::size_t i = 0; i < values.size(); ++i) {
        parts[static_cast<std::size_t>(to)][i] += parts[static_cast<std::size_t>(from)][i];
      }
    });
    std::copy(parts[0].begin(), parts[0].end(), values.begin());
  }

  ThreadGroupMemory& shared_;
  glstm::Index rank_;
};

/// Calls main(group) in `size` threads, each with a group of its own, and returns what came of
/// them: the message of an Error, or nothing. An error that not all threads meet would leave the
/// others waiting, as in processes.
[[nodiscard]] inline std::vector<std::string> run_as_processes(
    glstm::Index size, const std::function<void(glstm::ProcessGroup&)>& main) {
  ThreadGroupMemory shared(size);
  std::vector<std::string> errors(static_cast<std::size_t>(size));
  std::vector<std::thread> threads;
  for (glstm::Index rank = 0; rank < size; ++rank) {
    threads.emplace_back([&, rank] {
      ThreadGroup group(shared, rank);
      try {
        main(group);
      } catch (const glstm::Error& error) {
        errors[static_cast<std::size_t>(rank)] = error.what();
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  return errors;
}
