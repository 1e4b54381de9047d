/* The nets for small images of He et al. 2015 (arXiv 1512.03385), section 4.2.
 *
 * conv3x3(width)-BN-ReLU; three stages of n blocks with width, 2 width, 4 width channels, the first
 * convolution of stages 2 and 3 with stride 2; global average pool; linear; softmax. Basic blocks:
 * 6n + 2 weighted layers. Bottlenecks (He et al. 2016, arXiv 1603.05027): 9n + 2, with those widths
 * inside and four times as many channels outside. Family plain is the same without shortcuts. Names
 * are torchvision's. */
#include <stdio.h>

#include "net/residual.h"

void complete_resnet_cifar(ModelSpec *spec) {
    if (spec->block == BLOCK_AUTO)
        spec->block = BLOCK_BASIC;
    bool bottleneck = spec->block == BLOCK_BOTTLENECK;
    if (spec->depth == 0)
        spec->depth = bottleneck ? 164 : 20;
    if (spec->shortcut == SHORTCUT_AUTO)
        spec->shortcut = bottleneck && spec->family == FAMILY_RESNET ? SHORTCUT_B : SHORTCUT_A;
    if (spec->bottleneck_stride == BOTTLENECK_STRIDE_AUTO)
        spec->bottleneck_stride = BOTTLENECK_STRIDE_1X1;
}

static Status check(const ModelSpec *spec) {
    TRY(residual_check(spec));
    if (spec->block == BLOCK_BASIC && (spec->depth < 8 || (spec->depth - 2) % 6 != 0))
        return status_fail(STATUS_BAD_INPUT,
                           "depth %d: resnet_cifar needs 6n+2 layers with n >= 1 (8, 14, 20, 32, "
                           "44, 56, 110, ...)",
                           spec->depth);
    if (spec->block == BLOCK_BOTTLENECK && (spec->depth < 11 || (spec->depth - 2) % 9 != 0))
        return status_fail(STATUS_BAD_INPUT,
                           "depth %d: resnet_cifar with bottlenecks needs 9n+2 layers with n >= 1 "
                           "(11, 20, 29, 164, 1001, ...)",
                           spec->depth);
    return STATUS_OK;
}

Status build_resnet_cifar(const ModelSpec *spec, Net *net) {
    TRY(check(spec));
    int blocks = (spec->depth - 2) / (spec->block == BLOCK_BOTTLENECK ? 9 : 6);
    snprintf(net->title, sizeof net->title, "%s-%d",
             spec->family == FAMILY_PLAIN ? "plain" : "resnet", spec->depth);
    int x = net_input(net, spec->input);
    x = net_conv2d(net, "conv1", x, spec->width, 3, 1, 1, false);
    x = net_batch_norm(net, "bn1", x);
    x = net_relu(net, "relu", x);
    for (int stage = 1; stage <= 3; stage++)
        for (int i = 0; i < blocks && x >= 0; i++) {
            Block block = residual_plan(spec, stage, i);
            x = residual_block(net, spec, &block, x);
        }
    x = residual_end(net, spec, x);
    x = net_global_avg_pool(net, "avgpool", x);
    x = net_linear(net, "fc", x, spec->classes, true);
    net_softmax_cross_entropy(net, "loss", x);
    return STATUS_OK;
}
