/* What every compiler of programs asks of a net's graph: who reads whom, who needs a gradient, and
 * which nodes behind a batch norm run as one with it. */
#ifndef NET_FUSION_H
#define NET_FUSION_H

#include "net/net.h"

/* Batch norm with what is fused behind it: nothing; ReLU; add; add + ReLU. Ids of nodes, -1: not
 * there. A node inside a group has no value of its own, so it is taken in only when one node reads
 * it. */
typedef struct FusedGroup {
    int bn, add, relu;
    int skip; /* the node that the add adds */
    int last; /* the node whose value the group computes */
} FusedGroup;

typedef struct NodeUse {
    int consumers;       /* how many inputs of nodes it feeds */
    bool needs_gradient; /* a learned parameter or a wanted gradient lies at or above it */
    bool covered;        /* computed inside a FusedGroup that ends in a later node */
    int group;           /* of the group that ends here; -1 */
} NodeUse;

/* use: node_count entries. groups: room for node_count, *group_count filled. separate[i]: node i
 * must keep a value of its own (NULL: none must). wanted[i]: the gradient of node i is asked for
 * (NULL: none is). */
Status net_analyse(const Net *net, const bool *separate, const bool *wanted, NodeUse *use,
                   FusedGroup *groups, int *group_count);

/* True for the bias of a convolution that only batch norms read, and for their running means: with
 * statistics of the batch the bias has no effect, so its gradient is zero. */
bool param_is_normalised_away(const Net *net, int param);

#endif
