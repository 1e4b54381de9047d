/* The sum, on a device, of what the shares of a training step came to: gradients and running
 * statistics, over a balanced tree (harness/train/shares.h), so that neither has to pass through
 * the host. Sums are formed in double and rounded once.
 *
 * A State's gradients and statistics are one vector here, in an order of the backend's own: what
 * one sum reads or is sent, another over the same net on the same backend understands. */
#ifndef NET_SHARE_SUM_H
#define NET_SHARE_SUM_H

#include <stddef.h>

#include "net/status.h"

struct State;

/* Each backend's own. */
typedef struct ShareSum ShareSum;

/* By which the devices of several processes find each other. */
typedef struct LinkName {
    char bytes[128];
} LinkName;

/* How sums get from device to device without the host. A process that waits for another which has
 * failed may wait for ever: whoever fails in join() or exchange() has to end the others. */
typedef struct ShareLinkOps {
    /* A new name; one process makes it and tells the others. */
    Status (*name)(LinkName *name);
    /* Waits for all `ranks` processes, each with a device of its own; this one is number `mine`. */
    Status (*join)(ShareSum *sum, const LinkName *name, int ranks, int mine);
    /* Adds what the partner's sum came to, who does the same. Waits; fails when the link does. */
    Status (*exchange)(ShareSum *sum, int partner);
} ShareLinkOps;

typedef struct ShareSumOps {
    /* own: the shares that are summed here, a power of two; count: all of the step. The caller
     * destroys, before the State. */
    Status (*create)(struct State *state, int own, int count, ShareSum **sum);
    void (*destroy)(ShareSum *sum);
    /* Of the vector, in doubles. */
    size_t (*length)(const ShareSum *sum);
    /* A step begins; every share starts from the statistics that the State has now. */
    Status (*begin)(ShareSum *sum);
    /* A share has passed forward and backward: its gradients and statistics are the next leaf, and
     * the statistics are what they were at begin(). */
    Status (*take)(ShareSum *sum);
    /* The sum of all that has been taken: reads it, writes another in its place. */
    Status (*read)(ShareSum *sum, double *values);
    Status (*write)(ShareSum *sum, const double *values);
    /* The sum becomes the State's gradient, and its mean over `count` the State's statistics. */
    Status (*finish)(ShareSum *sum);
    /* NULL: sums go from process to process through read() and write(). */
    const ShareLinkOps *(*link)(void);
} ShareSumOps;

#endif
