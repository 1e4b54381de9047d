/* tutorial004: a small ResNet for CIFAR-10 with 3x3 projections.
 *
 * conv3x3(16)-BN-ReLU; stages of 16, 32, 64 channels with n = 2 basic blocks each, strides 1, 2, 2;
 * where the size changes the shortcut is a 3x3 convolution with the stride and BN; global average
 * pool; linear. No biases in convolutions. Both profiles are the same net; they differ in the
 * statistics of evaluation (bn_eval).
 *
 * Names: conv, bn; layer<stage>.<index>.conv1, .bn1, .conv2, .bn2, .downsample.0 (convolution) and
 * .downsample.1 (batch norm); fc. */
#include "net/models.h"
#include "net/naming.h"

enum { STAGES = 3 };

static int block(Net *net, int stage, int index, int x, int channels, int stride) {
#define PART(what) node_name("layer%d.%d." what, stage, index)
    int skip = x;
    int y = net_conv2d(net, PART("conv1"), x, channels, 3, stride, 1, false);
    y = net_batch_norm(net, PART("bn1"), y);
    y = net_relu(net, PART("relu1"), y);
    y = net_conv2d(net, PART("conv2"), y, channels, 3, 1, 1, false);
    y = net_batch_norm(net, PART("bn2"), y);
    if (y >= 0 && (stride != 1 || net->nodes[x].out.c != channels)) {
        skip = net_conv2d(net, PART("downsample.0"), x, channels, 3, stride, 1, false);
        skip = net_batch_norm(net, PART("downsample.1"), skip);
    }
    y = net_add(net, PART("add"), y, skip);
    return net_relu(net, PART("relu2"), y);
#undef PART
}

Status build_tutorial004(const ModelSpec *spec, Net *net) {
    if (spec->depth < 8 || (spec->depth - 2) % 6 != 0)
        return status_fail(STATUS_BAD_INPUT,
                           "depth %d: tutorial004 needs 6n+2 layers with n >= 1 (8, 14, 20, ...)",
                           spec->depth);
    int blocks = (spec->depth - 2) / 6;
    int x = net_input(net, spec->input);
    x = net_conv2d(net, "conv", x, spec->width, 3, 1, 1, false);
    x = net_batch_norm(net, "bn", x);
    x = net_relu(net, "relu", x);
    for (int stage = 1; stage <= STAGES; stage++)
        for (int i = 0; i < blocks; i++)
            x = block(net, stage, i, x, spec->width << (stage - 1), stage > 1 && i == 0 ? 2 : 1);
    x = net_global_avg_pool(net, "avg_pool", x);
    x = net_linear(net, "fc", x, spec->classes, true);
    net_softmax_cross_entropy(net, "loss", x);
    return STATUS_OK;
}
