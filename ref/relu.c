/* y = max(x, 0); dx = dy where x > 0, else 0 (at 0 too). A NaN passes, so that a run that has
 * diverged shows it in its loss. */
#include "ref/ops.h"

void ref_relu_forward(double *y, const double *x, size_t count) {
    for (size_t i = 0; i < count; i++)
        y[i] = x[i] < 0 ? 0 : x[i];
}

void ref_relu_backward(double *dx, const double *dy, const double *x, size_t count) {
    for (size_t i = 0; i < count; i++)
        if (x[i] > 0)
            dx[i] += dy[i];
}
