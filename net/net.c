#include "net/net.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "net/table.h"

/* ---- errors that stick ---- */

static int refuse(Net *net, Status status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static int refuse(Net *net, Status status, const char *format, ...) {
    if (net->status == STATUS_OK) {
        va_list args;
        va_start(args, format);
        vsnprintf(net->error, sizeof net->error, format, args);
        va_end(args);
        net->status = status;
    }
    return -1;
}

/* ---- growing tables ---- */

/* A node with this op and name, or NULL (the error is recorded). Not counted until add_node(). */
static Node *new_node(Net *net, OpKind op, const char *name) {
    if (net->status != STATUS_OK)
        return NULL;
    if (strlen(name) >= NET_NAME_MAX) {
        refuse(net, STATUS_BAD_INPUT, "node name '%s' is longer than %d characters", name,
               NET_NAME_MAX - 1);
        return NULL;
    }
    if (!table_grow((void **)&net->nodes, net->node_count, &net->node_capacity,
                    sizeof *net->nodes)) {
        refuse(net, STATUS_NO_MEMORY, "no memory for node '%s'", name);
        return NULL;
    }
    Node *node = &net->nodes[net->node_count];
    memset(node, 0, sizeof *node);
    node->op = op;
    strcpy(node->name, name);
    node->inputs[0] = node->inputs[1] = -1;
    node->weight = node->bias = node->running_mean = node->running_var = -1;
    return node;
}

/* A new node that reads x; NULL when x is no node or cannot be read from. */
static Node *new_reader(Net *net, OpKind op, const char *name, int x) {
    if (net->status != STATUS_OK)
        return NULL;
    if (x < 0 || x >= net->node_count) {
        refuse(net, STATUS_BAD_INPUT, "node '%s' (%s): its input %d is not a node of this net",
               name, op_name(op), x);
        return NULL;
    }
    if (net->nodes[x].op == OP_SOFTMAX_CROSS_ENTROPY) {
        refuse(net, STATUS_BAD_INPUT, "node '%s' (%s): nothing can follow the loss '%s'", name,
               op_name(op), net->nodes[x].name);
        return NULL;
    }
    Node *node = new_node(net, op, name);
    if (node) {
        node->inputs[0] = x;
        node->out = net->nodes[x].out;
    }
    return node;
}

static int add_node(Net *net) {
    return net->status == STATUS_OK ? net->node_count++ : -1;
}

/* A parameter of the node under construction; returns its id. */
static int add_param(Net *net, const char *suffix, ParamRole role, int rank, const int *dims) {
    if (!table_grow((void **)&net->params, net->param_count, &net->param_capacity,
                    sizeof *net->params))
        return refuse(net, STATUS_NO_MEMORY, "no memory for parameter '%s'", suffix);
    Param *param = &net->params[net->param_count];
    memset(param, 0, sizeof *param);
    snprintf(param->name, sizeof param->name, "%s.%s", net->nodes[net->node_count].name, suffix);
    param->role = role;
    param->node = net->node_count;
    param->rank = rank;
    param->count = 1;
    for (int i = 0; i < 4; i++) {
        param->dims[i] = i < rank ? dims[i] : 1;
        param->count *= (size_t)param->dims[i];
    }
    size_t *total = param_is_statistic(param) ? &net->statistic_count : &net->learned_count;
    param->offset = *total;
    *total += param->count;
    return net->param_count++;
}

/* ---- the net ---- */

Net *net_create(const char *title) {
    Net *net = calloc(1, sizeof *net);
    if (net)
        snprintf(net->title, sizeof net->title, "%s", title);
    return net;
}

void net_destroy(Net *net) {
    if (!net)
        return;
    free(net->nodes);
    free(net->params);
    free(net);
}

Status net_finish(const Net *net) {
    if (net->status != STATUS_OK)
        return status_fail(net->status, "%s: %s", net->title, net->error);
    if (net->node_count < 2)
        return status_fail(STATUS_BAD_INPUT, "%s: the net has no operation", net->title);
    return STATUS_OK;
}

/* ---- builders ---- */

int net_input(Net *net, Shape shape) {
    if (net->node_count > 0)
        return refuse(net, STATUS_BAD_INPUT, "the input must be the first node, and the only one");
    if (shape.c < 1 || shape.h < 1 || shape.w < 1)
        return refuse(net, STATUS_BAD_INPUT, "input shape %dx%dx%d: every size must be at least 1",
                      shape.c, shape.h, shape.w);
    Node *node = new_node(net, OP_INPUT, "input");
    if (!node)
        return -1;
    node->out = shape;
    return add_node(net);
}

/* Sets node->window and the output's height and width; false when the window does not fit. */
static bool set_window(Net *net, Node *node, int r, int s, int stride, int pad) {
    Shape in = node->out;
    if (r < 1 || s < 1 || stride < 1 || pad < 0) {
        refuse(net, STATUS_BAD_INPUT,
               "node '%s' (%s): kernel %dx%d, stride %d, pad %d: kernel and stride must be at "
               "least 1, pad at least 0",
               node->name, op_name(node->op), r, s, stride, pad);
        return false;
    }
    if (r > in.h + 2 * pad || s > in.w + 2 * pad) {
        refuse(net, STATUS_BAD_INPUT,
               "node '%s' (%s): kernel %dx%d is larger than its padded input %dx%d", node->name,
               op_name(node->op), r, s, in.h + 2 * pad, in.w + 2 * pad);
        return false;
    }
    node->window = (Window){r, s, stride, pad};
    node->out.h = (in.h + 2 * pad - r) / stride + 1;
    node->out.w = (in.w + 2 * pad - s) / stride + 1;
    return true;
}

int net_conv2d(Net *net, const char *name, int x, int channels, int kernel, int stride, int pad,
               bool bias) {
    Node *node = new_reader(net, OP_CONV2D, name, x);
    if (!node || !set_window(net, node, kernel, kernel, stride, pad))
        return -1;
    if (channels < 1)
        return refuse(net, STATUS_BAD_INPUT, "node '%s' (conv2d): %d output channels", name,
                      channels);
    int dims[4] = {channels, node->out.c, kernel, kernel};
    node->out.c = channels;
    node->weight = add_param(net, "weight", PARAM_CONV_WEIGHT, 4, dims);
    if (bias)
        node->bias = add_param(net, "bias", PARAM_CONV_BIAS, 1, dims);
    return add_node(net);
}

int net_batch_norm(Net *net, const char *name, int x) {
    Node *node = new_reader(net, OP_BATCH_NORM, name, x);
    if (!node)
        return -1;
    int dims[1] = {node->out.c};
    node->weight = add_param(net, "weight", PARAM_BN_WEIGHT, 1, dims);
    node->bias = add_param(net, "bias", PARAM_BN_BIAS, 1, dims);
    node->running_mean = add_param(net, "running_mean", PARAM_BN_MEAN, 1, dims);
    node->running_var = add_param(net, "running_var", PARAM_BN_VAR, 1, dims);
    return add_node(net);
}

int net_relu(Net *net, const char *name, int x) {
    return new_reader(net, OP_RELU, name, x) ? add_node(net) : -1;
}

int net_sigmoid(Net *net, const char *name, int x) {
    return new_reader(net, OP_SIGMOID, name, x) ? add_node(net) : -1;
}

int net_affine(Net *net, const char *name, int x, double scale, double shift) {
    Node *node = new_reader(net, OP_AFFINE, name, x);
    if (!node)
        return -1;
    if (!isfinite(scale) || !isfinite(shift))
        return refuse(net, STATUS_BAD_INPUT,
                      "node '%s' (affine): scale %g and shift %g must be finite", name, scale,
                      shift);
    node->scale = scale;
    node->shift = shift;
    return add_node(net);
}

int net_dropout(Net *net, const char *name, int x, double probability) {
    Node *node = new_reader(net, OP_DROPOUT, name, x);
    if (!node)
        return -1;
    if (!(probability >= 0 && probability < 1))
        return refuse(net, STATUS_BAD_INPUT,
                      "node '%s' (dropout): probability %g must be at least 0 and less than 1",
                      name, probability);
    node->probability = probability;
    return add_node(net);
}

/* An elementwise operation on two inputs of one shape; the advice ends the message when they
 * differ. */
static int add_pair(Net *net, OpKind op, const char *name, int a, int b, const char *advice) {
    Node *node = new_reader(net, op, name, a);
    if (!node)
        return -1;
    if (b < 0 || b >= net->node_count || net->nodes[b].op == OP_SOFTMAX_CROSS_ENTROPY)
        return refuse(net, STATUS_BAD_INPUT, "node '%s' (%s): its second input %d cannot be read",
                      name, op_name(op), b);
    Shape p = net->nodes[a].out, q = net->nodes[b].out;
    if (p.c != q.c || p.h != q.h || p.w != q.w)
        return refuse(net, STATUS_BAD_INPUT,
                      "node '%s' (%s): '%s' is %dx%dx%d but '%s' is %dx%dx%d; %s", name,
                      op_name(op), net->nodes[a].name, p.c, p.h, p.w, net->nodes[b].name, q.c, q.h,
                      q.w, advice);
    node->inputs[1] = b;
    return add_node(net);
}

int net_add(Net *net, const char *name, int a, int b) {
    return add_pair(net, OP_ADD, name, a, b,
                    "a shortcut that changes the shape needs option A, B or C");
}

int net_multiply(Net *net, const char *name, int a, int b) {
    return add_pair(net, OP_MULTIPLY, name, a, b,
                    "a gate needs a value for each element of what it gates");
}

int net_zero_pad_subsample(Net *net, const char *name, int x, int channels, int stride,
                           int before) {
    Node *node = new_reader(net, OP_ZERO_PAD_SUBSAMPLE, name, x);
    if (!node)
        return -1;
    Shape in = node->out;
    if (stride < 1 || before < 0 || channels < in.c + before)
        return refuse(net, STATUS_BAD_INPUT,
                      "node '%s' (zero_pad_subsample): %d channels at %d of %d, stride %d: the "
                      "input's channels must fit and the stride be at least 1",
                      name, in.c, before, channels, stride);
    node->window = (Window){1, 1, stride, 0};
    node->channels_before = before;
    node->out = (Shape){channels, (in.h - 1) / stride + 1, (in.w - 1) / stride + 1};
    return add_node(net);
}

static int add_pool(Net *net, OpKind op, const char *name, int x, int r, int s, int stride,
                    int pad) {
    Node *node = new_reader(net, op, name, x);
    if (!node || !set_window(net, node, r, s, stride, pad))
        return -1;
    if (2 * pad > r || 2 * pad > s) /* a window of padding alone has no maximum */
        return refuse(net, STATUS_BAD_INPUT, "node '%s' (%s): pad %d is more than half the kernel",
                      name, op_name(op), pad);
    return add_node(net);
}

int net_max_pool(Net *net, const char *name, int x, int kernel, int stride, int pad) {
    return add_pool(net, OP_MAX_POOL, name, x, kernel, kernel, stride, pad);
}

int net_avg_pool(Net *net, const char *name, int x, int kernel, int stride, int pad) {
    return add_pool(net, OP_AVG_POOL, name, x, kernel, kernel, stride, pad);
}

int net_global_avg_pool(Net *net, const char *name, int x) {
    Shape in = x >= 0 && x < net->node_count ? net->nodes[x].out : (Shape){1, 1, 1};
    return add_pool(net, OP_AVG_POOL, name, x, in.h, in.w, 1, 0);
}

int net_linear(Net *net, const char *name, int x, int features, bool bias) {
    Node *node = new_reader(net, OP_LINEAR, name, x);
    if (!node)
        return -1;
    if (features < 1)
        return refuse(net, STATUS_BAD_INPUT, "node '%s' (linear): %d features", name, features);
    int dims[2] = {features, (int)shape_count(node->out)};
    node->out = (Shape){features, 1, 1};
    node->weight = add_param(net, "weight", PARAM_LINEAR_WEIGHT, 2, dims);
    if (bias)
        node->bias = add_param(net, "bias", PARAM_LINEAR_BIAS, 1, dims);
    return add_node(net);
}

int net_softmax_cross_entropy(Net *net, const char *name, int x) {
    Node *node = new_reader(net, OP_SOFTMAX_CROSS_ENTROPY, name, x);
    if (!node)
        return -1;
    if (node->out.h != 1 || node->out.w != 1 || node->out.c < 2)
        return refuse(net, STATUS_BAD_INPUT,
                      "node '%s' (softmax_cross_entropy): logits are %dx%dx%d, not classes x 1 x 1",
                      name, node->out.c, node->out.h, node->out.w);
    node->out = (Shape){1, 1, 1};
    return add_node(net);
}

/* ---- questions ---- */

const char *op_name(OpKind op) {
    static const char *const names[OP_KINDS] = {
        [OP_INPUT] = "input",
        [OP_CONV2D] = "conv2d",
        [OP_BATCH_NORM] = "batch_norm",
        [OP_RELU] = "relu",
        [OP_ADD] = "add",
        [OP_SIGMOID] = "sigmoid",
        [OP_MULTIPLY] = "multiply",
        [OP_AFFINE] = "affine",
        [OP_DROPOUT] = "dropout",
        [OP_ZERO_PAD_SUBSAMPLE] = "zero_pad_subsample",
        [OP_MAX_POOL] = "max_pool",
        [OP_AVG_POOL] = "avg_pool",
        [OP_LINEAR] = "linear",
        [OP_SOFTMAX_CROSS_ENTROPY] = "softmax_cross_entropy",
    };
    return op >= 0 && op < OP_KINDS ? names[op] : "unknown";
}

size_t shape_count(Shape shape) {
    return (size_t)shape.c * (size_t)shape.h * (size_t)shape.w;
}

Shape node_in(const Net *net, int node) {
    int x = net->nodes[node].inputs[0];
    return x < 0 ? (Shape){0, 0, 0} : net->nodes[x].out;
}

bool param_is_statistic(const Param *param) {
    return param->role == PARAM_BN_MEAN || param->role == PARAM_BN_VAR;
}

void param_fans(const Net *net, int param, int *fan_in, int *fan_out) {
    const Param *p = &net->params[param];
    if (p->role == PARAM_CONV_BIAS || p->role == PARAM_LINEAR_BIAS)
        p = &net->params[net->nodes[p->node].weight];
    int area = p->dims[2] * p->dims[3];
    *fan_in = (p->rank > 1 ? p->dims[1] : p->dims[0]) * area;
    *fan_out = p->dims[0] * area;
}

int net_find_param(const Net *net, const char *name) {
    for (int i = 0; i < net->param_count; i++)
        if (strcmp(net->params[i].name, name) == 0)
            return i;
    return -1;
}

int net_find_node(const Net *net, const char *name) {
    for (int i = 0; i < net->node_count; i++)
        if (strcmp(net->nodes[i].name, name) == 0)
            return i;
    return -1;
}

bool net_has_loss(const Net *net) {
    return net->node_count > 0 && net->nodes[net->node_count - 1].op == OP_SOFTMAX_CROSS_ENTROPY;
}
