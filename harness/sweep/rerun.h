/* A row of results, trained again from its own columns and compared. */
#ifndef HARNESS_SWEEP_RERUN_H
#define HARNESS_SWEEP_RERUN_H

#include "harness/base/csv.h"
#include "harness/sweep/experiment.h"

/* The run of a row of runs.csv, as an experiment of one. A column that the file lacks has its
 * default: it came later. STATUS_BAD_INPUT: the row has no result to compare with, or a cell is not
 * a value of its column. The caller frees the experiment. */
Status rerun_experiment(const CsvTable *runs, int row, Experiment *experiment);

/* What differs between two rows, or two files of rows. */
typedef struct Differences {
    int results;    /* in what was computed */
    int provenance; /* in what computed it: commit, compiler, device, libraries, ... */
} Differences;

/* Prints each cell that differs and is not volatile: column, before, now. Counts them. */
void rerun_compare(const CsvTable *before, int row, const CsvTable *now, int now_row,
                   Differences *differences);
/* The rows of a run in two tables of curves, printed and counted in the same way; *rows receives
 * how many there were before. Tables without such rows differ in nothing. */
void rerun_compare_curves(const CsvTable *before, const char *key, const CsvTable *now, int *rows,
                          Differences *differences);

#endif
