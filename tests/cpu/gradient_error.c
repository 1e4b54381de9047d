#include "tests/cpu/gradient_error.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define CIFAR(layers) .model = "resnet_cifar", .depth = layers, .input = {3, 16, 16}, .classes = 10

const GradientNet gradient_nets[GRADIENT_NETS] = {
    {"resnet20", {CIFAR(20), .family = FAMILY_RESNET}},
    {"plain32", {CIFAR(32), .family = FAMILY_PLAIN}},
};

const float gradient_shift = 9; /* make_fp32_errors.py */

static int begin(int argc, char **argv, Golden *golden) {
    if (argc < 2) {
        fprintf(stderr, "usage: %s FP32_ERRORS\n", argv[0]);
        return 2;
    }
    if (backend_is_missing("cpu"))
        return TEST_SKIPPED;
    if (golden_read(argv[1], golden) != STATUS_OK) {
        fprintf(stderr, "%s\n", status_message());
        return 1;
    }
    return 0;
}

int gradient_main(int argc, char **argv, Golden *golden, void (*direct_convolution)(void **),
                  void (*winograd_convolution)(void **)) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(direct_convolution),
        cmocka_unit_test(winograd_convolution),
    };
    int refused = begin(argc, argv, golden);
    if (refused)
        return refused;
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    golden_free(golden);
    return !!failed;
}

void gradient_open(Rig *rig, const char *backend, const GradientNet *which, uint32_t draw) {
    Net *net;
    OK(model_build(&which->spec, &net));
    rig_open(rig, backend, 2, net, GRADIENT_BATCH, NULL);
    OK(rig_redraw(rig, draw));
}

Program *gradient_run(Rig *rig, ConvAlgorithm conv, const Tap *taps, int tap_count) {
    ProgramSpec spec = {.mode = MODE_TRAIN,
                        .max_batch = rig->batch,
                        .precision = rig->backend->ops->native,
                        .conv = conv,
                        .taps = taps,
                        .tap_count = tap_count};
    Program *program;
    OK(program_compile(rig->state, &spec, &program));
    Batch batch = rig_batch(rig);
    OK(program_forward(program, &batch));
    OK(program_backward(program, NULL));
    return program;
}

/* PyTorch's norm and relative error. */
static const double *of_pytorch(const Golden *golden, const char *setting, const char *net,
                                const char *parameter) {
    char name[128];
    snprintf(name, sizeof name, "%s/%s/%s", setting, net, parameter);
    const GoldenTensor *found = golden_find(golden, name);
    if (!found || found->count != 2)
        fail_msg("no golden tensor '%s' of 2 values", name);
    return found->values;
}

typedef struct Squares {
    double wrong, all;
} Squares;

static Squares squares_of(const Rig *got, const Rig *want, int id) {
    size_t count = want->net->params[id].count;
    float *narrow = rig_read(got, SECTION_GRADIENT, id);
    double *wide = malloc(count * sizeof *wide);
    OK(state_read_wide(want->state, SECTION_GRADIENT, id, wide));
    Squares sum = {0, 0};
    for (size_t i = 0; i < count; i++) {
        sum.wrong += (narrow[i] - wide[i]) * (narrow[i] - wide[i]);
        sum.all += wide[i] * wide[i];
    }
    free(narrow);
    free(wide);
    return sum;
}

void gradient_add(GradientSquares *squares, const Rig *got, const Rig *want) {
    Squares whole = {0, 0};
    assert_true(want->net->param_count <= GRADIENT_PARAMS_MAX);
    for (int id = 0; id < want->net->param_count; id++) {
        if (param_is_statistic(&want->net->params[id]))
            continue;
        Squares sum = squares_of(got, want, id);
        squares->norms[id] += sum.all;
        squares->errors[id] += sum.wrong / sum.all;
        whole.wrong += sum.wrong;
        whole.all += sum.all;
    }
    squares->norms[GRADIENT_PARAMS_MAX] += whole.all;
    squares->errors[GRADIENT_PARAMS_MAX] += whole.wrong / whole.all;
}

static void assert_same_norm(const char *name, double norm, double golden, double tolerance) {
    if (!(fabs(norm - golden) <= tolerance * golden))
        fail_msg("%s: the oracle's gradient has norm %.12g, PyTorch's %.12g", name, norm, golden);
}

static double mean_root(double squares) {
    return sqrt(squares / GRADIENT_DRAWS);
}

GradientError gradient_error(const Golden *golden, const char *setting, const GradientNet *which,
                             const Net *net, const GradientSquares *squares) {
    GradientError error = {0};
    bool same_masks = strcmp(setting, "apart") == 0;
    double ours = 0, theirs = 0;
    for (int id = 0; id < net->param_count; id++) {
        const Param *p = &net->params[id];
        if (param_is_statistic(p))
            continue;
        const double *pytorch = of_pytorch(golden, setting, which->name, p->name);
        if (same_masks)
            assert_same_norm(p->name, mean_root(squares->norms[id]), pytorch[0], 1e-9);
        double relative = mean_root(squares->errors[id]);
        ours += relative * relative;
        theirs += pytorch[1] * pytorch[1];
        if (!(relative / pytorch[1] <= error.worst)) {
            error.worst = relative / pytorch[1];
            snprintf(error.name, sizeof error.name, "%s", p->name);
        }
    }
    const double *pytorch = of_pytorch(golden, setting, which->name, "whole");
    assert_same_norm("whole", mean_root(squares->norms[GRADIENT_PARAMS_MAX]), pytorch[0],
                     same_masks ? 1e-9 : 0.01);
    error.whole = mean_root(squares->errors[GRADIENT_PARAMS_MAX]) / pytorch[1];
    error.typical = sqrt(ours / theirs);
    return error;
}

void gradient_assert(const GradientNet *net, ConvAlgorithm conv, const GradientError *error,
                     const GradientLimits *limits) {
    print_message("%s, %s: %.2f of PyTorch's error, typically %.2f, at worst %.2f (%s)\n",
                  net->name, conv == CONV_ALGORITHM_WINOGRAD ? "Winograd" : "direct", error->whole,
                  error->typical, error->worst, error->name);
    assert_true(error->whole <= limits->whole);
    assert_true(error->typical <= limits->typical);
    assert_true(error->worst <= limits->worst);
}
