/* What is timed for an estimate: the program that would train, in the shares that this process
 * would compute, and again only where it is another. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "harness/sweep/estimate.h"

/* The oracle with a note of what is asked of it. */
typedef struct Asked {
    const BackendOps *usual;
    ProgramSpec spec; /* of the last program */
    int compiled, forwards, updates;
} Asked;

static Asked asked;

static Status compile(State *state, const ProgramSpec *spec, Program **program) {
    ProgramSpec direct = *spec;
    asked.spec = *spec;
    asked.compiled++;
    direct.conv = CONV_ALGORITHM_DIRECT; /* the oracle knows no other */
    return asked.usual->compile(state, &direct, program);
}

static Status forward(Program *program, const Batch *batch) {
    asked.forwards++;
    return asked.usual->forward(program, batch);
}

static Status update(State *state, double lr) {
    asked.updates++;
    return asked.usual->update(state, lr);
}

typedef struct Bench {
    Sweep sweep;
    Pace pace;
    RunConfig config;
    BackendOps ops;
} Bench;

static int set_up(void **state) {
    static const char *const settings[][2] = {
        {"backend", "ref"}, {"depth", "8"},    {"width", "2"},      {"dataset", "mnist"},
        {"batch", "8"},     {"threads", "4"},  {"iterations", "6"}, {"eval_every", "end"},
        {"shares", "4"},    {"bn_group", "2"}, {"train_size", "8"}, {"test_size", "8"},
    };
    static Bench bench;
    Backend *backend;
    memset(&bench, 0, sizeof bench);
    memset(&asked, 0, sizeof asked);
    config_default(&bench.config);
    for (size_t i = 0; i < sizeof settings / sizeof settings[0]; i++)
        if (config_set(&bench.config, settings[i][0], settings[i][1]) != STATUS_OK)
            return -1;
    if (sweep_backend(&bench.sweep, &bench.config, &backend) != STATUS_OK)
        return -1;
    asked.usual = backend->ops;
    bench.ops = *backend->ops;
    bench.ops.compile = compile;
    bench.ops.forward = forward;
    bench.ops.update = update;
    backend->ops = &bench.ops;
    *state = &bench;
    return 0;
}

static int tear_down(void **state) {
    Bench *bench = *state;
    sweep_close(&bench->sweep);
    return 0;
}

static Estimate estimated(Bench *bench, int ranks) {
    Estimate estimate;
    if (estimate_run(&bench->sweep, &bench->config, ranks, &bench->pace, &estimate) != STATUS_OK)
        fail_msg("%s", status_message());
    assert_int_equal(estimate.iterations, 6);
    assert_true(estimate.seconds > 0);
    return estimate;
}

/* Of one process, all four, each of two images. */
static void shares_one_by_one(void **state) {
    Bench *bench = *state;
    estimated(bench, 1);
    assert_int_equal(asked.compiled, 1);
    assert_int_equal(asked.spec.max_batch, 2);
    assert_int_equal(asked.spec.bn_group, 2);
    assert_true(asked.updates > 0);
    assert_int_equal(asked.forwards, 4 * asked.updates);
}

/* Of two, two each; a step of a process stands for half a batch when rank 0 evaluates alone: 16
 * images, a third of the work of an image each. */
static void shares_of_a_rank(void **state) {
    Bench *bench = *state;
    Estimate estimate = estimated(bench, 2);
    assert_int_equal(asked.spec.max_batch, 2);
    assert_int_equal(asked.forwards, 2 * asked.updates);
    double steps = 6 + 2 * 16.0 / 8 / 3;
    assert_true(fabs(estimate.seconds - bench->pace.step * steps) <= 1e-9 * estimate.seconds);
}

/* As many ranks as shares: a step is a program's own. */
static void one_share_a_rank(void **state) {
    Bench *bench = *state;
    estimated(bench, 4);
    assert_int_equal(asked.spec.max_batch, 2);
    assert_int_equal(asked.forwards, 0);
}

static void measured_again_where_it_differs(void **state) {
    Bench *bench = *state;
    static const char *const changes[][2] = {
        {"seed", "2"}, {"shares", "2"}, {"conv", "winograd"}, {"bn_group", "4"}, {"lr", "0.2"}};
    static const int compiled[] = {1, 2, 3, 4, 4};
    estimated(bench, 1);
    for (size_t i = 0; i < sizeof changes / sizeof changes[0]; i++) {
        bench->pace.spent = 0; /* however slow it is here */
        assert_int_equal(config_set(&bench->config, changes[i][0], changes[i][1]), STATUS_OK);
        assert_true(estimated(bench, 1).measured);
        assert_int_equal(asked.compiled, compiled[i]);
    }
    assert_int_equal(asked.spec.conv, CONV_ALGORITHM_WINOGRAD);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(shares_one_by_one),
        TEST(shares_of_a_rank),
        TEST(one_share_a_rank),
        TEST(measured_again_where_it_differs),
    };
    return !!cmocka_run_group_tests_name("estimate", tests, NULL, NULL);
}
