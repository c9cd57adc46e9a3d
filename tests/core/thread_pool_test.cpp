#include "glstm/core/thread_pool.hpp"

#include <atomic>
#include <chrono>
#include <limits>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "catch.hpp"
#include "resource_limit.hpp"

namespace thread_pool_test {

using namespace glstm;

namespace {

// Lets `threads` threads meet, so that each of them surely takes a part. Gives up after a minute.
class Meeting {
 public:
  explicit Meeting(Index threads) : missing_(threads) {}
  bool wait_for_all() {
    using Clock = std::chrono::steady_clock;
    --missing_;
    for (const auto end = Clock::now() + std::chrono::minutes(1); missing_ > 0;) {
      if (Clock::now() > end) return false;
      std::this_thread::yield();
    }
    return true;
  }

 private:
  std::atomic<Index> missing_;
};

bool denormals_are_flushed() {
  const volatile float tiny = std::numeric_limits<float>::min(), half = 0.5f;
  return tiny * half == 0.0f;
}

}  // namespace

TEST_CASE("every task is called once, by a thread that does one at a time") {
  for (const Index threads : {1, 2, 3, 5}) {
    ThreadPool pool(threads);
    CHECK(pool.threads() == threads);
    for (const Index tasks : {0, 1, 2, 7, 1000}) {
      CAPTURE(threads, tasks);
      std::vector<int> calls(static_cast<std::size_t>(tasks));
      std::vector<Index> of_worker(static_cast<std::size_t>(threads));  // not atomic on purpose
      std::atomic<bool> in_range = true;
      pool.run(tasks, [&](Index task, Index worker) {
        if (task < 0 || task >= tasks || worker < 0 || worker >= threads) {
          in_range = false;
          return;
        }
        ++calls[static_cast<std::size_t>(task)];
        ++of_worker[static_cast<std::size_t>(worker)];
      });
      CHECK(in_range);
      CHECK(calls == std::vector<int>(static_cast<std::size_t>(tasks), 1));
      Index sum = 0;
      for (Index count : of_worker) sum += count;
      CHECK(sum == tasks);
    }
  }
}

TEST_CASE("tasks run on as many threads as there are, the caller's being number 0") {
  const Index threads = GENERATE(1, 2, 3);
  CAPTURE(threads);
  ThreadPool pool(threads);
  Meeting meeting(threads);
  std::vector<std::thread::id> ids(static_cast<std::size_t>(threads));
  std::atomic<bool> met = true;
  pool.run(threads, [&](Index, Index worker) {
    ids[static_cast<std::size_t>(worker)] = std::this_thread::get_id();
    if (!meeting.wait_for_all()) met = false;
  });
  REQUIRE(met);
  CHECK(ids[0] == std::this_thread::get_id());
  for (std::size_t a = 0; a < ids.size(); ++a) {
    for (std::size_t b = 0; b < a; ++b) CHECK(ids[a] != ids[b]);
  }
}

TEST_CASE("many small loops follow each other, of changing size and task") {
  ThreadPool pool(3);
  for (Index loop = 0; loop < 5000; ++loop) {
    const Index tasks = loop % 5;
    std::vector<Index> written(4, -1);
    pool.run(tasks,
             [&](Index task, Index) { written[static_cast<std::size_t>(task)] = loop + task; });
    for (Index task = 0; task < 4; ++task) {
      const Index expected = task < tasks ? loop + task : -1;
      if (written[static_cast<std::size_t>(task)] != expected) {
        FAIL("loop " << loop << " task " << task << ": "
                     << written[static_cast<std::size_t>(task)]);
      }
    }
  }
}

TEST_CASE("of several exceptions the first task's comes out, after all tasks") {
  for (const Index threads : {1, 2, 3}) {
    CAPTURE(threads);
    ThreadPool pool(threads);
    for (int repetition = 0; repetition < 100; ++repetition) {
      std::atomic<Index> calls = 0;
      std::string message;
      try {
        pool.run(20, [&](Index task, Index) {
          ++calls;
          if (task == 5) std::this_thread::yield();
          if (task >= 5 && task % 2 == 1) throw std::runtime_error(std::to_string(task));
        });
      } catch (const std::runtime_error& error) {
        message = error.what();
      }
      REQUIRE(message == "5");
      REQUIRE(calls == 20);
    }
    CHECK_THROWS_AS(pool.run(3, [](Index, Index) { throw 7; }), int);
    Index sum = 0;  // and nothing of it is left
    pool.run(1, [&](Index, Index) { ++sum; });
    CHECK(sum == 1);
  }
}

TEST_CASE("a loop inside a task of the same pool is an error and not a deadlock") {
  for (const Index threads : {1, 2}) {
    ThreadPool pool(threads);
    check_mentions(
        error_of([&] { pool.run(2, [&](Index, Index) { pool.run(1, [](Index, Index) {}); }); }),
        {"one loop at a time"});
    Index sum = 0;
    pool.run(1, [&](Index, Index) { ++sum; });
    CHECK(sum == 1);
  }
}

TEST_CASE("there must be at least one thread") {
  check_mentions(error_of([] { ThreadPool(0); }), {"at least one thread", "got 0"});
  check_mentions(error_of([] { ThreadPool(-2); }), {"got -2"});
}

#if defined(GLSTM_TEST_LIMITS_MEMORY)
TEST_CASE("threads that the system refuses are an error, after which those that began have ended") {
  const ResourceLimit limit(RLIMIT_AS, bytes_taken() + (rlim_t{64} << 20));  // stacks of a few
  check_mentions(error_of([] { ThreadPool(1000); }), {"cannot start 1000 threads, only "});
  ThreadPool few(2);
  Meeting meeting(2);
  std::vector<char> met(2);
  few.run(2,
          [&](Index task, Index) { met[static_cast<std::size_t>(task)] = meeting.wait_for_all(); });
  CHECK(met == std::vector<char>(2, true));
}
#endif

#if defined(__SSE2__) || defined(_M_X64) || defined(__aarch64__)
TEST_CASE("tasks treat denormals as the caller does, whatever was when the pool began") {
  const bool at_first = GENERATE(false, true);
  CAPTURE(at_first);
  const Index threads = 3;
  std::optional<FlushToZero> flush;
  if (at_first) flush.emplace();
  ThreadPool pool(threads);
  flush.reset();

  for (const bool wanted : {true, false, true}) {
    if (wanted) flush.emplace();
    Meeting meeting(threads);
    std::vector<char> seen(static_cast<std::size_t>(threads), 'x');
    pool.run(threads, [&](Index, Index worker) {
      meeting.wait_for_all();
      seen[static_cast<std::size_t>(worker)] = denormals_are_flushed() ? 'f' : 'k';
    });
    CHECK(seen == std::vector<char>(static_cast<std::size_t>(threads), wanted ? 'f' : 'k'));
    CHECK(denormals_are_flushed() == wanted);
    flush.reset();
  }
  CHECK_FALSE(denormals_are_flushed());
}
#endif

}  // namespace thread_pool_test
