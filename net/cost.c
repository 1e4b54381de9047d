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
