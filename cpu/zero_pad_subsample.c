/* Option A's shortcut: every stride-th pixel, x's channels placed at `channels_before` among zeros.
 * Whole images are cleared, then x's channels copied: their block and lane move when `before` is no
 * multiple of the block. */
#include <string.h>

#include "cpu/plan.h"

/* Pixels of x (`forward`: to y) that a run of channels has, `floats` side by side. */
static inline void copy_pixels(float *x, size_t row, size_t step, float *y, Shape out, size_t block,
                               size_t floats, bool forward) {
    for (int p = 0; p < out.h; p++)
        for (int q = 0; q < out.w; q++, y += block) {
            float *at = x + (size_t)p * row + (size_t)q * step;
            memcpy(forward ? y : at, forward ? at : y, floats * sizeof *y);
        }
}

/* Copies between x (H x W) and its place in y (P x Q): forward y = x, else dx = dy. Channels that
 * stay side by side go together; whole and half blocks, as the papers' nets have, with a length
 * that the compiler knows. */
static void copy_image(const CpuProgram *program, int node, float *x, float *y, bool forward) {
    const Node *n = node_of(program, node);
    Shape in = node_in(program->net, node), out = n->out;
    size_t block = (size_t)program->cpu->block, step = (size_t)n->window.stride * block;
    size_t row = (size_t)in.w * step;
    for (int c = 0, length; c < in.c; c += length) {
        int to = c + n->channels_before, size = program->cpu->block;
        length = size - (to % size > c % size ? to % size : c % size);
        length = length < in.c - c ? length : in.c - c;
        float *from = x + layout_position(in, (size_t)c * (size_t)pixels_of(in), size);
        float *at = y + layout_position(out, (size_t)to * (size_t)pixels_of(out), size);
        if (length == 16)
            copy_pixels(from, row, step, at, out, block, 16, forward);
        else if (length == 8)
            copy_pixels(from, row, step, at, out, block, 8, forward);
        else
            copy_pixels(from, row, step, at, out, block, (size_t)length, forward);
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
        copy_image(program, step->node, x + (size_t)n * image_in, y + (size_t)n * image_out, true);
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
        copy_image(program, step->node, dx + (size_t)n * image_in, dy + (size_t)n * image_out,
                   false);
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
