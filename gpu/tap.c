#include "gpu/tap.h"

#include "gpu/plan.h"

static bool looks_at_value(const Tap *tap, int node) {
    return tap->node == node && (tap->kind == TAP_VALUE || tap->kind == TAP_RELU_MASK);
}

int gpu_tap_value_buffer(GpuProgram *program, int node) {
    int buffer = NONE;
    for (int i = 0; i < program->base.spec.tap_count; i++) {
        if (!looks_at_value(&program->base.spec.taps[i], node))
            continue;
        if (buffer < 0)
            buffer = gpu_plan_activation(program, shape_of(program, node), false);
        program->taps[i] = (TapPlan){buffer, false};
    }
    return buffer;
}

void gpu_tap_pin_values(GpuProgram *program) {
    for (int i = 0; i < program->base.spec.tap_count; i++) {
        const Tap *tap = &program->base.spec.taps[i];
        const NodePlan *plan = &program->plan[tap->node];
        if (tap->kind == TAP_POOL_INDEX)
            program->taps[i] = (TapPlan){plan->index, false};
        else if (tap->kind != TAP_GRADIENT && program->taps[i].buffer < 0)
            program->taps[i] = (TapPlan){plan->value, plan->half};
        gpu_plan_pin(program, program->taps[i].buffer);
    }
}

/* buf: 0 out, 1 and 2 the parts, 3 y. */
static Status run_gradient(GpuProgram *program, const Step *step) {
    Status status = STATUS_OK;
    CUDA_CHECK(tap_gradient(stream_of(program, step), program->half, step_buffer(program, step, 0),
                            step_buffer(program, step, 1), step_buffer(program, step, 2),
                            step_buffer(program, step, 3),
                            batch_elements(program, shape_of(program, step->node))),
               name_of(program, step));
out:
    return status;
}

void gpu_plan_gradient_tap(GpuProgram *program, int node, Gradient g, int y) {
    int out = NONE;
    for (int i = 0; i < program->base.spec.tap_count; i++) {
        const Tap *tap = &program->base.spec.taps[i];
        if (tap->node != node || tap->kind != TAP_GRADIENT)
            continue;
        if (out < 0)
            out = gpu_plan_activation(program, shape_of(program, node), false);
        program->taps[i] = (TapPlan){out, false};
    }
    if (out < 0)
        return;
    gpu_plan_step(program, (Step){.run = run_gradient,
                                  .name = "tap",
                                  .node = node,
                                  .buf = {out, g.part[0], g.parts == 2 ? g.part[1] : NONE, y, NONE,
                                          NONE, NONE}});
    gpu_plan_pin(program, out);
}

/* ---- reading ---- */

/* From [n][h][w][padded c] to [n][c][h][w]. size: bytes of an element: 4 float, 2 bf16, 1 index. */
static void unpack(float *values, const void *from, size_t size, Shape shape, int count) {
    int pitch = padded(shape.c);
    for (int n = 0; n < count; n++)
        for (int c = 0; c < shape.c; c++)
            for (int i = 0; i < shape.h * shape.w; i++) {
                size_t at = ((size_t)n * (size_t)(shape.h * shape.w) + (size_t)i) * (size_t)pitch +
                            (size_t)c;
                union {
                    uint32_t bits;
                    float value;
                } u;
                if (size == 1)
                    u.value = ((const uint8_t *)from)[at];
                else if (size == 2)
                    u.bits = (uint32_t)((const uint16_t *)from)[at] << 16;
                else
                    u.value = ((const float *)from)[at];
                *values++ = u.value;
            }
}

Status gpu_tap_read(Program *base, int number, float *values) {
    GpuProgram *program = gpu_program_of(base);
    Tap tap = base->spec.taps[number];
    TapPlan plan = program->taps[number];
    Shape shape = shape_of(program, tap.node);
    int count = base->last_count;
    size_t total = (size_t)count * shape_count(shape);
    size_t size = tap.kind == TAP_POOL_INDEX ? 1 : plan.half ? 2 : 4;
    size_t bytes = (size_t)count * padded_count(shape) * size;
    if (plan.buffer < 0) { /* nothing downstream reaches the loss */
        for (size_t i = 0; i < total; i++)
            values[i] = 0;
        return STATUS_OK;
    }
    TRY(gpu_stage(program->gpu, bytes));
    TRY(gpu_download(program->gpu, buffer_of(program, plan.buffer), bytes,
                     program->net->nodes[tap.node].name));
    unpack(values, program->gpu->staging, size, shape, count);
    for (size_t i = 0; tap.kind == TAP_RELU_MASK && i < total; i++)
        values[i] = values[i] > 0;
    return STATUS_OK;
}
