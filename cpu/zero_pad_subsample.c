/* Option A's shortcut: every stride-th pixel, x's channels placed at `channels_before` among zeros.
 * Whole images are cleared, then x's channels copied one by one: their block and lane move when
 * `before` is no multiple of the block. */
#include <string.h>

#include "cpu/plan.h"

/* Copies between a channel of x (H x W) and its place in y (P x Q): forward y = x, else dx = dy. */
static void copy_channel(const CpuProgram *program, int node, int c, float *x, float *y,
                         bool forward) {
    const Node *n = node_of(program, node);
    Shape in = node_in(program->net, node), out = n->out;
    int block = program->cpu->block;
    float *from = x + layout_position(in, (size_t)c * (size_t)pixels_of(in), block);
    float *to =
        y + layout_position(out, (size_t)(c + n->channels_before) * (size_t)pixels_of(out), block);
    for (int p = 0; p < out.h; p++)
        for (int q = 0; q < out.w; q++) {
            size_t i = (size_t)(p * n->window.stride * in.w + q * n->window.stride) * (size_t)block;
            size_t o = (size_t)(p * out.w + q) * (size_t)block;
            if (forward)
                to[o] = from[i];
            else
                from[i] = to[o];
        }
}

static Status run_forward(CpuProgram *program, const Step *step, int count) {
    Shape in = node_in(program->net, step->node), out = shape_of(program, step->node);
    size_t image_in = blocked_count(in, program->cpu->block);
    size_t image_out = blocked_count(out, program->cpu->block);
    float *y = step_buffer(program, step, 0), *x = step_buffer(program, step, 1);
#pragma omp parallel for schedule(static) if (cpu_worth_threads((size_t)count * image_in))
    for (int n = 0; n < count; n++) {
        memset(y + (size_t)n * image_out, 0, image_out * sizeof *y);
        for (int c = 0; c < in.c; c++)
            copy_channel(program, step->node, c, x + (size_t)n * image_in,
                         y + (size_t)n * image_out, true);
    }
    return STATUS_OK;
}

static Status plan_forward(CpuProgram *program, int node) {
    int x = plan_read(program, node_of(program, node)->inputs[0]);
    int y = plan_value(program, node);
    plan_step(program, (Step){run_forward, node, {y, x, NONE, NONE, NONE, NONE}, NULL});
    return STATUS_OK;
}

static Status run_backward(CpuProgram *program, const Step *step, int count) {
    Shape in = node_in(program->net, step->node), out = shape_of(program, step->node);
    size_t image_in = blocked_count(in, program->cpu->block);
    size_t image_out = blocked_count(out, program->cpu->block);
    float *dx = step_buffer(program, step, 0), *dy = step_buffer(program, step, 1);
#pragma omp parallel for schedule(static) if (cpu_worth_threads((size_t)count * image_in))
    for (int n = 0; n < count; n++) {
        memset(dx + (size_t)n * image_in, 0, image_in * sizeof *dx);
        for (int c = 0; c < in.c; c++)
            copy_channel(program, step->node, c, dx + (size_t)n * image_in,
                         dy + (size_t)n * image_out, false);
    }
    return STATUS_OK;
}

static Status plan_backward(CpuProgram *program, int node) {
    int input = node_of(program, node)->inputs[0];
    int dy = plan_gradient(program, node);
    if (!program->use[input].needs_gradient)
        return STATUS_OK;
    int dx = plan_activation(program, shape_of(program, input));
    plan_step(program, (Step){run_backward, node, {dx, dy, NONE, NONE, NONE, NONE}, NULL});
    plan_contribute(program, input, dx);
    return STATUS_OK;
}

const CpuOp cpu_zero_pad_subsample = {plan_forward, plan_backward, NULL};
