/* Student's t, intervals, p values and decisions beside SciPy's (golden.txt, make_golden.py); power
 * beside a simulation; what one run, equal runs and the edge of a band give. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "harness/report/student.h"
#include "harness/verdict/decide.h"

static const char *golden_path;
static const Level level = {.alpha = 0.05, .power = 0.8};

enum { NUMBERS = 64 };

typedef struct Golden {
    char kind[16], text[4096];
    double x[NUMBERS];
    int count;
} Golden;

/* Calls check() for every line of a kind; returns how many there were. */
static int each(const char *kind, void (*check)(const Golden *)) {
    Golden g;
    int lines = 0;
    FILE *file = fopen(golden_path, "r");
    assert_non_null(file);
    while (fgets(g.text, sizeof g.text, file)) {
        int used;
        if (sscanf(g.text, "%15s%n", g.kind, &used) != 1 || strcmp(g.kind, kind) != 0)
            continue;
        char *at = g.text + used, *end;
        for (g.count = 0; g.count < NUMBERS; g.count++, at = end) {
            g.x[g.count] = strtod(at, &end);
            if (end == at)
                break;
        }
        check(&g);
        lines++;
    }
    fclose(file);
    return lines;
}

static void near(const Golden *g, const char *what, double got, double want, double relative) {
    double error = fabs(got - want), allowed = relative * fabs(want) + 1e-300;
    if (!(error <= allowed))
        fail_msg("%s: %.17g, expected %.17g, in %s", what, got, want, g->text);
}

static void check_cdf(const Golden *g) {
    near(g, "cdf", student_cdf(g->x[0], g->x[1]), g->x[2], 1e-9);
}

static void check_quantile(const Golden *g) {
    double got = student_quantile(g->x[0], g->x[1]);
    if (g->x[0] == 0.5)
        assert_true(fabs(got) <= 1e-12);
    else
        near(g, "quantile", got, g->x[2], 1e-9);
}

static void student_as_scipy(void **state) {
    (void)state;
    assert_int_equal(each("cdf", check_cdf), 120);
    assert_int_equal(each("quantile", check_quantile), 100);
    assert_true(isnan(student_quantile(0, 3)) && isnan(student_quantile(1, 3)));
    assert_true(isnan(student_cdf(1, 0)) && isnan(student_cdf(NAN, 2)));
    assert_true(student_cdf(INFINITY, 2) == 1 && student_cdf(-INFINITY, 2) == 0);
}

/* kind low high n n2 left.. right.. value ci_low ci_high p */
static void check_test(const Golden *g) {
    int n = (int)g->x[2], n2 = (int)g->x[3];
    const double *left = g->x + 4, *right = left + n, *want = right + n2;
    double differences[NUMBERS];
    assert_int_equal(g->count, 4 + n + n2 + 4);
    for (int i = 0; i < n && i < n2; i++)
        differences[i] = left[i] - right[i];
    Summary a = summarize(strcmp(g->kind, "paired") == 0 ? differences : left, n);
    Summary b = summarize(right, n2);
    MeanEstimate e =
        strcmp(g->kind, "welch") == 0 ? estimate_difference(&a, &b) : estimate_mean(&a);
    Decision d = decide(&e, (Band){g->x[0], g->x[1]}, level);
    near(g, "value", e.value, want[0], 1e-9);
    near(g, "ci_low", d.ci_low, want[1], 1e-8);
    near(g, "ci_high", d.ci_high, want[2], 1e-8);
    near(g, "p", d.p, want[3], 1e-7);
    assert_int_equal(d.outcome == REPRODUCED, want[3] < level.alpha);
    if (d.outcome == NOT_REPRODUCED)
        assert_true(want[1] > g->x[1] || want[2] < g->x[0]);
}

static void tests_as_scipy(void **state) {
    (void)state;
    assert_int_equal(each("one", check_test), 12);
    assert_int_equal(each("paired", check_test), 24);
    assert_int_equal(each("welch", check_test), 24);
}

/* power mean sd low high n rate; 200000 repeats have a standard error of at most 0.0012. */
static void check_power(const Golden *g) {
    MeanEstimate e = {.n = 2, .value = g->x[0], .sd = g->x[1]};
    double got = decision_power(&e, (Band){g->x[2], g->x[3]}, level, (int)g->x[4] - 2);
    if (!(fabs(got - g->x[5]) <= 0.005))
        fail_msg("power %.4f, simulated %.4f, in %s", got, g->x[5], g->text);
}

static void power_as_simulated(void **state) {
    (void)state;
    assert_int_equal(each("power", check_power), 24);
}

static Decision of(int n, double mean, double sd, double low, double high) {
    Summary s = {n, mean, n > 1 ? sd : NAN, mean, mean};
    MeanEstimate e = estimate_mean(&s);
    return decide(&e, (Band){low, high}, level);
}

static void says(Decision d, const char *words) {
    char text[64];
    decision_text(&d, text, sizeof text);
    assert_string_equal(text, words);
}

static void every_outcome(void **state) {
    (void)state;
    says(of(0, NAN, NAN, 8, 9), "not measured");
    says(of(1, 8.5, 0, 8, 9), "inside band (n=1)");
    says(of(1, 9, 0, 8, 9), "inside band (n=1)");
    says(of(1, 9.01, 0, 8, 9), "outside band (n=1)");
    says(of(1, -3, 0, 0, INFINITY), "outside band (n=1)");
    says(of(5, 8.5, 0.1, 8, 9), "reproduced");
    says(of(5, 7, 0.1, 8, 9), "not reproduced");
    says(of(5, 10, 0.1, 8, 9), "not reproduced");
    says(of(5, 9, 0.1, 8, 9), "underpowered: over 1000 more seeds"); /* at the edge */
    says(of(3, 8.5, 0, 8, 9), "reproduced");                         /* all the same */
    says(of(3, 9, 0, 8, 9), "underpowered: over 1000 more seeds");
    says(of(3, 9.1, 0, 8, 9), "not reproduced");
}

/* The number of seeds is the least that reaches the power. */
static void seeds_are_the_least(void **state) {
    (void)state;
    Summary s = {3, 8.7, 0.3, 8.5, 9};
    MeanEstimate e = estimate_mean(&s);
    Band band = {8, 9};
    Decision d = decide(&e, band, level);
    assert_int_equal(d.outcome, UNDERPOWERED);
    assert_true(d.more > 1 && d.more < 100);
    assert_true(decision_power(&e, band, level, d.more) >= 0.8);
    assert_true(decision_power(&e, band, level, d.more - 1) < 0.8);
    /* a single run on one side leaves the difference without an interval */
    Summary one = {1, 8, NAN, 8, 8};
    MeanEstimate mixed = estimate_difference(&s, &one);
    assert_int_equal(decide(&mixed, (Band){0, INFINITY}, level).outcome, INSIDE_BAND);
}

/* A normal deviate from a fixed sequence. */
static double deviate(uint64_t *state) {
    double u[2];
    for (int i = 0; i < 2; i++) {
        *state = *state * 6364136223846793005u + 1442695040888963407u;
        u[i] = ((double)(*state >> 11) + 0.5) / 9007199254740992.0;
    }
    return sqrt(-2 * log(u[0])) * cos(6.283185307179586 * u[1]);
}

/* The promise: a mean at the edge of its band is called reproduced, and one at the edge is called
 * not reproduced, in at most alpha of all sweeps. */
static void errors_keep_their_level(void **state) {
    (void)state;
    enum { REPEATS = 5000, N = 4 };
    uint64_t random = 7;
    int inside = 0, outside = 0;
    for (int i = 0; i < REPEATS; i++) {
        double x[N];
        for (int k = 0; k < N; k++)
            x[k] = 9 + 0.1 * deviate(&random);
        Summary s = summarize(x, N);
        Decision d = of(N, s.mean, s.sd, 8, 9);
        inside += d.outcome == REPRODUCED;
        outside += d.outcome == NOT_REPRODUCED;
    }
    assert_true(fabs(inside / (double)REPEATS - 0.05) <= 0.01);
    assert_true(fabs(outside / (double)REPEATS - 0.05) <= 0.01);
}

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(student_as_scipy),    cmocka_unit_test(tests_as_scipy),
        cmocka_unit_test(power_as_simulated),  cmocka_unit_test(every_outcome),
        cmocka_unit_test(seeds_are_the_least), cmocka_unit_test(errors_keep_their_level),
    };
    if (argc != 2)
        return 1;
    golden_path = argv[1];
    return !!cmocka_run_group_tests(tests, NULL, NULL);
}
