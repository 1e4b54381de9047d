#include "harness/check/speed_nets.h"

#include <stdio.h>

enum { IMAGE_CHANNELS = 3, CLASSES = 10 };

/* ---- operations: a layer of a ResNet on CIFAR, or of one on ImageNet ---- */

static int convolution(Net *net, const char *name, int x) {
    return net_conv2d(net, name, x, net->nodes[x].out.c, 3, 1, 1, false);
}

static int narrowing(Net *net, const char *name, int x) {
    return net_conv2d(net, name, x, 2 * net->nodes[x].out.c, 3, 2, 1, false);
}

static int projection(Net *net, const char *name, int x) {
    return net_conv2d(net, name, x, 2 * net->nodes[x].out.c, 1, 2, 0, false);
}

static int batch_norm(Net *net, const char *name, int x) {
    return net_batch_norm(net, name, x);
}

static int batch_norm_relu(Net *net, const char *name, int x) {
    char relu[NET_NAME_MAX];
    snprintf(relu, sizeof relu, "%s.relu", name);
    return net_relu(net, relu, net_batch_norm(net, name, x));
}

static int subsample(Net *net, const char *name, int x) {
    return net_zero_pad_subsample(net, name, x, 2 * net->nodes[x].out.c, 2, 0);
}

static int sigmoid(Net *net, const char *name, int x) {
    return net_sigmoid(net, name, x);
}

static int dropout(Net *net, const char *name, int x) {
    return net_dropout(net, name, x, 0.5);
}

static int max_pool(Net *net, const char *name, int x) {
    return net_max_pool(net, name, x, 3, 2, 1);
}

static int global_avg_pool(Net *net, const char *name, int x) {
    return net_global_avg_pool(net, name, x);
}

static int classifier(Net *net, const char *name, int x) {
    return net_linear(net, name, x, 1000, true);
}

static const SpeedOp ops[] = {
    {"conv 3x3 16 -> 16", {16, 32, 32}, 2, convolution},
    {"conv 3x3 32 -> 32", {32, 16, 16}, 2, convolution},
    {"conv 3x3 64 -> 64", {64, 8, 8}, 2, convolution},
    {"conv 3x3 / 2 16 -> 32", {16, 32, 32}, 1, narrowing},
    {"conv 3x3 / 2 32 -> 64", {32, 16, 16}, 1, narrowing},
    {"conv 1x1 / 2 16 -> 32", {16, 32, 32}, 1, projection},
    {"batch norm", {16, 32, 32}, 2, batch_norm},
    {"batch norm + ReLU", {16, 32, 32}, 2, batch_norm_relu},
    {"batch norm + ReLU", {64, 8, 8}, 2, batch_norm_relu},
    {"zero-pad subsample", {16, 32, 32}, 1, subsample},
    {"sigmoid", {16, 32, 32}, 2, sigmoid},
    {"dropout", {16, 32, 32}, 2, dropout},
    {"max pool 3x3 / 2", {16, 32, 32}, 1, max_pool},
    {"global average pool", {64, 8, 8}, 1, global_avg_pool},
    {"linear 512 -> 1000", {512, 1, 1}, 1, classifier},
};

const SpeedOp *speed_ops(int *count) {
    *count = (int)(sizeof ops / sizeof ops[0]);
    return ops;
}

/* ---- nets ---- */

static int head(Net *net, Shape shape) {
    int x = net_input(net, (Shape){IMAGE_CHANNELS, shape.h, shape.w});
    return net_conv2d(net, "lift", x, shape.c, 1, 1, 0, false);
}

static Status finished(Net *net, Net **out) {
    Status status = net_finish(net);
    if (status != STATUS_OK)
        net_destroy(net);
    else
        *out = net;
    return status;
}

static Status tail(Net *net, int x, Net **out) {
    x = net_linear(net, "fc", net_global_avg_pool(net, "pool", x), CLASSES, true);
    net_softmax_cross_entropy(net, "loss", x);
    return finished(net, out);
}

static Status new_net(const char *title, Net **net) {
    *net = net_create(title);
    return *net ? STATUS_OK : status_fail(STATUS_NO_MEMORY, "no memory for the net '%s'", title);
}

Status speed_alone(const SpeedOp *op, Net **out) {
    Net *net;
    *out = NULL;
    TRY(new_net(op->name, &net));
    op->build(net, "op", net_input(net, op->in));
    return finished(net, out);
}

Status speed_net(const SpeedOp *op, Net **out, int *first, int *last) {
    Net *net;
    char name[16];
    *out = NULL;
    TRY(new_net(op->name, &net));
    int x = head(net, op->in);
    *first = net->node_count;
    for (int i = 0; i < op->copies && x >= 0; i++) {
        snprintf(name, sizeof name, "op%d", i);
        x = op->build(net, name, x);
    }
    *last = net->node_count - 1;
    return tail(net, x, out);
}

Status speed_frame(Shape shape, Net **out) {
    Net *net;
    *out = NULL;
    TRY(new_net("frame", &net));
    return tail(net, head(net, shape), out);
}
