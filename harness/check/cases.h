/* The case table: operations and small nets. It drives the finite differences of the oracle and
 * the comparison of every backend with the oracle, in the tests and in `harness check`. */
#ifndef HARNESS_CHECK_CASES_H
#define HARNESS_CHECK_CASES_H

#include "net/net.h"

typedef struct Case {
    const char *name;
    int batch;
    int bn_group;            /* 0: the whole batch */
    void (*build)(Net *net); /* errors stick in the net */
} Case;

/* All cases; *count receives how many. */
const Case *case_table(int *count);
/* The case of that name; NULL when there is none. */
const Case *case_find(const char *name);
/* The case's net, finished; the caller owns it. NULL on an error. */
Status case_build(const Case *test, Net **net);
/* True when the net has a batch norm. */
bool case_has_batch_norm(const Net *net);

#endif
