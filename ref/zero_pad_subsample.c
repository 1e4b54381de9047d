/* Shortcut option A of He et al. 2015, section 3.3:
 *   y[n,k,p,q] = x[n,k-before,p*stride,q*stride] where 0 <= k - before < C, else 0. */
#include <string.h>

#include "ref/ops.h"

void ref_zero_pad_subsample_forward(double *y, const double *x, int N, Shape in, Shape out,
                                    int stride, int before) {
    memset(y, 0, (size_t)N * shape_count(out) * sizeof *y);
    for (int n = 0; n < N; n++)
        for (int c = 0; c < in.c; c++)
            for (int p = 0; p < out.h; p++)
                for (int q = 0; q < out.w; q++)
                    y[(((size_t)n * out.c + c + before) * out.h + p) * out.w + q] =
                        x[(((size_t)n * in.c + c) * in.h + p * stride) * in.w + q * stride];
}

void ref_zero_pad_subsample_backward(double *dx, const double *dy, int N, Shape in, Shape out,
                                     int stride, int before) {
    for (int n = 0; n < N; n++)
        for (int c = 0; c < in.c; c++)
            for (int p = 0; p < out.h; p++)
                for (int q = 0; q < out.w; q++)
                    dx[(((size_t)n * in.c + c) * in.h + p * stride) * in.w + q * stride] +=
                        dy[(((size_t)n * out.c + c + before) * out.h + p) * out.w + q];
}
