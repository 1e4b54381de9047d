/* ReLU and add where they were not fused behind a batch norm; sigmoid, multiply and affine. */
#include "cpu/plan.h"

/* The gradient of a single input from dy and, if not NONE, the buffer y. */
static Status plan_unary_backward(CpuProgram *program, int node, StepFn run, int y) {
    int input = node_of(program, node)->inputs[0];
    int dy = plan_gradient(program, node);
    if (!program->use[input].needs_gradient)
        return STATUS_OK;
    int dx =
        plan_overwritable(program, dy) ? dy : plan_activation(program, shape_of(program, node));
    plan_step(program, (Step){run, node, {dx, dy, y, NONE, NONE, NONE}, NULL});
    plan_contribute(program, input, dx);
    return STATUS_OK;
}

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
    return plan_unary_backward(program, node, run_relu_backward, program->plan[node].value);
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

/* ---- multiply: y = a b, da = dy b, db = dy a ---- */

/* buf: 0 out, 1 and 2 the factors; backward too. */
static Status run_multiply(CpuProgram *program, const Step *step, int count) {
    const Kernels *k = program->cpu->kernels;
    size_t image = blocked_count(shape_of(program, step->node), k->block);
    float *y = step_buffer(program, step, 0);
    const float *a = step_buffer(program, step, 1), *b = step_buffer(program, step, 2);
#pragma omp parallel for schedule(static) if (cpu_worth_threads((size_t)count * image))
    for (int n = 0; n < count; n++) {
        size_t at = (size_t)n * image;
        k->product(y + at, a + at, b + at, image);
    }
    return STATUS_OK;
}

static Status plan_multiply(CpuProgram *program, int node) {
    int a = plan_read(program, node_of(program, node)->inputs[0]);
    int b = plan_read(program, node_of(program, node)->inputs[1]);
    int y = plan_value(program, node);
    plan_step(program, (Step){run_multiply, node, {y, a, b, NONE, NONE, NONE}, NULL});
    return STATUS_OK;
}

/* The gradient of one factor from dy and the other factor's value; `last`: nobody reads dy again.
 */
static void plan_factor_gradient(CpuProgram *program, int node, int factor, bool last) {
    const int *inputs = node_of(program, node)->inputs;
    int dy = plan_gradient(program, node), other = plan_read(program, inputs[1 - factor]);
    if (!program->use[inputs[factor]].needs_gradient)
        return;
    int dx = last && plan_overwritable(program, dy)
                 ? dy
                 : plan_activation(program, shape_of(program, node));
    plan_step(program, (Step){run_multiply, node, {dx, dy, other, NONE, NONE, NONE}, NULL});
    plan_contribute(program, inputs[factor], dx);
}

static Status plan_multiply_backward(CpuProgram *program, int node) {
    plan_factor_gradient(program, node, 0, false);
    plan_factor_gradient(program, node, 1, true);
    return STATUS_OK;
}

const CpuOp cpu_multiply = {plan_multiply, plan_multiply_backward, NULL};

/* ---- sigmoid: y = 1 / (1 + exp(-x)), dx = dy y (1 - y); affine: y = scale x + shift ---- */

/* Channels in use in one plane. */
static int lanes_of(int plane, Shape shape, int block) {
    int first = plane % channel_blocks(shape.c, block) * block;
    return shape.c - first < block ? shape.c - first : block;
}

/* buf: 0 out, 1 in. Both operations change zeros, so planes that channels do not fill need care. */
static Status run_planes(CpuProgram *program, const Step *step, int count, float shift) {
    const Kernels *k = program->cpu->kernels;
    const Node *node = node_of(program, step->node);
    size_t plane = (size_t)pixels_of(node->out) * (size_t)k->block;
    int planes = count * channel_blocks(node->out.c, k->block);
    float *y = step_buffer(program, step, 0), scale = (float)node->scale;
    const float *x = step_buffer(program, step, 1);
#pragma omp parallel for schedule(static) if (cpu_worth_threads((size_t)planes * plane))
    for (int i = 0; i < planes; i++) {
        size_t at = (size_t)i * plane;
        int lanes = lanes_of(i, node->out, k->block);
        if (node->op == OP_SIGMOID)
            k->sigmoid(y + at, x + at, plane, lanes);
        else
            k->affine(y + at, x + at, plane, lanes, scale, shift);
    }
    return STATUS_OK;
}

static Status run_unary(CpuProgram *program, const Step *step, int count) {
    return run_planes(program, step, count, (float)node_of(program, step->node)->shift);
}

static Status run_affine_backward(CpuProgram *program, const Step *step, int count) {
    return run_planes(program, step, count, 0);
}

static Status run_sigmoid_backward(CpuProgram *program, const Step *step, int count) {
    const Kernels *k = program->cpu->kernels;
    size_t image = blocked_count(shape_of(program, step->node), k->block);
    float *dx = step_buffer(program, step, 0);
    const float *dy = step_buffer(program, step, 1), *y = step_buffer(program, step, 2);
#pragma omp parallel for schedule(static) if (cpu_worth_threads((size_t)count * image))
    for (int n = 0; n < count; n++) {
        size_t at = (size_t)n * image;
        k->sigmoid_backward(dx + at, dy + at, y + at, image);
    }
    return STATUS_OK;
}

static Status plan_unary(CpuProgram *program, int node) {
    int x = plan_read(program, node_of(program, node)->inputs[0]);
    int y = plan_value(program, node);
    plan_step(program, (Step){run_unary, node, {y, x, NONE, NONE, NONE, NONE}, NULL});
    return STATUS_OK;
}

static Status plan_sigmoid_backward(CpuProgram *program, int node) {
    return plan_unary_backward(program, node, run_sigmoid_backward, program->plan[node].value);
}

static Status plan_affine_backward(CpuProgram *program, int node) {
    return plan_unary_backward(program, node, run_affine_backward, NONE);
}

const CpuOp cpu_sigmoid = {plan_unary, plan_sigmoid_backward, NULL};
const CpuOp cpu_affine = {plan_unary, plan_affine_backward, NULL};
