/* What main.c needs of the board. */
#ifndef BOARD_H
#define BOARD_H

#include <stdint.h>

enum { clock_rate = 25000000 }; /* of both timers, in ticks a second */

void start_clock(void);
uint32_t clock_ticks(void); /* since start_clock; begins again after 171 s */

/* Sleeps with WFI until the clock shows `moment` or later. A timer wakes the processor, once. */
void sleep_until(uint32_t moment);
uint32_t ticks_asleep(void); /* since start_clock */

void print(const char* text); /* to the terminal of the debugger, or the emulator */
void print_number(uint32_t number);

#endif
