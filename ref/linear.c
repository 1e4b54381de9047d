/* y[n,k] = b[k] + sum_c w[k,c] x[n,c]
 * dw[k,c] = sum_n dy[n,k] x[n,c],  dx[n,c] = sum_k dy[n,k] w[k,c],  db[k] = sum_n dy[n,k] */
#include "ref/ops.h"

void ref_linear_forward(double *y, const double *x, const double *w, const double *b, int N, int C,
                        int K) {
    for (int n = 0; n < N; n++)
        for (int k = 0; k < K; k++) {
            double sum = b ? b[k] : 0;
            for (int c = 0; c < C; c++)
                sum += w[(size_t)k * C + c] * x[(size_t)n * C + c];
            y[(size_t)n * K + k] = sum;
        }
}

void ref_linear_backward(double *dx, double *dw, double *db, const double *dy, const double *x,
                         const double *w, int N, int C, int K) {
    for (int n = 0; n < N; n++)
        for (int k = 0; k < K; k++) {
            double g = dy[(size_t)n * K + k];
            if (db)
                db[k] += g;
            for (int c = 0; c < C; c++) {
                dw[(size_t)k * C + c] += g * x[(size_t)n * C + c];
                if (dx)
                    dx[(size_t)n * C + c] += g * w[(size_t)k * C + c];
            }
        }
}
