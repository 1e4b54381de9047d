/* How far a backend may be from the oracle: from the number format, the depth of the net and the
 * length of its sums, not from what happens to pass. */
#ifndef HARNESS_CHECK_TOLERANCE_H
#define HARNESS_CHECK_TOLERANCE_H

#include "harness/check/compare.h"
#include "net/backend.h"

typedef struct Closeness {
    CompareTolerance tolerance;
    bool as_norm; /* the array as a whole, not each element */
} Closeness;

/* Small nets in fp32: each element, values and gradients alike. fp64 is the same, because what is
 * read is float. The case table keeps clear of kinks, so no ReLU falls on the other side.
 * In tf32 and bf16, and at real sizes (`batch` > 0: that many images; 0: a case of the table), the
 * norm, and gradients behind a ReLU or a max-pool are given room for those few elements that lie
 * so near the kink that they fall on its other side. */
Closeness closeness_of_values(const Net *net, Precision precision, int batch);
Closeness closeness_of_gradients(const Net *net, Precision precision, int batch);
/* fp32 or finer: counts of right answers must agree too. */
bool precision_is_fine(Precision precision);

#endif
