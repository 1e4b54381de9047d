/* y = scale x + shift; dx = scale dy. */
#include "ref/ops.h"

void ref_affine_forward(double *y, const double *x, size_t count, double scale, double shift) {
    for (size_t i = 0; i < count; i++)
        y[i] = scale * x[i] + shift;
}

void ref_affine_backward(double *dx, const double *dy, size_t count, double scale) {
    for (size_t i = 0; i < count; i++)
        dx[i] += scale * dy[i];
}
