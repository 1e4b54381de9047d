/* A training whose shares several ranks compute ends with the bits of one process; a rank that
 * fails fails all of them, and none waits for another that does not come. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "harness/ranks/ranks.h"
#include "harness/train/follow.h"
#include "tests/support/rig.h"
#include "tests/train/forked_ranks.h"
#include "tests/train/problem.h"

enum { SHARES = 4, PER_SHARE = 2, SHARED_BATCH = SHARES * PER_SHARE, NUMBERS_MAX = 8192 };

typedef enum Trouble { NO_TROUBLE, NOT_READY, BAD_LABELS } Trouble;

typedef struct Story {
    Problem *problem;
    double numbers[NUMBERS_MAX]; /* rank 0's curve rows, weights and momenta */
    int count;
    Trouble trouble; /* of the last rank */
    int rows_taken;  /* curve rows until rank 0's disk is full */
} Story;

static void keep(Story *s, double number) {
    assert_true(s->count < NUMBERS_MAX);
    s->numbers[s->count++] = number;
}

static Status on_curve(void *context, const CurveRow *row) {
    Story *s = context;
    if (s->rows_taken-- == 0)
        return status_fail(STATUS_IO, "the disk is full");
    keep(s, row->train_loss);
    keep(s, row->train_error_pct);
    keep(s, row->test_loss);
    return STATUS_OK;
}

/* What a checkpoint would give back: other weights and momenta than the ranks begin with. */
static Status on_resume(void *context, State *state, TrainPoint *point) {
    static const Section sections[] = {SECTION_VALUE, SECTION_MOMENTUM, SECTION_SQUARE};
    double values[2048];
    (void)context, (void)point;
    state->updates = 5;
    for (int i = 0; i < state->net->param_count; i++)
        for (int k = 0; k < 3; k++) {
            const Param *param = &state->net->params[i];
            if (k > 0 && (param_is_statistic(param) || (k == 2 && state->optimizer.eps == 0)))
                continue;
            assert_true(param->count <= sizeof values / sizeof values[0]);
            OK(state_read_wide(state, sections[k], i, values));
            for (size_t n = 0; n < param->count; n++)
                values[n] = k == 0 ? 1.25 * values[n] : 0.001 * (double)(n % 7 + 1);
            OK(state_write_wide(state, sections[k], i, values));
        }
    return STATUS_OK;
}

static Status on_end(void *context, State *state, int64_t iterations) {
    Story *s = context;
    (void)iterations;
    for (int i = 0; i < state->net->param_count; i++)
        for (int k = 0; k < 2; k++) {
            const Param *param = &state->net->params[i];
            if (k == 1 && param_is_statistic(param))
                continue;
            assert_true(s->count + (int)param->count <= NUMBERS_MAX);
            OK(state_read_wide(state, k ? SECTION_MOMENTUM : SECTION_VALUE, i,
                               s->numbers + s->count));
            s->count += (int)param->count;
        }
    return STATUS_OK;
}

static Status follow(void *context) {
    Story *s = context;
    Problem *p = s->problem;
    bool last = ranks_mine() == ranks_count() - 1;
    Status so_far = STATUS_OK;
    if (last && s->trouble == NOT_READY)
        so_far = status_fail(STATUS_UNAVAILABLE, "no data here");
    for (int i = 0; last && s->trouble == BAD_LABELS && i < IMAGES; i++)
        p->train.labels[i] = CLASSES;
    return train_follow(&p->spec, p->net, p->backend, so_far);
}

/* As sweep_train() does it on rank 0. */
static Status train(Story *s, int ranks, Status ended[FORKED_MAX]) {
    Problem *p = s->problem;
    TrainHooks hooks = {.context = s, .curve = on_curve, .resume = on_resume, .end = on_end};
    TrainResult result;
    p->spec.shares = SHARES;
    p->spec.batch = SHARED_BATCH;
    forked_ranks_begin(ranks, follow, s);
    Status status = train_run(&p->spec, p->net, p->backend, &hooks, &result);
    ranks_tell(ORDER_OVER, NULL, 0);
    forked_ranks_end(ended);
    return status;
}

static void same_bits(Problem *p) {
    Status ended[FORKED_MAX];
    Story *alone = calloc(1, sizeof *alone);
    alone->problem = p;
    alone->rows_taken = ROWS_MAX;
    OK(train(alone, 1, ended));
    for (int ranks = 2; ranks <= SHARES; ranks *= 2) {
        Story *s = calloc(1, sizeof *s);
        s->problem = p;
        s->rows_taken = ROWS_MAX;
        OK(train(s, ranks, ended));
        for (int r = 1; r < ranks; r++)
            assert_int_equal(ended[r], STATUS_OK);
        assert_int_equal(s->count, alone->count);
        assert_memory_equal(s->numbers, alone->numbers, (size_t)s->count * sizeof(double));
        free(s);
    }
    free(alone);
}

static void sgd(void **state) {
    same_bits(*state);
}

/* Evaluations change rank 0's statistics only. */
static void adam(void **state) {
    Problem *p = *state;
    problem_use_adam(p);
    p->spec.bn_eval = BN_EVAL_BATCH_UPDATE;
    same_bits(p);
}

static void trouble(Problem *p, Trouble kind, Status status, const char *words) {
    for (int ranks = 2; ranks <= SHARES; ranks *= 2) {
        Status ended[FORKED_MAX];
        char expected[64];
        Story *s = calloc(1, sizeof *s);
        s->problem = p;
        s->rows_taken = ROWS_MAX;
        s->trouble = kind;
        assert_int_equal(train(s, ranks, ended), status);
        snprintf(expected, sizeof expected, "rank %d of %d: %s", ranks - 1, ranks, words);
        if (strncmp(status_message(), expected, strlen(expected)) != 0)
            fail_msg("'%s', not '%s'", status_message(), expected);
        for (int r = 1; r < ranks; r++)
            assert_int_equal(ended[r], status);
        free(s);
    }
}

static void rank_not_ready(void **state) {
    trouble(*state, NOT_READY, STATUS_UNAVAILABLE, "no data here");
}

static void rank_fails_in_a_step(void **state) {
    trouble(*state, BAD_LABELS, STATUS_BAD_INPUT, "image ");
}

static void rank_0_fails(void **state) {
    Status ended[FORKED_MAX];
    Story *s = calloc(1, sizeof *s);
    s->problem = *state;
    s->rows_taken = 1;
    assert_int_equal(train(s, SHARES, ended), STATUS_IO);
    for (int r = 1; r < SHARES; r++)
        assert_int_equal(ended[r], STATUS_OK);
    free(s);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, problem_set_up, problem_tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(sgd), TEST(adam), TEST(rank_not_ready), TEST(rank_fails_in_a_step), TEST(rank_0_fails),
    };
    return cmocka_run_group_tests_name("ranks", tests, NULL, NULL);
}
