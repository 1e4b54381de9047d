/* The oracle's ReLU with masks from elsewhere: linked into a test, these functions take the place
 * of ref/relu.c's. With the masks of another backend the oracle follows it through every kink, so
 * that what is left between the two is no more than rounding. */
#ifndef TESTS_CPU_REPLAYED_RELU_H
#define TESTS_CPU_REPLAYED_RELU_H

#include <stddef.h>

enum { REPLAY_RELUS_MAX = 64 };

/* masks: of each ReLU in topological order, 1 passes, else 0; borrowed. What follows must be one
 * forward pass over all of them and its backward pass. */
void replay_begin(float *const *masks, const size_t *counts, int relus);
/* Fails unless each mask was used once forward and once backward. Returns how many of the values
 * that the oracle saw lie on the other side of the kink. */
size_t replay_end(void);

#endif
