/* Max and average pooling: one plane (image and channel block) at a time. */
#include "cpu/plan.h"

static PoolShape pool_shape(const CpuProgram *program, int node) {
    const Node *n = node_of(program, node);
    Shape in = node_in(program->net, node);
    return (PoolShape){in.h,        in.w,        n->out.h,         n->out.w,
                       n->window.r, n->window.s, n->window.stride, n->window.pad};
}

/* Floats of one plane of x and of y. */
static void plane_sizes(const CpuProgram *program, int node, size_t *in, size_t *out) {
    size_t block = (size_t)program->cpu->block;
    *in = (size_t)pixels_of(node_in(program->net, node)) * block;
    *out = (size_t)pixels_of(shape_of(program, node)) * block;
}

static int planes_of(const CpuProgram *program, int node, int count) {
    return count * channel_blocks(shape_of(program, node).c, program->cpu->block);
}

static bool is_max(const CpuProgram *program, int node) {
    return node_of(program, node)->op == OP_MAX_POOL;
}

static Status run_forward(CpuProgram *program, const Step *step, int count) {
    const Kernels *k = program->cpu->kernels;
    PoolShape shape = pool_shape(program, step->node);
    bool max = is_max(program, step->node);
    float *y = step_buffer(program, step, 0);
    const float *x = step_buffer(program, step, 1);
    int32_t *index = (void *)step_buffer(program, step, 2);
    size_t in, out;
    int planes = planes_of(program, step->node, count);
    plane_sizes(program, step->node, &in, &out);
#pragma omp parallel for schedule(static) if (cpu_worth_threads((size_t)planes * in))
    for (int i = 0; i < planes; i++) {
        size_t from = (size_t)i * in, to = (size_t)i * out;
        if (max)
            k->max_pool(y + to, index ? index + to : NULL, x + from, &shape);
        else
            k->avg_pool(y + to, x + from, &shape);
    }
    return STATUS_OK;
}

static Status plan_forward(CpuProgram *program, int node) {
    int x = plan_read(program, node_of(program, node)->inputs[0]);
    int y = plan_value(program, node);
    int index = NONE;
    if (is_max(program, node) && (program->trains || program->plan[node].tapped))
        index = program->plan[node].index = plan_activation(program, shape_of(program, node));
    plan_step(program, (Step){run_forward, node, {y, x, index, NONE, NONE, NONE}, NULL});
    return STATUS_OK;
}

static Status run_backward(CpuProgram *program, const Step *step, int count) {
    const Kernels *k = program->cpu->kernels;
    PoolShape shape = pool_shape(program, step->node);
    bool max = is_max(program, step->node);
    float *dx = step_buffer(program, step, 0);
    const float *dy = step_buffer(program, step, 1);
    const int32_t *index = (const void *)step_buffer(program, step, 2);
    size_t in, out;
    int planes = planes_of(program, step->node, count);
    plane_sizes(program, step->node, &in, &out);
#pragma omp parallel for schedule(static) if (cpu_worth_threads((size_t)planes * in))
    for (int i = 0; i < planes; i++) {
        size_t to = (size_t)i * in, from = (size_t)i * out;
        if (max)
            k->max_pool_backward(dx + to, dy + from, index + from, &shape);
        else
            k->avg_pool_backward(dx + to, dy + from, &shape);
    }
    return STATUS_OK;
}

static Status plan_backward(CpuProgram *program, int node) {
    int input = node_of(program, node)->inputs[0];
    int dy = plan_gradient(program, node);
    if (!program->use[input].needs_gradient)
        return STATUS_OK;
    int dx = plan_activation(program, shape_of(program, input));
    plan_step(
        program,
        (Step){run_backward, node, {dx, dy, program->plan[node].index, NONE, NONE, NONE}, NULL});
    plan_contribute(program, input, dx);
    return STATUS_OK;
}

const CpuOp cpu_max_pool = {plan_forward, plan_backward, NULL};
const CpuOp cpu_avg_pool = {plan_forward, plan_backward, NULL};
