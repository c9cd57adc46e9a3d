/* Runs sequences through an exported network, compares its outputs with the host's, and prints what
 * a sequence costs. QEMU's -icount shift=0 lets an instruction take 1 ns, so that the timer SysTick
 * counts instructions: 40 to a tick on a board with a clock of 25 MHz. */
#include <stdint.h>

#include "device_model.h"

enum { steps = 784, outputs = 10, steps_between_readings = 28, stack_bytes = 8192 };
extern const input_number inputs[][steps];
extern const output_number expected[][outputs];
void print(const char* text);

static volatile uint32_t* const timer = (volatile uint32_t*)0xE000E010; /* control, reload, value */
static uint32_t last_reading;

static void start_timer(void) {
  timer[1] = 0xffffff;
  timer[2] = 0;
  timer[0] = 5;
}

/* Ticks since the last call: at most 2^24. */
static uint32_t ticks(void) {
  const uint32_t now = timer[2], passed = (last_reading - now) & 0xffffff;
  last_reading = now;
  return passed;
}

/* Without a division, which would bring a function of the compiler's library into the program. */
static void print_number(const char* name, uint32_t number) {
  static const uint32_t powers[] = {1000000000, 100000000, 10000000, 1000000, 100000,
                                    10000,      1000,      100,      10,      1};
  char text[11];
  int length = 0;
  for (int n = 0; n < 10; ++n) {
    char digit = '0';
    for (; number >= powers[n]; number -= powers[n]) ++digit;
    if (length > 0 || digit != '0' || n == 9) text[length++] = digit;
  }
  text[length] = 0;
  print(name);
  print(" ");
  print(text);
  print("\n");
}

/* Ticks of two million instructions: what a tick is worth. */
static uint32_t __attribute__((noinline)) calibrate(void) {
  uint32_t rounds = 1000000;
  ticks();
  __asm__ volatile(".syntax unified\n.p2align 2\n1: subs %0, %0, #1\n bne 1b\n"
                   : "+l"(rounds)::"cc");
  return ticks();
}

static int differs(output_number y, output_number correct) {
#ifdef INTEGERS
  return y != correct;
#else
  const float difference = y - correct, size = difference < 0 ? -difference : difference;
  return !(size <= 1e-5f);
#endif
}

/* Bytes of stack below the caller's frame that a sequence needs: those that do not keep a pattern. All
 * steps of an LSTM are alike. */
static uint32_t __attribute__((noinline)) stack_used(void) {
  volatile uint32_t* top;
  __asm__ volatile("mov %0, sp" : "=r"(top));
  for (int n = 1; n <= stack_bytes / 4; ++n) top[-n] = 0xA5A5A5A5u;
  static output_number y[outputs];
  device_reset();
#ifdef ALWAYS_OPEN
  device_advance(&inputs[0][0], 0);
#else
  for (int n = 0; n < steps; ++n) device_advance(&inputs[0][n], n);
#endif
  device_output(y);
  int depth = stack_bytes / 4;
  while (depth > 0 && top[-depth] == 0xA5A5A5A5u) --depth;
  return 4u * (uint32_t)depth;
}

#ifndef ALWAYS_OPEN
/* Ticks of 2000 steps after the last window. */
static uint32_t idle_ticks(void) {
  const int32_t after = 100000;
  device_advance(&inputs[0][0], after);
  ticks();
  for (int n = 1; n <= 2000; ++n) device_advance(&inputs[0][0], after + n);
  return ticks();
}
#endif

int main(void) {
  start_timer();
  print_number("ticks_of_2000000", calibrate());
  uint32_t wrong = 0, total = 0;
  for (int b = 0; b < SEQUENCES; ++b) {
    output_number y[outputs];
    device_reset();
    ticks();
    for (int n = 0; n < steps;) {
      const int end = n + steps_between_readings;
      for (; n < end; ++n) device_advance(&inputs[b][n], n);
      if (n == steps) device_output(y);
      total += ticks();
    }
    for (int o = 0; o < outputs; ++o) wrong += (uint32_t)differs(y[o], expected[b][o]);
  }
  print_number("wrong", wrong);
  print_number("ticks", total);
#ifndef ALWAYS_OPEN
  print_number("idle_ticks", idle_ticks());
#endif
  print_number("stack", stack_used());
  return 0;
}
