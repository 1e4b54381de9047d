/* Dropout drops exactly the elements that net/dropout.h says, bit for bit on every backend:
 * whatever the batch's size and order, anew in each step, for each seed and node; forward and
 * backward alike; and nothing outside of training. usage: test_dropout BACKEND */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "net/philox.h"
#include "tests/support/compare.h"
#include "tests/support/rig.h"

static const char *backend_name;

enum { IMAGES = 7, C = 19, H = 5, W = 3, AREA = H * W, SIZE = C * AREA };

static const uint64_t seed = UINT64_C(0xfedcba9876543210);
static const double probability = 0.3;

/* Does the element drop out? In the words of net/dropout.h, but for its functions. */
static bool drops(uint64_t key, int node, int64_t step, int sample, int c, int pixel) {
    uint32_t block = (uint32_t)(pixel * ((C + 3) / 4) + c / 4);
    Philox draw = philox(key, 6 + 256 * (uint32_t)node, (uint32_t)step, (uint32_t)sample, block);
    return draw.v[c % 4] < 0.3 * 4294967296.0;
}

/* Two dropouts of the same input, side by side. */
static Net *two_dropouts(void) {
    Net *net = net_create("dropout");
    int x = net_input(net, (Shape){C, H, W});
    int a = net_dropout(net, "first", x, probability);
    net_add(net, "sum", a, net_dropout(net, "second", x, probability));
    return net;
}

enum { FIRST = 1, SECOND, SUM };

typedef struct Run {
    Rig rig;
    Program *program;
    float *first, *second, *dx; /* what the taps show, after forward() and backward() */
} Run;

static const Tap run_taps[] = {{FIRST, TAP_VALUE}, {SECOND, TAP_VALUE}, {0, TAP_GRADIENT}};

/* No input is 0 but every seventh, so that a mask cannot be read off the values. */
static void open_run(Run *run, Mode mode, uint64_t key) {
    memset(run, 0, sizeof *run);
    rig_open(&run->rig, backend_name, 2, two_dropouts(), IMAGES, NULL);
    for (int i = 0; i < IMAGES * SIZE; i++)
        run->rig.images[i] = i % 7 ? (float)(1 + i % 50) : 0;
    rig_reload(&run->rig);
    ProgramSpec spec = {.mode = mode,
                        .max_batch = IMAGES,
                        .precision = run->rig.backend->ops->native,
                        .seed = key,
                        .taps = run_taps,
                        .tap_count = mode == MODE_TRAIN ? 3 : 2};
    OK(program_compile(run->rig.state, &spec, &run->program));
}

static void forget(Run *run) {
    free(run->first);
    free(run->second);
    free(run->dx);
    run->first = run->second = run->dx = NULL;
}

static void close_run(Run *run) {
    forget(run);
    program_destroy(run->program);
    rig_close(&run->rig);
}

/* The given images in the given order; the upstream gradient of all is 1. */
static void pass(Run *run, const int *images, int count, int64_t step) {
    Sample samples[IMAGES];
    float dy[IMAGES * SIZE];
    size_t size;
    for (int n = 0; n < count; n++)
        samples[n] = (Sample){.index = images[n]};
    for (int i = 0; i < IMAGES * SIZE; i++)
        dy[i] = 1;
    Batch batch = {.data = run->rig.data, .samples = samples, .count = count, .step = step};
    forget(run);
    OK(program_forward(run->program, &batch));
    run->first = rig_tap(&run->rig, run->program, 0, &size);
    run->second = rig_tap(&run->rig, run->program, 1, &size);
    if (run->program->spec.mode != MODE_TRAIN)
        return;
    OK(program_backward(run->program, dy));
    run->dx = rig_tap(&run->rig, run->program, 2, &size);
}

static void assert_masks(const Run *run, const int *images, int count, uint64_t key, int64_t step) {
    const CompareTolerance rounding = {.relative = 4 * 6e-8};
    float *want[3];
    const char *const names[] = {"first", "second", "gradient"};
    float *const got[] = {run->first, run->second, run->dx};
    for (int k = 0; k < 3; k++)
        want[k] = malloc(sizeof(float) * IMAGES * SIZE);
    for (int n = 0, i = 0; n < count; n++)
        for (int c = 0; c < C; c++)
            for (int pixel = 0; pixel < AREA; pixel++, i++) {
                float x = run->rig.images[images[n] * SIZE + c * AREA + pixel];
                double keep = 1 / (1 - probability);
                double one = drops(key, FIRST, step, images[n], c, pixel) ? 0 : keep;
                double two = drops(key, SECOND, step, images[n], c, pixel) ? 0 : keep;
                want[0][i] = (float)(one * x);
                want[1][i] = (float)(two * x);
                want[2][i] = (float)(one + two);
                for (int k = 0; k < 3; k++)
                    assert_true((got[k][i] == 0) == (want[k][i] == 0));
            }
    for (int k = 0; k < 3; k++) {
        assert_true(compare_floats(names[k], got[k], want[k], (size_t)count * SIZE, rounding,
                                   "test_dropout"));
        free(want[k]);
    }
}

static const int in_order[IMAGES] = {0, 1, 2, 3, 4, 5, 6};
static const int mixed[IMAGES] = {4, 6, 0, 5, 2, 1, 3};

static void masks_are_the_written_ones(void **state) {
    (void)state;
    Run run;
    open_run(&run, MODE_TRAIN, seed);
    pass(&run, in_order, IMAGES, 0);
    assert_masks(&run, in_order, IMAGES, seed, 0);
    close_run(&run);
}

/* An image's place and the batch's length do not matter, nor does what ran before. */
static void a_mask_follows_its_image(void **state) {
    (void)state;
    Run run;
    open_run(&run, MODE_TRAIN, seed);
    pass(&run, mixed, IMAGES, 5);
    assert_masks(&run, mixed, IMAGES, seed, 5);
    pass(&run, mixed, 2, 5);
    assert_masks(&run, mixed, 2, seed, 5);
    pass(&run, mixed + 3, 1, 5);
    assert_masks(&run, mixed + 3, 1, seed, 5);
    close_run(&run);
}

/* Each step has its own masks; the same step again has the same ones. The GPU replays a captured
 * step from the third pass on. */
static void each_step_draws_anew(void **state) {
    (void)state;
    const int64_t steps[] = {0, 1, 2, 1, 70000, UINT32_MAX};
    Run run;
    open_run(&run, MODE_TRAIN, seed);
    for (int i = 0; i < 6; i++) {
        pass(&run, in_order, IMAGES, steps[i]);
        assert_masks(&run, in_order, IMAGES, seed, steps[i]);
    }
    close_run(&run);
}

static void both_halves_of_the_seed_count(void **state) {
    (void)state;
    const uint64_t seeds[] = {0, 1, UINT64_C(1) << 32, seed};
    for (int i = 0; i < 4; i++) {
        Run run;
        open_run(&run, MODE_TRAIN, seeds[i]);
        pass(&run, in_order, 3, 2);
        assert_masks(&run, in_order, 3, seeds[i], 2);
        close_run(&run);
    }
}

static void evaluation_drops_nothing(void **state) {
    (void)state;
    const Mode modes[] = {MODE_EVAL, MODE_EVAL_BATCH, MODE_EVAL_BATCH_UPDATE, MODE_RECALIBRATE};
    for (int i = 0; i < 4; i++) {
        Run run;
        open_run(&run, modes[i], seed);
        pass(&run, in_order, IMAGES, 3);
        assert_memory_equal(run.first, run.rig.images, sizeof(float) * IMAGES * SIZE);
        assert_memory_equal(run.second, run.rig.images, sizeof(float) * IMAGES * SIZE);
        close_run(&run);
    }
}

/* The share that drops is the probability, within four standard errors. */
static void the_share_is_the_probability(void **state) {
    (void)state;
    Run run;
    int dropped = 0, count = 0;
    open_run(&run, MODE_TRAIN, seed);
    for (int step = 0; step < 10; step++) {
        pass(&run, in_order, IMAGES, step);
        for (int i = 0; i < IMAGES * SIZE; i++) {
            count += run.rig.images[i] != 0;
            dropped += run.rig.images[i] != 0 && run.first[i] == 0;
        }
    }
    double error = sqrt(probability * (1 - probability) / count);
    assert_true(fabs((double)dropped / count - probability) <= 4 * error);
    close_run(&run);
}

static void steps_have_bounds(void **state) {
    (void)state;
    const int64_t steps[] = {-1, (int64_t)UINT32_MAX + 1};
    Run run;
    open_run(&run, MODE_TRAIN, seed);
    for (int i = 0; i < 2; i++) {
        Batch batch = rig_batch(&run.rig);
        batch.step = steps[i];
        assert_int_equal(program_forward(run.program, &batch), STATUS_BAD_INPUT);
        assert_non_null(strstr(status_message(), "steps go from 0"));
    }
    close_run(&run);
}

int main(int argc, char **argv) {
    if (argc < 2)
        return 2;
    backend_name = argv[1];
    if (backend_is_missing(backend_name))
        return TEST_SKIPPED;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(masks_are_the_written_ones),
        cmocka_unit_test(a_mask_follows_its_image),
        cmocka_unit_test(each_step_draws_anew),
        cmocka_unit_test(both_halves_of_the_seed_count),
        cmocka_unit_test(evaluation_drops_nothing),
        cmocka_unit_test(the_share_is_the_probability),
        cmocka_unit_test(steps_have_bounds),
    };
    return !!cmocka_run_group_tests_name("dropout", tests, NULL, NULL);
}
