/* y[n,c,p,q] = the largest x in the window; padding never wins. Ties go to the first in row order,
 * and a NaN wins. The gradient goes to the winner. */
#include <math.h>

#include "ref/ops.h"

/* r * S + s of the winner among the window's values inside the image. */
static int winner(const double *plane, Shape in, int p, int q, Window win) {
    int best = -1;
    double most = 0;
    for (int r = 0; r < win.r; r++)
        for (int s = 0; s < win.s; s++) {
            int h = p * win.stride + r - win.pad, w = q * win.stride + s - win.pad;
            if (h < 0 || h >= in.h || w < 0 || w >= in.w)
                continue;
            double value = plane[h * in.w + w];
            if (best < 0 || value > most || (isnan(value) && !isnan(most))) {
                best = r * win.s + s;
                most = value;
            }
        }
    return best;
}

static size_t place(int index, Shape in, int p, int q, Window win) {
    int h = p * win.stride + index / win.s - win.pad, w = q * win.stride + index % win.s - win.pad;
    return (size_t)(h * in.w + w);
}

void ref_max_pool_forward(double *y, int *index, const double *x, int N, Shape in, Shape out,
                          Window win) {
    size_t at = 0;
    for (int nc = 0; nc < N * in.c; nc++) {
        const double *plane = x + (size_t)nc * in.h * in.w;
        for (int p = 0; p < out.h; p++)
            for (int q = 0; q < out.w; q++, at++) {
                index[at] = winner(plane, in, p, q, win);
                y[at] = plane[place(index[at], in, p, q, win)];
            }
    }
}

void ref_max_pool_backward(double *dx, const double *dy, const int *index, int N, Shape in,
                           Shape out, Window win) {
    size_t at = 0;
    for (int nc = 0; nc < N * in.c; nc++)
        for (int p = 0; p < out.h; p++)
            for (int q = 0; q < out.w; q++, at++)
                dx[(size_t)nc * in.h * in.w + place(index[at], in, p, q, win)] += dy[at];
}
