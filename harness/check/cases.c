#include "harness/check/cases.h"

#include <string.h>

#include "net/models.h"

/* An input of pairwise different sizes; most cases lift it with a 1x1 convolution first, so that
 * the operation under test also has to give a gradient to what is in front of it. */
static int input(Net *net) {
    return net_input(net, (Shape){2, 7, 6});
}

static int lifted(Net *net, int channels) {
    return net_conv2d(net, "lift", input(net), channels, 1, 1, 0, true);
}

/* ---- one operation each ---- */

static void conv_input(Net *net) {
    net_conv2d(net, "conv", input(net), 5, 3, 1, 1, false);
}

static void conv_3x3(Net *net) {
    net_conv2d(net, "conv", lifted(net, 3), 5, 3, 1, 1, false);
}

static void conv_3x3_stride(Net *net) {
    net_conv2d(net, "conv", lifted(net, 3), 5, 3, 2, 1, true);
}

static void conv_1x1_stride(Net *net) {
    net_conv2d(net, "conv", lifted(net, 3), 5, 1, 2, 0, false);
}

static void conv_3x3_valid(Net *net) {
    net_conv2d(net, "conv", lifted(net, 4), 3, 3, 1, 0, true);
}

static void conv_5x5(Net *net) {
    net_conv2d(net, "conv", lifted(net, 4), 3, 5, 1, 2, true);
}

static void conv_7x7_stride(Net *net) {
    net_conv2d(net, "conv", input(net), 5, 7, 2, 3, true);
}

static void conv_wide(Net *net) { /* whole vectors of channels, and a part of one */
    int x = net_conv2d(net, "conv1", lifted(net, 16), 32, 3, 1, 1, false);
    net_conv2d(net, "conv2", x, 20, 3, 2, 1, false);
}

static void batch_norm(Net *net) {
    net_batch_norm(net, "bn", lifted(net, 5));
}

static void batch_norm_input(Net *net) {
    net_batch_norm(net, "bn", input(net));
}

static void relu(Net *net) {
    net_relu(net, "relu", lifted(net, 5));
}

static void batch_norm_relu(Net *net) {
    net_relu(net, "relu", net_batch_norm(net, "bn", lifted(net, 5)));
}

static void add(Net *net) {
    int x = lifted(net, 3);
    net_add(net, "add", net_conv2d(net, "conv", x, 3, 3, 1, 1, false), x);
}

static void add_itself(Net *net) {
    int x = lifted(net, 3);
    net_add(net, "add", x, x);
}

static void sigmoid(Net *net) {
    net_sigmoid(net, "sigmoid", lifted(net, 5));
}

static void sigmoid_wide(Net *net) { /* whole vectors of channels and a part of one, read on */
    int x = net_sigmoid(net, "sigmoid", lifted(net, 18));
    net_conv2d(net, "conv", x, 20, 3, 1, 1, false);
}

static void multiply(Net *net) {
    int x = lifted(net, 3);
    net_multiply(net, "multiply", net_conv2d(net, "conv", x, 3, 3, 1, 1, false), x);
}

static void multiply_itself(Net *net) {
    int x = lifted(net, 3);
    net_multiply(net, "multiply", x, x);
}

static void affine(Net *net) { /* a shift that must not reach what fills up the channels */
    int x = net_affine(net, "affine", lifted(net, 5), -0.75, 1.25);
    net_conv2d(net, "conv", x, 3, 3, 1, 1, false);
}

static void affine_input(Net *net) {
    net_affine(net, "affine", input(net), 0.5, 0);
}

/* (1 - g) x + g f(x): a gate on the shortcut and one on the residual. */
static void gate(Net *net) {
    int x = lifted(net, 5);
    int g = net_sigmoid(net, "g", net_conv2d(net, "gate", x, 5, 1, 1, 0, true));
    int f = net_relu(net, "relu",
                     net_batch_norm(net, "bn", net_conv2d(net, "conv", x, 5, 3, 1, 1, false)));
    int kept = net_multiply(net, "kept", net_affine(net, "rest", g, -1, 1), x);
    net_add(net, "add", net_multiply(net, "gated", f, g), kept);
}

static void dropout(Net *net) {
    net_dropout(net, "dropout", lifted(net, 5), 0.5);
}

static void dropout_input(Net *net) {
    net_dropout(net, "dropout", input(net), 0.25);
}

static void dropout_wide(Net *net) { /* draws that a vector of channels shares, and two nodes */
    int x = net_dropout(net, "drop1", lifted(net, 18), 0.3);
    net_dropout(net, "drop2", net_conv2d(net, "conv", x, 21, 3, 2, 1, false), 0.6);
}

static void batch_norm_add(Net *net) { /* an addition without a ReLU behind it */
    int x = lifted(net, 3);
    net_add(net, "add", x,
            net_batch_norm(net, "bn", net_conv2d(net, "conv", x, 3, 3, 1, 1, false)));
}

static void batch_norm_twice_read(Net *net) { /* a fused batch norm must not hide its output */
    int x = net_batch_norm(net, "bn", lifted(net, 3));
    net_add(net, "add", net_relu(net, "relu", x), x);
}

static void subsample_append(Net *net) {
    net_zero_pad_subsample(net, "pad", lifted(net, 3), 5, 2, 0);
}

static void subsample_both(Net *net) {
    net_zero_pad_subsample(net, "pad", lifted(net, 2), 5, 2, 1);
}

static void subsample_wide(Net *net) { /* zeros in front that are no whole vector */
    net_zero_pad_subsample(net, "pad", lifted(net, 16), 32, 2, 8);
}

static void max_pool(Net *net) {
    net_max_pool(net, "pool", lifted(net, 3), 2, 2, 0);
}

static void max_pool_overlap(Net *net) {
    net_max_pool(net, "pool", lifted(net, 3), 3, 2, 1);
}

static void avg_pool(Net *net) {
    net_avg_pool(net, "pool", lifted(net, 3), 3, 2, 1);
}

static void global_avg_pool(Net *net) {
    net_global_avg_pool(net, "pool", lifted(net, 3));
}

static void linear(Net *net) {
    net_linear(net, "fc", lifted(net, 3), 5, true);
}

static void linear_input(Net *net) {
    net_linear(net, "fc", input(net), 5, false);
}

static void linear_twice(Net *net) {
    net_linear(net, "fc2", net_linear(net, "fc1", lifted(net, 3), 17, true), 4, false);
}

static void cross_entropy(Net *net) {
    int x = net_linear(net, "fc", lifted(net, 3), 5, true);
    net_softmax_cross_entropy(net, "loss", x);
}

/* ---- small nets ---- */

/* A refused specification leaves no nodes, which case_build() finds. */
#define MODEL_CASE(name, ...)                                                                      \
    static void name(Net *net) {                                                                   \
        static const ModelSpec spec = {__VA_ARGS__};                                               \
        model_append(&spec, net);                                                                  \
    }
#define SMALL           .input = {2, 9, 8}, .classes = 5
#define RESIDUAL(which) .model = which, .family = FAMILY_RESNET
#define RESNET_8        RESIDUAL("resnet_cifar"), SMALL, .depth = 8

MODEL_CASE(plain_8, .model = "resnet_cifar", SMALL, .depth = 8, .family = FAMILY_PLAIN, .width = 4)
MODEL_CASE(resnet_8_a, RESNET_8, .shortcut = SHORTCUT_A, .width = 4)
MODEL_CASE(resnet_8_a_both, RESNET_8, .shortcut = SHORTCUT_A, .pad_side = PAD_BOTH, .width = 4)
MODEL_CASE(resnet_8_b, RESNET_8, .shortcut = SHORTCUT_B, .width = 4)
MODEL_CASE(resnet_8_c, RESNET_8, .shortcut = SHORTCUT_C, .width = 3)
MODEL_CASE(resnet_8_wide, RESNET_8, .shortcut = SHORTCUT_A, .pad_side = PAD_BOTH, .width = 16)
MODEL_CASE(resnet_8_3x3, RESNET_8, .shortcut = SHORTCUT_3X3, .width = 3)
MODEL_CASE(resnet_8_transition, RESNET_8, .shortcut = SHORTCUT_TRANSITION, .width = 3)
MODEL_CASE(bottleneck_11, RESIDUAL("resnet_cifar"), SMALL, .depth = 11, .block = BLOCK_BOTTLENECK,
           .width = 2)
MODEL_CASE(bottleneck_11_preact, RESIDUAL("resnet_cifar"), SMALL, .depth = 11,
           .block = BLOCK_BOTTLENECK, .width = 2, .bottleneck_stride = BOTTLENECK_STRIDE_3X3,
           .activation = ACTIVATION_FULL_PREACT)
MODEL_CASE(bn_after_add, RESNET_8, .activation = ACTIVATION_BN_AFTER_ADD, .width = 4)
MODEL_CASE(relu_before_add, RESNET_8, .activation = ACTIVATION_RELU_BEFORE_ADD, .width = 4)
MODEL_CASE(relu_preact, RESNET_8, .activation = ACTIVATION_RELU_PREACT, .shortcut = SHORTCUT_B,
           .width = 4)
MODEL_CASE(full_preact, RESNET_8, .activation = ACTIVATION_FULL_PREACT, .width = 4)
MODEL_CASE(scaled, RESNET_8, .shortcut_scale = 0.5, .residual_scale = 0.7, .width = 4)
MODEL_CASE(gate_exclusive, RESNET_8, .gate = GATE_EXCLUSIVE, .width = 4)
MODEL_CASE(gate_shortcut, RESNET_8, .gate = GATE_SHORTCUT, .shortcut = SHORTCUT_B, .width = 3)
MODEL_CASE(shortcut_dropout, RESNET_8, .shortcut_dropout = 0.5, .width = 4)
MODEL_CASE(imagenet_18, RESIDUAL("resnet_imagenet"), .input = {2, 43, 33}, .classes = 5, .width = 2)
MODEL_CASE(tutorial000, RESIDUAL("tutorial000"), .input = {2, 18, 15}, .classes = 5, .width = 4)
MODEL_CASE(tutorial001_asis, RESIDUAL("tutorial001"), SMALL, .blocks = {2, {2, 1}},
           .channels = {2, {3, 5}}, .first_kernel = 5)
MODEL_CASE(tutorial001_fixed, RESIDUAL("tutorial001"), SMALL, .blocks = {2, {1, 2}},
           .channels = {2, {6, 9}}, .bottlenecks = {2, {4, 5}}, .profile = PROFILE_FIXED)
MODEL_CASE(tutorial002, RESIDUAL("tutorial002"), .input = {2, 13, 11}, .classes = 5, .width = 3)
MODEL_CASE(tutorial003, RESIDUAL("tutorial003"), SMALL, .width = 4)
MODEL_CASE(tutorial003_basic, .model = "tutorial003", SMALL, .family = FAMILY_PLAIN,
           .block = BLOCK_BASIC, .width = 4)
MODEL_CASE(tutorial004, RESIDUAL("tutorial004"), SMALL, .depth = 8, .width = 3)

/* As an ImageNet net begins, with channels that end within a vector, and a linear layer that reads
 * more than one pixel. */
static void stem(Net *net) {
    int x = net_conv2d(net, "conv", net_input(net, (Shape){3, 15, 13}), 20, 7, 2, 3, false);
    x = net_relu(net, "relu", net_batch_norm(net, "bn", x));
    x = net_max_pool(net, "pool", x, 3, 2, 1);
    net_softmax_cross_entropy(net, "loss", net_linear(net, "fc", x, 5, true));
}

/* The other operations on channels that end within a vector. */
static void tails(Net *net) {
    int x = net_zero_pad_subsample(net, "pad", lifted(net, 18), 37, 1, 9);
    x = net_add(net, "add", x, net_batch_norm(net, "bn", x));
    x = net_avg_pool(net, "pool", net_relu(net, "relu", x), 3, 2, 1);
    net_softmax_cross_entropy(net, "loss", net_linear(net, "fc", x, 5, true));
}

/* A gate trained, on channels that end within a vector: what fills them up must stay out of the
 * weights of the convolutions that read a sigmoid and an affine map. */
static void gated(Net *net) {
    int x = lifted(net, 18);
    int g = net_sigmoid(net, "g", net_conv2d(net, "gate", x, 18, 1, 1, 0, true));
    int rest = net_affine(net, "rest", g, -1, 1);
    int y = net_multiply(net, "kept", net_conv2d(net, "conv1", rest, 18, 3, 1, 1, false), x);
    y = net_add(net, "add", net_conv2d(net, "conv2", g, 18, 3, 1, 1, false), y);
    y = net_linear(net, "fc", net_global_avg_pool(net, "pool", y), 5, true);
    net_softmax_cross_entropy(net, "loss", y);
}

/* A dropout shortcut, and dropout between the pool and the classifier. */
static void dropped(Net *net) {
    int x = lifted(net, 18);
    int y = net_batch_norm(net, "bn", net_conv2d(net, "conv", x, 18, 3, 1, 1, false));
    y = net_relu(net, "relu", net_add(net, "add", y, net_dropout(net, "shortcut", x, 0.5)));
    y = net_dropout(net, "drop", net_global_avg_pool(net, "pool", y), 0.2);
    net_softmax_cross_entropy(net, "loss", net_linear(net, "fc", y, 5, true));
}

static const Case cases[] = {
    {"conv_input", 3, 0, conv_input},
    {"conv_3x3", 3, 0, conv_3x3},
    {"conv_3x3_stride", 3, 0, conv_3x3_stride},
    {"conv_1x1_stride", 3, 0, conv_1x1_stride},
    {"conv_3x3_valid", 3, 0, conv_3x3_valid},
    {"conv_5x5", 3, 0, conv_5x5},
    {"conv_7x7_stride", 3, 0, conv_7x7_stride},
    {"conv_wide", 2, 0, conv_wide},
    {"batch_norm", 3, 0, batch_norm},
    {"batch_norm_input", 3, 0, batch_norm_input},
    {"batch_norm_groups", 6, 2, batch_norm},
    {"relu", 3, 0, relu},
    {"batch_norm_relu", 3, 0, batch_norm_relu},
    {"add", 3, 0, add},
    {"add_itself", 3, 0, add_itself},
    {"sigmoid", 3, 0, sigmoid},
    {"sigmoid_wide", 2, 0, sigmoid_wide},
    {"multiply", 3, 0, multiply},
    {"multiply_itself", 3, 0, multiply_itself},
    {"affine", 3, 0, affine},
    {"affine_input", 3, 0, affine_input},
    {"gate", 4, 2, gate},
    {"dropout", 3, 0, dropout},
    {"dropout_input", 3, 0, dropout_input},
    {"dropout_wide", 3, 0, dropout_wide},
    {"batch_norm_add", 3, 0, batch_norm_add},
    {"batch_norm_twice_read", 4, 2, batch_norm_twice_read},
    {"subsample_append", 3, 0, subsample_append},
    {"subsample_both", 3, 0, subsample_both},
    {"subsample_wide", 2, 0, subsample_wide},
    {"max_pool", 3, 0, max_pool},
    {"max_pool_overlap", 3, 0, max_pool_overlap},
    {"avg_pool", 3, 0, avg_pool},
    {"global_avg_pool", 3, 0, global_avg_pool},
    {"linear", 3, 0, linear},
    {"linear_input", 3, 0, linear_input},
    {"linear_twice", 3, 0, linear_twice},
    {"cross_entropy", 3, 0, cross_entropy},
    {"stem", 4, 0, stem},
    {"tails", 4, 2, tails},
    {"gated", 4, 0, gated},
    {"dropped", 4, 2, dropped},
    {"plain_8", 4, 0, plain_8},
    {"resnet_8_a", 4, 0, resnet_8_a},
    {"resnet_8_a_both", 4, 0, resnet_8_a_both},
    {"resnet_8_b", 6, 2, resnet_8_b},
    {"resnet_8_c", 4, 0, resnet_8_c},
    {"resnet_8_wide", 2, 0, resnet_8_wide},
    {"resnet_8_3x3", 4, 0, resnet_8_3x3},
    {"resnet_8_transition", 4, 0, resnet_8_transition},
    {"bottleneck_11", 4, 0, bottleneck_11},
    {"bottleneck_11_preact", 4, 0, bottleneck_11_preact},
    {"bn_after_add", 4, 0, bn_after_add},
    {"relu_before_add", 4, 0, relu_before_add},
    {"relu_preact", 4, 2, relu_preact},
    {"full_preact", 4, 0, full_preact},
    {"scaled", 4, 0, scaled},
    {"gate_exclusive", 4, 0, gate_exclusive},
    {"gate_shortcut", 4, 2, gate_shortcut},
    {"shortcut_dropout", 4, 0, shortcut_dropout},
    {"imagenet_18", 4, 0, imagenet_18},
    {"tutorial000", 4, 0, tutorial000},
    {"tutorial001_asis", 4, 0, tutorial001_asis},
    {"tutorial001_fixed", 4, 0, tutorial001_fixed},
    {"tutorial002", 4, 0, tutorial002},
    {"tutorial003", 4, 0, tutorial003},
    {"tutorial003_basic", 4, 0, tutorial003_basic},
    {"tutorial004", 4, 0, tutorial004},
};

const Case *case_table(int *count) {
    *count = (int)(sizeof cases / sizeof cases[0]);
    return cases;
}

const Case *case_find(const char *name) {
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        if (strcmp(cases[i].name, name) == 0)
            return &cases[i];
    return NULL;
}

Status case_build(const Case *test, Net **out) {
    *out = NULL;
    Net *net = net_create(test->name);
    if (!net)
        return status_fail(STATUS_NO_MEMORY, "no memory for the net of case '%s'", test->name);
    test->build(net);
    Status status = net_finish(net);
    if (status != STATUS_OK) {
        net_destroy(net);
        return status_context(status, "case '%s'", test->name);
    }
    *out = net;
    return STATUS_OK;
}

bool case_has_batch_norm(const Net *net) {
    return net->statistic_count > 0;
}
