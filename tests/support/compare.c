#include "tests/support/compare.h"

#include <stdio.h>

static bool say(Comparison result, const char *repro) {
    if (!result.same)
        printf("%s\n  repeat: %s\n", result.message, repro);
    return result.same;
}

bool compare_doubles(const char *name, const double *got, const double *want, size_t count,
                     CompareTolerance tolerance, const char *repro) {
    return say(comparison_of_doubles(name, got, want, count, tolerance), repro);
}

bool compare_floats(const char *name, const float *got, const float *want, size_t count,
                    CompareTolerance tolerance, const char *repro) {
    return say(comparison_of_floats(name, got, want, count, tolerance), repro);
}

bool compare_norm(const char *name, const float *got, const float *want, size_t count,
                  CompareTolerance tolerance, const char *repro) {
    return say(comparison_of_norms(name, got, want, count, tolerance), repro);
}
