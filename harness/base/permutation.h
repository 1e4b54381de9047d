/* Random orders. */
#ifndef HARNESS_BASE_PERMUTATION_H
#define HARNESS_BASE_PERMUTATION_H

#include <stdint.h>

#include "net/philox.h"

/* Fills order[0..count) with a random permutation of 0..count-1: Fisher-Yates from the end; the
 * partner of position i is drawn from 0..i by word i % 4 of {stream, epoch, i / 4, 0}. */
void permutation_fill(int32_t *order, int count, uint64_t seed, PhiloxStream stream,
                      uint32_t epoch);

#endif
