/* Eight elements at a time, as floats in registers; sums over a block in a fixed order. */
#ifndef GPU_KERNELS_VECTOR_CUH
#define GPU_KERNELS_VECTOR_CUH

#include "gpu/kernels/cuda.h"

typedef __nv_bfloat16 bf16;

enum { VECTOR = 8, THREADS = 256 };

__device__ inline void load8(float *v, const float *p) {
    CHECK_ALIGNED(p, 16);
    const float4 a = *(const float4 *)p, b = *(const float4 *)(p + 4);
    v[0] = a.x, v[1] = a.y, v[2] = a.z, v[3] = a.w;
    v[4] = b.x, v[5] = b.y, v[6] = b.z, v[7] = b.w;
}

__device__ inline void store8(float *p, const float *v) {
    CHECK_ALIGNED(p, 16);
    float4 a, b;
    a.x = v[0], a.y = v[1], a.z = v[2], a.w = v[3];
    b.x = v[4], b.y = v[5], b.z = v[6], b.w = v[7];
    *(float4 *)p = a;
    *(float4 *)(p + 4) = b;
}

union Bf16x8 {
    uint4 words;
    unsigned short bits[VECTOR];
};

__device__ inline float bf16_value(unsigned short bits) {
    union {
        unsigned word;
        float value;
    } u;
    u.word = (unsigned)bits << 16;
    return u.value;
}

__device__ inline unsigned short bf16_bits(float value) {
    union {
        bf16 half;
        unsigned short bits;
    } u = {__float2bfloat16_rn(value)};
    return u.bits;
}

__device__ inline void load8(float *v, const bf16 *p) {
    CHECK_ALIGNED(p, 16);
    Bf16x8 u;
    u.words = *(const uint4 *)p;
    for (int i = 0; i < VECTOR; i++)
        v[i] = bf16_value(u.bits[i]);
}

__device__ inline void store8(bf16 *p, const float *v) {
    CHECK_ALIGNED(p, 16);
    Bf16x8 u;
    for (int i = 0; i < VECTOR; i++)
        u.bits[i] = bf16_bits(v[i]);
    *(uint4 *)p = u.words;
}

__device__ inline float load1(const float *p) {
    return *p;
}
__device__ inline float load1(const bf16 *p) {
    return __bfloat162float(*p);
}

/* What is left of a value once it has been stored. */
__device__ inline float stored(float value, const float *) {
    return value;
}
__device__ inline float stored(float value, const bf16 *) {
    return bf16_value(bf16_bits(value));
}

__host__ __device__ inline int ceil_div(int a, int b) {
    return (a + b - 1) / b;
}

__device__ inline int lesser(int a, int b) {
    return a < b ? a : b;
}

/* This thread's vector of an array of n elements; false: there is none. */
__device__ inline bool vector_index(size_t n, size_t *at) {
    *at = ((size_t)blockIdx.x * THREADS + threadIdx.x) * VECTOR;
    return *at < n;
}

inline unsigned vector_blocks(size_t n) {
    return (unsigned)((n / VECTOR + THREADS - 1) / THREADS);
}

/* What another block of this launch has written: never from this processor's own cache. */
template <typename T> __device__ inline T from_other_block(const T *p) {
    return *(const volatile T *)p;
}

/* True for all threads of the block that is the last of `blocks` to arrive here; what the others
 * wrote before is then visible. The counter is 0 again afterwards. */
__device__ inline bool last_block(unsigned *counter, unsigned blocks) {
    SHARED(bool, last, 1);
    __threadfence();
    __syncthreads();
    if (threadIdx.x == 0) {
        last[0] = atomicAdd(counter, 1u) == blocks - 1;
        if (last[0])
            *counter = 0;
    }
    __syncthreads();
    if (last[0])
        __threadfence();
    return last[0];
}

#endif
