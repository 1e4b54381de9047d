/* A backend against the oracle, for every case of the table: outputs, the gradient of the input and
 * of every parameter by name, batch-norm statistics, in training and in inference; ten training
 * steps; the same bits when run again. usage: test_cases BACKEND */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "harness/check/steps.h"
#include "net/fusion.h"
#include "tests/support/cases.h"
#include "tests/support/compare.h"
#include "tests/support/rig.h"

static const char *backend_name;

/* fp32 has 24 bits: half a unit in the last place is 6e-8. A sum of n terms errs by about sqrt(n)
 * of those, at most n; the longest here (a weight gradient: 6 images of 7x6; 16 channels of 3x3)
 * have 252 terms, and a net stacks eight of them with batch norms over few values in between. */
static const CompareTolerance one_operation = {.relative = 32 * 6e-8, .absolute = 1e-7};
static const CompareTolerance whole_net = {.relative = 1000 * 6e-8, .absolute = 1e-7};

static CompareTolerance tolerance_of(const Net *net) {
    return net->node_count > 12 ? whole_net : one_operation;
}

typedef struct Pair {
    Rig fast, slow; /* the backend under test and the oracle */
    Program *fast_program, *slow_program;
    char repro[128];
} Pair;

static void pair_open(Pair *pair, const Case *test, Mode mode, const Optimizer *optimizer) {
    Net *net = case_net(test);
    int last = net->node_count - (net_has_loss(net) ? 2 : 1);
    Tap taps[] = {{last, TAP_VALUE}, {0, TAP_GRADIENT}};
    int tap_count = mode == MODE_TRAIN ? 2 : 1;
    rig_open(&pair->fast, backend_name, 2, net, test->batch, optimizer);
    rig_open(&pair->slow, "ref", 1, case_net(test), test->batch, optimizer);
    pair->fast_program = rig_program(&pair->fast, mode, test->bn_group, taps, tap_count);
    pair->slow_program = rig_program(&pair->slow, mode, test->bn_group, taps, tap_count);
    snprintf(pair->repro, sizeof pair->repro, "test_cases %s (case %s)", backend_name, test->name);
}

static void pair_close(Pair *pair) {
    program_destroy(pair->fast_program);
    program_destroy(pair->slow_program);
    rig_close(&pair->fast);
    rig_close(&pair->slow);
}

static void assert_same(const Pair *pair, const char *name, float *got, float *want, size_t count,
                        double slack, double wander) {
    CompareTolerance tolerance = tolerance_of(pair->fast.net);
    tolerance.relative *= slack;
    tolerance.absolute += wander;
    bool same = compare_floats(name, got, want, count, tolerance, pair->repro);
    free(got);
    free(want);
    assert_true(same);
}

static void assert_same_tap(Pair *pair, int tap, const char *name) {
    size_t count;
    float *got = rig_tap(&pair->fast, pair->fast_program, tap, &count);
    float *want = rig_tap(&pair->slow, pair->slow_program, tap, &count);
    assert_same(pair, name, got, want, count, 1, 0);
}

/* The largest gradient of the net: a gradient that is zero by theory (a bias in front of a batch
 * norm) is rounding against this. */
static double largest_gradient(const Rig *rig) {
    double most = 0;
    for (int i = 0; i < rig->net->param_count; i++) {
        if (param_is_statistic(&rig->net->params[i]))
            continue;
        float *g = rig_read(rig, SECTION_GRADIENT, i);
        for (size_t k = 0; k < rig->net->params[i].count; k++)
            most = fmax(most, fabs(g[k]));
        free(g);
    }
    return most;
}

static void assert_same_gradients(Pair *pair) {
    double most = largest_gradient(&pair->slow);
    for (int i = 0; i < pair->fast.net->param_count; i++) {
        const Param *p = &pair->fast.net->params[i];
        if (param_is_statistic(p))
            continue;
        float *got = rig_read(&pair->fast, SECTION_GRADIENT, i);
        float *want = rig_read(&pair->slow, SECTION_GRADIENT, i);
        CompareTolerance tolerance = tolerance_of(pair->fast.net);
        tolerance.absolute += tolerance.relative * most;
        bool same = compare_floats(p->name, got, want, p->count, tolerance, pair->repro);
        free(got);
        free(want);
        assert_true(same);
    }
}

/* wander: how far Adam may have taken a bias whose gradient is zero: it divides rounding by its own
 * size, and makes steps of the learning rate of it. Batch norm takes such a bias away again. */
static void assert_same_values(Pair *pair, bool statistics_only, double slack, double wander) {
    for (int i = 0; i < pair->fast.net->param_count; i++) {
        const Param *p = &pair->fast.net->params[i];
        if (statistics_only && !param_is_statistic(p))
            continue;
        float *got = rig_read(&pair->fast, SECTION_VALUE, i);
        float *want = rig_read(&pair->slow, SECTION_VALUE, i);
        assert_same(pair, p->name, got, want, p->count, slack,
                    param_is_normalised_away(pair->fast.net, i) ? wander : 0);
    }
}

static void assert_same_metrics(Pair *pair) {
    Metrics got, want;
    OK(program_metrics(pair->fast_program, &got));
    OK(program_metrics(pair->slow_program, &want));
    assert_int_equal(got.images, want.images);
    assert_int_equal(got.errors, want.errors);
    /* An image's loss is a difference of logits of order one, however small it has become. */
    double limit =
        tolerance_of(pair->fast.net).relative * (fabs(want.loss_sum) + (double)want.images);
    assert_true(fabs(got.loss_sum - want.loss_sum) <= limit);
}

static void one_pass(Pair *pair) {
    Batch fast = rig_batch(&pair->fast), slow = rig_batch(&pair->slow);
    OK(program_forward(pair->fast_program, &fast));
    OK(program_forward(pair->slow_program, &slow));
}

static void matches_the_oracle(void **state) {
    Pair pair;
    pair_open(&pair, *state, MODE_TRAIN, NULL);
    one_pass(&pair);
    assert_same_tap(&pair, 0, "output");
    OK(program_backward(pair.fast_program, rig_dy(&pair.fast)));
    OK(program_backward(pair.slow_program, rig_dy(&pair.slow)));
    assert_same_tap(&pair, 1, "input gradient");
    assert_same_gradients(&pair);
    assert_same_values(&pair, true, 1, 0);
    assert_same_metrics(&pair);
    pair_close(&pair);
}

static void matches_in_every_mode(void **state) {
    const Mode modes[] = {MODE_EVAL, MODE_EVAL_BATCH, MODE_EVAL_BATCH_UPDATE, MODE_RECALIBRATE};
    for (int i = 0; i < 4; i++) {
        Pair pair;
        pair_open(&pair, *state, modes[i], NULL);
        one_pass(&pair);
        assert_same_tap(&pair, 0, "output");
        assert_same_values(&pair, true, 1, 0);
        assert_same_metrics(&pair);
        pair_close(&pair);
    }
}

/* ---- training ---- */

static void ten_steps_match(void **state) {
    for (int k = 0; k < CHECK_OPTIMIZERS; k++) {
        Pair pair;
        pair_open(&pair, *state, MODE_TRAIN, &check_optimizers[k]);
        Batch fast = rig_batch(&pair.fast), slow = rig_batch(&pair.slow);
        double wander = 0;
        for (int step = 0; step < CHECK_STEPS; step++) {
            double lr = check_rate(&check_optimizers[k], step);
            fast.step = slow.step = step;
            wander += check_optimizers[k].kind == OPTIMIZER_ADAM ? 2 * lr : 0;
            OK(program_train_step(pair.fast_program, &fast, lr));
            OK(program_train_step(pair.slow_program, &slow, lr));
            assert_same_metrics(&pair);
        }
        assert_same_values(&pair, false, CHECK_STEPS, wander);
        assert_int_equal(pair.fast.state->updates, CHECK_STEPS);
        pair_close(&pair);
    }
}

/* ---- bits ---- */

/* Parameters after three steps, laid end to end; program with or without taps. */
static float *trained_bits(const Case *test, bool tapped, size_t *count) {
    Optimizer optimizer = check_optimizers[0];
    Rig rig;
    Net *net = case_net(test);
    rig_open(&rig, backend_name, 2, net, test->batch, &optimizer);
    Tap *taps = calloc((size_t)net->node_count, sizeof *taps);
    int tap_count = 0;
    for (int id = 0; tapped && id + 1 < net->node_count; id++)
        taps[tap_count++] = (Tap){id, TAP_VALUE};
    Program *program = rig_program(&rig, MODE_TRAIN, test->bn_group, taps, tap_count);
    Batch batch = rig_batch(&rig);
    for (batch.step = 0; batch.step < 3; batch.step++)
        OK(program_train_step(program, &batch, 0.01));
    *count = net->learned_count + net->statistic_count;
    float *all = malloc(*count * sizeof *all), *to = all;
    for (int i = 0; i < net->param_count; i++) {
        OK(state_read(rig.state, SECTION_VALUE, i, to));
        to += net->params[i].count;
    }
    free(taps);
    program_destroy(program);
    rig_close(&rig);
    return all;
}

static void the_same_bits_again(void **state) {
    size_t count;
    float *once = trained_bits(*state, false, &count), *twice = trained_bits(*state, false, &count);
    assert_memory_equal(once, twice, count * sizeof *once);
    free(once);
    free(twice);
}

/* Looking must not change what is seen: diagnosis runs on a second, tapped program. */
static void taps_change_no_bits(void **state) {
    size_t count;
    float *plain = trained_bits(*state, false, &count);
    float *tapped = trained_bits(*state, true, &count);
    assert_memory_equal(plain, tapped, count * sizeof *plain);
    free(plain);
    free(tapped);
}

/* ---- the table ---- */

static int add_test(struct CMUnitTest *tests, int at, const char *what, const Case *test,
                    CMUnitTestFunction run) {
    static char names[1024][64];
    snprintf(names[at], sizeof names[at], "%s: %s", test->name, what);
    tests[at] =
        (struct CMUnitTest){.name = names[at], .test_func = run, .initial_state = (void *)test};
    return at + 1;
}

int main(int argc, char **argv) {
    if (argc < 2) {
        fprintf(stderr, "usage: test_cases BACKEND [GOLDEN [PATTERN]]\n");
        return 2;
    }
    backend_name = argv[1];
    if (backend_is_missing(backend_name))
        return TEST_SKIPPED;
    int count, tests_count = 0;
    const Case *cases = case_table(&count);
    struct CMUnitTest tests[1024] = {{0}};
    for (int i = 0; i < count; i++) {
        Net *net = case_net(&cases[i]);
        const Case *c = &cases[i];
        tests_count = add_test(tests, tests_count, "a pass", c, matches_the_oracle);
        tests_count = add_test(tests, tests_count, "modes", c, matches_in_every_mode);
        if (net_has_loss(net)) {
            tests_count = add_test(tests, tests_count, "ten steps", c, ten_steps_match);
            tests_count = add_test(tests, tests_count, "again", c, the_same_bits_again);
            tests_count = add_test(tests, tests_count, "taps", c, taps_change_no_bits);
        }
        net_destroy(net);
    }
    cmocka_set_test_filter(argc > 3 ? argv[3] : NULL);
    return !!_cmocka_run_group_tests("cases", tests, (size_t)tests_count, NULL, NULL);
}
