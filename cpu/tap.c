/* Reading a tapped node: from blocked buffers to canonical arrays. */
#include <string.h>

#include "cpu/plan.h"

static void read_value(CpuProgram *program, int node, int count, float *values) {
    Shape shape = shape_of(program, node);
    if (node_of(program, node)->op == OP_SOFTMAX_CROSS_ENTROPY)
        for (int n = 0; n < count; n++)
            values[n] = (float)program->image_loss[n];
    else if (node == 0)
        memcpy(values, buffer_floats(program, program->input),
               (size_t)count * shape_count(shape) * sizeof *values);
    else
        layout_unpack(values, buffer_floats(program, program->plan[node].value), shape, count,
                      program->cpu->block);
}

static void read_gradient(CpuProgram *program, int node, int count, float *values) {
    Shape shape = shape_of(program, node);
    size_t total = (size_t)count * shape_count(shape);
    if (node_of(program, node)->op == OP_SOFTMAX_CROSS_ENTROPY)
        for (size_t i = 0; i < total; i++)
            values[i] = (float)(1 / program->divisor);
    else if (program->plan[node].gradient.parts == 0) /* nothing downstream reaches the loss */
        memset(values, 0, total * sizeof *values);
    else
        layout_unpack(values, buffer_floats(program, program->plan[node].gradient.part[0]), shape,
                      count, program->cpu->block);
}

Status cpu_tap_read(Program *base, int number, float *values) {
    CpuProgram *program = cpu_program_of(base);
    Tap tap = base->spec.taps[number];
    int count = base->last_count;
    size_t total = (size_t)count * shape_count(shape_of(program, tap.node));
    int saved = cpu_threads_enter(program->cpu);
    if (tap.kind == TAP_GRADIENT)
        read_gradient(program, tap.node, count, values);
    else if (tap.kind == TAP_POOL_INDEX)
        layout_unpack_index(values,
                            (const void *)buffer_floats(program, program->plan[tap.node].index),
                            shape_of(program, tap.node), count, program->cpu->block);
    else
        read_value(program, tap.node, count, values);
    if (tap.kind == TAP_RELU_MASK)
        for (size_t i = 0; i < total; i++)
            values[i] = values[i] > 0;
    cpu_threads_leave(saved);
    return STATUS_OK;
}
