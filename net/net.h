/* A Net: what a network is, as plain data. Nothing here computes.
 *
 * A Net is an array of nodes in topological order and a table of named parameters. Letters: N batch
 * (never part of a Net), C x H x W in, K x P x Q out, R x S kernel. Canonical layouts: activations
 * NCHW, convolution weights KCRS, linear weights (out, in). Names are torchvision's.
 *
 * Builders append a node and return its id (>= 0). A wrong shape or argument is found here: the
 * builder returns -1, the first error sticks, later builders given -1 return -1, and net_finish()
 * reports it. So a model is written without a check on every line. */
#ifndef NET_NET_H
#define NET_NET_H

#include <stdbool.h>
#include <stddef.h>

#include "net/status.h"

enum { NET_NAME_MAX = 48 };

/* Constants defined once for every backend (PyTorch's defaults). */
#define BN_EPS     1e-5 /* added to the variance */
#define BN_AVERAGE 0.1  /* running = (1 - BN_AVERAGE) running + BN_AVERAGE batch */

typedef enum OpKind {
    OP_INPUT,
    OP_CONV2D,
    OP_BATCH_NORM,
    OP_RELU,
    OP_ADD,
    OP_SIGMOID,
    OP_MULTIPLY, /* a gate: elementwise */
    OP_AFFINE,   /* scale and shift by constants */
    OP_DROPOUT,
    OP_ZERO_PAD_SUBSAMPLE, /* option A shortcut: every stride-th pixel, zero channels added */
    OP_MAX_POOL,
    OP_AVG_POOL, /* zeros of the padding count in the mean, as PyTorch's default */
    OP_LINEAR,
    OP_SOFTMAX_CROSS_ENTROPY,
    OP_KINDS
} OpKind;

/* One image's activation. */
typedef struct Shape {
    int c, h, w;
} Shape;

/* The sliding window of a convolution or a pooling. */
typedef struct Window {
    int r, s;   /* kernel height and width */
    int stride; /* both directions; also the stride of OP_ZERO_PAD_SUBSAMPLE */
    int pad;    /* all four sides */
} Window;

typedef enum ParamRole {
    PARAM_CONV_WEIGHT,   /* K, C, R, S */
    PARAM_CONV_BIAS,     /* K */
    PARAM_LINEAR_WEIGHT, /* out, in */
    PARAM_LINEAR_BIAS,   /* out */
    PARAM_BN_WEIGHT,     /* C, gamma */
    PARAM_BN_BIAS,       /* C, beta */
    PARAM_BN_MEAN,       /* C, running mean: a statistic, not learned */
    PARAM_BN_VAR,        /* C, running unbiased variance: a statistic, not learned */
} ParamRole;

typedef struct Param {
    char name[NET_NAME_MAX + 16]; /* "layer1.0.conv1.weight" */
    ParamRole role;
    int node;      /* the node that owns it */
    int dims[4];   /* canonical order; unused trailing dims are 1 */
    int rank;      /* how many of dims count */
    size_t count;  /* product of dims */
    double start;  /* of a convolution's bias: its initial value, where not 0 */
    size_t offset; /* into the flat array of its kind: learned parameters or statistics */
} Param;

typedef struct Node {
    OpKind op;
    char name[NET_NAME_MAX]; /* "layer1.0.conv1" */
    int inputs[2];           /* node ids; -1: none */
    Shape out;
    Window window;                 /* convolution, pooling, subsample (stride only) */
    int channels_before;           /* OP_ZERO_PAD_SUBSAMPLE: zero channels put in front */
    double scale, shift;           /* OP_AFFINE */
    double probability;            /* OP_DROPOUT: of becoming 0 */
    int weight, bias;              /* parameter ids (conv, linear, batch norm); -1: none */
    int running_mean, running_var; /* parameter ids (batch norm); -1: none */
} Node;

typedef struct Net {
    char title[NET_NAME_MAX];
    Node *nodes;
    int node_count;
    Param *params; /* in order of creation; learned ones and statistics mixed */
    int param_count;
    size_t learned_count;   /* floats in all learned parameters */
    size_t statistic_count; /* floats in all statistics */
    Status status;          /* the first error of a builder */
    char error[512];
    int node_capacity, param_capacity;
} Net;

/* NULL when memory is out. The caller owns the Net. */
Net *net_create(const char *title);
void net_destroy(Net *net);

/* The first error of any builder; checks also that the net has nodes. */
Status net_finish(const Net *net);

/* C x H x W. The first node; exactly one. */
int net_input(Net *net, Shape shape);
/* y[n,k,p,q] = b[k] + sum_{c,r,s} w[k,c,r,s] x[n,c,p*stride+r-pad,q*stride+s-pad]; "name.weight",
 * "name.bias". */
int net_conv2d(Net *net, const char *name, int x, int channels, int kernel, int stride, int pad,
               bool bias);
/* "name.weight", "name.bias", "name.running_mean", "name.running_var". */
int net_batch_norm(Net *net, const char *name, int x);
int net_relu(Net *net, const char *name, int x);
/* y = 1 / (1 + exp(-x)). */
int net_sigmoid(Net *net, const char *name, int x);
/* y = scale x + shift with finite constants: scale 0.5 halves a branch; -1 and 1 give 1 - x. */
int net_affine(Net *net, const char *name, int x, double scale, double shift);
/* MODE_TRAIN: y = 0 with the probability, which is at least 0 and less than 1, else
 * x / (1 - probability); every other mode: y = x. net/dropout.h says which elements become 0. */
int net_dropout(Net *net, const char *name, int x, double probability);
int net_add(Net *net, const char *name, int a, int b);
/* y = a b, elementwise; both of the same shape. */
int net_multiply(Net *net, const char *name, int a, int b);
/* y has `channels` channels: `before` zero ones, x's, zero ones; rows and columns 0, stride, ... */
int net_zero_pad_subsample(Net *net, const char *name, int x, int channels, int stride, int before);
int net_max_pool(Net *net, const char *name, int x, int kernel, int stride, int pad);
int net_avg_pool(Net *net, const char *name, int x, int kernel, int stride, int pad);
/* Average pool with the window H x W: out C x 1 x 1. */
int net_global_avg_pool(Net *net, const char *name, int x);
/* Flattens C x H x W in canonical order; out `features` x 1 x 1. */
int net_linear(Net *net, const char *name, int x, int features, bool bias);
/* The loss: x has the logits, C classes x 1 x 1. Out is 1 x 1 x 1; always the last node. */
int net_softmax_cross_entropy(Net *net, const char *name, int x);

const char *op_name(OpKind op); /* "conv2d", "batch_norm", ... */
/* Values of one image: c * h * w. */
size_t shape_count(Shape shape);
/* The shape of a node's first input; {0,0,0} for the input node. */
Shape node_in(const Net *net, int node);
bool param_is_statistic(const Param *param);
/* Fan-in and fan-out of a weight (channels times kernel area); of a bias, its weight's. */
void param_fans(const Net *net, int param, int *fan_in, int *fan_out);
/* Parameter id by full name; -1 when there is none. */
int net_find_param(const Net *net, const char *name);
int net_find_node(const Net *net, const char *name);
/* True when the last node is the loss. */
bool net_has_loss(const Net *net);

#endif
