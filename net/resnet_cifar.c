/* The nets for small images of He et al. 2015 (arXiv 1512.03385), section 4.2.
 *
 * conv3x3(width)-BN-ReLU; three stages of n basic blocks with width, 2 width, 4 width channels, the
 * first convolution of stages 2 and 3 with stride 2; global average pool; linear; softmax.
 * 6n + 2 weighted layers. Family plain is the same without shortcuts. Names are torchvision's. */
#include <stdio.h>

#include "net/models.h"

typedef struct Block {
    int stage, index; /* "layer<stage>.<index>", stage from 1 */
    int channels, stride;
} Block;

/* The full name of a part of a block, in a buffer that the next call reuses. */
static const char *part(const Block *block, const char *what) {
    static _Thread_local char name[NET_NAME_MAX];
    snprintf(name, sizeof name, "layer%d.%d.%s", block->stage, block->index, what);
    return name;
}

static int shortcut(Net *net, const ModelSpec *spec, const Block *block, int x) {
    int in = net->nodes[x].out.c;
    bool changes = block->stride != 1 || in != block->channels;
    if (spec->shortcut == SHORTCUT_C || (spec->shortcut == SHORTCUT_B && changes)) {
        int y = net_conv2d(net, part(block, "downsample.0"), x, block->channels, 1, block->stride,
                           0, false);
        return net_batch_norm(net, part(block, "downsample.1"), y);
    }
    if (!changes)
        return x;
    int before = spec->pad_side == PAD_BOTH ? (block->channels - in) / 2 : 0;
    return net_zero_pad_subsample(net, part(block, "shortcut"), x, block->channels, block->stride,
                                  before);
}

static int basic_block(Net *net, const ModelSpec *spec, const Block *block, int x) {
    int y = net_conv2d(net, part(block, "conv1"), x, block->channels, 3, block->stride, 1, false);
    y = net_batch_norm(net, part(block, "bn1"), y);
    y = net_relu(net, part(block, "relu1"), y);
    y = net_conv2d(net, part(block, "conv2"), y, block->channels, 3, 1, 1, false);
    y = net_batch_norm(net, part(block, "bn2"), y);
    if (spec->family == FAMILY_RESNET && y >= 0) {
        int skip = shortcut(net, spec, block, x);
        y = net_add(net, part(block, "add"), y, skip);
    }
    return net_relu(net, part(block, "relu2"), y);
}

Status build_resnet_cifar(const ModelSpec *spec, Net *net) {
    if (spec->depth < 8 || (spec->depth - 2) % 6 != 0)
        return status_fail(STATUS_BAD_INPUT,
                           "depth %d: resnet_cifar needs 6n+2 layers with n >= 1 (8, 14, 20, 32, "
                           "44, 56, 110, ...)",
                           spec->depth);
    if (spec->width < 1)
        return status_fail(STATUS_BAD_INPUT, "width %d: must be at least 1", spec->width);
    snprintf(net->title, sizeof net->title, "%s-%d",
             spec->family == FAMILY_PLAIN ? "plain" : "resnet", spec->depth);
    int blocks = (spec->depth - 2) / 6;
    int x = net_input(net, spec->input);
    x = net_conv2d(net, "conv1", x, spec->width, 3, 1, 1, false);
    x = net_batch_norm(net, "bn1", x);
    x = net_relu(net, "relu", x);
    for (int stage = 1; stage <= 3; stage++)
        for (int i = 0; i < blocks && x >= 0; i++) {
            Block block = {stage, i, spec->width << (stage - 1), stage > 1 && i == 0 ? 2 : 1};
            x = basic_block(net, spec, &block, x);
        }
    x = net_global_avg_pool(net, "avgpool", x);
    x = net_linear(net, "fc", x, spec->classes, true);
    net_softmax_cross_entropy(net, "loss", x);
    return STATUS_OK; /* a builder's error sticks in the net; model_build() asks for it */
}
