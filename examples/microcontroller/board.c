/* Start-up, timers and output of the board MPS2 with a Cortex-M4 (mps2-an386). For another board,
 * this file and link.ld change. */
#include "board.h"

extern uint32_t data_in_flash, data_begin, data_end, bss_begin, bss_end, stack_end;
int main(void);

/* A timer of the CMSDK counts down to 0, then from `reload` on. */
typedef struct {
  volatile uint32_t control, value, reload, interrupt;
} timer;
enum { timer_enable = 1, timer_interrupt = 8 };
#define ALARM ((timer*)0x40000000) /* interrupt 8 */
#define CLOCK ((timer*)0x40001000)

#define CPACR (*(volatile uint32_t*)0xE000ED88) /* access to the floating-point unit */
#define INTERRUPT_ENABLE (*(volatile uint32_t*)0xE000E100)

static volatile int alarm_rang;
static uint32_t asleep;

static uint32_t semihosting(uint32_t operation, const void* argument) {
  register uint32_t r0 __asm__("r0") = operation;
  register const void* r1 __asm__("r1") = argument;
  __asm__ volatile("bkpt 0xAB" : "+r"(r0) : "r"(r1) : "memory");
  return r0;
}

static void stop(void) {
  semihosting(0x18, (const void*)0x20026); /* the application ends */
  for (;;) {
  }
}

void start(void) {
  CPACR |= 0xFu << 20;
  __asm__ volatile("dsb\nisb");
  const uint32_t* from = &data_in_flash;
  for (uint32_t* to = &data_begin; to < &data_end;) *to++ = *from++;
  for (uint32_t* to = &bss_begin; to < &bss_end;) *to++ = 0;
  main();
  stop();
}

static void fault(void) {
  print("fault\n");
  stop();
}

static void alarm(void) {
  ALARM->control = 0;
  ALARM->interrupt = 1; /* acknowledged */
  alarm_rang = 1;
}

__attribute__((section(".vectors"), used)) static const void* const vectors[16 + 9] = {
    &stack_end,   (void*)start, (void*)fault, (void*)fault,
    (void*)fault, (void*)fault, (void*)fault, [16 + 8] = (void*)alarm};

void start_clock(void) {
  INTERRUPT_ENABLE = 1u << 8;
  CLOCK->reload = CLOCK->value = 0xFFFFFFFF;
  CLOCK->control = timer_enable;
  asleep = 0;
}

uint32_t clock_ticks(void) { return 0xFFFFFFFF - CLOCK->value; }

void sleep_until(uint32_t moment) {
  const uint32_t now = clock_ticks(), left = moment - now;
  if ((int32_t)left < 50) return; /* past, or about to be */
  alarm_rang = 0;
  ALARM->reload = ALARM->value = left;
  ALARM->control = timer_enable | timer_interrupt;
  for (;;) {
    /* With interrupts held back, WFI returns for one that came before it. */
    __asm__ volatile("cpsid i" ::: "memory");
    if (!alarm_rang) __asm__ volatile("wfi");
    __asm__ volatile("cpsie i\nisb" ::: "memory");
    if (alarm_rang) break;
  }
  asleep += clock_ticks() - now;
}

uint32_t ticks_asleep(void) { return asleep; }

void print(const char* text) { semihosting(4, text); }

void print_number(uint32_t number) {
  char digits[11];
  int n = 10;
  digits[n] = 0;
  do {
    digits[--n] = (char)('0' + number % 10);
    number /= 10;
  } while (number > 0);
  print(digits + n);
}
