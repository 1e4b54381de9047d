#include "net/cost.h"

Cost node_cost(const Net *net, int id) {
    const Node *node = &net->nodes[id];
    Cost cost = {0};
    if (node->weight >= 0)
        cost.parameters += (int64_t)net->params[node->weight].count;
    if (node->bias >= 0)
        cost.parameters += (int64_t)net->params[node->bias].count;
    if (node->op == OP_CONV2D)
        cost.macs = (int64_t)net->params[node->weight].count * node->out.h * node->out.w;
    if (node->op == OP_LINEAR)
        cost.macs = (int64_t)net->params[node->weight].count;
    cost.bytes = 4 * (int64_t)shape_count(node->out);
    for (int i = 0; i < 2; i++)
        if (node->inputs[i] >= 0)
            cost.bytes += 4 * (int64_t)shape_count(net->nodes[node->inputs[i]].out);
    return cost;
}

Cost net_cost(const Net *net) {
    Cost sum = {0};
    for (int i = 0; i < net->node_count; i++) {
        Cost cost = node_cost(net, i);
        sum.macs += cost.macs;
        sum.parameters += cost.parameters;
        sum.bytes += cost.bytes;
    }
    return sum;
}

double net_infer_flops(const Net *net) {
    return 2.0 * (double)net_cost(net).macs;
}

double net_train_flops(const Net *net) {
    double macs = 0;
    for (int i = 0; i < net->node_count; i++) {
        int x = net->nodes[i].inputs[0];
        int passes = x >= 0 && net->nodes[x].op == OP_INPUT ? 2 : 3;
        macs += passes * (double)node_cost(net, i).macs;
    }
    return 2.0 * macs;
}

/* Bytes and multiply-adds that both passes have: input and output (or their gradients), and the
 * parameters (or theirs). */
static PassCost cost_of_both(const Net *net, int first, int last, int batch, int value_bytes) {
    PassCost cost = {0};
    double values = (double)shape_count(node_in(net, first)) + shape_count(net->nodes[last].out);
    cost.bytes = values * batch * value_bytes;
    for (int id = first; id <= last; id++) {
        Cost node = node_cost(net, id);
        cost.flops += 2.0 * (double)node.macs * batch;
        cost.bytes += 4.0 * (double)node.parameters;
    }
    if (net->nodes[first].inputs[1] >= 0)
        cost.bytes += (double)shape_count(node_in(net, first)) * batch * value_bytes;
    return cost;
}

PassCost cost_forward(const Net *net, int first, int last, int batch, int value_bytes) {
    return cost_of_both(net, first, last, batch, value_bytes);
}

/* What the gradient of a node needs of the forward pass, in bytes of one image. */
static double remembered(const Net *net, int id, int value_bytes) {
    const Node *node = &net->nodes[id];
    switch (node->op) {
    case OP_CONV2D:
    case OP_LINEAR:
    case OP_BATCH_NORM:
    case OP_RELU:
    case OP_SIGMOID:
        return (double)shape_count(node_in(net, id)) * value_bytes;
    case OP_MULTIPLY: /* both factors */
        return 2.0 * (double)shape_count(node->out) * value_bytes;
    case OP_MAX_POOL: /* the winner of each window, a byte */
        return (double)shape_count(node->out);
    default:
        return 0;
    }
}

/* A convolution and a linear layer make two products, for the input and for the weights, and read
 * the weights as well as writing their gradient. A later node of the span recomputes its input. */
PassCost cost_backward(const Net *net, int first, int last, int batch, int value_bytes) {
    PassCost cost = cost_of_both(net, first, last, batch, value_bytes);
    cost.flops *= 2;
    cost.bytes += remembered(net, first, value_bytes) * batch;
    for (int id = first; id <= last; id++)
        if (net->nodes[id].weight >= 0)
            cost.bytes += 4.0 * (double)net->params[net->nodes[id].weight].count;
    return cost;
}

PassCost cost_update(const Net *net) {
    return (PassCost){.bytes = 5.0 * 4.0 * (double)net->learned_count};
}
