/* This instruction set's table of kernels. */
#include "cpu/kernels/vec.h"

#define TEXT_(name) #name
#define TEXT(name)  TEXT_(name)

void KERNEL(bn_statistics)(double *, double *, const float *, int);
void KERNEL(bn_normalise)(float *, size_t, const BnForward *, const BnCoef *);
void KERNEL(bn_reduce)(double *, double *, const BnPlane *, const BnCoef *);
void KERNEL(bn_apply)(float *, const BnPlane *, const BnCoef *);
void KERNEL(bn_apply_rows)(float *, size_t, const float *, const float *, const BnCoef *, int, int);
void KERNEL(relu)(float *, const float *, size_t);
void KERNEL(relu_backward)(float *, const float *, const float *, size_t);
void KERNEL(sum)(float *, const float *, const float *, size_t);
void KERNEL(add_vector)(float *, const float *, size_t);
void KERNEL(sum_pixels)(double *, const float *, size_t, int, int);
void KERNEL(product)(float *, const float *, const float *, size_t);
void KERNEL(sigmoid_backward)(float *, const float *, const float *, size_t);
void KERNEL(sigmoid)(float *, const float *, size_t, int);
void KERNEL(affine)(float *, const float *, size_t, int, float, float);
void KERNEL(dropout)(float *, const float *, const DropoutPlane *);
void KERNEL(max_pool)(float *, int32_t *, const float *, const PoolShape *);
void KERNEL(max_pool_backward)(float *, const float *, const int32_t *, const PoolShape *);
void KERNEL(avg_pool)(float *, const float *, const PoolShape *);
void KERNEL(avg_pool_backward)(float *, const float *, const PoolShape *);
void KERNEL(gemm_dot)(float *, int, const float *, const float *, int, int, size_t);
void KERNEL(gemm_axpy)(float *, const float *, size_t, size_t, const float *, size_t, int, int,
                       size_t);
void KERNEL(winograd_input)(float *, size_t, const float *, size_t, int);
void KERNEL(winograd_gradient)(float *, size_t, const float *, size_t, int);
void KERNEL(winograd_output)(float *, size_t, int, int, const float *, size_t, int, bool);
void KERNEL(winograd_weights)(float *, const float *, int, int, int, int, int, bool, int);
void KERNEL(winograd_weight_gradient)(float *, const float *, size_t, int, int, int);
void KERNEL(winograd_multiply)(float *, const float *, const float *, int, int, int, int);
void KERNEL(winograd_accumulate)(float *, const float *, const float *, int, int, int, bool);
void KERNEL(direct_lines)(float *, const float *, const DirectProduct *, const float *, int, int);
void KERNEL(direct_gradient)(float *, const float *, const DirectProduct *, const float *,
                             const DirectGradient *, int);
void KERNEL(sgd)(float *, float *, const float *, size_t, const SgdCoef *);
void KERNEL(adam)(float *, float *, float *, const float *, size_t, const AdamCoef *);

const Kernels KERNEL(kernels) = {
    .block = BLOCK,
    .isa = TEXT(ISA),
    .bn_statistics = KERNEL(bn_statistics),
    .bn_normalise = KERNEL(bn_normalise),
    .bn_reduce = KERNEL(bn_reduce),
    .bn_apply = KERNEL(bn_apply),
    .bn_apply_rows = KERNEL(bn_apply_rows),
    .relu = KERNEL(relu),
    .relu_backward = KERNEL(relu_backward),
    .sum = KERNEL(sum),
    .add_vector = KERNEL(add_vector),
    .sum_pixels = KERNEL(sum_pixels),
    .product = KERNEL(product),
    .sigmoid_backward = KERNEL(sigmoid_backward),
    .sigmoid = KERNEL(sigmoid),
    .affine = KERNEL(affine),
    .dropout = KERNEL(dropout),
    .max_pool = KERNEL(max_pool),
    .max_pool_backward = KERNEL(max_pool_backward),
    .avg_pool = KERNEL(avg_pool),
    .avg_pool_backward = KERNEL(avg_pool_backward),
    .gemm_dot = KERNEL(gemm_dot),
    .gemm_axpy = KERNEL(gemm_axpy),
    .winograd_input = KERNEL(winograd_input),
    .winograd_gradient = KERNEL(winograd_gradient),
    .winograd_output = KERNEL(winograd_output),
    .winograd_weights = KERNEL(winograd_weights),
    .winograd_weight_gradient = KERNEL(winograd_weight_gradient),
    .winograd_multiply = KERNEL(winograd_multiply),
    .winograd_accumulate = KERNEL(winograd_accumulate),
    .direct_lines = KERNEL(direct_lines),
    .direct_gradient = KERNEL(direct_gradient),
    .sgd = KERNEL(sgd),
    .adam = KERNEL(adam),
};
