/* y = a + b; the gradient of both inputs is dy. */
#include "ref/ops.h"

void ref_add_forward(double *y, const double *a, const double *b, size_t count) {
    for (size_t i = 0; i < count; i++)
        y[i] = a[i] + b[i];
}

void ref_add_backward(double *dx, const double *dy, size_t count) {
    for (size_t i = 0; i < count; i++)
        dx[i] += dy[i];
}
