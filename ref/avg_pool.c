/* y[n,c,p,q] = sum of the window / (R S); zeros of the padding count. Each value that was read gets
 * dy / (R S). With the window H x W this is the global average pool. */
#include "ref/ops.h"

/* Calls for each (output, input) pair of one plane: to[] += scale * from[]. */
static void spread(double *to, const double *from, bool forward, Shape in, Shape out, Window win) {
    double scale = 1.0 / (win.r * win.s);
    for (int p = 0; p < out.h; p++)
        for (int q = 0; q < out.w; q++)
            for (int r = 0; r < win.r; r++)
                for (int s = 0; s < win.s; s++) {
                    int h = p * win.stride + r - win.pad, w = q * win.stride + s - win.pad;
                    if (h < 0 || h >= in.h || w < 0 || w >= in.w)
                        continue;
                    if (forward)
                        to[p * out.w + q] += scale * from[h * in.w + w];
                    else
                        to[h * in.w + w] += scale * from[p * out.w + q];
                }
}

void ref_avg_pool_forward(double *y, const double *x, int N, Shape in, Shape out, Window win) {
    size_t to = (size_t)out.h * out.w, from = (size_t)in.h * in.w;
    for (int nc = 0; nc < N * in.c; nc++) {
        for (size_t i = 0; i < to; i++)
            y[nc * to + i] = 0;
        spread(y + nc * to, x + nc * from, true, in, out, win);
    }
}

void ref_avg_pool_backward(double *dx, const double *dy, int N, Shape in, Shape out, Window win) {
    size_t from = (size_t)out.h * out.w, to = (size_t)in.h * in.w;
    for (int nc = 0; nc < N * in.c; nc++)
        spread(dx + nc * to, dy + nc * from, false, in, out, win);
}
