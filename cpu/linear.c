/* y = x W^T + b on x as it lies (blocked): W's columns are permuted into that order instead, with
 * zeros for pad channels. dx = dy W, dW = dy^T x, db = sum dy. Every value is summed by one thread
 * in a fixed order. */
#include <stdlib.h>
#include <string.h>

#include "cpu/plan.h"

enum { ROWS = 4, COLS = 16 }; /* of a thread's piece of a product */

typedef struct Linear {
    int features, padded; /* outputs, and rounded up to whole blocks */
    size_t depth, wide;   /* inputs, and those of a blocked image */
    size_t *position;     /* of canonical input i in a blocked image */
    float *weight;        /* features x wide, permuted */
    float *gradient;      /* features x wide; MODE_TRAIN */
    int64_t version;      /* of the state that `weight` was made from */
} Linear;

static void linear_destroy(void *op) {
    Linear *linear = op;
    free(linear->position);
    free(linear->weight);
    free(linear->gradient);
    free(linear);
}

static Status linear_create(CpuProgram *program, int node) {
    Shape in = node_in(program->net, node);
    Linear *linear = calloc(1, sizeof *linear);
    program->op[node] = linear;
    if (!linear)
        return status_fail(STATUS_NO_MEMORY, "no memory for node '%s'",
                           node_of(program, node)->name);
    linear->features = shape_of(program, node).c;
    linear->padded = padded_channels(linear->features, program->cpu->block);
    linear->depth = shape_count(in);
    linear->wide = blocked_count(in, program->cpu->block);
    size_t total = (size_t)linear->features * linear->wide;
    linear->position = malloc(linear->depth * sizeof *linear->position);
    linear->weight = cpu_floats(total);
    linear->gradient = cpu_floats(program->trains ? total : 0);
    if (!linear->position || !linear->weight || !linear->gradient)
        return status_fail(STATUS_NO_MEMORY, "no memory for node '%s'",
                           node_of(program, node)->name);
    for (size_t i = 0; i < linear->depth; i++)
        linear->position[i] = layout_position(in, i, program->cpu->block);
    return STATUS_OK;
}

static void renew_weight(const CpuProgram *program, Linear *linear, int node) {
    const float *w = cpu_param(program->state, SECTION_VALUE, node_of(program, node)->weight);
    if (linear->version == program->state->version)
        return;
#pragma omp parallel for schedule(                                                                 \
    static) if (cpu_worth_threads((size_t)linear->features * linear->depth))
    for (int k = 0; k < linear->features; k++)
        for (size_t i = 0; i < linear->depth; i++)
            linear->weight[(size_t)k * linear->wide + linear->position[i]] =
                w[(size_t)k * linear->depth + i];
    linear->version = program->state->version;
}

static int least(int a, int b) {
    return a < b ? a : b;
}

/* ---- forward ---- */

static void add_bias(const Linear *linear, float *y, const float *bias, int count) {
    for (int n = 0; n < count; n++, y += linear->padded) {
        for (int k = 0; k < linear->features && bias; k++)
            y[k] += bias[k];
        memset(y + linear->features, 0, (size_t)(linear->padded - linear->features) * sizeof *y);
    }
}

static Status run_forward(CpuProgram *program, const Step *step, int count) {
    Linear *linear = step->op;
    const Kernels *kernels = program->cpu->kernels;
    float *y = step_buffer(program, step, 0);
    const float *x = step_buffer(program, step, 1);
    renew_weight(program, linear, step->node);
#pragma omp parallel for collapse(2) schedule(                                                     \
    static) if (cpu_worth_threads((size_t)count * linear->wide * (size_t)linear->features / 8))
    for (int n = 0; n < count; n += ROWS)
        for (int k = 0; k < linear->features; k += COLS)
            kernels->gemm_dot(y + (size_t)n * (size_t)linear->padded + k, linear->padded,
                              x + (size_t)n * linear->wide,
                              linear->weight + (size_t)k * linear->wide, least(ROWS, count - n),
                              least(COLS, linear->features - k), linear->wide);
    add_bias(linear, y,
             cpu_param(program->state, SECTION_VALUE, node_of(program, step->node)->bias), count);
    return STATUS_OK;
}

static Status plan_forward(CpuProgram *program, int node) {
    TRY(linear_create(program, node));
    int x = plan_read(program, node_of(program, node)->inputs[0]);
    int y = plan_value(program, node);
    plan_step(program,
              (Step){run_forward, node, {y, x, NONE, NONE, NONE, NONE}, program->op[node]});
    return STATUS_OK;
}

/* ---- backward ---- */

static Status run_data(CpuProgram *program, const Step *step, int count) {
    Linear *linear = step->op;
    const Kernels *kernels = program->cpu->kernels;
    float *dx = step_buffer(program, step, 0);
    const float *dy = step_buffer(program, step, 1);
    renew_weight(program, linear, step->node);
#pragma omp parallel for schedule(                                                                 \
    static) if (cpu_worth_threads((size_t)count * linear->wide * (size_t)linear->features / 8))
    for (int n = 0; n < count; n += ROWS)
        kernels->gemm_axpy(dx + (size_t)n * linear->wide, dy + (size_t)n * (size_t)linear->padded,
                           (size_t)linear->padded, 1, linear->weight, linear->wide,
                           least(ROWS, count - n), linear->features, linear->wide);
    return STATUS_OK;
}

static void bias_gradient(const Linear *linear, float *db, const float *dy, int count) {
    for (int k = 0; k < linear->features; k++) {
        double sum = 0;
        for (int n = 0; n < count; n++)
            sum += dy[(size_t)n * (size_t)linear->padded + (size_t)k];
        db[k] = (float)sum;
    }
}

static Status run_weights(CpuProgram *program, const Step *step, int count) {
    Linear *linear = step->op;
    const Node *node = node_of(program, step->node);
    const Kernels *kernels = program->cpu->kernels;
    const float *x = step_buffer(program, step, 0), *dy = step_buffer(program, step, 1);
    float *dw = cpu_param(program->state, SECTION_GRADIENT, node->weight);
    float *db = cpu_param(program->state, SECTION_GRADIENT, node->bias);
#pragma omp parallel for schedule(                                                                 \
    static) if (cpu_worth_threads((size_t)count * linear->wide * (size_t)linear->features / 8))
    for (int k = 0; k < linear->features; k += ROWS) {
        int rows = least(ROWS, linear->features - k);
        float *wide = linear->gradient + (size_t)k * linear->wide;
        kernels->gemm_axpy(wide, dy + k, 1, (size_t)linear->padded, x, linear->wide, rows, count,
                           linear->wide);
        for (int r = 0; r < rows; r++)
            for (size_t i = 0; i < linear->depth; i++)
                dw[(size_t)(k + r) * linear->depth + i] =
                    wide[(size_t)r * linear->wide + linear->position[i]];
    }
    if (db)
        bias_gradient(linear, db, dy, count);
    return STATUS_OK;
}

static Status plan_backward(CpuProgram *program, int node) {
    int input = node_of(program, node)->inputs[0];
    int dy = plan_gradient(program, node), x = plan_read(program, input);
    plan_step(program,
              (Step){run_weights, node, {x, dy, NONE, NONE, NONE, NONE}, program->op[node]});
    if (!program->use[input].needs_gradient)
        return STATUS_OK;
    int dx = plan_activation(program, shape_of(program, input));
    plan_step(program, (Step){run_data, node, {dx, dy, NONE, NONE, NONE, NONE}, program->op[node]});
    plan_contribute(program, input, dx);
    return STATUS_OK;
}

const CpuOp cpu_linear = {plan_forward, plan_backward, linear_destroy};
