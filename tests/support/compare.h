/* The one comparer of the project.
 *
 * An array passes when every value is finite and |got - want| <= absolute + relative * scale, with
 * scale the largest |want| of the array: errors of sums are relative to what was summed, not to
 * what is left after cancellation. Otherwise it prints the name, the worst index, both values, the
 * share of the tolerance used, and `repro`, a line that repeats the case. */
#ifndef TESTS_SUPPORT_COMPARE_H
#define TESTS_SUPPORT_COMPARE_H

#include <stdbool.h>
#include <stddef.h>

typedef struct CompareTolerance {
    double relative, absolute;
} CompareTolerance;

bool compare_doubles(const char *name, const double *got, const double *want, size_t count,
                     CompareTolerance tolerance, const char *repro);
bool compare_floats(const char *name, const float *got, const float *want, size_t count,
                    CompareTolerance tolerance, const char *repro);
/* The same for the array as a whole: sqrt(sum (got-want)^2) <= relative sqrt(sum want^2) +
 * absolute. For nets with kinks, where one ReLU near zero may fall on either side. */
bool compare_norm(const char *name, const float *got, const float *want, size_t count,
                  CompareTolerance tolerance, const char *repro);

#endif
