// What a real-time program must be sure of: a step allocates nothing and asks nothing of the
// system. A program of its own, because it replaces malloc.
#include <cstddef>
#include <cstdlib>
#include <type_traits>

#include "catch.hpp"
#include "glstm/streaming/streaming_cell.hpp"
#include "glstm/streaming/streaming_network.hpp"
#include "sanitized.hpp"

#if defined(__linux__)
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#endif

#if defined(__GLIBC__) && !defined(GLSTM_TEST_SANITIZED)
#define GLSTM_TEST_COUNTS_ALLOCATIONS

namespace {
// Every call that takes memory or gives it back, operator new and Eigen's own among them: they all
// end in these functions.
thread_local std::size_t allocations = 0;
}  // namespace

extern "C" {
void* __libc_malloc(std::size_t);
void* __libc_calloc(std::size_t, std::size_t);
void* __libc_realloc(void*, std::size_t);
void* __libc_memalign(std::size_t, std::size_t);
void __libc_free(void*);

void* malloc(std::size_t size) { return ++allocations, __libc_malloc(size); }
void* calloc(std::size_t count, std::size_t size) {
  return ++allocations, __libc_calloc(count, size);
}
void* realloc(void* memory, std::size_t size) {
  return ++allocations, __libc_realloc(memory, size);
}
void* memalign(std::size_t alignment, std::size_t size) {
  return ++allocations, __libc_memalign(alignment, size);
}
void* aligned_alloc(std::size_t alignment, std::size_t size) {
  return ++allocations, __libc_memalign(alignment, size);
}
int posix_memalign(void** memory, std::size_t alignment, std::size_t size) {
  *memory = (++allocations, __libc_memalign(alignment, size));
  return *memory == nullptr && size > 0 ? 12 : 0;  // ENOMEM
}
void free(void* memory) {
  ++allocations;
  __libc_free(memory);
}
}  // extern "C"
#endif

using namespace glstm;

namespace {

#define STREAMED                                                                 \
  AlwaysOpen<float>, GaussianGate<float>, PhasedGate<float>, AlwaysOpen<double>, \
      GaussianGate<double>, PhasedGate<double>

constexpr Index inputs = 3, neurons = 45, span = 100;

template <class Gate>
StreamingCell<Gate> random_cell(AfterSpan after = AfterSpan::hold) {
  using Scalar = typename Gate::Scalar;
  ParameterLayout layout;
  const Layer<Gate> layer(layout, "", inputs, neurons);
  Vector<Scalar> parameters(layout.size());
  Rng rng(1);
  for (Scalar& parameter : parameters) parameter = Scalar(rng.uniform(-0.3, 0.3));
  Matrix<Scalar> gates = layer.gate_parameters(parameters);
  Gate::initialize({.start = 0, .end = span, .open_share = 0.1}, {}, rng, gates);
  layer.gate_parameters(parameters) = gates;
  return StreamingCell<Gate>(layer, parameters, {0, span, after});
}

template <class Gate>
StreamingNetwork<Gate> random_network() {
  Network<Gate> network({.inputs = inputs, .hidden = {neurons, 20}, .outputs = 5});
  Rng rng(2);
  network.initialize({.gates = {.start = 0, .end = span, .open_share = 0.1}}, rng);
  return StreamingNetwork<Gate>(network, {0, span, AfterSpan::restart});
}

// Through the span and beyond, again and again, forwards and with jumps back; the number of steps
// after which another number of neurons was open than before.
template <class Cell>
int run(Cell& cell, int steps) {
  typename Cell::Scalar x[inputs] = {1, -1, 0};
  int changes = 0;
  Index open = 0;
  for (int n = 0; n < steps; ++n) {
    x[2] = static_cast<typename Cell::Scalar>(n % 7) - 3;
    const int jump = n % 50 == 0 ? 40 : 0;
    cell.step(x, 0.37 * (n % 300) - jump);
    if (n == steps / 2) cell.reset();
    if (!(cell.next_event(0.37 * n).time > 0.37 * n)) return -1;
    changes += cell.open_count() != open;
    open = cell.open_count();
  }
  return changes;
}

template <class Cell>
constexpr bool skips = !std::is_same_v<typename Cell::Gate, AlwaysOpen<typename Cell::Scalar>>;

}  // namespace

#if defined(GLSTM_TEST_COUNTS_ALLOCATIONS)
TEMPLATE_TEST_CASE("a streaming step allocates nothing", "", STREAMED) {
  auto cell = random_cell<TestType>();
  std::size_t before = allocations;
  const int changes = run(cell, 10000);
  const std::size_t in_steps = allocations - before;
  CHECK(in_steps == 0);
  if (skips<decltype(cell)>) CHECK(changes > 1000);

  before = allocations;
  const auto copy = cell;
  CHECK(allocations > before);  // the count does count
  CHECK(copy.hidden() == cell.hidden());
}

TEMPLATE_TEST_CASE("nor does it after the span", "", STREAMED) {
  for (AfterSpan after : {AfterSpan::restart, AfterSpan::always_open_only}) {
    auto cell = random_cell<TestType>(after);
    const std::size_t before = allocations;
    const int changes = run(cell, 10000);
    const std::size_t in_steps = allocations - before;
    CHECK(in_steps == 0);
    if (skips<decltype(cell)>) CHECK(changes > 1000);
  }
}

TEMPLATE_TEST_CASE("a step of a streaming network allocates nothing", "", STREAMED) {
  auto network = random_network<TestType>();
  run(network, 250);
  const auto state = network.state();
  const std::size_t before = allocations;
  const int changes = run(network, 10000);
  network.set_state(state);
  const std::size_t in_steps = allocations - before;
  CHECK(in_steps == 0);
  if (skips<decltype(network)>) CHECK(changes > 1000);
  CHECK(network.hidden(1).transpose() == state[1].h);
}
#endif

#if defined(__linux__) && !defined(GLSTM_TEST_SANITIZED)
namespace {

constexpr int unsupported = 77;

// Runs `work` in a child process that may no longer call the system, but for its exit. Whether the
// child lived to the end; true where the system cannot do this.
template <class Work>
bool lives_without_system(Work work) {
  const pid_t child = fork();
  if (child == 0) {
    if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT) != 0) _exit(unsupported);
    work();
    syscall(SYS_exit, 0);  // _exit would call exit_group, which is forbidden by now
  }
  int status = 0;
  REQUIRE(child > 0);
  REQUIRE(waitpid(child, &status, 0) == child);
  if (WIFEXITED(status) && WEXITSTATUS(status) == unsupported) {
    WARN("the system offers no seccomp; nothing was tested");
    return true;
  }
  return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

}  // namespace

TEMPLATE_TEST_CASE("a streaming step makes no system call", "", STREAMED) {
  auto cell = random_cell<TestType>();
  CHECK(lives_without_system([&] { run(cell, 10000); }));
}

TEMPLATE_TEST_CASE("a step of a streaming network makes no system call", "", STREAMED) {
  auto network = random_network<TestType>();
  CHECK(lives_without_system([&] { run(network, 10000); }));
}

TEST_CASE("the test for system calls finds one") {
  const bool supported = prctl(PR_GET_SECCOMP) == 0;
  const bool lives = lives_without_system([] { syscall(SYS_getppid); });
  if (supported) CHECK_FALSE(lives);
}
#endif
