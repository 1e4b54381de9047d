/* The inner loops that are compiled once per instruction set.
 *
 * Activations are blocked: [N][C / B][H][W][B], B = `block` channels side by side, the last block
 * filled up with zero channels. A "plane" is one image's one channel block: pixels x B floats, the
 * unit of work of every loop here. So a loop reads whole vectors, needs no remainder, and its
 * result does not depend on how planes are shared among threads.
 *
 * kernels/<subject>.c is compiled for AVX-512 (B = 16), AVX2 (B = 8) and the baseline (B = 8);
 * backend.c picks the table that fits the processor. */
#ifndef CPU_KERNELS_KERNELS_H
#define CPU_KERNELS_KERNELS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { BLOCK_MAX = 16 };

/* Where a fused batch norm's backward finds the mask of its ReLU. */
typedef enum BnMask {
    BN_MASK_NONE,      /* no ReLU in the group */
    BN_MASK_RECOMPUTE, /* y > 0 computed again from x: cheaper than reading y */
    BN_MASK_OUTPUT,    /* read from y: a shortcut was added, so x alone does not tell */
} BnMask;

/* One channel block's coefficients of y = (x - mean) * scale + shift; B floats each. Backward:
 * dx = c1 g + c2 (x - mean) + c3. */
typedef struct BnCoef {
    const float *mean, *scale, *shift;
    const float *c1, *c2, *c3;
} BnCoef;

typedef struct BnForward {
    const float *x, *skip;   /* skip: what is added; or NULL. Both may be the output */
    const BnCoef *skip_coef; /* skip is normalised by these; or NULL: it is added as it is */
    float *kept;             /* receives the output a second time; or NULL */
    int h, w;
    bool relu;
} BnForward;

typedef struct BnPlane {
    const float *g1,
        *g2;            /* gradient of the group's output: one part or a sum of two (g2 or NULL) */
    const float *x, *y; /* input and, for BN_MASK_OUTPUT, output of the group */
    float *masked;      /* receives the masked gradient; or NULL. May be g1 */
    int pixels;
    BnMask mask;
} BnPlane;

/* One plane's draws; see net/dropout.h. */
typedef struct DropoutPlane {
    uint64_t seed;
    int node;
    uint32_t step;
    int32_t sample;
    uint32_t quads, first_quad; /* of a pixel; of this plane's channels */
    int pixels;
    uint32_t threshold;
    float scale; /* of what stays */
} DropoutPlane;

/* Sizes of a pooling's planes. */
typedef struct PoolShape {
    int h, w, p, q; /* in H x W, out P x Q */
    int r, s, stride, pad;
} PoolShape;

/* A run of inputs that lie side by side, `offset` floats from the pixel's first. */
typedef struct DirectRun {
    int32_t offset, length;
} DirectRun;

/* A matrix product whose rows are found by offset; see direct.c. Distances in floats. */
typedef struct DirectProduct {
    const DirectRun *run;
    int runs, rows;                          /* rows: the sum of all lengths */
    int lines, pixels;                       /* of the output */
    size_t x_line, x_step;                   /* of the input, for one line or pixel of the output */
    size_t y_first, y_line, y_step, y_plane; /* of the output */
} DirectProduct;

/* The gradient of its output: [plane][line][pixels][B]. first: dw is overwritten. */
typedef struct DirectGradient {
    size_t line, plane;
    bool first;
} DirectGradient;

/* v, w as in net/backend.h's OptimizerKind; g + decay * w is the gradient. */
typedef struct SgdCoef {
    float lr, momentum, decay;
    bool caffe, nesterov;
} SgdCoef;

/* w -= step * m / (sqrt(s) * root + eps): step = lr / (1 - beta1^t), root = 1 / sqrt(1 - beta2^t)
 */
typedef struct AdamCoef {
    float step, root, eps, decay;
    float beta1, beta2, rest1, rest2; /* rest = 1 - beta, rounded once: 1 - 0.999f is 3e-5 off */
} AdamCoef;

typedef struct Kernels {
    int block;
    const char *isa;
    /* batch_norm.c: mean and sum of squared deviations of one plane; B doubles each */
    void (*bn_statistics)(double *mean, double *m2, const float *x, int pixels);
    /* rows of `to` are `row` floats apart */
    void (*bn_normalise)(float *to, size_t row, const BnForward *plane, const BnCoef *coef);
    /* sums of g and of g (x - mean) over the plane, B doubles each */
    void (*bn_reduce)(double *sum_g, double *sum_gx, const BnPlane *plane, const BnCoef *coef);
    void (*bn_apply)(float *dx, const BnPlane *plane, const BnCoef *coef);
    void (*bn_apply_rows)(float *to, size_t row, const float *g, const float *x, const BnCoef *coef,
                          int h, int w);
    /* elementwise.c: n floats, a multiple of B */
    void (*relu)(float *y, const float *x, size_t n);
    void (*relu_backward)(float *dx, const float *dy, const float *y, size_t n);
    void (*sum)(float *y, const float *a, const float *b, size_t n);
    void (*add_vector)(float *y, const float *v, size_t n); /* v: B floats, to every pixel */
    void (*product)(float *y, const float *a, const float *b, size_t n);
    void (*sigmoid_backward)(float *dx, const float *dy, const float *y, size_t n);
    /* B sums over h x w pixels, whose rows are `row` floats apart */
    void (*sum_pixels)(double *sum, const float *x, size_t row, int h, int w);
    /* one plane of n floats, whose first `lanes` channels of B are in use; the others become 0 */
    void (*sigmoid)(float *y, const float *x, size_t n, int lanes);
    void (*affine)(float *y, const float *x, size_t n, int lanes, float scale, float shift);
    /* dropout.c: y = 0 or scale x */
    void (*dropout)(float *y, const float *x, const DropoutPlane *plane);
    /* pool.c: index is r * S + s of the winner; or NULL */
    void (*max_pool)(float *y, int32_t *index, const float *x, const PoolShape *shape);
    void (*max_pool_backward)(float *dx, const float *dy, const int32_t *index,
                              const PoolShape *shape);
    void (*avg_pool)(float *y, const float *x, const PoolShape *shape);
    void (*avg_pool_backward)(float *dx, const float *dy, const PoolShape *shape);
    /* gemm.c: c[i][j] = sum_d a[i][d] b[j][d]; depth a multiple of B, rows of a and b padded */
    void (*gemm_dot)(float *c, int ldc, const float *a, const float *b, int rows, int cols,
                     size_t depth);
    /* c[i][j] = sum_d a[i * row + d * col] b[d][j]; cols a multiple of B, rows ldb floats apart */
    void (*gemm_axpy)(float *c, const float *a, size_t row, size_t col, const float *b, size_t ldb,
                      int rows, int depth, size_t cols);
    /* winograd.c: its head comment has the layouts; taps: 3 or 5, a side of the window */
    void (*winograd_input)(float *V, size_t plane, const float *x, size_t row, int taps);
    void (*winograd_gradient)(float *D, size_t plane, const float *dy, size_t row, int taps);
    void (*winograd_output)(float *y, size_t row, int rows, int cols, const float *M, size_t plane,
                            int taps, bool wide);
    void (*winograd_weights)(float *U, const float *w, int block, int K, int C, int outputs,
                             int inputs, bool turned, int taps);
    void (*winograd_weight_gradient)(float *dw, const float *dU, size_t plane, int K, int C,
                                     int taps);
    void (*winograd_multiply)(float *M, const float *V, const float *U, int tiles, int depth, int C,
                              int K);
    void (*winograd_accumulate)(float *dU, const float *V, const float *D, int tiles, int C, int K,
                                bool first);
    /* direct.c: some lines of the output, one or two vectors of it, with w [vectors][rows][B]; the
     * gradient of all of w, `vectors` of outputs, over all lines */
    void (*direct_lines)(float *y, const float *x, const DirectProduct *product, const float *w,
                         int lines, int vectors);
    void (*direct_gradient)(float *dw, const float *x, const DirectProduct *product,
                            const float *dy, const DirectGradient *gradient, int vectors);
    /* optimizer.c: any n */
    void (*sgd)(float *w, float *v, const float *g, size_t n, const SgdCoef *coef);
    void (*adam)(float *w, float *m, float *s, const float *g, size_t n, const AdamCoef *coef);
} Kernels;

extern const Kernels kernels_baseline;
#if defined(__x86_64__)
extern const Kernels kernels_avx2, kernels_avx512;
#endif

#endif
