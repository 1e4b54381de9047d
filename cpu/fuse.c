/* Which nodes run as one, and which keep a value of their own because they are tapped. Fusing never
 * changes a result: the fused loops do the same operations in the same order (no contraction), so a
 * tapped program gives the same bits as an untapped one. */
#include <stdlib.h>

#include "cpu/plan.h"

static void mark_taps(CpuProgram *program, bool *separate, bool *wanted) {
    for (int i = 0; i < program->base.spec.tap_count; i++) {
        const Tap *tap = &program->base.spec.taps[i];
        separate[tap->node] = true;
        if (tap->kind == TAP_GRADIENT)
            wanted[tap->node] = program->plan[tap->node].tapped_gradient = true;
        else
            program->plan[tap->node].tapped = true;
    }
}

static void mark_readers(CpuProgram *program) {
    for (int i = program->net->node_count - 1; i >= 0; i--)
        for (int k = 0; k < 2; k++) {
            int input = program->net->nodes[i].inputs[k];
            if (input >= 0)
                program->plan[input].first_reader = i;
        }
}

Status plan_analyse(CpuProgram *program) {
    size_t nodes = (size_t)program->net->node_count;
    bool *marks = calloc(2 * nodes, sizeof *marks);
    program->use = calloc(nodes, sizeof *program->use);
    program->groups = calloc(nodes, sizeof *program->groups);
    Status status = STATUS_OK;
    if (!marks || !program->use || !program->groups) {
        status = status_fail(STATUS_NO_MEMORY, "no memory to plan %s", program->net->title);
        goto out;
    }
    for (size_t i = 0; i < nodes; i++)
        program->plan[i] =
            (NodePlan){.value = NONE, .index = NONE, .first_reader = NONE, .begins = NONE};
    mark_readers(program);
    mark_taps(program, marks, marks + nodes);
    CHECK(net_analyse(program->net, marks, marks + nodes, program->use, program->groups,
                      &program->group_count));
    for (int g = 0; g < program->group_count; g++)
        program->plan[program->groups[g].bn].begins = g;
out:
    free(marks);
    return status;
}
