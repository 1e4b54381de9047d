/* An experiment file: rows of columns, lists multiplied out into runs. */
#ifndef HARNESS_SWEEP_EXPERIMENT_H
#define HARNESS_SWEEP_EXPERIMENT_H

#include "harness/sweep/config.h"
#include "harness/sweep/expect.h"

typedef struct ExperimentRun {
    RunConfig config;
    int line;      /* of the file, where its row begins */
    bool selected; /* by --rows */
    Expectation expectation;
} ExperimentRun;

typedef struct Experiment {
    char path[512];
    char name[64]; /* the file's, without folder and ".csv" */
    ExperimentRun *runs;
    int count;
    bool expectations_dropped; /* there were some, of other runs than --set makes of them */
} Experiment;

enum { EXPERIMENT_RUNS_MAX = 10000 };

/* Reads, expands and checks, so that nothing trains when anything is wrong. A row's lists multiply
 * out, the last column fastest; an empty cell has the column's default. `sets` ("depth=20|56")
 * replace a column in every row; one that the file lacks comes after its columns. They drop the
 * rows' expectations, unless they set no more than seed, backend, precision, threads, eval_every.
 * `rows` ("1,3-5", NULL: all) selects among the expanded runs, which count from 1.
 *
 * Refused, with file:line:position where there is one: unknown column, bad value, a net that cannot
 * be built, weights that do not fit, columns that exclude each other, the same run twice, no rows.
 */
Status experiment_read(const char *path, const char *const *sets, int set_count, const char *rows,
                       Experiment *experiment);
/* What is refused of a single run: columns that exclude each other, more images than the data set
 * has, a net that cannot be built, weights that do not fit. The message begins with a column. What
 * is left to the model (config_settle()) is settled. */
Status run_check(RunConfig *config);
void experiment_free(Experiment *experiment);

#endif
