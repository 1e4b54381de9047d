/* A Program of the oracle: every node keeps its value and its gradient. */
#include <stdlib.h>
#include <string.h>

#include "ref/internal.h"
#include "ref/ref.h"

/* One node's buffers; false when memory is out. */
static bool allocate_node(RefProgram *program, int id) {
    const Net *net = program->base.state->net;
    const ProgramSpec *spec = &program->base.spec;
    const Node *node = &net->nodes[id];
    size_t count = (size_t)spec->max_batch * shape_count(node->out);
    program->value[id] = calloc(count, sizeof(double));
    program->gradient[id] = calloc(count, sizeof(double));
    bool good = program->value[id] && program->gradient[id];
    if (node->op == OP_MAX_POOL)
        good = (program->index[id] = calloc(count, sizeof(int))) && good;
    if (node->op == OP_DROPOUT)
        good = (program->factor[id] = calloc(count, sizeof(double))) && good;
    if (node->op == OP_BATCH_NORM) {
        size_t groups = (size_t)(spec->bn_group ? spec->max_batch / spec->bn_group : 1);
        program->mean[id] = calloc(groups * (size_t)node->out.c, sizeof(double));
        program->var[id] = calloc(groups * (size_t)node->out.c, sizeof(double));
        good = good && program->mean[id] && program->var[id];
    }
    if (node->op == OP_SOFTMAX_CROSS_ENTROPY) {
        size_t classes = (size_t)node_in(net, id).c;
        program->probabilities = calloc((size_t)spec->max_batch * classes, sizeof(double));
        good = good && program->probabilities;
    }
    return good;
}

static bool allocate(RefProgram *program) {
    size_t nodes = (size_t)program->base.state->net->node_count;
    program->value = calloc(nodes, sizeof(double *));
    program->gradient = calloc(nodes, sizeof(double *));
    program->index = calloc(nodes, sizeof(int *));
    program->mean = calloc(nodes, sizeof(double *));
    program->var = calloc(nodes, sizeof(double *));
    program->factor = calloc(nodes, sizeof(double *));
    program->samples = calloc((size_t)program->base.spec.max_batch, sizeof(int32_t));
    program->labels = calloc((size_t)program->base.spec.max_batch, sizeof(int32_t));
    if (!program->value || !program->gradient || !program->index || !program->mean ||
        !program->var || !program->factor || !program->samples || !program->labels)
        return false;
    for (size_t id = 0; id < nodes; id++)
        if (!allocate_node(program, (int)id))
            return false;
    return true;
}

Status ref_compile(State *state, const ProgramSpec *spec, Program **out) {
    if (spec->precision != PRECISION_FP64)
        return status_fail(STATUS_BAD_INPUT, "backend ref computes in fp64 only, not in %s",
                           precision_name(spec->precision));
    if (spec->conv == CONV_ALGORITHM_WINOGRAD)
        return status_fail(STATUS_BAD_INPUT, "backend ref knows no Winograd convolution");
    RefProgram *program = calloc(1, sizeof *program);
    if (!program)
        return status_fail(STATUS_NO_MEMORY, "no memory for a program");
    program->base.state = state;
    program->base.spec = *spec;
    Tap *taps = calloc((size_t)spec->tap_count + 1, sizeof *taps);
    program->base.spec.taps = taps;
    if (!taps || !allocate(program)) {
        ref_program_destroy(&program->base);
        return status_fail(STATUS_NO_MEMORY, "no memory for %s in fp64 at batch %d: try fewer",
                           state->net->title, spec->max_batch);
    }
    if (spec->tap_count > 0)
        memcpy(taps, spec->taps, (size_t)spec->tap_count * sizeof *taps);
    *out = &program->base;
    return STATUS_OK;
}

static void free_all(void *table, int count) {
    void **items = table;
    for (int i = 0; items && i < count; i++)
        free(items[i]);
    free(items);
}

void ref_program_destroy(Program *base) {
    RefProgram *program = (RefProgram *)base;
    int nodes = base->state->net->node_count;
    free_all(program->value, nodes);
    free_all(program->gradient, nodes);
    free_all(program->index, nodes);
    free_all(program->mean, nodes);
    free_all(program->var, nodes);
    free_all(program->factor, nodes);
    free(program->samples);
    free(program->labels);
    free(program->probabilities);
    free((void *)base->spec.taps);
    free(program);
}

Status ref_forward(Program *base, const Batch *batch) {
    RefProgram *program = (RefProgram *)base;
    program->divisor = batch->divisor ? batch->divisor : batch->count;
    program->step = (uint32_t)batch->step;
    for (int n = 0; n < batch->count; n++)
        program->samples[n] = batch->samples[n].index;
    ref_gather(program->value[0], program->labels, batch, base->state->net->nodes[0].out);
    ref_run_forward(program, batch->count);
    return STATUS_OK;
}

Status ref_forward_values(Program *base, const double *x, const int32_t *labels, int count,
                          int divisor) {
    RefProgram *program = (RefProgram *)base;
    program->divisor = divisor ? divisor : count;
    program->step = 0;
    for (int n = 0; n < count; n++)
        program->samples[n] = n;
    base->last_count = count;
    memcpy(program->value[0], x,
           (size_t)count * shape_count(base->state->net->nodes[0].out) * sizeof *x);
    if (labels)
        memcpy(program->labels, labels, (size_t)count * sizeof *labels);
    ref_run_forward(program, count);
    return STATUS_OK;
}

/* The last node's gradient, for the caller to set; of a loss it is 1 / divisor. */
static double *last_gradient(RefProgram *program, size_t *count) {
    const Net *net = program->base.state->net;
    int last = net->node_count - 1;
    double *gradient = program->gradient[last];
    *count = (size_t)program->base.last_count * shape_count(net->nodes[last].out);
    for (size_t i = 0; net_has_loss(net) && i < *count; i++)
        gradient[i] = 1.0 / program->divisor;
    return gradient;
}

Status ref_backward(Program *base, const float *dy) {
    RefProgram *program = (RefProgram *)base;
    size_t count;
    double *to = last_gradient(program, &count);
    for (size_t i = 0; dy && i < count; i++)
        to[i] = dy[i];
    ref_run_backward(program, base->last_count);
    return STATUS_OK;
}

Status ref_backward_values(Program *base, const double *dy) {
    RefProgram *program = (RefProgram *)base;
    size_t count;
    double *to = last_gradient(program, &count);
    if (dy)
        memcpy(to, dy, count * sizeof *dy);
    ref_run_backward(program, base->last_count);
    return STATUS_OK;
}

Status ref_train_step(Program *program, const Batch *batch, double lr) {
    TRY(ref_forward(program, batch));
    TRY(ref_backward(program, NULL));
    return ref_update(program->state, lr);
}

Status ref_metrics(Program *base, Metrics *metrics) {
    RefProgram *program = (RefProgram *)base;
    *metrics = program->sums;
    program->sums = (Metrics){0};
    return STATUS_OK;
}

Status ref_tap_read(Program *base, int tap, float *values) {
    const RefProgram *program = (RefProgram *)base;
    Tap what = base->spec.taps[tap];
    const Node *node = &base->state->net->nodes[what.node];
    size_t count = (size_t)base->last_count * shape_count(node->out);
    for (size_t i = 0; i < count; i++) {
        if (what.kind == TAP_VALUE)
            values[i] = (float)program->value[what.node][i];
        else if (what.kind == TAP_GRADIENT)
            values[i] = (float)program->gradient[what.node][i];
        else if (what.kind == TAP_RELU_MASK)
            values[i] = program->value[node->inputs[0]][i] > 0;
        else
            values[i] = (float)program->index[what.node][i];
    }
    return STATUS_OK;
}

const double *ref_node_value(const Program *program, int node) {
    return ((const RefProgram *)program)->value[node];
}

const double *ref_node_gradient(const Program *program, int node) {
    return ((const RefProgram *)program)->gradient[node];
}

double ref_loss(const Program *program) {
    const RefProgram *p = (const RefProgram *)program;
    return p->last_loss / p->divisor;
}
