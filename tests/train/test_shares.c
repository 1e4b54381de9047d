/* A batch in shares trains as the batch in one piece does, where batch norm's groups are the same:
 * up to rounding. usage: test_shares BACKEND */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "net/models.h"
#include "tests/support/rig.h"
#include "tests/train/problem.h"

enum { SHARED_BATCH = 8, GROUP = 2, NUMBERS_MAX = 4096 };

/* What a training leaves. */
typedef struct Outcome {
    Problem *problem;
    double numbers[NUMBERS_MAX]; /* weights, running statistics, what the layers did, curve rows */
    int count;
} Outcome;

static void keep(Outcome *o, double number) {
    assert_true(o->count < NUMBERS_MAX);
    o->numbers[o->count++] = number;
}

static Status on_curve(void *context, const CurveRow *row) {
    Outcome *o = context;
    keep(o, row->train_loss);
    keep(o, row->train_error_pct);
    keep(o, row->train_eval_loss);
    keep(o, row->test_loss);
    keep(o, row->test_error_pct);
    return STATUS_OK;
}

static Status on_layers(void *context, int64_t iteration, const LayerRow *rows, int count) {
    Outcome *o = context;
    (void)iteration;
    for (int i = 0; i < count; i++) {
        keep(o, rows[i].gradient_norm);
        keep(o, rows[i].update_ratio);
    }
    return STATUS_OK;
}

static Status on_end(void *context, State *state, int64_t iterations) {
    Outcome *o = context;
    (void)iterations;
    for (int i = 0; i < state->net->param_count; i++) {
        float floats[2048];
        size_t count = state->net->params[i].count;
        assert_true(count <= 2048 && o->count + (int)count <= NUMBERS_MAX);
        OK(state_read(state, SECTION_VALUE, i, floats));
        if (state_is_wide(state))
            OK(state_read_wide(state, SECTION_VALUE, i, o->numbers + o->count));
        for (size_t n = 0; !state_is_wide(state) && n < count; n++)
            o->numbers[o->count + (int)n] = floats[n];
        o->count += (int)count;
    }
    return STATUS_OK;
}

static Outcome *train(Problem *p, int shares) {
    Outcome *o = calloc(1, sizeof *o);
    o->problem = p;
    if (p->backend->ops->native != PRECISION_FP64)
        p->spec.iterations = 1;
    TrainHooks hooks = {.context = o, .curve = on_curve, .layers = on_layers, .end = on_end};
    TrainResult result;
    p->spec.shares = shares;
    OK(train_run(&p->spec, p->net, p->backend, &hooks, &result));
    assert_false(result.diverged);
    return o;
}

/* Sums in another order differ in the last bits, and a few steps make more of it: floats get one.
 */
static void assert_close(const Outcome *a, const Outcome *b) {
    double tolerance = a->problem->backend->ops->native == PRECISION_FP64 ? 1e-9 : 1e-4;

    assert_int_equal(a->count, b->count);
    for (int i = 0; i < a->count; i++) {
        double error = fabs(a->numbers[i] - b->numbers[i]);
        if (!(error <= tolerance * (1 + fabs(a->numbers[i]))))
            fail_msg("number %d: %.17g and %.17g", i, a->numbers[i], b->numbers[i]);
    }
}

static void compare(Problem *p) {
    p->spec.batch = SHARED_BATCH;
    p->spec.bn_group = GROUP;
    Outcome *whole = train(p, 1);
    for (int shares = 2; shares <= SHARED_BATCH / GROUP; shares *= 2) {
        Outcome *shared = train(p, shares), *again = train(p, shares);
        assert_close(whole, shared);
        assert_memory_equal(shared->numbers, again->numbers,
                            (size_t)shared->count * sizeof(double));
        free(shared);
        free(again);
    }
    free(whole);
}

static void sgd(void **state) {
    compare(*state);
}

static void adam(void **state) {
    Problem *p = *state;
    p->spec.optimizer = (Optimizer){.kind = OPTIMIZER_ADAM,
                                    .beta1 = 0.9,
                                    .beta2 = 0.999,
                                    .eps = 1e-3, /* else signs of zero gradients decide */
                                    .weight_decay = 1e-3};
    p->spec.lr = 0.01;
    compare(p);
}

/* What is dropped depends on the image, not on its place in a share. */
static void dropout(void **state) {
    Problem *p = *state;
    ModelSpec model = model_default();
    model.depth = 8;
    model.width = 2;
    model.input = problem_shape;
    model.classes = CLASSES;
    model.shortcut_dropout = 0.3;
    net_destroy(p->net);
    OK(model_build(&model, &p->net));
    compare(p);
}

/* With batch norm over a whole share there is another number of groups, so other results: a batch
 * in one piece must not pass for shares. */
static void group_of_a_share(void **state) {
    Problem *p = *state;
    p->spec.batch = SHARED_BATCH;
    p->spec.bn_group = 0;
    Outcome *shared = train(p, 4), *whole = train(p, 1);
    p->spec.bn_group = GROUP;
    Outcome *groups = train(p, 1);
    assert_close(shared, groups);
    assert_int_equal(shared->count, whole->count);
    assert_memory_not_equal(shared->numbers, whole->numbers,
                            (size_t)shared->count * sizeof(double));
    free(shared);
    free(whole);
    free(groups);
}

static Status on_any_curve(void *context, const CurveRow *row) {
    (void)context, (void)row;
    return STATUS_OK;
}

/* The step is named in which the loss ceased to be finite. */
static void diverges(void **state) {
    Problem *p = *state;
    TrainHooks hooks = {.curve = on_any_curve};
    TrainResult whole, shared;
    p->spec.batch = SHARED_BATCH;
    p->spec.bn_group = GROUP;
    p->spec.lr = 1e200;
    OK(train_run(&p->spec, p->net, p->backend, &hooks, &whole));
    p->spec.shares = 4;
    OK(train_run(&p->spec, p->net, p->backend, &hooks, &shared));
    assert_true(whole.diverged && shared.diverged);
    assert_int_equal(whole.iterations, shared.iterations);
}

static void refused(void **state) {
    Problem *p = *state;
    TrainHooks hooks = {.curve = on_any_curve};
    TrainResult result;
    p->spec.batch = 9;
    p->spec.shares = 4;
    assert_int_equal(train_run(&p->spec, p->net, p->backend, &hooks, &result), STATUS_BAD_INPUT);
    p->spec.batch = SHARED_BATCH;
    p->spec.bn_group = 4;
    assert_int_equal(train_run(&p->spec, p->net, p->backend, &hooks, &result), STATUS_BAD_INPUT);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, problem_set_up, problem_tear_down)

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {
        TEST(sgd), TEST(adam), TEST(dropout), TEST(group_of_a_share), TEST(diverges), TEST(refused),
    };
    if (argc < 2)
        return 2;
    problem_backend = argv[1];
    if (backend_is_missing(problem_backend))
        return TEST_SKIPPED;
    return cmocka_run_group_tests_name("shares", tests, NULL, NULL);
}
