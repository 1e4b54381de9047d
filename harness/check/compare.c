#include "harness/check/compare.h"

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

/* True when there are values and all of both arrays is finite; else the message says what not. */
static bool comparable(const char *name, Numbers got, Numbers want, size_t count,
                       Comparison *result) {
    *result = (Comparison){.same = false, .share = NAN};
    if (count == 0)
        snprintf(result->message, sizeof result->message, "%s: nothing to compare", name);
    for (size_t i = 0; i < count; i++)
        if (!isfinite(at(got, i)) || !isfinite(at(want, i))) {
            snprintf(result->message, sizeof result->message,
                     "%s[%zu]: got %.9g, want %.9g: not finite", name, i, at(got, i), at(want, i));
            return false;
        }
    return count > 0;
}

/* No error is no share, even of a tolerance of 0. */
static double share_of(double err, double allowed) {
    return err == 0 && allowed == 0 ? 0 : err / allowed;
}

static Comparison compare(const char *name, Numbers got, Numbers want, size_t count,
                          CompareTolerance tolerance) {
    Comparison result;
    if (!comparable(name, got, want, count, &result))
        return result;
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
    result.same = most <= allowed;
    result.share = share_of(most, allowed);
    if (!result.same)
        snprintf(result.message, sizeof result.message,
                 "%s[%zu] of %zu: got %.9g, want %.9g, error %.3g is %.3g of the tolerance %.3g",
                 name, worst, count, at(got, worst), at(want, worst), most, result.share, allowed);
    return result;
}

Comparison comparison_of_doubles(const char *name, const double *got, const double *want,
                                 size_t count, CompareTolerance tolerance) {
    return compare(name, wide(got), wide(want), count, tolerance);
}

Comparison comparison_of_floats(const char *name, const float *got, const float *want, size_t count,
                                CompareTolerance tolerance) {
    return compare(name, narrow(got), narrow(want), count, tolerance);
}

Comparison comparison_of_norms(const char *name, const float *got, const float *want, size_t count,
                               CompareTolerance tolerance) {
    Comparison result;
    if (!comparable(name, narrow(got), narrow(want), count, &result))
        return result;
    double away = 0, size = 0;
    for (size_t i = 0; i < count; i++) {
        away += ((double)got[i] - want[i]) * ((double)got[i] - want[i]);
        size += (double)want[i] * want[i];
    }
    double err = sqrt(away), allowed = tolerance.relative * sqrt(size) + tolerance.absolute;
    result.same = err <= allowed;
    result.share = share_of(err, allowed);
    if (!result.same)
        snprintf(result.message, sizeof result.message,
                 "%s: error norm %.3g of %zu values of norm %.3g, %.3g of the tolerance", name, err,
                 count, sqrt(size), result.share);
    return result;
}

Comparison comparison_of_numbers(const char *name, double got, double want, double limit) {
    return compare(name, wide(&got), wide(&want), 1, (CompareTolerance){.absolute = limit});
}
