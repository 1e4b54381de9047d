/* The training steps of a comparison with the oracle. */
#ifndef HARNESS_CHECK_STEPS_H
#define HARNESS_CHECK_STEPS_H

#include "net/backend.h"

enum { CHECK_STEPS = 10, CHECK_OPTIMIZERS = 5 };

extern const Optimizer check_optimizers[CHECK_OPTIMIZERS];
/* Small, so that a ReLU near zero seldom falls on the other side in fp32. */
double check_rate(const Optimizer *optimizer, int step);

#endif
