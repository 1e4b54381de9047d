/* Pooling: one thread computes eight channels of one pixel, backward too (each input pixel looks at
 * the windows that cover it), so that no two threads write to one place. */
#include "gpu/kernels/kernels.h"
#include "gpu/kernels/vector.cuh"

/* Image, pixel and channel of element `at` of a tensor of this shape. */
struct Site {
    int n, h, w, c;
};

__device__ inline Site site_of(size_t at, Shape shape) {
    size_t row = at / shape.c;
    Site site;
    site.c = (int)(at % shape.c);
    site.w = (int)(row % shape.w);
    site.h = (int)(row / shape.w % shape.h);
    site.n = (int)(row / shape.w / shape.h);
    return site;
}

__device__ inline size_t element(int n, int h, int w, int c, Shape shape) {
    return (((size_t)n * shape.h + h) * shape.w + w) * shape.c + c;
}

__device__ inline bool inside(int h, int w, Shape shape) {
    return h >= 0 && h < shape.h && w >= 0 && w < shape.w;
}

/* The first largest value wins; a NaN wins over everything but an earlier NaN. */
template <typename T>
__global__ void __launch_bounds__(THREADS)
    max_pool_kernel(void *y, uint8_t *index, const void *x, PoolShape s, size_t n) {
    size_t at;
    float best[VECTOR] = {0}, v[VECTOR];
    int winner[VECTOR] = {0};
    if (!vector_index(n, &at))
        return;
    Site site = site_of(at, s.out);
    bool first = true;
    for (int k = 0; k < s.window.r * s.window.s; k++) {
        int h = site.h * s.window.stride + k / s.window.s - s.window.pad;
        int w = site.w * s.window.stride + k % s.window.s - s.window.pad;
        if (!inside(h, w, s.in))
            continue;
        load8(v, (const T *)x + element(site.n, h, w, site.c, s.in));
        for (int i = 0; i < VECTOR; i++)
            if (first || v[i] > best[i] || (v[i] != v[i] && best[i] == best[i])) {
                best[i] = v[i];
                winner[i] = k;
            }
        first = false;
    }
    store8((T *)y + at, best);
    for (int i = 0; i < VECTOR; i++)
        index[at + i] = (uint8_t)winner[i];
}

/* Windows along one axis that cover `x`: [*begin, *end). */
__device__ inline void covering(int x, int kernel, int stride, int pad, int count, int *begin,
                                int *end) {
    int first = x + pad - kernel + 1;
    *begin = first > 0 ? ceil_div(first, stride) : 0;
    *end = lesser((x + pad) / stride + 1, count);
}

template <typename T>
__global__ void __launch_bounds__(THREADS)
    max_pool_backward_kernel(void *dx, const void *dy, const uint8_t *index, PoolShape s,
                             size_t n) {
    size_t at;
    float sum[VECTOR] = {0}, g[VECTOR];
    int p0, p1, q0, q1;
    if (!vector_index(n, &at))
        return;
    Site site = site_of(at, s.in);
    covering(site.h, s.window.r, s.window.stride, s.window.pad, s.out.h, &p0, &p1);
    covering(site.w, s.window.s, s.window.stride, s.window.pad, s.out.w, &q0, &q1);
    for (int p = p0; p < p1; p++)
        for (int q = q0; q < q1; q++) {
            size_t from = element(site.n, p, q, site.c, s.out);
            int r = site.h + s.window.pad - p * s.window.stride;
            int k = r * s.window.s + site.w + s.window.pad - q * s.window.stride;
            load8(g, (const T *)dy + from);
            for (int i = 0; i < VECTOR; i++)
                sum[i] += index[from + i] == k ? g[i] : 0;
        }
    store8((T *)dx + at, sum);
}

template <typename T>
__global__ void __launch_bounds__(THREADS)
    avg_pool_kernel(void *y, const void *x, PoolShape s, size_t n) {
    size_t at;
    float sum[VECTOR] = {0}, v[VECTOR];
    if (!vector_index(n, &at))
        return;
    Site site = site_of(at, s.out);
    for (int k = 0; k < s.window.r * s.window.s; k++) {
        int h = site.h * s.window.stride + k / s.window.s - s.window.pad;
        int w = site.w * s.window.stride + k % s.window.s - s.window.pad;
        if (!inside(h, w, s.in))
            continue;
        load8(v, (const T *)x + element(site.n, h, w, site.c, s.in));
        for (int i = 0; i < VECTOR; i++)
            sum[i] += v[i];
    }
    for (int i = 0; i < VECTOR; i++)
        sum[i] /= (float)(s.window.r * s.window.s);
    store8((T *)y + at, sum);
}

template <typename T>
__global__ void __launch_bounds__(THREADS)
    avg_pool_backward_kernel(void *dx, const void *dy, PoolShape s, size_t n) {
    size_t at;
    float sum[VECTOR] = {0}, g[VECTOR];
    int p0, p1, q0, q1;
    if (!vector_index(n, &at))
        return;
    Site site = site_of(at, s.in);
    covering(site.h, s.window.r, s.window.stride, s.window.pad, s.out.h, &p0, &p1);
    covering(site.w, s.window.s, s.window.stride, s.window.pad, s.out.w, &q0, &q1);
    for (int p = p0; p < p1; p++)
        for (int q = q0; q < q1; q++) {
            load8(g, (const T *)dy + element(site.n, p, q, site.c, s.out));
            for (int i = 0; i < VECTOR; i++)
                sum[i] += g[i];
        }
    for (int i = 0; i < VECTOR; i++)
        sum[i] /= (float)(s.window.r * s.window.s);
    store8((T *)dx + at, sum);
}

static size_t elements(int max_batch, Shape shape) {
    return (size_t)max_batch * shape.h * shape.w * shape.c;
}

#define LAUNCH_TYPED(kernel, ...)                                                                  \
    do {                                                                                           \
        if (is_half)                                                                               \
            LAUNCH(kernel<bf16>, vector_blocks(n), THREADS, stream, __VA_ARGS__, n);               \
        else                                                                                       \
            LAUNCH(kernel<float>, vector_blocks(n), THREADS, stream, __VA_ARGS__, n);              \
    } while (0)

cudaError_t max_pool_forward(cudaStream_t stream, bool is_half, void *y, uint8_t *index,
                             const void *x, const PoolShape *shape) {
    size_t n = elements(shape->max_batch, shape->out);
    LAUNCH_TYPED(max_pool_kernel, y, index, x, *shape);
    return cudaGetLastError();
}

cudaError_t max_pool_backward(cudaStream_t stream, bool is_half, void *dx, const void *dy,
                              const uint8_t *index, const PoolShape *shape) {
    size_t n = elements(shape->max_batch, shape->in);
    LAUNCH_TYPED(max_pool_backward_kernel, dx, dy, index, *shape);
    return cudaGetLastError();
}

cudaError_t avg_pool_forward(cudaStream_t stream, bool is_half, void *y, const void *x,
                             const PoolShape *shape) {
    size_t n = elements(shape->max_batch, shape->out);
    LAUNCH_TYPED(avg_pool_kernel, y, x, *shape);
    return cudaGetLastError();
}

cudaError_t avg_pool_backward(cudaStream_t stream, bool is_half, void *dx, const void *dy,
                              const PoolShape *shape) {
    size_t n = elements(shape->max_batch, shape->in);
    LAUNCH_TYPED(avg_pool_backward_kernel, dx, dy, *shape);
    return cudaGetLastError();
}
