/* tutorial001: the annotated base of ResNets, with a linear layer behind it.
 *
 * Stem: kxk convolution (first_kernel), BN. Stages of basic blocks or, where `bottlenecks` are
 * given, of bottlenecks with the stride in the 3x3 convolution; the shortcut is a 1x1 convolution
 * with BN where the size changes. Global mean; linear. Every convolution has a bias.
 *   asis   the stem has stride 2 and no ReLU; of all blocks only the net's first has stride 2
 *   fixed  the stem has stride 1 and a ReLU; the first blocks of stages 2, 3, ... have stride 2
 *
 * Names: those of Sequential(base, linear), where the base has conv, bn and blocks: 0.conv, 0.bn,
 * 0.blocks.<number>.conv1, .bn1, ..., .shortcut.conv, .shortcut.bn; 1. */
#include "net/models.h"
#include "net/naming.h"

typedef struct Block {
    int number, channels, inner, stride; /* inner 0: basic */
} Block;

void complete_tutorial001(ModelSpec *spec) {
    if (spec->blocks.count == 0)
        spec->blocks = (StageList){3, {3, 3, 3}};
    if (spec->channels.count == 0)
        spec->channels = (StageList){3, {16, 32, 64}};
    bool bottleneck = spec->bottlenecks.count > 0;
    spec->block = bottleneck ? BLOCK_BOTTLENECK : BLOCK_BASIC;
    spec->bottleneck_stride = bottleneck ? BOTTLENECK_STRIDE_3X3 : BOTTLENECK_STRIDE_1X1;
    spec->width = spec->channels.values[0];
    spec->depth = 2;
    for (int i = 0; i < spec->blocks.count; i++)
        spec->depth += (bottleneck ? 3 : 2) * spec->blocks.values[i];
}

static Status check(const ModelSpec *spec) {
    if (spec->first_kernel % 2 == 0)
        return status_fail(STATUS_BAD_INPUT, "first_kernel: %d is even; an odd one keeps the size",
                           spec->first_kernel);
    if (spec->channels.count != spec->blocks.count)
        return status_fail(STATUS_BAD_INPUT, "channels: %d stages, but blocks has %d",
                           spec->channels.count, spec->blocks.count);
    if (spec->bottlenecks.count && spec->bottlenecks.count != spec->blocks.count)
        return status_fail(STATUS_BAD_INPUT, "bottlenecks: %d stages, but blocks has %d",
                           spec->bottlenecks.count, spec->blocks.count);
    return STATUS_OK;
}

/* Convolution with a bias and batch norm, the block's number-th. */
static int layer(Net *net, const Block *block, int number, int x, int channels, int kernel,
                 int stride) {
    x = net_conv2d(net, node_name("0.blocks.%d.conv%d", block->number, number), x, channels, kernel,
                   stride, kernel / 2, true);
    return net_batch_norm(net, node_name("0.blocks.%d.bn%d", block->number, number), x);
}

static int activation(Net *net, const Block *block, int number, int x) {
    return net_relu(net, node_name("0.blocks.%d.act%d", block->number, number), x);
}

static int residual(Net *net, const Block *block, int x) {
    if (!block->inner) {
        x = layer(net, block, 1, x, block->channels, 3, block->stride);
        x = activation(net, block, 1, x);
        return layer(net, block, 2, x, block->channels, 3, 1);
    }
    x = layer(net, block, 1, x, block->inner, 1, 1);
    x = activation(net, block, 1, x);
    x = layer(net, block, 2, x, block->inner, 3, block->stride);
    x = activation(net, block, 2, x);
    return layer(net, block, 3, x, block->channels, 1, 1);
}

static int add_block(Net *net, const Block *block, int x) {
    int skip = x, y = residual(net, block, x);
    if (y >= 0 && (block->stride != 1 || net->nodes[x].out.c != block->channels)) {
        skip = net_conv2d(net, node_name("0.blocks.%d.shortcut.conv", block->number), x,
                          block->channels, 1, block->stride, 0, true);
        skip = net_batch_norm(net, node_name("0.blocks.%d.shortcut.bn", block->number), skip);
    }
    y = net_add(net, node_name("0.blocks.%d.add", block->number), y, skip);
    return activation(net, block, block->inner ? 3 : 2, y);
}

static int stem(Net *net, const ModelSpec *spec) {
    int k = spec->first_kernel;
    int x = net_input(net, spec->input);
    bool fixed = spec->profile == PROFILE_FIXED;
    x = net_conv2d(net, "0.conv", x, spec->width, k, fixed ? 1 : 2, k / 2, true);
    x = net_batch_norm(net, "0.bn", x);
    return fixed ? net_relu(net, "0.act", x) : x;
}

Status build_tutorial001(const ModelSpec *spec, Net *net) {
    TRY(check(spec));
    int number = 0, x = stem(net, spec);
    for (int stage = 0; stage < spec->blocks.count; stage++)
        for (int i = 0; i < spec->blocks.values[stage] && x >= 0; i++, number++) {
            bool strided = spec->profile == PROFILE_FIXED ? stage > 0 && i == 0 : number == 0;
            Block block = {number, spec->channels.values[stage],
                           spec->bottlenecks.count ? spec->bottlenecks.values[stage] : 0,
                           strided ? 2 : 1};
            x = add_block(net, &block, x);
        }
    x = net_global_avg_pool(net, "mean", x);
    x = net_linear(net, "1", x, spec->classes, true);
    net_softmax_cross_entropy(net, "loss", x);
    return STATUS_OK;
}
