/* Finite differences on the oracle: central differences in double against its derivatives.
 *
 * L = sum dy y for a random dy (or the net's own loss). dL/dv ~ (L(v + h) - L(v - h)) / 2h, with an
 * error of h^2 from the third derivative and of eps64 |L| / h from rounding. Where a ReLU or a
 * max-pool switches between v - h and v + h, both derivatives are meaningless: such values are
 * recognised (another mask or index) and skipped, a bounded share of them. */
#ifndef TESTS_REF_GRADCHECK_H
#define TESTS_REF_GRADCHECK_H

#include "tests/support/rig.h"

typedef struct GradcheckResult {
    double worst; /* largest |difference| over the largest derivative of the same array */
    char where[96];
    double
        smallest_norm; /* of the gradient of an array that can move; near 0: nothing was tested */
    int checked, skipped;
} GradcheckResult;

/* All parameters, at most `per_array` entries of each, and the input, in the given mode. */
GradcheckResult gradcheck(Rig *rig, Mode mode, int bn_group, int per_array);

#endif
