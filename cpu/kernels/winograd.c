/* Winograd's F(4x4, 3x3), sixteen outputs of a 3x3 convolution from 36 products instead of 144, and
 * F(2x2, 5x5), four of a 5x5 one from 36 instead of 100. `taps` is 3 or 5 throughout.
 *
 * Source: Lavin and Gray, "Fast Algorithms for Convolutional Neural Networks", CVPR 2016; the
 * points are 0, a, -a, b, -b, infinity: y = A^T [(G w G^T) . (B^T x B)] A,   dw = G^T [(B^T x B) .
 * (A dy A^T)] G with x 6x6, w 3x3, y 4x4 (w 5x5, y 2x2: A and G have other powers of the points, B
 * is the same). Theirs are a = 1 and b = 2, where the third powers make the fourth output of a line
 * the worst; around 1, with exact squares, errors are half of that. The 36 positions are
 * independent: over channels and tiles each is a matrix product. The data gradient is the same with
 * w turned by 180 degrees and transposed.
 *
 * Layouts: V, M, D are [36][tiles][channels], U and dU are [36][K / B][C][B]. `plane` is the
 * distance of two positions. Compiled with contraction to fused multiply-adds. */
#include "cpu/kernels/vec.h"

enum { SIDE = 6, TAPS_MAX = 5, OUTPUTS_MAX = 4 };

/* Of a tile, a side. */
INLINE int outputs_of(int taps) {
    return SIDE + 1 - taps;
}

/* The points a and b, their squares, and 1 / f'(0), 1 / f'(a), 1 / f'(b) with
 * f(x) = x (x^2 - a^2) (x^2 - b^2). */
#define A  0.75f
#define B  1.5f
#define A2 (A * A)
#define B2 (B * B)
#define N0 (1.0 / (A2 * B2))
#define NA (0.5 / (A2 * (A2 - B2)))
#define NB (0.5 / (B2 * (B2 - A2)))

/* ---- transforms of one tile, one vector of channels ---- */

INLINE void input_line(Vec *o, const Vec *d) {
    Vec even_a = d[4] - B2 * d[2], odd_a = d[3] - B2 * d[1];
    Vec even_b = d[4] - A2 * d[2], odd_b = d[3] - A2 * d[1];
    o[0] = even_b - B2 * (d[2] - A2 * d[0]);
    o[1] = A * odd_a + even_a;
    o[2] = even_a - A * odd_a;
    o[3] = B * odd_b + even_b;
    o[4] = even_b - B * odd_b;
    o[5] = (d[5] - A2 * d[3]) - B2 * odd_b;
}

/* A times a line of four or two. */
INLINE void gradient_line(Vec *o, const Vec *y, int outputs) {
    Vec even_a = y[0], odd_a = y[1], even_b = y[0], odd_b = y[1];
    if (outputs == 4) {
        even_a = A2 * y[2] + y[0], odd_a = A2 * y[3] + y[1];
        even_b = B2 * y[2] + y[0], odd_b = B2 * y[3] + y[1];
    }
    o[0] = y[0];
    o[1] = A * odd_a + even_a;
    o[2] = even_a - A * odd_a;
    o[3] = B * odd_b + even_b;
    o[4] = even_b - B * odd_b;
    o[5] = y[outputs - 1];
}

/* G times a line of three or five. */
INLINE void weight_line(Wide *o, const Wide *w, int taps) {
    Wide even_a = NA * w[0] + NA * A2 * w[2], odd_a = NA * A * w[1];
    Wide even_b = NB * w[0] + NB * B2 * w[2], odd_b = NB * B * w[1];
    if (taps == 5) {
        even_a += NA * A2 * A2 * w[4], odd_a += NA * A2 * A * w[3];
        even_b += NB * B2 * B2 * w[4], odd_b += NB * B2 * B * w[3];
    }
    o[0] = N0 * w[0];
    o[1] = even_a + odd_a;
    o[2] = even_a - odd_a;
    o[3] = even_b + odd_b;
    o[4] = even_b - odd_b;
    o[5] = w[taps - 1];
}

/* G^T times a line of six. */
INLINE void weight_gradient_line(Vec *o, const Vec *u, int taps) {
    const float n0 = (float)N0, na = (float)NA, nb = (float)NB;
    Vec s1 = u[1] + u[2], d1 = u[1] - u[2], s2 = u[3] + u[4], d2 = u[3] - u[4];
    o[0] = n0 * u[0] + (na * s1 + nb * s2);
    o[1] = na * A * d1 + nb * B * d2;
    o[2] = na * A2 * s1 + nb * B2 * s2;
    if (taps == 5) {
        o[3] = na * A2 * A * d1 + nb * B2 * B * d2;
        o[4] = na * A2 * A2 * s1 + nb * B2 * B2 * s2;
    }
    o[taps - 1] += u[5];
}

/* x: the tile's first pixel in a padded plane whose rows are `row` floats apart. */
void KERNEL(winograd_input)(float *V, size_t plane, const float *x, size_t row, int taps) {
    (void)taps; /* B depends on the points alone */
    Vec t[SIDE][SIDE], d[SIDE], o[SIDE];
    for (int j = 0; j < SIDE; j++) {
        for (int i = 0; i < SIDE; i++)
            d[i] = load(x + (size_t)i * row + (size_t)j * BLOCK);
        input_line(o, d);
        for (int i = 0; i < SIDE; i++)
            t[i][j] = o[i];
    }
    for (int i = 0; i < SIDE; i++) {
        input_line(o, t[i]);
        for (int j = 0; j < SIDE; j++)
            store(V + (size_t)(i * SIDE + j) * plane, o[j]);
    }
}

INLINE void gradient_tile(float *D, size_t plane, const float *dy, size_t row, int outputs) {
    Vec t[SIDE][OUTPUTS_MAX], d[OUTPUTS_MAX], o[SIDE];
    for (int j = 0; j < outputs; j++) {
        for (int i = 0; i < outputs; i++)
            d[i] = load(dy + (size_t)i * row + (size_t)j * BLOCK);
        gradient_line(o, d, outputs);
        for (int i = 0; i < SIDE; i++)
            t[i][j] = o[i];
    }
    for (int i = 0; i < SIDE; i++) {
        gradient_line(o, t[i], outputs);
        for (int j = 0; j < SIDE; j++)
            store(D + (size_t)(i * SIDE + j) * plane, o[j]);
    }
}

/* dy: the tile's 4x4 or 2x2 pixels, as x. */
void KERNEL(winograd_gradient)(float *D, size_t plane, const float *dy, size_t row, int taps) {
    if (taps == 3)
        gradient_tile(D, plane, dy, row, 4);
    else
        gradient_tile(D, plane, dy, row, 2);
}

/* A^T M A in float and in double. */
#define DEFINE_OUTPUT(Number, line, tile, get, put)                                                \
    INLINE void line(Number *o, const Number *m, int outputs) {                                    \
        Number s1 = m[1] + m[2], d1 = m[1] - m[2], s2 = m[3] + m[4], d2 = m[3] - m[4];             \
        o[0] = m[0] + s1 + s2;                                                                     \
        o[1] = B * d2 + A * d1;                                                                    \
        if (outputs == 2) {                                                                        \
            o[1] += m[5];                                                                          \
            return;                                                                                \
        }                                                                                          \
        o[2] = B2 * s2 + A2 * s1;                                                                  \
        o[3] = B2 * B * d2 + (A2 * A * d1 + m[5]);                                                 \
    }                                                                                              \
    INLINE void tile(float *y, size_t row, int rows, int cols, const float *M, size_t plane,       \
                     int outputs) {                                                                \
        Number t[OUTPUTS_MAX][SIDE], m[SIDE], o[OUTPUTS_MAX];                                      \
        for (int j = 0; j < SIDE; j++) {                                                           \
            for (int i = 0; i < SIDE; i++)                                                         \
                m[i] = get(M + (size_t)(i * SIDE + j) * plane);                                    \
            line(o, m, outputs);                                                                   \
            for (int i = 0; i < outputs; i++)                                                      \
                t[i][j] = o[i];                                                                    \
        }                                                                                          \
        for (int i = 0; i < outputs; i++) {                                                        \
            line(o, t[i], outputs);                                                                \
            for (int j = 0; j < outputs; j++)                                                      \
                if (i < rows && j < cols)                                                          \
                    put(y + (size_t)i * row + (size_t)j * BLOCK, o[j]);                            \
        }                                                                                          \
    }
DEFINE_OUTPUT(Vec, output_line, output_tile, load, store)
DEFINE_OUTPUT(Wide, wide_output_line, wide_output_tile, load_wide, store_narrow)

/* y: the tile's first pixel; only rows x cols of it (at least one) lie inside the image. wide: in
 * double, rounded once at the end. */
void KERNEL(winograd_output)(float *y, size_t row, int rows, int cols, const float *M, size_t plane,
                             int taps, bool wide) {
    bool inside = rows == 4 && cols == 4;
    if (taps == 5 && wide)
        wide_output_tile(y, row, rows, cols, M, plane, 2);
    else if (taps == 5)
        output_tile(y, row, rows, cols, M, plane, 2);
    else if (inside && wide)
        wide_output_tile(y, row, 4, 4, M, plane, 4);
    else if (inside)
        output_tile(y, row, 4, 4, M, plane, 4);
    else if (wide)
        wide_output_tile(y, row, rows, cols, M, plane, 4);
    else
        output_tile(y, row, rows, cols, M, plane, 4);
}

/* ---- weights ---- */

/* One vector of outputs k of the weights of inputs c, tap by tap. */
INLINE void gather_taps(float taps_of[][BLOCK], const float *w, int block, int c, int outputs,
                        int inputs, bool turned, int area) {
    for (int lane = 0; lane < BLOCK; lane++) {
        int k = block * BLOCK + lane;
        bool there = k < outputs && c < inputs;
        size_t at = turned ? (size_t)c * (size_t)outputs + (size_t)k
                           : (size_t)k * (size_t)inputs + (size_t)c;
        const float *from = there ? w + at * (size_t)area : NULL;
        for (int i = 0; i < area; i++)
            taps_of[turned ? area - 1 - i : i][lane] = from ? from[i] : 0;
    }
}

INLINE void transform_weights(float *U, const float *w, int block, int K, int C, int outputs,
                              int inputs, bool turned, int taps) {
    size_t plane = (size_t)K * (size_t)C;
    for (int c = 0; c < C; c++) {
        float values[TAPS_MAX * TAPS_MAX][BLOCK] __attribute__((aligned(4 * BLOCK)));
        gather_taps(values, w, block, c, outputs, inputs, turned, taps * taps);
        Wide t[SIDE][TAPS_MAX], d[TAPS_MAX], o[SIDE];
        for (int j = 0; j < taps; j++) {
            for (int i = 0; i < taps; i++)
                d[i] = load_wide(values[i * taps + j]);
            weight_line(o, d, taps);
            for (int i = 0; i < SIDE; i++)
                t[i][j] = o[i];
        }
        float *to = U + ((size_t)block * (size_t)C + (size_t)c) * BLOCK;
        for (int i = 0; i < SIDE; i++) {
            weight_line(o, t[i], taps);
            for (int j = 0; j < SIDE; j++)
                store_narrow(to + (size_t)(i * SIDE + j) * plane, o[j]);
        }
    }
}

/* A block of outputs of U from w [K][C][taps][taps], K and C padded to whole vectors by `outputs`
 * and `inputs`, the ones there are; `turned`: for the data gradient, where the roles of K and C are
 * exchanged. */
void KERNEL(winograd_weights)(float *U, const float *w, int block, int K, int C, int outputs,
                              int inputs, bool turned, int taps) {
    if (taps == 3)
        transform_weights(U, w, block, K, C, outputs, inputs, turned, 3);
    else
        transform_weights(U, w, block, K, C, outputs, inputs, turned, 5);
}

INLINE void transform_gradient(float *dw, const float *dU, size_t plane, int K, int C, int taps) {
    size_t count = (size_t)K * (size_t)C;
    for (size_t at = 0; at < count; at += BLOCK) {
        Vec t[TAPS_MAX][SIDE], u[SIDE], o[TAPS_MAX];
        for (int j = 0; j < SIDE; j++) {
            for (int i = 0; i < SIDE; i++)
                u[i] = load(dU + (size_t)(i * SIDE + j) * plane + at);
            weight_gradient_line(o, u, taps);
            for (int i = 0; i < taps; i++)
                t[i][j] = o[i];
        }
        for (int i = 0; i < taps; i++) {
            weight_gradient_line(o, t[i], taps);
            for (int j = 0; j < taps; j++)
                store(dw + (size_t)(i * taps + j) * count + at, o[j]);
        }
    }
}

/* dw [taps taps][K / B][C][B] from dU. */
void KERNEL(winograd_weight_gradient)(float *dw, const float *dU, size_t plane, int K, int C,
                                      int taps) {
    if (taps == 3)
        transform_gradient(dw, dU, plane, K, C, 3);
    else
        transform_gradient(dw, dU, plane, K, C, 5);
}

/* ---- products ---- */

/* Accumulators that fit the registers: TILES rows of one or two vectors. */
#if BLOCK == 16
enum { TILES_1 = 16, TILES_2 = 8 };
#else
enum { TILES_1 = 8, TILES_2 = 4 };
#endif

/* So many products are summed one after another; then their sum joins the others. Sums of short
 * chains round less than one long chain, and products' rounding was most of Winograd's. */
enum { CHAIN = 8 };

/* M[t][k] (+)= for `rows` tiles and `vectors` vectors of k over `depth` channels. */
INLINE void multiply_chain(float *M, int K, const float *V, const float *U, int depth, int C,
                           bool first, int rows, int vectors) {
    Vec sum[TILES_1][2];
    size_t block = (size_t)C * BLOCK;
    for (int i = 0; i < rows; i++)
        for (int v = 0; v < vectors; v++)
            sum[i][v] = splat(0);
    for (int c = 0; c < depth; c++) {
        Vec u[2];
        for (int v = 0; v < vectors; v++)
            u[v] = load(U + (size_t)v * block + (size_t)c * BLOCK);
        for (int i = 0; i < rows; i++)
            for (int v = 0; v < vectors; v++)
                sum[i][v] += V[(size_t)i * (size_t)C + (size_t)c] * u[v];
    }
    for (int i = 0; i < rows; i++)
        for (int v = 0; v < vectors; v++) {
            float *to = M + (size_t)i * (size_t)K + (size_t)v * BLOCK;
            if (!first)
                sum[i][v] += load(to);
            store(to, sum[i][v]);
        }
}

INLINE void multiply_tile(float *M, int K, const float *V, const float *U, int depth, int C,
                          int rows, int vectors) {
    for (int c = 0; c < depth; c += CHAIN)
        multiply_chain(M, K, V + c, U + (size_t)c * BLOCK, depth - c < CHAIN ? depth - c : CHAIN, C,
                       c == 0, rows, vectors);
}

/* One vector of channels in and out: all of U stays in registers, beside the chains of two tiles,
 * which are as many as a multiply-add takes cycles. */
INLINE void multiply_narrow(float *M, const float *V, const float *U, int tiles) {
    enum { TILES = 2, CHAINS = 4, LINKS = BLOCK / CHAINS };
    Vec u[BLOCK], sum[TILES][CHAINS];
    for (int c = 0; c < BLOCK; c++)
        u[c] = load(U + (size_t)c * BLOCK);
    for (int t = 0; t < tiles; t += TILES) {
        const float *v = V + (size_t)t * BLOCK;
        for (int link = 0; link < LINKS; link++)
            for (int n = 0; n < CHAINS; n++)
                for (int i = 0; i < TILES; i++) {
                    int c = n * LINKS + link;
                    if (link == 0)
                        sum[i][n] = v[i * BLOCK + c] * u[c];
                    else
                        sum[i][n] += v[i * BLOCK + c] * u[c];
                }
        for (int i = 0; i < TILES; i++)
            store(M + (size_t)(t + i) * BLOCK, (sum[i][0] + sum[i][1]) + (sum[i][2] + sum[i][3]));
    }
}

/* One position: M[tiles][K] = V[tiles][C] U over the first `depth` of C; tiles a multiple of 16. */
void KERNEL(winograd_multiply)(float *M, const float *V, const float *U, int tiles, int depth,
                               int C, int K) {
    size_t block = (size_t)C * BLOCK;
    if (BLOCK == 16 && C == BLOCK && K == BLOCK) { /* there are 32 registers then */
        multiply_narrow(M, V, U, tiles);
        return;
    }
    for (int k = 0; k + 2 * BLOCK <= K; k += 2 * BLOCK)
        for (int t = 0; t < tiles; t += TILES_2)
            multiply_tile(M + (size_t)t * (size_t)K + k, K, V + (size_t)t * (size_t)C,
                          U + (size_t)(k / BLOCK) * block, depth, C, TILES_2, 2);
    if (K / BLOCK % 2)
        for (int t = 0; t < tiles; t += TILES_1)
            multiply_tile(M + (size_t)t * (size_t)K + K - BLOCK, K, V + (size_t)t * (size_t)C,
                          U + (size_t)(K / BLOCK - 1) * block, depth, C, TILES_1, 1);
}

/* dU[c][k] (+)= sum over tiles of V[t][c] D[t][k], for `rows` channels c. */
INLINE void accumulate_tile(float *dU, const float *V, const float *D, int tiles, int C, int K,
                            bool first, int rows, int vectors) {
    Vec sum[TILES_1][2];
    size_t block = (size_t)C * BLOCK;
    for (int i = 0; i < rows; i++)
        for (int v = 0; v < vectors; v++)
            sum[i][v] = first ? splat(0) : load(dU + (size_t)v * block + (size_t)i * BLOCK);
    for (int t = 0; t < tiles; t++) {
        Vec d[2];
        for (int v = 0; v < vectors; v++)
            d[v] = load(D + (size_t)t * (size_t)K + (size_t)v * BLOCK);
        for (int i = 0; i < rows; i++)
            for (int v = 0; v < vectors; v++)
                sum[i][v] += V[(size_t)t * (size_t)C + (size_t)i] * d[v];
    }
    for (int i = 0; i < rows; i++)
        for (int v = 0; v < vectors; v++)
            store(dU + (size_t)v * block + (size_t)i * BLOCK, sum[i][v]);
}

/* One position; first: dU is overwritten. C is a multiple of B. */
void KERNEL(winograd_accumulate)(float *dU, const float *V, const float *D, int tiles, int C, int K,
                                 bool first) {
    size_t block = (size_t)C * BLOCK;
    for (int k = 0; k + 2 * BLOCK <= K; k += 2 * BLOCK)
        for (int c = 0; c < C; c += TILES_2)
            accumulate_tile(dU + (size_t)(k / BLOCK) * block + (size_t)c * BLOCK, V + c, D + k,
                            tiles, C, K, first, TILES_2, 2);
    if (K / BLOCK % 2)
        for (int c = 0; c < C; c += TILES_1)
            accumulate_tile(dU + (size_t)(K / BLOCK - 1) * block + (size_t)c * BLOCK, V + c,
                            D + K - BLOCK, tiles, C, K, first, TILES_1, 1);
}
