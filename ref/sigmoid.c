/* y = 1 / (1 + exp(-x)); dy/dx = y (1 - y). Written so that no exponential overflows. */
#include <math.h>

#include "ref/ops.h"

void ref_sigmoid_forward(double *y, const double *x, size_t count) {
    for (size_t i = 0; i < count; i++) {
        double e = exp(-fabs(x[i]));
        y[i] = (x[i] < 0 ? e : 1) / (1 + e);
    }
}

void ref_sigmoid_backward(double *dx, const double *dy, const double *y, size_t count) {
    for (size_t i = 0; i < count; i++)
        dx[i] += dy[i] * y[i] * (1 - y[i]);
}
