/* A compiled batch norm, and the four loops over its planes:
 *
 *   statistics   mean and squared deviations of x       after the convolution that makes x
 *   normalise    y from x (+ shortcut, ReLU)            before the convolution that reads y; a
 *                                                       projection's batch norm is in it
 *   reduce       sums of g and g (x - mean)             after the convolution that makes g
 *   apply        the gradient of x                      before the convolution that reads it
 *
 * Each runs as a loop of its own over the whole batch, or inside the neighbouring convolution's
 * chunks while their images are in cache (chunk.h). Both ways are the same arithmetic on the same
 * planes, so they give the same bits. Between them stand the sums over the batch: prepare() and
 * finish(). */
#ifndef CPU_BATCH_NORM_H
#define CPU_BATCH_NORM_H

#include "cpu/plan.h"

typedef struct BatchNorm BatchNorm;
struct BatchNorm {
    FusedGroup group;
    BatchNorm *side; /* of the shortcut, which this one normalises and adds in one loop; or NULL */
    int channels, padded, blocks;
    int h, w, pixels;
    float *coef;                /* groups x COEFS x padded */
    double *mean, *var, *istd;  /* groups x padded, of the last forward */
    double *sum_mean, *sum_var; /* padded: MODE_RECALIBRATE's sums over batches */
    int images;                 /* of a group, in the running forward */
    int planes; /* buffer: doubles [2][images][padded], the means and m2 of planes; NONE in
                   MODE_EVAL, which needs none */
    int sums;   /* buffer: likewise the sums of the backward; NONE without one */
    bool counted, normalised, reduced, applied; /* this loop runs in a convolution's chunks, or
                                                   (normalised) where `side` is this one */
    int masked;                                 /* when reduced or applied: the buffer with g */
};

/* The batch norm node's; made on the first call. NULL, and program->status, when memory is out. */
BatchNorm *batch_norm_of(CpuProgram *program, int bn);
void batch_norm_destroy(void *op);

/* Which group begins with this batch norm / ends in this node; NULL: none. */
const FusedGroup *group_of(const CpuProgram *program, int bn);
const FusedGroup *group_ending(const CpuProgram *program, int node);

/* The batch norm of a projection shortcut that the group adds: nobody else reads its output, so the
 * group makes that in its own loop and it is never stored. NULL: none. */
const FusedGroup *batch_norm_side(const CpuProgram *program, const FusedGroup *group);

/* The coefficients for image n, channel block b. */
BnCoef batch_norm_coef(const BatchNorm *bn, int n, int b, int block);

/* Statistics of the batch from its planes (or the running ones), running averages, coefficients. */
void batch_norm_prepare(CpuProgram *program, BatchNorm *bn, int count);
/* Parameter gradients and the coefficients of dx from the planes' sums. */
void batch_norm_finish(CpuProgram *program, BatchNorm *bn, int count);

/* ---- one image of `count`, all its channel blocks ---- */

/* Image n of the batch; x: its first float. */
void batch_norm_count_image(const CpuProgram *program, const BatchNorm *bn, const float *x, int n,
                            int count);
/* Into `to`, whose rows and planes are so far apart. skip, kept: the image's, or NULL. */
void batch_norm_normalise_image(const CpuProgram *program, const BatchNorm *bn, float *to,
                                size_t row, size_t plane, const float *x, const float *skip,
                                float *kept, int n);
/* planes: the image's first; each field NULL where BnPlane may have NULL. */
void batch_norm_reduce_image(const CpuProgram *program, const BatchNorm *bn, BnPlane planes, int n,
                             int count);
void batch_norm_apply_image(const CpuProgram *program, const BatchNorm *bn, float *to, size_t row,
                            size_t plane, const float *g, const float *x, int n);

#endif
