/* y[n,k,p,q] = b[k] + sum_{c,r,s} w[k,c,r,s] x[n,c,p*stride+r-pad,q*stride+s-pad], x = 0 outside.
 * Its derivatives:
 *   dw[k,c,r,s] = sum_{n,p,q} dy[n,k,p,q] x[n,c,p*stride+r-pad,q*stride+s-pad]
 *   dx[n,c,h,w] = sum over all (k,r,s,p,q) that read it of w[k,c,r,s] dy[n,k,p,q]
 *   db[k]       = sum_{n,p,q} dy[n,k,p,q] */
#include "ref/ops.h"

/* Along one axis: the outputs [first, last) whose tap r reads inside the image. */
typedef struct Span {
    int first, last;
} Span;

static Span inside(int r, int size, int outputs, Window win) {
    Span span = {0, outputs};
    while (span.first < outputs && span.first * win.stride + r - win.pad < 0)
        span.first++;
    while (span.last > span.first && (span.last - 1) * win.stride + r - win.pad >= size)
        span.last--;
    return span;
}

/* What one channel x gives to one channel y, through the taps w[R,S]. */
static void forward_plane(double *y, const double *x, const double *w, Shape in, Shape out,
                          Window win) {
    for (int r = 0; r < win.r; r++)
        for (int s = 0; s < win.s; s++) {
            double tap = w[r * win.s + s];
            Span rows = inside(r, in.h, out.h, win), columns = inside(s, in.w, out.w, win);
            for (int p = rows.first; p < rows.last; p++) {
                const double *from = x + (size_t)(p * win.stride + r - win.pad) * in.w;
                for (int q = columns.first; q < columns.last; q++)
                    y[p * out.w + q] += tap * from[q * win.stride + s - win.pad];
            }
        }
}

/* dx may be NULL. */
static void backward_plane(double *dx, double *dw, const double *dy, const double *x,
                           const double *w, Shape in, Shape out, Window win) {
    for (int r = 0; r < win.r; r++)
        for (int s = 0; s < win.s; s++) {
            int tap = r * win.s + s;
            Span rows = inside(r, in.h, out.h, win), columns = inside(s, in.w, out.w, win);
            for (int p = rows.first; p < rows.last; p++)
                for (int q = columns.first; q < columns.last; q++) {
                    int at = (p * win.stride + r - win.pad) * in.w + q * win.stride + s - win.pad;
                    dw[tap] += dy[p * out.w + q] * x[at];
                    if (dx)
                        dx[at] += dy[p * out.w + q] * w[tap];
                }
        }
}

void ref_conv2d_forward(double *y, const double *x, const double *w, const double *b, int N,
                        Shape in, Shape out, Window win) {
    size_t from = (size_t)in.h * in.w, to = (size_t)out.h * out.w, taps = (size_t)win.r * win.s;
    for (int n = 0; n < N; n++)
        for (int k = 0; k < out.c; k++, y += to) {
            for (size_t i = 0; i < to; i++)
                y[i] = b ? b[k] : 0;
            for (int c = 0; c < in.c; c++)
                forward_plane(y, x + ((size_t)n * in.c + c) * from,
                              w + ((size_t)k * in.c + c) * taps, in, out, win);
        }
}

void ref_conv2d_backward(double *dx, double *dw, double *db, const double *dy, const double *x,
                         const double *w, int N, Shape in, Shape out, Window win) {
    size_t from = (size_t)in.h * in.w, to = (size_t)out.h * out.w, taps = (size_t)win.r * win.s;
    for (int n = 0; n < N; n++)
        for (int k = 0; k < out.c; k++, dy += to) {
            for (int c = 0; c < in.c; c++) {
                size_t image = ((size_t)n * in.c + c) * from,
                       filter = ((size_t)k * in.c + c) * taps;
                backward_plane(dx ? dx + image : NULL, dw + filter, dy, x + image, w + filter, in,
                               out, win);
            }
            for (size_t i = 0; db && i < to; i++)
                db[k] += dy[i];
        }
}
