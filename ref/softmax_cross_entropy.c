/* p = softmax(x),  loss of an image = -log p[label] = log sum_c exp(x[c] - m) + m - x[label] with
 * m = max x (so that no exponential overflows):
 *   dx[n,c] = dy[n] (p[n,c] - [c is the label])
 * with dy[n] = 1 / divisor, as the loss of a batch is sum / divisor. */
#include <math.h>

#include "ref/ops.h"

/* The prediction is the lowest class with the largest logit; a NaN logit is never right. */
static bool wrong(const double *x, int label, int C) {
    for (int c = 0; c < C; c++) {
        bool beaten = c < label ? x[c] >= x[label] : x[c] > x[label];
        if (beaten || isnan(x[c]))
            return true;
    }
    return false;
}

void ref_softmax_cross_entropy_forward(double *loss, double *p, int64_t *errors, const double *x,
                                       const int32_t *labels, int N, int C) {
    for (int n = 0; n < N; n++, x += C, p += C) {
        double most = x[0];
        for (int c = 1; c < C; c++)
            most = x[c] > most ? x[c] : most;
        double sum = exp(x[0] - most);
        for (int c = 1; c < C; c++)
            sum += exp(x[c] - most);
        for (int c = 0; c < C; c++)
            p[c] = exp(x[c] - most) / sum;
        loss[n] = log(sum) + most - x[labels[n]];
        *errors += wrong(x, labels[n], C);
    }
}

void ref_softmax_cross_entropy_backward(double *dx, const double *dy, const double *p,
                                        const int32_t *labels, int N, int C) {
    for (int n = 0; n < N; n++)
        for (int c = 0; c < C; c++)
            dx[(size_t)n * C + c] += dy[n] * (p[(size_t)n * C + c] - (c == labels[n]));
}
