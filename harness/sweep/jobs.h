/* Several runs at a time, each in a process of its own: `harness run --jobs N`. */
#ifndef HARNESS_SWEEP_JOBS_H
#define HARNESS_SWEEP_JOBS_H

#include "harness/sweep/sweep.h"

typedef struct JobsSpec {
    int jobs;    /* at a time, 1 to JOBS_MAX; each has its share of the threads */
    int argc;    /* of `harness run`, argv[0] being "run": the processes are given the same and */
    char **argv; /* --only KEY --share N */
    bool retry;  /* runs whose row does not say `done`, too */
    const volatile sig_atomic_t *stop;
} JobsSpec;

enum { JOBS_MAX = 256 };

/* Trains the selected runs that are not finished. One that fails, or whose process is killed, has a
 * row that says so, and the others go on; *failed counts those. What the processes say is handed on
 * to stderr line by line. When it is stopped, it stops them and waits: each leaves a checkpoint. */
Status jobs_train(Sweep *sweep, const JobsSpec *spec, int *failed);

#endif
