/* Large numbers: Winograd's convolution must stand what direct convolution stands. Single
 * operations on activations and gradients a thousand times larger, and the first steps of a plain
 * net of 56 layers at learning rate 0.1, whose gradients explode. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "net/init.h"
#include "net/models.h"
#include "tests/support/compare.h"
#include "tests/support/rig.h"

/* ---- single operations ---- */

static const CompareTolerance winograd_operation = {.relative = 5e-6}; /* of the rms: test_engine */

typedef struct Operation {
    Rig rig;
    Program *program;
} Operation;

static void operation_open(Operation *o, const char *backend, ConvAlgorithm conv, float images,
                           float dy) {
    enum { BATCH = 5, CHANNELS = 16, SIDE = 18 };
    static const Tap taps[] = {{2, TAP_VALUE}, {1, TAP_GRADIENT}};
    Net *net = net_create("magnitudes");
    int x = net_input(net, (Shape){3, SIDE, SIDE});
    x = net_conv2d(net, "lift", x, CHANNELS, 1, 1, 0, false);
    net_conv2d(net, "conv", x, CHANNELS, 3, 1, 1, true);
    rig_open(&o->rig, backend, 2, net, BATCH, NULL);
    for (size_t i = 0; i < BATCH * 3 * SIDE * SIDE; i++)
        o->rig.images[i] *= images;
    for (size_t i = 0; i < BATCH * CHANNELS * SIDE * SIDE; i++)
        o->rig.dy[i] *= dy;
    rig_reload(&o->rig);
    ProgramSpec spec = {.mode = MODE_TRAIN,
                        .max_batch = BATCH,
                        .precision = o->rig.backend->ops->native,
                        .conv = conv,
                        .taps = taps,
                        .tap_count = 2};
    OK(program_compile(o->rig.state, &spec, &o->program));
    Batch batch = rig_batch(&o->rig);
    OK(program_forward(o->program, &batch));
    OK(program_backward(o->program, o->rig.dy));
}

static void operation_close(Operation *o) {
    program_destroy(o->program);
    rig_close(&o->rig);
}

static void assert_close(const char *name, float *got, float *want, size_t count) {
    assert_true(compare_norm(name, got, want, count, winograd_operation, "test_magnitudes"));
    free(got);
    free(want);
}

static void scaled_operations_are_close(void **state) {
    (void)state;
    static const float scales[][2] = {{1e3f, 1}, {1, 1e3f}, {1e3f, 1e3f}, {1e-3f, 1e3f}};
    for (size_t i = 0; i < sizeof scales / sizeof scales[0]; i++) {
        Operation fast, slow;
        operation_open(&fast, "cpu", CONV_ALGORITHM_WINOGRAD, scales[i][0], scales[i][1]);
        operation_open(&slow, "ref", CONV_ALGORITHM_DIRECT, scales[i][0], scales[i][1]);
        size_t count;
        for (int tap = 0; tap < 2; tap++) {
            float *got = rig_tap(&fast.rig, fast.program, tap, &count);
            assert_close(tap ? "data gradient" : "output", got,
                         rig_tap(&slow.rig, slow.program, tap, &count), count);
        }
        for (int id = 0; id < fast.rig.net->param_count; id++)
            assert_close(fast.rig.net->params[id].name, rig_read(&fast.rig, SECTION_GRADIENT, id),
                         rig_read(&slow.rig, SECTION_GRADIENT, id), fast.rig.net->params[id].count);
        operation_close(&fast);
        operation_close(&slow);
    }
}

/* ---- first steps ---- */

enum { BATCH = 16, STEPS = 6 };

typedef struct Steps {
    bool finite[STEPS];                  /* loss, gradients, parameters and statistics */
    double loss[STEPS], gradient[STEPS]; /* gradient: the largest */
} Steps;

/* The largest magnitude; infinite when any value is not finite. */
static double largest(const Rig *rig, Section section) {
    double most = 0;
    for (int id = 0; id < rig->net->param_count; id++) {
        const Param *p = &rig->net->params[id];
        if (section != SECTION_VALUE && param_is_statistic(p))
            continue;
        float *values = rig_read(rig, section, id);
        for (size_t i = 0; i < p->count; i++)
            most = isfinite(values[i]) ? fmax(most, fabs((double)values[i])) : INFINITY;
        free(values);
    }
    return most;
}

static Steps first_steps(ConvAlgorithm conv, float contrast) {
    const ModelSpec plain56 = {.model = "resnet_cifar",
                               .family = FAMILY_PLAIN,
                               .depth = 56,
                               .input = {3, 32, 32},
                               .classes = 10};
    const Optimizer sgd = {.kind = OPTIMIZER_SGD_CAFFE, .momentum = 0.9, .weight_decay = 1e-4};
    Net *net;
    Rig rig;
    Program *program;
    Steps steps;
    OK(model_build(&plain56, &net));
    rig_open(&rig, "cpu", 2, net, BATCH, &sgd);
    OK(init_state(rig.state, INIT_HE_FAN_IN, 1));
    for (size_t i = 0; i < BATCH * shape_count(net->nodes[0].out); i++)
        rig.images[i] *= contrast;
    rig_reload(&rig);
    ProgramSpec spec = {.mode = MODE_TRAIN, .max_batch = BATCH, .conv = conv};
    OK(program_compile(rig.state, &spec, &program));
    Batch batch = rig_batch(&rig);
    for (int i = 0; i < STEPS; i++) {
        Metrics metrics;
        batch.step = i;
        OK(program_train_step(program, &batch, 0.1));
        OK(program_metrics(program, &metrics));
        steps.loss[i] = metrics.loss_sum / BATCH;
        steps.gradient[i] = largest(&rig, SECTION_GRADIENT);
        steps.finite[i] = isfinite(steps.loss[i]) && isfinite(steps.gradient[i]) &&
                          isfinite(largest(&rig, SECTION_VALUE)) &&
                          isfinite(largest(&rig, SECTION_MOMENTUM));
    }
    program_destroy(program);
    rig_close(&rig);
    return steps;
}

/* Their ways part soon (a turned ReLU moves such a gradient by percents), but both must learn. */
static void assert_both_stand(float contrast) {
    Steps winograd = first_steps(CONV_ALGORITHM_WINOGRAD, contrast);
    Steps direct = first_steps(CONV_ALGORITHM_DIRECT, contrast);
    for (int i = 0; i < STEPS; i++) {
        if (winograd.finite[i] != direct.finite[i])
            fail_msg("step %d is finite by one algorithm only: loss %g by Winograd's, %g", i,
                     winograd.loss[i], direct.loss[i]);
        assert_true(direct.finite[i]);
    }
    assert_true(fabs(winograd.loss[0] - direct.loss[0]) <= 1e-2 * direct.loss[0]);
    assert_true(winograd.gradient[0] > 100 && direct.gradient[0] > 100); /* else not large */
    assert_true(winograd.loss[STEPS - 1] < winograd.loss[0]);
    assert_true(direct.loss[STEPS - 1] < direct.loss[0]);
}

static void plain_56_begins(void **state) {
    (void)state;
    assert_both_stand(1.7f); /* pixels of variance one */
    assert_both_stand(1.7e3f);
}

int main(void) {
    if (backend_is_missing("cpu"))
        return TEST_SKIPPED;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(scaled_operations_are_close),
        cmocka_unit_test(plain_56_begins),
    };
    return !!cmocka_run_group_tests(tests, NULL, NULL);
}
