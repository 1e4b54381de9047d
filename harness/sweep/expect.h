/* What a row of an experiment expects of its runs: columns expect, tolerance, source and
 * expect_metric. They change no run, so they are no part of a key and stand in a file of their own,
 * DIR/expectations.csv. */
#ifndef HARNESS_SWEEP_EXPECT_H
#define HARNESS_SWEEP_EXPECT_H

#include <stdbool.h>

#include "harness/base/csv.h"
#include "harness/sweep/columns.h"

typedef struct Expectation {
    bool given;
    double value, tolerance; /* tolerance > 0: the band is value - tolerance to value + tolerance */
    char metric[40];         /* a column of runs.csv */
    char source[256];
} Expectation;

/* What a row of an experiment may expect of its runs: no part of a run or of its key. */
const ResultColumn *columns_expectation(int *count);
/* True for a column of runs.csv that measures something: what can be expected or claimed of. */
bool columns_is_metric(const char *name);
/* True for a column of an experiment that says what is expected. */
bool expectation_is_column(const char *name);
/* What row `row` of an experiment expects. STATUS_BAD_INPUT with file:line:position. */
Status expectation_read(const CsvTable *table, int row, Expectation *expectation);

struct Experiment;
struct Sweep;
/* Writes DIR/expectations.csv: key, metric, expect, tolerance, source. Rows of runs that the
 * experiment does not hold stay as they are; without any row there is no file. Copies
 * NAME.claims.csv, where it stands beside the experiment, to DIR. */
Status expectations_write(const struct Experiment *experiment, const struct Sweep *sweep);

/* The path of the claims that belong to an experiment: NAME.csv has NAME.claims.csv. */
Status expectations_claims_path(const char *experiment, char *path, size_t size);

#endif
