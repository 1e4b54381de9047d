/* How fast single operations are at the sizes of real training, each compared with the oracle
 * before it is timed. */
#ifndef HARNESS_CHECK_SPEED_H
#define HARNESS_CHECK_SPEED_H

#include "harness/check/pair.h"

typedef struct PassSpeed {
    bool measured;      /* false: shorter than the measurement's own spread */
    double ms;          /* median, of one operation on the whole batch */
    double gflop_per_s; /* 0 where net/cost.h counts no operations */
    double gb_per_s;    /* of the bytes that the operation has to move at least */
} PassSpeed;

typedef struct SpeedRow {
    const char *name; /* "conv 3x3 16 -> 16" */
    Shape input;      /* of one image; {0, 0, 0}: the optimiser's step */
    int batch;
    Verdict verdict; /* against the oracle; nothing is timed when it failed */
    PassSpeed forward, backward;
} SpeedRow;

int speed_count(void);
/* The first row of this name with so many channels (0 for the optimiser); -1: none. */
int speed_find(const char *name, int channels);
/* Row `index` of the table. An operation stands in a small net, and what that net takes without it
 * is subtracted, so that no copy of inputs or upstream gradients is counted. */
Status speed_measure(const CheckSpec *spec, int index, SpeedRow *row);

#endif
