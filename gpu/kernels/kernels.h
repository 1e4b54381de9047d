/* The own kernels as C sees them: one function a kernel, one struct of arguments where they are
 * many. The file of a function has the part before the first '_' of its name in its own.
 *
 * Device layouts: an activation is [max_batch][H][W][Cp] with Cp = C rounded up to 8 and zero
 * channels filling up, so that every access is one vector of 8. Its elements are float or bf16
 * (`is_half`). Pointers are device pointers. Images from control->count on are no part of the
 * batch: their inputs, normalised values and gradients are 0, so whatever sums over them is not
 * changed.
 *
 * Every function enqueues and returns what the launch said. */
#ifndef GPU_KERNELS_KERNELS_H
#define GPU_KERNELS_KERNELS_H

#include <cuda_runtime_api.h>
#include <stdbool.h>
#include <stdint.h>

#include "net/backend.h"

#ifdef __cplusplus
extern "C" {
#endif

/* What an optimiser step reads from device memory. */
typedef struct UpdateControl {
    float lr;
    float adam_step; /* lr / (1 - beta1^t) */
    float adam_root; /* 1 / sqrt(1 - beta2^t) */
} UpdateControl;

/* What changes from step to step: copied to the device before each, read by the kernels, so that a
 * captured step can be replayed. */
typedef struct StepControl {
    UpdateControl update;
    int32_t count;          /* images of the batch */
    uint32_t step;          /* Batch.step */
    float loss_gradient;    /* 1 / divisor */
    float running_keep;     /* how much of a running statistic stays */
    int32_t data_h, data_w; /* as cropped and normalised: resized, if they are */
    int32_t stored_h, stored_w;
    const uint8_t *bytes; /* the data set, planar; or NULL */
    const float *floats;
    const int32_t *labels;
    const float *mean;             /* C x H x W or NULL */
    const float *scale;            /* C or NULL */
    const int32_t *rows, *columns; /* entries of net/resize.h, when images are resized; or NULL */
    int32_t row_stride, column_stride;
    Sample samples[]; /* max_batch */
} StepControl;

/* Sums since they were last cleared. */
typedef struct DeviceMetrics {
    double loss_sum;
    unsigned long long errors;
    unsigned batches, bad_batch; /* as in Metrics */
} DeviceMetrics;

/* What tells one block from the last: a counter that is 0 between launches, one for each kernel
 * that may be under way, and room for every block's part of the sum. */
typedef struct Reduction {
    float *partial;    /* reduction_floats() */
    unsigned *counter; /* 1 */
} Reduction;

/* Floats of partial sums for `sums` sums a channel over `rows` rows of `groups` groups. Depends on
 * the shape alone. */
size_t reduction_floats(int rows_per_group, int groups, int channels, int sums);

/* ---- gather.cu ---- */

/* x: the batch, cropped, mirrored, normalised; labels: max_batch. shape: of the net's input. */
cudaError_t gather_batch(cudaStream_t stream, bool is_half, void *x, int32_t *labels,
                         const StepControl *control, int max_batch, Shape shape);

/* ---- batch_norm.cu ---- */

/* Sizes that all of its kernels share. `group` 0: the whole batch is one group. */
typedef struct NormShape {
    int max_batch, group, groups; /* groups: of a full batch */
    int channels;                 /* padded */
    int pixels;                   /* H * W */
} NormShape;

/* How the value of a skip connection is read. */
typedef struct SkipView {
    const void *x; /* NULL: there is none */
    bool subsampled;
    int channels, padded, h, w, stride, before; /* of a subsampled one: its source; before: zero
                                                   channels in front */
    int out_w;
} SkipView;

typedef struct NormStatistics {
    NormShape shape;
    const void *x;
    const StepControl *control;
    Reduction reduction;
    float *first_value;                /* scratch, [groups][channels] */
    float *mean, *inverse;             /* out: [groups][channels]; inverse = 1 / sqrt(var + eps) */
    float *running_mean, *running_var; /* updated; NULL: left alone */
} NormStatistics;

typedef struct NormApply {
    NormShape shape;
    const void *x;
    void *y;
    SkipView skip;
    bool relu;
    const float *mean, *inverse, *weight, *bias;
    const StepControl *control;
} NormApply;

/* g = g0 (+ g1) is the gradient of the group's output. Where it had a ReLU, the gradient passes
 * where y > 0; y NULL: the sign is computed again from x (no skip). */
typedef struct NormBackward {
    NormShape shape;
    const void *x, *y, *g0, *g1;
    bool relu;
    void *masked; /* reduce: written when not NULL; apply: read instead of g0, g1, y */
    void *dx;     /* apply: out */
    const float *mean, *inverse, *weight, *bias;
    float
        *sums; /* [groups][2][channels]: sum of dy and of dy xhat, each divided by the group's M */
    float *dweight, *dbias;
    Reduction reduction;
    const StepControl *control;
} NormBackward;

cudaError_t norm_statistics(cudaStream_t stream, bool is_half, const NormStatistics *args);
cudaError_t norm_apply(cudaStream_t stream, bool is_half, const NormApply *args);
cudaError_t norm_backward_reduce(cudaStream_t stream, bool is_half, const NormBackward *args);
cudaError_t norm_backward_apply(cudaStream_t stream, bool is_half, const NormBackward *args);
/* mean and inverse of all batch norms from their running statistics. */
cudaError_t norm_from_running(cudaStream_t stream, float *mean, float *inverse,
                              const float *running_mean, const float *running_var, int count);

/* ---- elementwise.cu; n: elements, a multiple of 8 ---- */

cudaError_t relu_forward(cudaStream_t stream, bool is_half, void *y, const void *x, size_t n);
cudaError_t relu_backward(cudaStream_t stream, bool is_half, void *dx, const void *dy,
                          const void *y, size_t n);
cudaError_t add_forward(cudaStream_t stream, bool is_half, void *y, const void *a, const void *b,
                        size_t n);
cudaError_t multiply_forward(cudaStream_t stream, bool is_half, void *y, const void *a,
                             const void *b, size_t n);
/* da = dy b, db = dy a; either may be NULL. */
cudaError_t multiply_backward(cudaStream_t stream, bool is_half, void *da, void *db, const void *dy,
                              const void *a, const void *b, size_t n);
/* Rows of `padded` channels, of which `channels` are in use: the others become 0. */
cudaError_t sigmoid_forward(cudaStream_t stream, bool is_half, void *y, const void *x, size_t n,
                            int channels, int padded);
cudaError_t sigmoid_backward(cudaStream_t stream, bool is_half, void *dx, const void *dy,
                             const void *y, size_t n);
cudaError_t affine_forward(cudaStream_t stream, bool is_half, void *y, const void *x, size_t n,
                           int channels, int padded, float scale, float shift);
cudaError_t affine_backward(cudaStream_t stream, bool is_half, void *dx, const void *dy, size_t n,
                            float scale);
/* y += bias, `rows` rows of `channels`; is_half: of y. */
cudaError_t bias_forward(cudaStream_t stream, bool is_half, void *y, const float *bias, int rows,
                         int channels);
/* db = sum over rows of dy. */
cudaError_t bias_backward(cudaStream_t stream, bool is_half, float *db, const void *dy, int rows,
                          int channels, Reduction reduction);
cudaError_t half_from_float(cudaStream_t stream, uint16_t *to, const float *from, size_t n);
cudaError_t float_from_half(cudaStream_t stream, float *to, const uint16_t *from, size_t n);

/* Looking into a fused group without disturbing it, as floats. Value of the batch norm (skip.x
 * NULL) or of the add behind it. */
cudaError_t tap_norm_value(cudaStream_t stream, bool is_half, float *out, const NormApply *group);
/* g0 (+ g1), where y is not NULL only where y > 0. */
cudaError_t tap_gradient(cudaStream_t stream, bool is_half, float *out, const void *g0,
                         const void *g1, const void *y, size_t n);

/* ---- dropout.cu ---- */

typedef struct DropoutArgs {
    void *y; /* the gradients, backward */
    const void *x;
    int max_batch, node;
    Shape shape; /* not padded */
    uint64_t seed;
    uint32_t threshold;
    float scale; /* of what stays */
    const StepControl *control;
} DropoutArgs;

/* y = 0 or scale x, as net/dropout.h says; 0 beyond the batch. */
cudaError_t dropout_apply(cudaStream_t stream, bool is_half, const DropoutArgs *args);

/* ---- pool.cu ---- */

typedef struct PoolShape {
    int max_batch;
    Shape in, out; /* channels padded */
    Window window;
} PoolShape;

/* index: r * S + s of the winner, one byte each. */
cudaError_t max_pool_forward(cudaStream_t stream, bool is_half, void *y, uint8_t *index,
                             const void *x, const PoolShape *shape);
cudaError_t max_pool_backward(cudaStream_t stream, bool is_half, void *dx, const void *dy,
                              const uint8_t *index, const PoolShape *shape);
cudaError_t avg_pool_forward(cudaStream_t stream, bool is_half, void *y, const void *x,
                             const PoolShape *shape);
cudaError_t avg_pool_backward(cudaStream_t stream, bool is_half, void *dx, const void *dy,
                              const PoolShape *shape);

/* ---- subsample.cu: option A's shortcut ---- */

/* The view names the source; out: max_batch x out.h x out.w, padded channels. */
cudaError_t subsample_forward(cudaStream_t stream, bool is_half, void *y, const SkipView *view,
                              int max_batch, Shape out);
cudaError_t subsample_backward(cudaStream_t stream, bool is_half, void *dx, const void *dy,
                               const SkipView *view, int max_batch, Shape out);

/* ---- loss.cu ---- */

typedef struct LossArgs {
    const void *logits; /* max_batch x padded */
    bool logits_half;
    void *dlogits; /* NULL: not wanted */
    bool dlogits_half;
    const int32_t *labels;
    int classes, padded, max_batch;
    float *image_loss; /* max_batch */
    unsigned *wrong;   /* max_batch: 1 where the answer is an error */
    unsigned *counter; /* as in Reduction */
    DeviceMetrics *metrics;
    const StepControl *control;
} LossArgs;

cudaError_t loss_step(cudaStream_t stream, const LossArgs *args);

/* ---- optimizer.cu ---- */

/* The flat arena: [0, half_gradients) have their gradient in bf16 when half_gradient is not NULL,
 * [0, decayed) are decayed, [0, learned) are updated. */
typedef struct UpdateArgs {
    float *value, *momentum, *square;
    const float *gradient;
    const uint16_t *half_gradient; /* NULL: all in `gradient` */
    uint16_t *half_value;          /* NULL: no copy wanted */
    size_t half_gradients, decayed, learned;
    OptimizerKind kind;
    bool nesterov;
    float momentum_factor, decay, beta1, beta2, rest1, rest2, eps;
    const UpdateControl *control;
} UpdateArgs;

cudaError_t optimizer_step(cudaStream_t stream, const UpdateArgs *args);

/* ---- share_sum.cu ---- */

/* The vector that shares are summed as: all gradients, then all running means, then all running
 * variances. */
typedef struct ShareParts {
    float *gradient;                   /* [learned] */
    float *running_mean, *running_var; /* [channels] */
    size_t learned, channels;
} ShareParts;

/* leaf = the parts. */
cudaError_t share_leaf(cudaStream_t stream, double *leaf, const ShareParts *parts);
/* left += right, n doubles. */
cudaError_t share_add(cudaStream_t stream, double *left, const double *right, size_t n);
/* The parts = the sum, rounded; the statistics' divided by `shares` before. */
cudaError_t share_finish(cudaStream_t stream, const ShareParts *parts, const double *sum,
                         int shares);

#ifdef __cplusplus
}
#endif

#endif
