/* The nets for ImageNet of He et al. 2015 (arXiv 1512.03385), table 1.
 *
 * conv7x7(64) stride 2-BN-ReLU; max-pool 3x3 stride 2; four stages with 64, 128, 256, 512 channels
 * (bottlenecks: inside; four times as many outside), stages 2 to 4 with stride 2; global average
 * pool; linear; softmax. Family plain is the same without shortcuts. bottleneck_stride 1x1 is the
 * paper's form, 3x3 torchvision's. Names are torchvision's. */
#include <stdio.h>

#include "net/residual.h"

enum { STAGES = 4 };

static const struct Depth {
    int depth, blocks[STAGES];
} depths[] = {
    {18, {2, 2, 2, 2}},   {34, {3, 4, 6, 3}},   {50, {3, 4, 6, 3}},
    {101, {3, 4, 23, 3}}, {152, {3, 8, 36, 3}},
};

enum { FIRST_WITH_BOTTLENECKS = 50 };

static const struct Depth *find_depth(int depth) {
    for (size_t i = 0; i < sizeof depths / sizeof depths[0]; i++)
        if (depths[i].depth == depth)
            return &depths[i];
    return NULL;
}

void complete_resnet_imagenet(ModelSpec *spec) {
    spec->block = spec->depth < FIRST_WITH_BOTTLENECKS ? BLOCK_BASIC : BLOCK_BOTTLENECK;
    if (spec->shortcut == SHORTCUT_AUTO)
        spec->shortcut = spec->family == FAMILY_RESNET ? SHORTCUT_B : SHORTCUT_A;
    if (spec->bottleneck_stride == BOTTLENECK_STRIDE_AUTO)
        spec->bottleneck_stride = BOTTLENECK_STRIDE_1X1;
}

static int stem(const ModelSpec *spec, Net *net) {
    int x = net_input(net, spec->input);
    x = net_conv2d(net, "conv1", x, spec->width, 7, 2, 3, false);
    x = net_batch_norm(net, "bn1", x);
    x = net_relu(net, "relu", x);
    return net_max_pool(net, "maxpool", x, 3, 2, 1);
}

Status build_resnet_imagenet(const ModelSpec *spec, Net *net) {
    const struct Depth *depth = find_depth(spec->depth);
    if (!depth)
        return status_fail(STATUS_BAD_INPUT,
                           "depth %d: resnet_imagenet has 18, 34, 50, 101 or 152 layers",
                           spec->depth);
    TRY(residual_check(spec));
    snprintf(net->title, sizeof net->title, "imagenet-%s-%d",
             spec->family == FAMILY_PLAIN ? "plain" : "resnet", spec->depth);
    int x = stem(spec, net);
    for (int stage = 1; stage <= STAGES; stage++)
        for (int i = 0; i < depth->blocks[stage - 1] && x >= 0; i++) {
            Block block = residual_plan(spec, stage, i);
            x = residual_block(net, spec, &block, x);
        }
    x = net_global_avg_pool(net, "avgpool", x);
    x = net_linear(net, "fc", x, spec->classes, true);
    net_softmax_cross_entropy(net, "loss", x);
    return STATUS_OK;
}
