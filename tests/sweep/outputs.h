/* The smoke sweep through the built program, and a look at what it wrote. */
#ifndef TESTS_SWEEP_OUTPUTS_H
#define TESTS_SWEEP_OUTPUTS_H

#include <stdbool.h>

#include "harness/base/csv.h"

/* Takes a test's arguments, HARNESS and SMOKE.csv; returns 0, or the exit code to end with: 77,
 * said aloud, without the data set. */
int smoke_begin(int argc, char **argv);
/* The experiment's path. */
const char *smoke_path(void);
/* Runs it with more options: "--out a --rows 1"; expects as program_expect(). One thread: whatever
 * else the machine does, it is fast. */
void run_smoke(const char *options, int code, const char *words);

/* A name within the scratch folder; the buffer is reused. */
const char *in_scratch(const char *name);
bool exists(const char *name);
char *text_of(const char *name);
CsvTable table_of(const char *name);

/* A cell that must be a number; one that must be this text. */
double number(const CsvTable *table, int row, const char *column);
void cell_is(const CsvTable *table, int row, const char *column, const char *expected);

#endif
