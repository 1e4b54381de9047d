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

#endif
