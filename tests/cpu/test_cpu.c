/* The oneDNN backend's own promises: the same bits for any number of threads and with any taps,
 * batches of any size, messages that say what to do. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "net/models.h"
#include "tests/support/compare.h"
#include "tests/support/rig.h"

static Net *small_resnet(Shortcut shortcut, Shape input, int width) {
    ModelSpec spec = model_default();
    Net *net;
    spec.family = FAMILY_RESNET;
    spec.depth = 8;
    spec.shortcut = shortcut;
    spec.input = input;
    spec.width = width;
    OK(model_build(&spec, &net));
    return net;
}

static const Optimizer momentum = {.kind = OPTIMIZER_SGD_TORCH, .momentum = 0.9};

/* All parameters and statistics after three steps, laid end to end. */
static float *trained(Net *net, int threads, int batch, const Tap *taps, int tap_count,
                      size_t *count) {
    Rig rig;
    rig_open(&rig, "cpu", threads, net, batch, &momentum);
    Program *program = rig_program(&rig, MODE_TRAIN, 0, taps, tap_count);
    Batch b = rig_batch(&rig);
    for (int step = 0; step < 3; step++)
        OK(program_train_step(program, &b, 0.05));
    *count = net->learned_count + net->statistic_count;
    float *all = malloc(*count * sizeof *all), *to = all;
    for (int i = 0; i < net->param_count; i++) {
        OK(state_read(rig.state, SECTION_VALUE, i, to));
        to += net->params[i].count;
    }
    program_destroy(program);
    rig_close(&rig);
    return all;
}

static const Shape cifar = {3, 32, 32}, odd = {2, 13, 9};

/* 12 images of CIFAR's size: loops are long enough to be shared, weight gradients come in pieces.
 */
static void threads_change_no_bits(void **state) {
    (void)state;
    for (int shortcut = SHORTCUT_A; shortcut <= SHORTCUT_C; shortcut++) {
        size_t count;
        float *one = trained(small_resnet(shortcut, cifar, 16), 1, 12, NULL, 0, &count);
        for (int threads = 2; threads <= 3; threads++) {
            float *more = trained(small_resnet(shortcut, cifar, 16), threads, 12, NULL, 0, &count);
            assert_memory_equal(one, more, count * sizeof *one);
            free(more);
        }
        free(one);
    }
}

/* Tapping gradients forbids fusing and writing in place; the numbers must not notice. */
static void tapped_gradients_change_no_bits(void **state) {
    (void)state;
    Net *net = small_resnet(SHORTCUT_B, odd, 5);
    Tap *taps = calloc((size_t)net->node_count, sizeof *taps);
    int tap_count = 0;
    size_t count;
    for (int i = 0; i + 1 < net->node_count; i++)
        taps[tap_count++] = (Tap){i, TAP_GRADIENT};
    float *with = trained(net, 2, 6, taps, tap_count, &count);
    float *without = trained(small_resnet(SHORTCUT_B, odd, 5), 2, 6, NULL, 0, &count);
    /* the input's gradient is wanted now, so the first layer has another layout: its weight
     * gradient sums in another order */
    CompareTolerance close_to = {.relative = 2e-6, .absolute = 1e-7};
    assert_true(compare_floats("parameters", with, without, count, close_to, "test_cpu"));
    free(with);
    tap_count--;
    memmove(taps, taps + 1, (size_t)tap_count * sizeof *taps);
    with = trained(small_resnet(SHORTCUT_B, odd, 5), 2, 6, taps, tap_count, &count);
    assert_memory_equal(with, without, count * sizeof *with);
    free(with);
    free(without);
    free(taps);
}

/* A pass of cpu and ref over `count` images of programs for `most`; all gradients must agree. */
static void check_batch(int most, int count) {
    Rig fast, slow;
    rig_open(&fast, "cpu", 2, small_resnet(SHORTCUT_A, odd, 3), most, NULL);
    rig_open(&slow, "ref", 1, small_resnet(SHORTCUT_A, odd, 3), most, NULL);
    Program *a = rig_program(&fast, MODE_TRAIN, 0, NULL, 0);
    Program *b = rig_program(&slow, MODE_TRAIN, 0, NULL, 0);
    Batch x = rig_batch(&fast), y = rig_batch(&slow);
    OK(program_train_step(a, &x, 0)); /* a full batch first: the short one must not see it */
    OK(program_train_step(b, &y, 0));
    x.count = y.count = count;
    OK(program_forward(a, &x));
    OK(program_forward(b, &y));
    OK(program_backward(a, NULL));
    OK(program_backward(b, NULL));
    CompareTolerance close_to = {.relative = 1e-4, .absolute = 1e-6};
    for (int i = 0; i < fast.net->param_count; i++) {
        const Param *p = &fast.net->params[i];
        if (param_is_statistic(p))
            continue;
        float *got = rig_read(&fast, SECTION_GRADIENT, i);
        float *want = rig_read(&slow, SECTION_GRADIENT, i);
        assert_true(compare_norm(p->name, got, want, p->count, close_to, "test_cpu"));
        free(got);
        free(want);
    }
    program_destroy(a);
    program_destroy(b);
    rig_close(&fast);
    rig_close(&slow);
}

static void batches_of_any_size(void **state) {
    (void)state;
    check_batch(17, 17); /* prime and above the pieces: oneDNN sums by itself */
    check_batch(17, 16);
    check_batch(20, 17);
    check_batch(6, 1);
}

static void assert_says(Status status, Status want, const char *words) {
    assert_int_equal(status, want);
    if (!strstr(status_message(), words))
        fail_msg("'%s' lacks '%s'", status_message(), words);
}

static void refusals_say_what_to_do(void **state) {
    (void)state;
    Backend *none;
    BackendOptions options = {.threads = -1};
    assert_says(backend_open("cpu", &options, &none), STATUS_BAD_INPUT, "0 for all");
    Rig rig;
    rig_open(&rig, "cpu", 1, small_resnet(SHORTCUT_A, odd, 3), 4, NULL);
    Program *other;
    float value;
    ProgramSpec spec = {.mode = MODE_TRAIN, .max_batch = 4, .precision = PRECISION_FP64};
    assert_says(program_compile(rig.state, &spec, &other), STATUS_BAD_INPUT, "backend=ref");
    assert_says(state_read(rig.state, SECTION_SQUARE, 0, &value), STATUS_BAD_INPUT, "Adam");
    rig_close(&rig);
}

static void the_device_is_described(void **state) {
    (void)state;
    Backend *backend;
    BackendOptions options = {.threads = 0};
    OK(backend_open("cpu", &options, &backend));
    assert_true(backend->info.threads >= 1);
    assert_non_null(strstr(backend->info.libraries, "oneDNN"));
    assert_true(strlen(backend->info.device) > 0 && strlen(backend->info.isa) > 0);
    backend_close(backend);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(threads_change_no_bits),
        cmocka_unit_test(tapped_gradients_change_no_bits),
        cmocka_unit_test(batches_of_any_size),
        cmocka_unit_test(refusals_say_what_to_do),
        cmocka_unit_test(the_device_is_described),
    };
    return !!cmocka_run_group_tests(tests, NULL, NULL);
}
