/* Numbers for comparisons: float32, from Philox, keyed by a name and the number of a
 * draw; make_golden.py draws the same. */
#ifndef HARNESS_CHECK_RANDOM_H
#define HARNESS_CHECK_RANDOM_H

#include <stddef.h>
#include <stdint.h>

/* Uniform in (low, high). */
void random_uniform(const char *name, uint32_t draw, size_t count, double low, double high,
                    float *values);
/* Uniform integers in [0, limit). */
void random_below(const char *name, uint32_t draw, size_t count, uint32_t limit, int32_t *values);

#endif
