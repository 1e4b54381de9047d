/* Dropout: y = f x, dx = f dy, the factors drawn again in backward; net/dropout.h says which are 0.
 */
#include "net/dropout.h"

#include "cpu/plan.h"

/* buf: 0 out, 1 in. */
static Status run_dropout(CpuProgram *program, const Step *step, int count) {
    const Kernels *k = program->cpu->kernels;
    const Node *node = node_of(program, step->node);
    int blocks = channel_blocks(node->out.c, k->block), planes = count * blocks;
    size_t floats = (size_t)pixels_of(node->out) * (size_t)k->block;
    float *y = step_buffer(program, step, 0);
    const float *x = step_buffer(program, step, 1);
#pragma omp parallel for schedule(static) if (cpu_worth_threads((size_t)planes * floats))
    for (int i = 0; i < planes; i++) {
        const DropoutPlane plane = {.seed = program->base.spec.seed,
                                    .node = step->node,
                                    .step = program->batch_step,
                                    .sample = program->samples[i / blocks],
                                    .quads = dropout_quads(node->out.c),
                                    .first_quad = (uint32_t)(i % blocks * k->block) / 4,
                                    .pixels = pixels_of(node->out),
                                    .threshold = dropout_threshold(node->probability),
                                    .scale = (float)(1 / (1 - node->probability))};
        k->dropout(y + (size_t)i * floats, x + (size_t)i * floats, &plane);
    }
    return STATUS_OK;
}

/* Outside of training the value is the input's. */
static Status plan_dropout(CpuProgram *program, int node) {
    int x = plan_read(program, node_of(program, node)->inputs[0]);
    if (!program->trains) {
        program->plan[node].value = x;
        return STATUS_OK;
    }
    int y = plan_value(program, node);
    plan_step(program, (Step){run_dropout, node, {y, x, NONE, NONE, NONE, NONE}, NULL});
    return STATUS_OK;
}

static Status plan_dropout_backward(CpuProgram *program, int node) {
    int input = node_of(program, node)->inputs[0], dy = plan_gradient(program, node);
    if (!program->use[input].needs_gradient)
        return STATUS_OK;
    int dx =
        plan_overwritable(program, dy) ? dy : plan_activation(program, shape_of(program, node));
    plan_step(program, (Step){run_dropout, node, {dx, dy, NONE, NONE, NONE, NONE}, NULL});
    plan_contribute(program, input, dx);
    return STATUS_OK;
}

const CpuOp cpu_dropout = {plan_dropout, plan_dropout_backward, NULL};
