/* A made data set, and output folders compared byte by byte. */
#ifndef TESTS_SURVIVE_MADE_H
#define TESTS_SURVIVE_MADE_H

#include <sys/types.h>

#include "tests/sweep/tables.h"

/* Makes an MNIST of 60 and 30 images in the folder `d` of the scratch folder. */
void make_data(void);
/* For main(): made data, and the experiment, a format whose %s is fast_backend(), as e.csv. Returns
 * the harness's whole path. */
const char *made_begin(const char *harness, const char *experiment);
/* "cpu", or "ref" of a build without it. */
const char *fast_backend(void);

/* A cell of the row (from 0) of DIR/runs.csv; the caller frees. */
char *run_cell(const char *dir, int row, const char *column);
int run_rows(const char *dir);

/* Fails unless two output folders of the scratch folder hold the same: runs.csv, curves.csv and
 * layers.csv but for their volatile cells, and each run's weights, optimizer and steps. */
void assert_same_outputs(const char *a, const char *b);

/* Starts "harness ARGS" (cut as program_run() does) with what it prints in the file `log`. */
pid_t program_start(const char *binary, const char *args, const char *log);

#endif
