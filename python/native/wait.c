/* Waits in slices, between which signals are looked for. */
#include <time.h>

#include "native.h"

#define DEFAULT_NS INT64_C(5000000000) /* of buses that were created without another */

int64_t now_ns(void) {
  struct timespec now;
  (void)clock_gettime(CLOCK_MONOTONIC, &now);
  return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

Patience patience_of(int64_t timeout) {
  if (timeout == SHMBUS_DEFAULT_TIMEOUT) timeout = DEFAULT_NS;
  return (Patience){timeout < 0 ? 0 : timeout, 0};
}

int64_t slice_of(const Patience* patience) {
  return patience->left < SLICE_NS ? patience->left : SLICE_NS;
}

int waited(Patience* patience) {
  if (PyErr_CheckSignals() != 0) return -1;
  if (patience->left == SHMBUS_FOREVER) return 1;
  /* The clock is first read here: what does not wait does not need it. */
  if (patience->until == 0) patience->until = now_ns() - slice_of(patience) + patience->left;
  patience->left = patience->until - now_ns();
  return patience->left > 0;
}
