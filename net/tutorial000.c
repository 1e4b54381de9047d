/* tutorial000: a ResNet-18 for CIFAR-10.
 *
 * conv3x3(64)-BN-ReLU, no pool; four stages of two blocks with 64, 128, 256, 512 channels, strides
 * 1, 2, 2, 2; global average pool; linear. A block's 3x3 convolutions have a bias, the stem and the
 * 1x1 shortcuts have none. The net of both profiles is the same; asis sees images of 224 pixels,
 * fixed of 32.
 *
 * Names: conv1, bn1; layer<stage>.<index>.conv1, .bn1, .conv2, .bn2, .shortcut.0 (convolution) and
 * .shortcut.1 (batch norm); fc. The block's own names for its parts were not given: these are those
 * that such a module usually has. */
#include "net/models.h"
#include "net/naming.h"

enum { STAGES = 4, BLOCKS = 2 };

void complete_tutorial000(ModelSpec *spec) {
    int size = spec->profile == PROFILE_FIXED ? 32 : 224;
    spec->input.h = spec->input.h ? spec->input.h : size;
    spec->input.w = spec->input.w ? spec->input.w : size;
}

static int block(Net *net, int stage, int index, int x, int channels, int stride) {
#define PART(what) node_name("layer%d.%d." what, stage, index)
    int skip = x;
    int y = net_conv2d(net, PART("conv1"), x, channels, 3, stride, 1, true);
    y = net_batch_norm(net, PART("bn1"), y);
    y = net_relu(net, PART("relu1"), y);
    y = net_conv2d(net, PART("conv2"), y, channels, 3, 1, 1, true);
    y = net_batch_norm(net, PART("bn2"), y);
    if (y >= 0 && (stride != 1 || net->nodes[x].out.c != channels)) {
        skip = net_conv2d(net, PART("shortcut.0"), x, channels, 1, stride, 0, false);
        skip = net_batch_norm(net, PART("shortcut.1"), skip);
    }
    y = net_add(net, PART("add"), y, skip);
    return net_relu(net, PART("relu2"), y);
#undef PART
}

Status build_tutorial000(const ModelSpec *spec, Net *net) {
    int x = net_input(net, spec->input);
    x = net_conv2d(net, "conv1", x, spec->width, 3, 1, 1, false);
    x = net_batch_norm(net, "bn1", x);
    x = net_relu(net, "relu", x);
    for (int stage = 1; stage <= STAGES; stage++)
        for (int i = 0; i < BLOCKS; i++)
            x = block(net, stage, i, x, spec->width << (stage - 1), stage > 1 && i == 0 ? 2 : 1);
    x = net_global_avg_pool(net, "avgpool", x);
    x = net_linear(net, "fc", x, spec->classes, true);
    net_softmax_cross_entropy(net, "loss", x);
    return STATUS_OK;
}
