/* Runs the derivatives against topological order. Gradients add up: a value read twice has two. */
#include <string.h>

#include "ref/internal.h"
#include "ref/ops.h"

static void clear(RefProgram *program, int count) {
    const State *state = program->base.state;
    const Net *net = state->net;
    for (int id = 0; id + 1 < net->node_count; id++)
        memset(program->gradient[id], 0,
               (size_t)count * shape_count(net->nodes[id].out) * sizeof(double));
    for (int i = 0; i < net->param_count; i++)
        if (!param_is_statistic(&net->params[i]))
            memset(ref_gradient_of(state, i), 0, net->params[i].count * sizeof(double));
}

static void batch_norm(RefProgram *program, int id, int count) {
    const State *state = program->base.state;
    const Node *node = &state->net->nodes[id];
    int x = node->inputs[0];
    int group = program->base.spec.bn_group ? program->base.spec.bn_group : count;
    for (int g = 0; g < count / group; g++) {
        size_t at = (size_t)g * group * shape_count(node->out);
        ref_batch_norm_backward(program->gradient[x] + at, ref_gradient_of(state, node->weight),
                                ref_gradient_of(state, node->bias), program->gradient[id] + at,
                                program->value[x] + at, ref_value_of(state, node->weight),
                                program->mean[id] + g * node->out.c,
                                program->var[id] + g * node->out.c,
                                program->base.spec.mode == MODE_EVAL, group, node->out);
    }
}

static void run_node(RefProgram *program, int id, int count) {
    const State *state = program->base.state;
    const Node *node = &state->net->nodes[id];
    Shape in = node_in(state->net, id), out = node->out;
    const double *dy = program->gradient[id], *x = program->value[node->inputs[0]];
    double *dx = program->gradient[node->inputs[0]];
    double *w = ref_value_of(state, node->weight), *dw = ref_gradient_of(state, node->weight);
    double *db = ref_gradient_of(state, node->bias);
    size_t values = (size_t)count * shape_count(out);
    switch (node->op) {
    case OP_CONV2D:
        ref_conv2d_backward(dx, dw, db, dy, x, w, count, in, out, node->window);
        break;
    case OP_BATCH_NORM:
        batch_norm(program, id, count);
        break;
    case OP_RELU:
        ref_relu_backward(dx, dy, x, values);
        break;
    case OP_ADD:
        ref_add_backward(dx, dy, values);
        ref_add_backward(program->gradient[node->inputs[1]], dy, values);
        break;
    case OP_SIGMOID:
        ref_sigmoid_backward(dx, dy, program->value[id], values);
        break;
    case OP_MULTIPLY:
        ref_multiply_backward(dx, dy, program->value[node->inputs[1]], values);
        ref_multiply_backward(program->gradient[node->inputs[1]], dy, x, values);
        break;
    case OP_AFFINE:
        ref_affine_backward(dx, dy, values, node->scale);
        break;
    case OP_DROPOUT:
        ref_dropout_backward(dx, dy, program->factor[id], values);
        break;
    case OP_ZERO_PAD_SUBSAMPLE:
        ref_zero_pad_subsample_backward(dx, dy, count, in, out, node->window.stride,
                                        node->channels_before);
        break;
    case OP_MAX_POOL:
        ref_max_pool_backward(dx, dy, program->index[id], count, in, out, node->window);
        break;
    case OP_AVG_POOL:
        ref_avg_pool_backward(dx, dy, count, in, out, node->window);
        break;
    case OP_LINEAR:
        ref_linear_backward(dx, dw, db, dy, x, w, count, (int)shape_count(in), out.c);
        break;
    case OP_SOFTMAX_CROSS_ENTROPY:
        ref_softmax_cross_entropy_backward(dx, dy, program->probabilities, program->labels, count,
                                           in.c);
        break;
    case OP_INPUT:
    case OP_KINDS:
        break;
    }
}

/* The last node's gradient has been set by the caller. */
void ref_run_backward(RefProgram *program, int count) {
    clear(program, count);
    for (int id = program->base.state->net->node_count - 1; id > 0; id--)
        run_node(program, id, count);
}
