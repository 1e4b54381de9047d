/* Golden files: tensors that make_golden.py took from PyTorch. */
#ifndef TESTS_GOLDEN_GOLDEN_H
#define TESTS_GOLDEN_GOLDEN_H

#include <stddef.h>

#include "net/status.h"

typedef struct GoldenTensor {
    char name[96];
    size_t count;
    double *values;
} GoldenTensor;

typedef struct Golden {
    int count;
    GoldenTensor *tensors;
} Golden;

/* Reads a whole file; golden_free() also after a failure. */
Status golden_read(const char *path, Golden *golden);
void golden_free(Golden *golden);
/* NULL when there is none of that name. */
const GoldenTensor *golden_find(const Golden *golden, const char *name);

#endif
