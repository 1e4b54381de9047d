/* y = a b; da = dy b and db = dy a, also when a and b are the same node. */
#include "ref/ops.h"

void ref_multiply_forward(double *y, const double *a, const double *b, size_t count) {
    for (size_t i = 0; i < count; i++)
        y[i] = a[i] * b[i];
}

void ref_multiply_backward(double *da, const double *dy, const double *b, size_t count) {
    for (size_t i = 0; i < count; i++)
        da[i] += dy[i] * b[i];
}
