#include "net/fusion.h"

#include <stdlib.h>

static void count_consumers(const Net *net, NodeUse *use) {
    for (int i = 0; i < net->node_count; i++)
        for (int k = 0; k < 2; k++)
            if (net->nodes[i].inputs[k] >= 0)
                use[net->nodes[i].inputs[k]].consumers++;
}

static void mark_gradients(const Net *net, const bool *wanted, NodeUse *use) {
    for (int i = 0; i < net->node_count; i++) {
        const Node *node = &net->nodes[i];
        use[i].needs_gradient = (wanted && wanted[i]) || node->weight >= 0 || node->bias >= 0;
        for (int k = 0; k < 2; k++)
            if (node->inputs[k] >= 0 && use[node->inputs[k]].needs_gradient)
                use[i].needs_gradient = true;
    }
}

/* The only node that reads `node`, when it may be fused with it; else -1. */
static int next_of(const Net *net, const bool *separate, const NodeUse *use, int node) {
    if (use[node].consumers != 1 || (separate && separate[node]))
        return -1;
    for (int i = node + 1; i < net->node_count; i++)
        if (net->nodes[i].inputs[0] == node || net->nodes[i].inputs[1] == node)
            return i;
    return -1;
}

/* Takes `next` into the group as its new last node. */
static void extend(NodeUse *use, FusedGroup *group, int next) {
    use[group->last].covered = true;
    group->last = next;
}

/* taken[i]: the add i belongs to a group already (two batch norms may meet in one add). */
static FusedGroup group_from(const Net *net, const bool *separate, NodeUse *use, int bn,
                             bool *taken) {
    FusedGroup group = {.bn = bn, .add = -1, .relu = -1, .skip = -1, .last = bn};
    int next = next_of(net, separate, use, bn);
    if (next >= 0 && net->nodes[next].op == OP_ADD && !taken[next]) {
        const Node *add = &net->nodes[next];
        group.add = next;
        group.skip = add->inputs[0] == bn ? add->inputs[1] : add->inputs[0];
        taken[next] = true;
        extend(use, &group, next);
        next = next_of(net, separate, use, next);
    }
    if (next >= 0 && net->nodes[next].op == OP_RELU) {
        group.relu = next;
        extend(use, &group, next);
    }
    return group;
}

Status net_analyse(const Net *net, const bool *separate, const bool *wanted, NodeUse *use,
                   FusedGroup *groups, int *group_count) {
    bool *taken = calloc((size_t)net->node_count, sizeof *taken);
    if (!taken)
        return status_fail(STATUS_NO_MEMORY, "no memory to plan %s", net->title);
    for (int i = 0; i < net->node_count; i++)
        use[i] = (NodeUse){.group = -1};
    count_consumers(net, use);
    mark_gradients(net, wanted, use);
    *group_count = 0;
    for (int i = 0; i < net->node_count; i++) {
        if (net->nodes[i].op != OP_BATCH_NORM)
            continue;
        FusedGroup group = group_from(net, separate, use, i, taken);
        use[group.last].group = *group_count;
        groups[(*group_count)++] = group;
    }
    free(taken);
    return STATUS_OK;
}

static bool only_batch_norms_read(const Net *net, int node) {
    int readers = 0;
    for (int id = 0; id < net->node_count; id++)
        for (int k = 0; k < 2; k++)
            if (net->nodes[id].inputs[k] == node) {
                if (net->nodes[id].op != OP_BATCH_NORM)
                    return false;
                readers++;
            }
    return readers > 0;
}

bool param_is_normalised_away(const Net *net, int param) {
    int node = net->params[param].node;
    if (net->params[param].role == PARAM_BN_MEAN)
        node = net->nodes[node].inputs[0];
    else if (net->params[param].role != PARAM_CONV_BIAS)
        return false;
    return net->nodes[node].op == OP_CONV2D && net->nodes[node].bias >= 0 &&
           only_batch_norms_read(net, node);
}
