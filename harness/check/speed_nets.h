/* The operations that are timed and the nets that they stand in. */
#ifndef HARNESS_CHECK_SPEED_NETS_H
#define HARNESS_CHECK_SPEED_NETS_H

#include "net/net.h"

typedef struct SpeedOp {
    const char *name;
    Shape in;
    int copies; /* in a row; more than one where input and output have the same shape */
    int (*build)(Net *net, const char *name, int x);
} SpeedOp;

const SpeedOp *speed_ops(int *count);

/* The caller owns the nets. */

/* input - operation: what is compared. */
Status speed_alone(const SpeedOp *op, Net **net);
/* input - 1x1 convolution to the operation's channels - its copies, the nodes first..last - global
 * average pool - linear - loss: what is timed. */
Status speed_net(const SpeedOp *op, Net **net, int *first, int *last);
/* The same without the operation, around a value of this shape. */
Status speed_frame(Shape shape, Net **net);

#endif
