/* One vector of BLOCK floats in GCC's vector extension; the compiler lowers it to the instruction
 * set of the file's flags. BLOCK and ISA come from the command line. */
#ifndef CPU_KERNELS_VEC_H
#define CPU_KERNELS_VEC_H

#include "cpu/kernels/kernels.h"

#define KERNEL_JOIN_(name, isa) name##_##isa
#define KERNEL_JOIN(name, isa)  KERNEL_JOIN_(name, isa)
#define KERNEL(name)            KERNEL_JOIN(name, ISA) /* bn_reduce -> bn_reduce_avx512 */

#define INLINE static inline __attribute__((always_inline))

typedef float Vec __attribute__((vector_size(4 * BLOCK), aligned(4 * BLOCK), may_alias));
typedef int32_t IntVec __attribute__((vector_size(4 * BLOCK), aligned(4 * BLOCK), may_alias));

INLINE Vec load(const float *p) {
    return *(const Vec *)p;
}

INLINE void store(float *p, Vec v) {
    *(Vec *)p = v;
}

/* The same in double; the compiler makes two registers of it. */
typedef double Wide __attribute__((vector_size(8 * BLOCK), aligned(8 * BLOCK)));

INLINE Wide load_wide(const float *p) {
    return __builtin_convertvector(load(p), Wide);
}

INLINE void store_narrow(float *p, Wide v) {
    store(p, __builtin_convertvector(v, Vec));
}

INLINE Vec splat(float v) {
    return v - (Vec){0};
}

/* mask ? a : 0; a mask is all ones or all zeros in each lane. */
INLINE Vec keep(IntVec mask, Vec a) {
    return (Vec)((IntVec)a & mask);
}

/* x < 0 ? 0 : x, so that a NaN stays a NaN. */
INLINE Vec relu_of(Vec x) {
    return keep(~(x < 0.0f), x);
}

/* All ones in lanes 0 .. count - 1. */
INLINE IntVec lanes_below(int count) {
    IntVec mask;
    for (int c = 0; c < BLOCK; c++)
        mask[c] = c < count ? -1 : 0;
    return mask;
}

INLINE void add_to(double *sum, Vec v) {
    for (int c = 0; c < BLOCK; c++)
        sum[c] += (double)v[c];
}

#endif
