/* The comparer for tests: what is not the same is printed, with `repro`, a line that repeats the
 * case. The rules are in harness/check/compare.h. */
#ifndef TESTS_SUPPORT_COMPARE_H
#define TESTS_SUPPORT_COMPARE_H

#include "harness/check/compare.h"

bool compare_doubles(const char *name, const double *got, const double *want, size_t count,
                     CompareTolerance tolerance, const char *repro);
bool compare_floats(const char *name, const float *got, const float *want, size_t count,
                    CompareTolerance tolerance, const char *repro);
bool compare_norm(const char *name, const float *got, const float *want, size_t count,
                  CompareTolerance tolerance, const char *repro);

#endif
