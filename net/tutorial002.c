/* tutorial002: identity blocks with plain transitions between the stages.
 *
 * conv3x3(64)-BN-ReLU; three blocks of 64 channels; conv3x3(128) stride 2-BN-ReLU; three blocks;
 * conv3x3(256) stride 2-BN-ReLU; three blocks; global average pool; linear. A block is
 * conv-BN-ReLU- conv-BN, plus identity, ReLU. Every convolution has a bias. Both profiles are the
 * same net.
 *
 * Names: conv<stage> and bn<stage> for the stem and the transitions, layer<stage>.<index>.conv1,
 * .bn1, .conv2, .bn2; fc. The tutorial's own were not given. */
#include "net/models.h"
#include "net/naming.h"

enum { STAGES = 3, BLOCKS = 3 };

static int block(Net *net, int stage, int index, int x, int channels) {
#define PART(what) node_name("layer%d.%d." what, stage, index)
    int y = net_conv2d(net, PART("conv1"), x, channels, 3, 1, 1, true);
    y = net_batch_norm(net, PART("bn1"), y);
    y = net_relu(net, PART("relu1"), y);
    y = net_conv2d(net, PART("conv2"), y, channels, 3, 1, 1, true);
    y = net_batch_norm(net, PART("bn2"), y);
    y = net_add(net, PART("add"), y, x);
    return net_relu(net, PART("relu2"), y);
#undef PART
}

Status build_tutorial002(const ModelSpec *spec, Net *net) {
    int x = net_input(net, spec->input);
    for (int stage = 1; stage <= STAGES; stage++) {
        int channels = spec->width << (stage - 1);
        x = net_conv2d(net, node_name("conv%d", stage), x, channels, 3, stage > 1 ? 2 : 1, 1, true);
        x = net_batch_norm(net, node_name("bn%d", stage), x);
        x = net_relu(net, node_name("relu%d", stage), x);
        for (int i = 0; i < BLOCKS; i++)
            x = block(net, stage, i, x, channels);
    }
    x = net_global_avg_pool(net, "avgpool", x);
    x = net_linear(net, "fc", x, spec->classes, true);
    net_softmax_cross_entropy(net, "loss", x);
    return STATUS_OK;
}
