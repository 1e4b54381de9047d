/* This instruction set's table of kernels. */
#include "cpu/kernels/vec.h"

#define TEXT_(name) #name
#define TEXT(name)  TEXT_(name)

void KERNEL(bn_statistics)(double *, double *, const float *, int);
void KERNEL(bn_normalise)(float *, const float *, const float *, const BnCoef *, int, bool);
void KERNEL(bn_reduce)(double *, double *, const BnPlane *, const BnCoef *);
void KERNEL(bn_apply)(float *, const BnPlane *, const BnCoef *);
void KERNEL(relu)(float *, const float *, size_t);
void KERNEL(relu_backward)(float *, const float *, const float *, size_t);
void KERNEL(sum)(float *, const float *, const float *, size_t);
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
void KERNEL(sgd)(float *, float *, const float *, size_t, const SgdCoef *);
void KERNEL(adam)(float *, float *, float *, const float *, size_t, const AdamCoef *);

const Kernels KERNEL(kernels) = {
    .block = BLOCK,
    .isa = TEXT(ISA),
    .bn_statistics = KERNEL(bn_statistics),
    .bn_normalise = KERNEL(bn_normalise),
    .bn_reduce = KERNEL(bn_reduce),
    .bn_apply = KERNEL(bn_apply),
    .relu = KERNEL(relu),
    .relu_backward = KERNEL(relu_backward),
    .sum = KERNEL(sum),
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
    .sgd = KERNEL(sgd),
    .adam = KERNEL(adam),
};
