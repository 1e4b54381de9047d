/* What must hold of the networks by theory, on any backend: a bias in front of a batch norm has no
 * gradient; with its residual functions at zero a residual net is the chain of its shortcuts; the
 * deepest nets take a step. usage: test_networks BACKEND */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "net/fusion.h"
#include "net/init.h"
#include "net/models.h"
#include "tests/support/rig.h"

static const char *backend_name;

static Net *built(ModelSpec spec) {
    Net *net;
    OK(model_build(&spec, &net));
    return net;
}

/* ---- biases in front of batch norms ---- */

static double largest(const Rig *rig, int param) {
    double most = 0;
    float *g = rig_read(rig, SECTION_GRADIENT, param);
    for (size_t i = 0; i < rig->net->params[param].count; i++)
        most = fmax(most, fabs(g[i]));
    free(g);
    return most;
}

/* The sum over a channel of a batch norm's input gradient: fp32 rounds each of its terms, some of
 * which are as large as the largest gradient. */
static void assert_no_gradient_of_biases(ModelSpec spec, int expected) {
    Rig rig;
    rig_open(&rig, backend_name, 2, built(spec), 4, NULL);
    Program *program = rig_program(&rig, MODE_TRAIN, 0, NULL, 0);
    Batch batch = rig_batch(&rig);
    OK(program_forward(program, &batch));
    OK(program_backward(program, NULL));
    double most = 0, limit = strcmp(backend_name, "ref") == 0 ? 1e-12 : 1e-4;
    int found = 0;
    for (int i = 0; i < rig.net->param_count; i++)
        if (!param_is_statistic(&rig.net->params[i]))
            most = fmax(most, largest(&rig, i));
    for (int i = 0; i < rig.net->param_count; i++) {
        if (rig.net->params[i].role != PARAM_CONV_BIAS)
            continue;
        assert_true(param_is_normalised_away(rig.net, i));
        double own = largest(&rig, i);
        if (!(own <= limit * most))
            fail_msg("%s: %g of %g", rig.net->params[i].name, own, most);
        found++;
    }
    assert_true(most > 0.01);
    assert_int_equal(found, expected);
    program_destroy(program);
    rig_close(&rig);
}

static void a_bias_before_batch_norm_has_no_gradient(void **state) {
    (void)state;
    assert_no_gradient_of_biases(
        (ModelSpec){
            .model = "tutorial000", .family = FAMILY_RESNET, .width = 4, .input = {3, 18, 15}},
        16);
    assert_no_gradient_of_biases((ModelSpec){.model = "tutorial001",
                                             .family = FAMILY_RESNET,
                                             .blocks = {2, {1, 2}},
                                             .channels = {2, {6, 9}},
                                             .profile = PROFILE_FIXED,
                                             .input = {3, 9, 8}},
                                 8);
}

/* ---- residual functions at zero ---- */

static void zero_param(Rig *rig, const char *name) {
    int id = net_find_param(rig->net, name);
    assert_true(id >= 0);
    float *zeros = calloc(rig->net->params[id].count, sizeof *zeros);
    OK(state_write(rig->state, SECTION_VALUE, id, zeros));
    free(zeros);
}

/* The parts in front of each addition that make it add zero. */
static void zero_residual_functions(Rig *rig, const char *const *last, int count) {
    for (int stage = 1; stage <= 3; stage++)
        for (int block = 0; block < 2; block++)
            for (int i = 0; i < count; i++) {
                char name[64];
                snprintf(name, sizeof name, "layer%d.%d.%s", stage, block, last[i]);
                zero_param(rig, name);
            }
}

/* Channel c of the last feature map is channel c of the stem, every fourth pixel; the channels that
 * option A adds are zero. */
static void assert_chain(const float *stem, const float *end, Shape in, Shape out, int images) {
    assert_true(in.h == 4 * out.h && in.w == 4 * out.w && 4 * in.c == out.c);
    double sum = 0;
    for (int n = 0; n < images; n++)
        for (int c = 0; c < out.c; c++)
            for (int p = 0; p < out.h; p++)
                for (int q = 0; q < out.w; q++) {
                    float got = end[((n * out.c + c) * out.h + p) * out.w + q];
                    float want =
                        c < in.c ? stem[((n * in.c + c) * in.h + 4 * p) * in.w + 4 * q] : 0;
                    assert_true(got == want);
                    sum += want;
                }
    assert_true(sum > 1);
}

static void chain_of_shortcuts(Activation activation, const char *end_name, const char *const *last,
                               int count) {
    Rig rig;
    rig_open(&rig, backend_name, 2,
             built((ModelSpec){.model = "resnet_cifar",
                               .family = FAMILY_RESNET,
                               .depth = 14,
                               .width = 4,
                               .activation = activation,
                               .input = {3, 12, 8}}),
             3, NULL);
    zero_residual_functions(&rig, last, count);
    int stem = net_find_node(rig.net, "relu"), end = net_find_node(rig.net, end_name);
    Tap taps[] = {{stem, TAP_VALUE}, {end, TAP_VALUE}};
    Program *program = rig_program(&rig, MODE_TRAIN, 0, taps, 2);
    Batch batch = rig_batch(&rig);
    OK(program_forward(program, &batch));
    size_t n;
    float *x = rig_tap(&rig, program, 0, &n), *y = rig_tap(&rig, program, 1, &n);
    assert_chain(x, y, rig.net->nodes[stem].out, rig.net->nodes[end].out, 3);
    free(x);
    free(y);
    program_destroy(program);
    rig_close(&rig);
}

/* A zero scale and shift of the last batch norm; with activation first, zero weights of the last
 * convolution. The stem ends in a ReLU, so the ReLU behind an addition changes nothing. */
static void without_residual_functions_shortcuts_are_left(void **state) {
    (void)state;
    const char *const norm[] = {"bn2.weight", "bn2.bias"}, *const weight[] = {"conv2.weight"};
    chain_of_shortcuts(ACTIVATION_ORIGINAL, "layer3.1.relu2", norm, 2);
    chain_of_shortcuts(ACTIVATION_RELU_BEFORE_ADD, "layer3.1.add", norm, 2);
    chain_of_shortcuts(ACTIVATION_RELU_PREACT, "layer3.1.add", norm, 2);
    chain_of_shortcuts(ACTIVATION_FULL_PREACT, "layer3.1.add", weight, 1);
}

/* ---- depth ---- */

static void takes_a_step(ModelSpec spec) {
    Optimizer optimizer = {.kind = OPTIMIZER_SGD_CAFFE, .momentum = 0.9};
    Rig rig;
    Metrics before, after;
    rig_open(&rig, backend_name, 2, built(spec), 2, &optimizer);
    OK(init_state(rig.state, INIT_HE_FAN_IN, 1));
    Program *program = rig_program(&rig, MODE_TRAIN, 0, NULL, 0);
    Batch batch = rig_batch(&rig);
    OK(program_train_step(program, &batch, 1e-5));
    OK(program_metrics(program, &before));
    OK(program_train_step(program, &batch, 1e-5));
    OK(program_metrics(program, &after));
    assert_int_equal(before.images, 2);
    assert_true(isfinite(before.loss_sum) && before.loss_sum > 0);
    assert_true(after.loss_sum < before.loss_sum); /* the same two images again */
    program_destroy(program);
    rig_close(&rig);
}

static void resnet_110_takes_a_step(void **state) {
    (void)state;
    takes_a_step((ModelSpec){.model = "resnet_cifar", .family = FAMILY_RESNET, .depth = 110});
}

static void resnet_164_takes_a_step(void **state) {
    (void)state;
    takes_a_step((ModelSpec){.model = "resnet_cifar",
                             .family = FAMILY_RESNET,
                             .block = BLOCK_BOTTLENECK,
                             .activation = ACTIVATION_FULL_PREACT});
}

static void resnet_1202_takes_a_step(void **state) {
    (void)state;
    takes_a_step((ModelSpec){.model = "resnet_cifar", .family = FAMILY_RESNET, .depth = 1202});
}

int main(int argc, char **argv) {
    if (argc < 2) {
        fprintf(stderr, "usage: test_networks BACKEND\n");
        return 2;
    }
    backend_name = argv[1];
    if (backend_is_missing(backend_name))
        return TEST_SKIPPED;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_bias_before_batch_norm_has_no_gradient),
        cmocka_unit_test(without_residual_functions_shortcuts_are_left),
        cmocka_unit_test(resnet_110_takes_a_step),
        cmocka_unit_test(resnet_164_takes_a_step),
        cmocka_unit_test(resnet_1202_takes_a_step),
    };
    /* The deep nets take minutes in naive loops and on the software GPU. */
    size_t count = strcmp(backend_name, "cpu") == 0 ? sizeof tests / sizeof tests[0] : 2;
    return !!_cmocka_run_group_tests("networks", tests, count, NULL, NULL);
}
