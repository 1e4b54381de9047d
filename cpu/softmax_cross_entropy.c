/* loss_n = log sum_k exp(x_k) - x_label; dx = (softmax(x) - onehot) / divisor. In double: it is a
 * vanishing part of the work. */
#include <math.h>
#include <string.h>

#include "cpu/plan.h"

/* log sum_k exp(x_k), shifted by the largest logit against overflow. */
static double log_sum_exp(const float *x, int classes) {
    int best = 0;
    double others = 0;
    for (int k = 1; k < classes; k++)
        if (x[k] > x[best])
            best = k;
    for (int k = 0; k < classes; k++)
        if (k != best)
            others += exp((double)x[k] - x[best]);
    return x[best] + log1p(others);
}

/* The label's logit must be the first largest one; a NaN anywhere is an error. */
static bool is_error(const float *x, int classes, int label) {
    for (int k = 0; k < classes; k++)
        if (k < label ? !(x[k] < x[label]) : !(x[k] <= x[label]))
            return true;
    return false;
}

static int row_length(const CpuProgram *program, int node) {
    return padded_channels(node_in(program->net, node).c, program->cpu->block);
}

static Status run_forward(CpuProgram *program, const Step *step, int count) {
    int classes = node_in(program->net, step->node).c, row = row_length(program, step->node);
    const float *x = step_buffer(program, step, 0);
#pragma omp parallel for schedule(static) if (cpu_worth_threads((size_t)(count * row) * 16))
    for (int n = 0; n < count; n++) {
        const float *logits = x + (size_t)n * (size_t)row;
        program->image_loss[n] = log_sum_exp(logits, classes) - logits[program->labels[n]];
    }
    for (int n = 0; n < count; n++) {
        program->metrics.loss_sum += program->image_loss[n];
        program->metrics.errors +=
            is_error(x + (size_t)n * (size_t)row, classes, program->labels[n]);
    }
    return STATUS_OK;
}

static Status plan_forward(CpuProgram *program, int node) {
    int x = plan_read(program, node_of(program, node)->inputs[0]);
    plan_step(program, (Step){run_forward, node, {x, NONE, NONE, NONE, NONE, NONE}, NULL});
    return STATUS_OK;
}

static Status run_backward(CpuProgram *program, const Step *step, int count) {
    int classes = node_in(program->net, step->node).c, row = row_length(program, step->node);
    const float *x = step_buffer(program, step, 0);
    float *dx = step_buffer(program, step, 1);
    memset(dx, 0, (size_t)count * (size_t)row * sizeof *dx);
#pragma omp parallel for schedule(static) if (cpu_worth_threads((size_t)(count * row) * 16))
    for (int n = 0; n < count; n++) {
        const float *logits = x + (size_t)n * (size_t)row;
        double shift = log_sum_exp(logits, classes);
        for (int k = 0; k < classes; k++) {
            double p = exp(logits[k] - shift);
            dx[(size_t)n * (size_t)row + (size_t)k] =
                (float)((p - (k == program->labels[n])) / program->divisor);
        }
    }
    return STATUS_OK;
}

static Status plan_backward(CpuProgram *program, int node) {
    int input = node_of(program, node)->inputs[0];
    if (!program->use[input].needs_gradient)
        return STATUS_OK;
    int x = plan_read(program, input);
    int dx = plan_activation(program, shape_of(program, input));
    plan_step(program, (Step){run_backward, node, {x, dx, NONE, NONE, NONE, NONE}, NULL});
    plan_contribute(program, input, dx);
    return STATUS_OK;
}

const CpuOp cpu_softmax_cross_entropy = {plan_forward, plan_backward, NULL};
