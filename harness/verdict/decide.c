#include "harness/verdict/decide.h"

#include <math.h>
#include <stdio.h>

#include "harness/report/student.h"

/* Standard error and degrees of freedom with `more` runs a side. */
static void put_error(MeanEstimate *e, int more) {
    double n = e->n + more, n2 = e->n2 + more;
    e->se = e->df = NAN;
    if (n < 2 || (e->n2 > 0 && n2 < 2))
        return;
    double a = e->sd * e->sd / n, b = e->n2 ? e->sd2 * e->sd2 / n2 : 0;
    e->se = sqrt(a + b);
    if (e->n2 == 0)
        e->df = n - 1;
    else if (a + b > 0) /* Welch-Satterthwaite */
        e->df = (a + b) * (a + b) / (a * a / (n - 1) + b * b / (n2 - 1));
    else
        e->df = n + n2 - 2;
}

MeanEstimate estimate_mean(const Summary *sample) {
    MeanEstimate e = {.n = sample->n, .value = sample->mean, .sd = sample->sd, .sd2 = NAN};
    put_error(&e, 0);
    return e;
}

MeanEstimate estimate_difference(const Summary *left, const Summary *right) {
    MeanEstimate e = {.n = left->n,
                      .n2 = right->n,
                      .value = left->mean - right->mean,
                      .sd = left->sd,
                      .sd2 = right->sd};
    put_error(&e, 0);
    return e;
}

static bool is_inside(double value, Band band) {
    return value >= band.low && value <= band.high;
}

static double normal_cdf(double x) {
    return 0.5 * erfc(-x / sqrt(2));
}

/* The density of sd over sigma, of which df times the square is chi-squared distributed. */
static double deviation_density(double w, double df) {
    if (!(w > 0))
        return df > 1 ? 0 : sqrt(2 / acos(-1));
    return 2 * exp(df / 2 * log(df / 2) - lgamma(df / 2) + (df - 1) * log(w) - df * w * w / 2);
}

/* Integrates over the deviation that the runs will happen to show: given it, the mean is normal and
 * the verdict falls when the mean lies between two points. `low` and `high` are the distances of
 * the mean from the ends of the band, in standard errors; `reach` is the quantile of t. Simpson's
 * rule. */
static double power_inside(double low, double high, double reach, double df) {
    enum { STEPS = 400 };
    double end = 1 + 10 / sqrt(df), sum = 0;
    for (int i = 0; i <= STEPS; i++) {
        double w = end * i / STEPS;
        double share = normal_cdf(high - reach * w) - normal_cdf(reach * w - low);
        sum += (i == 0 || i == STEPS ? 1
                : i % 2              ? 4
                                     : 2) *
               fmax(0, share) * deviation_density(w, df);
    }
    return sum * end / STEPS / 3;
}

double decision_power(const MeanEstimate *estimate, Band band, Level level, int more) {
    MeanEstimate e = *estimate;
    put_error(&e, more);
    double reach = student_quantile(1 - level.alpha, e.df), value = e.value;
    double low = value - band.low, high = band.high - value;
    if (!(e.se > 0)) /* all runs alike */
        return low != 0 && high != 0;
    if (high < 0) /* "not reproduced" is a one-sided test: a band without the other end */
        return power_inside(-high / e.se, INFINITY, reach, e.df);
    if (low < 0)
        return power_inside(INFINITY, -low / e.se, reach, e.df);
    return power_inside(low / e.se, high / e.se, reach, e.df);
}

/* The power grows with the number of runs. */
static int more_seeds(const MeanEstimate *estimate, Band band, Level level) {
    int low = 0, high = MORE_SEEDS_MAX;
    if (decision_power(estimate, band, level, high) < level.power)
        return MORE_SEEDS_MAX + 1;
    while (high - low > 1) {
        int middle = (low + high) / 2;
        if (decision_power(estimate, band, level, middle) < level.power)
            low = middle;
        else
            high = middle;
    }
    return high;
}

/* The larger p of two one-sided tests: that of the hypothesis "not below high" and that of "not
 * above low". */
static double outside_p(const MeanEstimate *e, Band band) {
    double up = e->value - band.low, down = band.high - e->value;
    if (e->se > 0)
        return fmax(student_cdf(-up / e->se, e->df), student_cdf(-down / e->se, e->df));
    return up > 0 && down > 0 ? 0 : 1;
}

Decision decide(const MeanEstimate *e, Band band, Level level) {
    Decision d = {.outcome = NOT_MEASURED, .ci_low = NAN, .ci_high = NAN, .p = NAN};
    if (isnan(e->value))
        return d;
    if (isnan(e->se)) {
        d.outcome = is_inside(e->value, band) ? INSIDE_BAND : OUTSIDE_BAND;
        return d;
    }
    double half = e->se > 0 ? student_quantile(1 - level.alpha, e->df) * e->se : 0;
    d.ci_low = e->value - half;
    d.ci_high = e->value + half;
    d.p = outside_p(e, band);
    if (d.ci_low > band.low && d.ci_high < band.high) {
        d.outcome = REPRODUCED;
    } else if (d.ci_low > band.high || d.ci_high < band.low) {
        d.outcome = NOT_REPRODUCED;
    } else {
        d.outcome = UNDERPOWERED;
        d.more = more_seeds(e, band, level);
    }
    return d;
}

void decision_text(const Decision *decision, char *text, size_t size) {
    static const char *const words[] = {
        [NOT_MEASURED] = "not measured",         [INSIDE_BAND] = "inside band (n=1)",
        [OUTSIDE_BAND] = "outside band (n=1)",   [REPRODUCED] = "reproduced",
        [NOT_REPRODUCED] = "not reproduced",     [UNDERPOWERED] = "underpowered",
        [UNDECIDED] = "undecided: runs diverged"};
    if (decision->outcome != UNDERPOWERED)
        snprintf(text, size, "%s", words[decision->outcome]);
    else if (decision->more > MORE_SEEDS_MAX)
        snprintf(text, size, "underpowered: over %d more seeds", MORE_SEEDS_MAX);
    else
        snprintf(text, size, "underpowered: %d more seed%s", decision->more,
                 decision->more == 1 ? "" : "s");
}
