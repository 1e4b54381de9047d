/* The one comparer of the project.
 *
 * An array passes when every value is finite and |got - want| <= absolute + relative * scale, with
 * scale the largest |want| of the array: errors of sums are relative to what was summed, not to
 * what is left after cancellation. Nothing to compare does not pass. */
#ifndef HARNESS_CHECK_COMPARE_H
#define HARNESS_CHECK_COMPARE_H

#include <stdbool.h>
#include <stddef.h>

typedef struct CompareTolerance {
    double relative, absolute;
} CompareTolerance;

typedef struct Comparison {
    bool same;
    double share;      /* the worst error as a share of the tolerance; NaN: could not be said */
    char message[256]; /* where not the same: the name, the worst index, both values, the share */
} Comparison;

Comparison comparison_of_doubles(const char *name, const double *got, const double *want,
                                 size_t count, CompareTolerance tolerance);
Comparison comparison_of_floats(const char *name, const float *got, const float *want, size_t count,
                                CompareTolerance tolerance);
/* The array as a whole: sqrt(sum (got-want)^2) <= relative sqrt(sum want^2) + absolute. For nets
 * with kinks, where one ReLU near zero may fall on either side. */
Comparison comparison_of_norms(const char *name, const float *got, const float *want, size_t count,
                               CompareTolerance tolerance);
/* |got - want| <= limit, both finite. */
Comparison comparison_of_numbers(const char *name, double got, double want, double limit);

#endif
