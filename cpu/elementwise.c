/* ReLU and add where they were not fused behind a batch norm. */
#include "cpu/plan.h"

/* ---- ReLU: y = x < 0 ? 0 : x, dx = y > 0 ? dy : 0 ---- */

static Status run_relu(CpuProgram *program, const Step *step, int count) {
    const Kernels *k = program->cpu->kernels;
    size_t image = blocked_count(shape_of(program, step->node), k->block);
    float *y = step_buffer(program, step, 0);
    const float *x = step_buffer(program, step, 1);
#pragma omp parallel for schedule(static) if (cpu_worth_threads((size_t)count * image))
    for (int n = 0; n < count; n++)
        k->relu(y + (size_t)n * image, x + (size_t)n * image, image);
    return STATUS_OK;
}

static Status plan_relu(CpuProgram *program, int node) {
    int x = plan_read(program, node_of(program, node)->inputs[0]);
    int y = plan_value(program, node);
    plan_step(program, (Step){run_relu, node, {y, x, NONE, NONE, NONE, NONE}, NULL});
    return STATUS_OK;
}

static Status run_relu_backward(CpuProgram *program, const Step *step, int count) {
    const Kernels *k = program->cpu->kernels;
    size_t image = blocked_count(shape_of(program, step->node), k->block);
    float *dx = step_buffer(program, step, 0);
    const float *dy = step_buffer(program, step, 1), *y = step_buffer(program, step, 2);
#pragma omp parallel for schedule(static) if (cpu_worth_threads((size_t)count * image))
    for (int n = 0; n < count; n++) {
        size_t at = (size_t)n * image;
        k->relu_backward(dx + at, dy + at, y + at, image);
    }
    return STATUS_OK;
}

static Status plan_relu_backward(CpuProgram *program, int node) {
    int input = node_of(program, node)->inputs[0];
    int dy = plan_gradient(program, node);
    if (!program->use[input].needs_gradient)
        return STATUS_OK;
    int dx =
        plan_overwritable(program, dy) ? dy : plan_activation(program, shape_of(program, node));
    plan_step(program, (Step){run_relu_backward,
                              node,
                              {dx, dy, program->plan[node].value, NONE, NONE, NONE},
                              NULL});
    plan_contribute(program, input, dx);
    return STATUS_OK;
}

const CpuOp cpu_relu = {plan_relu, plan_relu_backward, NULL};

/* ---- add: y = a + b, da = db = dy ---- */

static Status run_add(CpuProgram *program, const Step *step, int count) {
    const Kernels *k = program->cpu->kernels;
    size_t image = blocked_count(shape_of(program, step->node), k->block);
    float *y = step_buffer(program, step, 0);
    const float *a = step_buffer(program, step, 1), *b = step_buffer(program, step, 2);
#pragma omp parallel for schedule(static) if (cpu_worth_threads((size_t)count * image))
    for (int n = 0; n < count; n++) {
        size_t at = (size_t)n * image;
        k->sum(y + at, a + at, b + at, image);
    }
    return STATUS_OK;
}

static Status plan_add(CpuProgram *program, int node) {
    int a = plan_read(program, node_of(program, node)->inputs[0]);
    int b = plan_read(program, node_of(program, node)->inputs[1]);
    int y = plan_value(program, node);
    plan_step(program, (Step){run_add, node, {y, a, b, NONE, NONE, NONE}, NULL});
    return STATUS_OK;
}

/* No step: both inputs' gradients are this node's buffer. */
static Status plan_add_backward(CpuProgram *program, int node) {
    int a = node_of(program, node)->inputs[0], b = node_of(program, node)->inputs[1];
    int dy = plan_gradient(program, node);
    if (program->use[a].needs_gradient && program->use[b].needs_gradient)
        program->buffers[dy].shared = true;
    plan_contribute(program, a, dy);
    plan_contribute(program, b, dy);
    return STATUS_OK;
}

const CpuOp cpu_add = {plan_add, plan_add_backward, NULL};
