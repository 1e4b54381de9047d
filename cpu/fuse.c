/* What a program needs to know of the graph before it plans, and which nodes run as one.
 *
 * Groups: batch norm; + ReLU; + add; + add + ReLU. A node inside a group has no value of its own,
 * so a node is taken in only when nobody else reads or taps it. Fusing never changes a result: the
 * fused loops do the same operations in the same order (no contraction), so a tapped program gives
 * the same bits as an untapped one. */
#include <stdlib.h>

#include "cpu/plan.h"

static void count_consumers(CpuProgram *program) {
    for (int i = 0; i < program->net->node_count; i++)
        for (int k = 0; k < 2; k++)
            if (node_of(program, i)->inputs[k] >= 0)
                program->plan[node_of(program, i)->inputs[k]].consumers++;
}

static void mark_taps(CpuProgram *program) {
    for (int i = 0; i < program->base.spec.tap_count; i++) {
        const Tap *tap = &program->base.spec.taps[i];
        if (tap->kind == TAP_GRADIENT)
            program->plan[tap->node].tapped_gradient = true;
        else
            program->plan[tap->node].tapped = true;
    }
}

static void mark_gradients(CpuProgram *program) {
    for (int i = 0; i < program->net->node_count; i++) {
        const Node *node = node_of(program, i);
        NodePlan *plan = &program->plan[i];
        plan->needs_gradient = plan->tapped_gradient || node->weight >= 0 || node->bias >= 0;
        for (int k = 0; k < 2; k++)
            if (node->inputs[k] >= 0 && program->plan[node->inputs[k]].needs_gradient)
                plan->needs_gradient = true;
    }
}

static bool open_to_fusion(const CpuProgram *program, int node) {
    const NodePlan *plan = &program->plan[node];
    return plan->consumers == 1 && !plan->tapped && !plan->tapped_gradient;
}

/* The first node after `node` that reads it. */
static int consumer_of(const CpuProgram *program, int node) {
    for (int i = node + 1; i < program->net->node_count; i++)
        if (node_of(program, i)->inputs[0] == node || node_of(program, i)->inputs[1] == node)
            return i;
    return NONE;
}

/* Takes `next` into the group as its new last node. */
static void extend(CpuProgram *program, FusedGroup *group, int next) {
    program->plan[group->last].covered = true;
    group->last = next;
}

static FusedGroup group_from(CpuProgram *program, int bn, const bool *taken) {
    FusedGroup group = {.bn = bn, .add = NONE, .relu = NONE, .skip = NONE, .last = bn};
    int next = open_to_fusion(program, bn) ? consumer_of(program, bn) : NONE;
    if (next >= 0 && node_of(program, next)->op == OP_ADD && !taken[next]) {
        const Node *add = node_of(program, next);
        group.add = next;
        group.skip = add->inputs[0] == bn ? add->inputs[1] : add->inputs[0];
        extend(program, &group, next);
        next = open_to_fusion(program, next) ? consumer_of(program, next) : NONE;
    }
    if (next >= 0 && node_of(program, next)->op == OP_RELU) {
        group.relu = next;
        extend(program, &group, next);
    }
    return group;
}

static Status find_groups(CpuProgram *program) {
    int nodes = program->net->node_count;
    bool *taken = calloc((unsigned)nodes, sizeof *taken);
    program->groups = calloc((unsigned)nodes, sizeof *program->groups);
    if (!taken || !program->groups) {
        free(taken);
        return status_fail(STATUS_NO_MEMORY, "no memory to plan %s", program->net->title);
    }
    for (int i = 0; i < nodes; i++) {
        if (node_of(program, i)->op != OP_BATCH_NORM)
            continue;
        FusedGroup group = group_from(program, i, taken);
        if (group.add >= 0)
            taken[group.add] = true;
        program->plan[group.last].group = program->group_count;
        program->groups[program->group_count++] = group;
    }
    free(taken);
    return STATUS_OK;
}

Status plan_analyse(CpuProgram *program) {
    for (int i = 0; i < program->net->node_count; i++) {
        NodePlan *plan = &program->plan[i];
        *plan = (NodePlan){.value = NONE, .index = NONE, .group = NONE};
    }
    count_consumers(program);
    mark_taps(program);
    mark_gradients(program);
    return find_groups(program);
}
