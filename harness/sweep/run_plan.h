/* DIR/plan.csv: the runs that the last `harness run` into the folder was about, in the order of its
 * experiment. By it `harness collect` puts the rows in order, and `harness status` knows what is
 * left. */
#ifndef HARNESS_SWEEP_RUN_PLAN_H
#define HARNESS_SWEEP_RUN_PLAN_H

#include "harness/sweep/output.h"

typedef struct PlannedRun {
    char key[KEY_SIZE];
    char title[96]; /* "resnet-20 A, seed 1" */
    int64_t iterations;
    double work; /* floating-point operations of the training */
} PlannedRun;

typedef struct RunPlan {
    PlannedRun *runs;
    int count;
} RunPlan;

/* Leaves a file that says the same alone. */
Status run_plan_write(const Output *output, const RunPlan *plan);
/* STATUS_BAD_INPUT when it is missing or damaged. The caller frees, not after a failure. */
Status run_plan_read(const Output *output, RunPlan *plan);
void run_plan_free(RunPlan *plan);

#endif
