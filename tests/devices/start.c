/* Start-up of a bare Cortex-M in QEMU, and semihosting: what the host gives a program to print. */
#include <stdint.h>

extern uint32_t data_in_flash, data_begin, data_end, bss_begin, bss_end, stack_top;
int main(void);
void print(const char* text);

static uint32_t call_host(uint32_t operation, const void* argument) {
  register uint32_t r0 __asm__("r0") = operation;
  register const void* r1 __asm__("r1") = argument;
  __asm__ volatile("bkpt 0xAB" : "+r"(r0) : "r"(r1) : "memory");
  return r0;
}

void print(const char* text) { call_host(4, text); }

static void leave(void) {
  call_host(0x18, (const void*)0x20026);
  for (;;) {
  }
}

static void fault(void) {
  print("fault\n");
  leave();
}

void start(void);
void start(void) {
#ifdef __ARM_FP
  *(volatile uint32_t*)0xE000ED88 |= 0xFu << 20; /* the floating-point unit */
  __asm__ volatile("dsb\nisb");
#endif
  const uint32_t* from = &data_in_flash;
  for (uint32_t* to = &data_begin; to < &data_end;) *to++ = *from++;
  for (uint32_t* to = &bss_begin; to < &bss_end;) *to++ = 0;
  main();
  leave();
}

__attribute__((section(".vectors"), used)) static const void* const vectors[16] = {
    &stack_top, (void*)start, (void*)fault, (void*)fault, (void*)fault, (void*)fault,
    (void*)fault, 0, 0, 0, 0, (void*)fault, (void*)fault, 0, (void*)fault, (void*)fault};
