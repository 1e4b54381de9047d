/* The oracle's operations: naive loops in double, one operation a file; formulas stand in the
 * files.
 *
 * Outputs first, then inputs, then sizes. N images, C x H x W in, K x P x Q out. Backward functions
 * ADD to dx, dw, db (a value that is read twice gets two contributions); the caller zeroes. */
#ifndef REF_OPS_H
#define REF_OPS_H

#include <stdint.h>

#include "net/backend.h"

void ref_conv2d_forward(double *y, const double *x, const double *w, const double *b, int N,
                        Shape in, Shape out, Window window);
/* dx and db may be NULL. */
void ref_conv2d_backward(double *dx, double *dw, double *db, const double *dy, const double *x,
                         const double *w, int N, Shape in, Shape out, Window window);

/* Mean and population variance per channel over N images: mean[C], var[C]. */
void ref_batch_norm_statistics(double *mean, double *var, const double *x, int N, Shape shape);
void ref_batch_norm_forward(double *y, const double *x, const double *w, const double *b,
                            const double *mean, const double *var, int N, Shape shape);
/* mean and var are those that forward used; `constant`: they did not depend on x (running ones). */
void ref_batch_norm_backward(double *dx, double *dw, double *db, const double *dy, const double *x,
                             const double *w, const double *mean, const double *var, bool constant,
                             int N, Shape shape);

void ref_relu_forward(double *y, const double *x, size_t count);
void ref_relu_backward(double *dx, const double *dy, const double *x, size_t count);

void ref_add_forward(double *y, const double *a, const double *b, size_t count);
void ref_add_backward(double *dx, const double *dy, size_t count); /* once for each input */

void ref_sigmoid_forward(double *y, const double *x, size_t count);
void ref_sigmoid_backward(double *dx, const double *dy, const double *y, size_t count);

void ref_multiply_forward(double *y, const double *a, const double *b, size_t count);
/* Once for each factor; b is the other one. */
void ref_multiply_backward(double *da, const double *dy, const double *b, size_t count);

void ref_affine_forward(double *y, const double *x, size_t count, double scale, double shift);
void ref_affine_backward(double *dx, const double *dy, size_t count, double scale);

/* The factors of one image's elements. */
void ref_dropout_factors(double *factor, Shape shape, int node, double probability, uint64_t seed,
                         uint32_t step, int32_t sample);
void ref_dropout_forward(double *y, const double *x, const double *factor, size_t count);
void ref_dropout_backward(double *dx, const double *dy, const double *factor, size_t count);

void ref_zero_pad_subsample_forward(double *y, const double *x, int N, Shape in, Shape out,
                                    int stride, int before);
void ref_zero_pad_subsample_backward(double *dx, const double *dy, int N, Shape in, Shape out,
                                     int stride, int before);

/* index[N*K*P*Q]: r * S + s of the winner in its window. */
void ref_max_pool_forward(double *y, int *index, const double *x, int N, Shape in, Shape out,
                          Window window);
void ref_max_pool_backward(double *dx, const double *dy, const int *index, int N, Shape in,
                           Shape out, Window window);
void ref_avg_pool_forward(double *y, const double *x, int N, Shape in, Shape out, Window window);
void ref_avg_pool_backward(double *dx, const double *dy, int N, Shape in, Shape out, Window window);

/* C inputs and K outputs an image; w is K x C. */
void ref_linear_forward(double *y, const double *x, const double *w, const double *b, int N, int C,
                        int K);
void ref_linear_backward(double *dx, double *dw, double *db, const double *dy, const double *x,
                         const double *w, int N, int C, int K);

/* loss[N]; adds to *errors; keeps the probabilities p[N*C] for backward. */
void ref_softmax_cross_entropy_forward(double *loss, double *p, int64_t *errors, const double *x,
                                       const int32_t *labels, int N, int C);
void ref_softmax_cross_entropy_backward(double *dx, const double *dy, const double *p,
                                        const int32_t *labels, int N, int C);

/* One parameter's step; `decay` is 0 where the scope leaves it out. v: momentum. */
void ref_sgd_update(double *w, double *v, const double *g, size_t count, const Optimizer *o,
                    double decay, double lr);
/* m, s: first and second moment; t: this step's number, from 1. */
void ref_adam_update(double *w, double *m, double *s, const double *g, size_t count,
                     const Optimizer *o, double decay, double lr, int64_t t);

#endif
