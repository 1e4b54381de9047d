/* The CPU's own convolutions, Winograd's and direct ones, against the oracle: single operations by
 * their relative rms error, and the same bits for any number of threads. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "net/models.h"
#include "tests/support/compare.h"
#include "tests/support/rig.h"

/* F(4x4, 3x3) and F(2x2, 5x5) in fp32 multiply rounding errors by about ten: 1e-6 to 1.6e-6 of the
 * rms for well-scaled inputs, against 1.5e-7 of a direct convolution. */
static const CompareTolerance winograd_operation = {.relative = 5e-6};
static const CompareTolerance direct_operation = {.relative = 1e-6};

typedef struct Size {
    int batch, channels, h, w, outputs;
    bool bias;
    int kernel, stride, pad;
} Size;

/* Tiles cut by the edge, channels that end within a vector, blocks of tiles that end early, pieces
 * of the batch that are not equal, one of two chunks, and wide ones, with their own blocks. */
static const Size sizes[] = {
    {3, 16, 8, 8, 16, false, 3, 1, 1},   {2, 8, 7, 6, 5, true, 3, 1, 1},
    {5, 16, 32, 32, 16, false, 3, 1, 1}, {4, 32, 16, 16, 32, true, 3, 1, 1},
    {19, 64, 8, 8, 64, false, 3, 1, 1},  {2, 20, 9, 13, 37, true, 3, 1, 1},
    {17, 48, 5, 4, 24, false, 3, 1, 1},  {1, 128, 6, 6, 128, false, 3, 1, 1},
    {33, 16, 4, 4, 32, true, 3, 1, 1},   {33, 16, 24, 24, 16, true, 3, 1, 1},
    {3, 20, 14, 14, 30, true, 5, 1, 2},  {17, 15, 7, 7, 30, true, 5, 1, 2},
    {5, 30, 14, 14, 20, false, 5, 1, 2}, {2, 8, 3, 9, 37, true, 5, 1, 2},
    {9, 140, 14, 6, 24, true, 3, 1, 1},  {5, 20, 13, 14, 256, false, 3, 1, 1},
};

/* The paper's strided layers, other windows, strides that leave pixels out, frames of one side,
 * many lines of few pixels, more inputs than are multiplied at a time, and less than
 * a stride. */
static const Size direct_sizes[] = {
    {5, 16, 32, 32, 32, false, 3, 2, 1}, {3, 32, 16, 16, 64, true, 3, 2, 1},
    {4, 64, 9, 7, 16, false, 1, 1, 0},   {3, 24, 8, 11, 40, true, 1, 2, 0},
    {2, 6, 13, 12, 10, true, 5, 1, 2},   {2, 16, 17, 19, 20, false, 7, 2, 3},
    {3, 8, 10, 10, 8, true, 3, 3, 0},    {19, 40, 4, 4, 8, false, 2, 2, 0},
    {2, 16, 8, 8, 16, false, 3, 1, 0},   {2, 5, 6, 37, 33, true, 3, 2, 2},
    {3, 500, 14, 13, 40, true, 1, 1, 0}, {2, 64, 37, 40, 48, false, 3, 2, 1},
    {4, 24, 1, 3, 16, true, 1, 2, 0},    {2, 8, 5, 1, 24, false, 3, 2, 1},
};

/* The convolution stands behind another one, so that it has to give a data gradient. */
static Net *conv_net(const Size *size) {
    Net *net = net_create("winograd");
    int x = net_input(net, (Shape){3, size->h, size->w});
    x = net_conv2d(net, "lift", x, size->channels, 1, 1, 0, true);
    net_conv2d(net, "conv", x, size->outputs, size->kernel, size->stride, size->pad, size->bias);
    return net;
}

static Program *compiled(Rig *rig, ConvAlgorithm conv) {
    const Tap taps[] = {{2, TAP_VALUE}, {1, TAP_GRADIENT}};
    ProgramSpec spec = {.mode = MODE_TRAIN,
                        .max_batch = rig->batch,
                        .precision = rig->backend->ops->native,
                        .conv = conv,
                        .taps = taps,
                        .tap_count = 2};
    Program *program;
    OK(program_compile(rig->state, &spec, &program));
    return program;
}

typedef struct Run {
    Rig rig;
    Program *program;
} Run;

static void run_open(Run *run, const char *backend, int threads, const Size *size,
                     ConvAlgorithm conv) {
    rig_open(&run->rig, backend, threads, conv_net(size), size->batch, NULL);
    run->program = compiled(&run->rig, conv);
    Batch batch = rig_batch(&run->rig);
    OK(program_forward(run->program, &batch));
    OK(program_backward(run->program, run->rig.dy));
}

static void run_close(Run *run) {
    program_destroy(run->program);
    rig_close(&run->rig);
}

static bool same(const char *name, float *got, float *want, size_t count,
                 CompareTolerance tolerance) {
    bool equal = compare_norm(name, got, want, count, tolerance, "test_engine");
    free(got);
    free(want);
    return equal;
}

static bool runs_agree(Run *got, Run *want, CompareTolerance tolerance) {
    static const char *const taps[] = {"output", "data gradient"};
    bool good = true;
    for (int tap = 0; tap < 2; tap++) {
        size_t count;
        float *mine = rig_tap(&got->rig, got->program, tap, &count);
        float *theirs = rig_tap(&want->rig, want->program, tap, &count);
        good = same(taps[tap], mine, theirs, count, tolerance) && good;
    }
    for (int id = 0; id < want->rig.net->param_count; id++) {
        const Param *p = &want->rig.net->params[id];
        good = same(p->name, rig_read(&got->rig, SECTION_GRADIENT, id),
                    rig_read(&want->rig, SECTION_GRADIENT, id), p->count, tolerance) &&
               good;
    }
    return good;
}

static bool close_to_the_oracle(const Size *size, CompareTolerance tolerance) {
    Run fast, slow;
    run_open(&fast, "cpu", 2, size, CONV_ALGORITHM_WINOGRAD);
    run_open(&slow, "ref", 1, size, CONV_ALGORITHM_DIRECT);
    bool good = runs_agree(&fast, &slow, tolerance);
    run_close(&fast);
    run_close(&slow);
    return good;
}

static void winograd_operations_are_close(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++)
        assert_true(close_to_the_oracle(&sizes[i], winograd_operation));
}

static void direct_operations_are_close(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof direct_sizes / sizeof direct_sizes[0]; i++)
        assert_true(close_to_the_oracle(&direct_sizes[i], direct_operation));
}

/* The first layer reads plain images. */
static void first_layers_are_close(void **state) {
    (void)state;
    static const int windows[][3] = {{3, 1, 1}, {7, 2, 3}, {5, 1, 0}};
    for (int i = 0; i < 3; i++)
        for (int colours = 1; colours <= 3; colours += 2) {
            Rig fast, slow;
            Net *nets[2];
            for (int k = 0; k < 2; k++) {
                nets[k] = net_create("first layer");
                int x = net_input(nets[k], (Shape){colours, 14, 17});
                net_conv2d(nets[k], "conv", x, 20, windows[i][0], windows[i][1], windows[i][2],
                           true);
            }
            rig_open(&fast, "cpu", 2, nets[0], 5, NULL);
            rig_open(&slow, "ref", 1, nets[1], 5, NULL);
            ProgramSpec spec = {.mode = MODE_TRAIN, .max_batch = 5};
            Program *a, *b;
            spec.conv = CONV_ALGORITHM_WINOGRAD;
            OK(program_compile(fast.state, &spec, &a));
            spec.conv = CONV_ALGORITHM_DIRECT;
            spec.precision = PRECISION_FP64;
            OK(program_compile(slow.state, &spec, &b));
            Batch one = rig_batch(&fast), two = rig_batch(&slow);
            OK(program_forward(a, &one));
            OK(program_forward(b, &two));
            OK(program_backward(a, fast.dy));
            OK(program_backward(b, slow.dy));
            for (int id = 0; id < 2; id++)
                assert_true(same(fast.net->params[id].name, rig_read(&fast, SECTION_GRADIENT, id),
                                 rig_read(&slow, SECTION_GRADIENT, id), fast.net->params[id].count,
                                 direct_operation));
            program_destroy(a);
            program_destroy(b);
            rig_close(&fast);
            rig_close(&slow);
        }
}

/* Another algorithm gives other bits: else nothing here was tested. */
static void the_algorithm_is_taken(void **state) {
    (void)state;
    Run winograd, direct;
    size_t count;
    run_open(&winograd, "cpu", 2, &sizes[0], CONV_ALGORITHM_WINOGRAD);
    run_open(&direct, "cpu", 2, &sizes[0], CONV_ALGORITHM_DIRECT);
    float *mine = rig_tap(&winograd.rig, winograd.program, 0, &count);
    float *theirs = rig_tap(&direct.rig, direct.program, 0, &count);
    assert_memory_not_equal(mine, theirs, count * sizeof *mine);
    free(mine);
    free(theirs);
    run_close(&winograd);
    run_close(&direct);
}

static void threads_do_not_matter(void **state) {
    (void)state;
    const CompareTolerance exact = {0};
    int count = sizeof sizes / sizeof sizes[0];
    for (int i = 0; i < count + (int)(sizeof direct_sizes / sizeof direct_sizes[0]); i++) {
        const Size *size = i < count ? &sizes[i] : &direct_sizes[i - count];
        Run one, many;
        run_open(&one, "cpu", 1, size, CONV_ALGORITHM_WINOGRAD);
        run_open(&many, "cpu", i % 2 ? 2 : 3, size, CONV_ALGORITHM_WINOGRAD);
        assert_true(runs_agree(&many, &one, exact));
        run_close(&one);
        run_close(&many);
    }
}

/* A short batch on a long program, and weights that change between. */
static void compare_short_batches(ConvAlgorithm conv) {
    Run fast, slow;
    const Size size = {19, 64, 8, 8, 64, false, 3, 1, 1};
    run_open(&fast, "cpu", 2, &size, conv);
    run_open(&slow, "ref", 1, &size, CONV_ALGORITHM_DIRECT);
    for (int step = 0; step < 2; step++) {
        OK(state_update(fast.rig.state, 0.01));
        OK(state_update(slow.rig.state, 0.01));
        Batch a = rig_batch(&fast.rig), b = rig_batch(&slow.rig);
        a.count = b.count = 7 - 2 * step;
        OK(program_forward(fast.program, &a));
        OK(program_forward(slow.program, &b));
        OK(program_backward(fast.program, fast.rig.dy));
        OK(program_backward(slow.program, slow.rig.dy));
        assert_true(runs_agree(&fast, &slow, winograd_operation));
    }
    run_close(&fast);
    run_close(&slow);
}

static void short_batches_and_new_weights(void **state) {
    (void)state;
    compare_short_batches(CONV_ALGORITHM_WINOGRAD);
    compare_short_batches(CONV_ALGORITHM_DIRECT);
}

static void compare_evaluation(ConvAlgorithm conv, CompareTolerance tolerance) {
    const Size size = {19, 64, 8, 8, 64, false, 3, 1, 1};
    const Tap tap = {2, TAP_VALUE};
    const int counts[] = {19, 7, 7, 19};
    Rig rigs[2]; /* the cpu's, the oracle's */
    Program *programs[2];
    for (int i = 0; i < 2; i++) {
        rig_open(&rigs[i], i ? "ref" : "cpu", 2, conv_net(&size), size.batch, NULL);
        ProgramSpec spec = {.mode = MODE_EVAL,
                            .max_batch = size.batch,
                            .precision = rigs[i].backend->ops->native,
                            .conv = i ? CONV_ALGORITHM_DIRECT : conv,
                            .taps = &tap,
                            .tap_count = 1};
        OK(program_compile(rigs[i].state, &spec, &programs[i]));
    }
    for (int step = 0; step < 4; step++) {
        float *values[2];
        size_t count;
        for (int i = 0; i < 2; i++) {
            Batch batch = rig_batch(&rigs[i]);
            float *weights = rig_read(&rigs[i], SECTION_VALUE, 2);
            batch.count = counts[step];
            for (size_t k = 0; step > 0 && k < rigs[i].net->params[2].count; k++)
                weights[k] *= 1.5f;
            OK(state_write(rigs[i].state, SECTION_VALUE, 2, weights));
            OK(program_forward(programs[i], &batch));
            values[i] = rig_tap(&rigs[i], programs[i], 0, &count);
            free(weights);
        }
        assert_true(same("output", values[0], values[1], count, tolerance));
    }
    for (int i = 0; i < 2; i++) {
        program_destroy(programs[i]);
        rig_close(&rigs[i]);
    }
}

/* For evaluation copies of the weights are kept until they change: by oneDNN's primitive of the
 * full batch, from which a short batch borrows them, and by the engines. */
static void evaluation_follows_the_weights(void **state) {
    (void)state;
    compare_evaluation(CONV_ALGORITHM_DIRECT, direct_operation);
    compare_evaluation(CONV_ALGORITHM_WINOGRAD, winograd_operation);
}

static void others_refuse(void **state) {
    (void)state;
    Rig rig;
    rig_open(&rig, "ref", 1, conv_net(&sizes[0]), 2, NULL);
    ProgramSpec spec = {
        .max_batch = 2, .precision = PRECISION_FP64, .conv = CONV_ALGORITHM_WINOGRAD};
    Program *program;
    assert_int_equal(program_compile(rig.state, &spec, &program), STATUS_BAD_INPUT);
    assert_non_null(strstr(status_message(), "Winograd"));
    rig_close(&rig);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(winograd_operations_are_close),
        cmocka_unit_test(direct_operations_are_close),
        cmocka_unit_test(first_layers_are_close),
        cmocka_unit_test(the_algorithm_is_taken),
        cmocka_unit_test(threads_do_not_matter),
        cmocka_unit_test(short_batches_and_new_weights),
        cmocka_unit_test(evaluation_follows_the_weights),
        cmocka_unit_test(others_refuse),
    };
    return !!cmocka_run_group_tests(tests, NULL, NULL);
}
