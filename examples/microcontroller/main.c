/* Classifies the cycles of a machine by their pressure, and sleeps as long as no neuron is open. */
#include "board.h"
#include "cycles.h" /* in the place of a sensor */
#include "model.h"

enum { sample_ticks = clock_rate / 100 }; /* 10 ms */

static model_state network;

/* What the converter reads now: sample n. */
static float read_sensor(int cycle, int n) { return cycle_counts[cycle][n]; }

/* Follows a cycle that begins at the moment `begin`. Returns its kind, and counts the samples that
 * it wakes up for: those within windows, or all. */
static int follow_cycle(int cycle, uint32_t begin, int every_sample, uint32_t* wakes) {
  model_reset(&network);
  for (int n = 0;; ++n) {
    const int32_t next = every_sample ? n : model_next_event(&network);
    if (next > n) n = next < cycle_samples ? (int)next : cycle_samples;
    sleep_until(begin + (uint32_t)n * sample_ticks);
    if (n == cycle_samples) break;
    ++*wakes;
    const float value = read_sensor(cycle, n);
    int16_t x[1];
    model_quantize(&value, x);
    model_advance(&network, x, n);
  }
  int32_t y[3];
  model_output(&network, y);
  int kind = 0;
  for (int o = 1; o < 3; ++o) {
    if (y[o] > y[kind]) kind = o;
  }
  return kind;
}

/* Prints a share in percent, with two digits after the point. */
static void print_share(uint64_t part, uint64_t whole) {
  const uint32_t share = (uint32_t)((10000 * part + whole / 2) / whole);
  print_number(share / 100);
  print(share % 100 < 10 ? ".0" : ".");
  print_number(share % 100);
  print(" %");
}

static void follow(const char* name, int every_sample) {
  uint32_t wakes = 0;
  int correct = 0, as_on_host = 0;
  start_clock();
  const uint32_t begin = clock_ticks();
  for (int cycle = 0; cycle < cycle_count; ++cycle) {
    const uint32_t cycle_begin = begin + (uint32_t)(cycle * cycle_samples) * sample_ticks;
    const int kind = follow_cycle(cycle, cycle_begin, every_sample, &wakes);
    correct += kind == cycle_kinds[cycle];
    as_on_host += kind == host_answers[cycle];
    if (every_sample) continue;
    print("cycle ");
    print_number((uint32_t)cycle);
    print(": ");
    print(kind_names[kind]);
    print("\n");
  }
  const uint32_t slept = ticks_asleep(), whole = clock_ticks() - begin;
  print(name);
  print(": woke up ");
  print_number(wakes);
  print(" times, asleep ");
  print_share(slept, whole);
  print(" of the time, awake ");
  print_number((whole - slept) / (clock_rate / 1000000));
  print(" us; ");
  print_number((uint32_t)correct);
  print(" of ");
  print_number(cycle_count);
  print(" correct, ");
  print_number((uint32_t)as_on_host);
  print(" as on the host\n");
}

int main(void) {
  follow("next_event", 0);
  follow("every sample", 1);
  return 0;
}
