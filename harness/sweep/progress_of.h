/* How far the runs of an output folder are, told from its files alone. */
#ifndef HARNESS_SWEEP_PROGRESS_OF_H
#define HARNESS_SWEEP_PROGRESS_OF_H

#include "harness/sweep/run_plan.h"

typedef enum RunState {
    RUN_DONE,
    RUN_DIVERGED,
    RUN_FAILED, /* or crashed: --retry tries it again */
    RUN_RUNNING,
    RUN_STOPPED, /* begun, and nobody is at it */
    RUN_LEFT,
    RUN_STATES
} RunState;

typedef struct RunProgress {
    RunState state;
    char word[16];     /* the row's status, or "running", "stopped", "left" */
    int64_t iteration; /* done, as far as evaluations and checkpoints tell */
    double seconds;    /* that they took; 0: not known */
} RunProgress;

/* Never fails: what cannot be read has not been done. */
RunProgress progress_of(const Output *output, const PlannedRun *run);

const char *run_state_name(RunState state);

#endif
