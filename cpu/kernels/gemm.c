/* Two small matrix products for the linear layer. This file alone is compiled with contraction to
 * fused multiply-adds: nothing recomputes its values elsewhere. */
#include "cpu/kernels/vec.h"

INLINE float across(Vec v) {
    float sum = 0;
    for (int c = 0; c < BLOCK; c++)
        sum += v[c];
    return sum;
}

/* R x S results at once, so that each loaded vector is used R or S times. */
INLINE void dot_tile(float *c, int ldc, const float *a, const float *b, size_t depth, int R,
                     int S) {
    Vec sum[4][4] = {{{0}}};
    for (size_t d = 0; d < depth; d += BLOCK)
        for (int i = 0; i < R; i++)
            for (int j = 0; j < S; j++)
                sum[i][j] += load(a + (size_t)i * depth + d) * load(b + (size_t)j * depth + d);
    for (int i = 0; i < R; i++)
        for (int j = 0; j < S; j++)
            c[i * ldc + j] = across(sum[i][j]);
}

void KERNEL(gemm_dot)(float *c, int ldc, const float *a, const float *b, int rows, int cols,
                      size_t depth) {
    for (int i = 0; i < rows; i += 4)
        for (int j = 0; j < cols; j += 4) {
            int R = rows - i < 4 ? rows - i : 4, S = cols - j < 4 ? cols - j : 4;
            float *to = c + (size_t)i * (size_t)ldc + j;
            const float *from_a = a + (size_t)i * depth, *from_b = b + (size_t)j * depth;
            if (R == 4 && S == 4)
                dot_tile(to, ldc, from_a, from_b, depth, 4, 4);
            else
                dot_tile(to, ldc, from_a, from_b, depth, R, S);
        }
}

INLINE void axpy_tile(float *c, const float *a, size_t row, size_t col, const float *b, size_t ldb,
                      int depth, size_t ldc, int R, int V) {
    Vec sum[4][2] = {{{0}}};
    for (int d = 0; d < depth; d++)
        for (int i = 0; i < R; i++)
            for (int v = 0; v < V; v++)
                sum[i][v] += splat(a[(size_t)i * row + (size_t)d * col]) *
                             load(b + (size_t)d * ldb + (size_t)v * BLOCK);
    for (int i = 0; i < R; i++)
        for (int v = 0; v < V; v++)
            store(c + (size_t)i * ldc + (size_t)v * BLOCK, sum[i][v]);
}

void KERNEL(gemm_axpy)(float *c, const float *a, size_t row, size_t col, const float *b, size_t ldb,
                       int rows, int depth, size_t cols) {
    for (int i = 0; i < rows; i += 4)
        for (size_t j = 0; j < cols; j += 2 * BLOCK) {
            int R = rows - i < 4 ? rows - i : 4, V = cols - j < 2 * BLOCK ? 1 : 2;
            float *to = c + (size_t)i * cols + j;
            const float *from = a + (size_t)i * row;
            if (R == 4 && V == 2)
                axpy_tile(to, from, row, col, b + j, ldb, depth, cols, 4, 2);
            else
                axpy_tile(to, from, row, col, b + j, ldb, depth, cols, R, V);
        }
}
