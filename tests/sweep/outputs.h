/* The smoke sweep through the built program. */
#ifndef TESTS_SWEEP_OUTPUTS_H
#define TESTS_SWEEP_OUTPUTS_H

#include "tests/sweep/tables.h"

/* Takes a test's arguments, HARNESS and SMOKE.csv; returns 0, or the exit code to end with: 77,
 * said aloud, without the data set. */
int smoke_begin(int argc, char **argv);
/* The experiment's path. */
const char *smoke_path(void);
/* Runs it with more options: "--out a --rows 1"; expects as program_expect(). One thread: whatever
 * else the machine does, it is fast. */
void run_smoke(const char *options, int code, const char *words);

#endif
