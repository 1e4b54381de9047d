/* Runs the operations in topological order. */
#include "ref/internal.h"
#include "ref/ops.h"

static bool uses_batch_statistics(Mode mode) {
    return mode != MODE_EVAL;
}

/* How much of the old running value stays. */
static double kept(const RefProgram *program) {
    switch (program->base.spec.mode) {
    case MODE_TRAIN:
    case MODE_EVAL_BATCH_UPDATE:
        return 1 - BN_AVERAGE;
    case MODE_RECALIBRATE: /* the plain mean of batches: the k-th weighs 1 / k */
        return 1 - 1.0 / (double)program->batches;
    default:
        return 1;
    }
}

/* running = keep running + (1 - keep) mean over groups; the variance unbiased, M / (M - 1). */
static void update_running(RefProgram *program, int id, int groups, double M) {
    const Node *node = &program->base.state->net->nodes[id];
    double *running_mean = ref_value_of(program->base.state, node->running_mean);
    double *running_var = ref_value_of(program->base.state, node->running_var);
    double keep = kept(program), unbias = M > 1 ? M / (M - 1) : 1;
    for (int c = 0; c < node->out.c; c++) {
        double mean = 0, var = 0;
        for (int g = 0; g < groups; g++) {
            mean += program->mean[id][g * node->out.c + c];
            var += program->var[id][g * node->out.c + c];
        }
        running_mean[c] = keep * running_mean[c] + (1 - keep) * mean / groups;
        running_var[c] = keep * running_var[c] + (1 - keep) * unbias * var / groups;
    }
}

static void batch_norm(RefProgram *program, int id, const double *x, int count) {
    const State *state = program->base.state;
    const Node *node = &state->net->nodes[id];
    int group = program->base.spec.bn_group ? program->base.spec.bn_group : count;
    bool batch = uses_batch_statistics(program->base.spec.mode);
    for (int g = 0; g < count / group; g++) {
        size_t at = (size_t)g * group * shape_count(node->out);
        double *mean = program->mean[id] + g * node->out.c;
        double *var = program->var[id] + g * node->out.c;
        if (batch)
            ref_batch_norm_statistics(mean, var, x + at, group, node->out);
        for (int c = 0; c < node->out.c && !batch; c++) {
            mean[c] = ref_value_of(state, node->running_mean)[c];
            var[c] = ref_value_of(state, node->running_var)[c];
        }
        ref_batch_norm_forward(program->value[id] + at, x + at, ref_value_of(state, node->weight),
                               ref_value_of(state, node->bias), mean, var, group, node->out);
    }
    if (kept(program) < 1)
        update_running(program, id, count / group, (double)group * node->out.h * node->out.w);
}

/* The factors are kept: backward needs them again. */
static void dropout(RefProgram *program, int id, const double *x, int count) {
    const Node *node = &program->base.state->net->nodes[id];
    size_t image = shape_count(node->out);
    double probability = program->base.spec.mode == MODE_TRAIN ? node->probability : 0;
    for (int n = 0; n < count; n++)
        ref_dropout_factors(program->factor[id] + (size_t)n * image, node->out, id, probability,
                            program->base.spec.seed, program->step, program->samples[n]);
    ref_dropout_forward(program->value[id], x, program->factor[id], (size_t)count * image);
}

static void loss(RefProgram *program, int id, const double *x, int count) {
    Metrics *sums = &program->sums;
    ref_softmax_cross_entropy_forward(program->value[id], program->probabilities, &sums->errors, x,
                                      program->labels, count,
                                      node_in(program->base.state->net, id).c);
    program->last_loss = 0;
    for (int n = 0; n < count; n++)
        program->last_loss += program->value[id][n];
    sums->loss_sum += program->last_loss;
}

static void run_node(RefProgram *program, int id, int count) {
    const State *state = program->base.state;
    const Node *node = &state->net->nodes[id];
    Shape in = node_in(state->net, id), out = node->out;
    double *y = program->value[id];
    const double *x = program->value[node->inputs[0]];
    size_t values = (size_t)count * shape_count(out);
    switch (node->op) {
    case OP_CONV2D:
        ref_conv2d_forward(y, x, ref_value_of(state, node->weight), ref_value_of(state, node->bias),
                           count, in, out, node->window);
        break;
    case OP_BATCH_NORM:
        batch_norm(program, id, x, count);
        break;
    case OP_RELU:
        ref_relu_forward(y, x, values);
        break;
    case OP_ADD:
        ref_add_forward(y, x, program->value[node->inputs[1]], values);
        break;
    case OP_SIGMOID:
        ref_sigmoid_forward(y, x, values);
        break;
    case OP_MULTIPLY:
        ref_multiply_forward(y, x, program->value[node->inputs[1]], values);
        break;
    case OP_AFFINE:
        ref_affine_forward(y, x, values, node->scale, node->shift);
        break;
    case OP_DROPOUT:
        dropout(program, id, x, count);
        break;
    case OP_ZERO_PAD_SUBSAMPLE:
        ref_zero_pad_subsample_forward(y, x, count, in, out, node->window.stride,
                                       node->channels_before);
        break;
    case OP_MAX_POOL:
        ref_max_pool_forward(y, program->index[id], x, count, in, out, node->window);
        break;
    case OP_AVG_POOL:
        ref_avg_pool_forward(y, x, count, in, out, node->window);
        break;
    case OP_LINEAR:
        ref_linear_forward(y, x, ref_value_of(state, node->weight), ref_value_of(state, node->bias),
                           count, (int)shape_count(in), out.c);
        break;
    case OP_SOFTMAX_CROSS_ENTROPY:
        loss(program, id, x, count);
        break;
    case OP_INPUT:
    case OP_KINDS:
        break;
    }
}

void ref_run_forward(RefProgram *program, int count) {
    program->batches++;
    for (int id = 1; id < program->base.state->net->node_count; id++)
        run_node(program, id, count);
    metrics_count_batch(&program->sums, count);
}
