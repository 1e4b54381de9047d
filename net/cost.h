/* What an operation costs, from its shape alone: the one place that counts. */
#ifndef NET_COST_H
#define NET_COST_H

#include <stdint.h>

#include "net/net.h"

typedef struct Cost {
    int64_t macs;       /* forward multiply-adds of one image: convolutions and linear layers */
    int64_t parameters; /* learned values */
    int64_t bytes;      /* forward: activations read and written for one image, 4 bytes a value */
} Cost;

Cost node_cost(const Net *net, int node);
Cost net_cost(const Net *net); /* the sum over all nodes */

/* Floating-point operations of one image: a multiply-add is two; a training step does the forward,
 * the data gradient and the weight gradient (the first layer's data gradient is not needed). */
double net_infer_flops(const Net *net);
double net_train_flops(const Net *net);

/* What one pass over a batch has to do and to move at least: each tensor once, whatever its size.
 */
typedef struct PassCost {
    double flops; /* of convolutions and linear layers; 0: the pass is bound by memory */
    double bytes;
} PassCost;

/* Nodes first..last, each the only reader of the one before it, as one operation: what lies between
 * them need not reach memory. value_bytes is an activation's size (2 in bf16, else 4); parameters
 * have 4. Backward: the gradients of the input and of the parameters. */
PassCost cost_forward(const Net *net, int first, int last, int batch, int value_bytes);
PassCost cost_backward(const Net *net, int first, int last, int batch, int value_bytes);
/* A step of SGD with momentum: reads values, gradients and momenta, writes values and momenta. */
PassCost cost_update(const Net *net);

#endif
