// A few threads that share the tasks of a loop.
//
// std::thread and not OpenMP: a header-only library cannot make its user pass -fopenmp, and without
// it OpenMP code runs on one thread and does not say so. std::thread works with every compiler and
// under its ThreadSanitizer.
#pragma once

#include <condition_variable>
#include <exception>
#include <functional>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

#include "glstm/core/error.hpp"
#include "glstm/core/flush_to_zero.hpp"
#include "glstm/core/types.hpp"

GLSTM_BEGIN_NAMESPACE

/// Threads that wait for work: the one that calls `run`, and threads - 1 more that live as long as
/// the pool. Waiting threads sleep.
class ThreadPool {
 public:
  /// Throws Error unless threads >= 1, or when the system refuses to start that many.
  explicit ThreadPool(Index threads) {
    detail::require(threads >= 1, "there must be at least one thread, got ", threads);
    try {
      for (Index worker = 1; worker < threads; ++worker) {
        others_.emplace_back([this, worker] { wait_and_work(worker); });
      }
    } catch (const std::exception& error) {
      const std::size_t started = others_.size();
      stop();
      throw Error(detail::text_of("cannot start ", threads, " threads, only ", started + 1, ": ",
                                  error.what()));
    }
  }
  ~ThreadPool() { stop(); }  ///< no thread may be in `run`
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

  Index threads() const { return static_cast<Index>(others_.size()) + 1; }

  /// Calls task(index, worker) once for every index in 0 ... tasks - 1 and returns when all calls
  /// have. Indices are handed out in rising order, each to the next thread that is free; `worker`
  /// in 0 ... threads() - 1 is that thread's number, 0 the caller's. Tasks treat denormal numbers
  /// as the caller does. When tasks throw, the others run all the same, and the exception of the
  /// lowest index comes out of `run`.
  ///
  /// One loop at a time: throws Error when called from a task of its own, or while another thread
  /// is in `run`.
  template <class Task>
  void run(Index tasks, Task&& task) {
    std::unique_lock lock(mutex_);
    detail::require(!task_, "a thread pool runs one loop at a time");
    task_ = std::ref(task);
    denormals_ = FlushToZero::mode();
    next_ = 0;
    tasks_ = unfinished_ = failed_ = tasks;
    if (tasks > 1) wake_.notify_all();
    work(0, lock);
    all_finished_.wait(lock, [this] { return unfinished_ <= 0; });
    task_ = nullptr;
    if (error_) std::rethrow_exception(std::exchange(error_, nullptr));
  }

 private:
  void wait_and_work(Index worker) {
    std::unique_lock lock(mutex_);
    while (!stop_) {
      work(worker, lock);
      wake_.wait(lock, [this] { return stop_ || next_ < tasks_; });
    }
  }

  /// Takes tasks until none is left. `lock` is held on entry and on return, not during a task.
  void work(Index worker, std::unique_lock<std::mutex>& lock) {
    while (next_ < tasks_) {
      const Index index = next_++;
      lock.unlock();
      std::exception_ptr error;
      try {
        const FlushToZero as_the_caller(denormals_);
        task_(index, worker);
      } catch (...) {
        error = std::current_exception();
      }
      lock.lock();
      if (error && index < failed_) {
        failed_ = index;
        error_ = std::move(error);
      }
      if (--unfinished_ == 0) all_finished_.notify_one();
    }
  }

  void stop() {
    {
      const std::lock_guard lock(mutex_);
      stop_ = true;
    }
    wake_.notify_all();
    for (std::thread& other : others_) other.join();
    others_.clear();
  }

  // All of it is guarded by the mutex, but for task_ and denormals_: they do not change while there
  // are unfinished tasks.
  std::mutex mutex_;
  std::condition_variable wake_, all_finished_;
  std::function<void(Index, Index)> task_;
  FlushToZero::Mode denormals_{};
  Index next_ = 0, tasks_ = 0, unfinished_ = 0;
  std::exception_ptr error_;
  Index failed_ = 0;  // the task that threw error_
  bool stop_ = false;
  std::vector<std::thread> others_;
};

GLSTM_END_NAMESPACE
