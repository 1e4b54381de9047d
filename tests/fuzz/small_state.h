/* A State of a few numbers on the oracle: for the checkpoint's target, and for who makes new seeds
 * with checkpoint_save(). */
#ifndef TESTS_FUZZ_SMALL_STATE_H
#define TESTS_FUZZ_SMALL_STATE_H

#include "net/backend.h"

#define SMALL_IDENTITY "run=small\ncommit=none\n"

/* Made at the first call, kept until the program ends. */
State *small_state(void);

#endif
