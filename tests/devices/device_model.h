/* The exported network, in a translation unit of its own, so that the test adds nothing to its size. */
#ifndef DEVICE_MODEL_H
#define DEVICE_MODEL_H
#include <stdint.h>

#ifdef INTEGERS
typedef int16_t input_number;
typedef int32_t output_number;
#else
typedef float input_number;
typedef float output_number;
#endif

void device_reset(void);
void device_advance(const input_number* x, int32_t t);
void device_output(output_number* y);
#endif
