#include "tests/support/compare.h"

#include <math.h>
#include <stdio.h>

/* Reads either type, so that the rules below are written once. */
typedef struct Numbers {
    const double *wide;
    const float *narrow;
} Numbers;

static Numbers wide(const double *values) {
    return (Numbers){.wide = values};
}

static Numbers narrow(const float *values) {
    return (Numbers){.narrow = values};
}

static double at(Numbers numbers, size_t i) {
    return numbers.wide ? numbers.wide[i] : (double)numbers.narrow[i];
}

/* True when all of both arrays is finite; prints the first that is not. */
static bool all_finite(const char *name, Numbers got, Numbers want, size_t count,
                       const char *repro) {
    for (size_t i = 0; i < count; i++)
        if (!isfinite(at(got, i)) || !isfinite(at(want, i))) {
            printf("%s[%zu]: got %.9g, want %.9g: not finite\n  repeat: %s\n", name, i, at(got, i),
                   at(want, i), repro);
            return false;
        }
    return true;
}

static bool compare(const char *name, Numbers got, Numbers want, size_t count,
                    CompareTolerance tolerance, const char *repro) {
    if (count == 0) {
        printf("%s: nothing to compare\n  repeat: %s\n", name, repro);
        return false;
    }
    if (!all_finite(name, got, want, count, repro))
        return false;
    double scale = 0, most = -1;
    size_t worst = 0;
    for (size_t i = 0; i < count; i++) {
        double err = fabs(at(got, i) - at(want, i));
        if (err > most) {
            most = err;
            worst = i;
        }
        scale = fmax(scale, fabs(at(want, i)));
    }
    double allowed = tolerance.absolute + tolerance.relative * scale;
    if (most <= allowed)
        return true;
    printf("%s[%zu] of %zu: got %.9g, want %.9g, error %.3g is %.3g of the tolerance %.3g\n"
           "  repeat: %s\n",
           name, worst, count, at(got, worst), at(want, worst), most, most / allowed, allowed,
           repro);
    return false;
}

bool compare_doubles(const char *name, const double *got, const double *want, size_t count,
                     CompareTolerance tolerance, const char *repro) {
    return compare(name, wide(got), wide(want), count, tolerance, repro);
}

bool compare_floats(const char *name, const float *got, const float *want, size_t count,
                    CompareTolerance tolerance, const char *repro) {
    return compare(name, narrow(got), narrow(want), count, tolerance, repro);
}

bool compare_norm(const char *name, const float *got, const float *want, size_t count,
                  CompareTolerance tolerance, const char *repro) {
    if (!all_finite(name, narrow(got), narrow(want), count, repro))
        return false;
    double away = 0, size = 0;
    for (size_t i = 0; i < count; i++) {
        away += ((double)got[i] - want[i]) * ((double)got[i] - want[i]);
        size += (double)want[i] * want[i];
    }
    double err = sqrt(away), allowed = tolerance.relative * sqrt(size) + tolerance.absolute;
    if (count > 0 && err <= allowed)
        return true;
    printf("%s: error norm %.3g of %zu values of norm %.3g, %.3g of the tolerance\n  repeat: %s\n",
           name, err, count, sqrt(size), err / allowed, repro);
    return false;
}
