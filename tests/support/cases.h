/* The case table: operations and small nets. It drives the finite differences of the oracle and
 * the comparison of every backend with the oracle. */
#ifndef TESTS_SUPPORT_CASES_H
#define TESTS_SUPPORT_CASES_H

#include "net/net.h"

typedef struct Case {
    const char *name;
    int batch;
    int bn_group; /* 0: the whole batch */
    void (*build)(Net *net);
} Case;

/* All cases; *count receives how many. */
const Case *case_table(int *count);
/* The case's net, checked; fails the running test when it cannot be built. */
Net *case_net(const Case *test);
/* True when the net has a batch norm. */
bool case_has_batch_norm(const Net *net);

#endif
