/* A training that is stopped after any iteration and gone on from its checkpoint reports what an
 * undisturbed one does, and ends with the same weights, to the last bit. usage: test_resume BACKEND
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "harness/weights/checkpoint.h"
#include "tests/support/rig.h"
#include "tests/train/problem.h"

enum { LONG = 75, WEIGHTS = 4096 };

static char path[64];
static const char identity[] = "run=1\nprogram=2\n";

/* One training, in as many pieces as it takes. */
typedef struct Story {
    Problem *problem;
    CurveRow curves[LONG];
    StepRow steps[LONG];
    int curve_count, step_count, checkpoints;
    int64_t stop_after, resumed_at;
    volatile sig_atomic_t stop;
    double weights[WEIGHTS];
    size_t weight_count;
} Story;

/* What was reported by the time of a checkpoint; later rows are dropped. */
typedef struct Place {
    TrainPoint point;
    int64_t curves, steps;
} Place;

static Status on_curve(void *context, const CurveRow *row) {
    Story *s = context;
    assert_true(s->curve_count < LONG);
    s->curves[s->curve_count] = *row;
    s->curves[s->curve_count++].seconds = 0; /* the one thing that differs */
    return STATUS_OK;
}

static Status on_step(void *context, const StepRow *row) {
    Story *s = context;
    assert_true(s->step_count < LONG);
    s->steps[s->step_count++] = *row;
    s->stop = row->iteration == s->stop_after;
    return STATUS_OK;
}

static Status on_checkpoint(void *context, State *state, const TrainPoint *point) {
    Story *s = context;
    Place place = {*point, s->curve_count, s->step_count};
    CheckpointPart part = {"place", &place, sizeof place};
    s->checkpoints++;
    return checkpoint_save(path, state, identity, point->iteration, &part, 1);
}

static Status on_resume(void *context, State *state, TrainPoint *point) {
    Story *s = context;
    Checkpoint checkpoint;
    Place place;
    if (access(path, F_OK) != 0)
        return STATUS_OK;
    OK(checkpoint_open(path, identity, &checkpoint));
    OK(checkpoint_restore(&checkpoint, path, state));
    CheckpointPart part = checkpoint_part(&checkpoint, "place");
    assert_int_equal(part.size, sizeof place);
    memcpy(&place, part.bytes, sizeof place);
    assert_int_equal(place.point.iteration, checkpoint.iteration);
    checkpoint_close(&checkpoint);
    *point = place.point;
    s->curve_count = (int)place.curves;
    s->step_count = (int)place.steps;
    s->resumed_at = point->iteration;
    return STATUS_OK;
}

static Status read_values(State *state, int param, double *values) {
    static float narrow[WEIGHTS];
    if (state_is_wide(state))
        return state_read_wide(state, SECTION_VALUE, param, values);
    Status status = state_read(state, SECTION_VALUE, param, narrow);
    for (size_t k = 0; k < state->net->params[param].count; k++)
        values[k] = (double)narrow[k];
    return status;
}

static Status on_end(void *context, State *state, int64_t iterations) {
    Story *s = context;
    (void)iterations;
    s->weight_count = 0;
    for (int i = 0; i < state->net->param_count; i++) {
        size_t count = state->net->params[i].count;
        assert_true(s->weight_count + count <= WEIGHTS);
        OK(read_values(state, i, s->weights + s->weight_count));
        s->weight_count += count;
    }
    return STATUS_OK;
}

static Status train(Story *s, TrainResult *result) {
    Problem *p = s->problem;
    TrainHooks hooks = {.context = s,
                        .curve = on_curve,
                        .step = on_step,
                        .resume = on_resume,
                        .checkpoint = on_checkpoint,
                        .end = on_end,
                        .stop = &s->stop};
    s->stop = 0;
    return train_run(&p->spec, p->net, p->backend, &hooks, result);
}

static Story *whole_story(Problem *p, TrainResult *result) {
    Story *s = calloc(1, sizeof *s);
    assert_non_null(s);
    s->problem = p;
    p->spec.log_every = p->spec.log_every ? p->spec.log_every : 1;
    unlink(path);
    OK(train(s, result));
    unlink(path);
    return s;
}

/* NaN cells compare as the bits they are. */
static void assert_same_story(const Story *a, const Story *b) {
    assert_int_equal(a->curve_count, b->curve_count);
    assert_int_equal(a->step_count, b->step_count);
    assert_memory_equal(a->curves, b->curves, (size_t)a->curve_count * sizeof a->curves[0]);
    assert_memory_equal(a->steps, b->steps, (size_t)a->step_count * sizeof a->steps[0]);
    assert_int_equal(a->weight_count, b->weight_count);
    assert_memory_equal(a->weights, b->weights, a->weight_count * sizeof a->weights[0]);
}

/* Stopped after each iteration in turn; on a device, where compiling takes longer, after every
 * third. */
static void stop_everywhere(Problem *p) {
    TrainResult whole, parts;
    Story *undisturbed = whole_story(p, &whole);
    int64_t stride = p->backend->ops->metrics_wait ? 3 : 1;
    for (int64_t k = 1; k < p->spec.iterations; k += stride) {
        Story *s = calloc(1, sizeof *s);
        s->problem = p;
        s->stop_after = k;
        unlink(path);
        assert_int_equal(train(s, &parts), STATUS_INTERRUPTED);
        s->stop_after = 0;
        OK(train(s, &parts));
        assert_int_equal(s->resumed_at, k);
        assert_same_story(undisturbed, s);
        assert_int_equal(parts.iterations, whole.iterations);
        assert_true(parts.best_test_error_pct == whole.best_test_error_pct);
        assert_true(parts.last.test_loss == whole.last.test_loss);
        free(s);
    }
    unlink(path);
    free(undisturbed);
}

static void sgd(void **state) {
    stop_everywhere(*state);
}

static void adam(void **state) {
    Problem *p = *state;
    problem_use_adam(p);
    p->spec.bn_eval = BN_EVAL_BATCH_UPDATE;
    stop_everywhere(p);
}

static void recalibrated(void **state) {
    Problem *p = *state;
    p->spec.bn_eval = BN_EVAL_RECALIBRATED;
    p->spec.last_batch = LAST_BATCH_KEEP;
    stop_everywhere(p);
}

/* Shares start each step from statistics that a checkpoint holds. */
static void in_shares(void **state) {
    Problem *p = *state;
    p->spec.batch = 8;
    p->spec.shares = 4;
    stop_everywhere(p);
}

/* The warm-up ends after its first block of 50 iterations. */
static void warm_up(void **state) {
    Problem *p = *state;
    TrainResult whole, parts;
    static const int64_t stops[] = {3, 49, 50, 51, 60};
    OK(warmup_parse("0.001 until 99.9", &p->spec.warmup));
    p->spec.schedule.count = 0;
    p->spec.iterations = LONG - 5;
    p->spec.eval_every = 25;
    Story *undisturbed = whole_story(p, &whole);
    assert_true(undisturbed->steps[49].lr == 0.001 && undisturbed->steps[50].lr == 0.05);
    for (size_t i = 0; i < sizeof stops / sizeof stops[0]; i++) {
        Story *s = calloc(1, sizeof *s);
        s->problem = p;
        s->stop_after = stops[i];
        unlink(path);
        assert_int_equal(train(s, &parts), STATUS_INTERRUPTED);
        s->stop_after = 0;
        OK(train(s, &parts));
        assert_same_story(undisturbed, s);
        free(s);
    }
    free(undisturbed);
}

/* At evaluations but the last, every N iterations from the last one on, and never twice. */
static void how_often(void **state) {
    Problem *p = *state;
    TrainResult result;
    static const int64_t every[] = {0, 1, 2, 5};
    static const int expected[] = {2, 6, 4, 2}; /* of seven iterations, evaluated after 3, 6, 7 */
    for (int i = 0; i < 4; i++) {
        p->spec.checkpoint_every = every[i];
        Story *s = whole_story(p, &result);
        assert_int_equal(s->checkpoints, expected[i]);
        free(s);
    }
}

/* Where metrics are read seldom, reading them for a checkpoint would sum them in other pieces: then
 * it is written at the next reading. */
static void never_between_readings(void **state) {
    Problem *p = *state;
    TrainResult whole, parts;
    const BackendOps *usual = p->backend->ops;
    BackendOps behind = *usual;
    behind.metrics_wait = true;
    p->backend->ops = &behind;
    p->spec.iterations = 50;
    p->spec.eval_every = 0;
    p->spec.log_every = 7;
    p->spec.checkpoint_every = 1;
    p->spec.lr = 0.01;
    Story *undisturbed = whole_story(p, &whole);
    assert_int_equal(undisturbed->checkpoints, 9); /* 7 14 20 21 28 35 40 42 49 */
    Story *s = calloc(1, sizeof *s);
    s->problem = p;
    s->stop_after = 35;
    assert_int_equal(train(s, &parts), STATUS_INTERRUPTED);
    s->stop_after = 0;
    OK(train(s, &parts));
    assert_same_story(undisturbed, s);
    free(s);
    free(undisturbed);
    p->backend->ops = usual;
}

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {
#define IN_PROBLEM(f) cmocka_unit_test_setup_teardown(f, problem_set_up, problem_tear_down)
        IN_PROBLEM(sgd),       IN_PROBLEM(adam),      IN_PROBLEM(recalibrated),
        IN_PROBLEM(warm_up),   IN_PROBLEM(how_often), IN_PROBLEM(never_between_readings),
        IN_PROBLEM(in_shares),
    };
    if (argc < 2)
        return 2;
    problem_backend = argv[1];
    if (backend_is_missing(problem_backend))
        return TEST_SKIPPED;
    snprintf(path, sizeof path, "/tmp/reslab-resume-%ld.safetensors", (long)getpid());
    int failed = cmocka_run_group_tests_name("resume", tests, NULL, NULL);
    unlink(path);
    return failed;
}
