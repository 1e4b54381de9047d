/* Direct convolution as a matrix product whose rows are found by offset ("implicit GEMM"): for one
 * output pixel the inputs under the window are rows = C R S numbers, which lie in runs of
 * contiguous floats (a block's channels; in a plain image the window's whole line). y = sum over
 * rows of x[offset(row)] w[row][k]: a broadcast input times a vector of outputs, a few pixels at a
 * time, so that a vector of weights is loaded once for all of them. Strides only change the
 * distance of pixels. Compiled with contraction to fused multiply-adds. */
#include "cpu/kernels/vec.h"

/* Pixels (or rows of weights) with one or two vectors of sums each that fit the registers. */
#if BLOCK == 16
enum { SUMS_1 = 16, SUMS_2 = 8 };
#else
enum { SUMS_1 = 8, SUMS_2 = 4 };
#endif
enum { SUMS_MAX = 16 };

/* ---- y = x w ---- */

INLINE void product_tile(float *y, const float *x, const DirectProduct *p, const float *w,
                         int pixels, int vectors) {
    Vec sum[SUMS_MAX][2];
    size_t block = (size_t)p->rows * BLOCK, step = p->x_step;
    for (int i = 0; i < pixels; i++)
        for (int v = 0; v < vectors; v++)
            sum[i][v] = splat(0);
    for (int r = 0; r < p->runs; r++) {
        const float *at = x + p->run[r].offset;
        for (int j = 0; j < p->run[r].length; j++, w += BLOCK) {
            Vec u[2];
            for (int v = 0; v < vectors; v++)
                u[v] = load(w + (size_t)v * block);
            for (int i = 0; i < pixels; i++)
                for (int v = 0; v < vectors; v++)
                    sum[i][v] += at[(size_t)i * step + (size_t)j] * u[v];
        }
    }
    for (int i = 0; i < pixels; i++)
        for (int v = 0; v < vectors; v++)
            store(y + (size_t)i * p->y_step + (size_t)v * p->y_plane, sum[i][v]);
}

INLINE void product_line(float *y, const float *x, const DirectProduct *p, const float *w,
                         int pixels, int vectors) {
    int i = 0, most = vectors == 2 ? SUMS_2 : SUMS_1;
#define TILES(n)                                                                                   \
    for (; n <= most && i + n <= pixels; i += n)                                                   \
    product_tile(y + (size_t)i * p->y_step, x + (size_t)i * p->x_step, p, w, n, vectors)
    TILES(16);
    TILES(8);
    TILES(4);
    TILES(2);
    TILES(1);
#undef TILES
}

/* Lines without anything between them are one long line: fewer tiles are left over at its end. */
INLINE void product_lines(float *y, const float *x, const DirectProduct *p, const float *w,
                          int lines, int vectors) {
    size_t pixels = (size_t)p->pixels;
    if (p->x_line == pixels * p->x_step && p->y_line == pixels * p->y_step) {
        product_line(y, x, p, w, lines * p->pixels, vectors);
        return;
    }
    for (int i = 0; i < lines; i++)
        product_line(y + (size_t)i * p->y_line, x + (size_t)i * p->x_line, p, w, p->pixels,
                     vectors);
}

/* Some lines of one or two vectors of outputs; y, x: the first line; w: the vectors' weights. */
void KERNEL(direct_lines)(float *y, const float *x, const DirectProduct *p, const float *w,
                          int lines, int vectors) {
    if (vectors == 2)
        product_lines(y, x, p, w, lines, 2);
    else
        product_lines(y, x, p, w, lines, 1);
}

/* ---- dw += x dy ---- */

/* `rows` rows of weights, whose inputs lie side by side from x on. */
INLINE void gradient_tile(float *dw, const float *x, const DirectProduct *p, const float *dy,
                          const DirectGradient *g, int rows, int vectors) {
    Vec sum[SUMS_MAX][2];
    size_t block = (size_t)p->rows * BLOCK;
    for (int i = 0; i < rows; i++)
        for (int v = 0; v < vectors; v++)
            sum[i][v] = g->first ? splat(0) : load(dw + (size_t)v * block + (size_t)i * BLOCK);
    for (int line = 0; line < p->lines; line++) {
        const float *at = x + (size_t)line * p->x_line, *d = dy + (size_t)line * g->line;
        for (int q = 0; q < p->pixels; q++, at += p->x_step, d += BLOCK) {
            Vec u[2];
            for (int v = 0; v < vectors; v++)
                u[v] = load(d + (size_t)v * g->plane);
            for (int i = 0; i < rows; i++)
                for (int v = 0; v < vectors; v++)
                    sum[i][v] += at[i] * u[v];
        }
    }
    for (int i = 0; i < rows; i++)
        for (int v = 0; v < vectors; v++)
            store(dw + (size_t)v * block + (size_t)i * BLOCK, sum[i][v]);
}

INLINE void gradient_run(float *dw, const float *x, const DirectProduct *p, const float *dy,
                         const DirectGradient *g, int length, int vectors) {
    int i = 0, most = vectors == 2 ? SUMS_2 : SUMS_1;
    if (BLOCK == 16 && length == 9) { /* a line of a 3x3 window over three colours */
        gradient_tile(dw, x, p, dy, g, 9, vectors);
        return;
    }
#define ROWS(n)                                                                                    \
    for (; n <= most && i + n <= length; i += n)                                                   \
    gradient_tile(dw + (size_t)i * BLOCK, x + i, p, dy, g, n, vectors)
    ROWS(16);
    ROWS(8);
    ROWS(5);
    ROWS(4);
    ROWS(2);
    ROWS(1);
#undef ROWS
}

INLINE void gradient_vectors(float *dw, const float *x, const DirectProduct *p, const float *dy,
                             const DirectGradient *g, int vectors) {
    for (int r = 0; r < p->runs; r++) {
        gradient_run(dw, x + p->run[r].offset, p, dy, g, p->run[r].length, vectors);
        dw += (size_t)p->run[r].length * BLOCK;
    }
}

void KERNEL(direct_gradient)(float *dw, const float *x, const DirectProduct *p, const float *dy,
                             const DirectGradient *g, int vectors) {
    for (int k = 0; k + 2 <= vectors; k += 2)
        gradient_vectors(dw + (size_t)(k * p->rows) * BLOCK, x, p, dy + (size_t)k * g->plane, g, 2);
    if (vectors % 2)
        gradient_vectors(dw + (size_t)((vectors - 1) * p->rows) * BLOCK, x, p,
                         dy + (size_t)(vectors - 1) * g->plane, g, 1);
}
