/* The CUDA that kernel files see when a host C++ compiler builds them for the software GPU: the
 * keywords, the indices, the block's and the warp's primitives, bf16 and the vector types. Rules
 * that CUDA leaves to the programmer (who must reach a barrier, who may shuffle with whom,
 * alignment) are checked; see kernel.cpp. */
#ifndef SOFTGPU_KERNEL_H
#define SOFTGPU_KERNEL_H

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <functional>
#include <type_traits>
#include <vector>

#include <math.h>

#include "cuda_runtime_api.h"

#define __global__
#define __device__
#define __host__
#define __forceinline__ inline __attribute__((always_inline))
#define __launch_bounds__(...)

struct dim3 {
    unsigned x, y, z;
    dim3(unsigned x_ = 1, unsigned y_ = 1, unsigned z_ = 1) : x(x_), y(y_), z(z_) {
    }
};

struct alignas(16) uint4 {
    unsigned x, y, z, w;
};
struct alignas(16) float4 {
    float x, y, z, w;
};
static inline uint4 make_uint4(unsigned x, unsigned y, unsigned z, unsigned w) {
    return {x, y, z, w};
}
static inline float4 make_float4(float x, float y, float z, float w) {
    return {x, y, z, w};
}

/* Of the thread that runs now. */
extern dim3 threadIdx, blockIdx, blockDim, gridDim;

namespace softgpu {

/* A place in a kernel where an array is declared shared. One address for all blocks: they run one
 * at a time. */
struct SharedArray {
    const char *name;
    size_t bytes, align;
    void *address;
    uint64_t block; /* the block that saw it last; a new block finds it poisoned */
};
extern uint64_t block_number;
void *shared_for_new_block(SharedArray *array);
inline void *shared(SharedArray *array) {
    return array->block == block_number ? array->address : shared_for_new_block(array);
}

enum class Warp { sync, shuffle_down, shuffle_xor, shuffle, ballot };
void barrier(const char *file, int line);
/* What the lane `source` gave as `value`; for a ballot the lanes whose value was not 0. */
uint64_t warp(Warp kind, unsigned mask, uint64_t value, unsigned source, const char *file,
              int line);
unsigned lane();
void misaligned(const void *p, size_t n, const char *file, int line);

void launch(const char *name, dim3 grid, dim3 block, cudaStream_t stream,
            std::function<void()> thread, const std::vector<const void *> &pointers);

template <class T> void add_pointer(std::vector<const void *> &pointers, const T &argument) {
    if constexpr (std::is_pointer_v<T>)
        pointers.push_back(argument);
    (void)argument;
}

/* Takes the arguments as the kernel declares them, so that they are converted and copied here, at
 * the launch, and not when the kernel runs. */
template <class... Arguments> struct Launch {
    static_assert((sizeof(Arguments) + ... + 0) <= 4096, "a launch carries at most 4 KiB");
    static_assert((std::is_trivially_copyable_v<Arguments> && ...),
                  "arguments are copied as bytes");
    const char *name;
    void (*kernel)(Arguments...);
    dim3 grid, block;
    cudaStream_t stream;
    void operator()(Arguments... arguments) const {
        std::vector<const void *> pointers;
        (add_pointer(pointers, arguments), ...);
        auto call = kernel;
        launch(
            name, grid, block, stream, [=] { call(arguments...); }, pointers);
    }
};
template <class... Arguments>
Launch<Arguments...> prepare(const char *name, void (*kernel)(Arguments...), dim3 grid, dim3 block,
                             cudaStream_t stream) {
    return {name, kernel, grid, block, stream};
}

template <class T> uint64_t to_bits(T v) {
    static_assert(sizeof(T) == 4 || sizeof(T) == 8, "warps exchange words of 4 or 8 bytes");
    uint64_t bits = 0;
    std::memcpy(&bits, &v, sizeof v);
    return bits;
}
template <class T> T from_bits(uint64_t bits) {
    T v;
    std::memcpy(&v, &bits, sizeof v);
    return v;
}
inline unsigned width_checked_source(unsigned source, unsigned width) {
    return (source ^ lane()) & ~(width - 1) ? lane() : source; /* own value beyond the group */
}

} // namespace softgpu

#define LAUNCH(kernel, grid, block, stream, ...)                                                   \
    softgpu::prepare(#kernel, kernel, grid, block, stream)(__VA_ARGS__)

#define SHARED(type, name, count)                                                                  \
    static softgpu::SharedArray name##_shared = {#name, sizeof(type[count]), alignof(type),        \
                                                 nullptr, 0};                                      \
    type(&name)[count] = *reinterpret_cast<type(*)[count]>(softgpu::shared(&name##_shared))

/* Aborts where a card would: a vector access at an address that its size does not divide. */
#define CHECK_ALIGNED(p, n)                                                                        \
    (reinterpret_cast<uintptr_t>(p) % (n) ? softgpu::misaligned(p, n, __FILE__, __LINE__) : (void)0)

/* The caller's file and line tell one barrier from another. */
static inline void __syncthreads(const char *file = __builtin_FILE(), int line = __builtin_LINE()) {
    softgpu::barrier(file, line);
}
static inline void __syncwarp(unsigned mask = ~0u, const char *file = __builtin_FILE(),
                              int line = __builtin_LINE()) {
    softgpu::warp(softgpu::Warp::sync, mask, 0, softgpu::lane(), file, line);
}
template <class T>
static inline T __shfl_down_sync(unsigned mask, T v, unsigned delta, unsigned width = 32,
                                 const char *file = __builtin_FILE(), int line = __builtin_LINE()) {
    unsigned source = softgpu::width_checked_source(softgpu::lane() + delta, width);
    return softgpu::from_bits<T>(
        softgpu::warp(softgpu::Warp::shuffle_down, mask, softgpu::to_bits(v), source, file, line));
}
template <class T>
static inline T __shfl_xor_sync(unsigned mask, T v, unsigned bits, unsigned width = 32,
                                const char *file = __builtin_FILE(), int line = __builtin_LINE()) {
    unsigned source = softgpu::width_checked_source(softgpu::lane() ^ bits, width);
    return softgpu::from_bits<T>(
        softgpu::warp(softgpu::Warp::shuffle_xor, mask, softgpu::to_bits(v), source, file, line));
}
template <class T>
static inline T __shfl_sync(unsigned mask, T v, unsigned from, unsigned width = 32,
                            const char *file = __builtin_FILE(), int line = __builtin_LINE()) {
    unsigned source = (softgpu::lane() & ~(width - 1)) | (from & (width - 1));
    return softgpu::from_bits<T>(
        softgpu::warp(softgpu::Warp::shuffle, mask, softgpu::to_bits(v), source, file, line));
}
static inline unsigned __ballot_sync(unsigned mask, int predicate,
                                     const char *file = __builtin_FILE(),
                                     int line = __builtin_LINE()) {
    return (unsigned)softgpu::warp(softgpu::Warp::ballot, mask, predicate != 0, softgpu::lane(),
                                   file, line);
}
static inline void __threadfence() {
    __asm__ volatile("" ::: "memory");
}

/* No version for floats: their sum would depend on the order. */
static inline unsigned atomicAdd(unsigned *p, unsigned v) {
    CHECK_ALIGNED(p, sizeof *p);
    unsigned old = *p;
    *p = old + v;
    return old;
}

static inline unsigned __float_as_uint(float f) {
    return (unsigned)softgpu::to_bits(f);
}
static inline float __uint_as_float(unsigned u) {
    return softgpu::from_bits<float>(u);
}
static inline float rsqrtf(float x) {
    return 1.0f / sqrtf(x);
}

/* bf16: the upper half of a float. */
struct __nv_bfloat16 {
    uint16_t bits;
};
static inline __nv_bfloat16 __float2bfloat16_rn(float f) {
    unsigned u = __float_as_uint(f);
    if ((u & 0x7FFFFFFFu) > 0x7F800000u)
        return {0x7FFF};
    return {(uint16_t)((u + 0x7FFFu + (u >> 16 & 1u)) >> 16)}; /* nearest, ties to even */
}
static inline float __bfloat162float(__nv_bfloat16 h) {
    return __uint_as_float((unsigned)h.bits << 16);
}

#endif
