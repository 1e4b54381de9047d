/* tutorial003: a small residual net for MNIST without batch norm, and the same without additions.
 *
 * conv5x5(20), max-pool 2, ReLU; block(20); conv3x3(15), max-pool 2, ReLU; block(15); linear to a
 * third of the 735 values, ReLU; linear. Block(C): convolution to 30 channels, ReLU, conv3x3 back
 * to C, plus identity, ReLU; its first convolution is 5x5 (block 5x5) or 3x3 (block basic, which
 * the tutorial's text defines and which crashes there). Family plain leaves the two additions out.
 * Every layer has a bias. With another `width` all channels keep their ratio. Both profiles are the
 * same net.
 *
 * Names: conv1, block1.conv1, block1.conv2, conv2, block2.conv1, block2.conv2, fc1, fc2. The
 * tutorial's own were not given. */
#include "net/models.h"
#include "net/naming.h"

static int block(Net *net, const ModelSpec *spec, int number, int x) {
    int kernel = spec->block == BLOCK_5X5 ? 5 : 3;
    int channels = x >= 0 ? net->nodes[x].out.c : 1;
    int y = net_conv2d(net, node_name("block%d.conv1", number), x, 3 * spec->width / 2, kernel, 1,
                       kernel / 2, true);
    y = net_relu(net, node_name("block%d.relu1", number), y);
    y = net_conv2d(net, node_name("block%d.conv2", number), y, channels, 3, 1, 1, true);
    if (spec->family == FAMILY_RESNET)
        y = net_add(net, node_name("block%d.add", number), y, x);
    return net_relu(net, node_name("block%d.relu2", number), y);
}

static int stage(Net *net, const ModelSpec *spec, int number, int x, int channels, int kernel) {
    x = net_conv2d(net, node_name("conv%d", number), x, channels, kernel, 1, kernel / 2, true);
    x = net_max_pool(net, node_name("pool%d", number), x, 2, 2, 0);
    x = net_relu(net, node_name("relu%d", number), x);
    return block(net, spec, number, x);
}

Status build_tutorial003(const ModelSpec *spec, Net *net) {
    if (spec->width % 4 != 0)
        return status_fail(STATUS_BAD_INPUT, "width %d: tutorial003 needs a multiple of 4",
                           spec->width);
    if (spec->block == BLOCK_BOTTLENECK)
        return status_fail(STATUS_BAD_INPUT, "block: tutorial003 has 5x5 and basic blocks");
    int x = net_input(net, spec->input);
    x = stage(net, spec, 1, x, spec->width, 5);
    x = stage(net, spec, 2, x, 3 * spec->width / 4, 3);
    int third = x >= 0 ? (int)shape_count(net->nodes[x].out) / 3 : 1;
    x = net_linear(net, "fc1", x, third, true);
    x = net_relu(net, "relu", x);
    x = net_linear(net, "fc2", x, spec->classes, true);
    net_softmax_cross_entropy(net, "loss", x);
    return STATUS_OK;
}
