#include "device_model.h"

#include MODEL

static net_state stream;

void device_reset(void) { net_reset(&stream); }

void device_advance(const input_number* x, int32_t t) {
#ifdef ALWAYS_OPEN
  (void)t;
  net_advance(&stream, x);
#else
  net_advance(&stream, x, t);
#endif
}

void device_output(output_number* y) { net_output(&stream, y); }
