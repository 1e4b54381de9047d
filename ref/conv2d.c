/* y[n,k,p,q] = b[k] + sum_{c,r,s} w[k,c,r,s] x[n,c,p*stride+r-pad,q*stride+s-pad], x = 0 outside.
 * Its derivatives:
 *   dw[k,c,r,s] = sum_{n,p,q} dy[n,k,p,q] x[n,c,p*stride+r-pad,q*stride+s-pad]
 *   dx[n,c,h,w] = sum over all (k,r,s,p,q) that read it of w[k,c,r,s] dy[n,k,p,q]
 *   db[k]       = sum_{n,p,q} dy[n,k,p,q] */
#include "ref/ops.h"

/* One tap of the kernel as seen from one output row: which q read inside the image. */
typedef struct Span {
    int first, last; /* q in [first, last) */
} Span;

static Span inside(int s, int W, int Q, Window win) {
    Span span = {0, Q};
    while (span.first < Q && span.first * win.stride + s - win.pad < 0)
        span.first++;
    while (span.last > span.first && (span.last - 1) * win.stride + s - win.pad >= W)
        span.last--;
    return span;
}

void ref_conv2d_forward(double *y, const double *x, const double *w, const double *b, int N,
                        Shape in, Shape out, Window win) {
    for (int n = 0; n < N; n++)
        for (int k = 0; k < out.c; k++)
            for (int p = 0; p < out.h; p++) {
                double *row = y + (((size_t)n * out.c + k) * out.h + p) * out.w;
                for (int q = 0; q < out.w; q++)
                    row[q] = b ? b[k] : 0;
                for (int c = 0; c < in.c; c++)
                    for (int r = 0; r < win.r; r++) {
                        int h = p * win.stride + r - win.pad;
                        if (h < 0 || h >= in.h)
                            continue;
                        const double *from = x + (((size_t)n * in.c + c) * in.h + h) * in.w;
                        for (int s = 0; s < win.s; s++) {
                            double tap = w[(((size_t)k * in.c + c) * win.r + r) * win.s + s];
                            Span span = inside(s, in.w, out.w, win);
                            for (int q = span.first; q < span.last; q++)
                                row[q] += tap * from[q * win.stride + s - win.pad];
                        }
                    }
            }
}

/* The contributions of one row of dy, dy[n,k,p,:]. */
static void backward_row(double *dx, double *dw, const double *dy, const double *x, const double *w,
                         Shape in, int Q, int p, Window win) {
    for (int c = 0; c < in.c; c++)
        for (int r = 0; r < win.r; r++) {
            int h = p * win.stride + r - win.pad;
            if (h < 0 || h >= in.h)
                continue;
            size_t from = ((size_t)c * in.h + h) * in.w;
            for (int s = 0; s < win.s; s++) {
                size_t tap = ((size_t)c * win.r + r) * win.s + s;
                Span span = inside(s, in.w, Q, win);
                for (int q = span.first; q < span.last; q++) {
                    size_t at = from + q * win.stride + s - win.pad;
                    dw[tap] += dy[q] * x[at];
                    if (dx)
                        dx[at] += dy[q] * w[tap];
                }
            }
        }
}

void ref_conv2d_backward(double *dx, double *dw, double *db, const double *dy, const double *x,
                         const double *w, int N, Shape in, Shape out, Window win) {
    size_t image = shape_count(in), filter = (size_t)in.c * win.r * win.s;
    for (int n = 0; n < N; n++)
        for (int k = 0; k < out.c; k++)
            for (int p = 0; p < out.h; p++) {
                const double *row = dy + (((size_t)n * out.c + k) * out.h + p) * out.w;
                backward_row(dx ? dx + n * image : NULL, dw + k * filter, row, x + n * image,
                             w + k * filter, in, out.w, p, win);
                for (int q = 0; db && q < out.w; q++)
                    db[k] += row[q];
            }
}
