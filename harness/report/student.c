#include "harness/report/student.h"

#include <math.h>

/* The continued fraction of the incomplete beta function (DLMF 8.17.22), evaluated from the front
 * by Lentz's method; it converges fast where x < (a + 1) / (a + b + 2). */
static double beta_fraction(double a, double b, double x) {
    enum { STEPS = 100000 };
    const double tiny = 1e-300;
    double c = 1, d = 1 - (a + b) * x / (a + 1);
    d = 1 / (fabs(d) < tiny ? tiny : d);
    double value = d;
    for (int m = 1; m < STEPS; m++) {
        double terms[2] = {m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m)),
                           -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))};
        double change = 1;
        for (int i = 0; i < 2; i++) {
            d = 1 + terms[i] * d;
            d = 1 / (fabs(d) < tiny ? tiny : d);
            c = 1 + terms[i] / c;
            c = fabs(c) < tiny ? tiny : c;
            change = c * d;
            value *= change;
        }
        if (fabs(change - 1) < 1e-16)
            break;
    }
    return value;
}

/* I_x(a, b), the regularised incomplete beta function; y = 1 - x is given, too, because it may be
 * too small to be had from x. */
static double incomplete_beta(double a, double b, double x, double y) {
    if (x <= 0)
        return 0;
    if (y <= 0)
        return 1;
    if (x > (a + 1) / (a + b + 2))
        return 1 - incomplete_beta(b, a, y, x);
    double log_front = a * log(x) + b * log(y) + lgamma(a + b) - lgamma(a) - lgamma(b);
    return exp(log_front) * beta_fraction(a, b, x) / a;
}

double student_cdf(double t, double df) {
    if (isnan(t) || !(df > 0))
        return NAN;
    if (isinf(t))
        return t > 0;
    double square = t * t;
    double tail = 0.5 * incomplete_beta(df / 2, 0.5, df / (df + square), square / (df + square));
    return t > 0 ? 1 - tail : tail;
}

double student_quantile(double p, double df) {
    if (!(p > 0 && p < 1) || !(df > 0))
        return NAN;
    if (p > 0.5)
        return -student_quantile(1 - p, df);
    double low = -1, high = 0;
    while (student_cdf(low, df) > p)
        low *= 2;
    for (int i = 0; i < 200 && low < high; i++) {
        double middle = low + (high - low) / 2;
        if (middle == low || middle == high)
            break;
        if (student_cdf(middle, df) < p)
            low = middle;
        else
            high = middle;
    }
    return low + (high - low) / 2;
}

double student_half_width(int n, double sd, double alpha) {
    if (n < 2 || !(sd >= 0))
        return NAN;
    return sd > 0 ? student_quantile(1 - alpha, n - 1) * sd / sqrt(n) : 0;
}
